//! Decoding speed: `cargo bench -p sunward-ai --bench decode -- [f32|bf16|int8] [DIR]`.
//!
//! Prints one JSON line: tokens a second of one sequence, after a prompt of 64 tokens and over the next 64, the data
//! that takes as a share of what a plain read of memory reaches in the same run, tokens a second of a batch of 8, and of a
//! prompt of 256. Without a folder the network is random, of the shape of Gemma 3 270M. With one, only config.json and the
//! weights are read, and the tokens decoded are printed, to be compared with those of another program.

use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use sunward_ai::gemma::{GemmaConfig, Network, Sampling, Session, Weights};

const PROMPT: usize = 64;
const TOKENS: usize = 64;

/// Bytes a second that all threads together read of a buffer far larger than the caches; the best of five.
fn read_bandwidth() -> f64 {
    let data = vec![1u64; 1 << 26];
    let read = |_| {
        let start = Instant::now();
        let sum =
            data.par_chunks(1 << 16).map(|part| part.iter().fold(0u64, |sum, x| sum ^ x)).reduce(|| 0, |a, b| a ^ b);
        assert_eq!(std::hint::black_box(sum), 0);
        size_of_val(&data[..]) as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(read).fold(0.0, f64::max)
}

/// Seconds of processor time of this process: fields 14 and 15 of /proc/self/stat, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn prompt(length: usize, vocabulary: usize) -> Vec<u32> {
    (0..length).map(|i| ((i * 7919 + 13) % vocabulary) as u32).collect()
}

/// Seconds a token by wall and CPU time over the next tokens of `sequences` alike, and the tokens of the first.
fn decode(network: &Network, sequences: usize) -> (f64, f64, Vec<u32>) {
    let vocabulary = network.config().vocabulary;
    let mut session = Session::new(network, sequences, PROMPT + TOKENS).expect("within the context");
    let prompt = prompt(PROMPT, vocabulary);
    let pieces: Vec<_> = (0..sequences).map(|sequence| (sequence, &prompt[..])).collect();
    let choose = |logits: &[f32]| -> Vec<u32> {
        logits.chunks_exact(vocabulary).map(|logits| Sampling::GREEDY.choose(logits, 0)).collect()
    };
    let mut next = choose(session.extend(network, &pieces).expect("a usable prompt"));
    let mut tokens = vec![next[0]];
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    for _ in 1..TOKENS {
        let step: Vec<_> = next.iter().copied().enumerate().collect();
        next = choose(session.decode(network, &step).expect("room for a token"));
        tokens.push(next[0]);
    }
    let decoded = ((TOKENS - 1) * sequences) as f64;
    (wall.elapsed().as_secs_f64() / decoded, (cpu_seconds() - cpu) / decoded, tokens)
}

fn prefill_seconds(network: &Network) -> f64 {
    let prompt = prompt(256, network.config().vocabulary);
    let mut session = Session::new(network, 1, prompt.len()).expect("within the context");
    let start = Instant::now();
    session.prefill(network, 0, &prompt).expect("a usable prompt");
    start.elapsed().as_secs_f64()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let name = arguments.first().map_or("int8", String::as_str);
    let form = match name {
        "f32" => Weights::F32,
        "bf16" => Weights::Bf16,
        "int8" => Weights::Int8,
        other => panic!("weights {other:?}: expected f32, bf16 or int8"),
    };
    let network = match arguments.get(1) {
        Some(dir) => Network::load(Path::new(dir), form).expect("a usable folder"),
        None => Network::random(GemmaConfig::gemma3_270m(), form, 1),
    };
    let bandwidth = read_bandwidth();
    let best = |sequences| (0..3).map(|_| decode(&network, sequences)).min_by(|a, b| a.0.total_cmp(&b.0));
    let (seconds, cpu_seconds, tokens) = best(1).expect("three runs");
    let (batch_seconds, ..) = best(8).expect("three runs");
    let prefill = (0..3).map(|_| prefill_seconds(&network)).fold(f64::INFINITY, f64::min);
    let bytes = network.bytes_per_token(PROMPT + TOKENS / 2).0 / 8.0;
    println!(
        "{{\"weights\": \"{name}\", \"threads\": {}, \"tokens_per_s\": {:.1}, \"tokens_per_cpu_s\": {:.1}, \"bytes_per_token\": {bytes:.3e}, \
         \"read_bytes_per_s\": {bandwidth:.3e}, \"share_of_bandwidth\": {:.2}, \"batch_8_tokens_per_s\": {:.1}, \
         \"prompt_tokens_per_s\": {:.0}}}",
        rayon::current_num_threads(),
        1.0 / seconds,
        1.0 / cpu_seconds,
        bytes / seconds / bandwidth,
        1.0 / batch_seconds,
        256.0 / prefill
    );
    if arguments.len() > 1 {
        println!("{tokens:?}");
    }
}

//! Training speed of this machine's GPU: `cargo bench -p sunward-cuda --bench train -- [gpt2|characters] [STEPS] [bf16|f32]`.
//!
//! Prints one JSON line as `sunward-ai`'s bench does. Tokens are drawn at random, so that every step reads its part of the vocabulary.
//! `crates/sunward-ai/benches/peers/train_peer.py BINARY gpt2` runs it in turn with PyTorch's compiled step.

use std::time::Instant;

use sunward_ai::gpt::config::{GptConfig, TrainConfig};
use sunward_ai::gpt::data::Batch;
use sunward_ai::gpt::engine::Device;
use sunward_ai::gpt::optimizer::Factors;
use sunward_ai::gpt::parameters::Layout;
use sunward_cuda::{Cuda, Precision};
use sunward_units::random::{Purpose, Stream};

/// Steps before the clock starts: cuBLAS chooses its kernels in the first.
const WARMUP: u64 = 5;

fn batch(config: &GptConfig, sequences: usize, number: u64) -> Batch {
    let tokens = Stream::new(number, 0, Purpose::Batch);
    let draw = |i: usize| tokens.below(config.vocabulary, i as u64) as u32;
    let rows = sequences * config.context;
    Batch { inputs: (0..rows).map(draw).collect(), targets: (1..=rows).map(draw).collect() }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let name = arguments.first().map_or("gpt2", String::as_str);
    let steps: u64 = arguments.get(1).map_or(50, |steps| steps.parse().expect("a number of steps"));
    let precision = match arguments.get(2).map(String::as_str) {
        None | Some("bf16") => Precision::Bf16,
        Some("f32") => Precision::F32,
        Some(other) => panic!("precision {other:?}: expected bf16 or f32"),
    };
    let (config, sequences) = match name {
        // nanoGPT rounds GPT-2's 50,257 byte pairs up to 50,304 for speed, as its peer does here.
        "gpt2" => (GptConfig { vocabulary: 50_304, ..GptConfig::gpt2_small() }, 16),
        "characters" => (GptConfig::characters(65), 64),
        other => panic!("configuration {other:?}: expected gpt2 or characters"),
    };
    let settings = TrainConfig { batch: sequences, ..TrainConfig::default() };
    let device = Cuda::open(precision).unwrap_or_else(|error| panic!("{error}"));
    let mut engine = device.engine(&config, sequences).unwrap_or_else(|error| panic!("{error}"));
    let layout = Layout::new(&config);
    let zeros = vec![0.0; layout.elements()];
    engine.load(&layout.initial_weights(1), &zeros, &zeros);
    let batches: Vec<Batch> = (0..8).map(|number| batch(&config, sequences, number)).collect();
    let mut loss = 0.0;
    let mut began = Instant::now();
    for step in 0..WARMUP + steps {
        if step == WARMUP {
            began = Instant::now();
        }
        let batch = &batches[step as usize % batches.len()];
        engine.forward(batch);
        loss = engine.loss();
        engine.backward(batch);
        let [decaying, others] = Factors::new(&settings, 6e-4, step + 1, engine.gradient_norm());
        engine.update(&decaying, &others);
    }
    // The norm waits for all that is queued.
    engine.gradient_norm();
    let wall_s = began.elapsed().as_secs_f64();
    let tokens_per_s = (steps as usize * sequences * config.context) as f64 / wall_s;
    println!(
        "{{\"config\": \"{name}\", \"device\": \"{}\", \"steps\": {steps}, \"wall_s\": {wall_s:.3}, \
         \"tokens_per_s\": {tokens_per_s:.0}, \"loss\": {loss:.4}}}",
        device.name()
    );
}

//! Training speed and loss: `cargo bench -p sunward-ai --bench train -- [small|characters] [STEPS] [TEXT] [SEED]`.
//!
//! Prints one JSON line: tokens a second by wall and by CPU time (Linux), after one step that warms up. With `run` in place of a
//! step count it trains to the end, printing losses as it goes. Without a text it trains on the generated corpus.

use std::sync::Arc;
use std::time::Instant;

use sunward_ai::gpt::config::{GptConfig, TrainConfig};
use sunward_ai::gpt::data::{Corpus, Part};
use sunward_ai::gpt::sample::Sampling;
use sunward_ai::gpt::train::Trainer;

/// Seconds of processor time of this process: fields 14 and 15 of /proc/self/stat, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn trainer(name: &str, text: Option<&String>, seed: u64) -> Trainer {
    let corpus = match text {
        Some(path) => Corpus::characters(path, &std::fs::read_to_string(path).expect("the text is readable")),
        None => Corpus::generated(1_100_000, 1),
    };
    let vocabulary = corpus.vocabulary().size();
    let (config, batch) = match name {
        "small" => (GptConfig::characters_small(vocabulary), 12),
        "characters" => (GptConfig::characters(vocabulary), 64),
        other => panic!("configuration {other:?}: expected small or characters"),
    };
    Trainer::new(config, TrainConfig { batch, seed, ..TrainConfig::default() }, Arc::new(corpus)).expect("a usable run")
}

fn run_to_the_end(mut trainer: Trainer) {
    println!("{}: {} parameters", trainer.corpus().name(), trainer.layout().elements());
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    for iteration in 0..=trainer.settings().iterations {
        if iteration % 250 == 0 {
            let (train, val) = (trainer.evaluate(Part::Training, 20), trainer.evaluate(Part::Validation, 20));
            println!(
                "step {iteration}: training {train:.4} validation {val:.4} ({:.1} s, {:.1} CPU s)",
                wall.elapsed().as_secs_f64(),
                cpu_seconds() - cpu
            );
        }
        if iteration < trainer.settings().iterations {
            trainer.step();
        }
    }
    println!("validation over 200 batches: {:.4}", trainer.evaluate(Part::Validation, 200));
    let sampling = Sampling { temperature: 0.8, top_k: 200, sample: 0, seed: 1 };
    println!("{}", trainer.sample("\n", 200, &sampling).expect("a line end is in the vocabulary"));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let name = arguments.first().map_or("small", String::as_str);
    let mut trainer = trainer(name, arguments.get(2), arguments.get(3).map_or(1, |seed| seed.parse().expect("a seed")));
    if arguments.get(1).is_some_and(|steps| steps == "run") {
        return run_to_the_end(trainer);
    }
    let steps: u32 = arguments.get(1).map_or(100, |steps| steps.parse().expect("a number of steps"));
    trainer.step();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let mut loss = 0.0;
    for _ in 0..steps {
        loss = trainer.step().loss;
    }
    let (wall_s, cpu_s) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let tokens = f64::from(steps) * trainer.tokens_per_step() as f64;
    println!(
        "{{\"config\": \"{name}\", \"steps\": {steps}, \"wall_s\": {wall_s:.3}, \"cpu_s\": {cpu_s:.3}, \
         \"tokens_per_s\": {:.0}, \"tokens_per_cpu_s\": {:.0}, \"loss\": {loss:.4}}}",
        tokens / wall_s,
        tokens / cpu_s
    );
}

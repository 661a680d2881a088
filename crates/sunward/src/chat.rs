//! `sunward chat`: talk to a Gemma model in a local folder.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use sunward_ai::gemma::{Gemma, GemmaError, Role, Sampling, Turn, Weights, specimen};

use crate::Failure;

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with config.json, *.safetensors and tokenizer.json.
    folder: PathBuf,
    /// Make a small network of random weights in the folder, which must not exist yet, and talk to it: to try this command, or the
    /// `model` of a mission's serving job, without a download. It means nothing by what it says.
    #[arg(long)]
    make_random: bool,
    /// How weights are held in memory.
    #[arg(long, value_enum, default_value = "int8")]
    weights: Form,
    /// Longest answer, in tokens.
    #[arg(long, default_value_t = 512)]
    tokens: usize,
    /// Logits are divided by it; 0 always takes the likeliest token.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Only so many of the likeliest tokens are drawn from; 0 sets no such bound.
    #[arg(long, default_value_t = 64)]
    top_k: usize,
    /// Only the fewest likeliest tokens that together have this probability are drawn from.
    #[arg(long, default_value_t = 0.95)]
    top_p: f64,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What the model is told before the first turn.
    #[arg(long, default_value = "")]
    instructions: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// 32-bit floating point.
    F32,
    /// bfloat16.
    Bf16,
    /// Blocks of 8-bit whole numbers with a scale.
    Int8,
}

/// Answers every line of stdin; on a terminal with a prompt. Ends with the input.
pub(crate) fn chat(options: &Options) -> Result<(), Failure> {
    let form = match options.weights {
        Form::F32 => Weights::F32,
        Form::Bf16 => Weights::Bf16,
        Form::Int8 => Weights::Int8,
    };
    if options.make_random {
        make_random(&options.folder)?;
    }
    let gemma = Gemma::load(&options.folder, form).map_err(Failure::input)?;
    let mut turns = Vec::new();
    let ask = || {
        if io::stdin().is_terminal() {
            eprint!("> ");
        }
    };
    ask();
    for line in io::stdin().lock().lines() {
        let text = line.map_err(Failure::run)?;
        if !text.trim().is_empty() {
            turns.push(Turn { role: Role::User, text });
            let answer = answer(&gemma, options, &turns).map_err(Failure::run)?;
            turns.push(Turn { role: Role::Model, text: answer });
        }
        ask();
    }
    Ok(())
}

/// A folder for a random network cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {path}")]
struct MakeError {
    path: PathBuf,
    source: io::Error,
}

fn make_random(folder: &Path) -> Result<(), Failure> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        |source| Failure::input(MakeError { path, source })
    };
    let files = specimen::files().map_err(Failure::run)?;
    fs::create_dir(folder).map_err(refused(folder))?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(refused(&path))?;
    }
    eprintln!("{} holds {}", folder.display(), specimen::NAME);
    Ok(())
}

/// The model's answer to the turns so far, printed as it comes.
fn answer(gemma: &Gemma, options: &Options, turns: &[Turn]) -> Result<String, GemmaError> {
    let prompt = gemma.conversation(&options.instructions, turns)?;
    let sampling = Sampling {
        temperature: options.temperature,
        top_k: options.top_k,
        top_p: options.top_p,
        seed: options.seed,
        answer: turns.len() as u32,
    };
    let mut said = String::new();
    gemma.generate(&prompt, options.tokens, &sampling, |piece| {
        said.push_str(piece);
        let mut out = io::stdout().lock();
        match write!(out, "{piece}").and_then(|()| out.flush()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    println!();
    Ok(said)
}

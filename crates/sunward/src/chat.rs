//! `sunward chat`: talk to a Gemma model in a local folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use sunward_ai::gemma::{Answer, Gemma, GemmaError, Role, Sampling, Session, Turn, Weights, specimen};
use sunward_ai::tensor_file::{Named, write};

use crate::Failure;
use crate::input::print_text;

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
    /// Answer this and end, instead of the lines of stdin.
    #[arg(long)]
    prompt: Option<String>,
    /// Continue each line as it stands, without the marks of a conversation and without the lines before it.
    #[arg(long, conflicts_with = "instructions")]
    plain: bool,
    /// A line of JSON an answer: the prompt as the network gets it, its tokens, those of the answer, its text, and why it ended
    /// (said, length or context).
    #[arg(long)]
    json: bool,
    /// Write the logits after each token of the prompt, f32 `[token, vocabulary]`, to this safetensors file: to compare with another
    /// implementation.
    #[arg(long, requires = "prompt")]
    logits: Option<PathBuf>,
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
    let mut talk = Talk { gemma: &gemma, options, turns: Vec::new() };
    if let Some(text) = &options.prompt {
        return talk.answer(text.clone());
    }
    let ask = || {
        if io::stdin().is_terminal() {
            eprint!("> ");
        }
    };
    ask();
    for line in io::stdin().lock().lines() {
        let text = line.map_err(Failure::run)?;
        if !text.trim().is_empty() {
            talk.answer(text)?;
        }
        ask();
    }
    Ok(())
}

/// A file or folder cannot be made.
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

/// A conversation under way.
struct Talk<'a> {
    gemma: &'a Gemma,
    options: &'a Options,
    turns: Vec<Turn>,
}

impl Talk<'_> {
    /// Answers `text` as the next turn.
    fn answer(&mut self, text: String) -> Result<(), Failure> {
        let prompt = if self.options.plain {
            text.clone()
        } else {
            self.turns.push(Turn { role: Role::User, text });
            self.gemma.conversation(&self.options.instructions, &self.turns).map_err(Failure::run)?
        };
        if let Some(path) = &self.options.logits {
            self.write_logits(&prompt, path)?;
        }
        let (answer, said) = self.say(&prompt).map_err(refused)?;
        if self.options.json {
            print_text(&self.line(&prompt, &answer, &said).to_string())?;
        }
        self.turns.push(Turn { role: Role::Model, text: said });
        Ok(())
    }

    /// The answer to `prompt` and its text, printed as it comes.
    fn say(&self, prompt: &str) -> Result<(Answer, String), GemmaError> {
        let Options { temperature, top_k, top_p, seed, .. } = *self.options;
        let sampling = Sampling { temperature, top_k, top_p, seed, answer: self.turns.len() as u32 };
        let mut said = String::new();
        let answer = self.gemma.generate(prompt, self.options.tokens, &sampling, |piece| {
            said.push_str(piece);
            if self.options.json {
                return ControlFlow::Continue(());
            }
            let mut out = io::stdout().lock();
            match write!(out, "{piece}").and_then(|()| out.flush()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        if !self.options.json {
            println!();
        }
        Ok((answer, said))
    }

    fn line(&self, prompt: &str, answer: &Answer, said: &str) -> serde_json::Value {
        json!({
            "prompt": prompt, "prompt_tokens": self.gemma.tokenizer().encode(prompt), "tokens": answer.tokens, "text": said,
            "end": answer.end,
        })
    }

    fn write_logits(&self, prompt: &str, path: &Path) -> Result<(), Failure> {
        let tokens = self.gemma.tokenizer().encode(prompt);
        let network = self.gemma.network();
        let logits = Session::logits(network, &tokens).map_err(refused)?;
        let shape = vec![tokens.len(), network.config().vocabulary];
        let bytes = write(&[Named { name: "logits".to_owned(), shape, data: &logits }], BTreeMap::new());
        fs::write(path, bytes).map_err(|source| Failure::run(MakeError { path: path.to_owned(), source }))
    }
}

/// A prompt that does not fit, or a setting out of range, is the caller's.
fn refused(error: GemmaError) -> Failure {
    Failure::input(error)
}

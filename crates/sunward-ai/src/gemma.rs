//! Gemma 2 and Gemma 3, served: text in, text out, from a local folder, small enough to read in one sitting.
//!
//! `config` sizes -> `matrix` weights in f32, bf16 or 8 bits and their product -> `network` loading, cost, upsets -> `attention`
//! the arithmetic between the matrices -> `session` keys and values of the past, batches -> `tokenizer`, `sampling`, `chat` text.
//!
//! The same network, prompt, sampling and seed give the same text for any number of threads.
//!
//! **Source**: Gemma Team, "Gemma 2", arXiv:2408.00118, 2024, and "Gemma 3 technical report", arXiv:2503.19786, 2025.
//!
//! **Not modelled**: images; activations and cache in less than f32.

mod attention;
pub mod chat;
pub mod config;
pub mod defended;
mod error;
mod matrix;
pub mod network;
#[cfg(test)]
mod reference;
pub mod sampling;
pub mod session;
pub mod specimen;
pub mod tokenizer;

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sunward_units::{Bits, Flops};

pub use chat::{Role, Template, Turn, conversation};
pub use config::GemmaConfig;
pub use error::GemmaError;
pub use matrix::Weights;
pub use network::{Network, WeightRegion};
pub use sampling::Sampling;
pub use session::{CacheRegion, Session};
pub use tokenizer::Tokenizer;

/// A network with its tokens.
#[derive(Debug, Clone)]
pub struct Gemma {
    network: Network,
    tokenizer: Tokenizer,
    /// Tokens that end an answer.
    ends: Vec<u32>,
    template: Template,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The network ended it.
    Said,
    /// It has as many tokens as were asked for.
    Length,
    /// The context is full.
    Context,
    /// The receiver wanted no more.
    Stopped,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Why it ended.
    pub end: End,
}

/// The ending tokens that config.json or generation_config.json name.
#[derive(Debug, Deserialize)]
struct Endings {
    #[serde(default)]
    eos_token_id: Value,
}

impl Endings {
    /// The ending tokens that `file` names: none, one or a list.
    fn tokens(file: &Path) -> Result<Vec<u32>, GemmaError> {
        let Self { eos_token_id: value } = error::read_json(file)?;
        let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let tokens = match &value {
            Value::Null => Some(Vec::new()),
            Value::Array(many) => many.iter().map(token).collect(),
            one => token(one).map(|one| vec![one]),
        };
        let expected = "a token or a list of tokens";
        tokens.ok_or_else(|| GemmaError::value(&file.display().to_string(), "eos_token_id", expected, value))
    }
}

impl Gemma {
    /// The network and tokens in the folder `dir`: config.json, *.safetensors and tokenizer.json.
    ///
    /// Answers end at the tokens that config.json and, where there is one, generation_config.json name, and at
    /// `<end_of_turn>` where the vocabulary has it. Conversations are written by the folder's [`Template`].
    ///
    /// # Errors
    /// Whatever is missing or does not fit: the message names the file, what was expected and found.
    pub fn load(dir: &Path, form: Weights) -> Result<Self, GemmaError> {
        let config = dir.join("config.json");
        let rows = GemmaConfig::from_json(&config.display().to_string(), &error::read_json(&config)?)?.vocabulary;
        let tokenizer = Tokenizer::load(dir, rows)?;
        let mut ends: Vec<u32> = tokenizer.token("<end_of_turn>").into_iter().collect();
        for file in [config, dir.join("generation_config.json")] {
            if file.exists() {
                ends.extend(Endings::tokens(&file)?);
            }
        }
        let template = Template::load(dir)?;
        Ok(Self { network: Network::load(dir, form)?, tokenizer, ends, template })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, for upsets to strike.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The tokens.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The text that asks for the next turn: [`Template::conversation`].
    ///
    /// # Errors
    /// As [`Template::conversation`].
    pub fn conversation(&self, instructions: &str, turns: &[Turn]) -> Result<String, GemmaError> {
        self.template.conversation(instructions, turns)
    }

    /// The tokens that end an answer.
    #[must_use]
    pub fn endings(&self) -> &[u32] {
        &self.ends
    }

    /// Whether `token` ends an answer.
    #[must_use]
    pub fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// Work of one token at `position`: [`Network::flops_per_token`].
    #[must_use]
    pub fn flops_per_token(&self, position: usize) -> Flops {
        self.network.flops_per_token(position)
    }

    /// Data read and written for one token at `position`: [`Network::bytes_per_token`].
    #[must_use]
    pub fn bytes_per_token(&self, position: usize) -> Bits {
        self.network.bytes_per_token(position)
    }

    /// Answers `prompt` with at most `tokens_max` tokens, handing each piece of text to `on_text` as it is complete.
    ///
    /// [`Gemma::conversation`] makes the prompt of an instruction-tuned network. Answers of many prompts at once: [`Session`].
    ///
    /// # Errors
    /// A prompt over the context, or an unusable sampling.
    pub fn generate(
        &self,
        prompt: &str,
        tokens_max: usize,
        sampling: &Sampling,
        mut on_text: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Answer, GemmaError> {
        let sampling = sampling.validated()?;
        let prompt = self.tokenizer.encode(prompt);
        let context = self.network.config().context;
        if prompt.len() > context {
            let limit = error::NETWORK_LIMIT;
            return Err(GemmaError::Context { what: "prompt", context, limit, found: prompt.len() });
        }
        let wanted = prompt.len().saturating_add(tokens_max).min(context);
        let mut session = Session::new(&self.network, 1, wanted)?;
        let mut reader = self.tokenizer.reader();
        let mut tokens = Vec::new();
        let end = loop {
            if tokens.len() == tokens_max {
                break End::Length;
            }
            let logits = match tokens.last() {
                None => session.prefill(&self.network, 0, &prompt)?,
                Some(_) if session.length(0) == context => break End::Context,
                Some(last) => session.decode(&self.network, &[(0, *last)])?,
            };
            let token = sampling.choose(logits, tokens.len() as u64);
            if self.ends(token) {
                break End::Said;
            }
            tokens.push(token);
            if on_text(&reader.next(token)).is_break() {
                break End::Stopped;
            }
        };
        if end != End::Stopped {
            // The answer has ended, so that it does not matter whether more is wanted.
            let _ = on_text(&reader.end());
        }
        Ok(Answer { tokens, prompt_tokens: prompt.len(), end })
    }
}

#[cfg(test)]
mod tests;

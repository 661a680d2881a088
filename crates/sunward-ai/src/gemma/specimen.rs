//! A small Gemma 3 of random weights, for those who have no model at hand: it answers at once, and means nothing by it.
//!
//! Its tokens are characters and byte pairs (Sennrich, Haddow and Birch, 2016) of the corpus that the project generates, so that what it
//! says can be read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Gemma, GemmaConfig, GemmaError, Network, Template, Tokenizer, Weights, tokenizer::SPACE};
use crate::gpt::data::Style;
use crate::tensor_file::{Named, write};

/// What its outputs are to be called.
pub const NAME: &str = "a small Gemma of random weights, which means nothing by what it says";

const SEED: u64 = 1;
const VOCABULARY: usize = 256;
const SPECIAL: [&str; 7] = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"];
/// Characters of the corpus that its byte pairs are counted in.
const CHARACTERS: usize = 20_000;

fn config() -> Value {
    json!({
        "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
        "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "query_pre_attn_scalar": 32,
        "max_position_embeddings": 1024, "sliding_window": 128, "sliding_window_pattern": 2, "rms_norm_eps": 1e-6,
        "rope_theta": 1e6, "rope_local_base_freq": 1e4, "attention_bias": false, "tie_word_embeddings": true,
        "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
    })
}

/// The pair that stands most often side by side in the words, the first of equals in the order of the alphabet.
fn commonest(words: &BTreeMap<Vec<String>, usize>) -> Option<[String; 2]> {
    let mut counts = BTreeMap::<[&String; 2], usize>::new();
    for (word, count) in words {
        word.windows(2).for_each(|pair| *counts.entry([&pair[0], &pair[1]]).or_default() += count);
    }
    let (pair, _) = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some(pair.map(String::clone))
}

/// `word` with every such pair joined.
fn joined(word: &[String], [left, right]: &[String; 2]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::with_capacity(word.len());
    let mut open = false;
    for part in word {
        match parts.last_mut() {
            Some(last) if open && last == left && part == right => {
                last.push_str(part);
                open = false;
            }
            _ => {
                parts.push(part.clone());
                open = true;
            }
        }
    }
    parts
}

fn tokenizer() -> Value {
    let characters = (' '..='~').map(|c| if c == ' ' { SPACE } else { c }.to_string());
    let mut tokens: Vec<String> =
        SPECIAL.map(str::to_owned).into_iter().chain(["\n".to_owned()]).chain(characters).collect();
    let mut words = BTreeMap::<Vec<String>, usize>::new();
    for word in Style::Telemetry.text(CHARACTERS, SEED).split_whitespace() {
        let parts = format!("{SPACE}{word}").chars().map(String::from).collect();
        *words.entry(parts).or_default() += 1;
    }
    let mut merges = Vec::new();
    while tokens.len() < VOCABULARY {
        let Some(pair) = commonest(&words) else { break };
        words = words.into_iter().map(|(word, count)| (joined(&word, &pair), count)).collect();
        tokens.push(pair.concat());
        merges.push(pair);
    }
    let vocabulary: BTreeMap<&String, usize> = tokens.iter().enumerate().map(|(id, token)| (token, id)).collect();
    let added = tokens[..=SPECIAL.len()].iter().enumerate().map(|(id, content)| {
        json!({"id": id, "content": content, "special": id < SPECIAL.len(), "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
    });
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges},
    })
}

/// The network with its tokens.
///
/// # Errors
/// None for a file that this module made; the reader allows them.
pub fn gemma(form: Weights) -> Result<Gemma, GemmaError> {
    let config = GemmaConfig::from_json("config.json of the random network", &config())?;
    let tokenizer = Tokenizer::parse("tokenizer.json of the random network", tokenizer(), config.vocabulary)?;
    let ends = vec![tokenizer.token("<eos>")?, tokenizer.token("<end_of_turn>")?];
    Ok(Gemma { network: Network::random(config, form, SEED), tokenizer, ends, template: Template::default() })
}

/// The files of a folder that [`Gemma::load`] reads as the same network: name and content.
///
/// # Errors
/// As [`gemma`].
pub fn files() -> Result<[(&'static str, Vec<u8>); 3], GemmaError> {
    let tensors = gemma(Weights::F32)?.network.tensors();
    let named = |(name, shape, data)| Named { name, shape, data };
    let named: Vec<Named<'_>> =
        tensors.iter().map(|(name, shape, data)| named((name.clone(), shape.clone(), data.as_slice()))).collect();
    let pretty = |value: &Value| format!("{value:#}\n").into_bytes();
    let about = BTreeMap::from([("about".to_owned(), NAME.to_owned())]);
    Ok([
        ("config.json", pretty(&config())),
        ("tokenizer.json", pretty(&tokenizer())),
        ("model.safetensors", write(&named, about)),
    ])
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::gemma::Sampling;

    fn said(gemma: &Gemma, sampling: &Sampling) -> String {
        let mut text = String::new();
        let add = |piece: &str| {
            text += piece;
            ControlFlow::Continue(())
        };
        gemma.generate("What holds the clock back?", 40, sampling, add).unwrap();
        text
    }

    #[test]
    fn the_folder_answers_as_the_network_in_memory_does() {
        let folder = std::env::temp_dir().join(format!("sunward-specimen-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        files().unwrap().iter().for_each(|(name, content)| std::fs::write(folder.join(name), content).unwrap());
        let hot = Sampling { temperature: 1.0, ..Sampling::GREEDY };
        for form in [Weights::F32, Weights::Bf16, Weights::Int8] {
            let (loaded, made) = (Gemma::load(&folder, form).unwrap(), gemma(form).unwrap());
            assert_eq!(loaded.network.digest(), made.network.digest());
            assert_eq!(said(&loaded, &hot), said(&made, &hot));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn its_tokens_are_words_of_the_corpus_and_read_back() {
        let gemma = gemma(Weights::Int8).unwrap();
        assert_eq!(gemma.tokenizer.size(), VOCABULARY);
        for text in ["The radiator waits in shadow.", " two  spaces\nand a line", "~!@#"] {
            let tokens = gemma.tokenizer.encode(text);
            assert_eq!(gemma.tokenizer.decode(&tokens), text);
        }
        assert!(gemma.tokenizer.encode(" in shadow because the link").len() < 9);
    }
}

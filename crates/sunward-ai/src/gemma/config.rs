//! Sizes and constants of a Gemma network, as config.json states them.

use serde_json::{Map, Value};

use super::error::GemmaError;
use super::matrix::{BLOCK, STRIP};

/// Which positions a layer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Only the last so many, the present one included.
    Window(usize),
    /// All before it.
    All,
}

/// Turning of query and key pairs with the position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    /// Base of the angular frequencies.
    pub theta: f64,
    /// Positions are divided by it.
    pub factor: f64,
}

/// One layer's attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// What it sees.
    pub sight: Sight,
    /// How it turns.
    pub rotation: Rotation,
}

/// Sizes and constants of a Gemma 2 or Gemma 3 text network.
#[derive(Debug, Clone, PartialEq)]
pub struct GemmaConfig {
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the feed-forward part.
    pub feed_forward: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Positions the network was made for.
    pub context: usize,
    /// The layers.
    pub layers: Vec<Layer>,
    /// Added to the mean square in every norm.
    pub norm_epsilon: f64,
    /// Scores are divided by the square root of it.
    pub query_scalar: f64,
    /// Bound of the attention scores (Gemma 2).
    pub score_cap: Option<f64>,
    /// Bound of the logits (Gemma 2).
    pub logit_cap: Option<f64>,
    /// Queries and keys pass a norm of their own (Gemma 3).
    pub query_key_norm: bool,
    /// The embedding is the output layer too, as in all published networks; else the output layer has a matrix of its own.
    pub tied: bool,
    /// Queries, keys, values and what attention gives have biases; published networks have none.
    pub attention_bias: bool,
}

/// Largest width of anything, and most layers: beyond them a configuration is taken for a fault.
const WIDTH_MAX: usize = 1 << 24;
const LAYERS_MAX: usize = 1 << 12;

/// A config.json, or the part of it on text.
struct Reader<'a> {
    file: &'a str,
    /// The whole file, and the part on text.
    whole: &'a Map<String, Value>,
    fields: &'a Map<String, Value>,
    gemma3: bool,
}

impl GemmaConfig {
    /// The configuration that `text`, the content of `file`, states.
    ///
    /// Fields that a published config.json may leave out take the defaults of the reference implementation.
    ///
    /// **Source**: Gemma Team, "Gemma 2", arXiv:2408.00118, table 1, and "Gemma 3 technical report", arXiv:2503.19786,
    /// section 2; field names and defaults of `Gemma2Config` and `Gemma3TextConfig`, Hugging Face transformers 5.23.0.
    ///
    /// **Not modelled**: images, bidirectional attention, rotary scalings but the linear one.
    ///
    /// # Errors
    /// Another kind of network, or a field that is missing or unusable.
    pub fn from_json(file: &str, text: &Value) -> Result<Self, GemmaError> {
        let object = text.as_object().ok_or_else(|| GemmaError::value(file, "content", "an object", text))?;
        let fields = object.get("text_config").and_then(Value::as_object).unwrap_or(object);
        let kind = fields.get("model_type").and_then(Value::as_str).unwrap_or("missing");
        let gemma3 = match kind {
            "gemma2" => false,
            "gemma3" | "gemma3_text" => true,
            other => return Err(GemmaError::value(file, "model_type", "gemma2, gemma3_text or gemma3", other)),
        };
        let reader = Reader { file, whole: object, fields, gemma3 };
        reader.refuse_variants()?;
        let config = reader.config()?;
        config.check(file)?;
        Ok(config)
    }

    /// The shape of Gemma 3 270M: 18 layers, 640 wide, 4 heads of 256 over one key head, 262,144 tokens, window 512.
    ///
    /// **Source**: published config.json of that model.
    #[must_use]
    pub fn gemma3_270m() -> Self {
        let local = Layer { sight: Sight::Window(512), rotation: Rotation { theta: 1e4, factor: 1.0 } };
        let global = Layer { sight: Sight::All, rotation: Rotation { theta: 1e6, factor: 1.0 } };
        Self {
            vocabulary: 262_144,
            width: 640,
            feed_forward: 2048,
            heads: 4,
            key_heads: 1,
            head_width: 256,
            context: 32_768,
            layers: (1..=18).map(|layer| if layer % 6 == 0 { global } else { local }).collect(),
            norm_epsilon: 1e-6,
            query_scalar: 256.0,
            score_cap: None,
            logit_cap: None,
            query_key_norm: true,
            tied: true,
            attention_bias: false,
        }
    }

    /// The sizes as they lie in memory: every width filled up with zeros to whole blocks, the vocabulary to whole strips.
    pub(crate) fn padded(&self) -> Self {
        Self {
            vocabulary: self.vocabulary.next_multiple_of(STRIP),
            width: self.width.next_multiple_of(BLOCK),
            feed_forward: self.feed_forward.next_multiple_of(BLOCK),
            head_width: self.head_width.next_multiple_of(BLOCK),
            ..self.clone()
        }
    }

    /// Columns of the queries of all heads.
    #[must_use]
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Columns of the keys, or values, of all key heads.
    #[must_use]
    pub fn key_width(&self) -> usize {
        self.key_heads * self.head_width
    }

    fn check(&self, file: &str) -> Result<(), GemmaError> {
        let widths = [
            ("hidden_size", self.width),
            ("intermediate_size", self.feed_forward),
            ("num_attention_heads", self.heads),
            ("head_dim", self.head_width),
            ("num_attention_heads x head_dim", self.heads.saturating_mul(self.head_width)),
        ];
        for (what, found) in widths {
            if !(1..=WIDTH_MAX).contains(&found) {
                return Err(GemmaError::value(file, what, format!("1 to {WIDTH_MAX}"), found));
            }
        }
        if !self.head_width.is_multiple_of(2) {
            return Err(GemmaError::value(file, "head_dim", "an even number", self.head_width));
        }
        if self.key_heads == 0 || !self.heads.is_multiple_of(self.key_heads) {
            let expected = format!("a divisor of num_attention_heads ({})", self.heads);
            return Err(GemmaError::value(file, "num_key_value_heads", expected, self.key_heads));
        }
        for (what, found) in [("vocab_size", self.vocabulary), ("max_position_embeddings", self.context)] {
            if found == 0 || found > u32::MAX as usize {
                return Err(GemmaError::value(file, what, "1 to 4294967295", found));
            }
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// The field, unless it is missing or null.
    fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn count(&self, name: &str, default: Option<usize>) -> Result<usize, GemmaError> {
        let Some(value) = self.field(name) else {
            return default.ok_or_else(|| GemmaError::value(self.file, name, "a whole number", "nothing"));
        };
        value
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| GemmaError::value(self.file, name, "a whole number", value))
    }

    fn positive(&self, name: &str, value: Option<&Value>, default: f64) -> Result<f64, GemmaError> {
        let Some(value) = value else { return Ok(default) };
        let number = value.as_f64().filter(|x| *x > 0.0 && x.is_finite());
        number.ok_or_else(|| GemmaError::value(self.file, name, "a positive number", value))
    }

    /// A bound: null is none, nothing is the kind's default.
    fn cap(&self, name: &str, gemma2_default: f64) -> Result<Option<f64>, GemmaError> {
        match self.fields.get(name) {
            Some(Value::Null) => Ok(None),
            None if self.gemma3 => Ok(None),
            value => self.positive(name, value, gemma2_default).map(Some),
        }
    }

    /// Refuses what would silently change the network.
    fn refuse_variants(&self) -> Result<(), GemmaError> {
        let wanted = [
            ("hidden_activation", Value::from("gelu_pytorch_tanh")),
            ("use_bidirectional_attention", Value::from(false)),
        ];
        for (name, expected) in wanted {
            if let Some(found) = self.field(name).filter(|found| **found != expected) {
                return Err(GemmaError::value(self.file, name, expected.to_string(), found));
            }
        }
        Ok(())
    }

    fn config(&self) -> Result<GemmaConfig, GemmaError> {
        let (vocabulary, context) = if self.gemma3 { (262_208, 131_072) } else { (256_000, 8192) };
        Ok(GemmaConfig {
            vocabulary: self.count("vocab_size", Some(vocabulary))?,
            width: self.count("hidden_size", None)?,
            feed_forward: self.count("intermediate_size", None)?,
            heads: self.count("num_attention_heads", Some(8))?,
            key_heads: self.count("num_key_value_heads", Some(4))?,
            head_width: self.count("head_dim", Some(256))?,
            context: self.count("max_position_embeddings", Some(context))?,
            layers: self.layers()?,
            norm_epsilon: self.positive("rms_norm_eps", self.field("rms_norm_eps"), 1e-6)?,
            query_scalar: self.positive("query_pre_attn_scalar", self.field("query_pre_attn_scalar"), 256.0)?,
            // The reference implementation reads the bound for Gemma 3, which was made without one, and does not apply it.
            score_cap: if self.gemma3 { None } else { self.cap("attn_logit_softcapping", 50.0)? },
            logit_cap: self.cap("final_logit_softcapping", 30.0)?,
            query_key_norm: self.gemma3,
            tied: self.tied()?,
            attention_bias: self.switch("attention_bias", self.field("attention_bias"), false)?,
        })
    }

    fn switch(&self, name: &str, value: Option<&Value>, default: bool) -> Result<bool, GemmaError> {
        let Some(value) = value else { return Ok(default) };
        value.as_bool().ok_or_else(|| GemmaError::value(self.file, name, "true or false", value))
    }

    /// Whether the embedding is the output layer too; folders of text and images may say so beside the part on text.
    fn tied(&self) -> Result<bool, GemmaError> {
        let name = "tie_word_embeddings";
        let stated = self.field(name).or_else(|| self.whole.get(name)).filter(|value| !value.is_null());
        self.switch(name, stated, true)
    }

    fn layers(&self) -> Result<Vec<Layer>, GemmaError> {
        let window = self.count("sliding_window", Some(4096))?;
        if window == 0 {
            return Err(GemmaError::value(self.file, "sliding_window", "at least 1", window));
        }
        let local = Layer { sight: Sight::Window(window), rotation: self.rotation(true)? };
        let global = Layer { sight: Sight::All, rotation: self.rotation(false)? };
        let count = self.count("num_hidden_layers", None)?;
        if !(1..=LAYERS_MAX).contains(&count) {
            return Err(GemmaError::value(self.file, "num_hidden_layers", format!("1 to {LAYERS_MAX}"), count));
        }
        let Some(types) = self.field("layer_types") else {
            let older = self.count("_sliding_window_pattern", Some(if self.gemma3 { 6 } else { 2 }))?;
            let pattern = self.count("sliding_window_pattern", Some(older))?.max(1);
            return Ok((1..=count).map(|n| if n % pattern == 0 { global } else { local }).collect());
        };
        let types = types.as_array().filter(|types| types.len() == count).ok_or_else(|| {
            GemmaError::value(self.file, "layer_types", format!("{count} names (num_hidden_layers)"), types)
        })?;
        let layer = |name: &Value| match name.as_str() {
            Some("sliding_attention") => Ok(local),
            Some("full_attention") => Ok(global),
            _ => Err(GemmaError::value(self.file, "layer_types", "sliding_attention or full_attention", name)),
        };
        types.iter().map(layer).collect()
    }

    /// The rotation of local or global layers, from the newer `rope_parameters` or the older separate fields.
    fn rotation(&self, local: bool) -> Result<Rotation, GemmaError> {
        let default_theta = if self.gemma3 && !local { 1e6 } else { 1e4 };
        let kind = if local { "sliding_attention" } else { "full_attention" };
        if let Some(parameters) = self.field("rope_parameters") {
            if !parameters.is_object() {
                return Err(GemmaError::value(self.file, "rope_parameters", "an object", parameters));
            }
            let own = parameters.get(kind).unwrap_or(parameters);
            let theta = self.positive("rope_theta", own.get("rope_theta"), default_theta)?;
            return Ok(Rotation { theta, factor: self.factor(Some(own))? });
        }
        if self.gemma3 && local {
            let theta = self.positive("rope_local_base_freq", self.field("rope_local_base_freq"), default_theta)?;
            return Ok(Rotation { theta, factor: 1.0 });
        }
        let theta = self.positive("rope_theta", self.field("rope_theta"), default_theta)?;
        Ok(Rotation { theta, factor: self.factor(self.field("rope_scaling"))? })
    }

    fn factor(&self, scaling: Option<&Value>) -> Result<f64, GemmaError> {
        let Some(scaling) = scaling else { return Ok(1.0) };
        match scaling.get("rope_type").or_else(|| scaling.get("type")).and_then(Value::as_str) {
            None | Some("default") => Ok(1.0),
            Some("linear") => self.positive("rope factor", Some(scaling.get("factor").unwrap_or(&Value::Null)), 1.0),
            Some(other) => Err(GemmaError::value(self.file, "rope_type", "default or linear", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(change: Value) -> String {
        let mut text = json!({"model_type": "gemma3_text", "hidden_size": 640, "intermediate_size": 2048,
            "num_hidden_layers": 2});
        text.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        GemmaConfig::from_json("config.json", &text).unwrap_err().to_string()
    }

    #[test]
    fn a_short_published_config_takes_the_reference_defaults() {
        let text = json!({"model_type": "gemma3", "text_config": {"hidden_size": 2560, "intermediate_size": 10240,
            "model_type": "gemma3_text", "num_hidden_layers": 34, "sliding_window": 1024,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}});
        let config = GemmaConfig::from_json("config.json", &text).unwrap();
        assert_eq!((config.heads, config.key_heads, config.head_width, config.vocabulary), (8, 4, 256, 262_208));
        assert_eq!(config.layers[4].sight, Sight::Window(1024));
        assert_eq!(config.layers[4].rotation, Rotation { theta: 1e4, factor: 1.0 });
        assert_eq!(config.layers[5], Layer { sight: Sight::All, rotation: Rotation { theta: 1e6, factor: 8.0 } });
        assert_eq!((config.score_cap, config.logit_cap, config.query_key_norm), (None, None, true));
    }

    #[test]
    fn gemma_2_alternates_and_caps() {
        let text = json!({"model_type": "gemma2", "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 2,
            "final_logit_softcapping": null});
        let config = GemmaConfig::from_json("config.json", &text).unwrap();
        assert_eq!([config.layers[0].sight, config.layers[1].sight], [Sight::Window(4096), Sight::All]);
        assert_eq!((config.score_cap, config.logit_cap, config.query_key_norm), (Some(50.0), None, false));
    }

    #[test]
    fn unusable_fields_are_named() {
        for (change, message) in [
            (json!({"model_type": "llama"}), "model_type: expected gemma2, gemma3_text or gemma3, found llama"),
            (json!({"hidden_size": 0}), "hidden_size: expected 1 to 16777216, found 0"),
            (json!({"num_hidden_layers": 1_000_000_000}), "num_hidden_layers: expected 1 to 4096, found 1000000000"),
            (
                json!({"head_dim": 4_000_000_000_000_000_000u64}),
                "head_dim: expected 1 to 16777216, found 4000000000000000000",
            ),
            (json!({"hidden_size": null}), "hidden_size: expected a whole number, found nothing"),
            (json!({"head_dim": 41}), "head_dim: expected an even number, found 41"),
            (
                json!({"num_key_value_heads": 3}),
                "num_key_value_heads: expected a divisor of num_attention_heads (8), found 3",
            ),
            (json!({"sliding_window": 0}), "sliding_window: expected at least 1, found 0"),
            (
                json!({"layer_types": ["full_attention"]}),
                "layer_types: expected 2 names (num_hidden_layers), found [\"full_attention\"]",
            ),
            (json!({"rope_parameters": 5}), "rope_parameters: expected an object, found 5"),
            (json!({"rope_scaling": {"rope_type": "yarn"}}), "rope_type: expected default or linear, found yarn"),
            (json!({"rope_scaling": {"rope_type": "linear"}}), "rope factor: expected a positive number, found null"),
            (json!({"tie_word_embeddings": 1}), "tie_word_embeddings: expected true or false, found 1"),
            (json!({"attention_bias": "yes"}), "attention_bias: expected true or false, found \"yes\""),
            (json!({"vocab_size": 0}), "vocab_size: expected 1 to 4294967295, found 0"),
            (json!({"query_pre_attn_scalar": -1}), "query_pre_attn_scalar: expected a positive number, found -1"),
        ] {
            assert_eq!(error(change), format!("config.json: {message}"));
        }
    }
}

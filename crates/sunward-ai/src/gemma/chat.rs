//! A conversation as the text that an instruction-tuned Gemma was trained on.
//!
//! **Source**: Google, "Gemma formatting and system instructions" (model documentation), and the chat template that ships with the models.

use std::path::Path;

use minijinja::{Environment, ErrorKind, Value, context};
use serde_json::Value as Json;

use super::error::{GemmaError, read, read_json};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The network.
    Model,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Model => "model",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// The text that asks the network for the next turn; `instructions`, if any, go before the first turn.
///
/// # Errors
/// Turns that do not alternate, from the user to the user.
pub fn conversation(instructions: &str, turns: &[Turn]) -> Result<String, GemmaError> {
    let mut text = String::new();
    for (number, turn) in turns.iter().enumerate() {
        let expected = if number.is_multiple_of(2) { Role::User } else { Role::Model };
        if turn.role != expected {
            return Err(GemmaError::Turn { turn: number, expected: expected.name(), found: turn.role.name() });
        }
        let before =
            if number == 0 && !instructions.is_empty() { format!("{instructions}\n\n") } else { String::new() };
        text += &format!("<start_of_turn>{}\n{before}{}<end_of_turn>\n", turn.role.name(), turn.text.trim());
    }
    if turns.len().is_multiple_of(2) {
        return Err(GemmaError::Turn { turn: turns.len(), expected: "user", found: "the end" });
    }
    Ok(text + "<start_of_turn>model\n")
}

/// How conversations are written: by the chat template that a folder bears, else as published for Gemma.
///
/// A template is a program of the Jinja language (minijinja 2: no files) with Python's methods of text and lists. It is given
/// `messages` with `role` (user or assistant) and `content`, `add_generation_prompt`, an empty `bos_token` (the tokenizer puts the
/// token itself), `eos_token` and `raise_exception`; blocks on a line of their own leave no line, as in Hugging Face transformers. Instructions stand at the head of the
/// first turn, since not every template takes a turn of the system.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// File and text of the folder's own.
    own: Option<(String, String)>,
}

impl Template {
    /// That of the folder `dir`: chat_template.jinja, else `chat_template` of chat_template.json, else that of tokenizer_config.json,
    /// else the published form.
    ///
    /// # Errors
    /// A file that cannot be read, or a template that cannot write a conversation of one turn.
    pub fn load(dir: &Path) -> Result<Self, GemmaError> {
        let file = dir.join("chat_template.jinja");
        let mut own = None;
        if file.exists() {
            own = Some((file.display().to_string(), String::from_utf8_lossy(&read(&file)?).into_owned()));
        }
        for settings in ["chat_template.json", "tokenizer_config.json"].map(|name| dir.join(name)) {
            if own.is_none() && settings.exists() {
                let name = settings.display().to_string();
                own = chosen(&name, &read_json::<Json>(&settings)?["chat_template"])?.map(|text| (name, text));
            }
        }
        let template = Self { own };
        template.conversation("", &[Turn { role: Role::User, text: "?".to_owned() }])?;
        Ok(template)
    }

    /// The text that asks the network for the next turn; `instructions`, if any, go before the first turn.
    ///
    /// # Errors
    /// Turns that do not alternate, from the user to the user; what the template refuses or what this form of Jinja does not know.
    pub fn conversation(&self, instructions: &str, turns: &[Turn]) -> Result<String, GemmaError> {
        let published = conversation(instructions, turns)?;
        let Some((file, text)) = &self.own else { return Ok(published) };
        let refused =
            |error: minijinja::Error| GemmaError::Template { file: file.clone(), reason: format!("{error:#}") };
        let mut jinja = Environment::new();
        jinja.set_trim_blocks(true);
        jinja.set_lstrip_blocks(true);
        jinja.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        jinja.add_function("raise_exception", |reason: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
        });
        let messages: Vec<Value> =
            turns.iter().enumerate().map(|(number, turn)| message(number, instructions, turn)).collect();
        let given =
            context! { messages => messages, add_generation_prompt => true, bos_token => "", eos_token => "<eos>" };
        let rendered = jinja.render_str(text, given).map_err(refused)?;
        Ok(rendered.trim_start_matches("<bos>").to_owned())
    }
}

/// A turn as templates take it.
fn message(number: usize, instructions: &str, turn: &Turn) -> Value {
    let role = match turn.role {
        Role::User => "user",
        Role::Model => "assistant",
    };
    let first = number == 0 && !instructions.is_empty();
    let content = if first { format!("{instructions}\n\n{}", turn.text.trim()) } else { turn.text.clone() };
    context! { role => role, content => content }
}

/// The template among those that a settings file may list by name.
fn chosen(file: &str, template: &Json) -> Result<Option<String>, GemmaError> {
    let wrong = || GemmaError::value(file, "chat_template", "text, or a list with one called default", template);
    match template {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text.clone())),
        Json::Array(all) => {
            let default = all.iter().find(|one| one["name"] == "default").ok_or_else(wrong)?;
            default["template"].as_str().map(|text| Some(text.to_owned())).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gemma::reference;

    fn rendered() -> Json {
        serde_json::from_slice(&std::fs::read(reference::folder("template.json")).unwrap()).unwrap()
    }

    /// Reference: transformers 5.23.0 with jinja2 3.1.6 (testdata/gemma/template.py).
    #[test]
    fn templates_write_what_the_reference_writes() {
        let (copy, rendered) = (reference::Copy::of("gemma3", "template"), rendered());
        let text = rendered["template"].as_str().unwrap();
        let (folder, mut before) = (copy.path(), Vec::new());
        for file in ["tokenizer_config.json", "chat_template.json", "chat_template.jinja"] {
            let content =
                if file.ends_with("json") { json!({"chat_template": text}).to_string() } else { text.to_owned() };
            // What gives way to it must not be read.
            before
                .iter()
                .for_each(|other| std::fs::write(folder.join(other), r#"{"chat_template": "{{ no }"}"#).unwrap());
            before.push(file);
            std::fs::write(folder.join(file), content).unwrap();
            let template = Template::load(folder).unwrap();
            for case in rendered["cases"].as_array().unwrap() {
                let texts = case["turns"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
                let roles = [Role::User, Role::Model].into_iter().cycle();
                let turns: Vec<Turn> = texts.zip(roles).map(|(text, role)| turn(role, text)).collect();
                assert_eq!(template.conversation("", &turns).unwrap(), case["text"].as_str().unwrap(), "{file}");
            }
            let turns = [turn(Role::User, " Hi ")];
            let told = template.conversation("Be brief.", &turns).unwrap();
            assert_eq!(told, conversation("Be brief.", &turns).unwrap());
        }
    }

    /// Expected: Python's `str.strip` and `str.startswith`.
    #[test]
    fn templates_may_call_the_methods_of_python() {
        let copy = reference::Copy::of("gemma3", "methods");
        let text = "{{ bos_token }}{% for m in messages %}{{ m.content.strip() }}{% if m.role.startswith('us') %}!{% endif %}{{ eos_token }}{% endfor %}";
        std::fs::write(copy.path().join("chat_template.jinja"), text).unwrap();
        let template = Template::load(copy.path()).unwrap();
        assert_eq!(template.conversation("", &[turn(Role::User, " Hi ")]).unwrap(), "Hi!<eos>");
    }

    #[test]
    fn a_folder_without_a_template_has_the_published_form() {
        let template = Template::load(&reference::folder("gemma3")).unwrap();
        let turns = [turn(Role::User, "Hi")];
        assert_eq!(template.conversation("", &turns).unwrap(), conversation("", &turns).unwrap());
    }

    #[test]
    fn templates_that_cannot_be_used_are_refused_when_the_folder_is_loaded() {
        let refused = |name: &str, file: &str, content: &str| {
            let copy = reference::Copy::of("gemma3", name);
            std::fs::write(copy.path().join(file), content).unwrap();
            let message = Template::load(copy.path()).unwrap_err().to_string();
            message.replace(&format!("{}/", copy.path().display()), "")
        };
        let jinja = "chat_template.jinja";
        let broken = refused("broken", jinja, "{% for turn in messages %}");
        assert!(broken.starts_with("chat_template.jinja: the chat template cannot be used: syntax error"), "{broken}");
        let unknown = refused("unknown", jinja, "{{ messages[0]['content'].swim() }}");
        assert!(unknown.contains("chat_template.jinja") && unknown.contains("swim"), "{unknown}");
        let raised = refused("raised", jinja, "{{ raise_exception('no turns of users') }}");
        assert!(raised.contains("no turns of users"), "{raised}");
        let listed = json!({"chat_template": [{"name": "rag", "template": "x"}]}).to_string();
        let message = refused("listed", "tokenizer_config.json", &listed);
        assert!(
            message
                .starts_with("tokenizer_config.json: chat_template: expected text, or a list with one called default")
        );
    }

    fn turn(role: Role, text: &str) -> Turn {
        Turn { role, text: text.into() }
    }

    /// Expected: the published chat template of Gemma 3 (tokenizer_config.json), rendered by hand without its `<bos>`.
    #[test]
    fn turns_are_marked_as_published() {
        let turns = [turn(Role::User, " Hi \n"), turn(Role::Model, "Hello."), turn(Role::User, "Who are you?")];
        assert_eq!(
            conversation("Be brief.", &turns).unwrap(),
            "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n\
             <start_of_turn>user\nWho are you?<end_of_turn>\n<start_of_turn>model\n"
        );
        assert!(conversation("", &turns[..1]).unwrap().starts_with("<start_of_turn>user\nHi<"));
    }

    #[test]
    fn turns_out_of_order_are_refused() {
        let message = |turns: &[Turn]| conversation("", turns).unwrap_err().to_string();
        let (user, model) = (turn(Role::User, "a"), turn(Role::Model, "b"));
        assert_eq!(message(&[]), "turn 0 of the conversation: expected user, found the end");
        assert_eq!(message(std::slice::from_ref(&model)), "turn 0 of the conversation: expected user, found model");
        assert_eq!(message(&[user.clone(), user.clone()]), "turn 1 of the conversation: expected model, found user");
        assert_eq!(message(&[user, model]), "turn 2 of the conversation: expected user, found the end");
    }
}

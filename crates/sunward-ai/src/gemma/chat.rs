//! A conversation as the text that an instruction-tuned Gemma was trained on.
//!
//! **Source**: Google, "Gemma formatting and system instructions" (model documentation), and the chat template that ships with the models.

use super::error::GemmaError;

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

#[cfg(test)]
mod tests {
    use super::*;

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

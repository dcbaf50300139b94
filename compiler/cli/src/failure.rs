//! How a command ends when it does not succeed: exit code 1 for a gate that failed, 2 for bad input, 130 for Ctrl-C.

use crate::messages;
use neurocuda_runtime::cpu::EngineError;
use std::{fmt::Display, process::ExitCode};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// A gate failed; the report said which.
    Gate,
    /// Bad input or usage; the message is for people, and begins with its id where it has one.
    Input(String),
    /// A pass refused the network.
    Refused {
        /// Why, beginning with the id.
        message: String,
        /// The layer; empty if unknown.
        layer: String,
        /// `file:line:column`; empty if unknown.
        place: String,
        /// Name of the pass; empty for the back end.
        pass: String,
    },
    /// Findings that are printed already, and how many there were.
    Reported(String),
    /// Ctrl-C.
    Interrupted(String),
}

impl Failure {
    /// Bad input.
    pub fn input(message: impl Display) -> Self {
        Self::Input(message.to_string())
    }

    /// Prints what is to be said and gives the exit code.
    pub fn report(self) -> ExitCode {
        let (id, message, exit) = match self {
            Self::Gate => ("gate", String::new(), 1),
            Self::Input(message) if messages::is_json() => ("input", message, 2),
            Self::Input(message) => ("input", format!("error: {message}"), 2),
            Self::Refused { message, layer, place, pass } => {
                messages::refused(&message, &layer, &place, &pass);
                ("findings", if messages::is_json() { message } else { String::new() }, 2)
            }
            Self::Reported(summary) => ("findings", summary, 2),
            Self::Interrupted(message) => ("interrupted", message, 130),
        };
        messages::failure(id, &message, exit);
        ExitCode::from(exit)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::input(format!("{}: {error}", error.id()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::input(error)
    }
}

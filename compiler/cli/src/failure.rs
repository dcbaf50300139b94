//! How a command ends when it does not succeed: exit code 1 for a gate that failed, 2 for bad input, 130 for Ctrl-C.

use std::{fmt::Display, process::ExitCode};

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// A gate failed; the report said which.
    Gate,
    /// Bad input or usage; the message is for people.
    Input(String),
    /// Findings that are printed already.
    Reported,
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
        match self {
            Self::Gate => ExitCode::from(1),
            Self::Input(message) => {
                eprintln!("error: {message}");
                ExitCode::from(2)
            }
            Self::Reported => ExitCode::from(2),
            Self::Interrupted(message) => {
                eprintln!("{message}");
                ExitCode::from(130)
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::input(error)
    }
}

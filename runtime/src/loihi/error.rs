//! What can be wrong with a neuron program.

use std::fmt;

/// The kind of an error, each with a stable id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MicrocodeErrorKind {
    /// The file cannot be read.
    Io,
    /// The text is no program.
    Syntax,
    /// A name is unknown, or declared twice.
    Name,
    /// An instruction that is none, or has the wrong operands.
    Operands,
    /// A register or the flag is read before it is set.
    Unset,
    /// A state word or an accumulator is used before it is opened, or opened twice.
    State,
    /// A jump leaves the program.
    Jump,
    /// A jump goes back, so that nothing says that the program ends.
    Loop,
    /// An output may send twice in one step.
    Spike,
    /// The program asks for more than a core has.
    Budget,
    /// A parameter is missing, unknown, or makes a value that does not fit.
    Parameter,
}

impl MicrocodeErrorKind {
    /// The stable id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Io => "microcode-io",
            Self::Syntax => "microcode-syntax",
            Self::Name => "microcode-name",
            Self::Operands => "microcode-operands",
            Self::Unset => "microcode-unset",
            Self::State => "microcode-state",
            Self::Jump => "microcode-jump",
            Self::Loop => "microcode-loop",
            Self::Spike => "microcode-spike",
            Self::Budget => "microcode-budget",
            Self::Parameter => "microcode-parameter",
        }
    }
}

/// A place in a program's text, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// What is wrong with a neuron program, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrocodeError {
    /// The kind.
    pub kind: MicrocodeErrorKind,
    /// The file, or the program's name.
    pub file: String,
    /// Where in it; absent where it is about the whole.
    pub place: Option<Place>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl MicrocodeError {
    /// The stable id.
    pub fn id(&self) -> &'static str {
        self.kind.id()
    }

    pub(super) fn new(kind: MicrocodeErrorKind, file: &str, place: Option<Place>, message: String) -> Self {
        Self { kind, file: file.to_owned(), place, message }
    }
}

/// `id: file:line:column: message`
impl fmt::Display for MicrocodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id(), self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for MicrocodeError {}

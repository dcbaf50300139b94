//! Why a PTX text is not run.

use thiserror::Error;

/// A PTX text that the interpreter does not take, with the line that is at fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("PTX line {line}: {kind}")]
pub struct PtxError {
    /// Line, counted from 1.
    pub line: u32,
    /// What is wrong there.
    pub kind: PtxErrorKind,
}

/// What is wrong in a line of PTX.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PtxErrorKind {
    /// A character that begins no token, or a comment or string without end.
    #[error("`{0}` begins nothing known")]
    Character(String),
    /// Another token is needed here.
    #[error("{expected} is expected, found {found}")]
    Expected {
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A directive that the interpreter does not know.
    #[error("the directive `{0}` is not supported")]
    Directive(String),
    /// An instruction, or a modifier or type of it, that the interpreter does not know.
    #[error("the instruction `{0}` is not supported")]
    Instruction(String),
    /// An instruction with another number of operands than it has.
    #[error("`{opcode}` has {found} operands")]
    Operands {
        /// The instruction.
        opcode: String,
        /// Operands in the text.
        found: usize,
    },
    /// An operand of another kind, class or width than the instruction has there.
    #[error("{expected} is expected as operand, found {found}")]
    Operand {
        /// What the instruction has there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A number that does not fit its type.
    #[error("the number `{0}` does not fit")]
    Number(String),
    /// A name that nothing declares.
    #[error("`{0}` is not declared")]
    Unknown(String),
    /// A name that is declared twice.
    #[error("`{0}` is declared twice")]
    Duplicate(String),
    /// More registers, variables or constants than the interpreter holds.
    #[error("there are too many {0}")]
    TooMany(&'static str),
    /// The last instruction of a kernel goes on to the next one.
    #[error("control runs past the end of the kernel")]
    NoEnd,
}

impl PtxErrorKind {
    /// The error at a line.
    pub(crate) fn at(self, line: u32) -> PtxError {
        PtxError { line, kind: self }
    }
}

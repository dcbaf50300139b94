//! Loihi 2 without a chip: neuron programs in a microcode-like language, and what runs them bit for bit.
//!
//! - [`Program`]: a neuron program, read from text and printed as text; [`builtin`] has those of Lava's neuron families and of this
//!   project's schedules.
//! - [`verify`]: which programs may run.
//! - [`Population`]: neurons of one program. [`interpret::step`] runs them as the text reads, [`execute::Executor`] fast; both give
//!   the same numbers.
//! - [`synapse`]: what spikes add to accumulators, after weights, exponents and delays.
//! - [`simulate`]: a whole network on its cores, step by step.
//! - [`report`]: what it did there, and what that would take on a chip, estimated.
//! - [`replay`]: vector sets of Lava's fixed-point models, replayed and compared.
//!
//! What is verified against Lava, what is published, and what is a choice of this project: `docs/src/loihi.md`.

pub mod assemble;
pub mod builtin;
pub mod error;
pub mod execute;
pub mod expression;
pub mod instruction;
pub mod interpret;
pub mod population;
pub mod program;
pub mod replay;
pub mod report;
pub mod simulate;
pub mod synapse;
pub mod verify;

pub use error::{MicrocodeError, MicrocodeErrorKind, Place};
pub use population::{Population, Settings};
pub use program::Program;

#[cfg(test)]
mod tests;

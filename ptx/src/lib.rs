//! Kernels of spiking networks in MLIR's `gpu` dialect, and their way to PTX.
//!
//! [`lower`] writes the kernels of a program and plans their launches; [`assemble`] has LLVM's NVPTX back end turn them into
//! PTX. How a kernel is made: `plan` finds which ops share one, `tile` which elements a thread computes, `current` and `product`
//! what flows into them, `neuron` what they do with it, and `layer` puts the loop over the steps around it all.

mod assemble;
mod attach;
mod buffers;
mod current;
mod encode;
mod layer;
mod layout;
mod lower;
mod neuron;
mod plan;
mod product;
mod range;
mod scope;
mod tally;
mod text;
mod tile;

use std::collections::BTreeMap;

pub use assemble::{AssembleError, assemble};
pub use attach::{AttachError, attach, compile};
pub use lower::{Lowered, lower};
use neurocuda_runtime::artifact::{Tensor, program::Op};

/// Why a program has no kernels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// Something that the kernels cannot do.
    #[error("unsupported: `{op}`: {what}")]
    Unsupported {
        /// Name of the op.
        op: String,
        /// What it asks for, and what to do.
        what: String,
    },
    /// A value does not fit 32 bits.
    #[error("overflow: what `{0}` sends can exceed 32 bits; use fewer levels")]
    Wide(String),
    /// The program is not one that an artifact's check lets pass.
    #[error("the program does not hold together: {0}")]
    Defect(&'static str),
}

impl LowerError {
    fn shape(op: &Op) -> Self {
        Self::Unsupported {
            op: op.name.clone(),
            what: "its shapes are none that a kernel is made for".to_owned(),
        }
    }
}

/// The values of a tensor of integers.
fn integers(tensors: &BTreeMap<String, Tensor>, name: &str) -> Result<Vec<i32>, LowerError> {
    let tensor = tensors.get(name).ok_or(LowerError::Defect("a tensor is missing"))?;
    let narrow = || Some(tensor.values::<i8>().ok()?.into_iter().map(i32::from).collect());
    let middle = || Some(tensor.values::<i16>().ok()?.into_iter().map(i32::from).collect());
    let wide = || tensor.values::<i32>().ok();
    narrow().or_else(middle).or_else(wide).ok_or(LowerError::Defect("a tensor holds no integers"))
}

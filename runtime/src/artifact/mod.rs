//! The artifact: one file that holds a compiled network.
//!
//! A safetensors container whose `__metadata__` has one key, [`MANIFEST_KEY`], with the [`Manifest`] as JSON. Any
//! safetensors reader opens it. Tensors are little-endian and row-major. A tensor named [`MODULE_TENSOR`] carries the
//! integer network as MLIR text; this crate hands it on and does not read it.
//!
//! Reading checks everything before anything is used: see [`Artifact::validate`].

pub mod chip_program;
mod error;
mod file;
pub mod gpu_program;
mod manifest;
pub mod program;
mod tensor;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

pub use error::ArtifactError;
pub use manifest::{
    FORMAT_VERSION, Layer, MANIFEST_KEY, MODULE_TENSOR, Manifest, NamedShape, NetworkInput, Nonlinearities,
};
pub use program::Program;
pub use tensor::{DType, Element, Tensor, TensorError};
pub use validate::limits;

/// A compiled network: the manifest and the tensors that its program names.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// What the file says about itself, program included.
    pub manifest: Manifest,
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Artifact {
    /// The program.
    pub fn program(&self) -> &Program {
        &self.manifest.program
    }

    /// The MLIR text of the integer network, if the artifact carries it.
    pub fn module_text(&self) -> Option<&[u8]> {
        self.tensors.get(MODULE_TENSOR).map(Tensor::bytes)
    }
}

//! Puts kernels into an artifact.

use neurocuda_runtime::artifact::{Artifact, Tensor};

use crate::{AssembleError, LowerError, Lowered, assemble, lower};

/// Why an artifact gets no kernels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// There are no kernels for it.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// There is no PTX.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
}

/// Puts kernels and all that they read into the artifact of their program.
///
/// # Errors
///
/// If the text is empty.
pub fn attach(artifact: &mut Artifact, lowered: Lowered, ptx: &str) -> Result<(), AssembleError> {
    let text = Tensor::from_values(vec![ptx.len()], ptx.as_bytes())
        .map_err(|_| AssembleError::Refused("the text has no size"))?;
    artifact.tensors.extend(lowered.constants);
    artifact.tensors.insert(lowered.program.ptx.clone(), text);
    artifact.manifest.gpu = Some(lowered.program);
    "ptx".clone_into(&mut artifact.manifest.target);
    Ok(())
}

/// Compiles the program of an artifact for GPUs from `arch` on.
///
/// # Errors
///
/// If the program has something that kernels cannot do, or MLIR or LLVM refuses the kernels.
pub fn compile(artifact: &mut Artifact, arch: &str) -> Result<(), AttachError> {
    let lowered = lower(artifact.program(), &artifact.tensors, arch)?;
    let ptx = assemble(&lowered.module)?;
    Ok(attach(artifact, lowered, &ptx)?)
}

//! Puts kernels into an artifact.

use melior::{
    Context,
    dialect::DialectRegistry,
    ir::Module,
    utility::{register_all_dialects, register_all_llvm_translations},
};
use neurocuda_runtime::artifact::{Artifact, Tensor};

use crate::{AssembleError, LowerError, assemble, lower};

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

/// Puts the kernels of an artifact's program, for GPUs from `arch` on, into the artifact, with all that they read.
///
/// # Errors
///
/// If the program has something that kernels cannot do, or MLIR or LLVM refuses the kernels.
pub fn attach(artifact: &mut Artifact, arch: &str) -> Result<(), AttachError> {
    let lowered = lower(artifact.program(), &artifact.tensors, arch)?;
    let registry = DialectRegistry::new();
    register_all_dialects(&registry);
    let context = Context::new();
    context.append_dialect_registry(&registry);
    context.load_all_available_dialects();
    register_all_llvm_translations(&context);
    let mut module =
        Module::parse(&context, &lowered.module).ok_or(AssembleError::Refused("the kernels do not parse"))?;
    let ptx = assemble(&context, &mut module)?;
    let text = Tensor::from_values(vec![ptx.len()], ptx.as_bytes())
        .map_err(|_| AssembleError::Refused("the text has no size"))?;
    artifact.tensors.extend(lowered.constants);
    artifact.tensors.insert(lowered.program.ptx.clone(), text);
    artifact.manifest.gpu = Some(lowered.program);
    Ok(())
}

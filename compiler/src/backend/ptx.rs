//! PTX for a GPU, from the kernels that `lower-to-gpu` wrote.

use super::cpu::Emitted;
use crate::mlir::{self, IrError, IrResult};
use melior::ir::Module;
use neurocuda_ptx::{Lowered, assemble, lower};

/// Name of the op that holds kernels.
pub const KERNELS: &str = "gpu.module";

/// The PTX text of the module's kernels, and the plan of their launches.
///
/// # Errors
///
/// If the module has no kernels, or MLIR or LLVM refuses them.
pub fn emit<'c>(module: &Module<'c>, emitted: &Emitted, arch: &str) -> IrResult<'c, (Lowered, String)> {
    let kernels = mlir::functions(module.as_operation()).into_iter().find(|op| mlir::has_name(*op, KERNELS));
    let kernels =
        kernels.ok_or_else(|| IrError::module("the module has no kernels: run `lower-to-gpu` first"))?;
    let lowered = lower(&emitted.program, &emitted.tensors, arch)
        .map_err(|error| IrError::module(error.to_string()))?;
    let text = format!("module attributes {{gpu.container_module}} {{\n{kernels}\n}}");
    let ptx = assemble(&text).map_err(|error| IrError::module(error.to_string()))?;
    Ok((lowered, ptx))
}

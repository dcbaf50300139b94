//! `lower-to-gpu`: writes the kernels of a GPU beside the network.
//!
//! ```mlir
//! func.func @net(%x: tensor<?x784xf32>) … { … "snn.st_bif"(%1) … }        // before and after
//! gpu.module @kernels [#nvvm.target<chip = "sm_80">] {                     // after
//!   gpu.func @fc1_neurons_2(%0: !llvm.ptr<1>, …, %9: i32, %10: i32) kernel { … nvvm.mma.sync … }
//! }
//! ```
//!
//! The network stays as it is: it says what the kernels compute. How they are made, and in which order they are launched, is in
//! `docs/src/gpu.md`.

use crate::{
    backend::cpu,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{BlockLike, Module, Operation, OperationRef, RegionLike, operation::OperationLike};
use neurocuda_dialects::stage::Stage;
use neurocuda_ptx::LowerError;

/// The oldest architecture that the kernels run on.
pub const ARCH: &str = "sm_80";

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "lower-to-gpu",
    summary: "writes the kernels of a GPU beside the network: synapses and neurons of a layer in one, all steps of a chunk in one launch",
    from: Some(Stage::Snn),
    to: Some(Stage::Gpu),
    claim: Claim::Equal,
    options: &[OptionInfo {
        name: "arch",
        default: ARCH,
        summary: "oldest architecture that the kernels run on: sm_80 and later",
    }],
};

/// Writes kernels.
pub struct LowerToGpu {
    arch: String,
}

/// Makes the pass.
///
/// # Errors
///
/// If the architecture is none, or older than `sm_80`.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let arch = options.get::<String>("arch")?;
    if is_arch(&arch) {
        return Ok(Box::new(LowerToGpu { arch }));
    }
    Err(OptionError {
        pass: INFO.name.to_owned(),
        option: "arch".to_owned(),
        problem: format!("`{arch}` is no architecture that the kernels run on; give sm_80 or a later one"),
    })
}

/// Whether the kernels run on an architecture: matrix products of bytes in this shape came with `sm_80`.
pub fn is_arch(arch: &str) -> bool {
    let number =
        arch.strip_prefix("sm_").and_then(|rest| rest.trim_end_matches(['a', 'f']).parse::<u32>().ok());
    number.is_some_and(|number| (80..1000).contains(&number))
}

impl Pass for LowerToGpu {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let block = mlir::network_block(module)?;
        let operations = mlir::operations(block);
        let returned = operations.last().map_or(0, |last| last.operand_count());
        let names = (0..returned).map(|number| number.to_string()).collect::<Vec<_>>();
        let emitted = cpu::emit(module, &names)?;
        let lowered = neurocuda_ptx::lower(&emitted.program, &emitted.tensors, &self.arch);
        let lowered = lowered.map_err(|error| {
            let LowerError::Unsupported { op, .. } = &error else {
                return IrError::module(error.to_string());
            };
            let place = emitted.program.ops.iter().position(|found| found.name == *op);
            let named = place.and_then(|place| operations.get(place)).copied();
            named.map_or_else(|| IrError::module(error.to_string()), |at| IrError::at(at, error.to_string()))
        })?;
        let context = mlir::context(module);
        let kernels = Module::parse(context, &lowered.module)
            .and_then(|parsed| Some(Operation::clone(&*parsed.body().first_operation()?)))
            .ok_or_else(|| IrError::module("internal error: the kernels do not parse"))?;
        let body = module.first_region().and_then(|region| region.first_block());
        body.ok_or_else(|| IrError::module("the module has no body"))?.append_operation(kernels);
        Ok(())
    }
}

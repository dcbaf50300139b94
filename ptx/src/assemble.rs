//! From `gpu.module` to PTX, by LLVM's NVPTX back end, in process.

use melior::{
    Context,
    dialect::DialectRegistry,
    ir::{BlockLike, Module, OperationRef, operation::OperationLike},
    pass::PassManager,
    utility::{
        parse_pass_pipeline, register_all_dialects, register_all_llvm_translations, register_all_passes,
    },
};

/// What is done to kernels.
const PIPELINE: &str = "builtin.module(gpu.module(convert-scf-to-cf,convert-gpu-to-nvvm,reconcile-unrealized-casts,\
                        canonicalize,cse),gpu-module-to-binary{format=isa})";

/// Why there is no PTX.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// MLIR or LLVM refuses the kernels, which is a defect of what wrote them.
    #[error("gpu-lowering: {0}")]
    Refused(&'static str),
}

/// The PTX text of the kernels in a module of MLIR.
///
/// # Errors
///
/// If MLIR or LLVM refuses them.
pub fn assemble(module: &str) -> Result<String, AssembleError> {
    let registry = DialectRegistry::new();
    register_all_dialects(&registry);
    let context = Context::new_with_registry(&registry, false);
    register_all_llvm_translations(&context);
    register_all_passes();
    let mut module =
        Module::parse(&context, module).ok_or(AssembleError::Refused("the kernels do not parse"))?;
    let manager = PassManager::new(&context);
    parse_pass_pipeline(manager.as_operation_pass_manager(), PIPELINE)
        .map_err(|_| AssembleError::Refused("the pipeline does not parse"))?;
    manager.run(&mut module).map_err(|_| AssembleError::Refused("a pass fails"))?;
    let mut next = module.body().first_operation();
    while let Some(operation) = next {
        if let Some(text) = text_of(operation) {
            return Ok(text);
        }
        next = operation.next_in_block();
    }
    Err(AssembleError::Refused("no text comes out"))
}

/// The text in a `gpu.binary`.
fn text_of(operation: OperationRef<'_, '_>) -> Option<String> {
    let objects = operation.attribute("objects").ok()?.to_string();
    // An array of `#gpu.object<…, assembly = "…">`; strings print quotes, backslashes and what is not printable as two hex digits.
    let (_, rest) = objects.split_once("assembly = \"")?;
    let mut bytes = vec![];
    let mut letters = rest.bytes();
    loop {
        match letters.next()? {
            b'"' => return String::from_utf8(bytes).ok(),
            b'\\' => {
                let first = letters.next()?;
                if first == b'\\' {
                    bytes.push(b'\\');
                    continue;
                }
                let digit = |letter: u8| char::from(letter).to_digit(16).map(|digit| digit as u8);
                bytes.push(digit(first)? * 16 + digit(letters.next()?)?);
            }
            letter => bytes.push(letter),
        }
    }
}

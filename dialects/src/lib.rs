//! The dialects of NeuroCUDA: what each op is called, what it takes and where it may stand.
//!
//! | dialect | says |
//! |---|---|
//! | [`torch`] | what the checkpoint says, op for op, in ATen names |
//! | [`ann`] | the network without framework noise; later calibrated; later integer |
//! | [`snn`] | neurons, synapses, encoder and readout; one run of the function is one timestep |
//!
//! Each dialect is an IRDL file, loaded into the context at start ([`new_context`]): MLIR itself rejects unknown ops,
//! missing attributes and attributes of the wrong kind. The structs of the modules are typed views: they read the attributes of an
//! op ([`View::read`]) and build one ([`View::build`]). [`stage`] says which ops are legal when.
//!
//! Values are ranked tensors with the batch as first, dynamic axis and channels as the second: `tensor<?x16x28x28xf32>`.
//! Real values have element type `f32`, integer ones `i32`.

pub mod ann;
mod field;
mod info;
pub mod loihi;
pub mod resource;
pub mod snn;
pub mod stage;
pub mod tensor;
pub mod torch;
mod view;

pub use field::Field;
pub use info::{OpInfo, op_info, op_infos};
pub use tensor::{Elements, Tensor, TensorAttr};
pub use view::{View, ViewError};

use melior::{Context, dialect::DialectRegistry, ir::Module, utility};

/// The IRDL source of each dialect, with its name.
pub const SOURCES: [(&str, &str); 4] = [
    ("torch", include_str!("torch/torch.irdl.mlir")),
    ("ann", include_str!("ann/ann.irdl.mlir")),
    ("snn", include_str!("snn/snn.irdl.mlir")),
    ("loihi", include_str!("loihi/loihi.irdl.mlir")),
];

/// The IRDL files could not be loaded; they are part of the program, so this is a defect of it.
#[derive(Debug, thiserror::Error)]
#[error("the IRDL definition of dialect `{0}` does not load")]
pub struct LoadError(pub &'static str);

/// Creates a context that knows MLIR's own dialects and ours.
///
/// It is single-threaded: diagnostics and results come in one order.
///
/// # Errors
///
/// Fails if an IRDL file is rejected.
pub fn new_context() -> Result<Context, LoadError> {
    let registry = DialectRegistry::new();
    utility::register_all_dialects(&registry);
    let context = Context::new_with_registry(&registry, false);
    for name in ["builtin", "func", "irdl"] {
        context.get_or_load_dialect(name);
    }
    for (name, source) in SOURCES {
        let loaded =
            Module::parse(&context, source).is_some_and(|module| utility::load_irdl_dialects(&module));
        if !loaded {
            return Err(LoadError(name));
        }
    }
    Ok(context)
}

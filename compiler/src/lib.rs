//! From a trained network to a spiking one: import, passes, reference interpreter and back ends.

pub mod analysis;
pub mod backend;
mod calibration_cache;
pub mod compile;
pub mod diagnostic;
pub mod faults;
pub mod import;
pub mod interpret;
pub mod loihi;
pub mod mlir;
pub mod module_text;
pub mod pass;
pub mod passes;
pub mod pipeline;
pub mod search;
pub mod session;
pub mod validate;

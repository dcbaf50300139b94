//! The launcher, opened by the runtime as on a machine with a GPU, on a driver that is none.

mod errors;
mod launches;
mod memory;
mod sequences;
mod support;
mod symbols;

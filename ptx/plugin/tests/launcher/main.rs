//! The launcher, opened by the runtime as on a machine with a GPU, on a driver that is none.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod errors;
mod launches;
mod memory;
mod sequences;
mod support;
mod symbols;

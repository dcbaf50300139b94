//! Kernels against the CPU engine: PTX from LLVM, run by the interpreter, must give the same outcome to the last spike.
//!
//! One binary, because each one that links MLIR is large.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, as tests do; clippy.toml only exempts `#[test]` functions"
)]

mod hostile;
mod random;
mod resnet;
mod support;

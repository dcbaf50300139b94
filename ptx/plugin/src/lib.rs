//! Launches kernels on NVIDIA GPUs.
//!
//! A library that the runtime opens where a CUDA driver is, after the driver: `libcuda.so.1` is not among the libraries it
//! names, so that it can be built and shipped without one. [`neurocuda_cuda_interface`] gives its functions, and
//! `neurocuda-cuda-abi` says what they do.

mod driver;
mod events;
mod gpu;
mod graphs;
mod header;
mod interface;
mod kernels;
mod launch;
mod profile;
mod staging;

use neurocuda_cuda_abi::Interface;

/// The table of this library's functions.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn neurocuda_cuda_interface() -> *const Interface {
    &interface::TABLE
}

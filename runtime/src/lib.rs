//! Runs NeuroCUDA artifacts: the artifact format, data files and the CPU engine.
//!
//! This crate needs neither MLIR nor CUDA at build time. Five parts:
//!
//! - [`artifact`]: the file that the compiler writes and every runtime reads, a safetensors container with a JSON
//!   manifest. [`artifact::Artifact::read`] checks the whole program against its tensors, so nothing behind it meets
//!   an index out of range or a shape that does not fit.
//! - [`data`]: images and labels in safetensors files, memory-mapped.
//! - [`cpu`]: the event-driven engine. [`cpu::Engine::new`] turns a checked program into an execution plan and
//!   [`cpu::Engine::run`] spreads images over all cores; the result does not depend on the number of threads.
//! - [`gpu`]: runs the kernels of an artifact on whatever implements [`gpu::Device`].
//! - [`loihi`]: Loihi 2's neuron programs and synapses, bit for bit, without a chip.
//!
//! Every error has a stable kebab-case id (`id()`), which the documentation lists and tests rely on.

#![deny(unsafe_code)]

pub mod artifact;
mod container;
pub mod cpu;
pub mod data;
pub mod gpu;
pub mod head;
pub mod loihi;
mod mapped_file;
pub mod output;
pub mod syntax;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod window;

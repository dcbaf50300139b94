//! From populations to cores.

pub mod attach_program;
pub mod map_to_cores;
pub(crate) mod microcode;
pub(crate) mod populations;

//! From populations to cores.

pub mod map_to_cores;
pub(crate) mod populations;

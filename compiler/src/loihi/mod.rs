//! Loihi 2: the chip description, and the mapper that puts layers on cores. Nothing here knows MLIR.
//!
//! [`network`] says what is to be mapped, [`demand`] what a slice of a layer needs of a core, [`split`] cuts layers into slices that
//! fit, [`place`] puts them on the mesh, [`mapping`] does all of it and reports.

pub mod chip;
pub mod demand;
pub mod mapping;
pub mod network;
pub mod payload;
pub mod place;
pub mod split;
#[cfg(test)]
mod tests;

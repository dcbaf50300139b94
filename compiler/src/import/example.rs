//! Inputs and outputs that PyTorch recorded, kept in the weights file: what they are called.

/// Names in the weights file that begin so are not weights: `neurocuda.example.input.<name>` and
/// `neurocuda.example.output.<name>` are f32 tensors of `[n, …]` samples.
pub const EXAMPLE_PREFIX: &str = "neurocuda.example.";

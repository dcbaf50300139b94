//! What commands write: files, whole or not at all, and standard output that may be closed early.

use crate::failure::Failure;
use safetensors::{Dtype, SafeTensorError, tensor::TensorView};
use serde::Serialize;
use std::{io::Write, path::Path};

/// Writes `value` as JSON; the file is there whole or not at all.
pub fn json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(Failure::input)?;
    bytes.push(b'\n');
    file(path, &bytes)
}

/// Writes a file, whole or not at all.
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    neurocuda_runtime::output::write(path, bytes)
        .map_err(|error| Failure::input(format!("cannot write {}: {error}", path.display())))
}

/// Name, type, shape and bytes of a tensor.
pub type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// Writes tensors as safetensors, whole or not at all.
pub fn tensors(path: &Path, tensors: &[Tensor]) -> Result<(), Failure> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name.clone(), TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()
        .map_err(Failure::input)?;
    file(path, &safetensors::serialize(views, None).map_err(Failure::input)?)
}

/// Prints a line. A reader that went away, as `head` does, is no failure.
pub fn line(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

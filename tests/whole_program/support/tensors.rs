//! Small safetensors files, and numbers that look random.

use safetensors::{Dtype, tensor::TensorView};
use std::path::Path;

/// A tensor of a file.
#[derive(Clone)]
pub struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    /// Its key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of f32.
    pub fn f32(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.to_owned(), dtype: Dtype::F32, shape: shape.to_vec(), bytes }
    }

    /// Of u8.
    pub fn u8(name: &str, shape: &[usize], values: &[u8]) -> Self {
        Self { name: name.to_owned(), dtype: Dtype::U8, shape: shape.to_vec(), bytes: values.to_vec() }
    }

    /// Of anything, by its bytes.
    pub fn raw(name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), dtype, shape: shape.to_vec(), bytes }
    }

    /// Of random f32 in [-1, 1).
    pub fn random(name: &str, shape: &[usize], seed: u64) -> Self {
        let values =
            numbers(seed).take(shape.iter().product()).map(|number| number as f32).collect::<Vec<_>>();
        Self::f32(name, shape, &values)
    }
}

/// Writes a file of these tensors.
pub fn write(path: &Path, tensors: &[Tensor]) {
    let views = tensors.iter().map(|Tensor { name, dtype, shape, bytes }| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("shape and bytes fit together"))
    });
    let bytes = safetensors::serialize(views, None).expect("the tensors can be written");
    std::fs::write(path, bytes).expect("the folder can be written");
}

/// Numbers in [-1, 1) by a linear congruential generator (Knuth's MMIX constants), of the upper bits.
pub fn numbers(seed: u64) -> impl Iterator<Item = f64> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(seed.wrapping_add(1)), next)
        .skip(2)
        .map(|state| (state >> 40) as f64 / 2f64.powi(23) - 1.0)
}

/// Bytes that look random.
pub fn bytes(seed: u64, count: usize) -> Vec<u8> {
    numbers(seed).take(count).map(|number| ((number + 1.0) * 128.0) as u8).collect()
}

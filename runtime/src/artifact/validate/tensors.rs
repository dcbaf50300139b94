//! Checks of the tensors that ops name.

use std::collections::BTreeMap;

use super::Problem;
use crate::artifact::{DType, Element, Tensor};

/// The tensors of an artifact, looked up by name.
pub(super) struct Tensors<'a>(pub(super) &'a BTreeMap<String, Tensor>);

impl<'a> Tensors<'a> {
    /// A tensor that has one of several shapes.
    fn get(&self, name: &str, shapes: &[&[usize]]) -> Result<&'a Tensor, Problem> {
        let tensor = self.0.get(name).ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if shapes.contains(&tensor.shape()) {
            return Ok(tensor);
        }
        let wanted = shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" or ");
        Err(format!("tensor `{name}` has the shape {:?}, not {wanted}", tensor.shape()))
    }

    /// Synaptic weights: i8 or i16.
    pub(super) fn weights(&self, name: &str, shape: &[usize]) -> Result<(), Problem> {
        let tensor = self.get(name, &[shape])?;
        match tensor.dtype() {
            DType::I8 | DType::I16 => Ok(()),
            found => Err(format!("tensor `{name}` holds {found}, not i8 or i16")),
        }
    }

    /// A tensor's values, of a type and of one of several shapes.
    fn values<T: Element>(&self, name: &str, shapes: &[&[usize]]) -> Result<Vec<T>, Problem> {
        self.get(name, shapes)?.values().map_err(|error| format!("tensor `{name}`: {error}"))
    }

    /// i32 values, any.
    pub(super) fn integers(&self, name: &str, shapes: &[&[usize]]) -> Result<Vec<i32>, Problem> {
        self.values(name, shapes)
    }

    /// i32 values of at least 1, one a channel.
    pub(super) fn thresholds(&self, name: &str, channels: usize) -> Result<(), Problem> {
        match self.integers(name, &[&[channels]])?.into_iter().find(|&threshold| threshold < 1) {
            Some(threshold) => {
                Err(format!("tensor `{name}` holds the threshold {threshold}, which is below 1"))
            }
            None => Ok(()),
        }
    }

    /// f64 values of which none is NaN, one a channel.
    pub(super) fn reals(&self, name: &str, channels: usize) -> Result<Vec<f64>, Problem> {
        let values: Vec<f64> = self.values(name, &[&[channels]])?;
        if values.iter().any(|value| value.is_nan()) {
            return Err(format!("tensor `{name}` holds NaN"));
        }
        Ok(values)
    }

    /// Finite f64 values, one a channel.
    pub(super) fn finite_reals(&self, name: &str, channels: usize) -> Result<(), Problem> {
        if self.reals(name, channels)?.iter().any(|value| value.is_infinite()) {
            return Err(format!("tensor `{name}` holds infinity"));
        }
        Ok(())
    }
}

//! Checks of the tensors that ops name.

use std::{collections::BTreeMap, ops::RangeInclusive};

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

    /// Tables, given by the names of their breakpoints, steps and starts: breakpoints ascend, and every level is in `range`.
    pub(super) fn tables(
        &self,
        [breakpoints, steps, start]: [&str; 3],
        channels: usize,
        range: RangeInclusive<i32>,
    ) -> Result<(), Problem> {
        let shape = self.0.get(breakpoints).map(Tensor::shape).unwrap_or_default();
        let length = shape.get(1).copied().unwrap_or(1).max(1);
        let rows: Vec<i32> = self.integers(breakpoints, &[&[channels, length]])?;
        if !rows.chunks(length).all(|row| row.is_sorted()) {
            return Err(format!("the breakpoints of tensor `{breakpoints}` do not ascend"));
        }
        let values: Vec<i8> = self.values(steps, &[&[channels, length]])?;
        for (row, start) in values.chunks(length).zip(self.integers(start, &[&[channels]])?) {
            let mut level = i64::from(start);
            let levels = row.iter().map(|&step| {
                level += i64::from(step);
                level
            });
            let (low, high) = (i64::from(*range.start()), i64::from(*range.end()));
            let outside = |level: &i64| !(low..=high).contains(level);
            if let Some(level) = std::iter::once(i64::from(start)).chain(levels).find(outside) {
                return Err(format!(
                    "the table of tensor `{steps}` has the level {level}, outside {low}..={high}"
                ));
            }
        }
        Ok(())
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

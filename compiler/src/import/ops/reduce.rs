//! Means and maxima over whole axes.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::Shape;

const PARAMS: &[Param] = &[
    Param::new("x", Kind::Tensor),
    Param::new("dims", Kind::Ints),
    Param::new("keepdim", Kind::Bool).or(Default::Bool(false)),
];

/// Mean over whole axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    /// Axis numbers, ascending, none of them 0.
    pub dims: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keepdim: bool,
}

impl Operation for Mean {
    const SIGNATURE: Signature = Signature {
        name: "mean",
        summary: "mean over the axes dims, which stay with size 1 if keepdim",
        params: PARAMS,
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (dims, keepdim, shape) = reduced(call)?;
        Ok((Self { dims, keepdim }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        arguments(&self.dims, self.keepdim)
    }
}

/// Largest value over whole axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Amax {
    /// Axis numbers, ascending, none of them 0.
    pub dims: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keepdim: bool,
}

impl Operation for Amax {
    const SIGNATURE: Signature = Signature {
        name: "amax",
        summary: "largest value over the axes dims, which stay with size 1 if keepdim",
        params: PARAMS,
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (dims, keepdim, shape) = reduced(call)?;
        Ok((Self { dims, keepdim }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        arguments(&self.dims, self.keepdim)
    }
}

/// The axes that go, whether they stay with size 1, and what is left.
fn reduced(call: &mut Call<'_>) -> Result<(Vec<usize>, bool, Shape), Reported> {
    let (written, keepdim) = (call.ints("dims")?, call.bool("keepdim")?);
    let input = call.input()?;
    if written.is_empty() {
        return Err(call.fail_at(FindingId::ArgumentValue, "dims", "is empty"));
    }
    let mut dims = Vec::with_capacity(written.len());
    for dim in written {
        let dim = call.axis("dims", dim, input.rank())?;
        if dims.contains(&dim) {
            return Err(call.fail_at(FindingId::ArgumentValue, "dims", format!("has axis {dim} twice")));
        }
        dims.push(dim);
    }
    dims.sort_unstable();
    let axes = input.sample().iter().zip(1..).filter_map(|(size, axis)| match dims.contains(&axis) {
        true if keepdim => Some(1),
        true => None,
        false => Some(*size),
    });
    let shape = call.shape(axes.collect())?;
    Ok((dims, keepdim, shape))
}

fn arguments(dims: &[usize], keepdim: bool) -> Vec<(&'static str, Argument)> {
    let dims = dims.iter().map(|dim| *dim as i64).collect();
    vec![("dims", Argument::Ints(dims)), ("keepdim", Argument::Bool(keepdim))]
}

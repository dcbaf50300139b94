//! Ops that move values and compute nothing.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::Shape;

/// Axes `start_dim` to `end_dim` as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Flatten {
    /// First axis, at least 1.
    pub start_dim: usize,
    /// Last axis, not before the first.
    pub end_dim: usize,
}

impl Operation for Flatten {
    const SIGNATURE: Signature = Signature {
        name: "flatten",
        summary: "axes start_dim to end_dim as one",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("start_dim", Kind::Int).or(Default::Int(1)),
            Param::new("end_dim", Kind::Int).or(Default::Int(-1)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (start, end) = (call.int("start_dim")?, call.int("end_dim")?);
        let input = call.input()?;
        let (start, end) =
            (call.axis("start_dim", start, input.rank()), call.axis("end_dim", end, input.rank()));
        let (start_dim, end_dim) = (start?, end?);
        if end_dim < start_dim {
            let message = format!("is axis {end_dim}, before axis {start_dim}");
            return Err(call.fail_at(FindingId::ArgumentValue, "end_dim", message));
        }
        let (before, rest) = input.sample().split_at(start_dim - 1);
        let (joined, after) = rest.split_at(end_dim - start_dim + 1);
        let shape = call.shape([before, &[joined.iter().product()], after].concat())?;
        Ok((Self { start_dim, end_dim }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("start_dim", Argument::Int(self.start_dim as i64)),
            ("end_dim", Argument::Int(self.end_dim as i64)),
        ]
    }
}

/// Inputs joined along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// At least 1.
    pub dim: usize,
}

impl Operation for Concat {
    const SIGNATURE: Signature = Signature {
        name: "concat",
        summary: "tensors joined along the axis dim; the other axes are equal",
        params: &[Param::new("x", Kind::Tensors), Param::new("dim", Kind::Int).or(Default::Int(1))],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let dim = call.int("dim")?;
        let first = call.input()?;
        let dim = call.axis("dim", dim, first.rank())?;
        let mut sizes = first.sample().to_vec();
        for (position, shape) in call.inputs.clone().iter().enumerate().skip(1) {
            let fits = shape.rank() == first.rank()
                && (1..first.rank()).all(|axis| axis == dim || shape.axis(axis) == first.axis(axis));
            if !fits {
                let message = format!(
                    "cannot join {first} and {shape} (input {}) along axis {dim}: the other axes differ",
                    position + 1
                );
                return Err(call.mismatch(message));
            }
            // Sizes are below 2^31 each and there are fewer than 2^24 of them, so the sum does not overflow.
            if let Some((sum, size)) = sizes.get_mut(dim - 1).zip(shape.axis(dim)) {
                *sum += size;
            }
        }
        let shape = call.shape(sizes)?;
        Ok((Self { dim }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("dim", Argument::Int(self.dim as i64))]
    }
}

/// Every `step`-th slab of an axis in `start..end`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// At least 1.
    pub dim: usize,
    /// First index, in `0..end`.
    pub start: i64,
    /// One past the last index, at most the axis' size.
    pub end: i64,
    /// At least 1.
    pub step: i64,
}

impl Operation for Slice {
    const SIGNATURE: Signature = Signature {
        name: "slice",
        summary: "every step-th slab of the axis dim from start up to and without end; negative ones count from the end",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("dim", Kind::Int),
            Param::new("start", Kind::Bound).or(Default::Int(0)),
            Param::new("end", Kind::Bound).or(Default::Absent),
            Param::new("step", Kind::Bound).or(Default::Int(1)).at_least(1),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (dim, start, end) = (call.int("dim")?, call.int("start")?, call.optional_int("end")?);
        let step = call.int("step")?;
        let input = call.input()?;
        let dim = call.axis("dim", dim, input.rank())?;
        let mut sizes = input.sample().to_vec();
        let Some(size) = sizes.get_mut(dim - 1) else {
            return Err(call.mismatch(format!("has no axis {dim} in {input}")));
        };
        let whole = *size;
        let resolve =
            |index: i64| if index < 0 { index.saturating_add(whole) } else { index }.clamp(0, whole);
        let (start, end) = (resolve(start), end.map_or(whole, resolve));
        if start >= end {
            let message = format!("keeps nothing: {start}..{end} of an axis of {whole}");
            return Err(call.fail(FindingId::ArgumentValue, message));
        }
        *size = (end - start - 1) / step + 1;
        let shape = call.shape(sizes)?;
        Ok((Self { dim, start, end, step }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("dim", Argument::Int(self.dim as i64)),
            ("start", Argument::Int(self.start)),
            ("end", Argument::Int(self.end)),
            ("step", Argument::Int(self.step)),
        ]
    }
}

/// Constant values around the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// How many before and after, for every axis from axis 1 on.
    pub padding: Vec<[i64; 2]>,
    /// Finite.
    pub value: f64,
}

impl Operation for Pad {
    const SIGNATURE: Signature = Signature {
        name: "pad",
        summary: "constant values around x; padding has (before, after) for the last axis, the one before it, and so on",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("padding", Kind::Ints).at_least(0),
            Param::new("value", Kind::Float).or(Default::Float(0.0)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (written, value) = (call.ints("padding")?, call.float("value")?);
        let input = call.input()?;
        let (pairs, rest) = written.as_chunks::<2>();
        if !rest.is_empty() {
            let message = format!("has {} numbers; it is pairs of (before, after)", written.len());
            return Err(call.fail_at(FindingId::ArgumentValue, "padding", message));
        }
        if pairs.len() > input.rank() {
            let message = format!("is for {} axes, and the input {input} has {}", pairs.len(), input.rank());
            return Err(call.fail_at(FindingId::ArgumentValue, "padding", message));
        }
        if pairs.get(input.rank() - 1).is_some_and(|batch| *batch != [0, 0]) {
            return Err(call.fail_at(FindingId::BatchAxis, "padding", "would add samples to the batch"));
        }
        let mut padding = vec![[0, 0]; input.sample().len()];
        padding.iter_mut().rev().zip(pairs).for_each(|(axis, pair)| *axis = *pair);
        let sizes = input.sample().iter().zip(&padding).map(|(size, [before, after])| size + before + after);
        let shape = call.shape(sizes.collect())?;
        Ok((Self { padding, value }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let from_last = self.padding.iter().rev();
        let mut padding: Vec<_> = from_last.copied().collect();
        while padding.len() > 1 && padding.last() == Some(&[0, 0]) {
            padding.pop();
        }
        let padding = padding.into_iter().flatten().collect();
        vec![("padding", Argument::Ints(padding)), ("value", Argument::Float(self.value))]
    }
}

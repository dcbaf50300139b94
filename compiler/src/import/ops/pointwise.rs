//! Ops on each value alone.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::Shape;

/// `max(x, 0)`
#[derive(Clone, Debug, PartialEq)]
pub struct Relu;

impl Operation for Relu {
    const SIGNATURE: Signature =
        Signature { name: "relu", summary: "max(x, 0)", params: &[Param::new("x", Kind::Tensor)] };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        Ok((Self, call.input()?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }
}

/// `x` limited to `[min, max]`, of which at least one is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Clamp {
    /// Finite.
    pub min: Option<f64>,
    /// Finite, not below `min`.
    pub max: Option<f64>,
}

impl Operation for Clamp {
    const SIGNATURE: Signature = Signature {
        name: "clamp",
        summary: "x limited to [min, max]; at least one of them",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("min", Kind::Float).or(Default::Absent).infinite(),
            Param::new("max", Kind::Float).or(Default::Absent).infinite(),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (min, max) = (call.optional_float("min")?, call.optional_float("max")?);
        if let (Some(low), Some(high)) = (min, max)
            && low > high
        {
            return Err(call.fail_at(
                FindingId::ArgumentValue,
                "min",
                format!("is {low:?}, above `max` = {high:?}"),
            ));
        }
        if min == Some(f64::INFINITY) || max == Some(f64::NEG_INFINITY) {
            return Err(call.fail(FindingId::ArgumentValue, "would make every value infinite"));
        }
        let finite = |bound: Option<f64>| bound.filter(|bound| bound.is_finite());
        let op = Self { min: finite(min), max: finite(max) };
        if op.min.is_none() && op.max.is_none() {
            return Err(
                call.fail(FindingId::MissingArgument, "needs a finite `min`, a finite `max`, or both")
            );
        }
        Ok((op, call.input()?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let bounds = [("min", self.min), ("max", self.max)];
        bounds.into_iter().filter_map(|(name, bound)| Some((name, Argument::Float(bound?)))).collect()
    }
}

/// Dropout, which does nothing at inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// The share dropped in training, in [0, 1].
    pub p: f64,
}

impl Operation for Dropout {
    const SIGNATURE: Signature = Signature {
        name: "dropout",
        summary: "x: nothing is dropped at inference",
        params: &[Param::new("x", Kind::Tensor), Param::new("p", Kind::Float).or(Default::Float(0.5))],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let p = call.float("p")?;
        if !(0.0..=1.0).contains(&p) {
            return Err(call.fail_at(FindingId::ArgumentValue, "p", format!("is {p:?}, not in [0, 1]")));
        }
        Ok((Self { p }, call.input()?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("p", Argument::Float(self.p))]
    }
}

/// `x`
#[derive(Clone, Debug, PartialEq)]
pub struct Identity;

impl Operation for Identity {
    const SIGNATURE: Signature =
        Signature { name: "identity", summary: "x", params: &[Param::new("x", Kind::Tensor)] };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        Ok((Self, call.input()?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }
}

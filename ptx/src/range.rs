//! Between which integers the elements of each value lie, whatever the input.

use neurocuda_runtime::artifact::{
    Tensor,
    program::{OpKind, Program},
};
use std::collections::BTreeMap;

use crate::{LowerError, integers};

/// All elements of a value in all steps, and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl Range {
    fn new(low: i64, high: i64) -> Self {
        Self { low: low.min(0), high: high.max(0) }
    }

    fn plus(self, other: Self) -> Self {
        Self { low: self.low.saturating_add(other.low), high: self.high.saturating_add(other.high) }
    }

    /// The smallest range with both in it.
    fn join(self, other: Self) -> Self {
        Self::new(self.low.min(other.low), self.high.max(other.high))
    }

    fn times(self, factor: i64) -> Self {
        let (a, b) = (self.low.saturating_mul(factor), self.high.saturating_mul(factor));
        Self::new(a.min(b), a.max(b))
    }

    fn magnitude(self) -> i64 {
        self.high.max(-self.low)
    }
}

/// The range of each value of a checked program.
pub(crate) fn ranges(
    program: &Program,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Vec<Range>, LowerError> {
    let mut ranges = vec![Range::new(0, 0); program.values.len()];
    for op in &program.ops {
        let inputs: Vec<Range> = op.inputs.iter().map(|&input| ranges[input]).collect();
        let first = inputs.first().copied().unwrap_or(Range::new(0, 0));
        let all = inputs.iter().copied().fold(first, Range::join);
        ranges[op.output] = match &op.kind {
            OpKind::Encode { low, high, .. } => Range::new((*low).into(), (*high).into()),
            OpKind::EncodeEvents { high, .. } => Range::new(0, (*high).into()),
            OpKind::Conv { weight, .. } | OpKind::Linear { weight } => {
                let weights = integers(tensors, weight)?;
                let outputs = program.values[op.output].first().copied().unwrap_or(1).max(1);
                // Of a transposed convolution not all taps meet in one output; the bound holds all the same.
                let rows = weights.chunks((weights.len() / outputs).max(1));
                let largest =
                    rows.map(|row| row.iter().map(|weight| i64::from(weight.abs())).sum::<i64>()).max();
                let bound = largest.unwrap_or(0).saturating_mul(first.magnitude());
                Range::new(-bound, bound)
            }
            OpKind::Scale { weight } => {
                let weights = integers(tensors, weight)?;
                let scaled = weights.iter().map(|&weight| first.times(weight.into()));
                scaled.fold(Range::new(0, 0), Range::join)
            }
            OpKind::SumPool2d { rows, columns, multiplier } => {
                let longest =
                    |bins: &[[usize; 2]]| bins.iter().map(|&[start, end]| end - start).max().unwrap_or(0);
                let factors = multiplier.as_ref().map(|name| integers(tensors, name)).transpose()?;
                let sum = first.times((longest(rows) * longest(columns)) as i64);
                let factors = factors.unwrap_or(vec![1]);
                let scaled = factors.iter().map(|&factor| sum.times(factor.into()));
                scaled.fold(Range::new(0, 0), Range::join)
            }
            OpKind::Add => inputs.iter().skip(1).fold(first, |sum, &range| sum.plus(range)),
            // The change of a maximum lies between the least and the largest change.
            OpKind::MaxPool2d { .. } => first,
            OpKind::Concat { .. }
            | OpKind::Gather { .. }
            | OpKind::Permute { .. }
            | OpKind::Pad { .. }
            | OpKind::Reshape => all,
            OpKind::StBif { .. } | OpKind::StBifTable { .. } => Range::new(-1, 1),
            OpKind::SigmaDelta { low, high, .. } | OpKind::SigmaDeltaTable { low, high, .. } => {
                let span = i64::from(*high) - i64::from(*low);
                Range::new(-span, span)
            }
            OpKind::HoldAndFire { .. } | OpKind::If { .. } => Range::new(0, 1),
            // That its sums fit is proved.
            OpKind::Readout { .. } => Range::new(i32::MIN.into(), i32::MAX.into()),
        };
    }
    Ok(ranges)
}

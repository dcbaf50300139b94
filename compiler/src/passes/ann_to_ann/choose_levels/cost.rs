//! What the spikes of an activation cost. Not a pass.

use crate::{
    analysis::grid::Grid,
    interpret::Network,
    mlir::{self, IrError, IrResult},
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::ann;
use std::collections::HashMap;

/// Synaptic operations that a spike on each value causes, in the mean over the value's elements.
pub(super) struct Costs {
    fan_out: HashMap<usize, f64>,
}

impl Costs {
    /// The costs in the network of `operations`, whose values have the magnitudes `magnitudes` as the interpreter numbers them.
    ///
    /// # Errors
    ///
    /// If an op is malformed.
    pub fn of<'c>(
        operations: &[OperationRef<'c, '_>],
        network: &Network,
        magnitudes: &[f64],
    ) -> IrResult<'c, Self> {
        let mut fan_out = HashMap::<usize, f64>::new();
        for (&operation, summary) in operations.iter().zip(network.ops()).rev() {
            let Ok(result) = mlir::result(operation) else { continue };
            let out = elements_of(&mlir::sample_shape(result)?);
            let behind = fan_out.get(&key(result)).copied().unwrap_or(0.0);
            let op = ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
            for operand in operation.operands() {
                let into = elements_of(&mlir::sample_shape(operand)?).max(1.0);
                let each = match &op {
                    // Every element of a transposed convolution's input meets all weights of its channel.
                    Some(ann::Op::Conv(conv)) if conv.transposed => {
                        let channels = mlir::sample_shape(operand)?.first().copied().unwrap_or(1);
                        elements_of(&conv.weight.shape()) / channels.max(1) as f64
                    }
                    // A row of weights is used at every position of the result, but for borders.
                    Some(ann::Op::Conv(conv)) => out * elements_of(&conv.weight.shape()[1..]) / into,
                    Some(ann::Op::Linear(_)) => out,
                    Some(ann::Op::Scale(_)) => 1.0,
                    // Beside weights in one membrane, levels get a weight for each element.
                    Some(ann::Op::Add(_)) => 1.0 + behind,
                    // The spikes behind a pool of maxima are as many as its maxima are large.
                    Some(ann::Op::MaxPool2d(_)) => {
                        let sum = |value: Option<&usize>| {
                            value.and_then(|&value| magnitudes.get(value)).copied().unwrap_or(0.0)
                        };
                        let (before, after) = (sum(summary.inputs.first()), sum(summary.output.as_ref()));
                        if before > 0.0 { behind * (after / before).min(1.0) } else { behind }
                    }
                    Some(ann::Op::Gather(_)) => behind * out / into,
                    Some(
                        ann::Op::AvgPool2d(_)
                        | ann::Op::Concat(_)
                        | ann::Op::Permute(_)
                        | ann::Op::Pad(_)
                        | ann::Op::Reshape(_),
                    ) => behind,
                    _ => 0.0,
                };
                *fan_out.entry(key(operand)).or_default() += each;
            }
        }
        Ok(Self { fan_out })
    }

    /// Synaptic operations of all spikes of an activation on `grid` that calibration would have seen. A spike costs 1 at least.
    pub fn of_grid(&self, grid: &Grid) -> f64 {
        let each = mlir::result(grid.operation).ok().and_then(|value| self.fan_out.get(&key(value)).copied());
        let spikes = grid.distributions.iter().zip(&grid.steps);
        let spikes =
            spikes.map(|(seen, &step)| seen.counts(step, grid.low as f64, grid.high as f64)).sum::<f64>();
        spikes * each.unwrap_or(0.0).max(1.0)
    }
}

fn elements_of(shape: &[usize]) -> f64 {
    shape.iter().product::<usize>() as f64
}

/// Identity of a value, to look it up.
fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

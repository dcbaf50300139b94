//! The unit `α` of an accumulator: the real value of its 1, the smallest for which all weights and biases fit. Not a pass.

use super::{Lowering, SAME, key};
use crate::{
    analysis::flow::{self, Flow},
    mlir::{self, IrError, IrResult},
};
use melior::ir::{OperationRef, Value, operation::OperationLike};
use neurocuda_dialects::ann;

/// Largest weight of an identity path.
const LARGEST_IDENTITY: f64 = 32_767.0;

/// Largest bias; far more than what flows into any activation.
const LARGEST_BIAS: f64 = (1u64 << 26) as f64;

/// Least variance of what a weight weighs, in parts of the mean over all weights of the op.
const UNSEEN: f64 = 0.01;

/// Rounds of raising units: more than chains of joins need; rounding could raise a unit by a last bit for ever.
const MOST_ROUNDS: usize = 256;

/// The real parameters of an op with weights.
pub(super) struct Weighted {
    /// Weights times the scales of what they weigh, a row for each output channel.
    pub weights: Vec<f64>,
    pub bias: Vec<f64>,
    /// Largest integer weight.
    pub limit: f64,
    /// Whether weights may be clipped at the limit: not on identity paths.
    pub clips: bool,
    /// For each weight the variance of the counts that it weighs, as far as it is known.
    pub variance: Vec<f64>,
    /// Number of weights of one input channel to one output channel.
    pub taps: usize,
}

impl<'c, 'a> Lowering<'_, 'c, 'a> {
    /// The smallest `α` of each channel of `value` for which every bias and every weight that flows into it fits, but for those that
    /// may be clipped, if `clipped`.
    pub(super) fn need(&self, value: Value<'c, 'a>, clipped: bool) -> IrResult<'c, Vec<f64>> {
        let need = self.need_of(value, clipped)?;
        self.settle(value, need)
    }

    fn need_of(&self, value: Value<'c, 'a>, clipped: bool) -> IrResult<'c, Vec<f64>> {
        if let Some(level) = self.levels.get(&key(value)) {
            return Ok(level.scale.iter().map(|scale| scale / LARGEST_IDENTITY).collect());
        }
        let operation = mlir::definition(value)
            .ok_or_else(|| IrError::module("the network input must be quantized first"))?;
        if let Some(Weighted { weights, bias, limit, clips, .. }) = self.weighted(operation)? {
            let limit = if clips && clipped { f64::INFINITY } else { limit };
            return Ok(weights
                .chunks(weights.len() / bias.len().max(1))
                .zip(&bias)
                .map(|(row, bias)| {
                    let largest = row.iter().fold(0.0, |largest: f64, weight| largest.max(weight.abs()));
                    (largest / limit).max(bias.abs() / LARGEST_BIAS)
                })
                .collect());
        }
        let needs = operation
            .operands()
            .map(|operand| self.need_of(operand, clipped))
            .collect::<IrResult<Vec<_>>>()?;
        let flow = Flow::of(operation)?;
        let mut need = flow.forward(&needs, 0.0);
        need.iter_mut().for_each(|need| *need /= flow.multiple as f64);
        Ok(need)
    }

    /// Raises `alpha` until every channel that flows into `value` has one unit, though it may become several features of
    /// different units: a flattened channel has one row of weights.
    ///
    /// # Errors
    ///
    /// If an op on the way is malformed.
    pub(super) fn settle(&self, value: Value<'c, 'a>, mut alpha: Vec<f64>) -> IrResult<'c, Vec<f64>> {
        for _ in 0..MOST_ROUNDS {
            let raised = self.raise(value, &alpha)?;
            if alpha.iter().zip(&raised).all(|(alpha, raised)| raised - alpha <= SAME * alpha) {
                return Ok(raised);
            }
            alpha = raised;
        }
        Err(IrError::module("unsupported: the units of sums that meet do not settle"))
    }

    fn raise(&self, value: Value<'c, 'a>, alpha: &[f64]) -> IrResult<'c, Vec<f64>> {
        let Some(operation) = mlir::definition(value).filter(|_| !self.levels.contains_key(&key(value)))
        else {
            return Ok(alpha.to_vec());
        };
        if let Some(ann::Op::Conv(_) | ann::Op::Linear(_) | ann::Op::Scale(_)) = ann::Op::read(operation)? {
            return Ok(alpha.to_vec());
        }
        let flow = Flow::of(operation)?;
        let multiple = flow.multiple as f64;
        let wanted = alpha.iter().map(|alpha| alpha * multiple).collect::<Vec<_>>();
        let operands = flow.backward(&wanted, 0.0, flow::largest);
        let raised = operation
            .operands()
            .zip(&operands)
            .map(|(operand, alpha)| self.raise(operand, alpha))
            .collect::<IrResult<Vec<_>>>()?;
        let raised = flow.forward(&raised, 0.0);
        // What is not raised keeps its bits, which division and multiplication would not.
        let pairs = alpha.iter().zip(raised.iter().zip(&wanted));
        Ok(pairs
            .map(|(&alpha, (&raised, &wanted))| if raised > wanted { raised / multiple } else { alpha })
            .collect())
    }

    /// `None` if the op has no weights.
    pub(super) fn weighted(&self, operation: OperationRef<'c, 'a>) -> IrResult<'c, Option<Weighted>> {
        let (weight, bias, groups, limit) =
            match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
                Some(ann::Op::Conv(conv)) => {
                    (conv.weight, conv.bias, conv.groups as usize, self.pass.largest_weight)
                }
                Some(ann::Op::Linear(linear)) => (linear.weight, linear.bias, 1, self.pass.largest_weight),
                Some(ann::Op::Scale(scale)) => {
                    (scale.weight, scale.bias, scale.weight.shape()[0], LARGEST_IDENTITY)
                }
                _ => return Ok(None),
            };
        let input = mlir::operand(operation)?;
        let level = self.levels.get(&key(input)).ok_or_else(|| {
            IrError::at(
                operation,
                "weights need a quantized input: run `insert-requantize` before `calibrate`",
            )
        })?;
        let shape = weight.shape();
        let (outputs, inputs) = (shape[0], shape.get(1).copied().unwrap_or(1));
        let taps = shape.iter().skip(2).product::<usize>();
        let mut weights = weight.read()?.to_f64();
        let mut variance = vec![1.0; weights.len()];
        for output in 0..outputs {
            let first = output / (outputs / groups.max(1)).max(1) * inputs;
            for input in 0..inputs {
                let scale = level.scale.get(first + input).copied().unwrap_or(1.0);
                let start = (output * inputs + input) * taps;
                weights[start..start + taps].iter_mut().for_each(|weight| *weight *= scale);
                if let Some(seen) = level.variance.as_ref().and_then(|seen| seen.get(first + input)) {
                    variance[start..start + taps].fill(seen / (scale * scale));
                }
            }
        }
        // A channel that calibration never saw change may do so later.
        let floor = UNSEEN * variance.iter().sum::<f64>() / variance.len().max(1) as f64;
        variance.iter_mut().for_each(|variance| *variance = variance.max(floor));
        let (bias, clips) = (bias.read()?.to_f64(), limit < LARGEST_IDENTITY);
        Ok(Some(Weighted { weights, bias, limit, clips, variance, taps }))
    }
}

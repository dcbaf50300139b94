//! How weightless linear ops carry channels: the one place that says which channel of an operand becomes which of the result.

use crate::mlir::{self, IrError, IrResult};
use melior::ir::{OperationRef, operation::OperationLike};
use neurocuda_dialects::{Tensor, ann, snn};

/// Largest common multiple of the divisors of an average pool that is worth carrying.
const LARGEST_MULTIPLE: u64 = 1 << 12;

/// Where the channels of a weightless linear op come from, and by how much it multiplies them.
pub struct Flow {
    /// For each channel of the result the operand and channel that it comes from; `None` for padding.
    sources: Vec<Option<Source>>,
    /// Channels of each operand.
    channels: Vec<usize>,
    /// The integer form of the op gives this many times the real result: the common multiple of an average's divisors.
    pub multiple: u64,
}

/// A channel of one operand, or of all operands alike.
#[derive(Clone, Copy)]
enum Source {
    Of(usize, usize),
    All(usize),
}

impl Flow {
    /// The flow of `operation`, a weightless op of the `ann` dialect.
    ///
    /// # Errors
    ///
    /// If the op is another one, or averages over windows whose sizes have no small common multiple.
    pub fn of<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, Self> {
        let shapes = operation.operands().map(mlir::sample_shape).collect::<IrResult<Vec<_>>>()?;
        let channels = shapes.iter().map(|shape| shape.first().copied().unwrap_or(1)).collect::<Vec<_>>();
        let first = channels.first().copied().unwrap_or(0);
        let mut multiple = 1;
        let of_first = |range: std::ops::Range<usize>| {
            range.map(|channel| Some(Source::Of(0, channel))).collect::<Vec<_>>()
        };
        let sources = match read(operation)? {
            Some(ann::Op::Add(_)) => (0..first).map(|channel| Some(Source::All(channel))).collect(),
            Some(ann::Op::Concat(ann::Concat { axis: 1 })) => channels
                .iter()
                .enumerate()
                .flat_map(|(operand, &channels)| {
                    (0..channels).map(move |channel| Some(Source::Of(operand, channel)))
                })
                .collect(),
            // Joined along another axis, the operands share their channels.
            Some(ann::Op::Concat(_)) => (0..first).map(|channel| Some(Source::All(channel))).collect(),
            Some(ann::Op::Slice(ann::Slice { axis: 1, start, step })) => {
                let taken = mlir::sample_shape(mlir::result(operation)?)?.first().copied().unwrap_or(0);
                (0..taken).map(|index| Some(Source::Of(0, start as usize + index * step as usize))).collect()
            }
            Some(ann::Op::Pad(pad)) => {
                let count = |counts: &[i64]| counts.get(1).copied().unwrap_or(0) as usize;
                let mut sources = vec![None; count(&pad.before)];
                sources.extend(of_first(0..first));
                sources.extend(vec![None; count(&pad.after)]);
                sources
            }
            Some(ann::Op::Reshape(_)) => {
                let result = mlir::sample_shape(mlir::result(operation)?)?;
                let (from, to) = (first, result.first().copied().unwrap_or(1));
                let elements = |shape: &[usize]| shape.iter().product::<usize>();
                let each = elements(&shapes[0]) / from.max(1);
                if from == to {
                    of_first(0..from)
                } else if elements(&result) == to {
                    (0..to).map(|feature| Some(Source::Of(0, feature / each.max(1)))).collect()
                } else {
                    return Err(IrError::at(
                        operation,
                        "a reshape must keep the channels or flatten everything; other reshapes mix scales of channels",
                    ));
                }
            }
            Some(ann::Op::AvgPool2d(pool)) => {
                multiple = common_multiple(&pool.divisor.read()?).ok_or_else(|| {
                    IrError::at(
                        operation,
                        "the windows have too many different sizes: their common multiple is over 4096",
                    )
                })?;
                of_first(0..first)
            }
            Some(ann::Op::Slice(_) | ann::Op::SumPool2d(_) | ann::Op::MaxPool2d(_)) => of_first(0..first),
            _ => {
                return Err(IrError::at(
                    operation,
                    format!("`{}` is no weightless linear op", mlir::name(operation)),
                ));
            }
        };
        Ok(Self { sources, channels, multiple })
    }

    /// A number for each channel of the result from those of the operands: the largest where several meet, `padding` where
    /// none is.
    pub fn forward(&self, operands: &[Vec<f64>], padding: f64) -> Vec<f64> {
        let at = |operand: usize, channel: usize| {
            operands.get(operand).and_then(|values| values.get(channel)).copied()
        };
        self.sources
            .iter()
            .map(|source| match *source {
                None => padding,
                Some(Source::Of(operand, channel)) => at(operand, channel).unwrap_or(padding),
                Some(Source::All(channel)) => {
                    (0..operands.len()).filter_map(|operand| at(operand, channel)).fold(0.0, f64::max)
                }
            })
            .collect()
    }

    /// A number for each channel of each operand from those of the result; `unused` where a channel goes nowhere.
    pub fn backward(&self, result: &[f64], unused: f64) -> Vec<Vec<f64>> {
        let mut operands = self.channels.iter().map(|&channels| vec![unused; channels]).collect::<Vec<_>>();
        for (source, &value) in self.sources.iter().zip(result) {
            match *source {
                None => {}
                Some(Source::Of(operand, channel)) => operands[operand][channel] = value,
                Some(Source::All(channel)) => {
                    operands.iter_mut().for_each(|operand| operand[channel] = value)
                }
            }
        }
        operands
    }
}

/// The op as one of `ann`; the weightless linear ops of `snn` are the same.
fn read<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, Option<ann::Op<'c>>> {
    let fail = |error: neurocuda_dialects::ViewError| IrError::at(operation, error.to_string());
    if let Some(op) = ann::Op::read(operation).map_err(fail)? {
        return Ok(Some(op));
    }
    Ok(match snn::Op::read(operation).map_err(fail)? {
        Some(snn::Op::Add(_)) => Some(ann::Op::Add(ann::Add {})),
        Some(snn::Op::Concat(snn::Concat { axis })) => Some(ann::Op::Concat(ann::Concat { axis })),
        Some(snn::Op::Slice(snn::Slice { axis, start, step })) => {
            Some(ann::Op::Slice(ann::Slice { axis, start, step }))
        }
        Some(snn::Op::Pad(snn::Pad { before, after })) => Some(ann::Op::Pad(ann::Pad { before, after })),
        Some(snn::Op::Reshape(_)) => Some(ann::Op::Reshape(ann::Reshape {})),
        Some(snn::Op::MaxPool2d(snn::MaxPool2d { kernel, stride, padding, dilation })) => {
            Some(ann::Op::MaxPool2d(ann::MaxPool2d { kernel, stride, padding, dilation }))
        }
        _ => None,
    })
}

/// Integer factors that bring all divisors to their common multiple.
pub fn multipliers(divisors: &Tensor) -> Option<Vec<u64>> {
    let multiple = common_multiple(divisors)?;
    Some(divisors.to_f64().iter().map(|&divisor| multiple / (divisor as u64).max(1)).collect())
}

fn common_multiple(divisors: &Tensor) -> Option<u64> {
    divisors.to_f64().iter().try_fold(1u64, |multiple, &divisor| {
        let divisor = (divisor as u64).max(1);
        let next = multiple / greatest_common_divisor(multiple, divisor) * divisor;
        (next <= LARGEST_MULTIPLE.max(divisor)).then_some(next)
    })
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

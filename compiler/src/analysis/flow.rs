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
                        "unsupported: a reshape must keep the channels or flatten everything; others would mix channels, which have \
                         scales of their own: flatten everything, or keep the channels apart",
                    ));
                }
            }
            Some(ann::Op::AvgPool2d(pool)) => {
                multiple = common_multiple(&pool.divisor.read()?).ok_or_else(|| {
                    IrError::at(
                        operation,
                        "unsupported: the windows have too many different sizes: their common multiple is over 4096",
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

    /// A number for each channel of each operand from those of the result that come from it: `combine` makes one of several, as
    /// where a channel is flattened into features; `unused` where a channel goes nowhere.
    pub fn backward(&self, result: &[f64], unused: f64, combine: fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let mut operands = self.channels.iter().map(|&channels| vec![vec![]; channels]).collect::<Vec<_>>();
        for (source, &value) in self.sources.iter().zip(result) {
            match *source {
                None => {}
                Some(Source::Of(operand, channel)) => operands[operand][channel].push(value),
                Some(Source::All(channel)) => {
                    operands.iter_mut().for_each(|operand| operand[channel].push(value));
                }
            }
        }
        let one = |values: &Vec<f64>| if values.is_empty() { unused } else { combine(values) };
        operands.iter().map(|operand| operand.iter().map(one).collect()).collect()
    }
}

/// Largest of some positive numbers.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// Mean of some numbers.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        interpret::{Network, Sample},
        passes::testing::{network, on_module, operation},
    };
    use neurocuda_dialects::Elements;

    /// Checks `op`, which reads `%x` of 3 channels, against the interpreter: channels filled with their numbers, 1, 2 and 3, go
    /// where the flow says.
    fn follows(op: &str, input: &str, output: &str) {
        let body = format!("%r = {op} : ({input}) -> {output}");
        on_module(&network(input, &body, output), |module| {
            let flow =
                Flow::of(mlir::operations(mlir::network_block(operation(module)).unwrap())[0]).unwrap();
            let network = Network::new(operation(module)).unwrap();
            let sample = Sample::from_shape_fn(network.input_shape(), |index| (index[0] + 1) as f64);
            let found = network.forward(&sample, &mut |_, _| ()).unwrap().remove(0);
            let channels = found.outer_iter().map(|channel| channel.iter().copied().fold(0.0, f64::max));
            let channels = channels.collect::<Vec<_>>();
            assert_eq!(flow.forward(&[vec![1.0, 2.0, 3.0]], 0.0), channels, "{op}");
            // Backwards, each channel gets a number of one that came from it.
            for (channel, value) in flow.backward(&channels, 0.0, largest)[0].iter().enumerate() {
                let used = channels.contains(&((channel + 1) as f64));
                assert_eq!(*value, if used { (channel + 1) as f64 } else { 0.0 }, "{op}");
            }
        });
    }

    #[test]
    fn channels_go_where_the_op_puts_them() {
        let image = "tensor<?x3x2x2xf32>";
        follows("\"ann.slice\"(%x) {axis = 1, start = 0, step = 2}", image, "tensor<?x2x2x2xf32>");
        follows("\"ann.slice\"(%x) {axis = 3, start = 1, step = 1}", image, "tensor<?x3x2x1xf32>");
        let pad = "\"ann.pad\"(%x) {before = array<i64: 0, 2, 0, 1>, after = array<i64: 0, 1, 0, 0>}";
        follows(pad, image, "tensor<?x6x2x3xf32>");
        follows("\"ann.reshape\"(%x)", image, "tensor<?x12xf32>");
        follows("\"ann.reshape\"(%x)", image, "tensor<?x3x4xf32>");
        let pool = "\"ann.max_pool2d\"(%x) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, \
                    padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}";
        follows(pool, image, "tensor<?x3x1x1xf32>");
    }

    #[test]
    fn joins_keep_the_order_and_sums_share() {
        let pair = "tensor<?x2xf32>";
        let of = |op: &str, output: &str| {
            let body = format!("%r = {op} : ({pair}, {pair}) -> {output}");
            on_module(&network(pair, &body, output), |module| {
                let flow =
                    Flow::of(mlir::operations(mlir::network_block(operation(module)).unwrap())[0]).unwrap();
                let forward = flow.forward(&[vec![1.0, 5.0], vec![3.0, 4.0]], 0.0);
                let backward = flow.backward(&forward, 0.0, largest);
                (forward, backward)
            })
        };
        let (forward, backward) = of("\"ann.concat\"(%x, %x) {axis = 1}", "tensor<?x4xf32>");
        assert_eq!((forward, backward), (vec![1.0, 5.0, 3.0, 4.0], vec![vec![1.0, 5.0], vec![3.0, 4.0]]));
        let (forward, backward) = of("\"ann.add\"(%x, %x)", pair);
        assert_eq!((forward, backward), (vec![3.0, 5.0], vec![vec![3.0, 5.0], vec![3.0, 5.0]]));
    }

    #[test]
    fn features_of_a_channel_are_combined() {
        let body = "%r = \"ann.reshape\"(%x) : (tensor<?x2x2xf32>) -> tensor<?x4xf32>";
        on_module(&network("tensor<?x2x2xf32>", body, "tensor<?x4xf32>"), |module| {
            let flow =
                Flow::of(mlir::operations(mlir::network_block(operation(module)).unwrap())[0]).unwrap();
            let backward = |combine| flow.backward(&[1.0, 4.0, 6.0, 2.0], 0.0, combine);
            assert_eq!((backward(largest), backward(mean)), (vec![vec![4.0, 6.0]], vec![vec![2.5, 4.0]]));
        });
    }

    #[test]
    fn reshapes_that_mix_channels_are_refused() {
        let body = "%r = \"ann.reshape\"(%x) : (tensor<?x4x3xf32>) -> tensor<?x2x6xf32>";
        on_module(&network("tensor<?x4x3xf32>", body, "tensor<?x2x6xf32>"), |module| {
            let op = mlir::operations(mlir::network_block(operation(module)).unwrap())[0];
            assert!(Flow::of(op).is_err_and(|error| error.message.contains("mix channels")));
        });
    }

    #[test]
    fn divisors_have_a_small_common_multiple_or_none() {
        let divisors =
            |sizes: &[i64]| Tensor { shape: vec![sizes.len()], elements: Elements::I64(sizes.to_vec()) };
        assert_eq!(multipliers(&divisors(&[1, 2, 3, 4])), Some(vec![12, 6, 4, 3]));
        assert_eq!(multipliers(&divisors(&[49])), Some(vec![1]));
        // One large window is fine; many that have little in common are not.
        assert_eq!(multipliers(&divisors(&[10_000])), Some(vec![1]));
        assert_eq!(multipliers(&divisors(&[7, 11, 13, 17])), None);
    }
}

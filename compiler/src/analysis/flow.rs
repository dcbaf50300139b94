//! How weightless linear ops carry channels: the one place that says which channel of an operand becomes which of the result.

use crate::mlir::{self, IrError, IrResult};
use melior::ir::{OperationRef, operation::OperationLike};
use neurocuda_dialects::{Tensor, ann, snn};

/// Largest common multiple of the divisors of an average pool that is worth carrying.
const LARGEST_MULTIPLE: u64 = 1 << 12;

/// Where the channels of a weightless linear op come from, and by how much it multiplies them.
///
/// Channels of operands and of the result that have elements in common make a *part*: a channel that is sliced off and its
/// source, a channel that is flattened and its features, all channels of a permutation that turns channels into positions. The
/// elements of a result channel may come from any operand channel of its part, and from no other.
pub struct Flow {
    /// For each channel of each operand its part; `None` where the channel goes nowhere.
    operands: Vec<Vec<Option<usize>>>,
    /// For each channel of the result its part; `None` for padding.
    result: Vec<Option<usize>>,
    /// Number of parts.
    parts: usize,
    /// The integer form of the op gives this many times the real result: the common multiple of an average's divisors.
    pub multiple: u64,
}

impl Flow {
    /// The flow of `operation`, a weightless op of the `ann` dialect.
    ///
    /// # Errors
    ///
    /// If the op is another one, or averages over windows whose sizes have no small common multiple.
    pub fn of<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, Self> {
        let shapes = operation.operands().map(mlir::sample_shape).collect::<IrResult<Vec<_>>>()?;
        let to = mlir::sample_shape(mlir::result(operation)?)?;
        let from = shapes.first().map(Vec::as_slice).unwrap_or_default();
        let channels = |shape: &[usize]| shape.first().copied().unwrap_or(1);
        // Channel c of every operand is channel c of the result.
        let aligned =
            || Self::new(&shapes, (0..channels(from)).map(Some).collect(), |_, channel| Some(channel));
        Ok(match read(operation)? {
            Some(ann::Op::Concat(ann::Concat { axis: 1 })) => {
                let starts = shapes
                    .iter()
                    .scan(0, |next, shape| Some(std::mem::replace(next, *next + channels(shape))));
                let starts = starts.collect::<Vec<_>>();
                let result = (0..channels(&to)).map(Some).collect();
                Self::new(&shapes, result, |operand, channel| Some(starts[operand] + channel))
            }
            Some(ann::Op::Gather(ann::Gather { axis: 1, indices })) => {
                let result = indices.iter().map(|&index| Some(usize::try_from(index).unwrap_or(usize::MAX)));
                let result = result.collect::<Vec<_>>();
                let mut taken = vec![false; channels(from)];
                for &index in result.iter().flatten() {
                    *taken.get_mut(index).ok_or_else(|| {
                        IrError::at(operation, format!("takes slab {index} of samples {from:?}"))
                    })? = true;
                }
                Self::new(&shapes, result, |_, channel| taken[channel].then_some(channel))
            }
            Some(ann::Op::Pad(pad)) => {
                let count = |counts: &[i64]| counts.get(1).copied().unwrap_or(0).max(0) as usize;
                let mut result = vec![None; count(&pad.before)];
                result.extend((0..channels(from)).map(Some));
                result.extend(vec![None; count(&pad.after)]);
                Self::new(&shapes, result, |_, channel| Some(channel))
            }
            Some(ann::Op::Reshape(_)) => {
                let each = |shape: &[usize]| shape.iter().skip(1).product::<usize>().max(1);
                // Channels begin together at the common multiples of their lengths.
                let part = least_common_multiple(each(from), each(&to));
                let result = (0..channels(&to)).map(|channel| Some(channel * each(&to) / part)).collect();
                Self::new(&shapes, result, |_, channel| Some(channel * each(from) / part))
            }
            Some(ann::Op::Permute(permute)) if permute.axes.get(1) != Some(&1) => {
                Self::new(&shapes, vec![Some(0); channels(&to)], |_, _| Some(0))
            }
            Some(ann::Op::AvgPool2d(pool)) => {
                let multiple = common_multiple(&pool.divisor.read()?).ok_or_else(|| {
                    IrError::at(
                        operation,
                        "unsupported: the windows have too many different sizes: their common multiple is over 4096",
                    )
                })?;
                Self { multiple, ..aligned() }
            }
            // Joined along another axis than that of the channels, operands share their channels, as in a sum.
            Some(
                ann::Op::Add(_)
                | ann::Op::Concat(_)
                | ann::Op::Gather(_)
                | ann::Op::Permute(_)
                | ann::Op::SumPool2d(_)
                | ann::Op::MaxPool2d(_),
            ) => aligned(),
            _ => {
                return Err(IrError::at(
                    operation,
                    format!("`{}` is no weightless linear op", mlir::name(operation)),
                ));
            }
        })
    }

    fn new(
        shapes: &[Vec<usize>],
        result: Vec<Option<usize>>,
        part: impl Fn(usize, usize) -> Option<usize>,
    ) -> Self {
        let operands = shapes
            .iter()
            .enumerate()
            .map(|(operand, shape)| {
                (0..shape.first().copied().unwrap_or(1)).map(|channel| part(operand, channel)).collect()
            })
            .collect::<Vec<Vec<_>>>();
        let parts = operands.iter().flatten().chain(&result).flatten().max().map_or(0, |last| last + 1);
        Self { operands, result, parts, multiple: 1 }
    }

    /// For each channel of each operand its part; `None` where the channel goes nowhere.
    pub fn operand_parts(&self) -> &[Vec<Option<usize>>] {
        &self.operands
    }

    /// For each channel of the result its part; `None` for padding.
    pub fn result_parts(&self) -> &[Option<usize>] {
        &self.result
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// Whether several channels of one operand have elements in one channel of the result.
    pub fn mixes(&self) -> bool {
        self.operands.iter().any(|operand| {
            let mut seen = vec![false; self.parts];
            operand.iter().flatten().any(|&part| std::mem::replace(&mut seen[part], true))
        })
    }

    /// A number for each channel of the result from those of the operands: the largest where several meet, `padding` where
    /// none is.
    pub fn forward(&self, operands: &[Vec<f64>], padding: f64) -> Vec<f64> {
        let mut parts = vec![0.0f64; self.parts];
        for (part, &value) in
            self.operands.iter().zip(operands).flat_map(|(parts, values)| parts.iter().zip(values))
        {
            if let Some(part) = *part {
                parts[part] = parts[part].max(value);
            }
        }
        self.result.iter().map(|part| part.map_or(padding, |part| parts[part])).collect()
    }

    /// A number for each channel of the result: the sum of all that have elements in it.
    pub fn sums(&self, operands: &[Vec<f64>]) -> Vec<f64> {
        let mut parts = vec![0.0f64; self.parts];
        for (part, &value) in
            self.operands.iter().zip(operands).flat_map(|(parts, values)| parts.iter().zip(values))
        {
            if let Some(part) = *part {
                parts[part] += value;
            }
        }
        self.result.iter().map(|part| part.map_or(0.0, |part| parts[part])).collect()
    }

    /// A number for each channel of each operand from those of the result that come from it: `combine` makes one of several, as
    /// where a channel is flattened into features; `unused` where a channel goes nowhere.
    pub fn backward(&self, result: &[f64], unused: f64, combine: fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let mut parts = vec![vec![]; self.parts];
        for (part, &value) in self.result.iter().zip(result) {
            if let Some(part) = *part {
                parts[part].push(value);
            }
        }
        let parts = parts
            .iter()
            .map(|values: &Vec<f64>| if values.is_empty() { unused } else { combine(values) })
            .collect::<Vec<_>>();
        let one = |part: &Option<usize>| part.map_or(unused, |part| parts[part]);
        self.operands.iter().map(|operand| operand.iter().map(one).collect()).collect()
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
        Some(snn::Op::Gather(snn::Gather { axis, indices })) => {
            Some(ann::Op::Gather(ann::Gather { axis, indices }))
        }
        Some(snn::Op::Permute(snn::Permute { axes })) => Some(ann::Op::Permute(ann::Permute { axes })),
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

fn least_common_multiple(a: usize, b: usize) -> usize {
    a / (greatest_common_divisor(a as u64, b as u64) as usize).max(1) * b
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
        follows("\"ann.gather\"(%x) {axis = 1, indices = array<i64: 0, 2>}", image, "tensor<?x2x2x2xf32>");
        follows("\"ann.gather\"(%x) {axis = 1, indices = array<i64: 2, 0, 2>}", image, "tensor<?x3x2x2xf32>");
        follows("\"ann.gather\"(%x) {axis = 3, indices = array<i64: 1>}", image, "tensor<?x3x2x1xf32>");
        follows("\"ann.permute\"(%x) {axes = array<i64: 0, 1, 3, 2>}", image, "tensor<?x3x2x2xf32>");
        let pad = "\"ann.pad\"(%x) {before = array<i64: 0, 2, 0, 1>, after = array<i64: 0, 1, 0, 0>}";
        follows(pad, image, "tensor<?x6x2x3xf32>");
        follows("\"ann.reshape\"(%x)", image, "tensor<?x12xf32>");
        follows("\"ann.reshape\"(%x)", image, "tensor<?x6x2xf32>");
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

    /// What comes forwards of 1, 2, 4, …, and backwards of that, and whether channels mix.
    fn mixing(op: &str, input: &str, output: &str) -> (Vec<f64>, Vec<f64>, bool) {
        let body = format!("%r = \"{op} : ({input}) -> {output}");
        on_module(&network(input, &body, output), |module| {
            let op = mlir::operations(mlir::network_block(operation(module)).unwrap())[0];
            let flow = Flow::of(op).unwrap();
            let values = (0..flow.operands[0].len()).map(|channel| f64::powi(2.0, channel as i32)).collect();
            let forward = flow.forward(&[values], 0.0);
            let backward = flow.backward(&forward, 0.0, largest).remove(0);
            (forward, backward, flow.mixes())
        })
    }

    #[test]
    fn channels_that_meet_make_one_part() {
        let pairs = mixing("ann.reshape\"(%x)", "tensor<?x4x3xf32>", "tensor<?x2x6xf32>");
        assert_eq!(pairs, (vec![2.0, 8.0], vec![2.0, 2.0, 8.0, 8.0], true));
        // Two of three are one and a half of two.
        let ragged = mixing("ann.reshape\"(%x)", "tensor<?x6x2xf32>", "tensor<?x4x3xf32>");
        assert_eq!(ragged, (vec![4.0, 4.0, 32.0, 32.0], vec![4.0, 4.0, 4.0, 32.0, 32.0, 32.0], true));
        let split = mixing("ann.reshape\"(%x)", "tensor<?x2x6xf32>", "tensor<?x4x3xf32>");
        assert_eq!(split, (vec![1.0, 1.0, 2.0, 2.0], vec![1.0, 2.0], false));
        let swapped = "ann.permute\"(%x) {axes = array<i64: 0, 2, 1>}";
        let turned = mixing(swapped, "tensor<?x4x3xf32>", "tensor<?x3x4xf32>");
        assert_eq!(turned, (vec![8.0; 3], vec![8.0; 4], true));
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

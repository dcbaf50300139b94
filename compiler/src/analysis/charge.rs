//! The charge that biases alone put on each neuron: the linear part of the integer network with every level value at zero.

use crate::mlir::{self, IrError, IrResult};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};
use neurocuda_dialects::{Tensor, TensorAttr, ann};
use std::collections::HashMap;

/// Charges of all values of an integer network, one number for each element of a sample.
pub struct Charges(HashMap<usize, ArrayD<f64>>);

impl Charges {
    /// Goes through an `ann-integer` module.
    ///
    /// # Errors
    ///
    /// If an op's attributes do not fit its types.
    pub fn of<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, Self> {
        let mut charges = Self(HashMap::new());
        for operation in mlir::operations(mlir::network_block(module)?) {
            if operation.result_count() == 1 {
                let result = mlir::result(operation)?;
                let charge = charges.step(operation, &mlir::sample_shape(result)?)?;
                charges.0.insert(result.to_raw().ptr as usize, charge);
            }
        }
        Ok(charges)
    }

    /// The charge of `value`.
    pub fn get(&self, value: Value) -> Option<&ArrayD<f64>> {
        self.0.get(&(value.to_raw().ptr as usize))
    }

    fn step<'c>(&self, operation: OperationRef<'c, '_>, shape: &[usize]) -> IrResult<'c, ArrayD<f64>> {
        let misfit = || {
            IrError::at(
                operation,
                format!("the operands of `{}` do not fit its result", mlir::name(operation)),
            )
        };
        let zeros = ArrayD::zeros(IxDyn(shape));
        let op = ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        // Ops that start anew: weights see only silent level values, and neurons have not fired.
        match &op {
            Some(
                ann::Op::Conv(ann::Conv { bias, .. })
                | ann::Op::Linear(ann::Linear { bias, .. })
                | ann::Op::Scale(ann::Scale { bias, .. }),
            ) => {
                let mut charge = zeros;
                for (mut channel, bias) in charge.axis_iter_mut(Axis(0)).zip(bias.read()?.to_f64()) {
                    channel.fill(bias);
                }
                return Ok(charge);
            }
            None
            | Some(
                ann::Op::Encode(_)
                | ann::Op::EncodeEvents(_)
                | ann::Op::Requantize(_)
                | ann::Op::RequantizeTable(_)
                | ann::Op::Head(_),
            ) => {
                return Ok(zeros);
            }
            Some(_) => {}
        }
        let operands = operation
            .operands()
            .map(|operand| self.get(operand).cloned().unwrap_or_else(|| ArrayD::zeros(IxDyn(&[]))))
            .collect::<Vec<_>>();
        let first = operands.first().ok_or_else(misfit)?;
        let charge = match op {
            Some(ann::Op::Add(_)) => operands.iter().skip(1).try_fold(first.clone(), |sum, operand| {
                (sum.shape() == operand.shape()).then(|| sum + operand)
            }),
            Some(ann::Op::Concat(concat)) => {
                let views = operands.iter().map(|operand| operand.view()).collect::<Vec<_>>();
                concatenate(Axis((concat.axis - 1).max(0) as usize), &views).ok()
            }
            Some(ann::Op::Gather(gather)) => gathered(first, gather.axis, &gather.indices),
            Some(ann::Op::Permute(permute)) => permuted(first, &permute.axes),
            Some(ann::Op::Pad(pad)) => pad_zeros(first, &pad.before, zeros),
            Some(ann::Op::Reshape(_)) => {
                first.as_standard_layout().to_owned().into_shape_with_order(IxDyn(shape)).ok()
            }
            Some(ann::Op::SumPool2d(pool)) => {
                sum_windows(first, &pool.rows, &pool.columns, &pool.multiplier.read()?.to_f64(), zeros)
            }
            // A maximum of level values is one.
            Some(ann::Op::MaxPool2d(_)) => Some(zeros),
            _ => Some(first.clone()),
        };
        charge.filter(|charge| charge.shape() == shape).ok_or_else(misfit)
    }
}

/// Slabs of an axis that counts the batch, by their indices; `None` if they do not fit.
pub(crate) fn gathered(input: &ArrayD<f64>, axis: i64, indices: &[i64]) -> Option<ArrayD<f64>> {
    let axis = usize::try_from(axis.checked_sub(1)?).ok()?;
    let size = *input.shape().get(axis)?;
    let indices = indices.iter().map(|&index| usize::try_from(index).ok().filter(|&index| index < size));
    Some(input.select(Axis(axis), &indices.collect::<Option<Vec<_>>>()?))
}

/// Axes in another order, the batch counted; `None` if they do not fit.
pub(crate) fn permuted(input: &ArrayD<f64>, axes: &[i64]) -> Option<ArrayD<f64>> {
    let axes = axes.iter().skip(1).map(|&axis| usize::try_from(axis.checked_sub(1)?).ok());
    let axes = axes.collect::<Option<Vec<_>>>()?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    sorted
        .iter()
        .copied()
        .eq(0..input.ndim())
        .then(|| input.view().permuted_axes(axes).as_standard_layout().to_owned())
}

/// Zeros around, the batch counted, in the shape of `result`, which holds zeros; `None` if they do not fit.
pub(crate) fn pad_zeros(input: &ArrayD<f64>, before: &[i64], mut result: ArrayD<f64>) -> Option<ArrayD<f64>> {
    let mut inner = result.view_mut();
    for (axis, &size) in input.shape().iter().enumerate() {
        let start = usize::try_from(*before.get(axis + 1)?).ok()?;
        if start + size > inner.shape()[axis] {
            return None;
        }
        inner.slice_axis_inplace(Axis(axis), Slice::from(start..start + size));
    }
    inner.assign(input);
    Some(result)
}

fn sum_windows(
    input: &ArrayD<f64>,
    rows: &[i64],
    columns: &[i64],
    multiplier: &[f64],
    mut result: ArrayD<f64>,
) -> Option<ArrayD<f64>> {
    let input = input.view().into_dimensionality::<ndarray::Ix3>().ok()?;
    let (_, height, width) = input.dim();
    let mut output = result.view_mut().into_dimensionality::<ndarray::Ix3>().ok()?;
    for ((channel, y, x), sum) in output.indexed_iter_mut() {
        let range = |bounds: &[i64], index: usize, size: usize| {
            let [start, end] = [*bounds.get(2 * index)?, *bounds.get(2 * index + 1)?];
            (0 <= start && start <= end && end as usize <= size).then_some(start as usize..end as usize)
        };
        let (rows, columns) = (range(rows, y, height)?, range(columns, x, width)?);
        *sum = input.slice(ndarray::s![channel, rows, columns]).sum();
    }
    let width = output.dim().2;
    for ((_, y, x), sum) in output.indexed_iter_mut() {
        *sum *= multiplier.get(y * width + x)?;
    }
    Some(result)
}

/// A charge as an attribute tensor: one number a channel where a channel's elements agree, else one for each element.
///
/// # Errors
///
/// If a charge is no 32-bit integer.
pub fn tensor<'c>(charge: &ArrayD<f64>) -> IrResult<'c, Tensor> {
    let uniform =
        charge.axis_iter(Axis(0)).all(|channel| channel.iter().all(|&value| Some(&value) == channel.first()));
    let (shape, values) = if uniform {
        let values = charge
            .axis_iter(Axis(0))
            .map(|channel| channel.first().copied().unwrap_or(0.0))
            .collect::<Vec<_>>();
        (vec![values.len()], values)
    } else {
        (charge.shape().to_vec(), charge.iter().copied().collect())
    };
    if let Some(value) = values.iter().find(|value| value.abs() > f64::from(i32::MAX)) {
        return Err(IrError::module(format!("a bias charge of {value} does not fit 32 bits")));
    }
    let values = values.iter().map(|&value| value as i32).collect();
    Ok(Tensor { shape, elements: neurocuda_dialects::Elements::I32(values) })
}

/// A per-channel vector spread over the elements of `shape`.
pub fn spread(vector: &[f64], shape: &[usize]) -> ArrayD<f64> {
    let mut spread = ArrayD::zeros(IxDyn(shape));
    for (mut channel, &value) in spread.axis_iter_mut(Axis(0)).zip(vector) {
        channel.fill(value);
    }
    spread
}

/// Elements of a tensor attribute spread over `shape`: one number a channel, or one for each element.
///
/// # Errors
///
/// If the tensor has another shape.
pub fn read<'c>(attribute: TensorAttr<'c>, shape: &[usize]) -> IrResult<'c, ArrayD<f64>> {
    let tensor = attribute.read()?;
    if tensor.shape == shape {
        ArrayD::from_shape_vec(IxDyn(shape), tensor.to_f64())
            .map_err(|error| IrError::module(error.to_string()))
    } else if tensor.shape.len() == 1 && tensor.shape.first() == shape.first() {
        Ok(spread(&tensor.to_f64(), shape))
    } else {
        Err(IrError::module(format!(
            "a tensor of shape {:?} does not fit neurons of shape {shape:?}",
            tensor.shape
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        interpret::{Network, Sample},
        passes::testing::{encoder, integer_network, network, on_module, operation},
    };

    /// Charges of every op of `text` beside what the network computes from silence, as far as no neuron fires.
    fn agree_on_silence(text: &str) {
        on_module(text, |module| {
            let charges = Charges::of(operation(module)).unwrap();
            let operations = mlir::operations(mlir::network_block(operation(module)).unwrap());
            let network = Network::new(operation(module)).unwrap();
            let mut silent = vec![true; operations.len() + 1];
            let silence = Sample::zeros(network.input_shape());
            let mut compared = 0;
            let mut probe = |index: usize, value: &Sample| {
                let summary = &network.ops()[index];
                let Some(output) = summary.output else { return };
                let op = ann::Op::read(operations[index]).unwrap();
                let starts = matches!(op, Some(ann::Op::Requantize(_)));
                let sees_silence = summary.inputs.iter().all(|&input| silent[input]);
                silent[output] = sees_silence && (!starts || value.iter().all(|&count| count == 0.0));
                if sees_silence && !starts && !matches!(op, Some(ann::Op::Dequantize(_))) {
                    assert_eq!(
                        charges.get(mlir::result(operations[index]).unwrap()),
                        Some(value),
                        "op {index}"
                    );
                    compared += 1;
                }
            };
            network.forward(&silence, &mut probe).unwrap();
            assert!(compared >= 2, "{compared} ops compared");
        });
    }

    #[test]
    fn charges_are_what_silence_gives() {
        agree_on_silence(&integer_network());
        // Windows, padding, joins and layouts behind biases, with no neuron in between.
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xi32>
    %1 = "ann.conv"(%0) {{weight = dense<3> : tensor<2x2x1x1xi8>, bias = dense<[5, -7]> : tensor<2xi32>,
      stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1, transposed = false}}
      : (tensor<?x2x3x3xi32>) -> tensor<?x2x5x5xi32>
    %2 = "ann.pad"(%1) {{before = array<i64: 0, 1, 0, 2>, after = array<i64: 0, 0, 1, 0>}}
      : (tensor<?x2x5x5xi32>) -> tensor<?x3x6x7xi32>
    %a = "ann.gather"(%2) {{axis = 3, indices = array<i64: 5, 1, 1>}} : (tensor<?x3x6x7xi32>) -> tensor<?x3x6x3xi32>
    %b = "ann.permute"(%a) {{axes = array<i64: 0, 3, 1, 2>}} : (tensor<?x3x6x3xi32>) -> tensor<?x3x3x6xi32>
    %3 = "ann.permute"(%b) {{axes = array<i64: 0, 2, 3, 1>}} : (tensor<?x3x3x6xi32>) -> tensor<?x3x6x3xi32>
    %4 = "ann.concat"(%3, %3) {{axis = 2}} : (tensor<?x3x6x3xi32>, tensor<?x3x6x3xi32>) -> tensor<?x3x12x3xi32>
    %5 = "ann.sum_pool2d"(%4) {{rows = array<i64: 0, 6, 5, 12>, columns = array<i64: 0, 1, 1, 3>,
      multiplier = dense<[[2, 1], [3, 5]]> : tensor<2x2xi32>}} : (tensor<?x3x12x3xi32>) -> tensor<?x3x2x2xi32>
    %6 = "ann.add"(%5, %5) : (tensor<?x3x2x2xi32>, tensor<?x3x2x2xi32>) -> tensor<?x3x2x2xi32>
    %7 = "ann.reshape"(%6) : (tensor<?x3x2x2xi32>) -> tensor<?x12xi32>
    %r = "ann.dequantize"(%7) {{scale = dense<1.0> : tensor<12xf64>}} : (tensor<?x12xi32>) -> tensor<?x12xf32>"#,
            encoder(2),
        );
        agree_on_silence(&network("tensor<?x2x3x3xf32>", &body, "tensor<?x12xf32>"));
    }

    #[test]
    fn equal_charges_take_one_number_a_channel() {
        let charge = ArrayD::from_shape_vec(vec![2, 2], vec![3.0, 3.0, -4.0, -4.0]).unwrap();
        assert_eq!(tensor(&charge).unwrap(), Tensor::integers(vec![3, -4]));
        let charge = ArrayD::from_shape_vec(vec![2, 2], vec![3.0, 3.0, -4.0, 4.0]).unwrap();
        assert_eq!(tensor(&charge).unwrap().shape, [2, 2]);
        let charge = ArrayD::from_elem(vec![1], 2_147_483_648.0);
        assert!(tensor(&charge).unwrap_err().message.contains("does not fit 32 bits"));
    }
}

//! Static bounds: how much charge can flow at most, whatever the input.

use crate::{
    analysis::flow::Flow,
    mlir::{IrError, IrResult},
};
use melior::ir::OperationRef;
use neurocuda_dialects::{TensorAttr, ann, snn};

/// Largest magnitude of each channel of the result of a linear op, of `ann` in integers or of `snn`, from those of its
/// operands. Holds for every partial sum too, because all terms are counted by magnitude.
///
/// # Errors
///
/// If the op is not linear.
pub fn of_linear<'c>(operation: OperationRef<'c, '_>, operands: &[Vec<f64>]) -> IrResult<'c, Vec<f64>> {
    let fail = |error: neurocuda_dialects::ViewError| IrError::at(operation, error.to_string());
    let first = operands.first().ok_or_else(|| IrError::at(operation, "the op has no operand"))?;
    match (ann::Op::read(operation).map_err(fail)?, snn::Op::read(operation).map_err(fail)?) {
        (Some(ann::Op::Conv(ann::Conv { weight, groups, .. })), _)
        | (_, Some(snn::Op::Conv(snn::Conv { weight, groups, .. }))) => {
            of_weights(weight, groups as usize, first)
        }
        (Some(ann::Op::Linear(ann::Linear { weight, .. })), _)
        | (_, Some(snn::Op::Linear(snn::Linear { weight }))) => of_weights(weight, 1, first),
        (Some(ann::Op::Scale(ann::Scale { weight, .. })), _)
        | (_, Some(snn::Op::Scale(snn::Scale { weight }))) => Ok(weight
            .read()?
            .to_f64()
            .iter()
            .zip(first)
            .map(|(weight, magnitude)| weight.abs() * magnitude)
            .collect()),
        (Some(ann::Op::Add(_)), _) | (_, Some(snn::Op::Add(_))) => {
            Ok(operands.iter().skip(1).fold(first.clone(), |sum, operand| {
                sum.iter().zip(operand).map(|(sum, magnitude)| sum + magnitude).collect()
            }))
        }
        (Some(ann::Op::SumPool2d(ann::SumPool2d { rows, columns, multiplier })), _)
        | (_, Some(snn::Op::SumPool2d(snn::SumPool2d { rows, columns, multiplier }))) => {
            let gains = window_gains(&rows, &columns, &multiplier.read()?.to_f64());
            let gain = gains.iter().fold(0.0f64, |largest, gain| largest.max(gain.abs()));
            Ok(first.iter().map(|magnitude| magnitude * gain).collect())
        }
        _ => Ok(Flow::of(operation)?.forward(operands, 0.0)),
    }
}

fn of_weights<'c>(weight: TensorAttr<'c>, groups: usize, input: &[f64]) -> IrResult<'c, Vec<f64>> {
    let shape = weight.shape();
    let (outputs, inputs) = (shape[0], shape.get(1).copied().unwrap_or(1));
    let taps = shape.iter().skip(2).product::<usize>();
    let weights = weight.read()?.to_f64();
    Ok((0..outputs)
        .map(|output| {
            let first = output / (outputs / groups.max(1)).max(1) * inputs;
            (0..inputs)
                .map(|channel| {
                    let start = (output * inputs + channel) * taps;
                    let sum = weights[start..start + taps].iter().map(|weight| weight.abs()).sum::<f64>();
                    sum * input.get(first + channel).copied().unwrap_or(0.0)
                })
                .sum()
        })
        .collect())
}

/// What each window of a sum pool multiplies a constant by: its size times its multiplier, row-major.
pub fn window_gains(rows: &[i64], columns: &[i64], multiplier: &[f64]) -> Vec<f64> {
    let sizes = |bounds: &[i64]| {
        bounds.chunks(2).map(|bounds| (bounds[bounds.len() - 1] - bounds[0]) as f64).collect::<Vec<_>>()
    };
    let widths = sizes(columns);
    let windows = sizes(rows).into_iter().flat_map(|height| widths.iter().map(move |width| height * width));
    windows.enumerate().map(|(index, size)| size * multiplier.get(index).copied().unwrap_or(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        interpret::{Network, Sample},
        mlir,
        passes::testing::{integers, network, on_module, operation, random_samples},
    };
    use melior::ir::operation::OperationLike;

    /// The bound of each result channel of `op`, which reads an integer `%x` of `input` channels of 3 x 3, whose magnitudes are
    /// at most `magnitudes`; and the largest magnitudes that random and worst inputs give.
    fn bound_and_largest(op: &str, input: usize, output: &str, magnitudes: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let argument = format!("tensor<?x{input}x3x3xi32>");
        let body = format!(
            "%r = {op} : {} -> {output}",
            if op.contains("%x, %x") { format!("({argument}, {argument})") } else { format!("({argument})") }
        );
        on_module(&network(&argument, &body, output), |module| {
            let op = mlir::operations(mlir::network_block(operation(module)).unwrap())[0];
            let operands = vec![magnitudes.to_vec(); op.operand_count()];
            let bound = of_linear(op, &operands).unwrap();
            let network = Network::new(operation(module)).unwrap();
            let forward = |sample: &Sample| network.forward(sample, &mut |_, _| ()).unwrap().remove(0);
            let mut largest = vec![0.0f64; bound.len()];
            let mut see = |sample: &Sample| {
                for (largest, channel) in largest.iter_mut().zip(forward(sample).outer_iter()) {
                    *largest = channel.iter().fold(*largest, |largest, value| largest.max(value.abs()));
                }
            };
            let shape = [input, 3, 3];
            let limits = Sample::from_shape_fn(&shape[..], |index| magnitudes[index[0]]);
            let random = random_samples(&shape);
            (0..random.count)
                .for_each(|index| see(&((random.fetch)(index) / 4.0 * &limits).mapv(f64::trunc)));
            // The op is linear: its response to each input alone has the sign that the worst input needs.
            let outputs = forward(&limits).len();
            for output in 0..outputs {
                let worst = Sample::from_shape_fn(&shape[..], |index| {
                    let mut alone = Sample::zeros(&shape[..]);
                    alone[&index] = 1.0;
                    let response = forward(&alone).iter().copied().nth(output).unwrap();
                    response.signum() * magnitudes[index[0]]
                });
                see(&worst);
            }
            (bound, largest)
        })
    }

    #[test]
    fn bounds_hold_and_are_reached() {
        let conv = |groups: usize| {
            format!(
                "\"ann.conv\"(%x) {{bias = dense<0> : tensor<6xi32>, weight = {}, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, \
                 dilation = array<i64: 1, 1>, groups = {groups}, transposed = false}}",
                integers(&[6, 4 / groups, 3, 2], groups as u64, 9, "i8"),
            )
        };
        let turned = format!(
            "\"ann.conv\"(%x) {{bias = dense<0> : tensor<6xi32>, weight = {}, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, \
             dilation = array<i64: 1, 1>, groups = 2, transposed = true}}",
            integers(&[6, 2, 2, 3], 3, 9, "i8"),
        );
        let small = "tensor<?x6x1x2xi32>";
        let scale = format!(
            "\"ann.scale\"(%x) {{bias = dense<0> : tensor<4xi32>, weight = {}}}",
            integers(&[4], 5, 900, "i16")
        );
        let pool = "\"ann.sum_pool2d\"(%x) {rows = array<i64: 0, 1, 0, 3>, columns = array<i64: 0, 2, 1, 3>, \
                    multiplier = dense<[[7, 1], [2, 2]]> : tensor<2x2xi32>}";
        let same = "tensor<?x4x3x3xi32>";
        for (op, output) in [
            (conv(1).as_str(), small),
            (conv(2).as_str(), small),
            (&turned, "tensor<?x6x4x5xi32>"),
            (&scale, same),
            (pool, "tensor<?x4x2x2xi32>"),
            ("\"ann.add\"(%x, %x)", same),
            ("\"ann.concat\"(%x, %x) {axis = 1}", "tensor<?x8x3x3xi32>"),
            ("\"ann.gather\"(%x) {axis = 1, indices = array<i64: 1, 3, 1>}", "tensor<?x3x3x3xi32>"),
            ("\"ann.permute\"(%x) {axes = array<i64: 0, 2, 1, 3>}", "tensor<?x3x4x3xi32>"),
            (
                "\"ann.pad\"(%x) {before = array<i64: 0, 1, 0, 0>, after = array<i64: 0, 1, 0, 0>}",
                "tensor<?x6x3x3xi32>",
            ),
            ("\"ann.reshape\"(%x)", "tensor<?x36xi32>"),
            ("\"ann.reshape\"(%x)", "tensor<?x2x18xi32>"),
        ] {
            let (bound, largest) = bound_and_largest(op, 4, output, &[3.0, 1.0, 10.0, 5.0]);
            assert_eq!(bound, largest, "{op}");
        }
    }

    #[test]
    fn spiking_ops_are_bounded_as_integer_ones() {
        let argument = "tensor<?x3xi32>";
        let weight = integers(&[2, 3], 1, 9, "i8");
        for attributes in [
            format!("\"snn.linear\"(%x) {{weight = {weight}}}"),
            format!("\"ann.linear\"(%x) {{weight = {weight}, bias = dense<99> : tensor<2xi32>}}"),
        ] {
            let body = format!("%r = {attributes} : ({argument}) -> tensor<?x2xi32>");
            on_module(&network(argument, &body, "tensor<?x2xi32>"), |module| {
                let op = mlir::operations(mlir::network_block(operation(module)).unwrap())[0];
                let weights = TensorAttr::from_attribute(op.attribute("weight").unwrap())
                    .unwrap()
                    .read()
                    .unwrap()
                    .to_f64();
                let sum =
                    |row: &[f64]| row.iter().zip([2.0, 3.0, 5.0]).map(|(w, m)| w.abs() * m).sum::<f64>();
                let wanted = weights.chunks(3).map(sum).collect::<Vec<_>>();
                assert_eq!(of_linear(op, &[vec![2.0, 3.0, 5.0]]).unwrap(), wanted);
            });
        }
    }
}

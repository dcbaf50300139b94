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
        (Some(ann::Op::Conv2d(ann::Conv2d { weight, groups, .. })), _)
        | (_, Some(snn::Op::Conv2d(snn::Conv2d { weight, groups, .. }))) => {
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
            let gain = largest_window(&rows, &columns, &multiplier.read()?.to_f64());
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

fn largest_window(rows: &[i64], columns: &[i64], multiplier: &[f64]) -> f64 {
    let sizes = |bounds: &[i64]| {
        bounds.chunks(2).map(|bounds| (bounds[bounds.len() - 1] - bounds[0]) as f64).collect::<Vec<_>>()
    };
    let (heights, widths) = (sizes(rows), sizes(columns));
    let mut largest = 0.0f64;
    for (y, height) in heights.iter().enumerate() {
        for (x, width) in widths.iter().enumerate() {
            largest = largest
                .max(height * width * multiplier.get(y * widths.len() + x).copied().unwrap_or(1.0).abs());
        }
    }
    largest
}

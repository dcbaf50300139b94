//! Windows: strides, padding, dilation, groups and pools.

use super::{
    Kind,
    change::{attribute, first, store, tensor, view, write},
};
use crate::mlir::{self, Number};
use melior::ir::{OperationRef, Value, operation::OperationLike};
use neurocuda_dialects::{Tensor, ann, torch};

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::after("stride-ignored", "the first strided convolution or pool goes on by one element", |module| {
        first(module, |operation| {
            attribute(operation, "stride", |stride: Vec<i64>| {
                stride.iter().any(|&stride| stride != 1).then(|| vec![1; stride.len()])
            })
        });
    }),
    Kind::before("padding-value", "the first padded convolution pads with -0.4", |module| {
        first(module, |operation| pad(operation, -0.4, |padding| [padding, padding]));
    }),
    Kind::before("padding-side", "the first padded convolution pads at the beginning only", |module| {
        first(module, |operation| pad(operation, 0.0, |padding| [2 * padding, 0]));
    }),
    Kind::after("dilation-ignored", "the first dilated convolution takes neighbours", |module| {
        first(module, undilated);
    }),
    Kind::after(
        "groups-merged",
        "the first grouped convolution reads the channels of all groups",
        |module| {
            first(module, merged);
        },
    ),
    Kind::before("max-to-average-pool", "the first max pool takes means", |module| first(module, averaged)),
    Kind::after("average-divisor", "the first average pool divides by the rows of a window", |module| {
        first(module, |operation| {
            let rows = view::<ann::AvgPool2d>(operation)?.rows;
            tensor(operation, "divisor", |divisor| {
                let width = divisor.shape.last().copied().unwrap_or(1).max(1);
                let row = |index: usize| rows.get(2 * (index / width)..2 * (index / width) + 2);
                let divisors =
                    (0..divisor.elements.len()).map(|index| Some((row(index)?[1] - row(index)?[0]) as f64));
                divisors.collect()
            })
        });
    }),
];

/// Moves the padding of a convolution into a pad op of another value or other sides.
fn pad(operation: OperationRef, value: f64, sides: fn(i64) -> [i64; 2]) -> Option<()> {
    let conv = view::<torch::Convolution>(operation)?;
    if conv.transposed || conv.padding.iter().all(|&padding| padding == 0) {
        return None;
    }
    let side = |side: usize| {
        let padding = conv.padding.iter().map(|&padding| sides(padding)[side]);
        [0, 0].into_iter().chain(padding).collect::<Vec<_>>()
    };
    let view = torch::ConstantPad { before: side(0), after: side(1), value };
    let input = operation.operand(0).ok()?;
    let mut shape = mlir::sample_shape(input).ok()?;
    shape.iter_mut().skip(1).zip(&conv.padding).for_each(|(size, padding)| *size += 2 * *padding as usize);
    let r#type = mlir::batch_type(mlir::context(operation), &shape, Number::Real);
    let padded = mlir::insert_before(operation, &view, &[input], r#type).ok()?;
    mlir::set_operand(operation, 0, padded);
    let unpadded = torch::Convolution { padding: vec![0; conv.padding.len()], ..conv };
    write(operation, &unpadded);
    Some(())
}

/// The result keeps its size: less padding is needed where a window is smaller.
fn undilated(operation: OperationRef) -> Option<()> {
    let mut conv = view::<ann::Conv>(operation)?;
    let kernel = conv.weight.shape();
    let mut changed = false;
    for axis in 0..conv.dilation.len() {
        let spare = (conv.dilation[axis] - 1) * (*kernel.get(axis + 2)? as i64 - 1);
        changed |= spare > 0;
        conv.padding[axis] -= spare / 2;
        conv.dilation[axis] = 1;
    }
    changed.then(|| write(operation, &conv))
}

fn merged(operation: OperationRef) -> Option<()> {
    let conv = view::<ann::Conv>(operation).filter(|conv| conv.groups > 1 && !conv.transposed)?;
    let Tensor { mut shape, elements } = conv.weight.read().ok()?;
    let (groups, values) =
        (conv.groups as usize, Tensor { shape: shape.clone(), elements: elements.clone() }.to_f64());
    let row = shape.iter().skip(1).product::<usize>();
    let repeated = values.chunks(row.max(1)).flat_map(|row| row.repeat(groups)).collect::<Vec<_>>();
    *shape.get_mut(1)? *= groups;
    write(operation, &ann::Conv { groups: 1, ..conv });
    store(operation, "weight", shape, &elements, &repeated)
}

fn averaged(operation: OperationRef) -> Option<()> {
    let pool = view::<torch::MaxPool>(operation)?;
    if pool.dilation.iter().any(|&dilation| dilation != 1) {
        return None;
    }
    let average = torch::AvgPool {
        kernel: pool.kernel,
        stride: pool.stride,
        padding: pool.padding,
        ceil_mode: pool.ceil_mode,
        count_include_pad: false,
        divisor_override: 0,
    };
    let (input, result): (Value, _) = (operation.operand(0).ok()?, mlir::result(operation).ok()?);
    let averaged =
        mlir::insert_before(operation, &average, &[input], melior::ir::ValueLike::r#type(&result)).ok()?;
    mlir::replace(operation, averaged).ok()
}

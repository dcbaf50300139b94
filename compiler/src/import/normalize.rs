//! Normalisation that the command line adds to the network's input.

use crate::mlir::{self, IrError, IrResult};
use melior::ir::{BlockLike, Module, ValueLike, operation::OperationLike};
use neurocuda_dialects::{Tensor, TensorAttr, View, torch};

/// Puts `(x · scale − mean) / std` before everything that reads the input. An empty `mean` is 0, an empty `std` 1; one number
/// stands for all channels.
///
/// # Errors
///
/// If the graph normalises its input itself, the numbers are not as many as the channels, or a deviation is not positive.
pub fn normalize_input<'c>(module: &Module<'c>, scale: f64, mean: &[f64], std: &[f64]) -> IrResult<'c, ()> {
    let block = mlir::network_block(module.as_operation())?;
    let input = block.argument(0).map_err(|_| IrError::module("the network has no input"))?.into();
    let channels = mlir::sample_shape(input)?.first().copied().unwrap_or(1);
    let spread = |name: &str, values: &[f64], default: f64| match values.len() {
        0 => Ok(vec![default; channels]),
        1 => Ok(vec![values[0]; channels]),
        count if count == channels => Ok(values.to_vec()),
        count => Err(IrError::module(format!("--{name} has {count} numbers, the input {channels} channels"))),
    };
    let (mean, std) = (spread("mean", mean, 0.0)?, spread("std", std, 1.0)?);
    if !(scale.is_finite() && scale != 0.0 && mean.iter().all(|mean| mean.is_finite())) {
        return Err(IrError::module("--scale and --mean must be finite, and --scale not 0"));
    }
    if !std.iter().all(|&std| std.is_finite() && std > 0.0) {
        return Err(IrError::module("every --std must be positive"));
    }
    let operations = mlir::operations(block);
    if let Some(own) = operations.iter().find(|operation| mlir::has_name(**operation, torch::Normalize::NAME))
    {
        return Err(IrError::at(
            *own,
            "the graph normalises its input itself: remove its `normalize`, or give no --mean, --std and --scale",
        ));
    }
    let Some(&first) = operations.first() else { return Err(IrError::module("the network is empty")) };
    let context = mlir::context(first);
    let reals = |name: &str, values: Vec<f64>| TensorAttr::new(context, name, &Tensor::reals(values));
    let view = torch::Normalize { scale, mean: reals("mean", mean)?, std: reals("std", std)? };
    let location = mlir::named_location(context, "normalize", first.location());
    let normalized = mlir::insert_before_at(first, &view, &[input], input.r#type(), location)?;
    if let Some(operation) = mlir::definition(normalized) {
        mlir::replace_uses_except(input, normalized, operation);
    }
    Ok(())
}

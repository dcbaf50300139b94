//! Biases on the dynamics of a rate network, as `correct-rate` shifts them.
//!
//! Op for op, the network afterwards is the one before but for the biases of its neurons and the steps from which its readouts count. A
//! channel is shifted as a whole, by no more than the pass allows itself. Whether that brings rates nearer to the real ones is an
//! estimate, which the pass makes on its own samples: on others, and where a layer pays for those before it, it need not hold.

use super::{layers::Around, same::Values};
use crate::{
    analysis::charge,
    mlir::{self, IrError, IrResult},
    passes::{ann_to_snn::synapses::STEPS, snn_to_snn::correct_rate::LARGEST_SHIFT},
};
use melior::ir::{OperationRef, attribute::IntegerAttribute, operation::OperationLike};
use ndarray::Axis;
use neurocuda_dialects::snn;

pub(super) fn check(around: &Around) -> Result<(), String> {
    steps(around.after).and_then(|steps| structure(around, steps)).map_err(|error| error.message)
}

fn steps<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, u32> {
    let function = mlir::network(module)?;
    let steps = function.attribute(STEPS).ok().and_then(|steps| IntegerAttribute::try_from(steps).ok());
    let steps = steps.and_then(|steps| u32::try_from(steps.value()).ok()).filter(|&steps| steps > 0);
    steps.ok_or_else(|| IrError::at(function, format!("the network does not state `{STEPS}`")))
}

/// Compares the modules op by op.
fn structure<'c>(around: &Around<'c, '_>, steps: u32) -> IrResult<'c, ()> {
    let rounds = around.options.get::<f64>("rounds").map_err(|error| IrError::module(error.to_string()))?;
    let [before, after] = [around.before, around.after].map(mlir::network_block);
    let (before, after) = (mlir::operations(before?), mlir::operations(after?));
    let mut values = Values::default();
    for (index, &operation) in after.iter().enumerate() {
        let name = mlir::layer(operation);
        let neurons = mlir::view::<snn::If>(operation)?;
        let readout = mlir::view::<snn::Readout>(operation)?;
        let may_differ = |attribute: &str| {
            (neurons.is_some() && attribute == "bias") || (readout.is_some() && attribute == "start")
        };
        let original = before.get(index).copied();
        let Some(original) = original.filter(|original| values.same(*original, operation, may_differ)) else {
            return Err(IrError::at(
                operation,
                format!("layer `{name}`: `{}` has changed", mlir::name(operation)),
            ));
        };
        if let Some(readout) = readout.filter(|readout| !(0..i64::from(steps)).contains(&readout.start)) {
            let message = format!("layer `{name}` counts from step {} of {steps}", readout.start);
            return Err(IrError::at(operation, message));
        }
        if let (Some(neurons), Some(original)) = (neurons, mlir::view::<snn::If>(original)?) {
            // A bias is corrected on half of the steps at least, and rounded in each round.
            let unit = 2.0 * LARGEST_SHIFT / f64::from(steps);
            shifted(operation, &original, &neurons, |threshold| rounds * (unit * threshold + 1.0))?;
        }
    }
    if before.len() == after.len() { Ok(()) } else { Err(IrError::module("ops have come or gone")) }
}

/// Demands one shift a channel, of at most `allowed` of its threshold.
fn shifted<'c>(
    operation: OperationRef<'c, '_>,
    before: &snn::If<'c>,
    after: &snn::If<'c>,
    allowed: impl Fn(f64) -> f64,
) -> IrResult<'c, ()> {
    let shape = mlir::sample_shape(mlir::result(operation)?)?;
    let shift = charge::read(after.bias, &shape)? - charge::read(before.bias, &shape)?;
    let thresholds = charge::read(after.threshold, &shape)?;
    for (channel, (shift, thresholds)) in
        shift.axis_iter(Axis(0)).zip(thresholds.axis_iter(Axis(0))).enumerate()
    {
        let (first, allowed) =
            (shift.first().copied().unwrap_or(0.0), allowed(thresholds.first().copied().unwrap_or(0.0)));
        if let Some(shift) = shift.iter().find(|&&shift| shift != first || shift.abs() > allowed) {
            let message = format!(
                "layer `{}`: the bias of channel {channel} is shifted by {shift}, not evenly or by more than {allowed:.0}",
                mlir::layer(operation)
            );
            return Err(IrError::at(operation, message));
        }
    }
    Ok(())
}

//! Biases on the dynamics of a rate network, as `correct-rate` shifts them.
//!
//! Op for op, the network afterwards is the one before but for the biases of its neurons and the steps from which its readouts count. A
//! channel is shifted as a whole, by no more than the pass allows itself. Where the real network is known, the rates of no layer may be
//! much farther from the real ones than they were: the pass looks at other samples, and lets a layer pay for those before it.

use super::{layers::Around, same::Values};
use crate::{
    analysis::charge,
    interpret::{Network, Sample, StepLimit},
    mlir::{self, IrError, IrResult},
    passes::{
        ann_to_snn::{lower_to_rate::SPIKE_VALUE, synapses::STEPS},
        snn_to_snn::correct_rate::LARGEST_SHIFT,
    },
    session::Reference,
};
use melior::ir::{OperationRef, attribute::IntegerAttribute, operation::OperationLike};
use ndarray::Axis;
use neurocuda_dialects::{Field, TensorAttr, snn};
use rayon::prelude::*;
use std::collections::HashMap;

/// How many times as far from the real rates as before a layer may be, and how many spikes a run on top.
const ALLOWED: (f64, f64) = (2.0, 1.0);

/// A layer of neurons whose real activations are known.
struct Layer {
    name: String,
    /// Op of the spiking network, and of the real one.
    ops: [usize; 2],
    /// Whether it counts the negative part.
    negative: bool,
    /// Real value of a spike, of each channel.
    value: Vec<f64>,
}

pub(super) fn check(around: &Around) -> Result<(), String> {
    let message = |error: IrError| error.message;
    let steps = steps(around.after).map_err(message)?;
    let layers = structure(around, steps).map_err(message)?;
    let Some(reference) = &around.session.reference else { return Ok(()) };
    let distances = |module| {
        let network = Network::new(module).map_err(message)?;
        distances(&network, reference, &layers, &around.samples, steps)
    };
    let (before, after) = (distances(around.before)?, distances(around.after)?);
    for ((layer, before), after) in layers.iter().zip(before).zip(after) {
        if after > ALLOWED.0 * before + ALLOWED.1 {
            return Err(format!(
                "layer `{}`: channels are {after:.2} spikes from the real rates, and were {before:.2}",
                layer.name
            ));
        }
    }
    Ok(())
}

fn steps<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, u32> {
    let function = mlir::network(module)?;
    let steps = function.attribute(STEPS).ok().and_then(|steps| IntegerAttribute::try_from(steps).ok());
    let steps = steps.and_then(|steps| u32::try_from(steps.value()).ok()).filter(|&steps| steps > 0);
    steps.ok_or_else(|| IrError::at(function, format!("the network does not state `{STEPS}`")))
}

/// Compares the modules op by op, and finds the layers of the second.
fn structure<'c>(around: &Around<'c, '_>, steps: u32) -> IrResult<'c, Vec<Layer>> {
    let rounds = around.options.get::<f64>("rounds").map_err(|error| IrError::module(error.to_string()))?;
    let [before, after] = [around.before, around.after].map(mlir::network_block);
    let (before, after) = (mlir::operations(before?), mlir::operations(after?));
    let mut values = Values::default();
    let mut layers = Vec::new();
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
            layers.extend(layer(around, operation, index)?);
        }
    }
    if before.len() == after.len() { Ok(layers) } else { Err(IrError::module("ops have come or gone")) }
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

fn layer<'c>(
    around: &Around<'c, '_>,
    operation: OperationRef<'c, '_>,
    index: usize,
) -> IrResult<'c, Option<Layer>> {
    let name = mlir::layer(operation);
    let (real, negative) = name.strip_suffix(".negative").map_or((name.as_str(), false), |real| (real, true));
    let op = around.session.reference.as_ref().and_then(|reference| reference.activations.get(real)).copied();
    let value = operation.attribute(SPIKE_VALUE).ok().and_then(TensorAttr::get);
    let (Some(op), Some(value)) = (op, value) else { return Ok(None) };
    let value = value.read()?.to_f64();
    Ok(Some(Layer { ops: [index, op], negative, value, name }))
}

/// For each layer the root mean square, over its channels, of how many spikes a run its mean is from the real one. The later half of
/// the run counts, twice: what a layer does while its input settles is not corrected.
fn distances(
    network: &Network,
    reference: &Reference,
    layers: &[Layer],
    samples: &[Sample],
    steps: u32,
) -> Result<Vec<f64>, String> {
    let settled = steps / 2;
    let share = f64::from(steps) / f64::from(steps - settled);
    let by_op = |side: usize| layers.iter().enumerate().map(move |(layer, of)| (of.ops[side], layer));
    let spiking = by_op(0).collect::<HashMap<_, _>>();
    let per_sample = samples.par_iter().map(|sample| {
        let mut differences = layers.iter().map(|layer| vec![0.0; layer.value.len()]).collect::<Vec<_>>();
        let mut add = |layer: usize, result: &Sample, worth: &dyn Fn(f64, f64) -> f64| {
            let (sums, of) = (&mut differences[layer], &layers[layer]);
            for ((sum, channel), value) in sums.iter_mut().zip(result.axis_iter(Axis(0))).zip(&of.value) {
                *sum += channel.iter().map(|&x| worth(x, *value)).sum::<f64>() / channel.len().max(1) as f64;
            }
        };
        let mut probe = |step: u32, op: usize, sent: &Sample| {
            if let Some(&layer) = spiking.get(&op).filter(|_| step >= settled) {
                add(layer, sent, &|spikes, _| spikes * share);
            }
        };
        network.simulate(sample, StepLimit::Exactly(steps), &mut probe).map_err(|error| error.to_string())?;
        let mut probe = |op: usize, result: &Sample| {
            for (_, layer) in by_op(1).filter(|(own, _)| *own == op) {
                let sign = if layers[layer].negative { -1.0 } else { 1.0 };
                add(layer, result, &|x, value| -(sign * x / value).clamp(0.0, f64::from(steps)));
            }
        };
        reference.network.logits(sample, &mut probe).map_err(|error| error.to_string())?;
        Ok(differences)
    });
    let per_sample = per_sample.collect::<Result<Vec<_>, String>>()?;
    let distance = |layer: usize| {
        let channels = layers[layer].value.len().max(1);
        let mean = |channel: usize| {
            per_sample.iter().map(|sample| sample[layer][channel]).sum::<f64>() / samples.len().max(1) as f64
        };
        ((0..layers[layer].value.len()).map(|channel| mean(channel).powi(2)).sum::<f64>() / channels as f64)
            .sqrt()
    };
    Ok((0..layers.len()).map(distance).collect())
}

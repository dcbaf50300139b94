//! Biases alone, as `correct-bias` shifts them.
//!
//! Op for op, the network afterwards is the one before but for its biases and the observations, which are gone. On the samples that the
//! pass looked at, the mean of what flows into a membrane is that of the real network to half a unit, wherever a bias goes straight in.

use super::{
    layers::Around,
    same::Values,
    trace::{self, Trace},
};
use crate::{
    interpret::{Network, Sample, in_order},
    mlir::{self, IrError, IrResult},
    passes::ann_to_ann::correct_bias::SAMPLES,
};
use melior::ir::{OperationRef, Value, operation::OperationLike};
use neurocuda_dialects::{View, ann};
use std::collections::BTreeMap;

/// Slack for sums of means, in units.
const SLACK: f64 = 1e-6;

/// A membrane with a bias of its own.
struct Site {
    layer: String,
    /// The value that flows in, after the pass.
    value: usize,
    /// Mean that calibration saw of each channel, in units.
    target: Vec<f64>,
}

pub(super) fn check(around: &Around) -> Result<(), String> {
    let message = |error: IrError| error.message;
    let network = Network::new(around.after).map_err(message)?;
    let sites = sites(around, &network).map_err(message)?;
    let Some(samples) = &around.session.calibration else { return Ok(()) };
    let count = samples.count.min(SAMPLES);
    let mut means = sites.iter().map(|site| vec![0.0; site.target.len()]).collect::<Vec<_>>();
    in_order(
        count,
        |index| {
            let trace = trace::run(&network, &(samples.fetch)(index), &BTreeMap::new());
            Ok(channel_means(&sites, &trace.map_err(|error| error.to_string())?))
        },
        |_, sample: Vec<Vec<f64>>| {
            for (sum, mean) in means.iter_mut().flatten().zip(sample.iter().flatten()) {
                *sum += mean / count as f64;
            }
            Ok::<_, String>(())
        },
    )?;
    for (site, means) in sites.iter().zip(&means) {
        for (channel, (mean, target)) in means.iter().zip(&site.target).enumerate() {
            if (mean - target).abs() > 0.5 + SLACK * (1.0 + target.abs()) {
                return Err(format!(
                    "layer `{}`: the mean of channel {channel} is {mean:.2} units, and {target:.2} in the real network",
                    site.layer
                ));
            }
        }
    }
    Ok(())
}

fn channel_means(sites: &[Site], trace: &Trace) -> Vec<Vec<f64>> {
    let means = |site: &Site| {
        let value: &Sample = &trace.values[site.value];
        let (channel, plane) =
            (trace::channel(value, site.target.len()), value.len() / site.target.len().max(1));
        let mut means = vec![0.0; site.target.len()];
        value.iter().enumerate().for_each(|(index, x)| means[channel(index)] += x / plane.max(1) as f64);
        means
    };
    sites.iter().map(means).collect()
}

/// Compares the modules op by op, and finds the membranes of the second.
fn sites<'c>(around: &Around<'c, '_>, network: &Network) -> IrResult<'c, Vec<Site>> {
    let [before, after] = [around.before, around.after].map(mlir::network_block);
    let (before, after) = (mlir::operations(before?), mlir::operations(after?));
    let is_observation = |operation: &OperationRef<'c, '_>| mlir::has_name(*operation, ann::Observe::NAME);
    let mut values = Values::default();
    let mut originals = before.into_iter().filter(|operation| !is_observation(operation));
    let mut sites = Vec::new();
    for (index, &operation) in after.iter().enumerate() {
        let layer = mlir::layer(operation);
        let original = originals.next();
        let Some(original) =
            original.filter(|original| values.same(*original, operation, |name| name == "bias"))
        else {
            return Err(IrError::at(
                operation,
                format!("layer `{layer}`: `{}` has changed in more than its bias", mlir::name(operation)),
            ));
        };
        let unit = match ann::Op::read(operation)? {
            Some(ann::Op::Requantize(view)) => {
                let (scale, threshold) = (view.scale.read()?.to_f64(), view.threshold.read()?.to_f64());
                scale.iter().zip(&threshold).map(|(scale, threshold)| scale / threshold).collect()
            }
            Some(ann::Op::RequantizeTable(view)) => view.unit.read()?.to_f64(),
            Some(ann::Op::Dequantize(view)) => view.scale.read()?.to_f64(),
            _ => continue,
        };
        let (real, integer) = (mlir::operand(original)?, mlir::operand(operation)?);
        if takes_a_bias(integer)? != Some(true) {
            continue;
        }
        let mut observed = None;
        for user in mlir::users(real) {
            observed = observed.or(mlir::view::<ann::Observe>(user)?);
        }
        let Some(observe) = observed else { continue };
        let target =
            observe.mean.read()?.to_f64().iter().zip(&unit).map(|(mean, unit)| mean / unit).collect();
        sites.push(Site { layer, value: network.ops()[index].inputs[0], target });
    }
    match originals.next() {
        Some(operation) => Err(IrError::at(operation, format!("layer `{}` is gone", mlir::layer(operation)))),
        None => Ok(sites),
    }
}

/// Whether a bias goes into `value` as it is; `None` if none does. Of a sum, the first operand that takes one decides.
fn takes_a_bias<'c>(value: Value<'c, '_>) -> IrResult<'c, Option<bool>> {
    let Some(operation) = mlir::definition(value) else { return Ok(None) };
    Ok(match ann::Op::read(operation)? {
        Some(ann::Op::Conv(_) | ann::Op::Linear(_) | ann::Op::Scale(_)) => Some(true),
        Some(ann::Op::Add(_)) => {
            for operand in operation.operands() {
                if let Some(straight) = takes_a_bias(operand)? {
                    return Ok(Some(straight));
                }
            }
            None
        }
        // A shift of several features or of a sum is rounded once more.
        Some(
            ann::Op::SumPool2d(_)
            | ann::Op::Concat(_)
            | ann::Op::Gather(_)
            | ann::Op::Permute(_)
            | ann::Op::Reshape(_),
        ) => Some(false),
        _ => None,
    })
}

//! Grids of levels, as `choose-thresholds` puts activations on them.
//!
//! What an activation receives may not change in any bit. Its result may move by half a step inside the grid, and the grid may not reach
//! past the activation's own limits by more. A step of a channel must serve what calibration saw of it no worse than the step that
//! just reaches the largest value: least squares begin there. The network's input has no channel of its own to serve: its step either
//! meets the samples exactly, or just reaches the largest value.

use super::{
    layers::Around,
    trace::{self, Trace},
};
use crate::{
    analysis::{histogram::Distribution, sharing::Sharing},
    interpret::{Network, Sample},
    mlir::{self, IrError, IrResult},
};
use melior::ir::{OperationRef, operation::OperationLike};
use neurocuda_dialects::{View, ann};
use std::collections::BTreeMap;

/// Relative slack for sums in another order.
const SLACK: f64 = 1e-9;

/// An activation and its grid.
struct Site {
    layer: String,
    /// Its op before the pass, and after.
    ops: [usize; 2],
    activation: ann::Activation,
    steps: Vec<f64>,
    low: f64,
    high: f64,
    /// What calibration saw of each channel.
    seen: Vec<Distribution>,
    /// Whether each channel shares its step with others.
    shared: Vec<bool>,
    is_input: bool,
    /// Whether it follows a curve, which keeps within its limits by itself.
    curved: bool,
    /// Limits that what flows in was cut at before.
    cuts: Vec<f64>,
}

pub(super) fn check(around: &Around) -> Result<(), String> {
    let sites = sites(around).map_err(|error| error.message)?;
    let networks = [around.before, around.after].map(Network::new);
    let [Ok(before), Ok(after)] = networks else { return Err("a module does not run".to_owned()) };
    for site in &sites {
        site.serves_what_was_seen()?;
    }
    let mut exact = true;
    for sample in &around.samples {
        let fail = |error: crate::interpret::InterpretError| error.to_string();
        let gridded = trace::run(&after, sample, &BTreeMap::new()).map_err(fail)?;
        let at = |site: &Site| result(&after, &gridded, site.ops[1]).clone();
        let replace = sites.iter().map(|site| (site.ops[0], at(site))).collect::<BTreeMap<_, _>>();
        let real = trace::run(&before, sample, &replace).map_err(fail)?;
        for site in &sites {
            let [operand, gridded_operand] = [(&before, &real, 0), (&after, &gridded, 1)]
                .map(|(network, trace, side)| &trace.values[network.ops()[site.ops[side]].inputs[0]]);
            if operand != gridded_operand {
                return Err(format!("layer `{}`: what flows in is not what it was", site.layer));
            }
            site.keeps(&real.replaced[&site.ops[0]], &at(site))?;
            if site.is_input {
                exact &= site.meets(&real.replaced[&site.ops[0]], &at(site));
            }
        }
        let logits = before.logit_values().into_iter().zip(after.logit_values());
        for (output, (before, after)) in logits.enumerate() {
            if real.values[before] != gridded.values[after] {
                return Err(format!("output {output}: what flows in is not what it was"));
            }
        }
    }
    sites.iter().try_for_each(|site| {
        site.stays_within_limits(&before, &after)?;
        if site.is_input && !exact { site.reaches_the_largest_input() } else { Ok(()) }
    })
}

/// The result of an op as its readers saw it.
fn result<'t>(network: &Network, trace: &'t Trace, op: usize) -> &'t Sample {
    &trace.values[network.ops()[op].output.unwrap_or(0)]
}

fn sites<'c>(around: &Around<'c, '_>) -> IrResult<'c, Vec<Site>> {
    let sharing = Sharing::of(around.before, |_| Ok(false))?;
    let sizes = sharing.sizes();
    let [before, after] = [around.before, around.after].map(mlir::network_block);
    let mut grids = Vec::new();
    for (index, operation) in mlir::operations(after?).into_iter().enumerate() {
        if let Some(view) = mlir::view::<ann::FakeQuantize>(operation)? {
            grids.push((mlir::location_layer(operation.location()), index, view));
        }
    }
    let mut grids = grids.into_iter();
    let mut sites = Vec::new();
    for (index, operation) in mlir::operations(before?).into_iter().enumerate() {
        let Some(activation) = mlir::view::<ann::Activation>(operation)? else { continue };
        let layer = mlir::layer(operation);
        let Some((_, op, grid)) =
            grids.next().filter(|(name, ..)| *name == mlir::location_layer(operation.location()))
        else {
            return Err(IrError::at(operation, format!("layer `{layer}` has no grid at its place")));
        };
        let groups = sharing.of_value(mlir::result(operation)?).unwrap_or_default();
        let definition = mlir::definition(mlir::operand(operation)?);
        let behind = |name| definition.is_some_and(|definition| mlir::has_name(definition, name));
        let (is_input, curved) = (behind(ann::Normalize::NAME), behind(ann::Curve::NAME));
        let normalize = definition.map(mlir::view::<ann::Normalize>).transpose()?.flatten();
        let cuts = match normalize {
            Some(normalize) => {
                [normalize.minimum.read()?.to_f64(), normalize.maximum.read()?.to_f64()].concat()
            }
            None => vec![],
        };
        let unlimited = activation.minimum.is_infinite() && activation.maximum.is_infinite();
        let whole = !(curved || unlimited || activation.minimum == 0.0);
        sites.push(Site {
            layer,
            ops: [index, op],
            activation,
            steps: grid.scale.read()?.to_f64(),
            low: grid.low as f64,
            high: grid.high as f64,
            seen: seen(operation)?,
            shared: groups.iter().map(|&group| whole || sizes[group] > 1).collect(),
            is_input,
            curved,
            cuts,
        });
    }
    match grids.next() {
        Some((layer, ..)) => Err(IrError::module(format!("layer `{layer}` had no activation"))),
        None => Ok(sites),
    }
}

/// What calibration saw of the operand of an activation.
fn seen<'c>(activation: OperationRef<'c, '_>) -> IrResult<'c, Vec<Distribution>> {
    for user in mlir::users(mlir::operand(activation)?) {
        let Some(observe) = mlir::view::<ann::Observe>(user)? else { continue };
        let (counts, origin, width) =
            (observe.counts.read()?, observe.origin.read()?.to_f64(), observe.width.read()?.to_f64());
        let bins = counts.shape.last().copied().unwrap_or(1).max(1);
        let channels = origin.iter().zip(&width);
        let channels = counts
            .to_i32()?
            .chunks(bins)
            .zip(channels)
            .map(|(counts, (&origin, &width))| Distribution::new(counts, origin, width))
            .collect();
        return Ok(channels);
    }
    Ok(vec![])
}

impl Site {
    fn fail(&self, what: impl std::fmt::Display) -> Result<(), String> {
        Err(format!("layer `{}`: {what}", self.layer))
    }

    /// Steps that only calibration decides are no worse than those that just reach the largest value.
    fn serves_what_was_seen(&self) -> Result<(), String> {
        let reach = self.high.max(-self.low);
        if self.is_input || reach == 0.0 {
            return Ok(());
        }
        for (channel, (&step, seen)) in self.steps.iter().zip(&self.seen).enumerate() {
            let (largest, cap) = (seen.largest(), self.activation.maximum / reach);
            // The least squares of a limited activation may lie past its limit.
            let own = !self.shared.get(channel).copied().unwrap_or(true) && cap.is_infinite();
            if !own || largest == 0.0 {
                continue;
            }
            let error = |step: f64| seen.squared_error(step, self.low, self.high);
            let (found, allowed) = (error(step), error(largest / reach));
            if found > allowed * (1.0 + SLACK) {
                return self.fail(format!(
                    "a step of {step:.3e} in channel {channel} serves the calibration samples worse than {:.3e} does, the largest \
                     value over {reach} levels (squared error {found:.3e}, not {allowed:.3e})",
                    largest / reach
                ));
            }
        }
        Ok(())
    }

    /// Whether every sample is on the grid. What was cut off is no sample, and a limit need not be a level.
    fn meets(&self, real: &Sample, gridded: &Sample) -> bool {
        let ends = [self.activation.minimum, self.activation.maximum];
        let cut = |x: f64| ends.contains(&x) || self.cuts.contains(&x);
        let close = |real: f64, gridded: f64| (real - gridded).abs() <= SLACK * real.abs();
        real.iter().zip(gridded).all(|(&real, &gridded)| cut(real) || close(real, gridded))
    }

    /// Results on the grid lie within half a step of the activation's, or at an end of the grid.
    fn keeps(&self, real: &Sample, gridded: &Sample) -> Result<(), String> {
        let channel = trace::channel(real, self.steps.len());
        for (index, (&real, &gridded)) in real.iter().zip(gridded).enumerate() {
            let step = self.steps[channel(index)];
            let on_grid = real.clamp(self.low * step, self.high * step);
            let outside = real != on_grid && (gridded - on_grid).abs() <= SLACK * step;
            if !outside && (gridded - real).abs() > step * (0.5 + SLACK * (self.high - self.low)) {
                return self.fail(format!(
                    "{real:.4} becomes {gridded:.4} in channel {}, whose step is {step:.3e}",
                    channel(index)
                ));
            }
        }
        Ok(())
    }

    /// Drives far beyond both ends of the grid.
    fn stays_within_limits(&self, before: &Network, after: &Network) -> Result<(), String> {
        if self.is_input || self.curved {
            return Ok(());
        }
        let Some(shape) = before.value_shape(before.ops()[self.ops[0]].inputs[0]) else { return Ok(()) };
        for levels in [self.low - 3.0, -2.0, 2.0, self.high + 3.0] {
            let driven = trace::scaled(&Sample::from_elem(shape, levels), &self.steps);
            let run = |network: &Network, op: usize| {
                network.evaluate(op, &[&driven]).map_err(|error| error.to_string())
            };
            self.keeps(&run(before, self.ops[0])?, &run(after, self.ops[1])?)?;
        }
        Ok(())
    }

    fn reaches_the_largest_input(&self) -> Result<(), String> {
        let largest = self.seen.iter().map(Distribution::largest).fold(0.0, f64::max);
        let widest = largest / self.high.max(-self.low);
        match self.steps.iter().find(|&&step| largest > 0.0 && step > widest * (1.0 + SLACK)) {
            Some(step) => self.fail(format!(
                "a step of {step:.3e} meets no sample exactly and is coarser than {widest:.3e}, with which the levels reach the \
                 largest value"
            )),
            None => Ok(()),
        }
    }
}

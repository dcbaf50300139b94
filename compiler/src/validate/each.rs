//! `--validate-each`: what a pass does to the network's outputs, measured on samples; and, layer by layer, of a pass that changes numbers
//! on purpose.

pub mod cores;
mod drive;
mod grid;
mod integers;
pub mod kernels;
pub mod layers;
mod means;
mod notes;
mod rates;
mod same;
mod trace;

use crate::{
    interpret::{Network, Sample, StepLimit},
    mlir,
    pass::Claim,
    passes::ann_to_snn::synapses::{SCHEDULE, STEPS},
    session::Samples,
};
use melior::ir::{Module, attribute::IntegerAttribute, operation::OperationLike};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The outputs of all samples in front of their heads, one after the other: an argmax says nothing of a small change, or too much.
pub type Outputs = Vec<f64>;

/// Runs a module of any stage on some samples.
pub struct EachValidator {
    samples: Samples,
    count: usize,
}

impl EachValidator {
    /// Takes the first `count` of `samples`.
    pub fn new(samples: Samples, count: usize) -> Self {
        let count = count.min(samples.count);
        Self { samples, count }
    }

    /// Number of samples it runs.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The samples that it runs.
    pub fn samples(&self) -> Vec<Sample> {
        (0..self.count).map(|index| (self.samples.fetch)(index)).collect()
    }

    /// Runs the module on the samples.
    ///
    /// # Errors
    ///
    /// If the module cannot be run, or an exact schedule does not settle within its proved bound.
    pub fn outputs(&self, module: &Module) -> Result<Outputs, String> {
        let network = Network::new(module.as_operation()).map_err(|error| error.message)?;
        let limit = step_limit(module);
        let outputs = (0..self.count)
            .into_par_iter()
            .map(|index| {
                let sample = (self.samples.fetch)(index);
                let reals = if let (true, Some(limit)) = (network.is_spiking(), limit) {
                    let outcome = network
                        .simulate(&sample, limit, &mut |_, _, _| ())
                        .map_err(|error| error.to_string())?;
                    if matches!(limit, StepLimit::Quiescence { .. }) && outcome.settled_at.is_none() {
                        return Err(format!(
                            "sample {index} has not settled after {} steps, the proved bound",
                            outcome.steps
                        ));
                    }
                    outcome.outputs.into_iter().map(|output| output.logits).collect()
                } else {
                    network.logits(&sample, &mut |_, _| ()).map_err(|error| error.to_string())?
                };
                Ok(reals
                    .iter()
                    .flat_map(|output| output.iter().copied().collect::<Vec<_>>())
                    .collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>, String>>()?;
        Ok(outputs.concat())
    }
}

/// How long a spiking module runs: to quiescence within its bound, or, for `rate`, its number of steps.
pub fn step_limit(module: &Module) -> Option<StepLimit> {
    let function = mlir::network(module.as_operation()).ok()?;
    let steps = IntegerAttribute::try_from(function.attribute(STEPS).ok()?).ok()?.value();
    let steps = u32::try_from(steps).ok()?;
    let schedule = mlir::string(function, SCHEDULE)?;
    Some(if schedule == "rate" {
        StepLimit::Exactly(steps)
    } else {
        // One silent step after the bound shows quiescence.
        StepLimit::Quiescence { at_most: steps.saturating_add(1) }
    })
}

/// The difference between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Change {
    /// Numbers compared.
    pub compared: usize,
    /// Numbers that differ in any bit.
    pub different: usize,
    /// Largest |Δ| over largest |y|.
    pub largest: f64,
    /// Root mean square of Δ over that of y.
    pub rms: f64,
}

impl Change {
    /// Compares the outputs after a pass with those before.
    pub fn between(before: &Outputs, after: &Outputs) -> Self {
        let pairs = || before.iter().zip(after);
        let ratio = |part: f64, whole: f64| if part == 0.0 { 0.0 } else { part / whole };
        let largest = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0, |largest: f64, value| largest.max(value.abs()))
        };
        let squares =
            |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let unequal_counts = before.len().abs_diff(after.len());
        Self {
            compared: before.len(),
            different: pairs().filter(|(before, after)| before != after).count() + unequal_counts,
            largest: ratio(
                largest(&mut pairs().map(|(before, after)| after - before)),
                largest(&mut before.iter().copied()),
            ),
            rms: ratio(
                squares(&mut pairs().map(|(before, after)| after - before)),
                squares(&mut before.iter().copied()),
            ),
        }
    }

    /// Whether the change is within what the claim allows.
    pub fn keeps(&self, claim: Claim) -> bool {
        match claim {
            Claim::Equal => self.different == 0,
            Claim::Rounding => self.largest <= claim.tolerance(),
            Claim::Lossy(limit) => self.rms <= limit,
            // What outputs cannot say: see `layers`.
            Claim::Layerwise | Claim::Another => true,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if self.different == 0 {
            return write!(formatter, "all {} numbers equal", self.compared);
        }
        write!(
            formatter,
            "{} of {} numbers differ, max|Δ|/max|y| = {:.3e}, rms Δ/y = {:.3e}",
            self.different, self.compared, self.largest, self.rms
        )
    }
}

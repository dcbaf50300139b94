//! `lower-to-hold-and-fire`: activations become plain integrate-and-fire neurons behind a gate.
//!
//! ```mlir
//! %2 = "ann.requantize"(%1) {threshold = θ, low = 0, high = 31, …} : …                         // before
//! %2 = "snn.hold_and_fire"(%1) {threshold = θ, initial = ⌊θ/2⌋ + bias, hold = M,               // after
//!                               release = 30, levels = 31, …} : …
//! ```
//!
//! A gate holds the neuron at −M, above the largest partial charge, until all of its input is there; then it fires for `levels`
//! steps, which counts `clip(⌊(h + X)/θ⌋, 0, levels)` exactly, and is shut again. A signed activation becomes two neurons, of `X`
//! and of `−X`, whose difference is the signed count; the second starts at `θ − 1 − h` so that its rounding mirrors the first's.

use super::synapses::{self, Schedule, Site};
use crate::{
    analysis::{latency, magnitude},
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use ndarray::ArrayD;
use neurocuda_dialects::{TensorAttr, ann, snn, stage::Stage};
use std::collections::HashMap;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "lower-to-hold-and-fire",
    summary: "makes the spiking network of schedule hold-and-fire: unsigned spikes, layers released one after the other",
    from: Some(Stage::AnnInteger),
    to: Some(Stage::Snn),
    claim: Claim::Equal,
    options: &[synapses::DELAY],
};

/// Lowers to `snn.hold_and_fire`.
pub struct LowerToHoldAndFire {
    delay: u16,
}

/// Makes the pass.
///
/// # Errors
///
/// If `delay` is no number of steps.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(LowerToHoldAndFire { delay: options.get(synapses::DELAY.name)? }))
}

impl Pass for LowerToHoldAndFire {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let levels = synapses::levels(module)?;
        let operations = mlir::operations(mlir::network_block(module)?);
        // A layer's gate opens in the step in which the last of its input arrives, and stays open for as many steps as it has levels.
        let finals = latency::final_after(&operations, |_, operation| {
            Ok(mlir::view::<ann::Requantize>(operation)?
                .map(|requantize| (requantize.high.max(-requantize.low) as u32, self.delay.into())))
        })?;
        let steps = latency::steps(&operations, &finals)?;
        let charges = partial_charges(&operations)?;
        synapses::lower(module, &mut HoldAndFire { finals, charges, delay: self.delay.into() })?;
        synapses::annotate(module, HoldAndFire::NAME, steps, levels)
    }
}

/// Largest charge that can flow into each value, by channel.
fn partial_charges<'c>(operations: &[OperationRef<'c, '_>]) -> IrResult<'c, Vec<Vec<f64>>> {
    let mut by_value = HashMap::<usize, Vec<f64>>::new();
    let mut charges = Vec::new();
    for &operation in operations {
        let operands = operation
            .operands()
            .map(|value| by_value.get(&(value.to_raw().ptr as usize)).cloned().unwrap_or_default())
            .collect::<Vec<_>>();
        charges.push(operands.first().cloned().unwrap_or_default());
        if operation.result_count() == 0 || mlir::has_name(operation, "func.return") {
            continue;
        }
        let result = mlir::result(operation)?;
        let channels = mlir::sample_shape(result)?.first().copied().unwrap_or(1);
        let magnitude =
            match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
                Some(ann::Op::Encode(encode)) => vec![encode.high.max(-encode.low) as f64; channels],
                Some(ann::Op::EncodeEvents(events)) => {
                    vec![events.frames as f64 * events.high as f64; channels]
                }
                // The two neurons of a signed activation are counted both.
                Some(
                    ann::Op::Requantize(ann::Requantize { low, high, .. })
                    | ann::Op::RequantizeTable(ann::RequantizeTable { low, high, .. }),
                ) => vec![(high - low) as f64; channels],
                Some(ann::Op::Dequantize(_) | ann::Op::Head(_)) | None => vec![],
                Some(_) => magnitude::of_linear(operation, &operands)?,
            };
        by_value.insert(result.to_raw().ptr as usize, magnitude);
    }
    Ok(charges)
}

struct HoldAndFire {
    /// Steps after which each op of the integer network is final.
    finals: Vec<u32>,
    /// Largest charge that flows into each op, by channel.
    charges: Vec<Vec<f64>>,
    /// Steps until a spike arrives.
    delay: i64,
}

impl<'c, 'a> Schedule<'c, 'a> for HoldAndFire {
    const NAME: &'static str = "hold-and-fire";
    const INPUT_EVERY_STEP: bool = false;

    fn neurons(
        &mut self,
        site: &Site<'c, 'a>,
        requantize: &ann::Requantize<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let threshold = requantize.threshold.read()?.to_f64();
        let half = synapses::half(site, &threshold);
        let open = i64::from(self.finals[site.index]) - requantize.high.max(-requantize.low) - self.delay;
        let neurons = |suffix: &str, current: Value<'c, 'a>, initial: &ArrayD<f64>, levels: i64| {
            let largest = initial.iter().fold(0.0, |largest: f64, charge| largest.max(charge.abs()));
            let hold = largest + self.charges[site.index].iter().copied().fold(0.0, f64::max) + 1.0;
            if hold > f64::from(i32::MAX) {
                return Err(IrError::at(
                    site.operation,
                    format!("overflow: holding the layer takes a charge of {hold:.0}, over 32 bits"),
                ));
            }
            let neuron = snn::HoldAndFire {
                threshold: requantize.threshold,
                initial: site.tensor(&format!("initial{suffix}"), initial)?,
                hold: hold as i64,
                release: open,
                levels,
                delay: self.delay,
            };
            let location = if suffix.is_empty() {
                site.operation.location()
            } else {
                let name = mlir::layer(site.operation) + suffix;
                mlir::named_location(mlir::context(site.operation), &name, site.operation.location())
            };
            mlir::insert_before_at(site.operation, &neuron, &[current], current.r#type(), location)
        };
        let positive = neurons("", site.current, &(&half + &site.charge), requantize.high)?;
        if requantize.low == 0 {
            return Ok(positive);
        }
        let mirrored =
            crate::analysis::charge::spread(&threshold, site.charge.shape()) - 1.0 - &half - &site.charge;
        let negative =
            neurons(".negative", synapses::negate(site, site.current)?, &mirrored, -requantize.low)?;
        synapses::difference(site, positive, negative)
    }

    fn readout(&mut self, site: &Site<'c, 'a>, scale: TensorAttr<'c>) -> IrResult<'c, snn::Readout<'c>> {
        synapses::readout_once(site, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        interpret::{Network, StepLimit},
        passes::testing::{check, input_shape, integer_network, on_module, operation, random_samples, run},
    };

    #[test]
    fn every_op_has_a_form_that_gives_the_integer_network() {
        let module = check("lower-to-hold-and-fire", &[], &integer_network());
        assert!(
            module.contains("snn.levels = 7 : i64, snn.schedule = \"hold-and-fire\", snn.steps = 13 : i64"),
            "{module}"
        );
        // One layer of unsigned neurons, and one pair.
        assert_eq!(module.matches("\"snn.hold_and_fire\"").count(), 3);
        assert_eq!(module.matches("release = 0 : i64").count(), 1);
        assert_eq!(module.matches("release = 6 : i64").count(), 2);
    }

    #[test]
    fn gates_hold_until_the_release_and_close_after_the_levels() {
        on_module(&integer_network(), |module| {
            run("lower-to-hold-and-fire", &[], module, &mut Session::default()).unwrap();
            let operations = mlir::operations(mlir::network_block(operation(module)).unwrap());
            let gates =
                operations.iter().map(|op| mlir::view::<snn::HoldAndFire>(*op).unwrap()).collect::<Vec<_>>();
            let network = Network::new(operation(module)).unwrap();
            let samples = random_samples(&input_shape(module));
            let mut spikes = 0.0;
            for sample in 0..samples.count {
                let sample = (samples.fetch)(sample);
                let mut partial = vec![0.0f64; operations.len()];
                let mut currents = vec![None; operations.len() + 1];
                let mut probe = |step: u32, index: usize, sent: &ArrayD<f64>| {
                    if let Some(output) = network.ops()[index].output {
                        let sum = currents[output]
                            .take()
                            .map_or_else(|| sent.clone(), |sum: ArrayD<f64>| sum + sent);
                        currents[output] = Some(sum);
                    }
                    let Some(gate) = &gates[index] else { return };
                    let charge = currents[network.ops()[index].inputs[0]].as_ref().unwrap();
                    partial[index] =
                        charge.iter().fold(partial[index], |most, charge| most.max(charge.abs()));
                    let open = gate.release..gate.release + gate.levels;
                    let count = sent.iter().filter(|spike| **spike != 0.0).count();
                    assert!(count == 0 || open.contains(&i64::from(step)), "{count} spikes in step {step}");
                    spikes += count as f64;
                };
                network.simulate(&sample, StepLimit::Quiescence { at_most: 100 }, &mut probe).unwrap();
                for (gate, partial) in gates.iter().zip(partial) {
                    assert!(
                        gate.as_ref().is_none_or(|gate| (gate.hold as f64) > partial),
                        "{gate:?}: {partial}"
                    );
                }
            }
            assert!(spikes > 100.0, "hardly anything fired: {spikes}");
        });
    }

    #[test]
    fn the_mirrored_neuron_rounds_as_the_first_does() {
        // Of every charge and threshold the two counts' difference is the signed level.
        for threshold in 1i64..=9 {
            let half = threshold / 2;
            for charge in -60i64..=60 {
                let count = |start: i64, charge: i64| (start + charge).div_euclid(threshold).clamp(0, 5);
                let level = (charge + half).div_euclid(threshold).clamp(-5, 5);
                assert_eq!(
                    count(half, charge) - count(threshold - 1 - half, -charge),
                    level,
                    "{charge} by {threshold}"
                );
            }
        }
    }
}

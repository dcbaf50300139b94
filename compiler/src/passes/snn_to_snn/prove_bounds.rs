//! `prove-bounds`: shows that no membrane can overflow, whatever the input, or refuses the network.
//!
//! ```mlir
//! %2 = "snn.st_bif"(%1) {…} : …                                        // before
//! %2 = "snn.st_bif"(%1) {…, snn.membrane_bound = 812345 : i64} : …     // after
//! ```
//!
//! Every value has a bound on the magnitude of the sum of its events up to any step; a linear op multiplies it by the sum of its
//! weights' magnitudes. A membrane then holds at most `|initial| + gain · charge + steps · |bias| + threshold · spikes`, plus twice
//! the charge of a gate.
//!
//! What a `sigma_delta` neuron has sent up to any step is its level, within `low` and `high`: its events telescope. So its readers'
//! membranes, from which nothing is taken, are at any time a weighted sum of levels, old ones and new ones: at most `|initial|` plus the
//! sum of the weights' magnitudes times the largest level. One event is a difference of two levels, `high − low` at most, which is noted
//! as `snn.payload_bound`.

use super::super::ann_to_snn::synapses::STEPS;
use crate::{
    analysis::magnitude,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{
    OperationRef, ValueLike, attribute::IntegerAttribute, operation::OperationLike, r#type::IntegerType,
};
use neurocuda_dialects::{TensorAttr, snn, stage::Stage};
use neurocuda_runtime::artifact::limits::MAX_PAYLOAD;
use std::collections::HashMap;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "prove-bounds",
    summary: "proves that no membrane overflows 32 bits, and notes the bound of each layer",
    from: Some(Stage::Snn),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Name of the attribute that states the bound.
pub const BOUND: &str = "snn.membrane_bound";

/// Name of the attribute that states the largest magnitude of a graded event.
pub const PAYLOAD: &str = "snn.payload_bound";

/// Notes bounds.
pub struct ProveBounds;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(ProveBounds))
}

impl Pass for ProveBounds {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let function = mlir::network(module)?;
        let steps = function.attribute(STEPS).ok().and_then(|steps| IntegerAttribute::try_from(steps).ok());
        let steps = steps
            .ok_or_else(|| IrError::at(function, format!("the network does not state `{STEPS}`")))?
            .value() as f64;
        let mut totals = HashMap::<usize, Vec<f64>>::new();
        for operation in mlir::operations(mlir::network_block(module)?) {
            if mlir::has_name(operation, "func.return") {
                continue;
            }
            let operands = operation
                .operands()
                .map(|value| totals.get(&(value.to_raw().ptr as usize)).cloned().unwrap_or_default())
                .collect::<Vec<_>>();
            let result = mlir::result(operation)?;
            let channels = mlir::sample_shape(result)?.first().copied().unwrap_or(1);
            let op = snn::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
            let op = op.ok_or_else(|| {
                IrError::at(operation, format!("`{}` is no op of `snn`", mlir::name(operation)))
            })?;
            if matches!(op, snn::Op::Head(_)) {
                continue;
            }
            let total = match sent(&op, steps) {
                Some(largest) => {
                    let encodes = matches!(op, snn::Op::Encode(_) | snn::Op::EncodeEvents(_));
                    if let Some(charge) = operands.first().filter(|_| !encodes) {
                        note(operation, membrane(&op, charge, largest, steps)?)?;
                    }
                    if let Some(payload) = payload(&op) {
                        note_payload(operation, payload)?;
                    }
                    vec![largest; channels]
                }
                None => magnitude::of_linear(operation, &operands)?,
            };
            totals.insert(result.to_raw().ptr as usize, total);
        }
        Ok(())
    }
}

/// Largest magnitude of the sum of what a source of events sends; `None` for linear ops.
fn sent(op: &snn::Op, steps: f64) -> Option<f64> {
    Some(match op {
        snn::Op::Encode(encode) => {
            encode.high.max(-encode.low) as f64 * if encode.every_step { steps } else { 1.0 }
        }
        snn::Op::EncodeEvents(events) => events.frames as f64 * events.high as f64,
        snn::Op::StBif(neuron) => neuron.high.max(-neuron.low) as f64,
        snn::Op::StBifTable(neuron) => neuron.high.max(-neuron.low) as f64,
        snn::Op::SigmaDelta(neuron) => neuron.high.max(-neuron.low) as f64,
        snn::Op::SigmaDeltaTable(neuron) => neuron.high.max(-neuron.low) as f64,
        snn::Op::HoldAndFire(neuron) => neuron.levels as f64,
        snn::Op::If(_) => steps,
        snn::Op::Readout(_) => 0.0,
        _ => return None,
    })
}

/// Largest magnitude of the membrane of any neuron of a layer.
fn membrane<'c>(op: &snn::Op<'c>, charge: &[f64], sent: f64, steps: f64) -> IrResult<'c, f64> {
    let largest = |tensor: TensorAttr<'c>| -> IrResult<'c, f64> {
        Ok(tensor.read()?.to_f64().iter().fold(0.0, |largest, value| largest.max(value.abs())))
    };
    let charge = charge.iter().copied().fold(0.0, f64::max);
    Ok(match op {
        snn::Op::StBif(neuron) => largest(neuron.initial)? + charge + largest(neuron.threshold)? * sent,
        // Nothing is taken from it.
        snn::Op::StBifTable(snn::StBifTable { initial, .. })
        | snn::Op::SigmaDelta(snn::SigmaDelta { initial, .. })
        | snn::Op::SigmaDeltaTable(snn::SigmaDeltaTable { initial, .. }) => largest(*initial)? + charge,
        snn::Op::HoldAndFire(neuron) => {
            largest(neuron.initial)? + charge + largest(neuron.threshold)? * sent + 2.0 * neuron.hold as f64
        }
        snn::Op::If(neuron) => {
            let drive = neuron.gain as f64 * charge + steps * largest(neuron.bias)?;
            // Firing only undoes drive: a membrane stays below the threshold plus one step's drive, or falls with the drive.
            largest(neuron.initial)? + drive + largest(neuron.threshold)?
        }
        snn::Op::Readout(readout) => {
            largest(readout.initial)? + readout.gain as f64 * charge + steps * largest(readout.bias)?
        }
        _ => 0.0,
    })
}

fn note<'c>(operation: OperationRef<'c, '_>, bound: f64) -> IrResult<'c, ()> {
    if bound > f64::from(i32::MAX) {
        return Err(IrError::at(
            operation,
            format!(
                "overflow: a membrane of this layer can reach {bound:.0}, over the 32 bits of a membrane (by a factor of {:.2}); \
                 use fewer levels",
                bound / f64::from(i32::MAX)
            ),
        ));
    }
    state(operation, BOUND, bound as i64);
    Ok(())
}

/// Largest magnitude of one event of graded neurons; `None` for all other ops.
fn payload(op: &snn::Op) -> Option<i64> {
    match op {
        snn::Op::SigmaDelta(snn::SigmaDelta { low, high, .. })
        | snn::Op::SigmaDeltaTable(snn::SigmaDeltaTable { low, high, .. }) => Some(high - low),
        _ => None,
    }
}

fn note_payload<'c>(operation: OperationRef<'c, '_>, payload: i64) -> IrResult<'c, ()> {
    if payload > MAX_PAYLOAD.into() {
        return Err(IrError::at(
            operation,
            format!(
                "overflow: an event of this layer can carry {payload}, over the 16 bits of a graded event; use fewer levels"
            ),
        ));
    }
    state(operation, PAYLOAD, payload);
    Ok(())
}

fn state(operation: OperationRef, key: &str, value: i64) {
    let integer = IntegerType::new(mlir::context(operation), 64).into();
    mlir::set_attribute(operation, key, IntegerAttribute::new(integer, value).into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::charge,
        interpret::{Network, StepLimit},
        passes::testing::{
            encoder, input_shape, integer_network, network, on_module, operation, random_samples, run,
        },
        validate::each::step_limit,
    };
    use melior::ir::Module;
    use ndarray::ArrayD;

    /// Largest membrane of each layer on `samples`, recomputed from what flows in and out, beside its bound.
    fn membranes(module: &Module, samples: &[ArrayD<f64>]) -> Vec<(f64, f64)> {
        let operations = mlir::operations(mlir::network_block(operation(module)).unwrap());
        let network = Network::new(operation(module)).unwrap();
        let limit = step_limit(module).unwrap_or(StepLimit::Exactly(1));
        let ops = operations.iter().map(|op| snn::Op::read(*op).unwrap()).collect::<Vec<_>>();
        let mut largest = vec![0.0f64; ops.len()];
        for sample in samples {
            let mut membranes = vec![None::<ArrayD<f64>>; ops.len()];
            let mut values = vec![None::<ArrayD<f64>>; ops.len() + 1];
            let mut probe = |step: u32, index: usize, sent: &ArrayD<f64>| {
                let summary = &network.ops()[index];
                let (shape, input) = (sent.shape(), values[summary.inputs[0]].clone());
                let spread = |tensor| charge::read(tensor, shape).unwrap();
                let resets = !matches!(ops[index], Some(snn::Op::SigmaDelta(_)));
                let (threshold, initial, gate, drive) = match &ops[index] {
                    Some(snn::Op::SigmaDelta(neuron)) => (neuron.threshold, neuron.initial, 0.0, None),
                    Some(snn::Op::StBif(neuron)) => (neuron.threshold, neuron.initial, 0.0, None),
                    Some(snn::Op::If(neuron)) => {
                        (neuron.threshold, neuron.initial, 0.0, Some((neuron.gain, neuron.bias)))
                    }
                    Some(snn::Op::HoldAndFire(neuron)) => {
                        let open =
                            (neuron.release..neuron.release + neuron.levels).contains(&i64::from(step));
                        let gate = if open { 0.0 } else { -neuron.hold as f64 };
                        (neuron.threshold, neuron.initial, gate, None)
                    }
                    Some(snn::Op::Readout(_)) => {
                        largest[index] =
                            sent.iter().fold(largest[index], |most, value| most.max(value.abs()));
                        return;
                    }
                    _ => {
                        values[summary.output.unwrap()] = Some(sent.clone());
                        return;
                    }
                };
                let input = input.unwrap_or_else(|| ArrayD::zeros(shape));
                let input = drive.map_or(input.clone(), |(gain, bias)| input * gain as f64 + spread(bias));
                let charged = membranes[index].take().unwrap_or_else(|| spread(initial)) + input;
                let fired = if resets { &charged - spread(threshold) * sent } else { charged.clone() };
                for value in charged.iter().chain(&fired) {
                    largest[index] = largest[index].max(value.abs()).max((value + gate).abs());
                }
                membranes[index] = Some(fired);
                values[summary.output.unwrap()] = Some(sent.clone());
            };
            network.simulate(sample, limit, &mut probe).unwrap();
        }
        let bound = |op: &OperationRef| {
            Some(IntegerAttribute::try_from(op.attribute(BOUND).ok()?).ok()?.value() as f64)
        };
        operations.iter().zip(largest).filter_map(|(op, largest)| Some((largest, bound(op)?))).collect()
    }

    #[test]
    fn no_membrane_passes_its_bound() {
        for lowering in ["lower-to-st-bif", "lower-to-sigma-delta", "lower-to-hold-and-fire", "lower-to-rate"]
        {
            on_module(&integer_network(), |module| {
                run(lowering, &[], module, &mut Session::default()).unwrap();
                run(INFO.name, &[], module, &mut Session::default()).unwrap();
                let samples = random_samples(&input_shape(module));
                let mut samples = (0..samples.count).map(|index| (samples.fetch)(index)).collect::<Vec<_>>();
                // Codes at both ends of their range drive harder than any others.
                samples.extend(samples.clone().iter().map(|sample| sample.mapv(|value| 100.0 * value)));
                let membranes = membranes(module, &samples);
                assert!(membranes.len() >= 3, "{membranes:?}");
                for (largest, bound) in membranes {
                    assert!(0.0 < largest && largest <= bound, "{lowering}: {largest} of {bound}");
                }
            });
        }
    }

    #[test]
    fn a_readout_reaches_its_bound() {
        let body = format!(
            r#"
    %0 = "snn.encode"(%x) {{{}, every_step = false}} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {{weight = dense<[[3, -2]]> : tensor<1x2xi8>}} : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %r = "snn.readout"(%1) {{initial = dense<7> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<1.0> : tensor<1xf64>, average = false, start = 0}} : (tensor<?x1xi32>) -> tensor<?x1xf32>"#,
            encoder(2),
        );
        let text = network("tensor<?x2xf32>", &body, "tensor<?x1xf32>");
        let text =
            text.replace("-> tensor<?x1xf32> {", "-> tensor<?x1xf32> attributes {snn.steps = 1 : i64} {");
        on_module(&text, |module| {
            run(INFO.name, &[], module, &mut Session::default()).unwrap();
            let sample = ndarray::arr1(&[100.0, -100.0]).into_dyn();
            assert_eq!(membranes(module, &[sample]), [(47.0, 47.0)]);
        });
    }
}

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
            let total = match sent(&op, steps) {
                Some(largest) => {
                    if let Some(charge) = operands.first().filter(|_| !matches!(op, snn::Op::Encode(_))) {
                        note(operation, membrane(&op, charge, largest, steps)?)?;
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
        snn::Op::StBif(neuron) => neuron.high.max(-neuron.low) as f64,
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
    let integer = IntegerType::new(mlir::context(operation), 64).into();
    mlir::set_attribute(operation, BOUND, IntegerAttribute::new(integer, bound as i64).into());
    Ok(())
}

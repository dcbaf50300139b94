//! `quantize`: the real network on a grid becomes the integer network, the contract for all that follows.
//!
//! ```mlir
//! %1 = "ann.conv"(%0) {weight = … f32, bias = … f32} : …                             // before
//! %2 = "ann.fake_quantize"(%1) {scale = s, low = 0, high = 31} : …
//! %1 = "ann.conv"(%0) {weight = … i8, bias = … i32} : …i32                           // after
//! %2 = "ann.requantize"(%1) {threshold = θ, scale = θ·α, low = 0, high = 31} : …i32
//! ```
//!
//! Every integer value stands for a real one: level values (outputs of activations) by a scale `s` for each channel,
//! accumulator values (what flows into one activation) by a scale `α` for each channel. Weights are
//! `round(W · s / α)`, biases `round(b / α)`, thresholds `θ = max(1, round(s_out / α))`; then `θ · α` *is* the scale of the
//! activation, so that the rounding of `θ` leaves no error behind. Channels that share their step keep it: there `α` is the step over
//! `θ`. Everything that flows into one activation shares its `α`, the
//! smallest one for which all weights fit: 8 bits in convolutions and dense layers, 16 on identity paths.

mod accumulate;
mod curves;
mod fit;
mod rounding;
mod shared;
#[cfg(test)]
mod tests;
mod units;

use crate::{
    analysis::flow::Flow,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use fit::Unit;
use melior::{
    Context,
    ir::{OperationRef, Value, ValueLike, operation::OperationLike},
};
use neurocuda_dialects::{Tensor, TensorAttr, View, ann, stage::Stage};
use shared::SharedSteps;
use std::collections::HashMap;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "quantize",
    summary: "turns the network on its grids into the integer network",
    from: Some(Stage::AnnQuantized),
    to: Some(Stage::AnnInteger),
    claim: Claim::Lossy(0.25),
    options: &[OptionInfo {
        name: "weight-bits",
        default: "8",
        summary: "bits of a weight, sign included: 2 to 8",
    }],
};
/// Largest threshold. Only a channel whose weights are next to nothing reaches it: its accumulator would otherwise be finer than any
/// use, and too large for 32 bits.
const LARGEST_THRESHOLD: f64 = (1u64 << 20) as f64;

/// Largest relative difference of scales that are the same number but for rounding.
const SAME: f64 = 1e-9;

/// Lowers to integers.
pub struct Quantize {
    largest_weight: f64,
}

/// Makes the pass.
///
/// # Errors
///
/// If `weight-bits` is not between 2 and 8.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let bits = options.get::<u32>("weight-bits")?;
    if !(2..=8).contains(&bits) {
        return Err(OptionError {
            pass: INFO.name.to_owned(),
            option: "weight-bits".to_owned(),
            problem: format!("{bits} is not between 2 and 8"),
        });
    }
    Ok(Box::new(Quantize { largest_weight: f64::from((1i32 << (bits - 1)) - 1) }))
}

impl Pass for Quantize {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let mut lowering = Lowering {
            pass: self,
            samples: session.calibration.as_ref().map(|samples| samples.count),
            context: mlir::context(module),
            levels: HashMap::new(),
            accumulators: HashMap::new(),
            shared: SharedSteps::of(module)?,
        };
        let operations = mlir::operations(mlir::network_block(module)?);
        for &operation in &operations {
            lowering.lower(operation)?;
        }
        // What read the real values has been replaced; what computed them goes, last first.
        for &operation in operations.iter().rev() {
            if !mlir::has_name(operation, "func.return") {
                mlir::erase(operation);
            }
        }
        mlir::update_function_type(module)
    }
}

/// A level value: its integers and the real value of 1 in each channel.
#[derive(Clone)]
struct Level<'c, 'a> {
    integer: Value<'c, 'a>,
    scale: Vec<f64>,
    /// Variance of the real value that calibration saw in each channel; `None` if it saw none.
    variance: Option<Vec<f64>>,
}

/// Levels that meet in a channel must have one scale: `choose-thresholds` gave it to them.
fn check_scales<'c>(operation: OperationRef<'c, '_>, flow: &Flow, scales: &[Vec<f64>]) -> IrResult<'c, ()> {
    let mut parts = vec![0.0; flow.parts()];
    for (part, &scale) in
        flow.operand_parts().iter().zip(scales).flat_map(|(parts, scales)| parts.iter().zip(scales))
    {
        let Some(known) = part.map(|part| &mut parts[part]).filter(|_| scale > 0.0) else { continue };
        if *known > 0.0 && ((*known - scale) / scale).abs() > SAME {
            let message = format!(
                "levels of steps {known} and {scale} meet in a channel: run `choose-thresholds` again"
            );
            return Err(IrError::at(operation, message));
        }
        *known = scale;
    }
    Ok(())
}

/// Identity of a value, to look it up.
fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

struct Lowering<'p, 'c, 'a> {
    pass: &'p Quantize,
    /// Number of calibration samples, if there are any.
    samples: Option<usize>,
    context: &'c Context,
    levels: HashMap<usize, Level<'c, 'a>>,
    /// Integers of the accumulator values, for the observations of them.
    accumulators: HashMap<usize, Value<'c, 'a>>,
    shared: SharedSteps,
}

impl<'c, 'a> Lowering<'_, 'c, 'a> {
    fn lower(&mut self, operation: OperationRef<'c, 'a>) -> IrResult<'c, ()> {
        if let Some(quantize) = mlir::view::<ann::FakeQuantize>(operation)? {
            return self.activation(operation, &quantize);
        }
        if mlir::has_name(operation, "func.return") {
            return self.returned(operation);
        }
        // A linear op of level values gives level values; one of accumulators waits for the activation that it flows into.
        let operands = operation.operands().collect::<Vec<_>>();
        match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
            None
            | Some(ann::Op::Normalize(_) | ann::Op::Observe(_) | ann::Op::Curve(_) | ann::Op::Head(_)) => {
                return Ok(());
            }
            Some(ann::Op::Conv(_) | ann::Op::Linear(_) | ann::Op::Scale(_) | ann::Op::Add(_)) => {
                return Ok(());
            }
            // As an add: the scales of its operands meet in one channel.
            Some(ann::Op::Concat(ann::Concat { axis })) if axis != 1 => return Ok(()),
            Some(_) => {}
        }
        let Some(levels) = operands
            .iter()
            .map(|operand| self.levels.get(&key(*operand)).cloned())
            .collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        let scales = levels.iter().map(|level| level.scale.clone()).collect::<Vec<_>>();
        let flow = Flow::of(operation)?;
        // Padding is silent on any scale; 0 makes it take that of the channels it meets.
        let mut scale = flow.forward(&scales, 0.0);
        check_scales(operation, &flow, &scales)?;
        scale.iter_mut().for_each(|scale| *scale /= flow.multiple as f64);
        let integers = levels.iter().map(|level| level.integer).collect::<Vec<_>>();
        let integer = self.weightless(operation, operation, &integers)?;
        let variances = levels.iter().map(|level| level.variance.clone()).collect::<Option<Vec<_>>>();
        let variance = variances.map(|variances| flow.forward(&variances, 0.0));
        self.levels.insert(key(mlir::result(operation)?), Level { integer, scale, variance });
        Ok(())
    }

    fn activation(
        &mut self,
        operation: OperationRef<'c, 'a>,
        quantize: &ann::FakeQuantize<'c>,
    ) -> IrResult<'c, ()> {
        let (value, result) = (mlir::operand(operation)?, mlir::result(operation)?);
        let wanted = quantize.scale.read()?.to_f64();
        let (low, high) = (quantize.low, quantize.high);
        let r#type = self.integer_type(result)?;
        let layer = mlir::layer(operation);
        let normalize = match mlir::definition(value) {
            Some(definition) => mlir::view::<ann::Normalize>(definition)?.zip(mlir::operand(definition).ok()),
            None => None,
        };
        let (integer, scale) = if let Some((normalize, image)) = normalize {
            let step = wanted.first().copied().unwrap_or(1.0);
            if wanted.iter().any(|&other| other != step) {
                return Err(IrError::at(operation, "the network input needs one scale for all channels"));
            }
            let encode = ann::Encode {
                multiplier: normalize.multiplier,
                offset: normalize.offset,
                minimum: normalize.minimum,
                maximum: normalize.maximum,
                scale: step,
                low,
                high,
            };
            self.shared.take(operation, &[])?;
            (mlir::insert_before(operation, &encode, &[image], r#type)?, wanted)
        } else if let Some((curve, input)) = curves::before(operation)? {
            let steps = self.shared.take(operation, &[])?;
            let scale =
                steps.iter().zip(&wanted).map(|(step, wanted)| step.unwrap_or(*wanted)).collect::<Vec<_>>();
            (self.table(operation, &curve, input, &scale, (low, high))?, scale)
        } else {
            let Unit { real: mut alpha, ratio } = self.unit(value, &wanted)?;
            let steps = self.shared.take(operation, &alpha)?;
            let mut threshold = Vec::with_capacity(wanted.len());
            for ((wanted, alpha), step) in wanted.iter().zip(&mut alpha).zip(&steps) {
                // A step of its own follows the rounding of the threshold, one that is shared makes the unit follow.
                threshold.push(match step {
                    None => (wanted / *alpha).round().max(1.0),
                    Some(step) => {
                        // Units that are one number but for their last bits must not fall on two sides of a whole one.
                        let threshold = (step / *alpha * (1.0 + SAME)).floor().max(1.0);
                        *alpha = step / threshold;
                        threshold
                    }
                });
            }
            let integer = self.membrane(operation, value, &alpha, &ratio)?;
            let own = threshold.iter().zip(&alpha).map(|(threshold, alpha)| threshold * alpha);
            let scale = own.zip(steps).map(|(own, step)| step.unwrap_or(own)).collect::<Vec<_>>();
            let requantize = ann::Requantize {
                threshold: TensorAttr::new(
                    self.context,
                    &format!("{layer}.threshold"),
                    &Tensor::integers(threshold.iter().map(|&threshold| threshold as i32).collect()),
                )?,
                scale: TensorAttr::new(
                    self.context,
                    &format!("{layer}.scale"),
                    &Tensor::reals(scale.clone()),
                )?,
                low,
                high,
            };
            (mlir::insert_before(operation, &requantize, &[integer], r#type)?, scale)
        };
        let variance = self.variance(value, &scale, (low, high))?;
        self.levels.insert(key(result), Level { integer, scale, variance });
        Ok(())
    }

    /// The integers of a sum that flows into the activation `operation`, 1 standing for `alpha` in each channel, and its
    /// observations.
    fn membrane(
        &mut self,
        operation: OperationRef<'c, 'a>,
        value: Value<'c, 'a>,
        alpha: &[f64],
        ratio: &[f64],
    ) -> IrResult<'c, Value<'c, 'a>> {
        let integer = self.accumulate(value, alpha, ratio, operation)?;
        self.observations(value, operation)?;
        Ok(integer)
    }

    fn returned(&mut self, operation: OperationRef<'c, 'a>) -> IrResult<'c, ()> {
        for (index, returned) in operation.operands().enumerate().collect::<Vec<_>>() {
            let head = match mlir::definition(returned) {
                Some(definition) => mlir::view::<ann::Head>(definition)?.map(|head| (head, definition)),
                None => None,
            };
            let value = match &head {
                Some((_, definition)) => mlir::operand(*definition)?,
                None => returned,
            };
            let (integer, scale) = match self.levels.get(&key(value)) {
                Some(level) => (level.integer, level.scale.clone()),
                None => {
                    let Unit { real: alpha, ratio } = self.unit(value, &[])?;
                    (self.accumulate(value, &alpha, &ratio, operation)?, alpha)
                }
            };
            let location =
                mlir::definition(value).map_or(operation.location(), |definition| definition.location());
            let hint = format!("output{index}.scale");
            let scale = scale.iter().map(|&scale| if scale == 0.0 { 1.0 } else { scale }).collect();
            let view =
                ann::Dequantize { scale: TensorAttr::new(self.context, &hint, &Tensor::reals(scale))? };
            self.observations(value, operation)?;
            let real = mlir::insert_before_at(operation, &view, &[integer], value.r#type(), location)?;
            let real = match head {
                Some((head, definition)) => {
                    let location = definition.location();
                    mlir::insert_before_at(operation, &head, &[real], returned.r#type(), location)?
                }
                None => real,
            };
            mlir::set_operand(operation, index, real);
        }
        Ok(())
    }

    /// Repeats the observations of a real value at its integers.
    fn observations(&self, value: Value<'c, 'a>, at: OperationRef<'c, 'a>) -> IrResult<'c, ()> {
        let Some(&integer) = self.accumulators.get(&key(value)) else { return Ok(()) };
        for user in mlir::users(value) {
            if let Some(observe) = mlir::view::<ann::Observe>(user)? {
                let built = observe.build(self.context, &[integer], &[], user.location())?;
                mlir::insert_operation(at, built)?;
            }
        }
        Ok(())
    }
}

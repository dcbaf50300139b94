//! `quantize`: the real network on a grid becomes the integer network, the contract for all that follows.
//!
//! ```mlir
//! %1 = "ann.conv2d"(%0) {weight = … f32, bias = … f32} : …                             // before
//! %2 = "ann.fake_quantize"(%1) {scale = s, low = 0, high = 31} : …
//! %1 = "ann.conv2d"(%0) {weight = … i8, bias = … i32} : …i32                           // after
//! %2 = "ann.requantize"(%1) {threshold = θ, scale = θ·α, low = 0, high = 31} : …i32
//! ```
//!
//! Every integer value stands for a real one: level values (outputs of activations) by a scale `s` for each channel,
//! accumulator values (what flows into one activation) by a scale `α` for each channel. Weights are
//! `round(W · s / α)`, biases `round(b / α)`, thresholds `θ = max(1, round(s_out / α))`; then `θ · α` *is* the scale of the
//! activation, so that the rounding of `θ` leaves no error behind. Everything that flows into one activation shares its `α`, the
//! smallest one for which all weights fit: 8 bits in convolutions and dense layers, 16 on identity paths.

use crate::{
    analysis::flow::{self, Flow},
    mlir::{self, IrError, IrResult, Number},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use melior::{
    Context,
    ir::{OperationRef, Type, Value, ValueLike, operation::OperationLike},
};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, View, ann, stage::Stage};
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

/// Largest weight of an identity path.
const LARGEST_IDENTITY: f64 = 32_767.0;

/// Largest bias; far more than what flows into any activation.
const LARGEST_BIAS: f64 = (1u64 << 26) as f64;

/// Largest threshold. Only a channel whose weights are next to nothing reaches it: its accumulator would otherwise be finer than any
/// use, and too large for 32 bits.
const LARGEST_THRESHOLD: f64 = (1u64 << 20) as f64;

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
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let mut lowering = Lowering {
            pass: self,
            context: mlir::context(module),
            levels: HashMap::new(),
            accumulators: HashMap::new(),
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
}

/// The real parameters of an op with weights.
struct Weighted {
    /// Weights times the scales of what they weigh, a row for each output channel.
    weights: Vec<f64>,
    bias: Vec<f64>,
    /// Largest integer weight.
    limit: f64,
}

/// Identity of a value, to look it up.
fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

struct Lowering<'p, 'c, 'a> {
    pass: &'p Quantize,
    context: &'c Context,
    levels: HashMap<usize, Level<'c, 'a>>,
    /// Integers of the accumulator values, for the observations of them.
    accumulators: HashMap<usize, Value<'c, 'a>>,
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
            None | Some(ann::Op::Normalize(_) | ann::Op::Observe(_)) => return Ok(()),
            Some(ann::Op::Conv2d(_) | ann::Op::Linear(_) | ann::Op::Scale(_) | ann::Op::Add(_)) => {
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
        let mut scale = flow.forward(&scales, 1.0);
        scale.iter_mut().for_each(|scale| *scale /= flow.multiple as f64);
        let integers = levels.iter().map(|level| level.integer).collect::<Vec<_>>();
        let integer = self.weightless(operation, operation, &integers)?;
        self.levels.insert(key(mlir::result(operation)?), Level { integer, scale });
        Ok(())
    }

    /// Inserts the integer form of a weightless op before `at`.
    fn weightless(
        &self,
        operation: OperationRef<'c, 'a>,
        at: OperationRef<'c, 'a>,
        integers: &[Value<'c, 'a>],
    ) -> IrResult<'c, Value<'c, 'a>> {
        let r#type = self.integer_type(mlir::result(operation)?)?;
        let op = match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
            Some(ann::Op::AvgPool2d(pool)) => {
                let multiplier = flow::multipliers(&pool.divisor.read()?).ok_or_else(|| {
                    IrError::at(operation, "the divisors of the windows have no small common multiple")
                })?;
                let tensor = Tensor {
                    shape: pool.divisor.shape(),
                    elements: Elements::I32(multiplier.iter().map(|&factor| factor as i32).collect()),
                };
                let multiplier = TensorAttr::new(self.context, "multiplier", &tensor)?;
                ann::Op::SumPool2d(ann::SumPool2d { rows: pool.rows, columns: pool.columns, multiplier })
            }
            Some(op) => op,
            None => {
                return Err(IrError::at(operation, format!("`{}` is no op of `ann`", mlir::name(operation))));
            }
        };
        let built = op.build(self.context, integers, &[r#type], operation.location())?;
        insert(at, built)
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
            (mlir::insert_before(operation, &encode, &[image], r#type)?, wanted)
        } else {
            let mut alpha = self.need(value)?;
            for (alpha, wanted) in alpha.iter_mut().zip(&wanted) {
                *alpha = alpha.max(wanted / LARGEST_THRESHOLD);
            }
            let integer = self.accumulate(value, &alpha, operation)?;
            let threshold = wanted
                .iter()
                .zip(&alpha)
                .map(|(scale, alpha)| (scale / alpha).round().max(1.0))
                .collect::<Vec<_>>();
            let scale =
                threshold.iter().zip(&alpha).map(|(threshold, alpha)| threshold * alpha).collect::<Vec<_>>();
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
            self.observations(value, operation)?;
            (mlir::insert_before(operation, &requantize, &[integer], r#type)?, scale)
        };
        self.levels.insert(key(result), Level { integer, scale });
        Ok(())
    }

    fn returned(&mut self, operation: OperationRef<'c, 'a>) -> IrResult<'c, ()> {
        for (index, value) in operation.operands().enumerate().collect::<Vec<_>>() {
            let (integer, scale) = match self.levels.get(&key(value)) {
                Some(level) => (level.integer, level.scale.clone()),
                None => {
                    let alpha = self.need(value)?;
                    (self.accumulate(value, &alpha, operation)?, alpha)
                }
            };
            let location =
                mlir::definition(value).map_or(operation.location(), |definition| definition.location());
            let hint = format!("output{index}.scale");
            let view =
                ann::Dequantize { scale: TensorAttr::new(self.context, &hint, &Tensor::reals(scale))? };
            self.observations(value, operation)?;
            let real = mlir::insert_before_at(operation, &view, &[integer], value.r#type(), location)?;
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

    /// The smallest `α` of each channel of `value` for which every weight and bias that flows into it fits.
    fn need(&self, value: Value<'c, 'a>) -> IrResult<'c, Vec<f64>> {
        let mut need = self.need_of(value)?;
        need.iter_mut().filter(|need| **need == 0.0).for_each(|need| *need = 1.0);
        Ok(need)
    }

    fn need_of(&self, value: Value<'c, 'a>) -> IrResult<'c, Vec<f64>> {
        if let Some(level) = self.levels.get(&key(value)) {
            return Ok(level.scale.iter().map(|scale| scale / LARGEST_IDENTITY).collect());
        }
        let operation = mlir::definition(value)
            .ok_or_else(|| IrError::module("the network input must be quantized first"))?;
        if let Some(Weighted { weights, bias, limit }) = self.weighted(operation)? {
            return Ok(weights
                .chunks(weights.len() / bias.len().max(1))
                .zip(&bias)
                .map(|(row, bias)| {
                    let largest = row.iter().fold(0.0, |largest: f64, weight| largest.max(weight.abs()));
                    (largest / limit).max(bias.abs() / LARGEST_BIAS)
                })
                .collect());
        }
        let needs =
            operation.operands().map(|operand| self.need_of(operand)).collect::<IrResult<Vec<_>>>()?;
        let flow = Flow::of(operation)?;
        let mut need = flow.forward(&needs, 0.0);
        need.iter_mut().for_each(|need| *need /= flow.multiple as f64);
        Ok(need)
    }

    /// `None` if the op has no weights.
    fn weighted(&self, operation: OperationRef<'c, 'a>) -> IrResult<'c, Option<Weighted>> {
        let (weight, bias, groups, limit) =
            match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
                Some(ann::Op::Conv2d(conv)) => {
                    (conv.weight, conv.bias, conv.groups as usize, self.pass.largest_weight)
                }
                Some(ann::Op::Linear(linear)) => (linear.weight, linear.bias, 1, self.pass.largest_weight),
                Some(ann::Op::Scale(scale)) => {
                    (scale.weight, scale.bias, scale.weight.shape()[0], LARGEST_IDENTITY)
                }
                _ => return Ok(None),
            };
        let input = mlir::operand(operation)?;
        let level = self.levels.get(&key(input)).ok_or_else(|| {
            IrError::at(
                operation,
                "weights need a quantized input: run `insert-requantize` before `calibrate`",
            )
        })?;
        let shape = weight.shape();
        let (outputs, inputs) = (shape[0], shape.get(1).copied().unwrap_or(1));
        let taps = shape.iter().skip(2).product::<usize>();
        let mut weights = weight.read()?.to_f64();
        for output in 0..outputs {
            let first = output / (outputs / groups.max(1)).max(1) * inputs;
            for input in 0..inputs {
                let scale = level.scale.get(first + input).copied().unwrap_or(1.0);
                let start = (output * inputs + input) * taps;
                weights[start..start + taps].iter_mut().for_each(|weight| *weight *= scale);
            }
        }
        Ok(Some(Weighted { weights, bias: bias.read()?.to_f64(), limit }))
    }

    /// Builds the integers of an accumulator value, 1 standing for `alpha` in each channel, before `at`.
    fn accumulate(
        &mut self,
        value: Value<'c, 'a>,
        alpha: &[f64],
        at: OperationRef<'c, 'a>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let integer = if let Some(level) = self.levels.get(&key(value)).cloned() {
            let weights = level
                .scale
                .iter()
                .zip(alpha)
                .map(|(scale, alpha)| (scale / alpha).round())
                .collect::<Vec<_>>();
            let scale = ann::Scale {
                weight: self.integers("identity.weight", &[weights.len()], &weights, true)?,
                bias: self.charges("identity.bias", &vec![0.0; weights.len()])?,
            };
            mlir::insert_before(at, &scale, &[level.integer], level.integer.r#type())?
        } else {
            let operation = mlir::definition(value)
                .ok_or_else(|| IrError::module("the network input must be quantized first"))?;
            match self.weighted(operation)? {
                Some(weighted) => self.synapses(operation, at, &weighted.weights, &weighted.bias, alpha)?,
                None => {
                    let flow = Flow::of(operation)?;
                    let alpha = alpha.iter().map(|alpha| alpha * flow.multiple as f64).collect::<Vec<_>>();
                    let operands = operation.operands().collect::<Vec<_>>();
                    let integers = flow
                        .backward(&alpha, 1.0)
                        .iter()
                        .zip(operands)
                        .map(|(alpha, operand)| self.accumulate(operand, alpha, at))
                        .collect::<IrResult<Vec<_>>>()?;
                    self.weightless(operation, at, &integers)?
                }
            }
        };
        self.accumulators.insert(key(value), integer);
        Ok(integer)
    }

    fn synapses(
        &self,
        operation: OperationRef<'c, 'a>,
        at: OperationRef<'c, 'a>,
        weights: &[f64],
        bias: &[f64],
        alpha: &[f64],
    ) -> IrResult<'c, Value<'c, 'a>> {
        let row = weights.len() / alpha.len().max(1);
        let weights = weights
            .iter()
            .enumerate()
            .map(|(index, weight)| (weight / alpha[index / row]).round())
            .collect::<Vec<_>>();
        let bias = bias.iter().zip(alpha).map(|(bias, alpha)| (bias / alpha).round()).collect::<Vec<_>>();
        let layer = mlir::layer(operation);
        let bias = self.charges(&format!("{layer}.bias"), &bias)?;
        let weight =
            |old: TensorAttr, wide| self.integers(&format!("{layer}.weight"), &old.shape(), &weights, wide);
        let op = match ann::Op::read(operation)? {
            Some(ann::Op::Conv2d(conv)) => {
                ann::Op::Conv2d(ann::Conv2d { weight: weight(conv.weight, false)?, bias, ..conv })
            }
            Some(ann::Op::Linear(linear)) => {
                ann::Op::Linear(ann::Linear { weight: weight(linear.weight, false)?, bias })
            }
            Some(ann::Op::Scale(scale)) => {
                ann::Op::Scale(ann::Scale { weight: weight(scale.weight, true)?, bias })
            }
            _ => return Err(IrError::at(operation, "the op has no weights")),
        };
        let input = self.levels.get(&key(mlir::operand(operation)?)).map(|level| level.integer);
        let input = input.ok_or_else(|| IrError::at(operation, "the input is not quantized"))?;
        let r#type = self.integer_type(mlir::result(operation)?)?;
        insert(at, op.build(self.context, &[input], &[r#type], operation.location())?)
    }

    fn integers(
        &self,
        hint: &str,
        shape: &[usize],
        values: &[f64],
        wide: bool,
    ) -> IrResult<'c, TensorAttr<'c>> {
        let elements = if wide {
            Elements::I16(values.iter().map(|&value| value as i16).collect())
        } else {
            Elements::I8(values.iter().map(|&value| value as i8).collect())
        };
        Ok(TensorAttr::new(self.context, hint, &Tensor { shape: shape.to_vec(), elements })?)
    }

    fn charges(&self, hint: &str, values: &[f64]) -> IrResult<'c, TensorAttr<'c>> {
        let values = values.iter().map(|&value| value as i32).collect();
        Ok(TensorAttr::new(self.context, hint, &Tensor::integers(values))?)
    }

    fn integer_type(&self, real: Value<'c, 'a>) -> IrResult<'c, Type<'c>> {
        Ok(mlir::batch_type(self.context, &mlir::sample_shape(real)?, Number::Integer))
    }
}

fn insert<'c, 'a>(at: OperationRef<'c, 'a>, built: melior::ir::Operation<'c>) -> IrResult<'c, Value<'c, 'a>> {
    mlir::result(mlir::insert_operation(at, built)?)
}

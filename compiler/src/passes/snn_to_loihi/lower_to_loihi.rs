//! `lower-to-loihi`: neurons become programs with parameters, linear ops become axons and synapse tables.
//!
//! ```mlir
//! %1 = "snn.conv"(%0) {weight = W, …} : …                                                          // before
//! %2 = "snn.st_bif"(%1) {threshold = θ, initial = i, low = 0, high = 31, delay = 1} : …
//! %a = "loihi.axon"(%0) {delay = 1} : …                                                            // after
//! %c = "loihi.conv"(%a) {weight = 2·W, exponent = -1, weight_bits = 8, sign_mode = "mixed", …} : …
//! %2 = "loihi.neurons"(%c) {program = "st_bif", parameter_names = ["high", "initial", …], …} : …
//! ```
//!
//! Weights are stored as the chip's quantiser leaves them, with an exponent that takes the shift back; one of 16 bits stands in two
//! tables. What can arrive at a neuron in one step is bounded as `prove-bounds` bounds membranes, by the weights' magnitudes, and has to fit
//! an accumulator; membranes, parameters and payloads have to fit the chip's widths too. What cannot be shown to fit is refused.

mod current;
mod emit;
mod moves;
mod tables;

use crate::{
    loihi::chip::Chip,
    mlir::{self, IrError, IrResult, Number},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    passes::{
        loihi_to_loihi::{
            microcode::{self, Programs},
            populations::READOUT,
        },
        snn_to_snn::prove_bounds::BOUND,
    },
    session::Session,
};
use current::{Current, Source, integers, unsupported};
use emit::{Emitter, width};
use melior::ir::{
    OperationRef, Value, ValueLike, attribute::IntegerAttribute, operation::OperationLike,
    r#type::IntegerType,
};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, loihi, snn, stage::Stage};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "lower-to-loihi",
    summary: "makes populations, axons and synapse tables of Loihi 2, and proves that sums fit the chip's widths",
    from: Some(Stage::Snn),
    to: Some(Stage::Loihi),
    claim: Claim::Equal,
    options: &[CHIP],
};

/// The option that names a chip file.
pub const CHIP: OptionInfo = OptionInfo {
    name: "chip",
    default: "",
    summary: "chip file; if empty the one of the compilation, else Loihi 2 as it is published",
};

/// Name of the attribute that states the largest magnitude of what arrives at a neuron of a layer in one step.
pub const ACCUMULATOR: &str = "loihi.accumulator_bound";

/// Name of the attribute that states the largest magnitude of a layer's membranes.
pub const STATE: &str = "loihi.state_bound";

/// The pass, with the chip of its option.
struct OfOption(Option<Chip>);

/// Lowers to `loihi` for a chip.
pub struct LowerToLoihi {
    chip: Chip,
}

/// Makes the pass.
///
/// # Errors
///
/// If the chip file is none.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(OfOption(chip(options)?)))
}

/// The chip that the options name, if they name one.
///
/// # Errors
///
/// If the file is no chip file.
pub fn chip(options: &Options) -> Result<Option<Chip>, OptionError> {
    let path = options.get::<String>(CHIP.name)?;
    if path.is_empty() {
        return Ok(None);
    }
    Chip::read(Path::new(&path)).map(Some).map_err(|error| OptionError {
        pass: options.info().name.to_owned(),
        option: CHIP.name.to_owned(),
        problem: error.to_string(),
    })
}

impl Pass for OfOption {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        LowerToLoihi::of(session.chip(self.0.as_ref())).lower(module)
    }
}

impl LowerToLoihi {
    /// For a chip that has been read.
    pub fn of(chip: Chip) -> Self {
        Self { chip }
    }

    /// Lowers `module`.
    ///
    /// # Errors
    ///
    /// As the pass.
    pub fn lower<'c>(&self, module: OperationRef<'c, '_>) -> IrResult<'c, ()> {
        let operations = mlir::operations(mlir::network_block(module)?);
        let mut currents = HashMap::<usize, Current<'c, '_>>::new();
        let mut ends = HashMap::<usize, Value<'c, '_>>::new();
        let mut stated = HashSet::new();
        let key = |value: Value| value.to_raw().ptr as usize;
        for (index, &operation) in operations.iter().enumerate() {
            let operands = operation.operands().collect::<Vec<_>>();
            if mlir::has_name(operation, "func.return") {
                for (index, value) in operands.into_iter().enumerate() {
                    let end = ends.get(&key(value)).copied();
                    let end = end.ok_or_else(|| IrError::at(operation, "the network returns no readout"))?;
                    mlir::set_operand(operation, index, end);
                }
                continue;
            }
            let op = snn::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
            let op = op.ok_or_else(|| {
                IrError::at(operation, format!("`{}` is no op of `snn`", mlir::name(operation)))
            })?;
            let result = mlir::result(operation)?;
            let shape = mlir::sample_shape(result)?;
            let flowing = operands.iter().map(|value| currents.get(&key(*value))).collect::<Option<Vec<_>>>();
            let unknown = || IrError::at(operation, "the op reads what is no current");
            if let Some(end) = end(operation, &op, &operands, &ends)? {
                ends.insert(key(result), end);
            } else if let Some(source) = self.input(operation, &op, &operands, &shape)? {
                currents.insert(key(result), Current::of(source));
            } else if let Some(population) = population(operation, &op)? {
                let [current] = flowing.ok_or_else(unknown)?[..] else { return Err(unknown()) };
                let value = self.neurons(operation, current, &population)?;
                if stated.insert(population.program) {
                    state_program(operation, module, population.program)?;
                }
                let Population { delay, payload, .. } = population;
                self.delay(operation, delay)?;
                let source = Source { events: value, shape, delay, magnitude: payload };
                currents.insert(key(result), Current::of(source));
            } else if let snn::Op::Readout(readout) = &op {
                let [current] = flowing.ok_or_else(unknown)?[..] else { return Err(unknown()) };
                ends.insert(key(result), self.readout(operation, current, readout)?);
                if stated.insert(READOUT) {
                    state_program(operation, module, READOUT)?;
                }
            } else {
                let operands = flowing.ok_or_else(unknown)?;
                let current = Current::through(operation, index, &op, &operands, shape)?;
                currents.insert(key(result), current);
            }
        }
        for &operation in operations.iter().rev() {
            if !mlir::has_name(operation, "func.return") {
                mlir::erase(operation);
            }
        }
        Ok(())
    }
}

/// States a built-in program in the module.
fn state_program<'c>(
    operation: OperationRef<'c, '_>,
    module: OperationRef<'c, '_>,
    name: &str,
) -> IrResult<'c, ()> {
    let program = microcode::named(&Programs::new(), name, operation)?;
    microcode::state(operation, module, &program)
}

/// A head behind a readout; `None` if the op is none.
fn end<'c, 'a>(
    operation: OperationRef<'c, 'a>,
    op: &snn::Op<'c>,
    operands: &[Value<'c, 'a>],
    ends: &HashMap<usize, Value<'c, 'a>>,
) -> IrResult<'c, Option<Value<'c, 'a>>> {
    let snn::Op::Head(snn::Head { function, axis, keepdim }) = op else { return Ok(None) };
    let read = operands.first().and_then(|value| ends.get(&(value.to_raw().ptr as usize))).copied();
    let read = read.ok_or_else(|| IrError::at(operation, "the head reads no readout"))?;
    let head = loihi::Head { function: function.clone(), axis: *axis, keepdim: *keepdim };
    mlir::insert_before(operation, &head, &[read], mlir::result(operation)?.r#type()).map(Some)
}

/// A layer of neurons as a program with parameters.
struct Population {
    program: &'static str,
    /// Numbers for all neurons.
    shared: Vec<(&'static str, i64)>,
    /// Numbers by channel or by neuron.
    each: Vec<(&'static str, Vec<i32>)>,
    delay: i64,
    /// Largest magnitude of an event.
    payload: f64,
}

/// What becomes of a neuron; `None` if the op is none.
fn population<'c>(operation: OperationRef<'c, '_>, op: &snn::Op<'c>) -> IrResult<'c, Option<Population>> {
    Ok(Some(match op {
        snn::Op::StBif(neuron) => Population {
            program: "st_bif",
            shared: vec![("low", neuron.low), ("high", neuron.high)],
            each: vec![("threshold", integers(neuron.threshold)?), ("initial", integers(neuron.initial)?)],
            delay: neuron.delay,
            payload: 1.0,
        },
        snn::Op::SigmaDelta(neuron) => Population {
            program: "level_sigma_delta",
            shared: vec![("low", neuron.low), ("high", neuron.high)],
            each: vec![("threshold", integers(neuron.threshold)?), ("initial", integers(neuron.initial)?)],
            delay: neuron.delay,
            payload: (neuron.high - neuron.low) as f64,
        },
        snn::Op::HoldAndFire(neuron) => Population {
            program: "hold_and_fire",
            shared: vec![("hold", neuron.hold), ("release", neuron.release), ("levels", neuron.levels)],
            each: vec![("threshold", integers(neuron.threshold)?), ("initial", integers(neuron.initial)?)],
            delay: neuron.delay,
            payload: 1.0,
        },
        snn::Op::If(neuron) => Population {
            program: "if_soft_reset",
            shared: vec![("gain", neuron.gain)],
            each: vec![
                ("threshold", integers(neuron.threshold)?),
                ("initial", integers(neuron.initial)?),
                ("bias", integers(neuron.bias)?),
            ],
            delay: neuron.delay,
            payload: 1.0,
        },
        snn::Op::StBifTable(_) | snn::Op::SigmaDeltaTable(_) => {
            return Err(unsupported(
                operation,
                "its function is no clamp, and no program follows a table yet; train with relu or clamp",
            ));
        }
        _ => return Ok(None),
    }))
}

/// The bound of a membrane, less what firing cannot take from it.
///
/// `prove-bounds` counts `C + θ · n`: what flows in at most, `C`, and `n` spikes. But a neuron fires only when it has the threshold: from
/// `v = c − θ S ≥ θ` with `|c| ≤ C` follows `θ (S + 1) ≤ C`. Downwards it fires from `v < 0`, so that `−θ (S − 1) < C + θ`. A channel that
/// calibration never saw active has a large threshold, and would not fit otherwise.
fn fired<'c>(operation: OperationRef<'c, '_>, bound: i64) -> IrResult<'c, i64> {
    let op = snn::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
    let (threshold, count, signed, gate) = match op {
        Some(snn::Op::StBif(neuron)) => (neuron.threshold, neuron.high.max(-neuron.low), neuron.low < 0, 0),
        Some(snn::Op::HoldAndFire(neuron)) => (neuron.threshold, neuron.levels, false, 2 * neuron.hold),
        _ => return Ok(bound),
    };
    let largest = integers(threshold)?.into_iter().map(i64::from).max().unwrap_or(0);
    let flows = bound - largest * count - gate;
    let taken = (largest * count).min(flows + if signed { largest } else { 0 });
    Ok(flows + taken + gate)
}

impl LowerToLoihi {
    /// The network's input, which the host injects; `None` if the op is none.
    fn input<'c, 'a>(
        &self,
        operation: OperationRef<'c, 'a>,
        op: &snn::Op<'c>,
        operands: &[Value<'c, 'a>],
        shape: &[usize],
    ) -> IrResult<'c, Option<Source<'c, 'a>>> {
        let r#type = mlir::result(operation)?.r#type();
        let (events, magnitude) = match op {
            snn::Op::Encode(encode) => {
                let input = loihi::Input {
                    multiplier: encode.multiplier,
                    offset: encode.offset,
                    minimum: encode.minimum,
                    maximum: encode.maximum,
                    scale: encode.scale,
                    low: encode.low,
                    high: encode.high,
                    every_step: encode.every_step,
                };
                let events = mlir::insert_before(operation, &input, operands, r#type)?;
                (events, encode.high.max(-encode.low) as f64)
            }
            snn::Op::EncodeEvents(encode) => {
                let input = loihi::InputEvents { frames: encode.frames, high: encode.high };
                (mlir::insert_before(operation, &input, operands, r#type)?, encode.high as f64)
            }
            _ => return Ok(None),
        };
        let bits = self.chip.widths.payload_bits;
        width(operation, &self.chip, "an event", magnitude, bits, "a payload")?;
        // The host injects before a step begins.
        Ok(Some(Source { events, shape: shape.to_vec(), delay: 0, magnitude }))
    }

    fn neurons<'c, 'a>(
        &self,
        operation: OperationRef<'c, 'a>,
        current: &Current<'c, 'a>,
        population: &Population,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let charge = Emitter::new(&self.chip, operation).charge(current)?;
        let widths = &self.chip.widths;
        width(operation, &self.chip, "an event", population.payload, widths.payload_bits, "a payload")?;
        let channels = current.shape.first().copied().unwrap_or(1);
        let neurons = current.shape.iter().product::<usize>();
        let by_neuron = population.each.iter().any(|(_, values)| values.len() != channels);
        let columns = if by_neuron { neurons } else { channels };
        let mut names = Vec::new();
        let mut values = Vec::with_capacity(columns * (population.shared.len() + population.each.len()));
        for (name, value) in &population.shared {
            self.parameter(operation, name, *value)?;
            names.push((*name).to_owned());
            values.extend(std::iter::repeat_n(*value as i32, columns));
        }
        for (name, row) in &population.each {
            let largest = row.iter().copied().max_by_key(|value| value.unsigned_abs()).unwrap_or(0);
            self.parameter(operation, name, largest.into())?;
            names.push((*name).to_owned());
            if row.len() == columns {
                values.extend(row);
            } else if row.len() == channels {
                let plane = neurons / channels.max(1);
                values.extend(row.iter().flat_map(|&value| std::iter::repeat_n(value, plane)));
            } else {
                return Err(IrError::at(operation, format!("`{name}` does not fit the layer")));
            }
        }
        let tensor = Tensor { shape: vec![names.len(), columns], elements: Elements::I32(values) };
        let hint = format!("{}.parameters", mlir::layer(operation));
        let view = loihi::Neurons {
            program: population.program.to_owned(),
            parameter_names: names,
            parameters: TensorAttr::new(mlir::context(operation), &hint, &tensor)?,
        };
        let r#type = mlir::batch_type(mlir::context(operation), &current.shape, Number::Integer);
        let value = mlir::insert_before(operation, &view, &[charge.value], r#type)?;
        self.state(operation, value, charge.bound)?;
        Ok(value)
    }

    fn readout<'c, 'a>(
        &self,
        operation: OperationRef<'c, 'a>,
        current: &Current<'c, 'a>,
        readout: &snn::Readout<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let charge = Emitter::new(&self.chip, operation).charge(current)?;
        let view = loihi::Readout {
            initial: readout.initial,
            bias: readout.bias,
            gain: readout.gain,
            scale: readout.scale,
            average: readout.average,
            start: readout.start,
        };
        let r#type = mlir::result(operation)?.r#type();
        let value = mlir::insert_before(operation, &view, &[charge.value], r#type)?;
        self.state(operation, value, charge.bound)?;
        Ok(value)
    }

    /// Shows that membranes fit, and notes the bounds on the new op.
    fn state<'c>(
        &self,
        operation: OperationRef<'c, '_>,
        value: Value<'c, '_>,
        accumulator: f64,
    ) -> IrResult<'c, ()> {
        let bound = operation.attribute(BOUND).ok().and_then(|bound| IntegerAttribute::try_from(bound).ok());
        let bound =
            bound.ok_or_else(|| IrError::at(operation, "no proved bound: run `prove-bounds` first"))?.value();
        let bound = fired(operation, bound)?;
        let bits = self.chip.widths.state_bits;
        width(operation, &self.chip, "a membrane", bound as f64, bits, "a word of state")?;
        if let Some(made) = mlir::definition(value) {
            let integer = |value: i64| {
                IntegerAttribute::new(IntegerType::new(mlir::context(made), 64).into(), value).into()
            };
            mlir::set_attribute(made, STATE, integer(bound));
            mlir::set_attribute(made, ACCUMULATOR, integer(accumulator as i64));
        }
        Ok(())
    }

    fn parameter<'c>(&self, operation: OperationRef<'c, '_>, name: &str, value: i64) -> IrResult<'c, ()> {
        let what = format!("parameter `{name}`");
        let bits = self.chip.widths.state_bits;
        width(operation, &self.chip, &what, value.unsigned_abs() as f64, bits, "a word of state")
    }

    fn delay<'c>(&self, operation: OperationRef<'c, '_>, delay: i64) -> IrResult<'c, ()> {
        let longest = i64::from(self.chip.delays.longest);
        if (1..=longest).contains(&delay) {
            return Ok(());
        }
        Err(unsupported(
            operation,
            &format!(
                "its spikes arrive {delay} steps after they are sent, and the chip takes 1 to {longest}; \
                 give the lowering to `snn` the option delay=1"
            ),
        ))
    }
}

#[cfg(test)]
mod tests;

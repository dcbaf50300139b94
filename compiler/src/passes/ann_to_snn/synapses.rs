//! What the schedules have in common: synapses, readouts and the encoder. Not a pass.
//!
//! A schedule differs from another in its neurons and in how often input and biases are presented; weights, shapes and the order
//! of ops are the same.

use crate::{
    analysis::{
        charge::{self, Charges},
        latency,
    },
    mlir::{self, IrError, IrResult, Number},
    pass::OptionInfo,
};
use melior::{
    Context,
    ir::{
        OperationRef, Value, ValueLike,
        attribute::{IntegerAttribute, StringAttribute},
        operation::OperationLike,
        r#type::IntegerType,
    },
};
use ndarray::ArrayD;
use neurocuda_dialects::{Elements, Tensor, TensorAttr, View, ann, snn};
use std::collections::HashMap;

/// The option that every lowering has.
pub const DELAY: OptionInfo = OptionInfo {
    name: "delay",
    default: "0",
    summary: "steps until an event arrives: 1 makes a pipeline of the layers",
};

/// Name of the function attribute that states the schedule.
pub const SCHEDULE: &str = "snn.schedule";
/// Name of the function attribute that states the number of steps: proved for exact schedules, chosen for `rate`.
pub const STEPS: &str = "snn.steps";
/// Name of the function attribute that states the largest count of an activation.
pub const LEVELS: &str = "snn.levels";

/// A neuron or readout to lower: the integer op, the current that flows in, and the charge of the biases.
pub struct Site<'c, 'a> {
    /// The op of the integer network.
    pub operation: OperationRef<'c, 'a>,
    /// Index of the op in the block.
    pub index: usize,
    /// The current, already lowered.
    pub current: Value<'c, 'a>,
    /// Charge of all biases on each element.
    pub charge: ArrayD<f64>,
    /// Whether any of the current comes straight from the encoder.
    pub from_input: bool,
    /// Whether any of the current comes from neurons.
    pub from_neurons: bool,
}

impl<'c> Site<'c, '_> {
    /// An attribute for a number on each element.
    ///
    /// # Errors
    ///
    /// If a number is no 32-bit integer.
    pub fn tensor(&self, name: &str, values: &ArrayD<f64>) -> IrResult<'c, TensorAttr<'c>> {
        let layer = mlir::layer(self.operation);
        let tensor = charge::tensor(values).map_err(|error| IrError::at(self.operation, error.message))?;
        Ok(TensorAttr::new(mlir::context(self.operation), &format!("{layer}.{name}"), &tensor)?)
    }

    /// An attribute for an integer on each channel.
    ///
    /// # Errors
    ///
    /// If MLIR refuses it.
    pub fn vector(&self, name: &str, values: &[f64]) -> IrResult<'c, TensorAttr<'c>> {
        let values = values.iter().map(|&value| value as i32).collect();
        let name = format!("{}.{name}", mlir::layer(self.operation));
        Ok(TensorAttr::new(mlir::context(self.operation), &name, &Tensor::integers(values))?)
    }
}

/// What makes a schedule: its neurons and readouts.
pub trait Schedule<'c, 'a> {
    /// Name on the command line.
    const NAME: &'static str;

    /// Whether the encoder sends its codes in every step.
    const INPUT_EVERY_STEP: bool;

    /// Builds the neurons of a `requantize` and returns the events they send.
    ///
    /// # Errors
    ///
    /// If the schedule cannot carry this activation.
    fn neurons(
        &mut self,
        site: &Site<'c, 'a>,
        requantize: &ann::Requantize<'c>,
    ) -> IrResult<'c, Value<'c, 'a>>;

    /// Builds the neurons of a `requantize_table` and returns the events they send.
    ///
    /// # Errors
    ///
    /// If the schedule cannot carry it.
    fn table(
        &mut self,
        site: &Site<'c, 'a>,
        _table: &ann::RequantizeTable<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        Err(IrError::at(
            site.operation,
            format!(
                "unsupported: schedule {} cannot carry `{}`, whose function is no clamp: its neuron has to follow a table and to take \
                 spikes back; use --schedule st-bif or sigma-delta, or train with relu or clamp",
                Self::NAME,
                mlir::layer(site.operation)
            ),
        ))
    }

    /// The readout of a returned value.
    ///
    /// # Errors
    ///
    /// If the schedule cannot carry it.
    fn readout(&mut self, site: &Site<'c, 'a>, scale: TensorAttr<'c>) -> IrResult<'c, snn::Readout<'c>>;
}

/// Where the events of a value come from.
#[derive(Clone, Copy, Default)]
struct Origin {
    input: bool,
    neurons: bool,
}

/// Replaces the integer network of `module` by a spiking one.
///
/// # Errors
///
/// If `schedule` cannot carry an op.
pub fn lower<'c, 'a, S: Schedule<'c, 'a>>(
    module: OperationRef<'c, 'a>,
    schedule: &mut S,
) -> IrResult<'c, ()> {
    let context = mlir::context(module);
    let charges = Charges::of(module)?;
    let operations = mlir::operations(mlir::network_block(module)?);
    let mut lowered = HashMap::<usize, (Value<'c, 'a>, Origin)>::new();
    let key = |value: Value| value.to_raw().ptr as usize;
    for (index, &operation) in operations.iter().enumerate() {
        if mlir::has_name(operation, "func.return") {
            for (index, value) in operation.operands().enumerate().collect::<Vec<_>>() {
                let real = lowered.get(&key(value)).map(|(value, _)| *value);
                mlir::set_operand(
                    operation,
                    index,
                    real.ok_or_else(|| IrError::at(operation, "nothing to read out"))?,
                );
            }
            continue;
        }
        let op = ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let op = op.ok_or_else(|| {
            IrError::at(operation, format!("`{}` is no op of `ann`", mlir::name(operation)))
        })?;
        if matches!(op, ann::Op::Observe(_)) {
            continue;
        }
        let inputs = operation
            .operands()
            .map(|operand| lowered.get(&key(operand)).copied().unwrap_or((operand, Origin::default())))
            .collect::<Vec<_>>();
        let origin = inputs.iter().fold(Origin::default(), |sum, (_, origin)| Origin {
            input: sum.input || origin.input,
            neurons: sum.neurons || origin.neurons,
        });
        let result = mlir::result(operation)?;
        let operands = inputs.iter().map(|(value, _)| *value).collect::<Vec<_>>();
        let site = || -> IrResult<'c, Site<'c, 'a>> {
            let charge = charges.get(mlir::operand(operation)?).cloned();
            Ok(Site {
                operation,
                index,
                current: operands[0],
                charge: charge.ok_or_else(|| IrError::at(operation, "the op reads the network input"))?,
                from_input: origin.input,
                from_neurons: origin.neurons,
            })
        };
        let insert = |op: &snn::Op<'c>, number| -> IrResult<'c, Value<'c, 'a>> {
            let r#type = mlir::batch_type(context, &mlir::sample_shape(result)?, number);
            let built = op.build(context, &operands, &[r#type], operation.location())?;
            mlir::result(mlir::insert_operation(operation, built)?)
        };
        let (value, origin) = match &op {
            ann::Op::Encode(encode) => (
                insert(&encoder(encode, S::INPUT_EVERY_STEP), Number::Integer)?,
                Origin { input: true, neurons: false },
            ),
            ann::Op::EncodeEvents(_) if S::INPUT_EVERY_STEP => {
                return Err(IrError::at(
                    operation,
                    format!(
                        "unsupported: schedule {} presents its input in every step, and events come in time; use an exact \
                         --schedule, or leave --input events out: the counts are then an image",
                        S::NAME
                    ),
                ));
            }
            ann::Op::EncodeEvents(ann::EncodeEvents { frames, high }) => {
                let events = snn::EncodeEvents { frames: *frames, high: *high };
                (
                    insert(&snn::Op::EncodeEvents(events), Number::Integer)?,
                    Origin { input: true, neurons: false },
                )
            }
            ann::Op::Requantize(requantize) => {
                (schedule.neurons(&site()?, requantize)?, Origin { input: false, neurons: true })
            }
            ann::Op::RequantizeTable(table) => {
                (schedule.table(&site()?, table)?, Origin { input: false, neurons: true })
            }
            ann::Op::Dequantize(dequantize) => {
                let readout = schedule.readout(&site()?, dequantize.scale)?;
                (insert(&snn::Op::Readout(readout), Number::Real)?, origin)
            }
            ann::Op::Head(ann::Head { function, axis, keepdim }) => {
                let head = snn::Head { function: function.clone(), axis: *axis, keepdim: *keepdim };
                (insert(&snn::Op::Head(head), Number::Real)?, origin)
            }
            op => (insert(&synapse(operation, op)?, Number::Integer)?, origin),
        };
        lowered.insert(key(result), (value, origin));
    }
    for &operation in operations.iter().rev() {
        if !mlir::has_name(operation, "func.return") {
            mlir::erase(operation);
        }
    }
    mlir::update_function_type(module)
}

fn encoder<'c>(encode: &ann::Encode<'c>, every_step: bool) -> snn::Op<'c> {
    snn::Op::Encode(snn::Encode {
        multiplier: encode.multiplier,
        offset: encode.offset,
        minimum: encode.minimum,
        maximum: encode.maximum,
        scale: encode.scale,
        low: encode.low,
        high: encode.high,
        every_step,
    })
}

/// The synapses of a linear op; its bias is in the charges.
fn synapse<'c>(operation: OperationRef<'c, '_>, op: &ann::Op<'c>) -> IrResult<'c, snn::Op<'c>> {
    Ok(match op.clone() {
        ann::Op::Conv(ann::Conv { weight, stride, padding, dilation, groups, transposed, .. }) => {
            snn::Op::Conv(snn::Conv { weight, stride, padding, dilation, groups, transposed })
        }
        ann::Op::Linear(ann::Linear { weight, .. }) => snn::Op::Linear(snn::Linear { weight }),
        ann::Op::Scale(ann::Scale { weight, .. }) => snn::Op::Scale(snn::Scale { weight }),
        ann::Op::SumPool2d(ann::SumPool2d { rows, columns, multiplier }) => {
            snn::Op::SumPool2d(snn::SumPool2d { rows, columns, multiplier })
        }
        ann::Op::MaxPool2d(ann::MaxPool2d { kernel, stride, padding, dilation }) => {
            snn::Op::MaxPool2d(snn::MaxPool2d { kernel, stride, padding, dilation })
        }
        ann::Op::Add(_) => snn::Op::Add(snn::Add {}),
        ann::Op::Concat(ann::Concat { axis }) => snn::Op::Concat(snn::Concat { axis }),
        ann::Op::Gather(ann::Gather { axis, indices }) => snn::Op::Gather(snn::Gather { axis, indices }),
        ann::Op::Permute(ann::Permute { axes }) => snn::Op::Permute(snn::Permute { axes }),
        ann::Op::Pad(ann::Pad { before, after }) => snn::Op::Pad(snn::Pad { before, after }),
        ann::Op::Reshape(_) => snn::Op::Reshape(snn::Reshape {}),
        _ => return Err(IrError::at(operation, format!("`{}` has no spiking form", mlir::name(operation)))),
    })
}

/// States schedule, steps and levels on the network's function.
///
/// # Errors
///
/// If the module has no network.
pub fn annotate<'c>(
    module: OperationRef<'c, '_>,
    schedule: &str,
    steps: u32,
    levels: i64,
) -> IrResult<'c, ()> {
    let function = mlir::network(module)?;
    let context: &Context = mlir::context(module);
    let integer = |value: i64| IntegerAttribute::new(IntegerType::new(context, 64).into(), value).into();
    mlir::set_attribute(function, SCHEDULE, StringAttribute::new(context, schedule).into());
    mlir::set_attribute(function, STEPS, integer(steps.into()));
    mlir::set_attribute(function, LEVELS, integer(levels));
    Ok(())
}

/// States a schedule that is exact at quiescence, with the bound of steps that follows from its neurons: `neuron` tells of an op how
/// many updates it may need once its input is there, and its delay; `None` if it is no neuron.
///
/// # Errors
///
/// If the module has no network, or the bound does not fit 32 bits.
pub fn annotate_settling<'c>(
    module: OperationRef<'c, '_>,
    schedule: &str,
    levels: i64,
    neuron: impl Fn(&snn::Op<'c>) -> Option<(i64, i64)>,
) -> IrResult<'c, ()> {
    let operations = mlir::operations(mlir::network_block(module)?);
    let finals = latency::final_after(&operations, |_, operation| {
        let op = snn::Op::read(operation)?;
        Ok(op.as_ref().and_then(&neuron).map(|(updates, delay)| (updates as u32, delay as u32)))
    })?;
    annotate(module, schedule, latency::steps(&operations, &finals)?, levels)
}

/// Largest count of an activation in an integer network.
///
/// # Errors
///
/// If an op is malformed.
pub fn levels<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, i64> {
    let mut levels = 0;
    for operation in mlir::operations(mlir::network_block(module)?) {
        if reads_events(operation) {
            continue;
        }
        if let Some(requantize) = mlir::view::<ann::Requantize>(operation)? {
            levels = levels.max(requantize.high).max(-requantize.low);
        }
        if let Some(table) = mlir::view::<ann::RequantizeTable>(operation)? {
            levels = levels.max(table.high).max(-table.low);
        }
    }
    if levels == 0 {
        return Err(IrError::module(
            "no-neurons: the network has no activation that could become a neuron; nothing would be converted",
        ));
    }
    Ok(levels)
}

/// Whether the op is what limits events: it has as many levels as the network counts events, whatever those of activations are.
fn reads_events<'c>(operation: OperationRef<'c, '_>) -> bool {
    let input = mlir::operand(operation).ok().and_then(mlir::definition);
    input.is_some_and(|input| mlir::has_name(input, ann::EncodeEvents::NAME))
}

/// `⌊θ/2⌋` of each channel, spread over the neurons of `site`.
///
/// # Errors
///
/// If the threshold is not an integer vector.
pub fn half<'c>(site: &Site<'c, '_>, threshold: &[f64]) -> ArrayD<f64> {
    let half = threshold.iter().map(|threshold| (threshold / 2.0).floor()).collect::<Vec<_>>();
    charge::spread(&half, site.charge.shape())
}

/// What a membrane starts with that is to be divided by its threshold: half of that, and all biases.
///
/// # Errors
///
/// If a charge is no 32-bit integer.
pub fn initial<'c>(site: &Site<'c, '_>, threshold: TensorAttr<'c>) -> IrResult<'c, TensorAttr<'c>> {
    site.tensor("initial", &(half(site, &threshold.read()?.to_f64()) + &site.charge))
}

/// Refuses levels among which there is no 0, where neurons with a tracer start.
///
/// # Errors
///
/// If 0 is no level.
pub fn starts_silent<'c>(site: &Site<'c, '_>, low: i64, high: i64) -> IrResult<'c, ()> {
    if low <= 0 && high >= 0 {
        return Ok(());
    }
    Err(IrError::at(
        site.operation,
        "a neuron starts silent: 0 must lie between its lowest and highest level",
    ))
}

/// The readout of exact schedules: all charge comes once, biases first.
///
/// # Errors
///
/// If a charge is no 32-bit integer.
pub fn readout_once<'c>(site: &Site<'c, '_>, scale: TensorAttr<'c>) -> IrResult<'c, snn::Readout<'c>> {
    Ok(snn::Readout {
        initial: site.tensor("initial", &site.charge)?,
        bias: site.vector("bias", &vec![0.0; site.charge.shape()[0]])?,
        gain: 1,
        scale,
        average: false,
        start: 0,
    })
}

/// Inserts the negative of a current or of events.
///
/// # Errors
///
/// If MLIR refuses it.
pub fn negate<'c, 'a>(site: &Site<'c, 'a>, value: Value<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
    let channels = site.charge.shape()[0];
    let tensor = Tensor { shape: vec![channels], elements: Elements::I8(vec![-1; channels]) };
    let weight = TensorAttr::new(mlir::context(site.operation), "minus-one", &tensor)?;
    mlir::insert_before(site.operation, &snn::Scale { weight }, &[value], value.r#type())
}

/// The events of a signed activation from those of its pair of neurons.
///
/// # Errors
///
/// If MLIR refuses it.
pub fn difference<'c, 'a>(
    site: &Site<'c, 'a>,
    positive: Value<'c, 'a>,
    negative: Value<'c, 'a>,
) -> IrResult<'c, Value<'c, 'a>> {
    let events = [positive, negate(site, negative)?];
    mlir::insert_before(site.operation, &snn::Add {}, &events, positive.r#type())
}

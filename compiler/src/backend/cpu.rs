//! The CPU back end: an `snn` module as the program and tensors of an artifact.

use crate::{
    mlir::{self, IrError, IrResult},
    passes::{
        ann_to_snn::synapses::{LEVELS, SCHEDULE, STEPS},
        snn_to_snn::prove_bounds::BOUND,
    },
};
use melior::ir::{OperationRef, ValueLike, attribute::IntegerAttribute, operation::OperationLike};
use neurocuda_dialects::{Elements, TensorAttr, View, snn};
use neurocuda_runtime::artifact::{
    Layer, NamedShape, Tensor,
    program::{Op, OpKind, Program, Schedule},
};
use neurocuda_runtime::head::{Head, HeadFunction};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the back end makes of a module.
#[derive(Debug)]
pub struct Emitted {
    /// Shape of one input sample.
    pub input_shape: Vec<usize>,
    /// The program.
    pub program: Program,
    /// Its tensors, by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Its layers of neurons.
    pub layers: Vec<Layer>,
    /// Its outputs.
    pub outputs: Vec<NamedShape>,
    /// Largest count of an activation.
    pub levels: u32,
    /// Most frames of a sample, if the input is events.
    pub frames: Option<u32>,
}

/// Emits `module`, whose outputs are called `output_names`.
///
/// # Errors
///
/// If the module is no `snn` network with proved bounds.
pub fn emit<'c>(module: OperationRef<'c, '_>, output_names: &[String]) -> IrResult<'c, Emitted> {
    let function = mlir::network(module)?;
    let schedule = match mlir::string(function, SCHEDULE).as_deref() {
        Some("st-bif") => Schedule::StBif,
        Some("hold-and-fire") => Schedule::HoldAndFire,
        Some("sigma-delta") => Schedule::SigmaDelta,
        Some("rate") => Schedule::Rate,
        other => return Err(IrError::at(function, format!("the CPU back end has no schedule {other:?}"))),
    };
    let integer = |key: &str| -> IrResult<'c, u32> {
        let value = function.attribute(key).ok().and_then(|value| IntegerAttribute::try_from(value).ok());
        let value = value.and_then(|value| u32::try_from(value.value()).ok());
        value.ok_or_else(|| IrError::at(function, format!("the network does not state `{key}`")))
    };
    let operations = mlir::operations(mlir::network_block(module)?);
    let mut emitter = Emitter {
        names: names(&operations)?,
        tensors: BTreeMap::new(),
        values: vec![],
        numbers: HashMap::new(),
        layers: vec![],
        outputs: vec![],
    };
    let block = mlir::network_block(module)?;
    let input = melior::ir::BlockLike::argument(&block, 0)
        .map_err(|_| IrError::at(function, "the network has no input"))?;
    let input_shape = mlir::sample_shape(input.into())?;
    // Readouts are named in the order in which they are returned.
    let returned = operations.last().map(|last| last.operands().collect::<Vec<_>>()).unwrap_or_default();
    let mut ops = Vec::new();
    let no_ops = ["func.return", snn::Head::NAME];
    for &operation in operations.iter().filter(|op| !no_ops.iter().any(|name| mlir::has_name(**op, name))) {
        let result = mlir::result(operation)?;
        // A readout is followed by nothing, or by its head.
        let end = match mlir::users(result).into_iter().find(|user| mlir::has_name(*user, snn::Head::NAME)) {
            Some(head) => mlir::result(head)?,
            None => result,
        };
        let output =
            returned.iter().position(|value| *value == end).and_then(|index| output_names.get(index));
        ops.push(emitter.op(operation, output)?);
    }
    let order = |output: &NamedShape| output_names.iter().position(|name| *name == output.name);
    emitter.outputs.sort_by_key(order);
    let frames = ops.iter().find_map(|op| match op.kind {
        OpKind::EncodeEvents { frames, .. } => Some(frames),
        _ => None,
    });
    Ok(Emitted {
        frames,
        input_shape,
        program: Program { schedule, steps: integer(STEPS)?, values: emitter.values, ops },
        tensors: emitter.tensors,
        layers: emitter.layers,
        outputs: emitter.outputs,
        levels: integer(LEVELS)?,
    })
}

/// A unique name for each op: its layer's, neurons first, then with a suffix.
fn names<'c>(operations: &[OperationRef<'c, '_>]) -> IrResult<'c, HashMap<usize, String>> {
    let mut taken = HashSet::new();
    let mut names = HashMap::new();
    for neurons in [true, false] {
        for (index, &operation) in operations.iter().enumerate() {
            if is_neuron(operation)? != neurons {
                continue;
            }
            let layer = mlir::layer(operation);
            let mut name = layer.clone();
            let mut suffix = 1;
            while !taken.insert(name.clone()) {
                name = format!("{layer}.{suffix}");
                suffix += 1;
            }
            names.insert(operations[index].to_raw().ptr as usize, name);
        }
    }
    Ok(names)
}

/// Whether the op is a layer of neurons.
///
/// # Errors
///
/// If the op is malformed.
pub fn is_neuron<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, bool> {
    let op = snn::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
    Ok(matches!(
        op,
        Some(
            snn::Op::StBif(_)
                | snn::Op::StBifTable(_)
                | snn::Op::SigmaDelta(_)
                | snn::Op::SigmaDeltaTable(_)
                | snn::Op::HoldAndFire(_)
                | snn::Op::If(_)
        )
    ))
}

struct Emitter {
    names: HashMap<usize, String>,
    tensors: BTreeMap<String, Tensor>,
    values: Vec<Vec<usize>>,
    numbers: HashMap<usize, usize>,
    layers: Vec<Layer>,
    outputs: Vec<NamedShape>,
}

impl Emitter {
    fn define<'c>(&mut self, value: melior::ir::Value<'c, '_>) -> IrResult<'c, usize> {
        self.numbers.insert(value.to_raw().ptr as usize, self.values.len());
        self.values.push(mlir::sample_shape(value)?);
        Ok(self.values.len() - 1)
    }

    fn op<'c>(&mut self, operation: OperationRef<'c, '_>, output_name: Option<&String>) -> IrResult<'c, Op> {
        let name = self.names.get(&(operation.to_raw().ptr as usize)).cloned().unwrap_or_default();
        // The encoder reads the image, which is no value of the program.
        let inputs = operation
            .operands()
            .filter(|operand| !operand.is_block_argument())
            .map(|operand| self.numbers.get(&(operand.to_raw().ptr as usize)).copied())
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| IrError::at(operation, "the op reads a value that is computed later"))?;
        let result = mlir::result(operation)?;
        let output = self.define(result)?;
        let kind = self.kind(operation, &name, output_name)?;
        self.layer(operation, &name, &kind, output)?;
        Ok(Op { name, source: mlir::source(operation.location()), inputs, output, kind })
    }

    fn layer<'c>(
        &mut self,
        operation: OperationRef<'c, '_>,
        name: &str,
        kind: &OpKind,
        output: usize,
    ) -> IrResult<'c, ()> {
        let (kind, threshold) = match kind {
            OpKind::StBif { threshold, .. } => ("st-bif", threshold),
            OpKind::StBifTable { breakpoints, .. } => ("st-bif-table", breakpoints),
            OpKind::SigmaDelta { threshold, .. } => ("sigma-delta", threshold),
            OpKind::SigmaDeltaTable { breakpoints, .. } => ("sigma-delta-table", breakpoints),
            OpKind::HoldAndFire { threshold, .. } => ("hold-and-fire", threshold),
            OpKind::If { threshold, .. } => ("if", threshold),
            OpKind::Readout { output_name, head, .. } => {
                let shape = self.values[output].clone();
                let shape = head.and_then(|head| head.shape(&shape)).unwrap_or(shape);
                self.outputs.push(NamedShape { name: output_name.clone(), shape });
                return Ok(());
            }
            _ => return Ok(()),
        };
        let bound = operation.attribute(BOUND).ok().and_then(|bound| IntegerAttribute::try_from(bound).ok());
        let bound =
            bound.ok_or_else(|| IrError::at(operation, "no proved bound: run `prove-bounds` first"))?;
        let thresholds =
            self.tensors.get(threshold).and_then(|tensor| tensor.values::<i32>().ok()).unwrap_or_default();
        // The largest integer pads tables.
        let thresholds = || thresholds.iter().copied().filter(|&threshold| threshold < i32::MAX);
        self.layers.push(Layer {
            name: name.to_owned(),
            kind: kind.to_owned(),
            neurons: self.values[output].iter().product::<usize>() as u64,
            membrane_bound: bound.value(),
            threshold_min: thresholds().min().unwrap_or(0),
            threshold_max: thresholds().max().unwrap_or(0),
        });
        Ok(())
    }

    /// Puts a tensor into the container: under its own name if it is a resource, else under that of op and attribute.
    fn tensor<'c>(&mut self, op: &str, attribute: &str, tensor: TensorAttr<'c>) -> IrResult<'c, String> {
        let stored = to_runtime(tensor)?;
        let wanted = tensor.resource_name().unwrap_or_else(|| format!("{op}.{attribute}"));
        let mut name = wanted.clone();
        let mut suffix = 1;
        while self.tensors.get(&name).is_some_and(|other| *other != stored) {
            name = format!("{wanted}.{suffix}");
            suffix += 1;
        }
        self.tensors.insert(name.clone(), stored);
        Ok(name)
    }

    fn kind<'c>(
        &mut self,
        operation: OperationRef<'c, '_>,
        name: &str,
        output_name: Option<&String>,
    ) -> IrResult<'c, OpKind> {
        let op = snn::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let op = op.ok_or_else(|| {
            IrError::at(operation, format!("`{}` is no op of `snn`", mlir::name(operation)))
        })?;
        let size = |value: i64| {
            usize::try_from(value).map_err(|_| IrError::at(operation, format!("{value} is no size")))
        };
        let pair = |pair: [i64; 2]| -> IrResult<'c, [usize; 2]> { Ok([size(pair[0])?, size(pair[1])?]) };
        let sizes = |list: &[i64]| list.iter().map(|&value| size(value)).collect::<IrResult<Vec<_>>>();
        let axis = |axis: i64| size(axis - 1);
        let counts =
            |counts: &[i64]| counts.iter().skip(1).map(|&count| size(count)).collect::<IrResult<Vec<_>>>();
        let ranges = |bounds: &[i64]| {
            bounds.as_chunks::<2>().0.iter().map(|bounds| pair(*bounds)).collect::<IrResult<Vec<_>>>()
        };
        let narrow = |value: i64| {
            i32::try_from(value).map_err(|_| IrError::at(operation, format!("{value} does not fit 32 bits")))
        };
        let step = |value: i64| {
            u32::try_from(value).map_err(|_| IrError::at(operation, format!("{value} is no number of steps")))
        };
        Ok(match op {
            snn::Op::Encode(encode) => OpKind::Encode {
                multiplier: self.tensor(name, "multiplier", encode.multiplier)?,
                offset: self.tensor(name, "offset", encode.offset)?,
                minimum: self.tensor(name, "minimum", encode.minimum)?,
                maximum: self.tensor(name, "maximum", encode.maximum)?,
                scale: encode.scale,
                low: narrow(encode.low)?,
                high: narrow(encode.high)?,
                every_step: encode.every_step,
            },
            snn::Op::EncodeEvents(events) => {
                OpKind::EncodeEvents { frames: step(events.frames)?, high: narrow(events.high)? }
            }
            snn::Op::Conv(conv) => OpKind::Conv {
                weight: self.tensor(name, "weight", conv.weight)?,
                stride: sizes(&conv.stride)?,
                padding: sizes(&conv.padding)?,
                dilation: sizes(&conv.dilation)?,
                groups: size(conv.groups)?,
                transposed: conv.transposed,
            },
            snn::Op::Linear(linear) => OpKind::Linear { weight: self.tensor(name, "weight", linear.weight)? },
            snn::Op::Scale(scale) => OpKind::Scale { weight: self.tensor(name, "weight", scale.weight)? },
            snn::Op::SumPool2d(pool) => OpKind::SumPool2d {
                rows: ranges(&pool.rows)?,
                columns: ranges(&pool.columns)?,
                multiplier: if pool.multiplier.read()?.to_f64().iter().all(|&factor| factor == 1.0) {
                    None
                } else {
                    Some(self.tensor(name, "multiplier", pool.multiplier)?)
                },
            },
            snn::Op::Add(_) => OpKind::Add,
            snn::Op::Concat(concat) => OpKind::Concat { axis: axis(concat.axis)? },
            snn::Op::Gather(gather) => OpKind::Gather {
                axis: axis(gather.axis)?,
                indices: gather.indices.iter().map(|&index| size(index)).collect::<IrResult<_>>()?,
            },
            snn::Op::Permute(permute) => OpKind::Permute {
                axes: permute.axes.iter().skip(1).map(|&axis| size(axis - 1)).collect::<IrResult<_>>()?,
            },
            snn::Op::Pad(pad) => OpKind::Pad { before: counts(&pad.before)?, after: counts(&pad.after)? },
            snn::Op::Reshape(_) => OpKind::Reshape,
            snn::Op::MaxPool2d(pool) => OpKind::MaxPool2d {
                kernel: pair(pool.kernel)?,
                stride: pair(pool.stride)?,
                padding: pair(pool.padding)?,
                dilation: pair(pool.dilation)?,
            },
            snn::Op::StBif(neuron) => OpKind::StBif {
                threshold: self.tensor(name, "threshold", neuron.threshold)?,
                initial: self.tensor(name, "initial", neuron.initial)?,
                low: narrow(neuron.low)?,
                high: narrow(neuron.high)?,
                delay: step(neuron.delay)?,
            },
            snn::Op::StBifTable(neuron) => OpKind::StBifTable {
                breakpoints: self.tensor(name, "breakpoints", neuron.breakpoints)?,
                steps: self.tensor(name, "steps", neuron.steps)?,
                start: self.tensor(name, "start", neuron.start)?,
                initial: self.tensor(name, "initial", neuron.initial)?,
                low: narrow(neuron.low)?,
                high: narrow(neuron.high)?,
                delay: step(neuron.delay)?,
            },
            snn::Op::SigmaDelta(neuron) => OpKind::SigmaDelta {
                threshold: self.tensor(name, "threshold", neuron.threshold)?,
                initial: self.tensor(name, "initial", neuron.initial)?,
                low: narrow(neuron.low)?,
                high: narrow(neuron.high)?,
                delay: step(neuron.delay)?,
            },
            snn::Op::SigmaDeltaTable(neuron) => OpKind::SigmaDeltaTable {
                breakpoints: self.tensor(name, "breakpoints", neuron.breakpoints)?,
                steps: self.tensor(name, "steps", neuron.steps)?,
                start: self.tensor(name, "start", neuron.start)?,
                initial: self.tensor(name, "initial", neuron.initial)?,
                low: narrow(neuron.low)?,
                high: narrow(neuron.high)?,
                delay: step(neuron.delay)?,
            },
            snn::Op::HoldAndFire(neuron) => OpKind::HoldAndFire {
                threshold: self.tensor(name, "threshold", neuron.threshold)?,
                initial: self.tensor(name, "initial", neuron.initial)?,
                hold: narrow(neuron.hold)?,
                release: step(neuron.release)?,
                levels: step(neuron.levels)?,
                delay: step(neuron.delay)?,
            },
            snn::Op::If(neuron) => OpKind::If {
                threshold: self.tensor(name, "threshold", neuron.threshold)?,
                initial: self.tensor(name, "initial", neuron.initial)?,
                bias: self.tensor(name, "bias", neuron.bias)?,
                gain: narrow(neuron.gain)?,
                delay: step(neuron.delay)?,
            },
            snn::Op::Readout(readout) => OpKind::Readout {
                output_name: output_name
                    .cloned()
                    .ok_or_else(|| IrError::at(operation, "the readout is not returned"))?,
                initial: self.tensor(name, "initial", readout.initial)?,
                bias: self.tensor(name, "bias", readout.bias)?,
                gain: narrow(readout.gain)?,
                scale: self.tensor(name, "scale", readout.scale)?,
                average: readout.average,
                start: step(readout.start)?,
                head: head(operation)?,
            },
            // It stands in the readout that it follows.
            snn::Op::Head(_) => return Err(IrError::at(operation, "a head reads no readout")),
        })
    }
}

/// The head behind a readout.
fn head<'c>(readout: OperationRef<'c, '_>) -> IrResult<'c, Option<Head>> {
    for user in mlir::users(mlir::result(readout)?) {
        if let Some(view) = mlir::view::<snn::Head>(user)? {
            let function = HeadFunction::named(&view.function);
            let axis = usize::try_from(view.axis - 1).ok();
            let head =
                function.zip(axis).map(|(function, axis)| Head { function, axis, keepdim: view.keepdim });
            return head.map(Some).ok_or_else(|| {
                IrError::at(user, format!("the CPU back end has no head `{}`", view.function))
            });
        }
    }
    Ok(None)
}

/// A tensor as the artifact holds it.
///
/// # Errors
///
/// If the element type is not supported.
pub fn to_runtime<'c>(tensor: TensorAttr<'c>) -> IrResult<'c, Tensor> {
    let tensor = tensor.read()?;
    let shape = tensor.shape;
    let stored = match &tensor.elements {
        Elements::F32(values) => Tensor::from_values(shape, values),
        Elements::F64(values) => Tensor::from_values(shape, values),
        Elements::I8(values) => Tensor::from_values(shape, values),
        Elements::I16(values) => Tensor::from_values(shape, values),
        Elements::I32(values) => Tensor::from_values(shape, values),
        Elements::I64(values) => Tensor::from_values(shape, values),
    };
    stored.map_err(|error| IrError::module(error.to_string()))
}

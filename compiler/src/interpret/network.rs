//! A network ready to run: all of a module that the interpreter needs, decoded once.

use super::{
    Sample, ann,
    decode::{Action, Problem, Site, ValueType, element_count, is_i32},
    error::{InterpretError, Place},
    kernels::Kernel,
    loihi, snn, torch,
};
use crate::{
    mlir::{self, IrError, IrResult, Number},
    passes::loihi_to_loihi::microcode::{self, Programs},
};
use melior::ir::{BlockLike, OperationRef, Value, ValueLike, operation::OperationLike};
use ndarray::IxDyn;
use neurocuda_dialects::{
    self as dialects, View,
    ann::{Head, Reshape},
    torch::{Argmax, Dropout, Flatten, Identity, LogSoftmax, Softmax},
};
use std::collections::HashMap;

/// Partial sums up to here are exact, and so is one more addition.
const EXACT: f64 = (1_u64 << 52) as f64;

/// Ops behind the logits.
const HEADS: [&str; 4] = [Softmax::NAME, LogSoftmax::NAME, Argmax::NAME, Head::NAME];

/// Ops that may stand behind a head.
const MOVES: [&str; 4] = [Flatten::NAME, Identity::NAME, Dropout::NAME, Reshape::NAME];

/// Largest magnitude of a 32-bit integer.
const I32: f64 = (1_u64 << 31) as f64;

/// What is to be known of an op without running it. Values are numbered: 0 is the network's input, then one a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpSummary {
    /// Full name, such as `ann.conv`.
    pub name: String,
    /// Layer that it belongs to.
    pub layer: String,
    /// Where it comes from, as `file:line:column`; empty if unknown.
    pub source: String,
    /// Values that it reads.
    pub inputs: Vec<usize>,
    /// Value that it computes; `None` if it has no result.
    pub output: Option<usize>,
}

/// A decoded network; it holds copies of all parameters and does not need the module any more.
pub struct Network {
    summaries: Vec<OpSummary>,
    pub(super) actions: Vec<Action>,
    pub(super) values: Vec<ValueType>,
    /// The op after which each value is not read any more; `None` for outputs.
    last_reads: Vec<Option<usize>>,
    pub(super) outputs: Vec<usize>,
    spiking: bool,
}

impl Network {
    /// Decodes the network of `module`, of any of our dialects.
    ///
    /// # Errors
    ///
    /// If the module is no network, an op is not one of ours, or its attributes, operands and result do not fit
    /// together; the location is that of the op. Resources must have their contents, as those of
    /// [`module_text::parse`](crate::module_text::parse) have.
    pub fn new<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, Self> {
        let block = mlir::network_block(module)?;
        let mut decoder = match (block.argument(0), block.argument_count()) {
            (Ok(argument), 1) => {
                let programs = microcode::read(module)?;
                Decoder::new(argument.into(), programs).map_err(|problem| IrError::module(problem.0))?
            }
            (_, count) => {
                return Err(IrError::module(format!("the network takes {count} inputs; one is needed")));
            }
        };
        let mut returned = false;
        for operation in mlir::operations(block) {
            if returned {
                return Err(IrError::at(operation, "the op stands behind the end of the network"));
            }
            returned = mlir::has_name(operation, "func.return");
            if returned { decoder.finish(operation) } else { decoder.decode(operation) }
                .map_err(|problem| IrError::at(operation, problem.0))?;
        }
        if returned {
            Ok(decoder.network)
        } else {
            Err(IrError::module("the network does not end in `func.return`"))
        }
    }

    /// Shape of the sample that the network takes.
    pub fn input_shape(&self) -> &[usize] {
        &self.values[0].shape
    }

    /// Shapes of the outputs for one sample, in the order in which they are returned.
    pub fn output_shapes(&self) -> Vec<&[usize]> {
        self.outputs.iter().map(|&value| self.values[value].shape.as_slice()).collect()
    }

    /// Whether the network runs in timesteps.
    pub fn is_spiking(&self) -> bool {
        self.spiking
    }

    /// Number of values: the input, and one for each result.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// Shape of one sample of a value; `None` if there is no value of that number.
    pub fn value_shape(&self, value: usize) -> Option<&[usize]> {
        self.values.get(value).map(|value| value.shape.as_slice())
    }

    /// The ops in the order in which they run.
    pub fn ops(&self) -> &[OpSummary] {
        &self.summaries
    }

    /// Runs a network without neurons on one sample and returns its outputs.
    ///
    /// `probe` sees the result of each op with the op's index; of an op without result, its operand.
    ///
    /// # Errors
    ///
    /// If the network is a spiking one, the sample has another shape than the network takes, or an integer leaves its
    /// range.
    pub fn forward(
        &self,
        input: &Sample,
        probe: &mut dyn FnMut(usize, &Sample),
    ) -> Result<Vec<Sample>, InterpretError> {
        let mut values = vec![empty(); self.values.len()];
        values[0] = self.accept(input)?;
        for (index, action) in self.actions.iter().enumerate() {
            let summary = &self.summaries[index];
            match action {
                Action::Compute(kernel) => {
                    let inputs =
                        summary.inputs.iter().map(|&input| elements(&values[input])).collect::<Vec<_>>();
                    let result = self.compute(index, kernel, &inputs)?;
                    probe(index, &result);
                    if let Some(output) = summary.output {
                        values[output] = result;
                    }
                }
                Action::Observe => summary.inputs.iter().for_each(|&input| probe(index, &values[input])),
                Action::Spiking(_) => return Err(InterpretError::Spiking),
            }
            for &input in summary.inputs.iter().filter(|&&input| self.last_reads[input] == Some(index)) {
                values[input] = empty();
            }
        }
        Ok(self.outputs.iter().map(|&value| values[value].clone()).collect())
    }

    /// The outputs of a network without neurons in front of their heads: softmax, log-softmax or argmax, and what reshapes them
    /// afterwards. `probe` as in [`Network::forward`].
    ///
    /// # Errors
    ///
    /// As [`Network::forward`].
    pub fn logits(
        &self,
        input: &Sample,
        probe: &mut dyn FnMut(usize, &Sample),
    ) -> Result<Vec<Sample>, InterpretError> {
        let logits = self.outputs.iter().map(|&output| self.logits_of(output)).collect::<Vec<_>>();
        let mut found = vec![empty(); logits.len()];
        let outputs = self.forward(input, &mut |index, result| {
            probe(index, result);
            for (slot, &value) in found.iter_mut().zip(&logits) {
                if value.is_some() && self.summaries[index].output == value {
                    *slot = result.clone();
                }
            }
        })?;
        let pairs = outputs.into_iter().zip(found).zip(&logits);
        Ok(pairs.map(|((output, found), value)| if value.is_some() { found } else { output }).collect())
    }

    /// The value of each output in front of its head, by number; see [`Network::logits`].
    pub fn logit_values(&self) -> Vec<usize> {
        self.outputs.iter().map(|&output| self.logits_of(output).unwrap_or(output)).collect()
    }

    /// The value that the head of an output reads; `None` if it has no head.
    fn logits_of(&self, output: usize) -> Option<usize> {
        let mut value = output;
        loop {
            let summary = self.summaries.iter().find(|summary| summary.output == Some(value))?;
            let &[input] = summary.inputs.as_slice() else { return None };
            match summary.name.as_str() {
                name if HEADS.contains(&name) => return Some(input),
                name if MOVES.contains(&name) => value = input,
                _ => return None,
            }
        }
    }

    /// Which output the readout `op` of a spiking network is, behind its head if it has one.
    pub fn output_of(&self, op: usize) -> Option<usize> {
        let value = self.summaries.get(op)?.output?;
        let head =
            self.summaries.iter().find(|summary| summary.inputs == [value]).and_then(|head| head.output);
        self.outputs.iter().position(|&output| output == value || Some(output) == head)
    }

    /// The result of one op of a network without neurons on operands of the caller's choice.
    ///
    /// # Errors
    ///
    /// If there is no op `index`, it has no result or it works in timesteps, the operands have other shapes than the
    /// network's, or an integer leaves its range.
    pub fn evaluate(&self, index: usize, operands: &[&Sample]) -> Result<Sample, InterpretError> {
        let (kernel, summary) = match (self.actions.get(index), self.summaries.get(index)) {
            (Some(Action::Compute(kernel)), Some(summary)) => (kernel, summary),
            (Some(Action::Spiking(_)), _) => return Err(InterpretError::Spiking),
            _ => return Err(InterpretError::NoResult { index }),
        };
        let expected =
            summary.inputs.iter().map(|&input| self.values[input].shape.as_slice()).collect::<Vec<_>>();
        let found = operands.iter().map(|operand| operand.shape()).collect::<Vec<_>>();
        if expected != found {
            return Err(InterpretError::InputShape {
                expected: expected.iter().map(|shape| shape.to_vec()).collect(),
                found: found.iter().map(|shape| shape.to_vec()).collect(),
            });
        }
        let operands = operands.iter().map(|operand| operand.as_standard_layout()).collect::<Vec<_>>();
        let slices = operands.iter().filter_map(|operand| operand.as_slice()).collect::<Vec<_>>();
        self.compute(index, kernel, &slices)
    }

    /// The sample in the order that kernels read, if it is what the network takes.
    pub(super) fn accept(&self, input: &Sample) -> Result<Sample, InterpretError> {
        if input.shape() != self.input_shape() {
            return Err(InterpretError::InputShape {
                expected: vec![self.input_shape().to_vec()],
                found: vec![input.shape().to_vec()],
            });
        }
        Ok(input.as_standard_layout().into_owned())
    }

    /// Runs `kernel`, that of op `index`, and checks integer results.
    pub(super) fn compute(
        &self,
        index: usize,
        kernel: &Kernel,
        inputs: &[&[f64]],
    ) -> Result<Sample, InterpretError> {
        if self.is_integer(index) && kernel.gain * I32 > EXACT {
            let largest = inputs
                .iter()
                .flat_map(|input| input.iter())
                .fold(0.0, |largest, x| f64::max(largest, x.abs()));
            let bound = kernel.gain * largest;
            if bound > EXACT {
                return Err(InterpretError::Inexact { place: self.place(index), bound });
            }
        }
        let mut result = Sample::zeros(IxDyn(&kernel.shape));
        kernel.run(inputs, elements_mut(&mut result));
        self.check(index, &result)?;
        Ok(result)
    }

    /// Demands 32-bit integers where the result of op `index` is of integers.
    pub(super) fn check(&self, index: usize, result: &Sample) -> Result<(), InterpretError> {
        if !self.is_integer(index) {
            return Ok(());
        }
        match result.iter().enumerate().find(|&(_, &value)| !is_i32(value)) {
            None => Ok(()),
            Some((element, &value)) if value.is_finite() && value.fract() == 0.0 => {
                Err(InterpretError::Overflow { place: self.place(index), index: element, value })
            }
            Some((element, &value)) => {
                Err(InterpretError::NotInteger { place: self.place(index), index: element, value })
            }
        }
    }

    fn is_integer(&self, index: usize) -> bool {
        self.summaries[index].output.is_some_and(|value| self.values[value].number == Number::Integer)
    }

    /// Op `index` as messages name it.
    pub(super) fn place(&self, index: usize) -> Place {
        let summary = &self.summaries[index];
        Place { op: summary.name.clone(), layer: summary.layer.clone(), source: summary.source.clone() }
    }
}

/// What stands for a value that is not there.
fn empty() -> Sample {
    Sample::zeros(IxDyn(&[0]))
}

/// The elements in row-major order.
#[allow(clippy::expect_used)] // Samples here come from `zeros`, `accept` or arithmetic on such.
pub(super) fn elements(sample: &Sample) -> &[f64] {
    sample.as_slice().expect("samples are stored in row-major order")
}

/// [`elements`] to write to.
#[allow(clippy::expect_used)] // As in `elements`.
pub(super) fn elements_mut(sample: &mut Sample) -> &mut [f64] {
    sample.as_slice_mut().expect("samples are stored in row-major order")
}

/// Goes through the ops in order and builds the network.
struct Decoder {
    network: Network,
    /// Number of each value of the module, by its address.
    numbers: HashMap<usize, usize>,
    layered: bool,
    /// Programs of neurons that the module states.
    programs: Programs,
}

impl Decoder {
    /// Starts with the network's input.
    fn new(input: Value, programs: Programs) -> Result<Self, Problem> {
        let network = Network {
            summaries: vec![],
            actions: vec![],
            values: vec![],
            last_reads: vec![],
            outputs: vec![],
            spiking: false,
        };
        let mut decoder = Self { network, numbers: HashMap::new(), layered: false, programs };
        decoder.define(input)?;
        Ok(decoder)
    }

    /// Gives `value` the next number.
    fn define(&mut self, value: Value) -> Result<usize, Problem> {
        let r#type = value_type(value)?;
        let number = self.network.values.len();
        self.numbers.insert(address(value), number);
        self.network.values.push(r#type);
        self.network.last_reads.push(None);
        Ok(number)
    }

    fn operands(&self, operation: OperationRef) -> Result<Vec<usize>, Problem> {
        let number = |value| self.numbers.get(&address(value)).copied();
        let numbers = operation.operands().map(number).collect::<Option<_>>();
        numbers.ok_or_else(|| "an operand is not computed before it is read".into())
    }

    fn decode(&mut self, operation: OperationRef) -> Result<(), Problem> {
        let inputs = self.operands(operation)?;
        let output = match operation.result_count() {
            0 => None,
            1 => Some(self.define(operation.result(0).map_err(|error| error.to_string())?.into())?),
            count => return Err(format!("an op with {count} results is not supported").into()),
        };
        let type_of = |&value: &usize| self.network.values[value].clone();
        let site =
            Site { inputs: inputs.iter().map(type_of).collect(), result: output.as_ref().map(type_of) };
        let Some(action) = decode_action(operation, &site, &self.programs)? else { return Ok(()) };
        let computed = match &action {
            Action::Compute(kernel) => Some(kernel.shape.as_slice()),
            Action::Spiking(spiking) => Some(spiking.shape()),
            Action::Observe => None,
        };
        let stated = site.result.as_ref().map(|result| result.shape.as_slice());
        if computed != stated {
            return Err(match (computed, stated) {
                (Some(computed), Some(stated)) => format!(
                    "the op computes samples of shape {computed:?}, its result type states {stated:?}"
                )
                .into(),
                _ => "the op has a result where there is none, or lacks one".into(),
            });
        }
        let spiking = matches!(action, Action::Spiking(_));
        self.network.spiking |= spiking;
        self.layered |= !spiking;
        if self.network.spiking && self.layered {
            return Err("ops with and without timesteps stand in one network".into());
        }
        let index = self.network.actions.len();
        for &input in &inputs {
            let ends = matches!(action, Action::Spiking(snn::Spiking::Head(_)));
            if self.is_output(input) && !(ends && self.is_readout(input)) {
                return Err("the result of a readout can only be returned, or read by a head".into());
            }
            if ends && !self.is_readout(input) {
                return Err("a head reads readouts only".into());
            }
            self.network.last_reads[input] = Some(index);
        }
        self.network.actions.push(action);
        self.network.summaries.push(OpSummary {
            name: mlir::name(operation),
            layer: mlir::layer(operation),
            source: mlir::source(operation.location()),
            inputs,
            output,
        });
        Ok(())
    }

    fn finish(&mut self, operation: OperationRef) -> Result<(), Problem> {
        let outputs = self.operands(operation)?;
        if outputs.is_empty() {
            return Err("the network returns nothing".into());
        }
        for &output in &outputs {
            if self.network.spiking && !self.is_output(output) {
                return Err("a spiking network returns readouts only".into());
            }
            self.network.last_reads[output] = None;
        }
        self.network.outputs = outputs;
        Ok(())
    }

    fn definition(&self, value: usize) -> Option<&Action> {
        let mut ops = self.network.summaries.iter().zip(&self.network.actions);
        ops.find(|(summary, _)| summary.output == Some(value)).map(|(_, action)| action)
    }

    fn is_readout(&self, value: usize) -> bool {
        matches!(self.definition(value), Some(Action::Spiking(snn::Spiking::Readout(_))))
    }

    /// Whether the value is a readout's or a head's.
    fn is_output(&self, value: usize) -> bool {
        self.is_readout(value)
            || matches!(self.definition(value), Some(Action::Spiking(snn::Spiking::Head(_))))
    }
}

/// What an op does; `None` if it only says where something is.
fn decode_action(
    operation: OperationRef,
    site: &Site,
    programs: &Programs,
) -> Result<Option<Action>, Problem> {
    if let Some(op) = dialects::torch::Op::read(operation)? {
        torch::decode(&op, site).map(Some)
    } else if let Some(op) = dialects::ann::Op::read(operation)? {
        ann::decode(&op, site).map(Some)
    } else if let Some(op) = dialects::snn::Op::read(operation)? {
        snn::decode(&op, site).map(Some)
    } else if let Some(op) = dialects::loihi::Op::read(operation)? {
        loihi::decode(&op, site, programs)
    } else {
        Err(format!("the interpreter does not know `{}`", mlir::name(operation)).into())
    }
}

fn value_type(value: Value) -> Result<ValueType, Problem> {
    let shape =
        mlir::type_shape(value.r#type()).filter(|shape| element_count(shape).is_some_and(|count| count > 0));
    match (shape, mlir::number(value)) {
        (Some(shape), Some(number)) => Ok(ValueType { shape, number }),
        _ => Err(format!(
            "the interpreter cannot handle values of type {}; it needs a batch axis, static axes that are neither 0 nor \
             huge, and elements of f32 or i32",
            value.r#type()
        )
        .into()),
    }
}

fn address(value: Value) -> usize {
    value.to_raw().ptr as usize
}

//! One node of the recorded graph as an op's translation sees it: arguments by their names in ATen's schema, statements out.

use std::collections::HashSet;
use std::rc::Rc;

use super::aten::Op;
use super::constant::{Constant, Values, sizes};
use super::schema::{Argument, Named, Node, OptionalTensor, Size, SymInt, TensorMeta};
use super::translate::{Translator, Written};
use super::value::{Activation, Id, Value};
use crate::diagnostic::{Finding, FindingId};

/// Why a node is not translated.
pub(super) enum Refusal {
    /// What there is to say.
    Finding(Finding),
    /// It reads something that was refused already.
    Follows,
}

impl From<Finding> for Refusal {
    fn from(finding: Finding) -> Self {
        Self::Finding(finding)
    }
}

/// What became of a node, or of one of its results.
pub(super) enum Outcome {
    /// A statement's value, in memory of its own.
    Computed(Id),
    /// The input itself under another name: what is written into one shows in the other.
    Same(Activation),
    /// A statement's value that may share the memory of this input.
    View(Id, Activation),
    /// A tensor that does not depend on the input.
    Constant(Constant),
    /// A result that nothing can read.
    Unavailable(Finding),
    /// The results of an op that has several.
    Several(Vec<Outcome>),
}

/// An operand of an elementwise op.
#[derive(Clone)]
pub(super) enum Operand {
    Activation(Activation),
    Number(f64),
    Constant(Rc<Constant>),
}

/// A node with its arguments.
pub(super) struct Call<'t, 'p> {
    pub(super) translator: &'t mut Translator<'p>,
    pub(super) node: &'p Node,
    pub(super) op: Op<'p>,
    /// Names of the results in order.
    pub(super) results: Vec<&'p str>,
    taken: HashSet<&'p str>,
}

type Refused<T> = Result<T, Refusal>;

impl<'t, 'p> Call<'t, 'p> {
    pub(super) fn new(
        translator: &'t mut Translator<'p>,
        node: &'p Node,
        op: Op<'p>,
        results: Vec<&'p str>,
    ) -> Self {
        Self { translator, node, op, results, taken: HashSet::new() }
    }

    /// An argument, where it is given and not `None`.
    pub(super) fn argument(&mut self, name: &str) -> Option<&'p Argument> {
        let given = self.node.inputs.iter().find(|input| input.name == name)?;
        self.taken.insert(&given.name);
        (!matches!(given.arg, Argument::AsNone(_))).then_some(&given.arg)
    }

    /// Leaves arguments aside that do not change what is computed.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.argument(name);
        }
    }

    /// The argument that no translation looked at, if there is one: it could mean anything.
    pub(super) fn left_over(&self) -> Option<&'p str> {
        let left = self.node.inputs.iter().find(|input| {
            !self.taken.contains(input.name.as_str()) && !matches!(input.arg, Argument::AsNone(_))
        });
        left.map(|input| input.name.as_str())
    }

    /// `unsupported-op` about the node.
    pub(super) fn unsupported(&self, what: impl std::fmt::Display, help: impl Into<String>) -> Refusal {
        self.finding(FindingId::UnsupportedOp, what, help)
    }

    /// A finding about the node; the message goes on after the op's name.
    pub(super) fn finding(
        &self,
        id: FindingId,
        what: impl std::fmt::Display,
        help: impl Into<String>,
    ) -> Refusal {
        Finding::new(id, format!("`{}` {what}", self.op.name)).help(help).into()
    }

    fn misread(&self, name: &str, wanted: &str) -> Refusal {
        let given = self.node.inputs.iter().find(|input| input.name == name);
        let what = match given.map(|given| &given.arg) {
            None => format!("lacks its argument `{name}`, {wanted}"),
            Some(Argument::AsSymInt(_) | Argument::AsSymInts(_)) => {
                format!("has an argument `{name}` that depends on the shape of the input")
            }
            Some(_) => format!("has an argument `{name}` that is not {wanted}"),
        };
        self.unsupported(what, "write the network with fixed numbers there")
    }

    fn value(&mut self, name: &str) -> Refused<Option<Value>> {
        let tensor = match self.argument(name) {
            None => return Ok(None),
            Some(
                Argument::AsTensor(tensor) | Argument::AsOptionalTensor(OptionalTensor::AsTensor(tensor)),
            ) => tensor,
            Some(Argument::AsOptionalTensor(OptionalTensor::AsNone(_))) => return Ok(None),
            Some(_) => return Err(self.misread(name, "a tensor")),
        };
        self.translator.read(&tensor.name).map(Some)
    }

    /// A value that depends on the input.
    pub(super) fn activation(&mut self, name: &str) -> Refused<Activation> {
        match self.value(name)? {
            Some(Value::Activation(activation)) => Ok(activation),
            Some(_) => Err(self.unsupported(
                "computes on parameters and constants only",
                "compute it once, and keep the result as a buffer: `self.register_buffer(\"name\", tensor)`",
            )),
            None => Err(self.misread(name, "a tensor")),
        }
    }

    /// Values that depend on the input.
    pub(super) fn activations(&mut self, name: &str) -> Refused<Vec<Activation>> {
        let Some(Argument::AsTensors(tensors)) = self.argument(name) else {
            return Err(self.misread(name, "a list of tensors"));
        };
        let read = |tensor: &Named| match self.translator.read(&tensor.name)? {
            Value::Activation(activation) => Ok(activation),
            _ => Err(self.unsupported(
                "joins activations with parameters or constants",
                "pad with a constant instead: `torch.nn.functional.pad`",
            )),
        };
        tensors.iter().map(read).collect()
    }

    /// A parameter, buffer or constant; `None` where there is none.
    pub(super) fn optional_constant(&mut self, name: &str) -> Refused<Option<Rc<Constant>>> {
        match self.value(name)? {
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(_) => Err(self.unsupported(
                format!("takes its `{name}` from the network's input"),
                "products of activations have no spiking form: use a layer with weights of its own",
            )),
            None => Ok(None),
        }
    }

    /// A parameter, buffer or constant.
    pub(super) fn constant(&mut self, name: &str) -> Refused<Rc<Constant>> {
        self.optional_constant(name)?.ok_or_else(|| self.misread(name, "a tensor"))
    }

    /// A tensor or number. A constant of one element is a number.
    pub(super) fn operand(&mut self, name: &str) -> Refused<Operand> {
        match self.argument(name) {
            Some(Argument::AsTensor(_)) => match self.value(name)? {
                Some(Value::Activation(activation)) => Ok(Operand::Activation(activation)),
                Some(Value::Constant(constant)) => match constant.single() {
                    Some(number) => Ok(Operand::Number(number)),
                    None => Ok(Operand::Constant(constant)),
                },
                _ => Err(Refusal::Follows),
            },
            Some(Argument::AsInt(n)) => Ok(Operand::Number(*n as f64)),
            Some(Argument::AsFloat(x)) => match x.value() {
                Some(x) => Ok(Operand::Number(x)),
                None => Err(self.misread(name, "a number")),
            },
            _ => Err(self.misread(name, "a tensor or number")),
        }
    }

    /// A number; `default` where it is not given.
    pub(super) fn float(&mut self, name: &str, default: f64) -> Refused<f64> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    /// A number, if given.
    pub(super) fn optional_float(&mut self, name: &str) -> Refused<Option<f64>> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsInt(n)) => Ok(Some(*n as f64)),
            Some(Argument::AsFloat(x)) => x.value().map(Some).ok_or_else(|| self.misread(name, "a number")),
            Some(_) => Err(self.misread(name, "a number")),
        }
    }

    /// An integer, if given.
    pub(super) fn optional_int(&mut self, name: &str) -> Refused<Option<i64>> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsInt(n) | Argument::AsSymInt(SymInt::AsInt(n))) => Ok(Some(*n)),
            Some(_) => Err(self.misread(name, "an integer")),
        }
    }

    /// An integer; `default` where it is not given.
    pub(super) fn int(&mut self, name: &str, default: i64) -> Refused<i64> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    /// A truth value; `default` where it is not given.
    pub(super) fn bool(&mut self, name: &str, default: bool) -> Refused<bool> {
        match self.argument(name) {
            None => Ok(default),
            Some(Argument::AsBool(b)) => Ok(*b),
            Some(_) => Err(self.misread(name, "a truth value")),
        }
    }

    /// A word, if given.
    pub(super) fn string(&mut self, name: &str) -> Refused<Option<&'p str>> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsString(text)) => Ok(Some(text)),
            Some(_) => Err(self.misread(name, "a word")),
        }
    }

    /// Integers; `None` where the list is not given or empty.
    pub(super) fn ints(&mut self, name: &str) -> Refused<Option<Vec<i64>>> {
        let list = match self.argument(name) {
            None => return Ok(None),
            Some(Argument::AsInt(n)) => vec![*n],
            Some(Argument::AsInts(list)) => list.clone(),
            Some(Argument::AsSymInts(list)) => {
                let fixed = |size: &SymInt| match size {
                    SymInt::AsInt(n) => Some(*n),
                    SymInt::AsName(_) => None,
                };
                let list: Option<Vec<_>> = list.iter().map(fixed).collect();
                list.ok_or_else(|| self.misread(name, "a list of integers"))?
            }
            Some(_) => return Err(self.misread(name, "a list of integers")),
        };
        Ok((!list.is_empty()).then_some(list))
    }

    /// Integers for `rank` axes; one stands for all.
    pub(super) fn per_axis(&mut self, name: &str, rank: usize, default: i64) -> Refused<Vec<i64>> {
        let list = self.ints(name)?.unwrap_or_else(|| vec![default]);
        match list.as_slice() {
            [single] => Ok(vec![*single; rank]),
            list if list.len() == rank => Ok(list.to_vec()),
            _ => Err(self.misread(name, "one integer for each axis")),
        }
    }

    /// Numbers, if given.
    pub(super) fn floats(&mut self, name: &str) -> Refused<Option<Vec<f64>>> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsFloats(list)) => {
                let list: Option<Vec<f64>> = list.iter().map(super::schema::Float::value).collect();
                list.map(Some).ok_or_else(|| self.misread(name, "a list of numbers"))
            }
            Some(Argument::AsFloat(x)) => Ok(x.value().map(|x| vec![x])),
            Some(_) => Err(self.misread(name, "a list of numbers")),
        }
    }

    /// A list whose elements may be missing: the constants of it, with their positions.
    pub(super) fn index_list(&mut self, name: &str) -> Refused<Vec<(usize, Rc<Constant>)>> {
        let names: Vec<(usize, &'p str)> = match self.argument(name) {
            Some(Argument::AsOptionalTensors(list)) => {
                let given = list.iter().enumerate().filter_map(|(position, tensor)| match tensor {
                    OptionalTensor::AsTensor(tensor) => Some((position, tensor.name.as_str())),
                    OptionalTensor::AsNone(_) => None,
                });
                given.collect()
            }
            Some(Argument::AsTensors(list)) => {
                list.iter().enumerate().map(|(position, tensor)| (position, tensor.name.as_str())).collect()
            }
            _ => return Err(self.misread(name, "a list of tensors")),
        };
        let read = |(position, name): (usize, &str)| match self.translator.read(name)? {
            Value::Constant(constant) => Ok((position, constant)),
            _ => Err(self.unsupported(
                "indexes with what the network computed",
                "index with fixed numbers, or with a buffer of integers",
            )),
        };
        names.into_iter().map(read).collect()
    }

    /// An axis number of a tensor of `rank` axes, from 0; negative ones count from the last.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Refused<usize> {
        let resolved = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        match usize::try_from(resolved).ok().filter(|axis| *axis < rank) {
            Some(axis) => Ok(axis),
            None => Err(self.unsupported(
                format!("names axis {axis} of a tensor of {rank}"),
                "the archive contradicts itself: export the model again",
            )),
        }
    }

    /// An axis number that must not be the batch's.
    pub(super) fn sample_axis(&self, axis: i64, rank: usize) -> Refused<usize> {
        match self.axis(axis, rank)? {
            0 => Err(self.batch("works along the batch axis")),
            axis => Ok(axis),
        }
    }

    /// `batch-axis` about the node.
    pub(super) fn batch(&self, what: &str) -> Refusal {
        let help = "the first axis of every activation is the batch, and samples are independent of each other: keep it in front";
        self.finding(FindingId::BatchAxis, what, help)
    }

    /// Description of result `index`.
    fn meta(&self, index: usize) -> Refused<&'p TensorMeta> {
        let name = self.results.get(index).copied().unwrap_or_default();
        self.translator.meta(name).ok_or_else(|| {
            self.unsupported(
                "has a result without a shape",
                "the archive contradicts itself: export the model again",
            )
        })
    }

    /// Axes 1 and up of result `index`.
    pub(super) fn result_shape(&self, index: usize) -> Refused<Vec<i64>> {
        let meta = self.meta(index)?;
        self.translator.sample(&meta.sizes).map_err(|what| self.batch(&what))
    }

    /// All axes of result `index`, of a constant.
    pub(super) fn constant_shape(&mut self, index: usize) -> Refused<Vec<usize>> {
        let meta = self.meta(index)?;
        let fixed = sizes(&meta.sizes).filter(|sizes| sizes.len() < crate::import::graph::MAX_RANK);
        let Some(shape) = fixed else {
            return Err(self.unsupported(
                "makes a constant whose size depends on the input's",
                "make it of one sample's size, `[1, …]`, and let it broadcast; or pad with `torch.nn.functional.pad`",
            ));
        };
        if self.translator.budget.take(&shape).is_none() {
            return Err(self.unsupported(
                "makes a constant that is too large",
                "compute it in the network's constructor",
            ));
        }
        Ok(shape)
    }

    /// Whether all axes of result `index` are as in `sizes`.
    pub(super) fn result_is(&self, index: usize, wanted: impl Fn(&[Size]) -> bool) -> bool {
        self.meta(index).is_ok_and(|meta| wanted(&meta.sizes))
    }

    /// Whether the network reads result `index`.
    pub(super) fn is_read(&self, index: usize) -> bool {
        self.results.get(index).is_some_and(|name| self.translator.is_read(name))
    }

    /// Writes a statement.
    pub(super) fn emit(
        &mut self,
        op: &'static str,
        inputs: &[Id],
        arguments: Vec<(&'static str, Written)>,
    ) -> Id {
        self.translator.emit(op, inputs.to_vec(), arguments)
    }

    /// Writes a statement of one tensor and gives its value.
    pub(super) fn compute(
        &mut self,
        op: &'static str,
        input: &Activation,
        arguments: Vec<(&'static str, Written)>,
    ) -> Refused<Outcome> {
        Ok(Outcome::Computed(self.emit(op, &[input.id], arguments)))
    }

    /// A tensor of the weights file as an argument.
    pub(super) fn weight(&mut self, constant: &Rc<Constant>) -> Refused<Written> {
        match constant.values {
            Values::Real(_) => Ok(self.translator.weight(constant)),
            Values::Integer(_) => {
                let message = format!("computes with `{}`, a tensor of integers", constant.name);
                Err(self.finding(
                    FindingId::WeightDtype,
                    message,
                    "convert it in the constructor: `tensor.float()`",
                ))
            }
        }
    }

    /// A name for a tensor that this node makes of constants.
    pub(super) fn derived_name(&mut self) -> String {
        self.translator.derived_name()
    }
}

impl Call<'_, '_> {
    /// What an in-place op writes into: its first argument.
    pub(super) fn written(&mut self) -> Refused<Activation> {
        let first = self.node.inputs.first().map(|input| input.name.clone()).unwrap_or_default();
        match self.value(&first)? {
            Some(Value::Activation(activation)) => Ok(activation),
            _ => Err(self.finding(
                FindingId::MutatedState,
                "changes a parameter or buffer",
                "a converted network keeps its weights: export with `model.eval()`, and leave counters out of `forward`",
            )),
        }
    }
}

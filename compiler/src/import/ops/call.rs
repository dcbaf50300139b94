//! A call whose arguments are bound to an op's parameters, as the op's `build` sees it.

use super::signature::{Argument, Default, Signature};
use crate::diagnostic::{Finding, FindingId, Findings, Reported, Span};
use crate::import::graph::{Shape, WeightRef};
use crate::import::weights::Weights;

/// An argument with its place in the file.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What is given.
    pub value: Argument,
    /// Where.
    pub span: Span,
}

/// A call with every argument of the right kind and within the bounds that the signature states.
///
/// What needs the input's shape is checked by the op, which reports through [`Call::fail`] and its relatives.
pub struct Call<'a> {
    /// The op.
    pub signature: &'static Signature,
    /// Shapes of the tensors, in order; at least one.
    pub inputs: Vec<Shape>,
    /// One for each parameter; `None` where not given, and for tensors.
    pub arguments: Vec<Option<Bound>>,
    /// The whole statement.
    pub span: Span,
    /// The op's name in the file.
    pub op_span: Span,
    /// The layer.
    pub layer: &'a str,
    /// The weights file.
    pub weights: &'a Weights,
    /// Where findings go.
    pub findings: &'a mut Findings,
}

impl Call<'_> {
    /// Shape of the first input.
    pub fn input(&mut self) -> Result<Shape, Reported> {
        match self.inputs.first() {
            Some(shape) => Ok(shape.clone()),
            None => Err(self.mismatch("has no input tensor")),
        }
    }

    /// Shape of the first input, which must have `rank` axes.
    pub fn input_of_rank(&mut self, rank: usize, layout: &str) -> Result<Shape, Reported> {
        let shape = self.input()?;
        if shape.rank() == rank {
            return Ok(shape);
        }
        let message = format!("needs an input of {rank} axes {layout}, not {shape}");
        Err(self.fail(FindingId::ShapeMismatch, message))
    }

    /// A finding about the call as a whole; the message goes on after the op's name.
    pub fn fail(&mut self, id: FindingId, message: impl AsRef<str>) -> Reported {
        let message = format!("`{}` {}", self.signature.name, message.as_ref());
        self.report(Finding::new(id, message).at(self.op_span))
    }

    /// [`Self::fail`] with `shape-mismatch`.
    pub fn mismatch(&mut self, message: impl AsRef<str>) -> Reported {
        self.fail(FindingId::ShapeMismatch, message)
    }

    /// A finding about one argument, placed where it is given, else at the op; the message goes on after its name.
    pub fn fail_at(&mut self, id: FindingId, name: &str, message: impl AsRef<str>) -> Reported {
        let message = format!("`{name}` of `{}` {}", self.signature.name, message.as_ref());
        let span = self.bound(name).map_or(self.op_span, |bound| bound.span);
        self.report(Finding::new(id, message).at(span))
    }

    /// Adds a finding with the layer's name.
    pub fn report(&mut self, finding: Finding) -> Reported {
        self.findings.push(finding.layer(self.layer))
    }

    /// The shape made of these sizes, or `invalid-shape`.
    pub fn shape(&mut self, sample: Vec<i64>) -> Result<Shape, Reported> {
        let sizes = sample.clone();
        Shape::new(sample).ok_or_else(|| {
            let text = sizes.iter().map(|size| format!(", {size}")).collect::<String>();
            self.fail(
                FindingId::InvalidShape,
                format!("makes a tensor of shape [N{text}]; axes are at least 1 and a sample has at most 2^28 values"),
            )
        })
    }

    /// An axis number brought to 1..rank; negative ones count from the last axis.
    pub fn axis(&mut self, name: &str, axis: i64, rank: usize) -> Result<usize, Reported> {
        let count = rank as i64;
        match if axis < 0 { axis + count } else { axis } {
            0 => {
                let message = "is the batch axis; samples are independent of each other";
                Err(self.fail_at(FindingId::BatchAxis, name, message))
            }
            axis if (1..count).contains(&axis) => Ok(axis as usize),
            _ => {
                let message = format!("is {axis}, and the input has {rank} axes");
                Err(self.fail_at(FindingId::ArgumentValue, name, message))
            }
        }
    }

    /// A weight that must be given.
    pub fn weight(&mut self, name: &str) -> Result<WeightRef, Reported> {
        match self.optional_weight(name)? {
            Some(weight) => Ok(weight),
            None => Err(self.signature_mismatch(name)),
        }
    }

    /// A weight that may be missing.
    pub fn optional_weight(&mut self, name: &str) -> Result<Option<WeightRef>, Reported> {
        match self.value(name) {
            Some(Argument::Weight(weight)) => Ok(Some(weight)),
            None => Ok(None),
            Some(_) => Err(self.signature_mismatch(name)),
        }
    }

    /// The weight that is given for an argument that may be a tensor or a number as well.
    pub fn operand_weight(&mut self, name: &str) -> Result<Option<WeightRef>, Reported> {
        match self.value(name) {
            Some(Argument::Weight(weight)) => Ok(Some(weight)),
            _ => Ok(None),
        }
    }

    /// Checks a weight's shape.
    pub fn expect_shape(&mut self, name: &str, weight: &WeightRef, wanted: &[i64]) -> Result<(), Reported> {
        if weight.shape == wanted {
            return Ok(());
        }
        let message =
            format!("is {}, a tensor of shape {:?}; it must be {wanted:?}", weight.key, weight.shape);
        Err(self.fail_at(FindingId::WeightShape, name, message))
    }

    /// An integer.
    pub fn int(&mut self, name: &str) -> Result<i64, Reported> {
        match self.optional_int(name)? {
            Some(n) => Ok(n),
            None => Err(self.signature_mismatch(name)),
        }
    }

    /// An integer that may be missing.
    pub fn optional_int(&mut self, name: &str) -> Result<Option<i64>, Reported> {
        match self.value(name) {
            Some(Argument::Int(n)) => Ok(Some(n)),
            None => Ok(None),
            Some(_) => Err(self.signature_mismatch(name)),
        }
    }

    /// An integer for each spatial axis.
    pub fn sizes<const AXES: usize>(&mut self, name: &str) -> Result<[i64; AXES], Reported> {
        match self.value(name) {
            Some(Argument::Ints(sizes)) => {
                <[i64; AXES]>::try_from(sizes).map_err(|_| self.signature_mismatch(name))
            }
            _ => Err(self.signature_mismatch(name)),
        }
    }

    /// A list of integers.
    pub fn ints(&mut self, name: &str) -> Result<Vec<i64>, Reported> {
        match self.value(name) {
            Some(Argument::Ints(list)) => Ok(list),
            _ => Err(self.signature_mismatch(name)),
        }
    }

    /// A number.
    pub fn float(&mut self, name: &str) -> Result<f64, Reported> {
        match self.optional_float(name)? {
            Some(x) => Ok(x),
            None => Err(self.signature_mismatch(name)),
        }
    }

    /// A number that may be missing.
    pub fn optional_float(&mut self, name: &str) -> Result<Option<f64>, Reported> {
        match self.value(name) {
            Some(Argument::Float(x)) => Ok(Some(x)),
            None => Ok(None),
            Some(_) => Err(self.signature_mismatch(name)),
        }
    }

    /// A list of numbers.
    pub fn floats(&mut self, name: &str) -> Result<Vec<f64>, Reported> {
        match self.value(name) {
            Some(Argument::Floats(list)) => Ok(list),
            _ => Err(self.signature_mismatch(name)),
        }
    }

    /// A truth value.
    pub fn bool(&mut self, name: &str) -> Result<bool, Reported> {
        match self.value(name) {
            Some(Argument::Bool(b)) => Ok(b),
            _ => Err(self.signature_mismatch(name)),
        }
    }

    fn bound(&self, name: &str) -> Option<&Bound> {
        let (position, _) = self.signature.param(name)?;
        self.arguments.get(position)?.as_ref()
    }

    /// What is given, else the default.
    fn value(&self, name: &str) -> Option<Argument> {
        if let Some(bound) = self.bound(name) {
            return Some(bound.value.clone());
        }
        match self.signature.param(name)?.1.default {
            Default::SameAs(other) => self.value(other),
            _ => self.signature.default(name),
        }
    }

    fn signature_mismatch(&mut self, name: &str) -> Reported {
        let message = format!("reads its argument `{name}` in another way than its signature states");
        self.fail(FindingId::InternalError, message)
    }
}

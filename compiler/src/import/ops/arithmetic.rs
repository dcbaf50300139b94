//! Sums, differences, products and quotients: of two tensors, or of a tensor and a constant.

use super::{Argument, Call, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::{Shape, WeightRef};

/// The second operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The second input; axes of size 1, of either, are repeated.
    Tensor,
    /// A finite number.
    Number(f64),
    /// A tensor of the weights file.
    Weight {
        /// Which one.
        weight: WeightRef,
        /// Its sizes along axes 1 and up of the first input, each that of the input or 1.
        sample: Vec<i64>,
    },
}

impl Operand {
    /// The operand `y` and the shape of the result.
    fn of(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let x = call.input()?;
        if let Some(weight) = call.operand_weight("y")? {
            let sample = constant(call, &x, &weight)?;
            return Ok((Self::Weight { weight, sample }, x));
        }
        if let Some(number) = call.optional_float("y")? {
            return Ok((Self::Number(number), x));
        }
        match call.inputs.get(1).cloned() {
            Some(y) => broadcast(call, &x, &y).map(|shape| (Self::Tensor, shape)),
            None => Err(call.mismatch("has no second operand")),
        }
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        match self {
            Self::Tensor => Vec::new(),
            Self::Number(number) => vec![("y", Argument::Float(*number))],
            Self::Weight { weight, .. } => vec![("y", Argument::Weight(weight.clone()))],
        }
    }
}

/// The shape of `x` and `y` together, in which axes of size 1 are repeated.
fn broadcast(call: &mut Call<'_>, x: &Shape, y: &Shape) -> Result<Shape, Reported> {
    if x.rank() != y.rank() {
        let message = format!(
            "needs tensors of as many axes, not {x} and {y}: PyTorch aligns last axes, so that the batch of one would meet another \
             axis of the other; `reshape` one first"
        );
        return Err(call.mismatch(message));
    }
    let axes = x.sample().iter().zip(y.sample()).map(|(&x, &y)| match (x, y) {
        (1, size) | (size, 1) => Some(size),
        (x, y) => (x == y).then_some(x),
    });
    match axes.collect::<Option<Vec<_>>>() {
        Some(sample) => call.shape(sample),
        None => {
            Err(call.mismatch(format!("needs tensors of one shape, but for axes of size 1, not {x} and {y}")))
        }
    }
}

/// Sizes of a constant along axes 1 and up of `x`; PyTorch aligns its last axis with that of `x`.
fn constant(call: &mut Call<'_>, x: &Shape, weight: &WeightRef) -> Result<Vec<i64>, Reported> {
    let rank = x.sample().len();
    let (batch, own) = weight.shape.split_at(weight.shape.len().saturating_sub(rank));
    let sample = [vec![1; rank - own.len()], own.to_vec()].concat();
    let fits = sample.iter().zip(x.sample()).all(|(&size, &of)| size == of || size == 1);
    if fits && batch.iter().all(|&size| size == 1) && batch.len() <= 1 {
        return Ok(sample);
    }
    let channels = x.axis(1).unwrap_or(1);
    let like = vec![1; rank.saturating_sub(1)]
        .iter()
        .fold(channels.to_string(), |text, one| format!("{text}, {one}"));
    let message = format!(
        "is {}, a tensor of shape {:?}, which cannot be repeated to {x}: store it with the sizes of axes 1 and up, or 1 for each; one value \
         a channel is [{like}]",
        weight.key, weight.shape
    );
    Err(call.fail_at(FindingId::WeightShape, "y", message))
}

/// A constant operand; `what` the op would make of two activations is refused by name.
fn constant_operand(call: &mut Call<'_>, what: &str) -> Result<(Operand, Shape), Reported> {
    match Operand::of(call)? {
        (Operand::Tensor, _) => {
            let message = format!(
                "of two activations is not supported: their {what} is no linear op, and spikes do not carry it exactly; replace one by a \
                 constant (a number or a weight), or train the network with a sum or a `concat` in its place"
            );
            Err(call.fail(FindingId::UnsupportedOp, message))
        }
        constant => Ok(constant),
    }
}

/// `x + y`
#[derive(Clone, Debug, PartialEq)]
pub struct Add {
    /// What is added to the first input.
    pub y: Operand,
}

impl Operation for Add {
    const SIGNATURE: Signature = Signature {
        name: "add",
        summary: "x + y, a tensor, a number, or a weight; axes of size 1 are repeated",
        params: &[Param::new("x", Kind::Tensor), Param::new("y", Kind::Operand)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        Operand::of(call).map(|(y, shape)| (Self { y }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        self.y.arguments()
    }
}

/// `x - y`
#[derive(Clone, Debug, PartialEq)]
pub struct Sub {
    /// What is taken from the first input.
    pub y: Operand,
}

impl Operation for Sub {
    const SIGNATURE: Signature = Signature {
        name: "sub",
        summary: "x - y, a tensor, a number, or a weight; axes of size 1 are repeated",
        params: &[Param::new("x", Kind::Tensor), Param::new("y", Kind::Operand)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        Operand::of(call).map(|(y, shape)| (Self { y }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        self.y.arguments()
    }
}

/// `x · y` for a constant `y`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mul {
    /// The factor.
    pub y: Operand,
}

impl Operation for Mul {
    const SIGNATURE: Signature = Signature {
        name: "mul",
        summary: "x times a number or a weight; axes of size 1 of the weight are repeated",
        params: &[Param::new("x", Kind::Tensor), Param::new("y", Kind::Operand)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        constant_operand(call, "product").map(|(y, shape)| (Self { y }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        self.y.arguments()
    }
}

/// `x / y` for a constant `y`.
#[derive(Clone, Debug, PartialEq)]
pub struct Div {
    /// The divisor, 0 nowhere.
    pub y: Operand,
}

impl Operation for Div {
    const SIGNATURE: Signature = Signature {
        name: "div",
        summary: "x over a number or a weight, 0 nowhere; axes of size 1 of the weight are repeated",
        params: &[Param::new("x", Kind::Tensor), Param::new("y", Kind::Operand)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (y, shape) = constant_operand(call, "quotient")?;
        let zero = match &y {
            Operand::Number(number) => (*number == 0.0).then(|| "is 0".to_owned()),
            Operand::Weight { weight, .. } => {
                let values =
                    call.weights.get(&weight.key).and_then(|tensor| tensor.f32s()).unwrap_or_default();
                let zero = values.iter().position(|&value| value == 0.0);
                zero.map(|index| format!("is {}, whose value {index} is 0", weight.key))
            }
            Operand::Tensor => None,
        };
        match zero {
            Some(message) => Err(call.fail_at(FindingId::ArgumentValue, "y", message)),
            None => Ok((Self { y }, shape)),
        }
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        self.y.arguments()
    }
}

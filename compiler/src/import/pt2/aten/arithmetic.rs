//! Sums, differences, products and quotients of activations, numbers and constants, with PyTorch's broadcasting.

use std::rc::Rc;

use super::super::call::{Call, Operand, Outcome, Refusal};
use super::super::constant::{Constant, Values};
use super::super::translate::Written;
use super::super::value::Activation;

type Result<T> = std::result::Result<T, Refusal>;

/// The second operand in a statement.
enum Second {
    Activation(Activation),
    Argument(Written),
}

fn second(call: &mut Call<'_, '_>, operand: Operand) -> Result<Second> {
    Ok(match operand {
        Operand::Activation(activation) => Second::Activation(activation),
        Operand::Number(number) => Second::Argument(number.into()),
        Operand::Constant(constant) => Second::Argument(call.weight(&constant)?),
    })
}

fn statement(call: &mut Call<'_, '_>, op: &'static str, x: &Activation, y: Operand) -> Result<Outcome> {
    Ok(Outcome::Computed(match second(call, y)? {
        Second::Activation(y) => call.emit(op, &[x.id, y.id], Vec::new()),
        Second::Argument(y) => call.emit(op, &[x.id], vec![("y", y)]),
    }))
}

/// `-x`, or `factor · x`.
fn scaled(call: &mut Call<'_, '_>, operand: Operand, factor: f64) -> Result<Operand> {
    if factor == 1.0 {
        return Ok(operand);
    }
    Ok(match operand {
        Operand::Number(number) => Operand::Number(number * factor),
        Operand::Activation(x) => {
            let id = call.emit("mul", &[x.id], vec![("y", factor.into())]);
            Operand::Activation(Activation { id, ..x })
        }
        Operand::Constant(constant) => {
            let name = call.derived_name();
            let factor = Constant::new("", Vec::new(), Values::Real(vec![factor as f32]));
            let product = Constant::combined(name, &constant, &factor, constant.shape.clone(), |a, b| a * b);
            Operand::Constant(Rc::new(product.ok_or_else(|| integers(call))?))
        }
    })
}

fn integers(call: &Call<'_, '_>) -> Refusal {
    call.unsupported(
        "computes with integers",
        "compute it in the network's constructor, and keep it as a buffer of float32",
    )
}

/// Both operands are constants: the result is one too.
fn folded(
    call: &mut Call<'_, '_>,
    x: &Operand,
    y: &Operand,
    function: fn(f32, f32) -> f32,
) -> Result<Option<Outcome>> {
    let constant = |operand: &Operand| match operand {
        Operand::Activation(_) => None,
        Operand::Constant(constant) => Some(Rc::clone(constant)),
        Operand::Number(number) => {
            Some(Rc::new(Constant::new("", Vec::new(), Values::Real(vec![*number as f32]))))
        }
    };
    let (Some(a), Some(b)) = (constant(x), constant(y)) else { return Ok(None) };
    let shape = call.constant_shape(0)?;
    let name = call.derived_name();
    match Constant::combined(name, &a, &b, shape, function) {
        Some(constant) => Ok(Some(Outcome::Constant(constant))),
        None => Err(integers(call)),
    }
}

fn rounding(call: &mut Call<'_, '_>) -> Result<()> {
    match call.string("rounding_mode")? {
        None => Ok(()),
        Some(mode) => {
            let help = "rounding is a step function without a spiking form; leave it out of the network";
            Err(call.unsupported(format!("rounds ({mode})"), help))
        }
    }
}

/// `add(self, other, alpha)`
pub(super) fn add(call: &mut Call<'_, '_>) -> Result<Outcome> {
    sum(call, 1.0)
}

/// `sub(self, other, alpha)`
pub(super) fn sub(call: &mut Call<'_, '_>) -> Result<Outcome> {
    sum(call, -1.0)
}

fn sum(call: &mut Call<'_, '_>, sign: f64) -> Result<Outcome> {
    let (x, y) = (call.operand("self")?, call.operand("other")?);
    let alpha = call.float("alpha", 1.0)?;
    let function = if sign < 0.0 { |a, b| a - b } else { |a, b| a + b };
    if !matches!((&x, &y), (Operand::Activation(_), _) | (_, Operand::Activation(_))) {
        let y = scaled(call, y, alpha)?;
        return folded(call, &x, &y, function)?.ok_or(Refusal::Follows);
    }
    let y = scaled(call, y, alpha)?;
    match (x, y) {
        (Operand::Activation(x), y) => statement(call, if sign < 0.0 { "sub" } else { "add" }, &x, y),
        (x, Operand::Activation(y)) => {
            let y = Operand::Activation(y);
            match scaled(call, y, sign)? {
                Operand::Activation(y) => statement(call, "add", &y, x),
                _ => Err(Refusal::Follows),
            }
        }
        _ => Err(Refusal::Follows),
    }
}

/// `rsub(self, other, alpha)` = other − alpha · self.
pub(super) fn rsub(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let (x, y) = (call.operand("self")?, call.operand("other")?);
    let alpha = call.float("alpha", 1.0)?;
    if let Some(outcome) = folded(call, &y, &x, |a, b| a - b)? {
        return if alpha == 1.0 { Ok(outcome) } else { Err(integers(call)) };
    }
    match scaled(call, x, -alpha)? {
        Operand::Activation(x) => statement(call, "add", &x, y),
        x => match y {
            Operand::Activation(y) => statement(call, "add", &y, x),
            _ => Err(Refusal::Follows),
        },
    }
}

/// `mul(self, other)`
pub(super) fn mul(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let (x, y) = (call.operand("self")?, call.operand("other")?);
    if let Some(outcome) = folded(call, &x, &y, |a, b| a * b)? {
        return Ok(outcome);
    }
    match (x, y) {
        (Operand::Activation(_), Operand::Activation(_)) => Err(product(call, "multiplies")),
        (Operand::Activation(x), y) | (y, Operand::Activation(x)) => statement(call, "mul", &x, y),
        _ => Err(Refusal::Follows),
    }
}

/// `div(self, other)`
pub(super) fn div(call: &mut Call<'_, '_>) -> Result<Outcome> {
    rounding(call)?;
    let (x, y) = (call.operand("self")?, call.operand("other")?);
    if let Some(outcome) = folded(call, &x, &y, |a, b| a / b)? {
        return Ok(outcome);
    }
    match (x, y) {
        (_, Operand::Activation(_)) => Err(product(call, "divides by")),
        (Operand::Activation(x), y) => statement(call, "div", &x, y),
        _ => Err(Refusal::Follows),
    }
}

fn product(call: &Call<'_, '_>, verb: &str) -> Refusal {
    let help = "a spiking layer weighs its inputs with constants only: gates (squeeze-and-excitation, GLU, attention) have no exact \
                form; train the network without them";
    call.unsupported(format!("{verb} what the network computed"), help)
}

/// `neg(self)`
pub(super) fn neg(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let x = call.operand("self")?;
    if let Some(outcome) = folded(call, &x, &Operand::Number(-1.0), |a, b| a * b)? {
        return Ok(outcome);
    }
    match scaled(call, x, -1.0)? {
        Operand::Activation(x) => Ok(Outcome::Computed(x.id)),
        _ => Err(Refusal::Follows),
    }
}

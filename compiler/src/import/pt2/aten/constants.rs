//! Tensors made in `forward` of nothing but numbers.

use super::super::call::{Call, Outcome, Refusal};
use super::super::constant::{Constant, Values, scalar_type};
use super::super::schema::Argument;

type Result<T> = std::result::Result<T, Refusal>;

const HARMLESS: &[&str] = &["dtype", "device", "layout", "pin_memory", "memory_format"];

/// Whether the result is of integers.
fn is_integer(call: &Call<'_, '_>) -> bool {
    let name = call.results.first().copied().unwrap_or_default();
    call.translator.meta(name).is_some_and(|meta| matches!(meta.dtype, scalar_type::I64 | scalar_type::I32))
}

fn constant(call: &mut Call<'_, '_>, values: impl Fn(usize) -> Option<Vec<f64>>) -> Result<Outcome> {
    let shape = call.constant_shape(0)?;
    let values = values(shape.iter().product()).ok_or_else(|| super::refusal(call))?;
    let values = match is_integer(call) {
        true => Values::Integer(values.iter().map(|value| *value as i64).collect()),
        false => Values::Real(values.iter().map(|value| *value as f32).collect()),
    };
    let name = call.derived_name();
    Ok(Outcome::Constant(Constant::new(name, shape, values)))
}

/// `zeros`, `ones`, `full` and their relatives.
pub(super) fn filled(call: &mut Call<'_, '_>) -> Result<Outcome> {
    call.ignore(HARMLESS);
    call.ignore(&["size", "self"]);
    let value = match call.op.base {
        "zeros" | "zeros_like" => 0.0,
        "ones" | "ones_like" => 1.0,
        "scalar_tensor" => call.float("s", 0.0)?,
        _ => call.float("fill_value", 0.0)?,
    };
    constant(call, |count| Some(vec![value; count]))
}

/// `arange(start, end, step)` of integers.
pub(super) fn arange(call: &mut Call<'_, '_>) -> Result<Outcome> {
    call.ignore(HARMLESS);
    if !call.node.inputs.iter().all(|input| !matches!(input.arg, Argument::AsFloat(_))) {
        return Err(super::refusal(call));
    }
    let (start, step) = (call.float("start", 0.0)?, call.float("step", 1.0)?);
    call.ignore(&["end"]);
    constant(call, |count| Some((0..count).map(|index| start + step * index as f64).collect()))
}

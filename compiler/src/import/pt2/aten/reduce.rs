//! Reductions over axes, and heads.

use super::super::call::{Call, Outcome, Refusal};
use super::super::value::Activation;
use super::window::indices;

type Result<T> = std::result::Result<T, Refusal>;

/// The axes of a reduction, none of them the batch's; all others where none are given would mix samples.
fn dims(call: &mut Call<'_, '_>, name: &str, input: &Activation) -> Result<Vec<i64>> {
    let dims = call.ints(name)?.ok_or_else(|| call.batch("reduces over all axes, the batch included"))?;
    let dims = dims.into_iter().map(|dim| call.sample_axis(dim, input.rank()).map(|dim| dim as i64));
    dims.collect()
}

fn over(call: &mut Call<'_, '_>, op: &'static str, name: &str) -> Result<(Outcome, i64)> {
    let input = call.activation("self")?;
    let dims = dims(call, name, &input)?;
    let keepdim = call.bool("keepdim", false)?;
    // PyTorch states the type of the result, which is looked at there.
    call.ignore(&["dtype"]);
    let count = dims.iter().map(|dim| input.shape.get((*dim - 1) as usize).copied().unwrap_or(1)).product();
    let arguments = vec![("dims", dims.as_slice().into()), ("keepdim", keepdim.into())];
    Ok((call.compute(op, &input, arguments)?, count))
}

/// `mean(self, dim, keepdim)`
pub(super) fn mean(call: &mut Call<'_, '_>) -> Result<Outcome> {
    over(call, "mean", "dim").map(|(outcome, _)| outcome)
}

/// `sum(self, dim, keepdim)`, as a mean times the number of values.
pub(super) fn sum(call: &mut Call<'_, '_>) -> Result<Outcome> {
    match over(call, "mean", "dim")? {
        (Outcome::Computed(id), count) => {
            Ok(Outcome::Computed(call.emit("mul", &[id], vec![("y", (count as f64).into())])))
        }
        (outcome, _) => Ok(outcome),
    }
}

/// `amax(self, dim, keepdim)`
pub(super) fn amax(call: &mut Call<'_, '_>) -> Result<Outcome> {
    over(call, "amax", "dim").map(|(outcome, _)| outcome)
}

/// `max(self, dim, keepdim)`, the maxima with their positions.
pub(super) fn max(call: &mut Call<'_, '_>) -> Result<Outcome> {
    if call.op.overload != "dim" {
        return Err(super::refusal(call));
    }
    let (outcome, _) = over(call, "amax", "dim")?;
    Ok(Outcome::Several(vec![outcome, Outcome::Unavailable(indices())]))
}

/// `softmax(self, dim)` and `log_softmax(self, dim)`
pub(super) fn softmax(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let dim = call.int("dim", -1)?;
    let dim = call.sample_axis(dim, input.rank())? as i64;
    call.ignore(&["dtype"]);
    if call.bool("half_to_float", false)? {
        return Err(
            call.unsupported("converts from half precision", "export the model in float32: `model.float()`")
        );
    }
    let name = if call.op.base.contains("log") { "log_softmax" } else { "softmax" };
    call.compute(name, &input, vec![("dim", dim.into())])
}

/// `argmax(self, dim, keepdim)`
pub(super) fn argmax(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let Some(dim) = call.optional_int("dim")? else {
        return Err(call.batch("looks for the largest value of the whole batch"));
    };
    let dim = call.sample_axis(dim, input.rank())? as i64;
    let keepdim = call.bool("keepdim", false)?;
    call.compute("argmax", &input, vec![("dim", dim.into()), ("keepdim", keepdim.into())])
}

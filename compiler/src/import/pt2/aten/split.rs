//! Parts of tensors.

use super::super::call::{Call, Outcome, Refusal};
use super::super::constant::{Constant, Values};
use super::super::value::{Activation, Id};

type Result<T> = std::result::Result<T, Refusal>;

fn emit_slice(call: &mut Call<'_, '_>, input: Id, dim: usize, range: std::ops::Range<i64>, step: i64) -> Id {
    let mut arguments =
        vec![("dim", (dim as i64).into()), ("start", range.start.into()), ("end", range.end.into())];
    if step != 1 {
        arguments.push(("step", step.into()));
    }
    call.emit("slice", &[input], arguments)
}

fn size(call: &Call<'_, '_>, input: &Activation, dim: usize) -> Result<i64> {
    dim.checked_sub(1).and_then(|axis| input.shape.get(axis)).copied().ok_or_else(|| super::refusal(call))
}

/// `slice(self, dim, start, end, step)`
pub(super) fn slice(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let dim = call.int("dim", 0)?;
    let (start, end) =
        (call.optional_int("start")?.unwrap_or(0), call.optional_int("end")?.unwrap_or(i64::MAX));
    let step = call.int("step", 1)?;
    let dim = call.axis(dim, input.rank())?;
    // `x[:, 1:]` is recorded as one slice for each axis.
    if start == 0 && end == i64::MAX && step == 1 {
        return Ok(Outcome::Same(input));
    }
    if dim == 0 {
        return Err(call.batch("takes samples out of the batch"));
    }
    let whole = size(call, &input, dim)?;
    let resolve = |index: i64| if index < 0 { index.saturating_add(whole) } else { index }.clamp(0, whole);
    let id = emit_slice(call, input.id, dim, resolve(start)..resolve(end), step);
    Ok(Outcome::View(id, input))
}

/// What is left where a negative padding cuts off; pairs (before, after), the last axis first.
pub(super) fn cropped(call: &mut Call<'_, '_>, input: &Activation, padding: &[i64]) -> Result<Id> {
    let mut id = input.id;
    for (from_last, pair) in padding.chunks(2).enumerate() {
        let [before, after] = [0, 1].map(|side| pair.get(side).map_or(0, |&amount| amount.min(0)));
        if (before, after) == (0, 0) {
            continue;
        }
        let dim = call.sample_axis(-1 - from_last as i64, input.rank())?;
        let whole = size(call, input, dim)?;
        id = emit_slice(call, id, dim, before.saturating_neg()..whole.saturating_add(after), 1);
    }
    Ok(id)
}

/// `narrow(self, dim, start, length)`
pub(super) fn narrow(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let (dim, start, length) = (call.int("dim", 0)?, call.int("start", 0)?, call.int("length", 0)?);
    let dim = call.sample_axis(dim, input.rank())?;
    let whole = size(call, &input, dim)?;
    let start = if start < 0 { start.saturating_add(whole) } else { start };
    let id = emit_slice(call, input.id, dim, start..start.saturating_add(length), 1);
    Ok(Outcome::View(id, input))
}

/// One slab of an axis, without that axis.
fn selected(call: &mut Call<'_, '_>, input: &Activation, dim: usize, index: i64) -> Result<Id> {
    let id = emit_slice(call, input.id, dim, index..index.saturating_add(1), 1);
    let mut shape = input.shape.clone();
    shape.remove(dim - 1);
    super::movement::reshaped(call, id, &shape, input.rank())
}

/// `select(self, dim, index)`
pub(super) fn select(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let (dim, index) = (call.int("dim", 0)?, call.int("index", 0)?);
    let dim = call.axis(dim, input.rank())?;
    if dim == 0 {
        return Err(call.batch("takes one sample out of the batch"));
    }
    let whole = size(call, &input, dim)?;
    let index = if index < 0 { index.saturating_add(whole) } else { index };
    let id = selected(call, &input, dim, index)?;
    Ok(Outcome::View(id, input))
}

/// `unbind(self, dim)`
pub(super) fn unbind(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let dim = call.int("dim", 0)?;
    let dim = call.axis(dim, input.rank())?;
    if dim == 0 {
        return Err(call.batch("takes the samples of the batch apart"));
    }
    let mut parts = Vec::new();
    for index in 0..call.results.len() {
        let part = match call.is_read(index) {
            true => Outcome::View(selected(call, &input, dim, index as i64)?, input.clone()),
            false => unread(),
        };
        parts.push(part);
    }
    Ok(Outcome::Several(parts))
}

/// A result that nothing reads; a statement for it would be remarked on as unused.
fn unread() -> Outcome {
    Outcome::Unavailable(super::window::indices())
}

/// `split`, `split_with_sizes`, `chunk`, `tensor_split`: the sizes of the parts stand in the archive.
pub(super) fn split(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    call.ignore(&["split_size", "split_sizes", "chunks", "sections", "indices"]);
    let dim = call.int("dim", 0)?;
    let dim = call.sample_axis(dim, input.rank())?;
    let mut parts = Vec::new();
    let mut start = 0_i64;
    for index in 0..call.results.len() {
        let shape = call.result_shape(index)?;
        let length = shape.get(dim - 1).copied().ok_or_else(|| super::refusal(call))?;
        let end = start.saturating_add(length);
        let part = match call.is_read(index) {
            true => Outcome::View(emit_slice(call, input.id, dim, start..end, 1), input.clone()),
            false => unread(),
        };
        parts.push(part);
        start = end;
    }
    Ok(Outcome::Several(parts))
}

/// `index_select(self, dim, index)`
pub(super) fn index_select(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let dim = call.int("dim", 0)?;
    let dim = call.sample_axis(dim, input.rank())?;
    let index = call.constant("index")?;
    gathered(call, &input, dim, &index)
}

/// `index(self, indices)`: one list of fixed numbers along one axis, `x[:, [0, 2]]`.
pub(super) fn index(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    match call.index_list("indices")?.as_slice() {
        [(0, _)] => Err(call.batch("takes samples out of the batch")),
        [(dim, index)] if *dim < input.rank() => gathered(call, &input, *dim, index),
        _ => Err(call.unsupported("indexes along several axes", "index one axis after the other")),
    }
}

/// Runs of equal steps become slices, which are joined.
fn gathered(call: &mut Call<'_, '_>, input: &Activation, dim: usize, index: &Constant) -> Result<Outcome> {
    let whole = size(call, input, dim)?;
    let fixed = match &index.values {
        Values::Integer(list) if index.shape.len() == 1 && !list.is_empty() => list,
        _ => {
            return Err(
                call.unsupported("indexes with a tensor that is no list of integers", "index with a list")
            );
        }
    };
    let list: Vec<i64> =
        fixed.iter().map(|index| if *index < 0 { index.saturating_add(whole) } else { *index }).collect();
    if let Some(outside) = list.iter().find(|index| !(0..whole).contains(*index)) {
        let what = format!("indexes an axis of {whole} with {outside}");
        return Err(call.unsupported(what, "the archive contradicts itself: export the model again"));
    }
    let mut parts = Vec::new();
    let mut rest = list.as_slice();
    while let Some(&start) = rest.first() {
        let step = rest.get(1).map_or(1, |second| second - start).max(0);
        let run = match step {
            0 => 1,
            step => 1 + rest.windows(2).take_while(|pair| pair[1] - pair[0] == step).count(),
        };
        let (head, tail) = rest.split_at(run);
        let last = head.last().copied().unwrap_or(start);
        parts.push(emit_slice(call, input.id, dim, start..last + 1, step.max(1)));
        rest = tail;
    }
    Ok(Outcome::Computed(match parts.as_slice() {
        [single] => *single,
        parts => call.emit("concat", parts, vec![("dim", (dim as i64).into())]),
    }))
}

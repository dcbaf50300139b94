//! Ops that move values: shapes, orders of axes, joins, borders, copies. On constants they are carried out at once.

use super::super::call::{Call, Operand, Outcome, Refusal};
use super::super::schema::Size;
use super::super::value::{Activation, Id};

type Result<T> = std::result::Result<T, Refusal>;

/// The same values in the same order.
fn unchanged(call: &mut Call<'_, '_>, operand: Operand, aliases: Option<bool>) -> Result<Outcome> {
    match operand {
        Operand::Activation(input) => Ok(match aliases {
            Some(true) => Outcome::Same(input),
            Some(false) => Outcome::Computed(input.id),
            None => Outcome::View(input.id, input),
        }),
        constant => constant_of(call, constant),
    }
}

/// A constant in the shape of the result.
fn constant_of(call: &mut Call<'_, '_>, operand: Operand) -> Result<Outcome> {
    let constant = match operand {
        Operand::Constant(constant) => constant,
        Operand::Number(_) => call.constant("self").or_else(|_| call.constant("input"))?,
        Operand::Activation(_) => return Err(Refusal::Follows),
    };
    let shape = call.constant_shape(0)?;
    if shape == constant.shape {
        return Ok(Outcome::Constant((*constant).clone()));
    }
    if shape.iter().product::<usize>() != constant.shape.iter().product::<usize>() {
        return Err(super::refusal(call));
    }
    let name = call.derived_name();
    Ok(Outcome::Constant(constant.reshaped(name, shape)))
}

/// The argument that is moved; most ops call it `self`.
fn moved(call: &mut Call<'_, '_>) -> Result<Operand> {
    call.operand("self")
}

/// Types and devices that do not change values: the type of the result stands in the archive and is looked at.
const HARMLESS: &[&str] =
    &["dtype", "device", "layout", "pin_memory", "non_blocking", "copy", "memory_format", "other"];

/// `detach`, `alias`: another name for the same memory.
pub(super) fn same(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let operand = moved(call)?;
    unchanged(call, operand, Some(true))
}

/// `clone`, `_to_copy`: the same values in memory of their own.
pub(super) fn copy(call: &mut Call<'_, '_>) -> Result<Outcome> {
    call.ignore(HARMLESS);
    let operand = moved(call)?;
    unchanged(call, operand, Some(false))
}

/// `contiguous`, `to`: a copy or not, as the case may be.
pub(super) fn maybe_copy(call: &mut Call<'_, '_>) -> Result<Outcome> {
    call.ignore(HARMLESS);
    let operand = moved(call)?;
    unchanged(call, operand, None)
}

/// `view` and its relatives: the result's shape stands in the archive.
pub(super) fn reshape(call: &mut Call<'_, '_>) -> Result<Outcome> {
    call.ignore(&["size", "shape", "sizes", "dim", "start_dim", "end_dim", "other"]);
    match moved(call)? {
        Operand::Activation(input) => {
            let shape = call.result_shape(0)?;
            if shape == input.shape {
                return Ok(Outcome::Same(input));
            }
            let id = reshaped(call, input.id, &shape, input.rank())?;
            Ok(Outcome::View(id, input))
        }
        constant => constant_of(call, constant),
    }
}

/// A statement that gives `input` another shape: `flatten` where that says it.
pub(super) fn reshaped(call: &mut Call<'_, '_>, input: Id, shape: &[i64], rank: usize) -> Result<Id> {
    match (shape, rank) {
        ([], _) => Err(call.unsupported(
            "leaves no axis but the batch: a tensor `[N]` has no channels",
            "leave it out, and let the network compute and return `[N, 1]`",
        )),
        ([_], 3..) => Ok(call.emit("flatten", &[input], Vec::new())),
        (shape, _) => Ok(call.emit("reshape", &[input], vec![("shape", shape.into())])),
    }
}

/// `permute(self, dims)`
pub(super) fn permute(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let dims = call.ints("dims")?.unwrap_or_default();
    permuted(call, move |_, rank| if dims.len() == rank { Some(dims) } else { None })
}

/// `transpose(self, dim0, dim1)`
pub(super) fn transpose(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let named = |call: &mut Call<'_, '_>, names: [&str; 2]| -> Result<Option<i64>> {
        Ok(call.optional_int(names[0])?.or(call.optional_int(names[1])?))
    };
    let (a, b) = (named(call, ["dim0", "axis0"])?, named(call, ["dim1", "axis1"])?);
    permuted(call, move |call, rank| {
        let (a, b) = (call.axis(a?, rank).ok()?, call.axis(b?, rank).ok()?);
        let mut dims: Vec<i64> = (0..rank as i64).collect();
        dims.swap(a, b);
        Some(dims)
    })
}

/// `movedim(self, source, destination)`
pub(super) fn movedim(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let source = call.ints("source")?.unwrap_or_default();
    let destination = call.ints("destination")?.unwrap_or_default();
    permuted(call, move |call, rank| {
        if source.len() != destination.len() {
            return None;
        }
        let mut places = vec![None; rank];
        let mut moved = vec![false; rank];
        for (from, to) in source.iter().zip(&destination) {
            let (from, to) = (call.axis(*from, rank).ok()?, call.axis(*to, rank).ok()?);
            *places.get_mut(to)? = Some(from as i64);
            *moved.get_mut(from)? = true;
        }
        let mut rest = (0..rank as i64).filter(|axis| !moved[*axis as usize]);
        let dims = places.into_iter().map(|place| place.or_else(|| rest.next()));
        dims.collect()
    })
}

/// `t(self)` of a matrix of weights.
pub(super) fn t(call: &mut Call<'_, '_>) -> Result<Outcome> {
    match moved(call)? {
        Operand::Constant(matrix) if matrix.shape.len() == 2 => match super::dense::transposed(call, &matrix)
        {
            Some(transposed) => Ok(Outcome::Constant((*transposed).clone())),
            None => Err(super::refusal(call)),
        },
        Operand::Activation(input) if input.rank() > 1 => Err(call.batch("moves the batch axis")),
        operand => unchanged(call, operand, Some(true)),
    }
}

fn permuted(
    call: &mut Call<'_, '_>,
    dims: impl FnOnce(&Call<'_, '_>, usize) -> Option<Vec<i64>>,
) -> Result<Outcome> {
    match moved(call)? {
        Operand::Activation(input) => {
            let rank = input.rank();
            let dims = dims(call, rank).ok_or_else(|| super::refusal(call))?;
            let dims = dims.into_iter().map(|dim| call.axis(dim, rank)).collect::<Result<Vec<_>>>()?;
            match dims.split_first() {
                Some((0, rest)) if rest.iter().zip(1..).all(|(dim, axis)| *dim == axis) => {
                    Ok(Outcome::Same(input))
                }
                Some((0, _)) => {
                    let dims: Vec<i64> = dims.iter().map(|dim| *dim as i64).collect();
                    let id = call.emit("permute", &[input.id], vec![("dims", dims.as_slice().into())]);
                    Ok(Outcome::View(id, input))
                }
                _ => Err(call.batch("moves the batch axis")),
            }
        }
        Operand::Number(number) => constant_of(call, Operand::Number(number)),
        Operand::Constant(constant) => {
            let rank = constant.shape.len();
            let dims = dims(call, rank).ok_or_else(|| super::refusal(call))?;
            let dims = dims.into_iter().map(|dim| call.axis(dim, rank)).collect::<Result<Vec<_>>>()?;
            if dims == [1, 0] {
                return t(call);
            }
            let name = call.derived_name();
            let permuted = constant.permuted(name, &dims).ok_or_else(|| super::refusal(call))?;
            Ok(Outcome::Constant(permuted))
        }
    }
}

/// `pixel_shuffle(self, upscale_factor)`: `[C·r², H, W]` to `[C, H·r, W·r]`.
pub(super) fn pixel_shuffle(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let (input, r) = (call.activation("self")?, call.int("upscale_factor", 1)?);
    let result = call.result_shape(0)?;
    let (&[_, height, width], &[channels, _, _]) = (input.shape.as_slice(), result.as_slice()) else {
        return Err(super::refusal(call));
    };
    Ok(rearranged(call, &input, &[channels, r, r, height, width], &[0, 1, 4, 2, 5, 3], &result))
}

/// `pixel_unshuffle(self, downscale_factor)`: `[C, H·r, W·r]` to `[C·r², H, W]`.
pub(super) fn pixel_unshuffle(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let (input, r) = (call.activation("self")?, call.int("downscale_factor", 1)?);
    let result = call.result_shape(0)?;
    let (&[channels, _, _], &[_, height, width]) = (input.shape.as_slice(), result.as_slice()) else {
        return Err(super::refusal(call));
    };
    Ok(rearranged(call, &input, &[channels, height, r, width, r], &[0, 1, 3, 5, 2, 4], &result))
}

/// `channel_shuffle(self, groups)`: `[g·C, …]` to `[C·g, …]`.
pub(super) fn channel_shuffle(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let (input, groups) = (call.activation("self")?, call.int("groups", 1)?);
    let Some((channels, rest)) = input.shape.split_first() else {
        return Err(super::refusal(call));
    };
    if groups < 1 || channels % groups != 0 {
        return Err(super::refusal(call));
    }
    let split = [&[groups, channels / groups], rest].concat();
    let mut dims: Vec<i64> = (0..=split.len() as i64).collect();
    dims.swap(1, 2);
    let shape = input.shape.clone();
    Ok(rearranged(call, &input, &split, &dims, &shape))
}

fn rearranged(
    call: &mut Call<'_, '_>,
    input: &Activation,
    split: &[i64],
    dims: &[i64],
    result: &[i64],
) -> Outcome {
    let id = call.emit("reshape", &[input.id], vec![("shape", split.into())]);
    let id = call.emit("permute", &[id], vec![("dims", dims.into())]);
    Outcome::Computed(call.emit("reshape", &[id], vec![("shape", result.into())]))
}

/// `cat(tensors, dim)`
pub(super) fn cat(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let inputs = call.activations("tensors")?;
    let dim = call.int("dim", 0)?;
    let rank = inputs.first().map_or(1, Activation::rank);
    let dim = call.sample_axis(dim, rank)? as i64;
    let ids: Vec<Id> = inputs.iter().map(|input| input.id).collect();
    Ok(Outcome::Computed(call.emit("concat", &ids, vec![("dim", dim.into())])))
}

/// `stack(tensors, dim)`: each with a new axis, along which they are joined.
pub(super) fn stack(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let inputs = call.activations("tensors")?;
    let dim = call.int("dim", 0)?;
    let rank = inputs.first().map_or(1, Activation::rank);
    let dim = call.sample_axis(dim, rank + 1)?;
    let unsqueezed = |input: &Activation| {
        let mut shape = input.shape.clone();
        shape.insert(dim - 1, 1);
        reshaped(call, input.id, &shape, input.rank())
    };
    let ids = inputs.iter().map(unsqueezed).collect::<Result<Vec<Id>>>()?;
    Ok(Outcome::Computed(call.emit("concat", &ids, vec![("dim", (dim as i64).into())])))
}

/// `pad(self, pad, mode, value)` and `constant_pad_nd(self, pad, value)`
pub(super) fn pad(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let padding = call.ints("pad")?.unwrap_or_default();
    let value = call.float("value", 0.0)?;
    match call.string("mode")?.unwrap_or("constant") {
        "constant" => {
            let id = super::split::cropped(call, &input, &padding)?;
            let added: Vec<i64> = padding.iter().map(|&amount| amount.max(0)).collect();
            if id != input.id && added.iter().all(|&amount| amount == 0) {
                return Ok(Outcome::Computed(id));
            }
            let arguments = vec![("padding", added.as_slice().into()), ("value", value.into())];
            Ok(Outcome::Computed(call.emit("pad", &[id], arguments)))
        }
        mode => {
            let help = "pad with a constant: `mode=\"constant\"`, `padding_mode=\"zeros\"`";
            Err(call.unsupported(format!("pads by the mode {mode:?}"), help))
        }
    }
}

/// `expand(self, size)`, where nothing is repeated; of constants always.
pub(super) fn expand(call: &mut Call<'_, '_>) -> Result<Outcome> {
    call.ignore(&["size", "implicit", "other"]);
    match moved(call)? {
        Operand::Activation(input) => {
            let shape = call.result_shape(0)?;
            if shape == input.shape {
                return Ok(Outcome::Same(input));
            }
            Err(call.unsupported(
                "repeats values",
                "leave it out where the next op broadcasts, or use `interpolate`",
            ))
        }
        operand => {
            // A constant of one sample broadcasts over the batch by itself.
            let broadcasts =
                call.result_is(0, |sizes| sizes.iter().any(|size| matches!(size, Size::AsExpr(_))));
            if broadcasts {
                return Err(call.unsupported(
                    "repeats a constant over the batch",
                    "leave `expand` out: the next op broadcasts",
                ));
            }
            let constant = match operand {
                Operand::Constant(constant) => constant,
                _ => call.constant("self")?,
            };
            let shape = call.constant_shape(0)?;
            let name = call.derived_name();
            let zeros = super::super::constant::Constant::new(
                "",
                Vec::new(),
                super::super::constant::Values::Real(vec![0.0]),
            );
            // Not a sum, which would turn −0 into 0.
            let expanded =
                super::super::constant::Constant::combined(name, &constant, &zeros, shape, |a, _| a);
            expanded.map(Outcome::Constant).ok_or_else(|| super::refusal(call))
        }
    }
}

//! Constants that are added or multiplied: factors and biases of channels.

use super::site::Site;
use crate::{
    mlir::{self, IrResult},
    passes::channel_affine::{ChannelAffine, channel_count, located},
};
use melior::ir::{Value, ValueLike};
use neurocuda_dialects::{TensorAttr, ann};

/// `torch.sub`: the sum with the negative.
pub fn subtract<'c, 'a>(site: &Site<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
    let [left, right] = site.inputs[..] else { return Err(site.error("needs two operands")) };
    let minus = ChannelAffine::uniform(site.operation, -1.0, 0.0)?.scale(site.operation)?;
    let negative = site.then(&minus, right, &site.input_shape)?;
    mlir::insert_before(site.operation, &ann::Add {}, &[left, negative], left.r#type())
}

/// `torch.add_constant`.
pub fn add<'c, 'a>(site: &Site<'c, 'a>, value: TensorAttr<'c>) -> IrResult<'c, Value<'c, 'a>> {
    affine(site, value, |value| (1.0, value))
}

/// `torch.mul_constant`.
pub fn multiply<'c, 'a>(site: &Site<'c, 'a>, value: TensorAttr<'c>) -> IrResult<'c, Value<'c, 'a>> {
    affine(site, value, |value| (value, 0.0))
}

/// A factor and a bias for each element of a constant. One that differs only from channel to channel is an `ann.scale` as it is; for
/// another one each element becomes a channel, and itself again afterwards.
fn affine<'c, 'a>(
    site: &Site<'c, 'a>,
    value: TensorAttr<'c>,
    of: impl Fn(f64) -> (f64, f64),
) -> IrResult<'c, Value<'c, 'a>> {
    let (shape, sample) = (value.shape(), &site.input_shape);
    let fits =
        shape.len() == sample.len() && shape.iter().zip(sample).all(|(&size, &of)| size == of || size == 1);
    if !fits {
        return Err(
            site.error(format!("has a constant of shape {shape:?}, which does not fit samples {sample:?}"))
        );
    }
    let values = located(site.operation, value.read())?.to_f64();
    let [input] = site.inputs[..] else { return Err(site.error("needs one operand")) };
    let scale = |values: Vec<f64>| {
        let (factor, offset) = values.into_iter().map(&of).unzip();
        ChannelAffine { factor, offset }.scale(site.operation)
    };
    if shape.iter().skip(1).all(|&size| size == 1) {
        let channels = channel_count(site.operation, sample)?;
        let values = if values.len() == 1 { vec![values[0]; channels] } else { values };
        return site.emit(&scale(values)?);
    }
    if let [axis] =
        shape.iter().enumerate().filter(|(_, size)| **size > 1).map(|(axis, _)| axis).collect::<Vec<_>>()[..]
    {
        return along(site, input, axis, &scale(values)?);
    }
    let elements = channel_count(site.operation, &[site.elements(sample)?])?;
    let flat = site.then(&ann::Reshape {}, input, &[elements])?;
    let scaled = site.then(&scale(repeated(&values, &shape, sample))?, flat, &[elements])?;
    site.then(&ann::Reshape {}, scaled, sample)
}

/// A factor and a bias for each slab of `axis`, which is made the first for that; `sink-permutes` cancels what it can.
fn along<'c, 'a>(
    site: &Site<'c, 'a>,
    input: Value<'c, 'a>,
    axis: usize,
    scale: &ann::Scale<'c>,
) -> IrResult<'c, Value<'c, 'a>> {
    let (rank, axis) = (site.input_shape.len() as i64, axis as i64 + 1);
    let to_front = [0, axis].into_iter().chain((1..=rank).filter(|&other| other != axis)).collect::<Vec<_>>();
    let to_back = (0..=rank).map(|other| match other {
        0 => 0,
        other if other == axis => 1,
        other => other + i64::from(other < axis),
    });
    let turned_shape =
        to_front[1..].iter().map(|&axis| site.input_shape[axis as usize - 1]).collect::<Vec<_>>();
    let to_back = ann::Permute { axes: to_back.collect() };
    let turned = site.then(&ann::Permute { axes: to_front }, input, &turned_shape)?;
    let scaled = site.then(scale, turned, &turned_shape)?;
    site.then(&to_back, scaled, &site.input_shape)
}

/// The values of a constant of `shape` at each element of `sample`, row by row.
fn repeated(values: &[f64], shape: &[usize], sample: &[usize]) -> Vec<f64> {
    let mut places = vec![0];
    for (&size, &of) in shape.iter().zip(sample) {
        let index = |index: usize| if size == 1 { 0 } else { index };
        places = places.iter().flat_map(|place| (0..of).map(move |at| place * size + index(at))).collect();
    }
    places.iter().filter_map(|&place| values.get(place)).copied().collect()
}

//! Averages of `torch` as `ann.avg_pool2d`: explicit windows and the divisor of each.

use super::{
    site::Site,
    windows::{Pool, Windows},
};
use crate::{
    mlir::IrResult,
    passes::channel_affine::{located, single},
};
use melior::ir::Value;
use neurocuda_dialects::{Elements, Tensor, TensorAttr, ann, torch};

/// More output positions or weights than any average has: what an op may ask for before anything is allocated.
const MOST: usize = 1 << 24;

/// `torch.avg_pool2d`.
pub fn avg_pool2d<'c, 'a>(site: &Site<'c, 'a>, view: &torch::AvgPool2d) -> IrResult<'c, Value<'c, 'a>> {
    let [channels, height, width] = image(site)?;
    let pool = |axis: usize| Pool {
        kernel: view.kernel[axis],
        stride: view.stride[axis],
        padding: view.padding[axis],
        dilation: 1,
        ceil_mode: view.ceil_mode,
    };
    let counts = pool(0).count(height).zip(pool(1).count(width));
    let (rows, columns) = counts.ok_or_else(|| misfit(site))?;
    site.expect_output(&[channels, rows, columns])?;
    limit(site, rows.checked_mul(columns))?;
    let windows =
        pool(0).windows(height, view.count_include_pad).zip(pool(1).windows(width, view.count_include_pad));
    let (rows, columns) = windows.ok_or_else(|| misfit(site))?;
    site.emit(&averages(site, &rows, &columns)?)
}

/// `torch.adaptive_avg_pool2d`.
pub fn adaptive<'c, 'a>(site: &Site<'c, 'a>, view: &torch::AdaptiveAvgPool2d) -> IrResult<'c, Value<'c, 'a>> {
    let [channels, height, width] = image(site)?;
    let [rows, columns] = view.output_size.map(|size| usize::try_from(size).unwrap_or(0));
    if rows == 0 || columns == 0 || height == 0 || width == 0 {
        return Err(site.error("needs an input and an output of at least one row and one column"));
    }
    site.expect_output(&[channels, rows, columns])?;
    limit(site, rows.checked_mul(columns))?;
    site.emit(&averages(site, &Windows::adaptive(height, rows), &Windows::adaptive(width, columns))?)
}

/// `torch.mean`: first over the spatial axes, then over channels.
pub fn mean<'c, 'a>(site: &Site<'c, 'a>, view: &torch::Mean) -> IrResult<'c, Value<'c, 'a>> {
    let shape = &site.input_shape;
    let averaged = |axis: usize| view.dims.contains(&(axis as i64 + 1));
    if view.dims.is_empty() || view.dims.iter().any(|&dim| dim < 1 || dim > shape.len() as i64) {
        return Err(site.error(format!(
            "has `dims` {:?}: they must be among the axes 1 to {}",
            view.dims,
            shape.len()
        )));
    }
    let kept = shape.iter().enumerate().filter_map(|(axis, &size)| match averaged(axis) {
        true => view.keepdim.then_some(1),
        false => Some(size),
    });
    site.expect_output(&kept.collect::<Vec<_>>())?;
    if site.output_shape.is_empty() {
        return Err(site.error("over all axes leaves no channel axis: set `keepdim`"));
    }
    if shape.contains(&0) {
        return Err(site.error("has nothing to average in an empty tensor"));
    }
    let [input] = site.inputs[..] else { return Err(site.error("needs one operand")) };
    match shape[..] {
        [features] => {
            limit(site, Some(features))?;
            let weight = single(site.operation, "mean.weight", &[1, features], &vec![1.0 / features as f64; features])?;
            let bias = single(site.operation, "mean.bias", &[1], &[0.0])?;
            site.emit(&ann::Linear { weight, bias })
        }
        [channels, height] => {
            let input = site.then(&ann::Reshape {}, input, &[channels, height, 1])?;
            image_mean(site, input, [channels, height, 1], [averaged(0), averaged(1), false])
        }
        [channels, height, width] => {
            image_mean(site, input, [channels, height, width], [averaged(0), averaged(1), averaged(2)])
        }
        _ => Err(site.error(format!(
            "is supported on tensors of up to 4 axes, not {}: flatten neighbouring axes that are averaged alike first",
            shape.len() + 1
        ))),
    }
}

/// The mean of `input`, of sample shape `shape`, over the axes that `averaged` says.
fn image_mean<'c, 'a>(
    site: &Site<'c, 'a>,
    input: Value<'c, 'a>,
    shape: [usize; 3],
    averaged: [bool; 3],
) -> IrResult<'c, Value<'c, 'a>> {
    let ([channels, height, width], mut value) = (shape, input);
    let left = |axis: usize| if averaged[axis] { 1 } else { shape[axis] };
    if averaged[1] || averaged[2] {
        limit(site, left(1).checked_mul(left(2)))?;
        let windows =
            |axis: usize, size| if averaged[axis] { Windows::whole(size) } else { Windows::single(size) };
        let pool = averages(site, &windows(1, height), &windows(2, width))?;
        value = site.then(&pool, value, &[channels, left(1), left(2)])?;
    }
    if averaged[0] {
        limit(site, Some(channels))?;
        let weights = vec![1.0 / channels as f64; channels];
        let conv = ann::Conv {
            weight: single(site.operation, "mean.weight", &[1, channels, 1, 1], &weights)?,
            bias: single(site.operation, "mean.bias", &[1], &[0.0])?,
            stride: vec![1, 1],
            padding: vec![0, 0],
            dilation: vec![1, 1],
            groups: 1,
            transposed: false,
        };
        value = site.then(&conv, value, &[1, left(1), left(2)])?;
    }
    if site.output_shape == [left(0), left(1), left(2)] {
        return Ok(value);
    }
    site.then(&ann::Reshape {}, value, &site.output_shape)
}

fn averages<'c>(site: &Site<'c, '_>, rows: &Windows, columns: &Windows) -> IrResult<'c, ann::AvgPool2d<'c>> {
    let products = rows
        .counts
        .iter()
        .flat_map(|rows| columns.counts.iter().map(move |columns| rows.checked_mul(*columns)));
    let divisors = products.map(|product| i32::try_from(product?).ok()).collect::<Option<Vec<_>>>();
    let divisors = divisors.ok_or_else(|| site.error("averages over more than 2³¹ values"))?;
    let tensor =
        Tensor { shape: vec![rows.counts.len(), columns.counts.len()], elements: Elements::I32(divisors) };
    Ok(ann::AvgPool2d {
        rows: rows.bounds.concat(),
        columns: columns.bounds.concat(),
        divisor: located(site.operation, TensorAttr::new(site.context, "divisor", &tensor))?,
    })
}

fn image<'c>(site: &Site<'c, '_>) -> IrResult<'c, [usize; 3]> {
    <[usize; 3]>::try_from(site.input_shape.as_slice())
        .map_err(|_| site.error(format!("needs samples [C, H, W], not {:?}", site.input_shape)))
}

fn misfit<'c>(site: &Site<'c, '_>) -> crate::mlir::IrError<'c> {
    site.error(format!(
        "has windows that do not fit samples of shape {:?}; padding may be at most half of the kernel",
        site.input_shape
    ))
}

fn limit<'c>(site: &Site<'c, '_>, size: Option<usize>) -> IrResult<'c, ()> {
    match size {
        Some(size) if size <= MOST => Ok(()),
        _ => Err(site.error(format!("needs more than {MOST} windows"))),
    }
}

//! Averages of `torch` as `ann.avg_pool2d`: explicit windows and the divisor of each.
//!
//! A pool over any number of axes is a product of pools over each. The last two axes are the rows and columns of one
//! `ann.avg_pool2d`; every other axis is the rows of one more, with what follows it as columns. Where more than two axes are
//! laid out as two, the windows of the rows repeat for each index of the axes before them; no window mixes channels.

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

/// `torch.avg_pool`.
pub fn avg_pool<'c, 'a>(site: &Site<'c, 'a>, view: &torch::AvgPool) -> IrResult<'c, Value<'c, 'a>> {
    if view.divisor_override < 0 {
        return Err(site.error("has a negative divisor"));
    }
    let dilation = vec![1; view.kernel.len()];
    let pools = Pool::of(&view.kernel, &view.stride, &view.padding, &dilation, view.ceil_mode);
    let (channels, sizes) = site.image(pools.len())?;
    let counts = pools.iter().zip(sizes).map(|(pool, &size)| pool.count(size)).collect::<Option<Vec<_>>>();
    let counts = counts.ok_or_else(|| misfit(site))?;
    site.expect_output(&[&[channels], &counts[..]].concat())?;
    limit(site, product(&counts))?;
    let windows = pools.iter().zip(sizes).map(|(pool, &size)| pool.windows(size, view.count_include_pad));
    let mut windows = windows.collect::<Option<Vec<_>>>().ok_or_else(|| misfit(site))?;
    if view.divisor_override != 0 {
        // The divisor of a window is the product of what it counts along each axis.
        windows.iter_mut().for_each(|axis| axis.counts.fill(1));
        windows[0].counts.fill(view.divisor_override);
    }
    average(site, site.input()?, &site.input_shape, &windows, &site.output_shape)
}

/// `torch.adaptive_avg_pool`.
pub fn adaptive<'c, 'a>(site: &Site<'c, 'a>, view: &torch::AdaptiveAvgPool) -> IrResult<'c, Value<'c, 'a>> {
    let (channels, sizes) = site.image(view.output_size.len())?;
    let parts = view.output_size.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect::<Vec<_>>();
    if parts.contains(&0) || sizes.contains(&0) {
        return Err(site.error("needs an input and an output of at least one element along each axis"));
    }
    site.expect_output(&[&[channels], &parts[..]].concat())?;
    limit(site, product(&parts))?;
    let windows = sizes.iter().zip(parts).map(|(&size, parts)| Windows::adaptive(size, parts));
    average(site, site.input()?, &site.input_shape, &windows.collect::<Vec<_>>(), &site.output_shape)
}

/// `torch.mean`: first over the axes behind the channels, then over channels.
pub fn mean<'c, 'a>(site: &Site<'c, 'a>, view: &torch::Mean) -> IrResult<'c, Value<'c, 'a>> {
    let shape = &site.input_shape;
    let averaged = site.reduced(&view.dims, view.keepdim)?;
    let mut value = site.input()?;
    if let &[features] = shape.as_slice() {
        limit(site, Some(features))?;
        let weight =
            single(site.operation, "mean.weight", &[1, features], &vec![1.0 / features as f64; features])?;
        let bias = single(site.operation, "mean.bias", &[1], &[0.0])?;
        return site.emit(&ann::Linear { weight, bias });
    }
    let channels = shape[0];
    let mut left = shape.clone();
    if averaged[1..].contains(&true) {
        left.iter_mut()
            .zip(&averaged)
            .skip(1)
            .filter(|(_, averaged)| **averaged)
            .for_each(|(size, _)| *size = 1);
        limit(site, product(&left[1..]))?;
        let axes = shape.iter().zip(&averaged).skip(1);
        let windows = axes
            .map(|(&size, &averaged)| if averaged { Windows::whole(size) } else { Windows::single(size) })
            .collect::<Vec<_>>();
        let result = if averaged[0] { &left } else { &site.output_shape };
        value = average(site, value, shape, &windows, result)?;
    }
    if averaged[0] {
        limit(site, Some(channels))?;
        // Positions do not see each other, so that one axis does for more than a convolution may have.
        if left.len() > 4 {
            left = vec![channels, left[1..].iter().product()];
            value = site.then(&ann::Reshape {}, value, &left)?;
        }
        left[0] = 1;
        let axes = left.len() - 1;
        let weights = vec![1.0 / channels as f64; channels];
        let conv = ann::Conv {
            weight: single(
                site.operation,
                "mean.weight",
                &[&[1, channels], &vec![1; axes][..]].concat(),
                &weights,
            )?,
            bias: single(site.operation, "mean.bias", &[1], &[0.0])?,
            stride: vec![1; axes],
            padding: vec![0; axes],
            dilation: vec![1; axes],
            groups: 1,
            transposed: false,
        };
        value = site.then(&conv, value, &left)?;
        if site.output_shape != left {
            value = site.then(&ann::Reshape {}, value, &site.output_shape)?;
        }
    }
    Ok(value)
}

/// The average of `input`, of sample shape `shape`, over windows along each axis behind the channels. One window of one
/// element for each element of an axis leaves it as it is. The result has the sample shape `result`.
fn average<'c, 'a>(
    site: &Site<'c, 'a>,
    input: Value<'c, 'a>,
    shape: &[usize],
    windows: &[Windows],
    result: &[usize],
) -> IrResult<'c, Value<'c, 'a>> {
    let channels = shape[0];
    let mut sizes = shape[1..].to_vec();
    let (mut value, mut layout) = (input, shape.to_vec());
    let mut pool = |from: [usize; 3], rows: &Windows, columns: &Windows| -> IrResult<'c, ()> {
        if layout != from {
            value = site.then(&ann::Reshape {}, value, &from)?;
        }
        layout = vec![channels, rows.bounds.len(), columns.bounds.len()];
        value = site.then(&averages(site, rows, columns)?, value, &layout)?;
        Ok(())
    };
    let rest = windows.len().saturating_sub(2);
    let mut remaining = rest;
    match &windows[rest..] {
        // One pool for both, unless both stay.
        [rows, columns]
            if rest == 0 || !(rows.is_single(sizes[rest]) && columns.is_single(sizes[rest + 1])) =>
        {
            let before = sizes[..rest].iter().product::<usize>();
            let (height, width) = (sizes[rest], sizes[rest + 1]);
            limit(site, product(&[before, rows.bounds.len(), columns.bounds.len()]))?;
            pool([channels, before * height, width], &rows.repeated(before, height), columns)?;
            (sizes[rest], sizes[rest + 1]) = (rows.bounds.len(), columns.bounds.len());
        }
        [columns] => {
            pool([channels, sizes[0], 1], columns, &Windows::single(1))?;
            sizes[0] = columns.bounds.len();
        }
        _ => {}
    }
    while remaining > 0 {
        remaining -= 1;
        let rows = &windows[remaining];
        if rows.is_single(sizes[remaining]) {
            continue;
        }
        let before = sizes[..remaining].iter().product::<usize>();
        let behind = sizes[remaining + 1..].iter().product::<usize>();
        limit(site, product(&[before, rows.bounds.len(), behind]))?;
        let size = sizes[remaining];
        pool([channels, before * size, behind], &rows.repeated(before, size), &Windows::single(behind))?;
        sizes[remaining] = rows.bounds.len();
    }
    if layout == result { Ok(value) } else { site.then(&ann::Reshape {}, value, result) }
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

/// The product of sizes, if it does not overflow.
pub fn product(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}

/// The error of windows that do not fit the samples.
pub fn misfit<'c>(site: &Site<'c, '_>) -> crate::mlir::IrError<'c> {
    site.error(format!(
        "has windows that do not fit samples of shape {:?}; padding may be at most half of the kernel",
        site.input_shape
    ))
}

/// Checks a number of windows before anything of that size is allocated.
///
/// # Errors
///
/// If it is more than any pool has.
pub fn limit<'c>(site: &Site<'c, '_>, size: Option<usize>) -> IrResult<'c, ()> {
    match size {
        Some(size) if size <= MOST => Ok(()),
        _ => Err(site.error(format!("needs more than {MOST} windows"))),
    }
}

//! Maxima of `torch` as `ann.max_pool2d`.
//!
//! A maximum over a box is a maximum over each of its axes in turn. The last two axes are pooled together, every other one
//! as rows with what follows it as columns; axes before them stand with the channels meanwhile.

use super::{
    averages::{limit, misfit, product},
    site::Site,
    windows::{Pool, Windows},
};
use crate::mlir::{self, IrResult};
use melior::ir::Value;
use neurocuda_dialects::{ann, torch};

/// `torch.max_pool`.
pub fn max_pool<'c, 'a>(site: &Site<'c, 'a>, view: &torch::MaxPool) -> IrResult<'c, Value<'c, 'a>> {
    let pools = Pool::of(&view.kernel, &view.stride, &view.padding, &view.dilation, view.ceil_mode);
    let (channels, sizes) = site.image(pools.len())?;
    let counts = pools.iter().zip(sizes).map(|(pool, &size)| pool.count(size)).collect::<Option<Vec<_>>>();
    site.expect_output(&[&[channels], &counts.ok_or_else(|| misfit(site))?[..]].concat())?;
    maximum(site, site.input()?, &site.input_shape, &pools)
}

/// `torch.adaptive_max_pool`. Parts of different sizes become equal ones by repeating their last element, which changes no
/// maximum.
pub fn adaptive<'c, 'a>(site: &Site<'c, 'a>, view: &torch::AdaptiveMaxPool) -> IrResult<'c, Value<'c, 'a>> {
    let (channels, sizes) = site.image(view.output_size.len())?;
    let parts = view.output_size.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect::<Vec<_>>();
    if parts.contains(&0) || sizes.contains(&0) {
        return Err(site.error("needs an input and an output of at least one element along each axis"));
    }
    site.expect_output(&[&[channels], &parts[..]].concat())?;
    let (mut value, mut shape, mut pools) = (site.input()?, site.input_shape.clone(), vec![]);
    for (axis, (&size, &parts)) in sizes.iter().zip(&parts).enumerate() {
        if size % parts == 0 {
            pools.push(Pool::whole(size / parts));
            continue;
        }
        limit(site, parts.checked_add(size))?;
        let windows = Windows::adaptive(size, parts);
        let longest = windows.counts.iter().copied().max().unwrap_or(1);
        let elements =
            |&[start, end]: &[i64; 2]| (0..longest).map(move |offset| (start + offset).min(end - 1));
        let indices = windows.bounds.iter().flat_map(elements).collect::<Vec<_>>();
        shape[axis + 1] = indices.len();
        limit(site, product(&shape))?;
        value = site.then(&ann::Gather { axis: axis as i64 + 2, indices }, value, &shape)?;
        pools.push(Pool::whole(longest as usize));
    }
    maximum(site, value, &shape, &pools)
}

/// `torch.amax`.
pub fn amax<'c, 'a>(site: &Site<'c, 'a>, view: &torch::Amax) -> IrResult<'c, Value<'c, 'a>> {
    let named = site.reduced(&view.dims, view.keepdim)?;
    let pool = |(&size, &named): (&usize, &bool)| if named { Pool::whole(size) } else { Pool::SINGLE };
    let pools = site.input_shape.iter().zip(&named).map(pool).collect::<Vec<_>>();
    if !named[0] && pools.len() > 1 {
        return maximum(site, site.input()?, &site.input_shape, &pools[1..]);
    }
    // Channels that are compared with each other are positions of one.
    maximum(site, site.input()?, &[&[1], &site.input_shape[..]].concat(), &pools)
}

/// The maximum of `input`, whose elements are those of the sample shape `shape`, over windows along each axis behind the channels. A pool that takes each
/// element by itself leaves its axis as it is. The result has the shape that the site says.
fn maximum<'c, 'a>(
    site: &Site<'c, 'a>,
    input: Value<'c, 'a>,
    shape: &[usize],
    pools: &[Pool],
) -> IrResult<'c, Value<'c, 'a>> {
    let (channels, mut sizes) = (shape[0], shape[1..].to_vec());
    let (mut value, mut layout) = (input, mlir::sample_shape(input)?);
    let mut axes = pools.len();
    while axes > 0 {
        // Two axes together at the end, one at a time before.
        let together = if axes == pools.len() { axes.min(2) } else { 1 };
        axes -= together;
        let [rows, columns] = match pools[axes..axes + together] {
            [rows, columns] => [rows, columns],
            [rows] => [rows, Pool::SINGLE],
            _ => break,
        };
        if rows.is_single() && columns.is_single() && pools.len() > 2 {
            continue;
        }
        let before = sizes[..axes].iter().product::<usize>();
        let height = sizes[axes];
        let width = sizes[axes + 1..].iter().product::<usize>();
        let from = vec![channels * before, height, width];
        if layout != from {
            value = site.then(&ann::Reshape {}, value, &from)?;
        }
        let result = rows.count(height).zip(columns.count(width)).ok_or_else(|| misfit(site))?;
        let view = ann::MaxPool2d {
            kernel: [rows.kernel, columns.kernel],
            stride: [rows.stride, columns.stride],
            padding: [rows.padding, columns.padding],
            dilation: [rows.dilation, columns.dilation],
        };
        layout = vec![channels * before, result.0, result.1];
        value = site.then(&view, value, &layout)?;
        sizes[axes] = result.0;
        if together == 2 {
            sizes[axes + 1] = result.1;
        }
    }
    if layout == site.output_shape {
        Ok(value)
    } else {
        site.then(&ann::Reshape {}, value, &site.output_shape)
    }
}

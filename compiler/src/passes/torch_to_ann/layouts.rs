//! Ops of `torch` that move elements: gathers, permutations and reshapes of `ann`.

use super::site::Site;
use crate::{interpret::nearest, mlir::IrResult};
use melior::ir::Value;
use neurocuda_dialects::{ann, torch};

/// Longest list of slabs that a gather may have: what an op may ask for before anything is allocated.
const MOST_SLABS: usize = 1 << 24;

/// `torch.slice`.
pub fn slice<'c, 'a>(site: &Site<'c, 'a>, view: &torch::Slice) -> IrResult<'c, Value<'c, 'a>> {
    let torch::Slice { dim, start, end, step } = *view;
    let mut shape = site.input_shape.clone();
    let axis = usize::try_from(dim).ok().and_then(|dim| shape.get_mut(dim.checked_sub(1)?));
    match axis {
        Some(size) if 0 <= start && start < end && end <= *size as i64 && step >= 1 => {
            *size = ((end - start - 1) / step) as usize + 1;
            site.expect_output(&shape)?;
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            site.emit(&ann::Gather { axis: dim, indices: (start..end).step_by(step).collect() })
        }
        _ => Err(site.error(format!(
            "takes {start}..{end} in steps of {step} of axis {dim}, which samples {shape:?} do not have",
        ))),
    }
}

/// `torch.permute`.
pub fn permute<'c, 'a>(site: &Site<'c, 'a>, view: torch::Permute) -> IrResult<'c, Value<'c, 'a>> {
    let mut sorted = view.dims.clone();
    sorted.sort_unstable();
    let named = sorted.iter().copied().eq(0..=site.input_shape.len() as i64);
    if !named || view.dims.first() != Some(&0) {
        return Err(site.error(format!(
            "has `dims` {:?}: they must be each axis of samples {:?} once, the batch axis 0 first",
            view.dims, site.input_shape
        )));
    }
    let sizes = view.dims.iter().skip(1).map(|&dim| site.input_shape[dim as usize - 1]);
    site.expect_output(&sizes.collect::<Vec<_>>())?;
    site.emit(&ann::Permute { axes: view.dims })
}

/// `torch.reshape`.
pub fn reshape<'c, 'a>(site: &Site<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
    let elements = |shape: &[usize]| shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    if site.output_shape.is_empty() || elements(&site.input_shape) != elements(&site.output_shape) {
        return Err(site.error(format!(
            "cannot make samples {:?} of {:?}: samples keep their elements and have an axis",
            site.output_shape, site.input_shape
        )));
    }
    site.emit(&ann::Reshape {})
}

/// `torch.expand`: one gather for each axis that is repeated.
pub fn expand<'c, 'a>(site: &Site<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
    let indices = |(&from, &to): (&usize, &usize)| {
        if from == to { Some(None) } else { (from == 1 && to <= MOST_SLABS).then(|| Some(vec![0; to])) }
    };
    let axes = site.input_shape.iter().zip(&site.output_shape).map(indices).collect::<Option<Vec<_>>>();
    match axes.filter(|axes| axes.len() == site.input_shape.len() && axes.len() == site.output_shape.len()) {
        Some(axes) => gathers(site, axes),
        None => Err(site.error(format!(
            "cannot repeat samples {:?} to {:?}: only axes of size 1 are repeated",
            site.input_shape, site.output_shape
        ))),
    }
}

/// `torch.upsample_nearest`: one gather for each axis that grows or shrinks.
pub fn upsample_nearest<'c, 'a>(
    site: &Site<'c, 'a>,
    view: &torch::UpsampleNearest,
) -> IrResult<'c, Value<'c, 'a>> {
    let channels = site.input_shape.first().copied().unwrap_or(1);
    let sizes = view
        .output_size
        .iter()
        .map(|&size| usize::try_from(size).ok().filter(|size| (1..=MOST_SLABS).contains(size)));
    let sizes = sizes.collect::<Option<Vec<_>>>().filter(|sizes| sizes.len() + 1 == site.input_shape.len());
    let sizes = sizes.ok_or_else(|| {
        site.error(format!(
            "has `output_size` {:?}, which is none of samples {:?}",
            view.output_size, site.input_shape
        ))
    })?;
    site.expect_output(&[&[channels], sizes.as_slice()].concat())?;
    let axes = site.input_shape.iter().zip(&site.output_shape).map(|(&from, &to)| {
        (from != to).then(|| nearest(from, to).into_iter().map(|index| index as i64).collect())
    });
    gathers(site, axes.collect())
}

/// Gathers slabs of each axis in turn; `None` leaves an axis as it is. Axes that shrink come first, so that little is moved.
fn gathers<'c, 'a>(site: &Site<'c, 'a>, axes: Vec<Option<Vec<i64>>>) -> IrResult<'c, Value<'c, 'a>> {
    let [mut value] = site.inputs[..] else { return Err(site.error("needs one operand")) };
    let mut shape = site.input_shape.clone();
    let mut axes =
        axes.into_iter().enumerate().filter_map(|(axis, indices)| Some((axis, indices?))).collect::<Vec<_>>();
    axes.sort_by_key(|(axis, indices)| indices.len() > site.input_shape[*axis]);
    for (axis, indices) in axes {
        shape[axis] = indices.len();
        value = site.then(&ann::Gather { axis: axis as i64 + 1, indices }, value, &shape)?;
    }
    Ok(value)
}

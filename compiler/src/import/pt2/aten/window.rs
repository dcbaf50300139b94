//! Pools and upsampling.

use super::super::call::{Call, Outcome, Refusal};
use super::super::translate::Written;
use crate::diagnostic::{Finding, FindingId};

type Result<T> = std::result::Result<T, Refusal>;

/// The name of the graph language's op for so many spatial axes.
fn by_rank(names: [&'static str; 3], axes: usize) -> Option<&'static str> {
    names.get(axes.checked_sub(1)?).copied()
}

/// `max_pool1d` → 1.
fn axes(call: &Call<'_, '_>) -> Result<usize> {
    let digit = call.op.base.find("1d").map(|_| 1).or(call.op.base.find("2d").map(|_| 2));
    digit.or(call.op.base.find("3d").map(|_| 3)).ok_or_else(|| super::refusal(call))
}

/// Result 0, and indices that nothing may read.
fn without_indices(call: &mut Call<'_, '_>, outcome: Outcome) -> Outcome {
    if call.results.len() < 2 {
        return outcome;
    }
    Outcome::Several(vec![outcome, Outcome::Unavailable(indices())])
}

pub(super) fn indices() -> Finding {
    let message = "the positions of maxima are used, which spikes do not carry";
    let help = "use the maxima only: `return_indices=False`, and upsample instead of unpooling";
    Finding::new(FindingId::UnsupportedOp, message).help(help)
}

/// `max_pool1d/2d/3d`, with indices or without.
pub(super) fn max_pool(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let axes = axes(call)?;
    let input = call.activation("self")?;
    let kernel = call.per_axis("kernel_size", axes, 1)?;
    let stride = call.ints("stride")?.unwrap_or_else(|| kernel.clone());
    let (padding, dilation) = (call.per_axis("padding", axes, 0)?, call.per_axis("dilation", axes, 1)?);
    let ceil_mode = call.bool("ceil_mode", false)?;
    let arguments = vec![
        ("kernel", kernel.as_slice().into()),
        ("stride", stride.as_slice().into()),
        ("padding", padding.as_slice().into()),
        ("dilation", dilation.as_slice().into()),
        ("ceil_mode", ceil_mode.into()),
    ];
    let name =
        by_rank(["max_pool1d", "max_pool2d", "max_pool3d"], axes).ok_or_else(|| super::refusal(call))?;
    let id = call.emit(name, &[input.id], arguments);
    Ok(without_indices(call, Outcome::Computed(id)))
}

/// `avg_pool1d/2d/3d`
pub(super) fn avg_pool(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let axes = axes(call)?;
    let input = call.activation("self")?;
    let kernel = call.per_axis("kernel_size", axes, 1)?;
    let stride = call.ints("stride")?.unwrap_or_else(|| kernel.clone());
    let padding = call.per_axis("padding", axes, 0)?;
    let mut arguments: Vec<(&'static str, Written)> = vec![
        ("kernel", kernel.as_slice().into()),
        ("stride", stride.as_slice().into()),
        ("padding", padding.as_slice().into()),
        ("ceil_mode", call.bool("ceil_mode", false)?.into()),
        ("count_include_pad", call.bool("count_include_pad", true)?.into()),
    ];
    if let Some(divisor) = call.optional_int("divisor_override")? {
        arguments.push(("divisor_override", divisor.into()));
    }
    let name =
        by_rank(["avg_pool1d", "avg_pool2d", "avg_pool3d"], axes).ok_or_else(|| super::refusal(call))?;
    call.compute(name, &input, arguments)
}

/// `adaptive_avg_pool1d/2d/3d` and `adaptive_max_pool1d/2d/3d`
pub(super) fn adaptive_pool(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let axes = axes(call)?;
    let input = call.activation("self")?;
    let size = call.per_axis("output_size", axes, 1)?;
    let names = if call.op.base.contains("max") {
        ["adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"]
    } else {
        ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"]
    };
    let name = by_rank(names, axes).ok_or_else(|| super::refusal(call))?;
    let id = call.emit(name, &[input.id], vec![("output_size", size.as_slice().into())]);
    Ok(without_indices(call, Outcome::Computed(id)))
}

/// `upsample_nearest1d/2d/3d`, by a size or by factors.
pub(super) fn upsample_nearest(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let axes = axes(call)?;
    let input = call.activation("self").or_else(|_| call.activation("input"))?;
    let result = call.result_shape(0)?;
    call.ignore(&["output_size"]);
    let mut factors = call.floats("scale_factors")?.unwrap_or_default();
    for name in ["scales", "scales_d", "scales_h", "scales_w"] {
        factors.extend(call.optional_float(name)?);
    }
    let (Some(from), Some(size)) = (input.shape.get(1..), result.get(1..)) else {
        return Err(super::refusal(call));
    };
    // With factors PyTorch takes input ⌊i / factor⌋, with a size input ⌊i · in / out⌋.
    for ((from, to), factor) in from.iter().zip(size).zip(&factors) {
        let differs = |i: i64| {
            let by_factor = ((i as f32) * (1.0 / *factor as f32)).floor() as i64;
            by_factor.min(from - 1) != i * from / to.max(&1)
        };
        if (0..(*to).min(1 << 16)).any(differs) {
            let help = "give whole factors, or `size=` instead of `scale_factor=`";
            return Err(
                call.unsupported(format!("stretches {from} values to {to} unevenly, by {factor}"), help)
            );
        }
    }
    if size.len() != axes {
        return Err(super::refusal(call));
    }
    call.compute("upsample_nearest", &input, vec![("size", size.into())])
}

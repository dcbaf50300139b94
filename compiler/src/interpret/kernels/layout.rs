//! Kernels that move elements, and the mean, which adds up what lands on one place.

use super::{Kernel, unary};
use crate::interpret::decode::{Problem, element_count};

/// The same elements under another shape.
pub(in crate::interpret) fn reshape(input: &[usize], output: &[usize]) -> Result<Kernel, Problem> {
    if element_count(input).is_none() || element_count(input) != element_count(output) {
        return Err(format!("shape {input:?} cannot become {output:?}").into());
    }
    unary(output.to_vec(), 1.0, |input, output| output.copy_from_slice(input))
}

/// Inputs joined along `axis`.
pub(in crate::interpret) fn concat(inputs: &[&[usize]], axis: usize) -> Result<Kernel, Problem> {
    let first = inputs.first().ok_or("expected an operand")?;
    let mut shape = first.to_vec();
    shape[axis] = 0;
    for input in inputs {
        let fits = input.len() == shape.len()
            && (0..shape.len()).all(|other| other == axis || input[other] == shape[other]);
        let joined = fits.then(|| shape[axis].checked_add(input[axis])).flatten();
        let joined = joined.ok_or_else(|| format!("shapes {inputs:?} cannot be joined along one axis"))?;
        shape[axis] = joined;
    }
    let inner = shape[axis + 1..].iter().product::<usize>();
    let lengths = inputs.iter().map(|input| input[axis] * inner).collect::<Vec<_>>();
    let row = shape[axis] * inner;
    Kernel::new(shape, 1.0, move |inputs, output| {
        for (outer, mut rest) in output.chunks_exact_mut(row).enumerate() {
            for (input, &length) in inputs.iter().zip(&lengths) {
                let (part, tail) = rest.split_at_mut(length);
                part.copy_from_slice(&input[outer * length..][..length]);
                rest = tail;
            }
        }
    })
}

/// `count` slabs of `axis`, every `step`-th from `start` on.
pub(in crate::interpret) fn slice(
    input: &[usize],
    axis: usize,
    start: usize,
    step: usize,
    count: usize,
) -> Result<Kernel, Problem> {
    let last = count
        .checked_sub(1)
        .and_then(|count| count.checked_mul(step))
        .and_then(|last| last.checked_add(start));
    if last.is_none_or(|last| last >= input[axis]) {
        return Err(format!(
            "{count} slabs from {start} in steps of {step} are not within axis sizes {input:?}"
        )
        .into());
    }
    let mut shape = input.to_vec();
    shape[axis] = count;
    let inner = input[axis + 1..].iter().product::<usize>();
    let row = input[axis] * inner;
    unary(shape, 1.0, move |input, output| {
        for (row, results) in input.chunks_exact(row).zip(output.chunks_exact_mut(count * inner)) {
            for (index, slab) in results.chunks_exact_mut(inner).enumerate() {
                slab.copy_from_slice(&row[(start + index * step) * inner..][..inner]);
            }
        }
    })
}

/// `value` around the input.
pub(in crate::interpret) fn pad(
    input: &[usize],
    before: &[usize],
    after: &[usize],
    value: f64,
) -> Result<Kernel, Problem> {
    let shape = (0..input.len())
        .map(|axis| input[axis].checked_add(before[axis])?.checked_add(after[axis]))
        .collect::<Option<Vec<_>>>()
        .filter(|shape| element_count(shape).is_some())
        .ok_or("the padded result is larger than can be handled")?;
    let strides = strides(&shape);
    let first = before.iter().zip(&strides).map(|(count, stride)| count * stride).sum::<usize>();
    let places = places(input, &strides);
    unary(shape, 1.0, move |input, output| {
        output.fill(value);
        for (&x, place) in input.iter().zip(&places) {
            output[first + place] = x;
        }
    })
}

/// Mean over `axes`, which stay with size 1 if `keep`; summed in row-major order.
pub(in crate::interpret) fn mean(input: &[usize], axes: &[usize], keep: bool) -> Result<Kernel, Problem> {
    let kept =
        (0..input.len()).map(|axis| if axes.contains(&axis) { 1 } else { input[axis] }).collect::<Vec<_>>();
    let count = axes.iter().map(|&axis| input[axis]).product::<usize>() as f64;
    let mut strides = strides(&kept);
    for &axis in axes {
        strides[axis] = 0;
    }
    let places = places(input, &strides);
    let shape = (0..input.len()).filter(|axis| keep || !axes.contains(axis)).map(|axis| kept[axis]).collect();
    unary(shape, 1.0, move |input, output| {
        output.fill(0.0);
        for (&x, &place) in input.iter().zip(&places) {
            output[place] += x;
        }
        for result in output {
            *result /= count;
        }
    })
}

/// Row-major strides of `shape`.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Where each element of `shape`, in row-major order, lies under `strides`.
fn places(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    shape.iter().zip(strides).fold(vec![0], |places, (&size, &stride)| {
        places.iter().flat_map(|place| (0..size).map(move |index| place + index * stride)).collect()
    })
}

//! Kernels that move elements, constants that are repeated over them, and the mean, which adds up what lands on one place.

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

/// Slabs `indices` of `axis`, in that order.
pub(in crate::interpret) fn gather(
    input: &[usize],
    axis: usize,
    indices: Vec<usize>,
) -> Result<Kernel, Problem> {
    let mut all = input.iter().map(|&size| (0..size).collect()).collect::<Vec<_>>();
    all[axis] = indices;
    gather_axes(input, &all)
}

/// Of each axis the slabs that `indices` lists for it.
pub(in crate::interpret) fn gather_axes(input: &[usize], indices: &[Vec<usize>]) -> Result<Kernel, Problem> {
    for (axis, (indices, &size)) in indices.iter().zip(input).enumerate() {
        if let Some(index) = indices.iter().find(|&&index| index >= size) {
            return Err(format!("slab {index} of axis {} is not within {input:?}", axis + 1).into());
        }
    }
    let shape = indices.iter().map(Vec::len).collect::<Vec<_>>();
    if element_count(&shape).is_none() {
        return Err(format!("a result of shape {shape:?} is larger than can be handled").into());
    }
    let places = indices.iter().zip(strides(input)).fold(vec![0], |places, (indices, stride)| {
        places.iter().flat_map(|place| indices.iter().map(move |index| place + index * stride)).collect()
    });
    moved(shape, places)
}

/// Element i of the result is element `places[i]` of the input.
fn moved(shape: Vec<usize>, places: Vec<usize>) -> Result<Kernel, Problem> {
    unary(shape, 1.0, move |input, output| {
        for (result, &place) in output.iter_mut().zip(&places) {
            *result = input[place];
        }
    })
}

/// Axis i of the result is axis `axes[i]` of the input.
pub(in crate::interpret) fn permute(input: &[usize], axes: &[usize]) -> Result<Kernel, Problem> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..input.len()) {
        return Err(format!("{axes:?} does not name each axis of {input:?} once").into());
    }
    let strides = strides(input);
    let shape = axes.iter().map(|&axis| input[axis]).collect::<Vec<_>>();
    let places = places(&shape, &axes.iter().map(|&axis| strides[axis]).collect::<Vec<_>>());
    moved(shape, places)
}

/// Axes of size 1 repeated to `output`.
pub(in crate::interpret) fn expand(input: &[usize], output: &[usize]) -> Result<Kernel, Problem> {
    let fits =
        input.len() == output.len() && input.iter().zip(output).all(|(&from, &to)| from == to || from == 1);
    if !fits {
        return Err(format!("shape {input:?} cannot be repeated to {output:?}").into());
    }
    let axis = |(&from, &to): (&usize, &usize)| if from == to { (0..to).collect() } else { vec![0; to] };
    gather_axes(input, &input.iter().zip(output).map(axis).collect::<Vec<_>>())
}

/// `f` of each element and the constant's, whose axes are those of the input or 1.
pub(in crate::interpret) fn constant(
    input: &[usize],
    shape: &[usize],
    values: Vec<f64>,
    f: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    let spread = expand(shape, input)?;
    let mut operand = vec![0.0; input.iter().product()];
    spread.run(&[&values], &mut operand);
    unary(input.to_vec(), 1.0, move |input, output| {
        for ((result, &x), &value) in output.iter_mut().zip(input).zip(&operand) {
            *result = f(x, value);
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

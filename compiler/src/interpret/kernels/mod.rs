//! Kernels: what the ops of the dialects compute on one sample, in f64.
//!
//! A kernel is made from shapes and parameters, and everything that can be wrong is found then; running it cannot fail.
//! Each element of a result is computed by a fixed sequence of IEEE operations (multiply, then add; never fused), which
//! is the same whatever the vector width: only work on *different* elements is put side by side.

mod conv;
mod layout;
mod linear;
mod pool;
mod scatter;

pub(super) use conv::{Geometry, conv};
pub(super) use layout::{concat, constant, expand, gather, gather_axes, mean, pad, permute, reshape};
pub(super) use linear::linear;
pub(super) use pool::{Windows, max_pool, sum_pool};

use super::decode::{Problem, channels, element_count};

type Run = Box<dyn Fn(&[&[f64]], &mut [f64]) + Send + Sync>;

/// One op without state, ready to run.
pub(super) struct Kernel {
    /// Shape of the result for one sample.
    pub shape: Vec<usize>,
    /// Largest sum of |weight| over the terms of one result element: bounds partial sums of integers.
    pub gain: f64,
    run: Run,
}

impl Kernel {
    fn new(
        shape: Vec<usize>,
        gain: f64,
        run: impl Fn(&[&[f64]], &mut [f64]) + Send + Sync + 'static,
    ) -> Result<Self, Problem> {
        match element_count(&shape) {
            None => Err(format!("a result of shape {shape:?} is larger than can be handled").into()),
            Some(0) => Err(format!("a result of shape {shape:?} has no elements").into()),
            Some(_) => Ok(Self { shape, gain, run: Box::new(run) }),
        }
    }

    /// Computes the result from operands of the shapes that the kernel was made for.
    pub fn run(&self, inputs: &[&[f64]], output: &mut [f64]) {
        (self.run)(inputs, output);
    }
}

/// Kernel of one operand.
pub(super) fn unary(
    shape: Vec<usize>,
    gain: f64,
    run: impl Fn(&[f64], &mut [f64]) + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    Kernel::new(shape, gain, move |inputs, output| {
        if let [input] = inputs {
            run(input, output);
        }
    })
}

/// `f` of each element.
pub(super) fn elementwise(
    shape: &[usize],
    f: impl Fn(f64) -> f64 + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    unary(shape.to_vec(), 1.0, move |input, output| {
        for (result, &x) in output.iter_mut().zip(input) {
            *result = f(x);
        }
    })
}

/// `f` of each element and the parameters of its channel; `parameters` has one entry a channel.
pub(super) fn per_channel<P: Copy + Send + Sync + 'static>(
    shape: &[usize],
    gain: f64,
    parameters: Vec<P>,
    f: impl Fn(f64, P) -> f64 + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    if parameters.len() != channels(shape)? {
        return Err(format!("{} parameters for the channels of shape {shape:?}", parameters.len()).into());
    }
    let plane = shape[1..].iter().product::<usize>().max(1);
    unary(shape.to_vec(), gain, move |input, output| {
        let channels = output.chunks_exact_mut(plane).zip(input.chunks_exact(plane));
        for ((results, elements), &parameter) in channels.zip(&parameters) {
            for (result, &x) in results.iter_mut().zip(elements) {
                *result = f(x, parameter);
            }
        }
    })
}

/// Sum of two operands of one shape.
pub(super) fn add(inputs: &[&[usize]]) -> Result<Kernel, Problem> {
    pairwise(inputs, |x, y| x + y)
}

/// Difference of two operands of one shape.
pub(super) fn subtract(inputs: &[&[usize]]) -> Result<Kernel, Problem> {
    pairwise(inputs, |x, y| x - y)
}

fn pairwise(
    inputs: &[&[usize]],
    f: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    match inputs {
        [left, right] if left == right => Kernel::new(left.to_vec(), 2.0, move |inputs, output| {
            if let [left, right] = inputs {
                for ((result, x), y) in output.iter_mut().zip(*left).zip(*right) {
                    *result = f(*x, *y);
                }
            }
        }),
        _ => Err(format!("expected two operands of one shape, found shapes {inputs:?}").into()),
    }
}

/// `x` limited to [minimum, maximum]; NaN stays.
pub(super) fn clip(x: f64, minimum: f64, maximum: f64) -> f64 {
    if x < minimum {
        minimum
    } else if x > maximum {
        maximum
    } else {
        x
    }
}

/// The rounding of the numeric contract: ties go up.
pub(crate) fn round_half_up(x: f64) -> f64 {
    (x + 0.5).floor()
}

/// Largest sum of magnitudes over chunks of `fan_in` weights.
fn largest_sum(weights: &[f64], fan_in: usize) -> f64 {
    weights
        .chunks(fan_in.max(1))
        .map(|weights| weights.iter().map(|weight| weight.abs()).sum())
        .fold(0.0, f64::max)
}

//! Dense layers.

use super::{Kernel, largest_sum, unary};
use crate::interpret::decode::{Problem, Weight};
use multiversion::multiversion;

/// Outputs computed side by side.
const LANES: usize = 32;

/// `output[o] = Σ_i weight[o, i] · input[i] + bias[o]` over the last axis, in ascending order of `i`.
pub(in crate::interpret) fn linear(
    input: &[usize],
    weight: &Weight,
    bias: Option<Vec<f64>>,
) -> Result<Kernel, Problem> {
    let [outputs, inputs] = weight.shape[..] else { return Err("`weight` needs two axes".into()) };
    let Some((&last, rows)) = input.split_last() else { return Err("the operand has no axis".into()) };
    if last != inputs {
        return Err(format!("`weight` takes {inputs} inputs, the operand has {last}").into());
    }
    let shape = rows.iter().copied().chain([outputs]).collect();
    let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
    let blocks = pack(&weight.values, outputs, inputs);
    unary(shape, largest_sum(&weight.values, inputs), move |input, output| {
        for (row, results) in input.chunks_exact(inputs).zip(output.chunks_exact_mut(outputs)) {
            multiply(&blocks, row, results);
            for (result, bias) in results.iter_mut().zip(&bias) {
                *result += bias;
            }
        }
    })
}

/// The weights as `[block of outputs][input][lane]`.
fn pack(weight: &[f64], outputs: usize, inputs: usize) -> Vec<[f64; LANES]> {
    let mut blocks = vec![[0.0; LANES]; outputs.div_ceil(LANES) * inputs];
    for (output, row) in weight.chunks_exact(inputs).enumerate() {
        let block = &mut blocks[output / LANES * inputs..][..inputs];
        for (lanes, &value) in block.iter_mut().zip(row) {
            lanes[output % LANES] = value;
        }
    }
    blocks
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn multiply(blocks: &[[f64; LANES]], input: &[f64], output: &mut [f64]) {
    for (block, results) in blocks.chunks_exact(input.len()).zip(output.chunks_mut(LANES)) {
        let mut sums = [0.0; LANES];
        for (weights, &x) in block.iter().zip(input) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight * x;
            }
        }
        results.copy_from_slice(&sums[..results.len()]);
    }
}

//! What one pass of the real network over a sample costs.

use crate::mlir::{self, IrResult};
use melior::ir::OperationRef;
use neurocuda_dialects::torch;

/// Multiply-accumulates of all convolutions and dense layers of a `torch` module for one sample. A tap that reads padding is none, as
/// nothing is multiplied there in the spiking network either; biases, norms and pools are none.
///
/// # Errors
///
/// If the module is no network, or the shapes of its layers are not known.
pub fn multiply_accumulates<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, u64> {
    let mut sum = 0_u64;
    for operation in mlir::operations(mlir::network_block(module)?) {
        let layer = if let Some(conv) = mlir::view::<torch::Convolution>(operation)? {
            let input = mlir::sample_shape(mlir::operand(operation)?)?;
            let output = mlir::sample_shape(mlir::result(operation)?)?;
            convolution(&conv, &input, &output)
        } else if let Some(linear) = mlir::view::<torch::Linear>(operation)? {
            let input = mlir::sample_shape(mlir::operand(operation)?)?;
            let outputs = linear.weight.shape().first().copied().unwrap_or_default();
            input.iter().fold(outputs as u64, |product, &size| product.saturating_mul(size as u64))
        } else {
            0
        };
        sum = sum.saturating_add(layer);
    }
    Ok(sum)
}

/// The weight is `[O, I / groups, k…]`, or `[I, O / groups, k…]` of a transposed one: either way each of its elements is used once for
/// each pair of positions that its tap joins.
fn convolution(conv: &torch::Convolution, input: &[usize], output: &[usize]) -> u64 {
    let weight = conv.weight.shape();
    let (channels, kernel) = weight.split_at(weight.len().min(2));
    let channels = channels.iter().fold(1, |product: u64, &size| product.saturating_mul(size as u64));
    kernel.iter().enumerate().fold(channels, |product, (axis, &taps)| {
        let size = |shape: &[usize]| shape.get(axis + 1).copied().unwrap_or_default();
        let at = |list: &[i64]| list.get(axis).copied().unwrap_or_default();
        let (moving, still) =
            if conv.transposed { (size(input), size(output)) } else { (size(output), size(input)) };
        let pairs = pairs(moving, still, taps, [at(&conv.stride), at(&conv.dilation), at(&conv.padding)]);
        product.saturating_mul(pairs)
    })
}

/// Pairs of a position `m` and a tap `k` with `0 ≤ m · stride + k · dilation − padding < still`.
fn pairs(moving: usize, still: usize, taps: usize, [stride, dilation, padding]: [i64; 3]) -> u64 {
    // In 128 bits, because attributes of 64 bits meet here.
    let [stride, dilation, padding] = [stride.max(1), dilation, padding].map(i128::from);
    let pairs = (0..taps as i128).map(|tap| {
        let offset = tap * dilation - padding;
        let below = |limit: i128| {
            (limit - offset).div_euclid(stride) + i128::from((limit - offset).rem_euclid(stride) > 0)
        };
        let (first, end) = (below(0).max(0), below(still as i128).min(moving as i128));
        u64::try_from(end - first).unwrap_or(0)
    });
    pairs.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{dense, network, on_module, operation};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pairs_are_those_that_do_not_read_padding(
            moving in 0_usize..20, still in 1_usize..20, taps in 1_usize..6,
            stride in 1_i64..5, dilation in 1_i64..4, padding in 0_i64..9,
        ) {
            let reads = |m: usize, k: usize| m as i64 * stride + k as i64 * dilation - padding;
            let naive = (0..moving)
                .flat_map(|m| (0..taps).map(move |k| (m, k)))
                .filter(|&(m, k)| (0..still as i64).contains(&reads(m, k)))
                .count();
            prop_assert_eq!(pairs(moving, still, taps, [stride, dilation, padding]), naive as u64);
        }
    }

    fn macs(argument: &str, body: &str, result: &str) -> u64 {
        on_module(&network(argument, body, result), |module| multiply_accumulates(operation(module)).unwrap())
    }

    #[test]
    fn groups_padding_and_transposition_are_counted_exactly() {
        let convolution = |weight: &[usize], outputs, groups, stride, transposed| {
            let to = if transposed { 7 } else { 4 };
            let to = if stride == 1 { 4 } else { to };
            let body = format!(
                r#"%r = "torch.convolution"(%x) {{weight = {}, bias = {}, stride = array<i64: {stride}, {stride}>,
                   padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = {groups} : i64, transposed = {transposed},
                   output_padding = array<i64: 0, 0>}} : (tensor<?x4x4x4xf32>) -> tensor<?x{outputs}x{to}x{to}xf32>"#,
                dense(weight, 1),
                dense(&[outputs], 2),
            );
            macs("tensor<?x4x4x4xf32>", &body, &format!("tensor<?x{outputs}x{to}x{to}xf32>"))
        };
        // Of the three taps along each axis of 4, the outer ones leave the image once: 3 + 4 + 3.
        assert_eq!(convolution(&[6, 4, 3, 3], 6, 1, 1, false), 6 * 4 * 10 * 10);
        assert_eq!(convolution(&[4, 1, 3, 3], 4, 4, 1, false), 4 * 10 * 10);
        // Of twelve places that four inputs reach, two are cut off by the padding.
        assert_eq!(convolution(&[4, 5, 3, 3], 5, 1, 2, true), 4 * 5 * 10 * 10);
    }

    #[test]
    fn a_dense_layer_on_several_positions_counts_at_each() {
        let body = format!(
            r#"%r = "torch.linear"(%x) {{weight = {}, bias = {}}} : (tensor<?x6x5xf32>) -> tensor<?x6x3xf32>"#,
            dense(&[3, 5], 1),
            dense(&[3], 2),
        );
        assert_eq!(macs("tensor<?x6x5xf32>", &body, "tensor<?x6x3xf32>"), 6 * 5 * 3);
    }
}

//! Dense layers: on features as they are, on the last axis of more axes as convolutions.

use super::site::Site;
use crate::{
    mlir::IrResult,
    passes::channel_affine::{located, single},
};
use melior::ir::Value;
use neurocuda_dialects::{ann, torch};

/// Most weights that a dense layer may have once each position has its own copy.
const MOST_WEIGHTS: usize = 1 << 24;

/// `torch.linear`. On samples `[…, F]` the layer works at each of the positions `…` by itself. In `ann` the outputs of a
/// layer are channels, which have scales of their own; so each position becomes a group of a convolution, with a copy of
/// the weights.
pub fn linear<'c, 'a>(site: &Site<'c, 'a>, view: &torch::Linear<'c>) -> IrResult<'c, Value<'c, 'a>> {
    let Some((&features, outer)) = site.input_shape.split_last() else {
        return Err(site.error("needs samples with an axis of features"));
    };
    let [outputs, inputs] = view.weight.shape()[..] else {
        return Err(site.error(format!("needs a weight [outputs, inputs], not {:?}", view.weight.shape())));
    };
    if inputs != features || view.bias.shape() != [outputs] {
        return Err(site.error(format!(
            "has a weight {:?} and a bias {:?}, which do not fit samples {:?}",
            view.weight.shape(),
            view.bias.shape(),
            site.input_shape
        )));
    }
    site.expect_output(&[outer, &[outputs]].concat())?;
    if outer.is_empty() {
        return site.emit(&ann::Linear { weight: view.weight, bias: view.bias });
    }
    let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let positions = product(outer).filter(|&positions| {
        positions > 0 && product(&[positions, outputs, inputs]).is_some_and(|weights| weights <= MOST_WEIGHTS)
    });
    let Some(positions) = positions else {
        return Err(site.error(format!(
            "on samples {:?} would need a copy of its weights for each position, more than {MOST_WEIGHTS} in all: \
             make the features the channels and use a 1×1 `conv2d`",
            site.input_shape
        )));
    };
    let weights = located(site.operation, view.weight.read())?.to_f64().repeat(positions);
    let biases = located(site.operation, view.bias.read())?.to_f64().repeat(positions);
    let channels = positions * outputs;
    let name = |tensor: &neurocuda_dialects::TensorAttr, part: &str| {
        tensor.resource_name().unwrap_or_else(|| format!("{}.{part}", crate::mlir::layer(site.operation)))
    };
    let conv = ann::Conv {
        weight: single(site.operation, &name(&view.weight, "weight"), &[channels, 1, 1, features], &weights)?,
        bias: single(site.operation, &name(&view.bias, "bias"), &[channels], &biases)?,
        stride: vec![1, 1],
        padding: vec![0, 0],
        dilation: vec![1, 1],
        groups: positions as i64,
        transposed: false,
    };
    let [input] = site.inputs[..] else { return Err(site.error("needs one operand")) };
    let spread = site.then(&ann::Reshape {}, input, &[positions, 1, features])?;
    let result = site.then(&conv, spread, &[channels, 1, 1])?;
    site.then(&ann::Reshape {}, result, &site.output_shape)
}

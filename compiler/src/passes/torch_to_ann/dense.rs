//! Dense layers: on features as they are, on the last axis of more axes as convolutions.

use super::site::Site;
use crate::{
    mlir::IrResult,
    passes::channel_affine::{located, single},
};
use melior::ir::Value;
use neurocuda_dialects::{ann, torch};

/// `torch.linear`. On samples `[…, F]` the layer works at each of the positions `…` by itself: with the features as channels
/// that is a convolution with a kernel of one element, and its outputs have scales of their own. `sink-permutes` cancels the
/// permutations between two layers.
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
    let name = view
        .weight
        .resource_name()
        .unwrap_or_else(|| format!("{}.weight", crate::mlir::layer(site.operation)));
    let weights = located(site.operation, view.weight.read())?.to_f64();
    // A convolution has up to three spatial axes; positions of more are numbered through.
    let spatial = if outer.len() <= 3 { outer.to_vec() } else { vec![site.elements(outer)?] };
    let ones = vec![1; spatial.len()];
    let kernel = [&[outputs, features], ones.as_slice()].concat();
    let ones = ones.iter().map(|&one| one as i64).collect::<Vec<_>>();
    let conv = ann::Conv {
        weight: single(site.operation, &name, &kernel, &weights)?,
        bias: view.bias,
        stride: ones.clone(),
        padding: vec![0; ones.len()],
        dilation: ones,
        groups: 1,
        transposed: false,
    };
    let [input] = site.inputs[..] else { return Err(site.error("needs one operand")) };
    let last = site.input_shape.len() as i64;
    let to_front = ann::Permute { axes: [0, last].into_iter().chain(1..last).collect() };
    let to_back = ann::Permute { axes: std::iter::once(0).chain(2..=last).chain([1]).collect() };
    let mut value = site.then(&to_front, input, &[&[features], outer].concat())?;
    if spatial != outer {
        value = site.then(&ann::Reshape {}, value, &[&[features], spatial.as_slice()].concat())?;
    }
    value = site.then(&conv, value, &[&[outputs], spatial.as_slice()].concat())?;
    if spatial != outer {
        value = site.then(&ann::Reshape {}, value, &[&[outputs], outer].concat())?;
    }
    site.then(&to_back, value, &site.output_shape)
}

//! Convolutions: their weights are `[O, I / groups, k…]` in `ann`, also where they are transposed.

use super::site::Site;
use crate::{
    mlir::{self, IrResult},
    passes::channel_affine::{located, single},
};
use melior::ir::Value;
use neurocuda_dialects::{TensorAttr, ann, torch};

/// `torch.convolution`. PyTorch keeps the weight of a transposed convolution as `[I, O / groups, k…]`; here a row of weights
/// belongs to an output channel in either case. The output padding is part of the result's shape.
pub fn convolution<'c, 'a>(site: &Site<'c, 'a>, view: torch::Convolution<'c>) -> IrResult<'c, Value<'c, 'a>> {
    let axes = view.stride.len();
    let lists = [&view.stride, &view.padding, &view.dilation, &view.output_padding];
    let fits = (1..=3).contains(&axes)
        && lists.iter().all(|list| list.len() == axes)
        && [&site.input_shape, &site.output_shape].iter().all(|shape| shape.len() == axes + 1)
        && view.weight.shape().len() == axes + 2;
    if !fits || view.groups < 1 {
        return Err(site.error(format!(
            "of {axes} spatial axes has a weight {:?} and {} groups, which do not fit samples {:?}",
            view.weight.shape(),
            view.groups,
            site.input_shape
        )));
    }
    let weight = if view.transposed {
        check_output(site, &view)?;
        inputs_last(site, view.weight, view.groups as usize)?
    } else if view.output_padding.iter().any(|&spare| spare != 0) {
        return Err(site.error("has an output padding, which belongs to transposed convolutions"));
    } else {
        view.weight
    };
    let torch::Convolution { bias, stride, padding, dilation, groups, transposed, .. } = view;
    site.emit(&ann::Conv { weight, bias, stride, padding, dilation, groups, transposed })
}

/// Checks what only the result's shape will say afterwards.
fn check_output<'c>(site: &Site<'c, '_>, view: &torch::Convolution<'c>) -> IrResult<'c, ()> {
    let mut expected = site.output_shape.clone();
    for (axis, kernel) in view.weight.shape().into_iter().skip(2).enumerate() {
        // In 128 bits, because attributes of 64 bits meet here.
        let [stride, padding, dilation, spare] =
            [&view.stride, &view.padding, &view.dilation, &view.output_padding]
                .map(|list| i128::from(list[axis]));
        if stride < 1 || padding < 0 || dilation < 1 || !(0..stride.max(dilation)).contains(&spare) {
            return Err(site.error(format!(
                "needs a stride and a dilation of 1 or more and an output padding below one of them, not {stride}, {dilation} \
                 and {spare}"
            )));
        }
        let size = (site.input_shape[axis + 1] as i128 - 1) * stride + dilation * (kernel as i128 - 1) + 1
            - 2 * padding
            + spare;
        expected[axis + 1] = usize::try_from(size).unwrap_or(0);
    }
    site.expect_output(&expected)
}

/// `[I, O / groups, k…]` as `[O, I / groups, k…]`.
fn inputs_last<'c>(
    site: &Site<'c, '_>,
    weight: TensorAttr<'c>,
    groups: usize,
) -> IrResult<'c, TensorAttr<'c>> {
    let shape = weight.shape();
    let (inputs, outputs) = (shape[0], shape[1]);
    let window = shape[2..].iter().product::<usize>();
    if inputs % groups != 0 || shape.contains(&0) {
        return Err(site.error(format!("has a weight {shape:?}, which {groups} groups do not divide")));
    }
    let values = located(site.operation, weight.read())?.to_f64();
    let fan_in = inputs / groups;
    let mut rows = Vec::with_capacity(values.len());
    for (group, output) in (0..groups).flat_map(|group| (0..outputs).map(move |output| (group, output))) {
        for input in group * fan_in..(group + 1) * fan_in {
            rows.extend_from_slice(&values[(input * outputs + output) * window..][..window]);
        }
    }
    let name = weight.resource_name().unwrap_or_else(|| format!("{}.weight", mlir::layer(site.operation)));
    let shape = [&[groups * outputs, fan_in], &shape[2..]].concat();
    single(site.operation, &name, &shape, &rows)
}

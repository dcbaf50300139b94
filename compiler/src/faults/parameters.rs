//! Weights, biases and batch norms.

use super::{
    Kind,
    change::{attribute, every, first, next_channel, read, tensor, view},
};
use crate::mlir;
use melior::ir::OperationRef;
use neurocuda_dialects::{Tensor, View, ann, torch};

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::after(
        "bias-dropped",
        "the first bias, or initial charge, that is not zero is forgotten",
        |module| {
            first(module, |operation| biases(operation, 0.0));
        },
    ),
    Kind::after(
        "bias-doubled",
        "the first bias, or initial charge, that is not zero counts twice",
        |module| {
            first(module, |operation| biases(operation, 2.0));
        },
    ),
    Kind::before("eps-ignored", "batch norms forget their eps", |module| {
        every(module, |operation| attribute(operation, "eps", |_: f64| Some(0.0)));
    }),
    Kind::before("variance-as-deviation", "batch norms divide by the variance, not by its root", |module| {
        every(module, |operation| {
            tensor(operation, "running_var", |variance| {
                Some(variance.to_f64().iter().map(|value| value * value).collect())
            })
        });
    }),
    Kind {
        name: "neighbour-scale",
        summary: "the scale of each channel is that of the next: of batch norms, of grids, of integer weights",
        before: Some(|module| first(module, neighbour_norm)),
        after: Some(|module| first(module, neighbour_scale)),
    },
    Kind::after(
        "kernel-transposed",
        "rows and columns of the first convolution kernel are swapped",
        |module| {
            first(module, |operation| tensor(operation, "weight", transposed));
        },
    ),
];

fn biases(operation: OperationRef, factor: f64) -> Option<()> {
    let times = |tensor: &Tensor| Some(tensor.to_f64().iter().map(|value| value * factor).collect());
    tensor(operation, "bias", times).or_else(|| tensor(operation, "initial", times))
}

fn neighbour_norm(operation: OperationRef) -> Option<()> {
    view::<torch::BatchNorm>(operation)?;
    tensor(operation, "weight", |weight| Some(next_channel(&weight.to_f64())))
}

fn neighbour_scale(operation: OperationRef) -> Option<()> {
    if mlir::has_name(operation, ann::FakeQuantize::NAME) {
        return tensor(operation, "scale", |scale| Some(next_channel(&scale.to_f64())));
    }
    // The unit of the next channel in place of its own, where an integer activation says what the units are.
    let activation = mlir::users(mlir::result(operation).ok()?).into_iter().find_map(|user| {
        let activation = view::<ann::Requantize>(user)?;
        Some((activation.scale.read().ok()?.to_f64(), activation.threshold.read().ok()?.to_f64()))
    });
    let (scales, thresholds) = activation?;
    let units =
        scales.iter().zip(&thresholds).map(|(scale, threshold)| scale / threshold).collect::<Vec<_>>();
    let others = next_channel(&units);
    let shape = read(operation, "weight")?.shape;
    if shape.first() != Some(&units.len()) {
        return None;
    }
    let row = shape.iter().skip(1).product::<usize>().max(1);
    tensor(operation, "weight", |weight| {
        let rescaled = weight.to_f64().into_iter().enumerate().map(|(index, weight)| {
            (weight * units[index / row] / others[index / row]).round().clamp(-127.0, 127.0)
        });
        Some(rescaled.collect())
    })
}

fn transposed(tensor: &Tensor) -> Option<Vec<f64>> {
    let [_, _, height, width] = *tensor.shape.as_slice() else { return None };
    let values = tensor.to_f64();
    (height == width && height > 1).then(|| {
        let index = |index: usize| {
            let (kernel, place) = (index / (height * width), index % (height * width));
            kernel * height * width + place % width * width + place / width
        };
        (0..values.len()).map(|place| values[index(place)]).collect()
    })
}

//! Typed views of the `ann` dialect: one network, first real, then calibrated, then integer.

use crate::{TensorAttr, view::ops};

ops! { "ann";
    /// The network input: limited(input * multiplier + offset), for each channel.
    Normalize<'c> = "ann.normalize" { multiplier: TensorAttr<'c>, offset: TensorAttr<'c>, minimum: TensorAttr<'c>, maximum: TensorAttr<'c> },
    /// Cross-correlation over 1 to 3 spatial axes, or its adjoint if transposed, with zero padding and a bias; weight [O, I / groups, k…] either way.
    Conv<'c> = "ann.conv" { weight: TensorAttr<'c>, bias: TensorAttr<'c>, stride: Vec<i64>, padding: Vec<i64>, dilation: Vec<i64>, groups: i64, transposed: bool },
    /// Dense layer: input times transposed weight, plus bias.
    Linear<'c> = "ann.linear" { weight: TensorAttr<'c>, bias: TensorAttr<'c> },
    /// One factor and one bias a channel.
    Scale<'c> = "ann.scale" { weight: TensorAttr<'c>, bias: TensorAttr<'c> },
    /// Input limited to [minimum, maximum]: the place where a neuron will stand.
    Activation = "ann.activation" { minimum: f64, maximum: f64 },
    /// A function of each element, by its name in PyTorch; parameter has one number, or one a channel.
    Curve<'c> = "ann.curve" { function: String, parameter: TensorAttr<'c> },
    /// Maximum over windows; padding never wins.
    MaxPool2d = "ann.max_pool2d" { kernel: [i64; 2], stride: [i64; 2], padding: [i64; 2], dilation: [i64; 2] },
    /// Sum over the window rows[2i..2i+2] x columns[2j..2j+2] over divisor[i, j].
    AvgPool2d<'c> = "ann.avg_pool2d" { rows: Vec<i64>, columns: Vec<i64>, divisor: TensorAttr<'c> },
    /// Sum over the window rows[2i..2i+2] x columns[2j..2j+2] times multiplier[i, j].
    SumPool2d<'c> = "ann.sum_pool2d" { rows: Vec<i64>, columns: Vec<i64>, multiplier: TensorAttr<'c> },
    /// Sum of two tensors of one shape.
    Add = "ann.add" {},
    /// Two tensors joined along an axis.
    Concat = "ann.concat" { axis: i64 },
    /// Slab i of an axis is slab indices\[i\] of the input.
    Gather = "ann.gather" { axis: i64, indices: Vec<i64> },
    /// Axis i is axis axes\[i\] of the input; the batch axis stays first.
    Permute = "ann.permute" { axes: Vec<i64> },
    /// Zeros around the input, counts for each axis.
    Pad = "ann.pad" { before: Vec<i64>, after: Vec<i64> },
    /// The same elements in row-major order under the shape of the result.
    Reshape = "ann.reshape" {},
    /// What calibration saw of its operand, for each channel: histogram, its origin and bin width, mean.
    Observe<'c> = "ann.observe" { counts: TensorAttr<'c>, origin: TensorAttr<'c>, width: TensorAttr<'c>, mean: TensorAttr<'c> },
    /// Clip(floor(input / scale + 1/2), low, high) * scale.
    FakeQuantize<'c> = "ann.fake_quantize" { scale: TensorAttr<'c>, low: i64, high: i64 },
    /// Integer code of the network input: clip(floor(limited(input * multiplier + offset) / scale + 1/2), low, high).
    Encode<'c> = "ann.encode" { multiplier: TensorAttr<'c>, offset: TensorAttr<'c>, minimum: TensorAttr<'c>, maximum: TensorAttr<'c>, scale: f64, low: i64, high: i64 },
    /// Number of events of each element, in all frames together; at most high of one element in one frame.
    EncodeEvents = "ann.encode_events" { frames: i64, high: i64 },
    /// Clip(floor((input + half) / threshold), low, high) with half = floor(threshold / 2); scale is the real value of 1.
    Requantize<'c> = "ann.requantize" { threshold: TensorAttr<'c>, scale: TensorAttr<'c>, low: i64, high: i64 },
    /// Start + the sum of the steps whose breakpoints are not above the input, for each channel; unit is the real value of 1 before,
    /// scale after.
    RequantizeTable<'c> = "ann.requantize_table" { breakpoints: TensorAttr<'c>, steps: TensorAttr<'c>, start: TensorAttr<'c>, unit: TensorAttr<'c>, scale: TensorAttr<'c>, low: i64, high: i64 },
    /// Integer logits as real numbers: input * scale.
    Dequantize<'c> = "ann.dequantize" { scale: TensorAttr<'c> },
    /// Softmax, log_softmax or argmax of real logits along an axis; its result is returned and nothing else.
    Head = "ann.head" { function: String, axis: i64, keepdim: bool }
}

//! Typed views of the `snn` dialect: one run of the function is one timestep.

use crate::{TensorAttr, view::ops};

ops! { "snn";
    /// Integer code of the network input, sent in step 0 or in every step.
    Encode<'c> = "snn.encode" { multiplier: TensorAttr<'c>, offset: TensorAttr<'c>, minimum: TensorAttr<'c>, maximum: TensorAttr<'c>, scale: f64, low: i64, high: i64, every_step: bool },
    /// Events as they come: the counts of frame t in step t < frames, at most high of one element in one frame.
    EncodeEvents = "snn.encode_events" { frames: i64, high: i64 },
    /// Synapses of a convolution over 1 to 3 spatial axes, or of its adjoint if transposed.
    Conv<'c> = "snn.conv" { weight: TensorAttr<'c>, stride: Vec<i64>, padding: Vec<i64>, dilation: Vec<i64>, groups: i64, transposed: bool },
    /// Synapses of a dense layer.
    Linear<'c> = "snn.linear" { weight: TensorAttr<'c> },
    /// Identity synapses with one integer weight a channel.
    Scale<'c> = "snn.scale" { weight: TensorAttr<'c> },
    /// Sum over the window rows[2i..2i+2] x columns[2j..2j+2] times multiplier[i, j].
    SumPool2d<'c> = "snn.sum_pool2d" { rows: Vec<i64>, columns: Vec<i64>, multiplier: TensorAttr<'c> },
    /// Sum of two tensors of one shape.
    Add = "snn.add" {},
    /// Two tensors joined along an axis.
    Concat = "snn.concat" { axis: i64 },
    /// Slab i of an axis is slab indices\[i\] of the input.
    Gather = "snn.gather" { axis: i64, indices: Vec<i64> },
    /// Axis i is axis axes\[i\] of the input; the batch axis stays first.
    Permute = "snn.permute" { axes: Vec<i64> },
    /// Silent elements around the input.
    Pad = "snn.pad" { before: Vec<i64>, after: Vec<i64> },
    /// The same elements in row-major order under the shape of the result.
    Reshape = "snn.reshape" {},
    /// Difference of maxima of running sums over windows; padding never wins.
    MaxPool2d = "snn.max_pool2d" { kernel: [i64; 2], stride: [i64; 2], padding: [i64; 2], dilation: [i64; 2] },
    /// Signed integrate-and-fire with a tracer S in [low, high].
    StBif<'c> = "snn.st_bif" { threshold: TensorAttr<'c>, initial: TensorAttr<'c>, low: i64, high: i64, delay: i64 },
    /// Signed neuron whose tracer S follows a table of its membrane, one spike a step; the membrane is never reset.
    StBifTable<'c> = "snn.st_bif_table" { breakpoints: TensorAttr<'c>, steps: TensorAttr<'c>, start: TensorAttr<'c>, initial: TensorAttr<'c>, low: i64, high: i64, delay: i64 },
    /// Graded neuron: sends by how much clip(floor(v / threshold), low, high) has changed; the membrane is never reset.
    SigmaDelta<'c> = "snn.sigma_delta" { threshold: TensorAttr<'c>, initial: TensorAttr<'c>, low: i64, high: i64, delay: i64 },
    /// Graded neuron: sends by how much a table of its membrane has changed; the membrane is never reset.
    SigmaDeltaTable<'c> = "snn.sigma_delta_table" { breakpoints: TensorAttr<'c>, steps: TensorAttr<'c>, start: TensorAttr<'c>, initial: TensorAttr<'c>, low: i64, high: i64, delay: i64 },
    /// Integrate-and-fire behind a gate that opens in step release for levels steps.
    HoldAndFire<'c> = "snn.hold_and_fire" { threshold: TensorAttr<'c>, initial: TensorAttr<'c>, hold: i64, release: i64, levels: i64, delay: i64 },
    /// Integrate-and-fire with soft reset: v += gain * input + bias.
    If<'c> = "snn.if" { threshold: TensorAttr<'c>, initial: TensorAttr<'c>, bias: TensorAttr<'c>, gain: i64, delay: i64 },
    /// Network output: y(0) = initial, from step start on y += gain * input + bias; result y * scale, over the number of those steps if average.
    Readout<'c> = "snn.readout" { initial: TensorAttr<'c>, bias: TensorAttr<'c>, gain: i64, scale: TensorAttr<'c>, average: bool, start: i64 },
    /// Softmax, log_softmax or argmax of the real result of a readout along an axis.
    Head = "snn.head" { function: String, axis: i64, keepdim: bool }
}

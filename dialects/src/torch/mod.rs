//! Typed views of the `torch` dialect: the network as PyTorch states it.

use crate::{TensorAttr, view::ops};

ops! { "torch";
    /// Cross-correlation over 1 to 3 spatial axes with zero padding and a bias; transposed, its adjoint.
    Convolution<'c> = "torch.convolution" { weight: TensorAttr<'c>, bias: TensorAttr<'c>, stride: Vec<i64>, padding: Vec<i64>, dilation: Vec<i64>, groups: i64, transposed: bool, output_padding: Vec<i64> },
    /// Dense layer: input times transposed weight, plus bias.
    Linear<'c> = "torch.linear" { weight: TensorAttr<'c>, bias: TensorAttr<'c> },
    /// Batch normalisation by running statistics.
    BatchNorm<'c> = "torch.batch_norm" { weight: TensorAttr<'c>, bias: TensorAttr<'c>, running_mean: TensorAttr<'c>, running_var: TensorAttr<'c>, eps: f64 },
    /// Maximum of 0 and the input.
    Relu = "torch.relu" {},
    /// Input limited to [minimum, maximum].
    Clamp = "torch.clamp" { minimum: f64, maximum: f64 },
    /// X where it is positive, else negative_slope * x.
    LeakyRelu = "torch.leaky_relu" { negative_slope: f64 },
    /// X where it is positive, else slope * x; one slope, or one a channel.
    Prelu<'c> = "torch.prelu" { weight: TensorAttr<'c> },
    /// X where it is positive, else alpha * (exp(x) - 1).
    Elu = "torch.elu" { alpha: f64 },
    /// X / 6 + 1 / 2 limited to [0, 1].
    Hardsigmoid = "torch.hardsigmoid" {},
    /// X times its hard sigmoid.
    Hardswish = "torch.hardswish" {},
    /// X times its sigmoid.
    Silu = "torch.silu" {},
    /// X times the normal distribution function of x, or its approximation by tanh.
    Gelu = "torch.gelu" { approximate_tanh: bool },
    /// 1 / (1 + exp(-x)).
    Sigmoid = "torch.sigmoid" {},
    /// Hyperbolic tangent.
    Tanh = "torch.tanh" {},
    /// Log(1 + exp(beta * x)) / beta.
    Softplus = "torch.softplus" { beta: f64 },
    /// X times the tanh of its softplus.
    Mish = "torch.mish" {},
    /// Maximum over windows; padding never wins.
    MaxPool = "torch.max_pool" { kernel: Vec<i64>, stride: Vec<i64>, padding: Vec<i64>, dilation: Vec<i64>, ceil_mode: bool },
    /// Mean over windows, or their sum over divisor_override where that is not 0.
    AvgPool = "torch.avg_pool" { kernel: Vec<i64>, stride: Vec<i64>, padding: Vec<i64>, ceil_mode: bool, count_include_pad: bool, divisor_override: i64 },
    /// Mean over windows that divide the input into output_size parts.
    AdaptiveAvgPool = "torch.adaptive_avg_pool" { output_size: Vec<i64> },
    /// Maximum over windows that divide the input into output_size parts.
    AdaptiveMaxPool = "torch.adaptive_max_pool" { output_size: Vec<i64> },
    /// Sum of two tensors of one shape.
    Add = "torch.add" {},
    /// Input plus a constant.
    AddScalar = "torch.add_scalar" { value: f64 },
    /// Input times a constant.
    MulScalar = "torch.mul_scalar" { value: f64 },
    /// Difference of two tensors of one shape.
    Sub = "torch.sub" {},
    /// Input plus a constant, whose axes are those of a sample or 1.
    AddConstant<'c> = "torch.add_constant" { value: TensorAttr<'c> },
    /// Input times a constant, whose axes are those of a sample or 1.
    MulConstant<'c> = "torch.mul_constant" { value: TensorAttr<'c> },
    /// Axes start_dim to end_dim as one.
    Flatten = "torch.flatten" { start_dim: i64, end_dim: i64 },
    /// Identity at inference.
    Dropout = "torch.dropout" { p: f64 },
    /// Identity.
    Identity = "torch.identity" {},
    /// Two tensors joined along an axis.
    Cat = "torch.cat" { dim: i64 },
    /// Axis i is axis dims\[i\] of the input; the batch axis stays first.
    Permute = "torch.permute" { dims: Vec<i64> },
    /// The same elements in row-major order under the shape of the result.
    Reshape = "torch.reshape" {},
    /// Axes of size 1 repeated to the shape of the result.
    Expand = "torch.expand" {},
    /// Each element of the spatial axes repeated to output_size, as PyTorch rounds.
    UpsampleNearest = "torch.upsample_nearest" { output_size: Vec<i64> },
    /// Every step-th slab of an axis in [start, end).
    Slice = "torch.slice" { dim: i64, start: i64, end: i64, step: i64 },
    /// Constant elements around the input, counts for each axis.
    ConstantPad = "torch.constant_pad" { before: Vec<i64>, after: Vec<i64>, value: f64 },
    /// Mean over axes.
    Mean = "torch.mean" { dims: Vec<i64>, keepdim: bool },
    /// Maximum over axes.
    Amax = "torch.amax" { dims: Vec<i64>, keepdim: bool },
    /// (input * scale - mean) / std, mean and std for each channel.
    Normalize<'c> = "torch.normalize" { scale: f64, mean: TensorAttr<'c>, std: TensorAttr<'c> },
    /// Exp(x) / sum(exp(x)) along an axis.
    Softmax = "torch.softmax" { dim: i64 },
    /// Log of the softmax along an axis.
    LogSoftmax = "torch.log_softmax" { dim: i64 },
    /// Index of the largest value along an axis, of the first where several are.
    Argmax = "torch.argmax" { dim: i64, keepdim: bool }
}

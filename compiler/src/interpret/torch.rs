//! The `torch` dialect, as PyTorch computes it at inference, in f64.

use super::{
    ann::{self, curve, head},
    decode::{
        Action, Problem, Site, Weight, all_positive, axis, channels, element_count, per_axis, reals, size,
        size_list,
    },
    kernels::{
        Geometry, Kernel, Windows, add, clip, concat, constant, conv, elementwise, expand, gather,
        gather_axes, linear, max_pool, mean, pad, per_channel, reshape, subtract, sum_pool,
    },
};
use crate::{
    analysis::curve::{Curve, Function},
    mlir::Number,
};
use neurocuda_dialects::{
    TensorAttr,
    torch::{self, Amax, AvgPool, Convolution, Flatten, MaxPool, Mean, Op, Slice, UpsampleNearest},
};

/// Decodes an op of the dialect.
pub(super) fn decode(op: &Op, site: &Site) -> Result<Action, Problem> {
    site.convert(Number::Real, Number::Real)?;
    kernel(op, site).map(Action::Compute)
}

fn kernel(op: &Op, site: &Site) -> Result<Kernel, Problem> {
    match op {
        Op::Convolution(op) => convolution(op, site),
        Op::Linear(op) => {
            let weight = site.weight(op.weight, 2)?;
            let bias = site.vector(op.bias, "bias", weight.shape[0])?;
            linear(site.input()?, &weight, Some(bias))
        }
        Op::BatchNorm(op) => {
            let channels = [channels(site.input()?)?];
            let mean = reals(op.running_mean, "running_mean", &channels)?;
            let variance = reals(op.running_var, "running_var", &channels)?;
            let weight = reals(op.weight, "weight", &channels)?;
            let bias = reals(op.bias, "bias", &channels)?;
            let deviation = variance.iter().map(|variance| (variance + op.eps).sqrt()).collect::<Vec<_>>();
            all_positive(&deviation, "running_var + eps")?;
            let parameters = (0..channels[0]).map(|c| (mean[c], deviation[c], weight[c], bias[c])).collect();
            per_channel(site.input()?, 1.0, parameters, |x, (mean, deviation, weight, bias)| {
                (x - mean) / deviation * weight + bias
            })
        }
        Op::Relu(_) => elementwise(site.input()?, |x| clip(x, 0.0, f64::INFINITY)),
        Op::Clamp(op) => {
            let (minimum, maximum) = (op.minimum, op.maximum);
            elementwise(site.input()?, move |x| clip(x, minimum, maximum))
        }
        Op::LeakyRelu(op) => with_parameter(site, Function::LeakyRelu, op.negative_slope),
        Op::Prelu(op) => curve(site, &Curve::new(Function::LeakyRelu, op.weight, channels(site.input()?)?)?),
        Op::Elu(op) => with_parameter(site, Function::Elu, op.alpha),
        Op::Softplus(op) => with_parameter(site, Function::Softplus, op.beta),
        Op::Hardsigmoid(_) => with_parameter(site, Function::Hardsigmoid, 0.0),
        Op::Hardswish(_) => with_parameter(site, Function::Hardswish, 0.0),
        Op::Silu(_) => with_parameter(site, Function::Silu, 0.0),
        Op::Gelu(torch::Gelu { approximate_tanh: true }) => with_parameter(site, Function::GeluTanh, 0.0),
        Op::Gelu(_) => with_parameter(site, Function::Gelu, 0.0),
        Op::Sigmoid(_) => with_parameter(site, Function::Sigmoid, 0.0),
        Op::Tanh(_) => with_parameter(site, Function::Tanh, 0.0),
        Op::Mish(_) => with_parameter(site, Function::Mish, 0.0),
        Op::MaxPool(op) => max_pool_of(op, site.input()?),
        Op::AvgPool(op) => avg_pool(op, site.input()?),
        Op::AdaptiveAvgPool(op) => {
            let axes = adaptive_windows(&op.output_size, site)?;
            let divisors = products(axes.iter().map(Windows::lengths));
            average(site.input()?, axes, divisors)
        }
        Op::AdaptiveMaxPool(op) => max_pool(site.input()?, adaptive_windows(&op.output_size, site)?),
        Op::Amax(op) => amax(op, site.input()?),
        Op::Add(_) => add(&site.shapes()),
        Op::AddScalar(op) => {
            let value = op.value;
            elementwise(site.input()?, move |x| x + value)
        }
        Op::MulScalar(op) => {
            let value = op.value;
            elementwise(site.input()?, move |x| x * value)
        }
        Op::Sub(_) => subtract(&site.shapes()),
        Op::AddConstant(op) => {
            let (shape, values) = operand(op.value)?;
            constant(site.input()?, &shape, values, |x, value| x + value)
        }
        Op::MulConstant(op) => {
            let (shape, values) = operand(op.value)?;
            constant(site.input()?, &shape, values, |x, value| x * value)
        }
        Op::Flatten(op) => flatten(op, site.input()?),
        Op::Permute(op) => ann::permuted(site, &op.dims),
        Op::Reshape(_) => reshape(site.input()?, site.output()?),
        Op::Expand(_) => expand(site.input()?, site.output()?),
        Op::UpsampleNearest(op) => upsample_nearest(op, site),
        Op::Dropout(_) | Op::Identity(_) => reshape(site.input()?, site.input()?),
        Op::Softmax(torch::Softmax { dim }) => head(site, "softmax", *dim, false),
        Op::LogSoftmax(torch::LogSoftmax { dim }) => head(site, "log_softmax", *dim, false),
        Op::Argmax(torch::Argmax { dim, keepdim }) => head(site, "argmax", *dim, *keepdim),
        Op::Cat(op) => {
            let rank = site.shapes().first().map_or(0, |shape| shape.len());
            concat(&site.shapes(), axis(op.dim, "dim", rank)?)
        }
        Op::Slice(op) => strided_slice(op, site.input()?),
        Op::ConstantPad(op) => {
            let input = site.input()?;
            let before = per_axis(&op.before, "before", input.len())?;
            pad(input, &before, &per_axis(&op.after, "after", input.len())?, op.value)
        }
        Op::Mean(op) => mean_over(op, site.input()?),
        Op::Normalize(op) => {
            let channels = [channels(site.input()?)?];
            let mean = reals(op.mean, "mean", &channels)?;
            let std = reals(op.std, "std", &channels)?;
            all_positive(&std, "std")?;
            let scale = op.scale;
            let parameters = mean.into_iter().zip(std).collect();
            per_channel(site.input()?, 1.0, parameters, move |x, (mean, std)| (x * scale - mean) / std)
        }
    }
}

/// A convolution of either kind; the weight of a transposed one is `[I, O / groups, k…]`.
fn convolution(op: &Convolution, site: &Site) -> Result<Kernel, Problem> {
    let geometry = Geometry::new(&op.stride, &op.padding, &op.dilation, op.groups, op.transposed)?;
    let weight = site.weight(op.weight, geometry.weight_rank())?;
    let (input, output) = (site.input()?, site.output()?);
    if op.output_padding.len() + 2 != geometry.weight_rank()
        || op.output_padding.iter().any(|&spare| spare < 0)
    {
        return Err("`output_padding` needs one count for each spatial axis".into());
    }
    if !geometry.is_transposed() {
        if op.output_padding.iter().any(|&spare| spare != 0) {
            return Err("`output_padding` belongs to transposed convolutions".into());
        }
        let bias = site.vector(op.bias, "bias", weight.shape[0])?;
        return conv(input, &weight, Some(bias), &geometry, output);
    }
    let stated = op.output_padding.iter().enumerate().all(|(axis, &spare)| {
        let sizes = input.get(axis + 1).zip(output.get(axis + 1));
        sizes.is_some_and(|(&from, &to)| {
            to as i128 == geometry.least_output(axis, from, weight.shape[axis + 2]) + i128::from(spare)
        })
    });
    if !stated {
        return Err(format!("the result's shape {output:?} is not that of the attributes").into());
    }
    let weight = inputs_last(&weight, geometry.groups())?;
    let bias = site.vector(op.bias, "bias", weight.shape[0])?;
    conv(input, &weight, Some(bias), &geometry, output)
}

/// `[I, O / groups, k…]` as `[O, I / groups, k…]`.
fn inputs_last(weight: &Weight, groups: usize) -> Result<Weight, Problem> {
    let &[inputs, outputs, ref kernel @ ..] = weight.shape.as_slice() else {
        return Err("`weight` needs inputs and outputs".into());
    };
    if inputs % groups != 0 {
        return Err(format!("{groups} groups do not divide {inputs} channels").into());
    }
    let (window, fan_in) = (kernel.iter().product::<usize>(), inputs / groups);
    let mut values = Vec::with_capacity(weight.values.len());
    for (group, output) in (0..groups).flat_map(|group| (0..outputs).map(move |output| (group, output))) {
        for input in group * fan_in..(group + 1) * fan_in {
            values.extend_from_slice(&weight.values[(input * outputs + output) * window..][..window]);
        }
    }
    Ok(Weight { shape: [&[groups * outputs, fan_in], kernel].concat(), values })
}

/// A function with the same parameter everywhere.
fn with_parameter(site: &Site, function: Function, parameter: f64) -> Result<Kernel, Problem> {
    curve(site, &Curve { function, parameters: vec![parameter] })
}

/// One axis of a pool with PyTorch's rule for the output size.
struct PoolAxis {
    input: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl PoolAxis {
    fn output(&self, ceil_mode: bool) -> Result<usize, Problem> {
        // In 128 bits, because attributes of 64 bits meet here.
        let [input, kernel, stride, padding, dilation] =
            [self.input, self.kernel, self.stride, self.padding, self.dilation].map(|value| value as i128);
        let reach = dilation * (kernel - 1) + 1;
        if padding > reach / 2 {
            return Err(format!("a padding of {padding} is more than half of the window, {reach}").into());
        }
        let room = input + 2 * padding - reach;
        let mut output = (room + if ceil_mode { stride - 1 } else { 0 }).div_euclid(stride) + 1;
        // A last window that would start in the right padding is dropped.
        if ceil_mode && (output - 1) * stride >= input + padding {
            output -= 1;
        }
        let output = usize::try_from(output).unwrap_or_default();
        if output == 0 {
            return Err(format!("a window of {reach} does not fit an image of {input}").into());
        }
        Ok(output)
    }

    fn windows(&self, output: usize) -> Windows {
        Windows::strided(self.input, output, self.kernel, self.stride, self.padding, self.dilation)
    }

    /// Number of elements of each window, those in the padding included.
    fn padded_lengths(&self, output: usize) -> Vec<f64> {
        let end = self.input + 2 * self.padding;
        (0..output)
            .map(|window| window * self.stride)
            .map(|start| (end - start).min(self.kernel) as f64)
            .collect()
    }
}

/// The axes of a pool over `input`; its lists have one entry for each spatial axis.
fn pool_axes(
    input: &[usize],
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
) -> Result<Vec<PoolAxis>, Problem> {
    let spatial = input.get(1..).unwrap_or_default();
    let lists =
        [(kernel, "kernel", 1), (stride, "stride", 1), (padding, "padding", 0), (dilation, "dilation", 1)];
    if !(1..=3).contains(&spatial.len()) || lists.iter().any(|(list, ..)| list.len() != spatial.len()) {
        return Err(
            format!("a pool over {} axes does not fit an operand of shape {input:?}", kernel.len()).into()
        );
    }
    let [kernel, stride, padding, dilation] = lists.map(|(list, name, least)| size_list(list, name, least));
    let (kernel, stride, padding, dilation) = (kernel?, stride?, padding?, dilation?);
    let axis = |(axis, &input): (usize, &usize)| PoolAxis {
        input,
        kernel: kernel[axis],
        stride: stride[axis],
        padding: padding[axis],
        dilation: dilation[axis],
    };
    Ok(spatial.iter().enumerate().map(axis).collect())
}

/// The number of windows along each axis, of which there may not be too many altogether.
fn window_counts(axes: &[PoolAxis], ceil_mode: bool) -> Result<Vec<usize>, Problem> {
    let counts = axes.iter().map(|axis| axis.output(ceil_mode)).collect::<Result<Vec<_>, _>>()?;
    element_count(&counts).ok_or("a pool with more windows than can be handled")?;
    Ok(counts)
}

fn max_pool_of(op: &MaxPool, input: &[usize]) -> Result<Kernel, Problem> {
    let axes = pool_axes(input, &op.kernel, &op.stride, &op.padding, &op.dilation)?;
    let counts = window_counts(&axes, op.ceil_mode)?;
    max_pool(input, axes.iter().zip(counts).map(|(axis, count)| axis.windows(count)).collect())
}

fn avg_pool(op: &AvgPool, input: &[usize]) -> Result<Kernel, Problem> {
    let axes = pool_axes(input, &op.kernel, &op.stride, &op.padding, &vec![1; op.kernel.len()])?;
    let counts = window_counts(&axes, op.ceil_mode)?;
    let windows = axes.iter().zip(&counts).map(|(axis, &count)| axis.windows(count)).collect::<Vec<_>>();
    let divisors = if op.divisor_override != 0 {
        vec![op.divisor_override as f64; counts.iter().product()]
    } else if op.count_include_pad {
        products(axes.iter().zip(&counts).map(|(axis, &count)| axis.padded_lengths(count)))
    } else {
        products(windows.iter().map(Windows::lengths))
    };
    average(input, windows, divisors)
}

fn adaptive_windows(output_size: &[i64], site: &Site) -> Result<Vec<Windows>, Problem> {
    let sizes = size_list(output_size, "output_size", 1)?;
    let input = site.input()?;
    // Before windows are made for it, because the size of a result type is bounded.
    if input.len() != sizes.len() + 1 || site.output()? != [&input[..1], &sizes].concat() {
        return Err("the result does not have the size that `output_size` states".into());
    }
    Ok(input[1..].iter().zip(sizes).map(|(&input, parts)| Windows::adaptive(input, parts)).collect())
}

fn average(input: &[usize], axes: Vec<Windows>, divisors: Vec<f64>) -> Result<Kernel, Problem> {
    all_positive(&divisors, "number of elements of each window")?;
    sum_pool(input, axes, divisors, |sum, divisor| sum / divisor)
}

/// What numbers along each axis give when multiplied out.
fn products(axes: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    axes.fold(vec![1.0], |products, axis| {
        products.iter().flat_map(|product| axis.iter().map(move |number| product * number)).collect()
    })
}

fn amax(op: &Amax, input: &[usize]) -> Result<Kernel, Problem> {
    let axes = reduced_axes(&op.dims, input)?;
    // All axes are pooled, those that stay by windows of one element; so there is one channel.
    let windows = input
        .iter()
        .enumerate()
        .map(|(axis, &size)| Windows::adaptive(size, if axes.contains(&axis) { 1 } else { size }));
    let mut kernel = max_pool(&[&[1], input].concat(), windows.collect())?;
    kernel.shape.remove(0);
    if !op.keepdim {
        let sizes = kernel.shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        kernel.shape = sizes.map(|(_, &size)| size).collect();
    }
    Ok(kernel)
}

fn flatten(op: &Flatten, input: &[usize]) -> Result<Kernel, Problem> {
    let (start, end) =
        (axis(op.start_dim, "start_dim", input.len())?, axis(op.end_dim, "end_dim", input.len())?);
    if start > end {
        return Err("`start_dim` lies behind `end_dim`".into());
    }
    let joined = input[start..=end].iter().product();
    let output = input[..start].iter().copied().chain([joined]).chain(input[end + 1..].iter().copied());
    reshape(input, &output.collect::<Vec<_>>())
}

fn strided_slice(op: &Slice, input: &[usize]) -> Result<Kernel, Problem> {
    let dim = axis(op.dim, "dim", input.len())?;
    let (start, step) = (size(op.start, "start", 0)?, size(op.step, "step", 1)?);
    let end = size(op.end, "end", 0)?.min(input[dim]);
    gather(input, dim, (start..end).step_by(step).collect())
}

/// Shape and elements of a constant.
fn operand(value: TensorAttr) -> Result<(Vec<usize>, Vec<f64>), Problem> {
    let shape = value.shape();
    let values = reals(value, "value", &shape)?;
    Ok((shape, values))
}

fn upsample_nearest(op: &UpsampleNearest, site: &Site) -> Result<Kernel, Problem> {
    let (input, output) = (site.input()?, site.output()?);
    let sizes = op.output_size.iter().map(|&extent| size(extent, "output_size", 1));
    let sizes = sizes.collect::<Result<Vec<_>, _>>()?;
    // Before indices are made for it, because the size of a result type is bounded.
    if input.len() != sizes.len() + 1 || output.len() != input.len() || output[1..] != sizes {
        return Err("the result does not have the size that `output_size` states".into());
    }
    let axes = (1..input.len()).map(|axis| nearest(input[axis], output[axis]));
    gather_axes(input, &std::iter::once((0..input[0]).collect()).chain(axes).collect::<Vec<_>>())
}

/// Index of the element that `upsample_nearest` repeats for each of `to` elements, of an axis of `from`. PyTorch computes in f32, and
/// so its rounding decides (`area_pixel_compute_scale`, `nearest_neighbor_compute_source_index`).
pub(crate) fn nearest(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|index| ((index as f32 * scale).floor() as usize).min(from.saturating_sub(1))).collect()
}

fn mean_over(op: &Mean, input: &[usize]) -> Result<Kernel, Problem> {
    mean(input, &reduced_axes(&op.dims, input)?, op.keepdim)
}

/// The axes of one sample that `dims` names.
fn reduced_axes(dims: &[i64], input: &[usize]) -> Result<Vec<usize>, Problem> {
    let axes = dims.iter().map(|&dim| axis(dim, "dims", input.len())).collect::<Result<Vec<_>, _>>()?;
    if axes.is_empty() || (1..axes.len()).any(|index| axes[..index].contains(&axes[index])) {
        return Err("`dims` needs axes, each once".into());
    }
    Ok(axes)
}

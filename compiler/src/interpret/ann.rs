//! The `ann` dialect, real and integer.

use super::{
    decode::{
        Action, Problem, Site, all_positive, axis, channels, image, int32, integers, is_i32, per_axis, range,
        reals, size, sizes,
    },
    kernels::{
        Geometry, Kernel, Windows, add, clip, concat, conv, elementwise, gather, linear, max_pool, pad,
        per_channel, permute, reshape, round_half_up, sum_pool, unary,
    },
};
use crate::{analysis::curve::Curve, mlir::Number};
use neurocuda_dialects::{
    TensorAttr,
    ann::{Op, Requantize, RequantizeTable},
};
use neurocuda_runtime::head::{Head, HeadFunction};

/// Decodes an op of the dialect.
pub(super) fn decode(op: &Op, site: &Site) -> Result<Action, Problem> {
    numbers(op, site)?;
    Ok(match kernel(op, site)? {
        Some(kernel) => Action::Compute(kernel),
        None => Action::Observe,
    })
}

/// Checks what kinds of numbers the op takes and gives.
fn numbers(op: &Op, site: &Site) -> Result<(), Problem> {
    match op {
        Op::Normalize(_) => site.give(Number::Real),
        Op::Encode(_) | Op::EncodeEvents(_) => site.give(Number::Integer),
        Op::Activation(_) | Op::AvgPool2d(_) | Op::Curve(_) | Op::FakeQuantize(_) | Op::Head(_) => {
            site.convert(Number::Real, Number::Real)
        }
        Op::Requantize(_) | Op::RequantizeTable(_) | Op::SumPool2d(_) => {
            site.convert(Number::Integer, Number::Integer)
        }
        Op::Dequantize(_) => site.convert(Number::Integer, Number::Real),
        Op::Observe(_) => Ok(()),
        Op::Conv(_)
        | Op::Linear(_)
        | Op::Scale(_)
        | Op::MaxPool2d(_)
        | Op::Add(_)
        | Op::Concat(_)
        | Op::Gather(_)
        | Op::Permute(_)
        | Op::Pad(_)
        | Op::Reshape(_) => site.keep(),
    }
}

/// What the op computes; `None` if it has no result.
fn kernel(op: &Op, site: &Site) -> Result<Option<Kernel>, Problem> {
    Ok(Some(match op {
        Op::Normalize(op) => {
            let limits = Limits::read(site, op.multiplier, op.offset, op.minimum, op.maximum)?;
            per_channel(site.input()?, 1.0, limits, |x, limits| limits.apply(x))?
        }
        Op::Encode(op) => {
            let limits = Limits::read(site, op.multiplier, op.offset, op.minimum, op.maximum)?;
            encode(site, limits, op.scale, (op.low, op.high))?
        }
        Op::EncodeEvents(op) => counts(site, op.frames, op.high)?,
        Op::Conv(op) => {
            let geometry = Geometry::new(&op.stride, &op.padding, &op.dilation, op.groups, op.transposed)?;
            let weight = site.weight(op.weight, geometry.weight_rank())?;
            let bias = site.vector(op.bias, "bias", weight.shape[0])?;
            conv(site.input()?, &weight, Some(bias), &geometry, site.output()?)?
        }
        Op::Linear(op) => {
            let weight = site.weight(op.weight, 2)?;
            let bias = site.vector(op.bias, "bias", weight.shape[0])?;
            linear(site.input()?, &weight, Some(bias))?
        }
        Op::Scale(op) => {
            let channels = channels(site.input()?)?;
            let weight = site.vector(op.weight, "weight", channels)?;
            scale(site, weight, site.vector(op.bias, "bias", channels)?)?
        }
        Op::Activation(op) => {
            let (minimum, maximum) = (op.minimum, op.maximum);
            elementwise(site.input()?, move |x| clip(x, minimum, maximum))?
        }
        Op::Curve(op) => curve(site, &Curve::read(op, channels(site.input()?)?)?)?,
        Op::MaxPool2d(op) => max_pool2d(site, op.kernel, op.stride, op.padding, op.dilation)?,
        Op::AvgPool2d(op) => {
            let (rows, columns) = windows(site, &op.rows, &op.columns)?;
            let divisors = reals(op.divisor, "divisor", &[rows.len(), columns.len()])?;
            all_positive(&divisors, "divisor")?;
            sum_pool(site.input()?, vec![rows, columns], divisors, |sum, divisor| sum / divisor)?
        }
        Op::SumPool2d(op) => sum_pool2d(site, &op.rows, &op.columns, op.multiplier)?,
        Op::Add(_) => add(&site.shapes())?,
        Op::Concat(op) => join(site, op.axis)?,
        Op::Gather(op) => gathered(site, op.axis, &op.indices)?,
        Op::Permute(op) => permuted(site, &op.axes)?,
        Op::Pad(op) => zero_pad(site, &op.before, &op.after)?,
        Op::Reshape(_) => reshape(site.input()?, site.output()?)?,
        Op::Observe(_) => {
            site.input()?;
            return Ok(None);
        }
        Op::FakeQuantize(op) => {
            let scales = reals(op.scale, "scale", &[channels(site.input()?)?])?;
            all_positive(&scales, "scale")?;
            let (low, high) = range(op.low, op.high)?;
            per_channel(site.input()?, 1.0, scales, move |x, scale| {
                clip(round_half_up(x / scale), low, high) * scale
            })?
        }
        Op::Requantize(op) => requantize(op, site)?,
        Op::RequantizeTable(op) => requantize_table(op, site)?,
        Op::Head(op) => head(site, &op.function, op.axis, op.keepdim)?,
        Op::Dequantize(op) => {
            let scales = reals(op.scale, "scale", &[channels(site.input()?)?])?;
            per_channel(site.input()?, 1.0, scales, |x, scale| x * scale)?
        }
    }))
}

/// What happens to one channel of the network's input.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    multiplier: f64,
    offset: f64,
    minimum: f64,
    maximum: f64,
}

impl Limits {
    /// Reads the attributes that `normalize` and both `encode` ops share.
    pub fn read(
        site: &Site,
        multiplier: TensorAttr,
        offset: TensorAttr,
        minimum: TensorAttr,
        maximum: TensorAttr,
    ) -> Result<Vec<Self>, Problem> {
        let channels = [channels(site.input()?)?];
        let multiplier = reals(multiplier, "multiplier", &channels)?;
        let offset = reals(offset, "offset", &channels)?;
        let minimum = reals(minimum, "minimum", &channels)?;
        let maximum = reals(maximum, "maximum", &channels)?;
        let limits = |c: usize| Self {
            multiplier: multiplier[c],
            offset: offset[c],
            minimum: minimum[c],
            maximum: maximum[c],
        };
        Ok((0..channels[0]).map(limits).collect())
    }

    fn apply(self, x: f64) -> f64 {
        clip(x * self.multiplier + self.offset, self.minimum, self.maximum)
    }
}

/// Integer codes of the network's input.
pub(super) fn encode(
    site: &Site,
    limits: Vec<Limits>,
    scale: f64,
    range: (i64, i64),
) -> Result<Kernel, Problem> {
    all_positive(&[scale], "scale")?;
    let (low, high) = self::range(range.0, range.1)?;
    per_channel(site.input()?, 1.0, limits, move |x, limits| {
        clip(round_half_up(limits.apply(x) / scale), low, high)
    })
}

/// Numbers of events, whole and not negative, of up to `frames` frames with at most `high` at one element.
pub(super) fn counts(site: &Site, frames: i64, high: i64) -> Result<Kernel, Problem> {
    let most = size(frames, "frames", 1)? as f64 * int32(high, "high")?;
    if !(most > 0.0 && is_i32(most)) {
        return Err(format!("{frames} frames of up to {high} events are no 32-bit count").into());
    }
    elementwise(site.input()?, move |x| clip(round_half_up(x), 0.0, most))
}

/// `weight[c] · x + bias[c]`.
pub(super) fn scale(site: &Site, weight: Vec<f64>, bias: Vec<f64>) -> Result<Kernel, Problem> {
    let gain = weight.iter().fold(0.0, |gain, weight| f64::max(gain, weight.abs()));
    let parameters = weight.into_iter().zip(bias).collect();
    per_channel(site.input()?, gain, parameters, |x, (weight, bias)| x * weight + bias)
}

/// Max pool with the size of the result type.
pub(super) fn max_pool2d(
    site: &Site,
    kernel: [i64; 2],
    stride: [i64; 2],
    padding: [i64; 2],
    dilation: [i64; 2],
) -> Result<Kernel, Problem> {
    let [_, height, width] = image(site.input()?)?;
    let [_, output_height, output_width] = image(site.output()?)?;
    let (kernel, stride) = (sizes(kernel, "kernel", 1)?, sizes(stride, "stride", 1)?);
    let (padding, dilation) = (sizes(padding, "padding", 0)?, sizes(dilation, "dilation", 1)?);
    let rows = Windows::strided(height, output_height, kernel[0], stride[0], padding[0], dilation[0]);
    let columns = Windows::strided(width, output_width, kernel[1], stride[1], padding[1], dilation[1]);
    max_pool(site.input()?, vec![rows, columns])
}

/// Sum over listed windows times a factor for each output position.
pub(super) fn sum_pool2d(
    site: &Site,
    rows: &[i64],
    columns: &[i64],
    multiplier: TensorAttr,
) -> Result<Kernel, Problem> {
    let (rows, columns) = windows(site, rows, columns)?;
    let factors = integers(multiplier, "multiplier", &[rows.len(), columns.len()])?;
    sum_pool(site.input()?, vec![rows, columns], factors, |sum, factor| sum * factor)
}

fn windows(site: &Site, rows: &[i64], columns: &[i64]) -> Result<(Windows, Windows), Problem> {
    let [_, height, width] = image(site.input()?)?;
    Ok((Windows::listed(rows, height, "rows")?, Windows::listed(columns, width, "columns")?))
}

/// Inputs joined along an axis.
pub(super) fn join(site: &Site, axis: i64) -> Result<Kernel, Problem> {
    let shapes = site.shapes();
    let rank = shapes.first().map_or(0, |shape| shape.len());
    concat(&shapes, self::axis(axis, "axis", rank)?)
}

/// Slabs of an axis, by their indices.
pub(super) fn gathered(site: &Site, axis: i64, indices: &[i64]) -> Result<Kernel, Problem> {
    let input = site.input()?;
    let axis = self::axis(axis, "axis", input.len())?;
    let indices = indices.iter().map(|&index| size(index, "indices", 0)).collect::<Result<_, _>>()?;
    gather(input, axis, indices)
}

/// Axes in another order; the batch axis, which `axes` counts, stays first.
pub(super) fn permuted(site: &Site, axes: &[i64]) -> Result<Kernel, Problem> {
    let input = site.input()?;
    let Some((0, axes)) = axes.split_first() else {
        return Err("the batch axis, 0, must stay first".into());
    };
    let axes = axes.iter().map(|&axis| self::axis(axis, "axes", input.len()));
    permute(input, &axes.collect::<Result<Vec<_>, _>>()?)
}

/// Zeros around the input.
pub(super) fn zero_pad(site: &Site, before: &[i64], after: &[i64]) -> Result<Kernel, Problem> {
    let input = site.input()?;
    pad(input, &per_axis(before, "before", input.len())?, &per_axis(after, "after", input.len())?, 0.0)
}

/// The end of a network behind its logits.
pub(super) fn head(site: &Site, function: &str, axis: i64, keepdim: bool) -> Result<Kernel, Problem> {
    let function = HeadFunction::named(function).ok_or_else(|| format!("there is no head `{function}`"))?;
    let input = site.input()?;
    let head = Head { function, axis: self::axis(axis, "axis", input.len())?, keepdim };
    let shape = head.shape(input).ok_or("the operand has no such axis")?;
    unary(shape, 1.0, {
        let input = input.to_vec();
        move |logits, output| output.copy_from_slice(&head.apply(&input, logits))
    })
}

/// A function of each element.
pub(super) fn curve(site: &Site, curve: &Curve) -> Result<Kernel, Problem> {
    let function = curve.function;
    let parameters = (0..channels(site.input()?)?).map(|channel| curve.parameter(channel)).collect();
    per_channel(site.input()?, 1.0, parameters, move |x, parameter| function.at(x, parameter))
}

/// Levels by breakpoint, for each channel.
pub(super) struct Tables {
    /// Breakpoints of all channels, one after the other.
    breakpoints: Vec<f64>,
    /// Levels below the first breakpoint, between the first and the second, and so on.
    levels: Vec<f64>,
    /// Breakpoints of a channel.
    length: usize,
}

impl Tables {
    /// Reads the attributes of `requantize_table` and of the neurons that follow a table.
    pub fn read(
        site: &Site,
        breakpoints: TensorAttr,
        steps: TensorAttr,
        start: TensorAttr,
        (low, high): (f64, f64),
    ) -> Result<Self, Problem> {
        let channels = channels(site.input()?)?;
        let shape = breakpoints.shape();
        let &[_, length] = shape.as_slice() else {
            return Err(format!("`breakpoints` has shape {shape:?}; two axes are needed").into());
        };
        let breakpoints = integers(breakpoints, "breakpoints", &[channels, length])?;
        let steps = integers(steps, "steps", &[channels, length])?;
        let mut levels = Vec::with_capacity(channels * (length + 1));
        for (channel, start) in integers(start, "start", &[channels])?.into_iter().enumerate() {
            let row = channel * length..(channel + 1) * length;
            if !breakpoints[row.clone()].is_sorted() {
                return Err("`breakpoints` do not ascend".into());
            }
            let mut level = start;
            levels.push(level);
            levels.extend(steps[row].iter().map(|step| {
                level += step;
                level
            }));
        }
        match levels.iter().find(|&&level| level < low || level > high) {
            Some(level) => {
                Err(format!("the table has the level {level}, which is not in [{low}, {high}]").into())
            }
            None => Ok(Self { breakpoints, levels, length }),
        }
    }

    /// The level of `x` in a channel.
    pub fn level(&self, channel: usize, x: f64) -> f64 {
        let breakpoints = &self.breakpoints[channel * self.length..][..self.length];
        self.levels[channel * (self.length + 1) + breakpoints.partition_point(|&breakpoint| breakpoint <= x)]
    }
}

fn requantize_table(op: &RequantizeTable, site: &Site) -> Result<Kernel, Problem> {
    let channels = channels(site.input()?)?;
    reals(op.scale, "scale", &[channels])?;
    reals(op.unit, "unit", &[channels])?;
    let tables = Tables::read(site, op.breakpoints, op.steps, op.start, range(op.low, op.high)?)?;
    per_channel(site.input()?, 1.0, (0..channels).collect(), move |x, channel| tables.level(channel, x))
}

fn requantize(op: &Requantize, site: &Site) -> Result<Kernel, Problem> {
    let channels = [channels(site.input()?)?];
    let thresholds = integers(op.threshold, "threshold", &channels)?;
    all_positive(&thresholds, "threshold")?;
    // The scale does not enter the computation; it is what later stages need to give the integers a real meaning.
    reals(op.scale, "scale", &channels)?;
    let (low, high) = range(op.low, op.high)?;
    let parameters = thresholds.into_iter().map(|threshold| (threshold, (threshold / 2.0).floor())).collect();
    // The quotient of integers below 2⁵³ never rounds up to the next integer, so the floor is exact.
    per_channel(site.input()?, 1.0, parameters, move |x, (threshold, half)| {
        clip(((x + half) / threshold).floor(), low, high)
    })
}

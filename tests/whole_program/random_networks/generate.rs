//! Random networks: a recipe of numbers, read as ops that fit the shape there is, so that shrinking a recipe shrinks its network.

mod movement;

use crate::support::tensors::{self, Tensor};
use proptest::prelude::*;

/// Numbers that a network is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    channels: usize,
    size: [usize; 2],
    axes: u8,
    input: u8,
    outputs: u8,
    ops: Vec<[u8; 6]>,
    seed: u64,
    /// Levels of the quantiser.
    pub levels: u32,
    pub weight_bits: u32,
    /// Whether each layer gets levels of its own.
    pub mixed: bool,
}

/// Recipes of up to 9 ops.
pub fn recipe() -> impl Strategy<Value = Recipe> {
    let ops = proptest::collection::vec(any::<[u8; 6]>(), 1..9);
    let shape = (1..4usize, [4..10usize, 4..10], 0..5u8);
    let levels = prop_oneof![Just(3u32), Just(15), Just(31), Just(31)];
    let precision = (levels, prop_oneof![Just(8u32), Just(8), 4u32..8], prop::bool::weighted(0.3));
    (shape, 0..5u8, any::<u8>(), ops, any::<u64>(), precision).prop_map(
        |((channels, size, axes), input, outputs, ops, seed, (levels, weight_bits, mixed))| Recipe {
            channels,
            size,
            axes,
            input,
            outputs,
            ops,
            seed,
            levels,
            weight_bits,
            mixed,
        },
    )
}

/// A network as files state it.
pub struct Generated {
    /// The graph description.
    pub text: String,
    /// Its weights.
    pub weights: Vec<Tensor>,
    /// Shape of an image.
    pub input: Vec<usize>,
    /// Whether there is a nonlinearity that only `st-bif` carries.
    pub curved: bool,
}

/// Largest number of elements of a value: the networks stay small.
const LARGEST: usize = 1500;

/// A network under construction; the last value is what the next op reads.
struct Builder {
    lines: Vec<String>,
    weights: Vec<Tensor>,
    values: Vec<Vec<usize>>,
    seed: u64,
    /// Whether there are synapses; an activation before them is part of the input's code and makes no neurons.
    weighted: bool,
    nonlinear: bool,
    /// Whether there is a nonlinearity that only `st-bif` carries.
    curved: bool,
}

impl Recipe {
    /// The network.
    pub fn generate(&self) -> Generated {
        let [height, width] = self.size;
        let input = match self.axes {
            0 => vec![self.channels, height + width],
            1 => vec![self.channels, 2 + height % 3, 2 + height / 2, 2 + width / 2],
            _ => vec![self.channels, height, width],
        };
        let mut builder = Builder {
            lines: vec![],
            weights: vec![],
            values: vec![input.clone()],
            seed: self.seed,
            weighted: false,
            nonlinear: false,
            curved: false,
        };
        builder.start(self.input);
        for op in &self.ops {
            builder.op(*op);
        }
        builder.end(self.outputs);
        builder.head(self.outputs / 4);
        let last = builder.values.len() - 1;
        // Another value may be returned too, one from the middle.
        let other = 1 + usize::from(self.outputs / 4) % last;
        let returned = if self.outputs % 4 == 1 { vec![last, other] } else { vec![last] };
        let types = returned
            .iter()
            .map(|value| format!("f32[{}]", list_with_batch(&builder.values[*value])))
            .collect::<Vec<_>>();
        let values = returned.iter().map(|value| format!("%{value}")).collect::<Vec<_>>();
        let text = format!(
            "graph @random(%0: f32[N, {}]) -> ({}) {{\n{}\n  return {}\n}}\n",
            list(&input),
            types.join(", "),
            builder.lines.join("\n"),
            values.join(", ")
        );
        Generated { text, weights: builder.weights, input, curved: builder.curved }
    }
}

fn list_with_batch(shape: &[usize]) -> String {
    std::iter::once("N".to_owned())
        .chain(shape.iter().map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(", ")
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Number of windows along an axis, as PyTorch counts them.
fn windows(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    ceil: bool,
) -> Option<usize> {
    let rest = (size + 2 * padding).checked_sub(dilation * (kernel - 1) + 1)?;
    let count = if ceil { rest.div_ceil(stride) } else { rest / stride } + 1;
    // No window starts in the padding behind.
    Some(if ceil && (count - 1) * stride >= size + padding { count - 1 } else { count })
}

/// A number below `limit` for each axis, from one byte.
fn digits(byte: u8, limit: usize, axes: usize) -> Vec<usize> {
    (0..axes).map(|axis| usize::from(byte) / limit.pow(axis as u32) % limit).collect()
}

/// The same plus one.
fn counts(byte: u8, limit: usize, axes: usize) -> Vec<usize> {
    digits(byte, limit, axes).iter().map(|digit| digit + 1).collect()
}

impl Builder {
    fn shape(&self) -> &[usize] {
        self.values.last().expect("there is the input")
    }

    /// Number of axes behind the channels.
    fn spatial(&self) -> usize {
        self.shape().len() - 1
    }

    fn last(&self) -> usize {
        self.values.len() - 1
    }

    /// Appends `%n = call`, unless the result would be too large.
    fn push(&mut self, call: &str, shape: Vec<usize>) -> bool {
        if shape.contains(&0) || shape.iter().product::<usize>() > LARGEST {
            let own = format!("l{}.", self.values.len());
            self.weights.retain(|weight| !weight.name().starts_with(&own));
            return false;
        }
        self.values.push(shape);
        self.lines.push(format!("  %{} = {call}", self.last()));
        true
    }

    /// An op that keeps the shape.
    fn same(&mut self, op: &str, arguments: &str) {
        let (last, shape) = (self.last(), self.shape().to_vec());
        self.push(&format!("{op}(%{last}{arguments})"), shape);
    }

    /// A new weight with elements up to `size`, named after the op to come.
    fn weight(&mut self, part: &str, shape: &[usize], size: f64) -> String {
        self.seed = self.seed.wrapping_add(1);
        let name = format!("l{}.{part}", self.values.len());
        let values =
            tensors::numbers(self.seed).take(shape.iter().product()).map(|number| (number * size) as f32);
        self.weights.push(Tensor::f32(&name, shape, &values.collect::<Vec<_>>()));
        format!("{part} = @{name}")
    }

    fn start(&mut self, kind: u8) {
        match kind {
            0 => {
                let mean = ["0.5", "0.25", "0.4"][..self.shape()[0]].join(", ");
                self.same(
                    "normalize",
                    &format!(", scale = 0.00392156862745098, mean = [{mean}], std = 0.25"),
                );
            }
            1 => self.same("normalize", ", scale = 0.00392156862745098, std = 0.5"),
            2 => {
                self.same("clamp", ", min = 0, max = 8");
                self.same("mul", ", 0.125");
            }
            3 => self.same("mul", ", 0.01"),
            _ => {}
        }
    }

    fn op(&mut self, [kind, a, b, c, d, e]: [u8; 6]) {
        match kind % 28 {
            0 | 1 if self.spatial() > 0 => self.convolution([a, b, c, d, e]),
            2 => self.batch_norm(a),
            3 | 4 => self.relu(),
            5 if a >= 100 => self.curve(a, b),
            5 => self.clamp(a),
            6 | 7 if self.spatial() > 0 => self.pool(kind.is_multiple_of(2), [a, b, c, d]),
            8 if self.spatial() > 0 => self.adaptive(a, b),
            9 | 10 => self.residual(a),
            11 if self.spatial() > 0 => self.concat(a, b),
            12 => self.slice(a, b, c),
            13 if self.spatial() > 0 => self.pad([a, b, c, d], e),
            14 => self.same("mul", [", 0.5", ", -1.25", ", 3"][usize::from(a) % 3]),
            15 => self.same("add", [", 0.5", ", -0.75", ", 0.01"][usize::from(a) % 3]),
            16 => self.same(if a < 128 { "dropout" } else { "identity" }, ""),
            17 if self.spatial() > 0 && a < 100 => self.reduce(a, b),
            18 if a < 60 => self.flatten(b),
            20 | 21 if self.shape().len() > 1 => self.permute(a),
            22 => self.reshape(a, b),
            23 if self.shape().len() > 1 => self.upsample(a, b),
            24 | 25 => self.constant([a, b, c]),
            26 if self.shape().len() > 1 => self.broadcast(a, b),
            27 if self.shape().len() > 1 => self.shuffle(),
            _ => self.dense(a, b),
        }
    }

    fn relu(&mut self) {
        self.nonlinear |= self.weighted;
        self.same("relu", "");
    }

    fn clamp(&mut self, kind: u8) {
        self.nonlinear |= self.weighted;
        self.same(
            "clamp",
            [
                ", min = 0, max = 6",
                ", min = -1, max = 1",
                ", min = 0, max = 1.5",
                ", min = -0.5, max = 2",
                ", min = 0.25, max = 2",
                ", max = -0.5",
            ][usize::from(kind) % 6],
        );
    }

    /// A nonlinearity that is no clamp.
    fn curve(&mut self, kind: u8, parameter: u8) {
        (self.nonlinear, self.curved) = (true, true);
        let slope = ["0.01", "0.3", "-0.5", "1.5"][usize::from(parameter) % 4];
        let (op, arguments) = match kind % 11 {
            0 => ("leaky_relu", format!(", negative_slope = {slope}")),
            1 => ("elu", format!(", alpha = {slope}")),
            2 => ("softplus", format!(", beta = {}", 1 + parameter % 3)),
            3 => ("gelu", format!(", approximate_tanh = {}", parameter.is_multiple_of(2))),
            4 => {
                let channels = if parameter.is_multiple_of(2) { 1 } else { self.shape()[0] };
                ("prelu", format!(", {}", self.weight("weight", &[channels], 0.6)))
            }
            other => {
                let plain = ["hardsigmoid", "hardswish", "silu", "sigmoid", "tanh", "mish"];
                (plain[usize::from(other) - 5], String::new())
            }
        };
        self.same(op, &arguments);
    }

    fn convolution(&mut self, [a, b, c, d, e]: [u8; 5]) {
        let (channels, sizes) = (self.shape()[0], self.shape()[1..].to_vec());
        let axes = sizes.len();
        let transposed = (e / 16).is_multiple_of(3);
        let groups = if a.is_multiple_of(4) { channels } else { 1 };
        let outputs = groups * (1 + usize::from(a / 4) % 3);
        let (kernel, stride) = (counts(b, 3, axes), counts(c, 2, axes));
        let (padding, dilation) = (digits(d, 3, axes), counts(e, 2, axes));
        let spare = (0..axes).map(|axis| usize::from(a / 16) % stride[axis].max(dilation[axis]));
        let spare = spare.collect::<Vec<_>>();
        let size = |axis: usize| {
            let [k, s, p, d] = [&kernel, &stride, &padding, &dilation].map(|list| list[axis]);
            if transposed {
                ((sizes[axis] - 1) * s + d * (k - 1) + 1 + spare[axis])
                    .checked_sub(2 * p)
                    .filter(|&size| size > 0)
            } else {
                windows(sizes[axis], k, s, p, d, false)
            }
        };
        let Some(sizes) = (0..axes).map(size).collect::<Option<Vec<_>>>() else { return };
        let result = [&[outputs], &sizes[..]].concat();
        if result.iter().product::<usize>() > LARGEST {
            return;
        }
        let fan_in = (channels / groups * kernel.iter().product::<usize>()) as f64;
        let first = if transposed { [channels, outputs / groups] } else { [outputs, channels / groups] };
        let weight = self.weight("weight", &[&first, &kernel[..]].concat(), 2.0 / fan_in.sqrt());
        let bias =
            if e < 128 { format!(", {}", self.weight("bias", &[outputs], 0.5)) } else { String::new() };
        let (name, spare) = if transposed {
            ("conv_transpose", format!(", output_padding = {spare:?}"))
        } else {
            ("conv", String::new())
        };
        let call = format!(
            "{name}{axes}d(%{}, {weight}{bias}, stride = {stride:?}, padding = {padding:?}{spare}, dilation = {dilation:?}, groups = {groups})",
            self.last()
        );
        self.weighted |= self.push(&call, result);
    }

    fn batch_norm(&mut self, kind: u8) {
        let channels = self.shape()[0];
        let affine = if kind < 160 {
            format!(
                ", {}, {}",
                self.weight("weight", &[channels], 1.5),
                self.weight("bias", &[channels], 0.5)
            )
        } else {
            String::new()
        };
        let mean = self.weight("running_mean", &[channels], 0.5);
        let name = format!("l{}.running_var", self.values.len());
        let variance =
            tensors::numbers(self.seed ^ 77).take(channels).map(|number| (number * number + 0.01) as f32);
        self.weights.push(Tensor::f32(&name, &[channels], &variance.collect::<Vec<_>>()));
        self.same("batch_norm", &format!("{affine}, {mean}, running_var = @{name}"));
    }

    fn pool(&mut self, largest: bool, [a, b, c, d]: [u8; 4]) {
        let (channels, sizes) = (self.shape()[0], self.shape()[1..].to_vec());
        let axes = sizes.len();
        let (kernel, stride) = (counts(a, 3, axes), counts(b, 3, axes));
        let padding =
            digits(c, 2, axes).iter().zip(&kernel).map(|(p, k)| *p.min(&(k / 2))).collect::<Vec<_>>();
        let ceil = d.is_multiple_of(2);
        let size = |axis: usize| windows(sizes[axis], kernel[axis], stride[axis], padding[axis], 1, ceil);
        let Some(result) = (0..axes).map(size).collect::<Option<Vec<_>>>() else { return };
        let last = self.last();
        let window = format!(
            "%{last}, kernel = {kernel:?}, stride = {stride:?}, padding = {padding:?}, ceil_mode = {ceil}"
        );
        let call = if largest {
            format!("max_pool{axes}d({window})")
        } else {
            let divisor = if axes > 1 && d > 200 { ", divisor_override = 3" } else { "" };
            format!("avg_pool{axes}d({window}, count_include_pad = {}{divisor})", (d / 2).is_multiple_of(2))
        };
        self.push(&call, [&[channels], &result[..]].concat());
    }

    fn adaptive(&mut self, a: u8, b: u8) {
        let (channels, sizes) = (self.shape()[0], self.shape()[1..].to_vec());
        let parts = sizes.iter().zip(digits(a, 4, sizes.len())).map(|(size, digit)| 1 + digit % size);
        let parts = parts.collect::<Vec<_>>();
        let kind = if b.is_multiple_of(3) { "max" } else { "avg" };
        let call = format!("adaptive_{kind}_pool{}d(%{}, output_size = {parts:?})", parts.len(), self.last());
        self.push(&call, [&[channels], &parts[..]].concat());
    }

    /// Adds an earlier value of the shape, or what a layer makes of the last one.
    fn residual(&mut self, kind: u8) {
        let (last, shape) = (self.last(), self.shape().to_vec());
        let earlier = (0..last).filter(|&value| self.values[value] == shape).collect::<Vec<_>>();
        if let Some(&other) =
            earlier.get(usize::from(kind / 2) % earlier.len().max(1)).filter(|_| kind.is_multiple_of(2))
        {
            self.push(&format!("add(%{last}, %{other})"), shape);
        } else {
            self.layer(shape[0]);
            self.push(&format!("add(%{}, %{last})", self.last()), shape);
        }
    }

    /// Joins the last value with what a layer makes of it, or with itself.
    fn concat(&mut self, a: u8, b: u8) {
        let (last, mut joined) = (self.last(), self.shape().to_vec());
        let axis = if a < 200 { 0 } else { usize::from(a) % joined.len() };
        if a < 160 {
            self.layer(1 + usize::from(b) % 2);
        }
        joined[axis] += self.shape()[axis];
        self.push(&format!("concat(%{last}, %{}, dim = {})", self.last(), axis + 1), joined);
    }

    /// A layer with weights that keeps all but the channels; where there are two axes, all.
    fn layer(&mut self, outputs: usize) {
        let (last, mut shape) = (self.last(), self.shape().to_vec());
        let inputs = shape[0];
        if shape.len() < 3 {
            let inputs = *shape.last().expect("there is an axis");
            if shape.len() == 1 {
                shape[0] = outputs;
            }
            return self.linear(last, inputs, shape);
        }
        shape[0] = outputs;
        self.weighted = true;
        let axes = shape.len() - 1;
        let kernel = [&[outputs, inputs], &vec![3; axes][..]].concat();
        let weight = self.weight("weight", &kernel, 0.75 / (inputs as f64).sqrt());
        self.push(&format!("conv{axes}d(%{last}, {weight}, padding = 1)"), shape);
    }

    fn slice(&mut self, a: u8, b: u8, c: u8) {
        let mut shape = self.shape().to_vec();
        let axis = usize::from(a) % shape.len();
        let (start, step) = (usize::from(b) % shape[axis].min(3), 1 + usize::from(c) % 2);
        shape[axis] = (shape[axis] - start).div_ceil(step);
        let call = format!("slice(%{}, dim = {}, start = {start}, step = {step})", self.last(), axis + 1);
        self.push(&call, shape);
    }

    fn pad(&mut self, [a, b, c, d]: [u8; 4], value: u8) {
        let mut shape = self.shape().to_vec();
        let value = ["0", "0", "0.5", "-1"][usize::from(value) % 4];
        let pairs = [[a, b], [c, d], [b, c]].map(|pair| pair.map(|count| usize::from(count) % 2));
        let spatial = self.spatial();
        let pairs = &pairs[..spatial];
        shape.iter_mut().rev().zip(pairs).for_each(|(size, [before, after])| *size += before + after);
        self.push(&format!("pad(%{}, padding = {:?}, value = {value})", self.last(), pairs.concat()), shape);
    }

    /// A mean, or a maximum, over some axes.
    fn reduce(&mut self, kind: u8, choice: u8) {
        let shape = self.shape().to_vec();
        let keep = choice.is_multiple_of(2);
        let chosen = digits(choice / 2, 2, shape.len());
        let mut axes = (0..shape.len()).filter(|&axis| chosen[axis] == 1).collect::<Vec<_>>();
        if axes.is_empty() || (axes.len() == shape.len() && !keep) {
            axes = (1..shape.len()).collect();
        }
        let dims = axes.iter().map(|axis| axis + 1).collect::<Vec<_>>();
        let left = shape.iter().enumerate().filter_map(|(axis, &size)| match axes.contains(&axis) {
            true => keep.then_some(1),
            false => Some(size),
        });
        let op = if kind.is_multiple_of(3) { "amax" } else { "mean" };
        self.push(&format!("{op}(%{}, dims = {dims:?}, keepdim = {keep})", self.last()), left.collect());
    }

    fn flatten(&mut self, kind: u8) {
        let (last, shape) = (self.last(), self.shape().to_vec());
        match *shape {
            [channels, ref sizes @ ..] if sizes.len() > 1 && kind < 60 => {
                self.push(
                    &format!("flatten(%{last}, start_dim = 2)"),
                    vec![channels, sizes.iter().product()],
                );
            }
            _ => drop(self.push(&format!("flatten(%{last})"), vec![shape.iter().product()])),
        }
    }

    /// A dense layer on the last axis; where there are images mostly a relu.
    fn dense(&mut self, kind: u8, outputs: u8) {
        if self.shape().len() > 2 && kind > 30 {
            return self.relu();
        }
        let (last, mut shape) = (self.last(), self.shape().to_vec());
        let (inputs, outputs) = (shape.pop().unwrap_or(1), 2 + usize::from(outputs) % 5);
        shape.push(outputs);
        self.linear(last, inputs, shape);
    }

    fn linear(&mut self, input: usize, inputs: usize, shape: Vec<usize>) {
        let outputs = *shape.last().expect("there is an axis");
        let weight = self.weight("weight", &[outputs, inputs], 1.5 / (inputs as f64).sqrt());
        let bias = self.weight("bias", &[outputs], 0.5);
        self.weighted = true;
        self.push(&format!("linear(%{input}, {weight}, {bias})"), shape);
    }

    /// Sometimes a function of the logits.
    fn head(&mut self, kind: u8) {
        let (last, mut shape) = (self.last(), self.shape().to_vec());
        match kind % 8 {
            0 => self.same("softmax", ", dim = 1"),
            1 => self.same("log_softmax", ", dim = -1"),
            2 => {
                shape.remove(0);
                self.push(&format!("argmax(%{last}, dim = 1)"), shape);
            }
            _ => {}
        }
    }

    /// A nonlinearity, if there is none yet, and mostly a classifier.
    fn end(&mut self, kind: u8) {
        if !self.nonlinear {
            self.layer(4);
            self.relu();
        } else if kind.is_multiple_of(8) {
            return;
        }
        if self.shape().len() > 1 {
            self.flatten(255);
        }
        self.layer(3);
    }
}

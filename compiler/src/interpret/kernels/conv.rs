//! Convolutions over any number of axes, and their adjoints: a matrix product over gathered columns, in tiles that stay in
//! registers.
//!
//! A transposed convolution is a plain one of stride 1 with the kernel mirrored, over the input with its elements `stride`
//! apart and `dilation · (kernel − 1) − padding` zeros before them; padding, here, may be negative.

use super::{
    Kernel, largest_sum,
    scatter::{self, Integers, Parts, Scatter},
    unary,
};
use crate::interpret::decode::{MAX_ELEMENTS, Problem, Weight, element_count, size, size_list};
use multiversion::multiversion;
use std::{borrow::Cow, sync::OnceLock};

/// Output channels of a tile.
const ROWS: usize = 4;
/// Output positions of a tile of f64, and of f32.
const LANES: usize = 8;
const NARROW_LANES: usize = 2 * LANES;

/// How the kernel moves over the input; one entry a spatial axis.
pub(in crate::interpret) struct Geometry {
    stride: Vec<usize>,
    padding: Vec<usize>,
    dilation: Vec<usize>,
    groups: usize,
    transposed: bool,
}

/// One spatial axis.
struct Axis {
    input: usize,
    output: usize,
    /// Size with padding, and with zeros between the elements where the convolution is transposed.
    padded: usize,
    /// Input `i` stands at `i · spread + offset`, or nowhere if that is outside.
    spread: i128,
    offset: i128,
    /// From one output to the next, in the padded input.
    stride: usize,
    dilation: usize,
}

impl Axis {
    /// Where an element of the input stands in the padded input.
    fn place(&self, input: usize) -> Option<usize> {
        let place = usize::try_from(input as i128 * self.spread + self.offset).ok()?;
        (place < self.padded).then_some(place)
    }
}

impl Geometry {
    /// Checks the attributes of a convolution.
    pub fn new(
        stride: &[i64],
        padding: &[i64],
        dilation: &[i64],
        groups: i64,
        transposed: bool,
    ) -> Result<Self, Problem> {
        let axes = stride.len();
        if !(1..=3).contains(&axes) || padding.len() != axes || dilation.len() != axes {
            return Err("`stride`, `padding` and `dilation` need one entry for each of 1 to 3 axes".into());
        }
        Ok(Self {
            stride: size_list(stride, "stride", 1)?,
            padding: size_list(padding, "padding", 0)?,
            dilation: size_list(dilation, "dilation", 1)?,
            groups: size(groups, "groups", 1)?,
            transposed,
        })
    }

    /// Number of axes of the weight: outputs, inputs of a group, and the spatial ones.
    pub fn weight_rank(&self) -> usize {
        self.stride.len() + 2
    }

    /// Whether this is the adjoint of a convolution.
    pub fn is_transposed(&self) -> bool {
        self.transposed
    }

    /// Number of groups, at least 1.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Smallest output of a transposed convolution along one axis: what comes out without output padding.
    pub fn least_output(&self, axis: usize, input: usize, kernel: usize) -> i128 {
        let [stride, padding, dilation] =
            [&self.stride, &self.padding, &self.dilation].map(|list| list[axis] as i128);
        (input as i128 - 1) * stride + dilation * (kernel as i128 - 1) + 1 - 2 * padding
    }

    /// How the kernel moves along one axis; `output` is the size that the result type states.
    fn axis(&self, axis: usize, input: usize, kernel: usize, output: usize) -> Result<Axis, Problem> {
        // In 128 bits, because attributes of 64 bits meet here.
        let [stride, padding, dilation] =
            [&self.stride, &self.padding, &self.dilation].map(|list| list[axis] as i128);
        let reach = dilation * (kernel as i128 - 1);
        let misfit =
            || Problem(format!("the kernel does not fit axis {axis} of the image, {input} with padding"));
        let narrow = |size: i128| usize::try_from(size).map_err(|_| misfit());
        let (output, padded, spread, offset, step) = if self.transposed {
            let spare = output as i128 - self.least_output(axis, input, kernel);
            if !(0..stride.max(dilation)).contains(&spare) {
                return Err(Problem(format!(
                    "a transposed convolution of {input} along axis {axis} does not make {output}"
                )));
            }
            (output, output as i128 + reach, stride, reach - padding, 1)
        } else {
            let padded = input as i128 + 2 * padding;
            if reach >= padded {
                return Err(misfit());
            }
            (narrow((padded - reach - 1) / stride + 1)?, padded, 1, padding, narrow(stride)?)
        };
        let dilation = narrow(dilation)?;
        Ok(Axis { input, output, padded: narrow(padded)?, spread, offset, stride: step, dilation })
    }
}

/// Everything that a run needs.
struct Plan {
    channels: usize,
    /// Elements of a channel of the input and of the padded input.
    planes: [usize; 2],
    /// Whether the padded input is the input.
    unpadded: bool,
    /// Elements of a row of the input.
    width: usize,
    /// Where each row of the input begins in the padded input.
    rows: Vec<Option<usize>>,
    /// Where each element of a row stands in a padded row, from the first one that does on.
    columns: (usize, Vec<usize>),
    groups: usize,
    /// Index in a group's padded input of the first weight of each group for each output position, filled up to whole tiles of both
    /// kinds.
    origins: Vec<usize>,
    /// Offset from there for each weight of one output channel.
    taps: Vec<usize>,
    /// Weights as `[group][block of output channels][tap][row]`.
    weights: Vec<[f64; ROWS]>,
    bias: Vec<f64>,
    positions: usize,
    /// Kernel positions: how many taps a channel has.
    window: usize,
    /// Largest sum of |weight| of an output.
    gain: f64,
    /// Shorter ways for integers; there are none for weights that are no integers.
    integer: Option<Integer>,
}

/// What a convolution with integer weights has besides, made when it is first wanted.
#[derive(Default)]
struct Integer {
    /// From inputs to outputs, for few integers.
    scatter: OnceLock<Scatter>,
    /// The weights in f32, for integers whose sums are exact in it.
    narrow: OnceLock<Vec<[f32; ROWS]>>,
}

/// Cross-correlation with zero padding, or its adjoint; each output is summed over input channels and kernel positions in
/// ascending order, then the bias is added. Weight `[O, I / groups, k…]`. `output` is the shape that the result type states.
pub(in crate::interpret) fn conv(
    input: &[usize],
    weight: &Weight,
    bias: Option<Vec<f64>>,
    geometry: &Geometry,
    output: &[usize],
) -> Result<Kernel, Problem> {
    let spatial = geometry.stride.len();
    let (&[channels, ref sizes @ ..], &[outputs, fan_in, ref kernel @ ..]) = (input, weight.shape.as_slice())
    else {
        return Err("the operand and `weight` need channels".into());
    };
    if [sizes.len(), kernel.len(), output.len().saturating_sub(1)] != [spatial; 3] {
        return Err(
            format!("a convolution over {spatial} axes does not fit an operand of shape {input:?}").into()
        );
    }
    let groups = geometry.groups;
    if fan_in.checked_mul(groups) != Some(channels) || outputs % groups != 0 {
        return Err(format!(
            "`weight` of shape {:?} in {groups} groups does not fit {channels} channels",
            weight.shape
        )
        .into());
    }
    let axes = (0..spatial)
        .map(|axis| geometry.axis(axis, sizes[axis], kernel[axis], output[axis + 1]))
        .collect::<Result<Vec<_>, _>>()?;
    let padded = axes.iter().map(|axis| axis.padded).collect::<Vec<_>>();
    let too_large =
        || Problem(format!("a padded image of {padded:?} is larger than {MAX_ELEMENTS} elements"));
    element_count(&[&[channels], &padded[..]].concat()).ok_or_else(too_large)?;
    let result = axes.iter().map(|axis| axis.output).collect::<Vec<_>>();
    let positions = element_count(&result).ok_or_else(too_large)?;
    let padded_plane = padded.iter().product::<usize>();

    let index = |place: &dyn Fn(&Axis, usize) -> usize, indices: &[usize]| {
        axes.iter().zip(indices).fold(0, |index, (axis, &i)| index * axis.padded + place(axis, i))
    };
    let origin = |position: usize| index(&|axis, i| i * axis.stride, &unravel(position, &result));
    let origins =
        (0..positions.next_multiple_of(NARROW_LANES)).map(|p| origin(p.min(positions - 1))).collect();
    let window = kernel.iter().product::<usize>();
    let taps = (0..window).map(|tap| index(&|axis, i| i * axis.dilation, &unravel(tap, kernel)));
    let taps = taps.collect::<Vec<_>>();
    let taps = (0..fan_in)
        .flat_map(|channel| taps.iter().map(move |tap| channel * padded_plane + tap))
        .collect::<Vec<_>>();
    let mut values = weight.values.clone();
    if geometry.transposed {
        values.chunks_exact_mut(window).for_each(<[f64]>::reverse);
    }
    let gain = largest_sum(&values, taps.len());
    let (last, outer) = axes.split_last().ok_or("a convolution needs an axis")?;
    let outer_sizes = outer.iter().map(|axis| axis.input).collect::<Vec<_>>();
    let row = |row: usize| {
        let places = outer.iter().zip(unravel(row, &outer_sizes));
        let start = places.map(|(axis, i)| Some((axis.padded, axis.place(i)?)));
        let start = start.collect::<Option<Vec<_>>>()?;
        Some(start.iter().fold(0, |start, (padded, place)| start * padded + place) * last.padded)
    };
    let skipped = (0..last.input).take_while(|&i| last.place(i).is_none()).count();
    let plan = Plan {
        channels,
        planes: [sizes.iter().product(), padded_plane],
        unpadded: axes.iter().all(|axis| axis.spread == 1 && axis.offset == 0 && axis.padded == axis.input),
        width: last.input,
        rows: (0..outer_sizes.iter().product()).map(row).collect(),
        columns: (skipped, (skipped..last.input).map_while(|i| last.place(i)).collect()),
        groups,
        origins,
        weights: pack(&values, taps.len(), outputs / groups),
        taps,
        bias: bias.unwrap_or_else(|| vec![0.0; outputs]),
        positions,
        window,
        gain,
        integer: values.iter().all(|weight| weight.fract() == 0.0).then(Integer::default),
    };
    unary([&[outputs], &result[..]].concat(), gain, move |input, output| {
        let padded = plan.pad(input);
        let integers = plan.integer.as_ref().map_or(Integers::None, |_| scatter::look(input, plan.gain));
        match (&plan.integer, integers) {
            (Some(integer), Integers::Few) => {
                let scatter = integer.scatter.get_or_init(|| plan.scattered());
                scatter.run(&padded, &plan.bias, output);
            }
            (Some(integer), Integers::Many) => {
                let weights = integer.narrow.get_or_init(|| {
                    plan.weights.iter().map(|weights| weights.map(|weight| weight as f32)).collect()
                });
                let padded = padded.iter().map(|&x| x as f32).collect::<Vec<_>>();
                run_narrow(&plan, weights, &padded, output);
            }
            _ => run(&plan, &padded, output),
        }
    })
}

/// Splits a row-major element number into one index an axis.
fn unravel(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; shape.len()];
    for (index, &extent) in indices.iter_mut().zip(shape).rev() {
        *index = element % extent;
        element /= extent;
    }
    indices
}

impl Plan {
    fn scattered(&self) -> Scatter {
        let (fan_in, group_outputs) = (self.taps.len(), self.bias.len() / self.groups);
        let blocks = group_outputs.div_ceil(ROWS);
        let weight = |group: usize, output: usize, input: usize| {
            self.weights[(group * blocks + output / ROWS) * fan_in + input][output % ROWS]
        };
        let parts = Parts {
            groups: self.groups,
            plane: self.planes[1],
            positions: self.positions,
            group_outputs,
            origins: &self.origins,
            taps: &self.taps[..self.window],
        };
        Scatter::new(&parts, fan_in, weight)
    }

    fn pad<'a>(&self, input: &'a [f64]) -> Cow<'a, [f64]> {
        if self.unpadded {
            return Cow::Borrowed(input);
        }
        let [plane, padded_plane] = self.planes;
        let mut padded = vec![0.0; self.channels * padded_plane];
        let (skipped, columns) = &self.columns;
        for (from, to) in input.chunks_exact(plane).zip(padded.chunks_exact_mut(padded_plane)) {
            for (row, from) in self.rows.iter().zip(from.chunks_exact(self.width)) {
                let Some(start) = *row else { continue };
                for (column, element) in columns.iter().zip(&from[*skipped..]) {
                    to[start + column] = *element;
                }
            }
        }
        Cow::Owned(padded)
    }
}

/// The weights as `[group][block of output channels][tap][row]`; the last block of a group is filled up with zeros.
fn pack(weights: &[f64], taps: usize, group_outputs: usize) -> Vec<[f64; ROWS]> {
    let mut packed = Vec::new();
    for group in weights.chunks_exact(group_outputs * taps) {
        for block in group.chunks(ROWS * taps) {
            packed.extend((0..taps).map(|tap| {
                let mut rows = [0.0; ROWS];
                for (row, weights) in rows.iter_mut().zip(block.chunks_exact(taps)) {
                    *row = weights[tap];
                }
                rows
            }));
        }
    }
    packed
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn run(plan: &Plan, input: &[f64], output: &mut [f64]) {
    tiles::<f64, LANES>(plan, &plan.weights, input, output);
}

/// The same in f32, where every sum is exact.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn run_narrow(plan: &Plan, weights: &[[f32; ROWS]], input: &[f32], output: &mut [f64]) {
    tiles::<f32, NARROW_LANES>(plan, weights, input, output);
}

/// A number that tiles are made of.
trait Number: Copy + Default + Into<f64> + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> {}
impl Number for f32 {}
impl Number for f64 {}

#[inline(always)]
fn tiles<T: Number, const N: usize>(plan: &Plan, weights: &[[T; ROWS]], input: &[T], output: &mut [f64]) {
    let (taps, positions) = (plan.taps.len(), plan.positions);
    let outputs = plan.bias.len() / plan.groups;
    let weights = weights.chunks_exact(outputs.div_ceil(ROWS) * taps);
    let groups =
        input.chunks_exact(input.len() / plan.groups).zip(output.chunks_exact_mut(outputs * positions));
    let mut columns = vec![[T::default(); N]; taps];
    for (((input, output), weights), bias) in groups.zip(weights).zip(plan.bias.chunks_exact(outputs)) {
        for (tile, origins) in plan.origins.chunks_exact(N).take(positions.div_ceil(N)).enumerate() {
            gather(input, &plan.taps, origins, &mut columns);
            let start = tile * N;
            let count = N.min(positions - start);
            let blocks =
                weights.chunks_exact(taps).zip(output.chunks_mut(ROWS * positions)).zip(bias.chunks(ROWS));
            for ((weights, output), bias) in blocks {
                let sums = multiply(weights, &columns);
                for ((output, sums), bias) in output.chunks_exact_mut(positions).zip(&sums).zip(bias) {
                    for (result, &sum) in output[start..start + count].iter_mut().zip(sums) {
                        *result = sum.into() + bias;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn gather<T: Number, const N: usize>(input: &[T], taps: &[usize], origins: &[usize], columns: &mut [[T; N]]) {
    let first = origins[0];
    // The ends do not tell: the last tile repeats its last position.
    let adjacent = origins.iter().enumerate().all(|(lane, &origin)| origin == first + lane);
    for (column, &tap) in columns.iter_mut().zip(taps) {
        if adjacent {
            column.copy_from_slice(&input[tap + first..][..N]);
        } else {
            for (element, &origin) in column.iter_mut().zip(origins) {
                *element = input[tap + origin];
            }
        }
    }
}

/// One tile: each sum goes over the taps in order. A sum of a row is a value of its own, or LLVM gathers lanes one by one.
#[inline(always)]
fn multiply<T: Number, const N: usize>(weights: &[[T; ROWS]], columns: &[[T; N]]) -> [[T; N]; ROWS] {
    let [mut first, mut second, mut third, mut fourth] = [[T::default(); N]; ROWS];
    let plus = |sums: [T; N], weight: T, column: &[T; N]| {
        std::array::from_fn::<T, N, _>(|lane| sums[lane] + weight * column[lane])
    };
    for (weights, column) in weights.iter().zip(columns) {
        first = plus(first, weights[0], column);
        second = plus(second, weights[1], column);
        third = plus(third, weights[2], column);
        fourth = plus(fourth, weights[3], column);
    }
    [first, second, third, fourth]
}

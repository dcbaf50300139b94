//! 2-D convolution: a matrix product over gathered columns, in tiles that stay in registers.

use super::{Kernel, largest_sum, unary};
use crate::interpret::decode::{MAX_ELEMENTS, Problem, Weight, element_count, image, size, sizes};
use multiversion::multiversion;
use std::borrow::Cow;

/// Output channels of a tile.
const ROWS: usize = 4;
/// Output positions of a tile.
const LANES: usize = 8;

/// How the kernel moves over the input; rows before columns.
pub(in crate::interpret) struct Geometry {
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Geometry {
    /// Checks the attributes of a convolution.
    pub fn new(
        stride: [i64; 2],
        padding: [i64; 2],
        dilation: [i64; 2],
        groups: i64,
    ) -> Result<Self, Problem> {
        Ok(Self {
            stride: sizes(stride, "stride", 1)?,
            padding: sizes(padding, "padding", 0)?,
            dilation: sizes(dilation, "dilation", 1)?,
            groups: size(groups, "groups", 1)?,
        })
    }

    /// Sizes of the padded input and of the output along one axis.
    fn extent(&self, axis: usize, input: usize, kernel: usize) -> Result<(usize, usize), Problem> {
        let padded = self.padding[axis].checked_mul(2).and_then(|padding| padding.checked_add(input));
        let reach = (kernel - 1).checked_mul(self.dilation[axis]).and_then(|reach| reach.checked_add(1));
        match (padded, reach) {
            (Some(padded), Some(reach)) if reach <= padded => {
                Ok((padded, (padded - reach) / self.stride[axis] + 1))
            }
            _ => {
                Err(format!("the kernel does not fit axis {axis} of the image, {input} with padding").into())
            }
        }
    }
}

/// Everything that a run needs.
struct Plan {
    /// Channels, rows and columns of the input.
    input: [usize; 3],
    padding: [usize; 2],
    /// Rows and columns of the padded input.
    padded: [usize; 2],
    groups: usize,
    /// Index in a group's padded input of the first weight of each group for each output position, filled up to whole tiles.
    origins: Vec<usize>,
    /// Offset from there for each weight of one output channel.
    taps: Vec<usize>,
    /// Weights as `[group][block of output channels][tap][row]`.
    weights: Vec<[f64; ROWS]>,
    bias: Vec<f64>,
    positions: usize,
}

/// Cross-correlation with zero padding; each output is summed over input channel, kernel row and kernel column in
/// ascending order, then the bias is added. Weight `[O, I / groups, KH, KW]`.
pub(in crate::interpret) fn conv2d(
    input: &[usize],
    weight: &Weight,
    bias: Option<Vec<f64>>,
    geometry: &Geometry,
) -> Result<Kernel, Problem> {
    let [channels, height, width] = image(input)?;
    let [outputs, fan_in, kernel_height, kernel_width] = weight.shape[..] else {
        return Err("`weight` needs four axes".into());
    };
    let groups = geometry.groups;
    if fan_in.checked_mul(groups) != Some(channels) || outputs % groups != 0 {
        return Err(format!(
            "`weight` of shape {:?} in {groups} groups does not fit {channels} channels",
            weight.shape
        )
        .into());
    }
    let (padded_height, output_height) = geometry.extent(0, height, kernel_height)?;
    let (padded_width, output_width) = geometry.extent(1, width, kernel_width)?;
    let padded = [padded_height, padded_width];
    let too_large =
        || Problem(format!("a padded image of {padded:?} is larger than {MAX_ELEMENTS} elements"));
    element_count(&[channels, padded_height, padded_width]).ok_or_else(too_large)?;
    let positions = element_count(&[output_height, output_width]).ok_or_else(too_large)?;

    let index = |y: usize, x: usize| y * padded_width + x;
    let position =
        |p: usize| index(p / output_width * geometry.stride[0], p % output_width * geometry.stride[1]);
    let origins = (0..positions.next_multiple_of(LANES)).map(|p| position(p.min(positions - 1))).collect();
    let mut taps = Vec::with_capacity(fan_in * kernel_height * kernel_width);
    for channel in 0..fan_in {
        for y in 0..kernel_height {
            for x in 0..kernel_width {
                let tap = index(y * geometry.dilation[0], x * geometry.dilation[1]);
                taps.push(channel * padded_height * padded_width + tap);
            }
        }
    }
    let gain = largest_sum(&weight.values, taps.len());
    let plan = Plan {
        input: [channels, height, width],
        padding: geometry.padding,
        padded,
        groups,
        origins,
        weights: pack(&weight.values, taps.len(), outputs / groups),
        taps,
        bias: bias.unwrap_or_else(|| vec![0.0; outputs]),
        positions,
    };
    unary(vec![outputs, output_height, output_width], gain, move |input, output| {
        run(&plan, &plan.pad(input), output);
    })
}

impl Plan {
    fn pad<'a>(&self, input: &'a [f64]) -> Cow<'a, [f64]> {
        if self.padding == [0, 0] {
            return Cow::Borrowed(input);
        }
        let [channels, height, width] = self.input;
        let plane = self.padded[0] * self.padded[1];
        let mut padded = vec![0.0; channels * plane];
        let [top, left] = self.padding;
        for (from, to) in input.chunks_exact(height * width).zip(padded.chunks_exact_mut(plane)) {
            let rows = to.chunks_exact_mut(self.padded[1]).skip(top);
            for (from, to) in from.chunks_exact(width).zip(rows) {
                to[left..left + width].copy_from_slice(from);
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
    let (taps, positions) = (plan.taps.len(), plan.positions);
    let outputs = plan.bias.len() / plan.groups;
    let weights = plan.weights.chunks_exact(outputs.div_ceil(ROWS) * taps);
    let groups =
        input.chunks_exact(input.len() / plan.groups).zip(output.chunks_exact_mut(outputs * positions));
    let mut columns = vec![[0.0; LANES]; taps];
    for (((input, output), weights), bias) in groups.zip(weights).zip(plan.bias.chunks_exact(outputs)) {
        for (tile, origins) in plan.origins.chunks_exact(LANES).enumerate() {
            gather(input, &plan.taps, origins, &mut columns);
            let start = tile * LANES;
            let count = LANES.min(positions - start);
            let blocks =
                weights.chunks_exact(taps).zip(output.chunks_mut(ROWS * positions)).zip(bias.chunks(ROWS));
            for ((weights, output), bias) in blocks {
                let sums = multiply(weights, &columns);
                for ((output, sums), bias) in output.chunks_exact_mut(positions).zip(&sums).zip(bias) {
                    for (result, sum) in output[start..start + count].iter_mut().zip(sums) {
                        *result = sum + bias;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn gather(input: &[f64], taps: &[usize], origins: &[usize], columns: &mut [[f64; LANES]]) {
    let first = origins[0];
    // The ends do not tell: the last tile repeats its last position.
    let adjacent = origins.iter().enumerate().all(|(lane, &origin)| origin == first + lane);
    for (column, &tap) in columns.iter_mut().zip(taps) {
        if adjacent {
            column.copy_from_slice(&input[tap + first..][..LANES]);
        } else {
            for (element, &origin) in column.iter_mut().zip(origins) {
                *element = input[tap + origin];
            }
        }
    }
}

/// One tile: each sum goes over the taps in order.
#[inline(always)]
fn multiply(weights: &[[f64; ROWS]], columns: &[[f64; LANES]]) -> [[f64; LANES]; ROWS] {
    let mut sums = [[0.0; LANES]; ROWS];
    for (weights, column) in weights.iter().zip(columns) {
        for (sums, weight) in sums.iter_mut().zip(weights) {
            for (sum, x) in sums.iter_mut().zip(column) {
                *sum += weight * x;
            }
        }
    }
    sums
}

//! How values, weights and windows lie in device memory.

use neurocuda_runtime::artifact::{gpu_program::Element, program::OpKind};

/// Channels are padded to a multiple of this: what a thread loads at once, in bytes of the narrowest elements.
pub(crate) const GRANULE: usize = 16;
/// Bytes of each row that a warp reads in one go: four threads with a granule each.
pub(crate) const SLICE: usize = 4 * GRANULE;
/// Channels that a warp computes.
pub(crate) const TILE_CHANNELS: usize = 32;

/// A value, channel-last: `[position, channel]`, channels padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) channels: usize,
    pub(crate) positions: usize,
    pub(crate) padded: usize,
}

impl Layout {
    /// The layout of a sample of shape `[C, …]`.
    pub(crate) fn new(shape: &[usize]) -> Self {
        let channels = shape.first().copied().unwrap_or(1);
        let positions = shape.iter().skip(1).product();
        Self { channels, positions, padded: channels.next_multiple_of(GRANULE) }
    }

    /// Elements of one sample, with padding.
    pub(crate) fn stored(&self) -> usize {
        self.positions * self.padded
    }

    /// Where the row-major element `index` lies.
    pub(crate) fn offset(&self, index: usize) -> usize {
        index % self.positions * self.padded + index / self.positions
    }

    /// A tensor of one element a channel, or one for each element of a sample, with padding; `None` if it is neither.
    pub(crate) fn spread<T: Copy + Default>(&self, values: &[T]) -> Option<Spread<T>> {
        if values.len() == self.channels {
            let mut padded = values.to_vec();
            padded.resize(self.padded, T::default());
            return Some(Spread { values: padded, by_position: false });
        }
        if values.len() != self.channels * self.positions {
            return None;
        }
        let mut padded = vec![T::default(); self.stored()];
        for (index, &value) in values.iter().enumerate() {
            padded[self.offset(index)] = value;
        }
        Some(Spread { values: padded, by_position: true })
    }
}

/// A parameter as the kernels read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spread<T> {
    /// `[channel]` or `[position, channel]`.
    pub(crate) values: Vec<T>,
    pub(crate) by_position: bool,
}

/// Which positions of the input each position of the output reads, tap by tap: where the channels of that position start, and −1 for
/// what lies outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    /// `[position, tap]`.
    pub(crate) offsets: Vec<i32>,
    pub(crate) taps: usize,
}

impl Taps {
    /// From the positions of the input that each position of the output reads; shorter lists are filled up.
    fn new(reads: &[Vec<Option<usize>>], padded: usize) -> Self {
        let taps = reads.iter().map(Vec::len).max().unwrap_or(0);
        let offset = |position: &Option<usize>| position.map_or(-1, |position| (position * padded) as i32);
        let offsets = reads
            .iter()
            .flat_map(|reads| {
                reads
                    .iter()
                    .map(offset)
                    .chain(std::iter::repeat_n(-1, taps - reads.len()))
                    .collect::<Vec<_>>()
            })
            .collect();
        Self { offsets, taps }
    }

    /// The same with taps that read nothing at the end, `taps` in all.
    pub(crate) fn fill(&self, taps: usize) -> Self {
        let rows = self.offsets.chunks(self.taps.max(1));
        let offsets = rows
            .flat_map(|row| {
                row.iter().copied().chain(std::iter::repeat_n(-1, taps.saturating_sub(row.len())))
            })
            .collect();
        Self { offsets, taps }
    }

    /// The taps of a convolution; `None` if the op is none, or its shapes do not fit.
    pub(crate) fn of_convolution(
        kind: &OpKind,
        kernel: &[usize],
        input: &[usize],
        output: &[usize],
    ) -> Option<Self> {
        let OpKind::Conv { stride, padding, dilation, transposed, .. } = kind else { return None };
        let (inputs, outputs) = (input.get(1..)?, output.get(1..)?);
        let axis = |axis: usize, output: usize, tap: usize| {
            let (stride, padding, reach) = (stride[axis], padding[axis], tap * dilation[axis]);
            let index = if *transposed {
                let shifted = (output + padding).checked_sub(reach)?;
                (shifted % stride == 0).then_some(shifted / stride)?
            } else {
                (output * stride + reach).checked_sub(padding)?
            };
            (index < inputs[axis]).then_some(index)
        };
        let reads = grid(outputs).map(|output| {
            grid(kernel)
                .map(|tap| {
                    (0..inputs.len()).try_fold(0, |position, dimension| {
                        Some(
                            position * inputs[dimension]
                                + axis(dimension, output[dimension], tap[dimension])?,
                        )
                    })
                })
                .collect::<Vec<_>>()
        });
        Some(Self::new(&reads.collect::<Vec<_>>(), Layout::new(input).padded))
    }

    /// The taps of a pool; `None` if the op is none.
    pub(crate) fn of_pool(kind: &OpKind, input: &[usize], output: &[usize]) -> Option<Self> {
        let &[_, height, width] = input else { return None };
        let &[_, rows_out, columns_out] = output else { return None };
        let (rows, columns): (Vec<Vec<usize>>, Vec<Vec<usize>>) = match kind {
            OpKind::SumPool2d { rows, columns, .. } => {
                let ranges =
                    |bins: &[[usize; 2]]| bins.iter().map(|&[start, end]| (start..end).collect()).collect();
                (ranges(rows), ranges(columns))
            }
            OpKind::MaxPool2d { kernel, stride, padding, dilation } => {
                let axis = |axis: usize, inputs: usize, outputs: usize| {
                    let reads = |output: usize| {
                        let tap = |tap: usize| {
                            (output * stride[axis] + tap * dilation[axis]).checked_sub(padding[axis])
                        };
                        (0..kernel[axis]).filter_map(tap).filter(|&index| index < inputs).collect()
                    };
                    (0..outputs).map(reads).collect()
                };
                (axis(0, height, rows_out), axis(1, width, columns_out))
            }
            _ => return None,
        };
        let reads = rows.iter().flat_map(|rows| {
            columns.iter().map(move |columns| {
                rows.iter()
                    .flat_map(|row| columns.iter().map(move |column| Some(row * width + column)))
                    .collect::<Vec<_>>()
            })
        });
        Some(Self::new(&reads.collect::<Vec<_>>(), Layout::new(input).padded))
    }

    /// How many outputs each position of the input reaches, of a channel.
    pub(crate) fn reach(&self, input: Layout) -> Vec<u32> {
        let mut reach = vec![0; input.positions];
        for &offset in self.offsets.iter().filter(|&&offset| offset >= 0) {
            reach[offset as usize / input.padded] += 1;
        }
        reach
    }
}

/// All positions of a grid, in row-major order.
fn grid(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..shape.iter().product()).map(move |mut index: usize| {
        let mut position = vec![0; shape.len()];
        for (slot, extent) in position.iter_mut().zip(shape).rev() {
            *slot = index % extent;
            index /= extent;
        }
        position
    })
}

/// Where each element of the output comes from: `None` where from nowhere. For each input, `[position, channel]` of the output, with
/// padding: the offset in the input, and −1 for what is not there.
pub(crate) fn moved(kind: &OpKind, inputs: &[&[usize]], output: &[usize]) -> Option<Vec<Vec<i32>>> {
    let to = Layout::new(output);
    let mut tables = vec![vec![-1; to.stored()]; inputs.len()];
    for (element, position) in grid(output).enumerate() {
        let from = match kind {
            OpKind::Reshape => Some((0, element)),
            OpKind::Concat { axis } => {
                let (mut position, mut input) = (position, 0);
                while position[*axis] >= inputs.get(input)?[*axis] {
                    position[*axis] -= inputs[input][*axis];
                    input += 1;
                }
                Some((input, ravel(&position, inputs[input])))
            }
            OpKind::Gather { axis, indices } => {
                let mut position = position;
                position[*axis] = *indices.get(position[*axis])?;
                Some((0, ravel(&position, inputs.first()?)))
            }
            OpKind::Permute { axes } => {
                let mut original = vec![0; position.len()];
                axes.iter().zip(&position).for_each(|(&axis, &index)| original[axis] = index);
                Some((0, ravel(&original, inputs.first()?)))
            }
            OpKind::Pad { before, .. } => {
                let first = inputs.first()?;
                let inside: Option<Vec<usize>> = position
                    .iter()
                    .zip(before)
                    .zip(*first)
                    .map(|((position, before), extent)| {
                        position.checked_sub(*before).filter(|position| position < extent)
                    })
                    .collect();
                inside.map(|inside| (0, ravel(&inside, first)))
            }
            _ => return None,
        };
        if let Some((input, source)) = from {
            tables[input][to.offset(element)] = Layout::new(inputs[input]).offset(source) as i32;
        }
    }
    Some(tables)
}

fn ravel(position: &[usize], shape: &[usize]) -> usize {
    position.iter().zip(shape).fold(0, |element, (index, extent)| element * extent + index)
}

/// Weights for matrix products: `[output, tap, input channel]` with outputs, input channels and the whole row padded.
pub(crate) fn pack_tiles(weight: &[i8], outputs: usize, inputs: usize, taps: usize) -> Vec<i8> {
    let padded = inputs.next_multiple_of(GRANULE);
    let row = (taps * padded).next_multiple_of(SLICE);
    let mut packed = vec![0; outputs.next_multiple_of(TILE_CHANNELS) * row];
    for (index, &value) in weight.iter().enumerate() {
        let (output, input, tap) = (index / (inputs * taps), index / taps % inputs, index % taps);
        packed[output * row + tap * padded + input] = value;
    }
    packed
}

/// Weights for one product at a time: `[tap, input channel of a group, output]`, with outputs padded.
pub(crate) fn pack_scalars<T: Copy + Default>(
    weight: &[T],
    outputs: usize,
    inputs: usize,
    taps: usize,
) -> Vec<T> {
    let padded = outputs.next_multiple_of(GRANULE);
    let mut packed = vec![T::default(); taps * inputs * padded];
    for (index, &value) in weight.iter().enumerate() {
        let (output, input, tap) = (index / (inputs * taps), index / taps % inputs, index % taps);
        packed[(tap * inputs + input) * padded + output] = value;
    }
    packed
}

/// Whether matrix products take elements of this type.
pub(crate) fn is_byte(element: Element) -> bool {
    element.bytes() == 1
}

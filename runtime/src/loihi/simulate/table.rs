//! The synapses of one table that end on one core.

use std::sync::Arc;

use multiversion::multiversion;

use super::{
    region::{Extent, Slice},
    rows::Rows,
};

/// Geometry of a kernel along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub input: usize,
    pub output: usize,
    pub taps: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
}

impl Axis {
    /// Whether the taps of every output are within the padded input.
    pub fn fits(&self) -> bool {
        let reach = || {
            let last = (self.output.checked_sub(1)?).checked_mul(self.stride)?;
            let taps = self.taps.checked_sub(1)?.checked_mul(self.dilation)?;
            let padded = self.padding.checked_mul(2)?.checked_add(self.input)?;
            Some(last.checked_add(taps)? < padded)
        };
        self.stride > 0 && self.dilation > 0 && reach() == Some(true)
    }

    /// Taps that read an input, each with its output.
    fn reached(&self, input: usize) -> Vec<(u32, u32)> {
        let to = |tap: usize| {
            let shifted = (input + self.padding).checked_sub(tap * self.dilation)?;
            let output = shifted / self.stride;
            (shifted % self.stride == 0 && output < self.output).then_some((tap as u32, output as u32))
        };
        (0..self.taps).filter_map(to).collect()
    }
}

/// The weights of an input channel.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// First channel of the slice that it reaches.
    first: usize,
    /// Number of channels that it reaches.
    length: usize,
    /// Where its weights begin: `[tap][channel]`.
    weights: usize,
}

/// The weights of a kernel to some output channels.
#[derive(Debug)]
pub(super) struct KernelWeights {
    channels: Vec<Row>,
    weights: Vec<i16>,
}

impl KernelWeights {
    /// Those of a kernel `[outputs, inputs of a group, taps]` of `input` channels to the channels of `slice`.
    pub fn new(slice: &Slice, input: usize, [groups, inputs, taps]: [usize; 3], weights: &[i16]) -> Self {
        let per_group = slice.whole.channels / groups.max(1);
        let mut kernel = Self { channels: vec![], weights: vec![] };
        for channel in 0..input {
            let group = channel / inputs.max(1);
            let start = slice.channels.start.max(group * per_group);
            let end = slice.channels.end.min((group + 1) * per_group).max(start);
            kernel.channels.push(Row {
                first: start - slice.channels.start,
                length: end - start,
                weights: kernel.weights.len(),
            });
            for tap in 0..taps {
                let weight =
                    |out: usize| weights.get((out * inputs + channel % inputs.max(1)) * taps + tap).copied();
                kernel.weights.extend((start..end).map(|out| weight(out).unwrap_or_default()));
            }
        }
        kernel
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.weights.len()
    }
}

/// A kernel that all places share.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    input: Extent,
    /// For each input along the axes, taps and the outputs that they lead to.
    rows: Rows<(u32, u32)>,
    columns: Rows<(u32, u32)>,
    /// Taps along the last axis.
    taps: usize,
    weights: Arc<KernelWeights>,
    /// Columns and channels of the slice.
    slice: [usize; 2],
}

/// Neurons whose sums stay in registers while all spikes are added: one cache line of weights.
const CHUNK: usize = 32;

/// Synapses from every input to every neuron.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// `[input][chunk of neurons]`.
    weights: Vec<[i16; CHUNK]>,
    neurons: usize,
}

/// The synapses of one table that end on one core.
#[derive(Clone, Debug)]
pub(super) enum Table {
    Kernel(Kernel),
    Dense(Dense),
    /// For each input, neurons and weights.
    List(Rows<(u32, i16)>),
}

impl Table {
    /// A kernel along `axes`, the last of which is cut.
    pub fn kernel(slice: &Slice, input: Extent, axes: &[Axis], weights: Arc<KernelWeights>) -> Self {
        let unit = Axis { input: 1, output: 1, taps: 1, stride: 1, padding: 0, dilation: 1 };
        let (last, others) = axes.split_last().unwrap_or((&unit, &[]));
        let columns = Rows::new(last.input, |column| {
            let here = |(tap, to): (u32, u32)| {
                slice.columns.contains(&(to as usize)).then(|| (tap, to - slice.columns.start as u32))
            };
            last.reached(column).into_iter().filter_map(here).collect::<Vec<_>>()
        });
        // All axes but the last as one: taps and outputs in row-major order.
        let rows = Rows::new(input.rows, |row| {
            let mut reached = vec![(0, 0)];
            let mut rest = row;
            let mut places = vec![0; others.len()];
            for (place, axis) in places.iter_mut().zip(others).rev() {
                (*place, rest) = (rest % axis.input, rest / axis.input);
            }
            for (&place, axis) in places.iter().zip(others) {
                let along = axis.reached(place);
                let step = |&(taps, to): &(u32, u32)| {
                    let further = move |&(tap, out): &(u32, u32)| {
                        (taps * axis.taps as u32 + tap, to * axis.output as u32 + out)
                    };
                    along.iter().map(further).collect::<Vec<_>>()
                };
                reached = reached.iter().flat_map(step).collect();
            }
            reached
        });
        let slice = [slice.columns.len(), slice.channels.len()];
        Self::Kernel(Kernel { input, rows, columns, taps: last.taps, weights, slice })
    }

    /// Weights `[outputs, inputs]`.
    pub fn dense(slice: &Slice, inputs: usize, weights: &[i16]) -> Self {
        let weight =
            |out: usize, input: usize| weights.get(out * inputs + input).copied().unwrap_or_default();
        let elements = slice.elements();
        let row = |input: usize| {
            elements.chunks(CHUNK).map(move |chunk| {
                let mut weights = [0; CHUNK];
                weights.iter_mut().zip(chunk).for_each(|(slot, &out)| *slot = weight(out as usize, input));
                weights
            })
        };
        Self::Dense(Dense { weights: (0..inputs).flat_map(row).collect(), neurons: elements.len() })
    }

    /// Synapses from an input to an element of the population.
    pub fn list(slice: &Slice, inputs: usize, pairs: &[(u32, u32)], weights: &[i16]) -> Self {
        let here = |(&(input, to), &weight): (&(u32, u32), &i16)| {
            slice.neuron(to as usize).map(|neuron| (input, (neuron as u32, weight)))
        };
        Self::List(Rows::sorted(inputs, pairs.iter().zip(weights).filter_map(here).collect()))
    }

    /// Adds what spikes of `elements` carry to `sums`. Returns, of the spikes, how many reach a neuron here, and over how many synapses.
    pub fn add(&self, elements: &[u32], payloads: &[i32], sums: &mut [i32]) -> (u64, u64) {
        add(self, elements, payloads, sums)
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn add(table: &Table, elements: &[u32], payloads: &[i32], sums: &mut [i32]) -> (u64, u64) {
    match table {
        Table::Dense(dense) => add_dense(dense, elements, payloads, sums),
        Table::Kernel(kernel) => {
            add_each(elements, payloads, |element, payload| kernel_row(kernel, element, payload, sums))
        }
        Table::List(list) => {
            add_each(elements, payloads, |element, payload| list_row(list, element, payload, sums))
        }
    }
}

/// Spike by spike; `row` adds one and says how many synapses that took.
#[inline(always)]
fn add_each(elements: &[u32], payloads: &[i32], mut row: impl FnMut(usize, i32) -> usize) -> (u64, u64) {
    let (mut messages, mut synapses) = (0, 0);
    for (&element, &payload) in elements.iter().zip(payloads) {
        let reached = row(element as usize, payload);
        messages += u64::from(reached > 0);
        synapses += reached as u64;
    }
    (messages, synapses)
}

#[inline(always)]
fn add_dense(dense: &Dense, elements: &[u32], payloads: &[i32], sums: &mut [i32]) -> (u64, u64) {
    let chunks = dense.neurons.div_ceil(CHUNK);
    for (chunk, sums) in sums[..dense.neurons].chunks_mut(CHUNK).enumerate() {
        let mut total = [0; CHUNK];
        for (&element, &payload) in elements.iter().zip(payloads) {
            let Some(weights) = dense.weights.get(element as usize * chunks + chunk) else { continue };
            add_row(&mut total, weights, payload);
        }
        sums.iter_mut().zip(total).for_each(|(sum, total)| *sum = sum.wrapping_add(total));
    }
    (elements.len() as u64, (elements.len() * dense.neurons) as u64)
}

#[inline(always)]
fn list_row(list: &Rows<(u32, i16)>, element: usize, payload: i32, sums: &mut [i32]) -> usize {
    let row = list.of(element);
    for &(neuron, weight) in row {
        if let Some(sum) = sums.get_mut(neuron as usize) {
            *sum = sum.wrapping_add(payload.wrapping_mul(weight.into()));
        }
    }
    row.len()
}

#[inline(always)]
fn kernel_row(kernel: &Kernel, element: usize, payload: i32, sums: &mut [i32]) -> usize {
    let plane = kernel.input.plane().max(1);
    let (channel, place) = (element / plane, element % plane);
    let (row, column) = (place / kernel.input.columns.max(1), place % kernel.input.columns.max(1));
    let Some(&Row { first, length, weights }) = kernel.weights.channels.get(channel) else { return 0 };
    let [columns, channels] = kernel.slice;
    let reached = kernel.columns.of(column);
    let mut synapses = 0;
    if length == 0 || reached.is_empty() {
        return 0;
    }
    for &(row_tap, row) in kernel.rows.of(row) {
        for &(tap, column) in reached {
            let at = (row as usize * columns + column as usize) * channels + first;
            let from = weights + (row_tap as usize * kernel.taps + tap as usize) * length;
            let (sums, weights) =
                (sums.get_mut(at..at + length), kernel.weights.weights.get(from..from + length));
            if let (Some(sums), Some(weights)) = (sums, weights) {
                add_row(sums, weights, payload);
                synapses += length;
            }
        }
    }
    synapses
}

#[inline(always)]
fn add_row(sums: &mut [i32], weights: &[i16], payload: i32) {
    match payload {
        1 => sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum = sum.wrapping_add(w.into())),
        -1 => sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum = sum.wrapping_sub(w.into())),
        // Products of 16 bits are cheaper than those of 32.
        -32768..=32767 => sums
            .iter_mut()
            .zip(weights)
            .for_each(|(sum, &w)| *sum = sum.wrapping_add(i32::from(payload as i16) * i32::from(w))),
        _ => sums
            .iter_mut()
            .zip(weights)
            .for_each(|(sum, &w)| *sum = sum.wrapping_add(payload.wrapping_mul(w.into()))),
    }
}

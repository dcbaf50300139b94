//! Synapses of convolutions and dense layers, driven by events.
//!
//! An event of input channel `c` at position `(y, x)` adds one contiguous row of weights, all output channels, to each
//! output position that a tap reaches. Two things make this fast. Events of one position are summed first, as rows of
//! i16 over all taps at once (a bound on the sum of their magnitudes keeps i16 exact), and only the sum is widened and
//! added to the i32 accumulators. And taps are stored by *phase*: with stride `s`, a position reaches only taps with
//! `k · dilation ≡ position + padding (mod s)`; these lie together, in the order of the outputs they reach.

use std::collections::BTreeMap;

use super::{events::Events, synapse_kernel, tensors::Parameters};
use crate::{
    artifact::{ArtifactError, program::OpKind},
    window::Window,
};

/// Consecutive taps of one input row or column, which reach consecutive output rows or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First tap, counted within the phase.
    pub(super) tap: u32,
    /// Output row or column that it reaches.
    pub(super) output: u32,
    /// Number of taps.
    pub(super) length: u32,
}

/// Which taps each row (or column) of the input reaches outputs with.
#[derive(Debug)]
pub(super) struct Axis {
    /// Runs of all input positions, one position after the other.
    runs: Vec<Run>,
    /// For each input position: where its runs end, how many taps they have, and its phase.
    positions: Vec<(u32, u32, u32)>,
    /// Kernel taps of each phase, in the order of the outputs they reach.
    phases: Vec<Vec<usize>>,
}

impl Axis {
    /// Sorts the taps of a window. With `merge`, consecutive ones become one run.
    fn new(window: &Window, input: usize, output: usize, kernel: usize, merge: bool) -> Self {
        let mut by_phase: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for tap in (0..kernel).rev() {
            by_phase.entry(window.tap_phase(tap)).or_default().push(tap);
        }
        let mut place = vec![(0, 0); kernel];
        for (phase, taps) in by_phase.values().enumerate() {
            for (rank, &tap) in taps.iter().enumerate() {
                place[tap] = (phase, rank);
            }
        }
        let mut reached: Vec<Vec<(usize, usize)>> = vec![vec![]; input];
        for o in 0..output {
            for k in window.taps(o) {
                if let Some(list) = window.input_of(o, k).and_then(|i| reached.get_mut(i)) {
                    list.push((k, o));
                }
            }
        }
        let mut axis = Self { runs: vec![], positions: vec![], phases: by_phase.into_values().collect() };
        for list in reached {
            let first = axis.runs.len();
            for &(k, o) in &list {
                let run = Run { tap: place[k].1 as u32, output: o as u32, length: 1 };
                match axis.runs.get_mut(first..).and_then(<[Run]>::last_mut) {
                    Some(last)
                        if merge
                            && last.tap + last.length == run.tap
                            && last.output + last.length == run.output =>
                    {
                        last.length += 1;
                    }
                    _ => axis.runs.push(run),
                }
            }
            let phase = list.first().map_or(0, |&(k, _)| place[k].0);
            axis.positions.push((axis.runs.len() as u32, list.len() as u32, phase as u32));
        }
        axis
    }

    /// Number of phases.
    #[inline(always)]
    pub(super) fn phase_count(&self) -> usize {
        self.phases.len()
    }

    /// Runs of an input position, their number of taps, and its phase.
    #[inline(always)]
    pub(super) fn at(&self, position: usize) -> (&[Run], u64, usize) {
        let start = position.checked_sub(1).and_then(|before| self.positions.get(before)).map_or(0, |p| p.0);
        let Some(&(end, taps, phase)) = self.positions.get(position) else { return (&[], 0, 0) };
        (self.runs.get(start as usize..end as usize).unwrap_or_default(), u64::from(taps), phase as usize)
    }
}

/// Where the taps of a pair of phases lie in the weights of an input channel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    /// First element.
    pub(super) start: usize,
    /// Number of elements.
    pub(super) length: usize,
    /// Elements of one row of taps.
    pub(super) row: usize,
}

/// The synapses of a convolution or dense layer.
#[derive(Debug)]
pub(super) struct Synapses {
    pub(super) rows: Axis,
    pub(super) columns: Axis,
    /// One block for each row phase and column phase.
    pub(super) blocks: Vec<Block>,
    /// `[input channel][taps, by block][output channel of the group]`.
    pub(super) weights: Vec<i16>,
    /// Elements of one input channel in `weights`.
    pub(super) channel_stride: usize,
    pub(super) groups: usize,
    pub(super) inputs_per_group: usize,
    pub(super) outputs_per_group: usize,
    pub(super) input_width: usize,
    pub(super) output_width: usize,
    /// Largest sum of event magnitudes whose weighted sum surely fits i16.
    pub(super) budget: u32,
}

impl Synapses {
    /// Synapses of a checked convolution or dense layer; `None` if the op is another one.
    pub(super) fn new(
        kind: &OpKind,
        input: &[usize],
        output: &[usize],
        parameters: &Parameters<'_>,
    ) -> Result<Option<Self>, ArtifactError> {
        match (kind, input, output) {
            (OpKind::Linear { weight }, &[features], &[outputs]) => {
                let taps = [(Window::new(1, 1, 1, 0, 1), 1, 1, 1); 2];
                Self::build(&parameters.weights(weight)?, taps, [features, outputs, 1]).map(Some)
            }
            (OpKind::Conv2d { weight, stride, padding, dilation, groups }, &[c, h, w], &[o, oh, ow]) => {
                let &[_, _, kh, kw] = parameters.tensor(weight)?.shape() else { return Ok(None) };
                let taps = [
                    (Window::new(h, kh, stride[0], padding[0], dilation[0]), h, oh, kh),
                    (Window::new(w, kw, stride[1], padding[1], dilation[1]), w, ow, kw),
                ];
                Self::build(&parameters.weights(weight)?, taps, [c, o, *groups]).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Rearranges weights `[O, I / groups, KH, KW]`; an axis is its window, input, output and kernel size.
    fn build(
        weights: &[i16],
        [rows, columns]: [(Option<Window>, usize, usize, usize); 2],
        [inputs, outputs, groups]: [usize; 3],
    ) -> Result<Self, ArtifactError> {
        let (Some(row_window), Some(column_window)) = (rows.0, columns.0) else {
            return Err(ArtifactError::invalid("conv2d", "its window is out of range"));
        };
        let (kh, kw) = (rows.3, columns.3);
        let (input_width, output_width) = (columns.1, columns.2);
        let rows = Axis::new(&row_window, rows.1, rows.2, kh, false);
        let columns = Axis::new(&column_window, columns.1, columns.2, kw, groups == 1);
        let (inputs_per_group, outputs_per_group) = (inputs / groups, outputs / groups);

        let mut blocks = vec![];
        let mut taps = vec![];
        for row_taps in &rows.phases {
            for column_taps in &columns.phases {
                let length = row_taps.len() * column_taps.len() * outputs_per_group;
                let start = taps.len() * outputs_per_group;
                blocks.push(Block { start, length, row: column_taps.len() * outputs_per_group });
                taps.extend(row_taps.iter().flat_map(|&ky| column_taps.iter().map(move |&kx| ky * kw + kx)));
            }
        }
        let channel_stride = taps.len() * outputs_per_group;
        let mut rearranged = Vec::with_capacity(inputs * channel_stride);
        for input in 0..inputs {
            let (group, within) = (input / inputs_per_group, input % inputs_per_group);
            for &tap in &taps {
                rearranged.extend((0..outputs_per_group).map(|o| {
                    let output = group * outputs_per_group + o;
                    let index = (output * inputs_per_group + within) * kh * kw + tap;
                    weights.get(index).copied().unwrap_or_default()
                }));
            }
        }
        let largest = weights.iter().map(|weight| u32::from(weight.unsigned_abs())).max().unwrap_or_default();
        Ok(Self {
            rows,
            columns,
            blocks,
            weights: rearranged,
            channel_stride,
            groups,
            inputs_per_group,
            outputs_per_group,
            input_width,
            output_width,
            budget: (i16::MAX as u32) / largest.max(1),
        })
    }

    /// Elements of scratch memory that [`Synapses::run`] needs.
    pub(super) fn scratch(&self) -> usize {
        self.blocks.iter().map(|block| block.length).max().unwrap_or_default()
    }

    /// Adds what events send to an accumulator; returns the number of synaptic operations.
    pub(super) fn run(&self, events: &Events, accumulator: &mut [i32], scratch: &mut [i16]) -> u64 {
        if events.is_empty() { 0 } else { synapse_kernel::run(self, events, accumulator, scratch) }
    }
}

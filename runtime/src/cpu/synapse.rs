//! Synapses of convolutions and dense layers, driven by events.
//!
//! An event of input channel `c` at position `(z, y, x)` adds one contiguous row of weights, all output channels, to each
//! output position that a tap reaches. Two things make this fast. Events of one position are summed first, as rows of
//! i16 over all taps at once (a bound on the sum of their magnitudes keeps i16 exact), and only the sum is widened and
//! added to the i32 accumulators. And taps are stored by *phase*: with stride `s`, a position reaches only taps with
//! `k · dilation ≡ position + padding (mod s)`; these lie together, in the order of the outputs they reach. In a transposed
//! convolution a position reaches all taps. Where there are fewer than three spatial axes, the first ones have size 1.

use std::collections::BTreeMap;

use super::{events::Events, synapse_kernel, tensors::Parameters};
use crate::{
    artifact::{ArtifactError, program::OpKind},
    window::Window,
};

/// Consecutive taps of one input plane, row or column, which reach consecutive output planes, rows or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First tap, counted within the phase.
    pub(super) tap: u32,
    /// Output plane, row or column that it reaches.
    pub(super) output: u32,
    /// Number of taps.
    pub(super) length: u32,
}

/// One spatial axis of a convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    transposed: bool,
}

impl Geometry {
    /// An axis of size 1.
    const SINGLE: Self =
        Self { input: 1, output: 1, kernel: 1, stride: 1, padding: 0, dilation: 1, transposed: false };
}

/// Which taps each plane (or row, or column) of the input reaches outputs with.
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
    /// Sorts the taps of an axis. With `merge`, consecutive ones become one run.
    fn new(geometry: &Geometry, merge: bool) -> Option<Self> {
        let &Geometry { input, output, kernel, stride, padding, dilation, transposed } = geometry;
        let mut place = vec![(0, 0); kernel];
        let mut reached: Vec<Vec<(usize, usize)>> = vec![vec![]; input];
        let phases = if transposed {
            // The taps of an input are those of a window over the output.
            let window = Window::new(output, kernel, stride, padding, dilation)?;
            place.iter_mut().enumerate().for_each(|(tap, place)| *place = (0, tap));
            for (i, list) in reached.iter_mut().enumerate() {
                list.extend(window.taps(i).filter_map(|k| Some((k, window.input_of(i, k)?))));
            }
            vec![(0..kernel).collect()]
        } else {
            let window = Window::new(input, kernel, stride, padding, dilation)?;
            let mut by_phase: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for tap in (0..kernel).rev() {
                by_phase.entry(window.tap_phase(tap)).or_default().push(tap);
            }
            for (phase, taps) in by_phase.values().enumerate() {
                for (rank, &tap) in taps.iter().enumerate() {
                    place[tap] = (phase, rank);
                }
            }
            for o in 0..output {
                for k in window.taps(o) {
                    if let Some(list) = window.input_of(o, k).and_then(|i| reached.get_mut(i)) {
                        list.push((k, o));
                    }
                }
            }
            by_phase.into_values().collect()
        };
        let mut axis = Self { runs: vec![], positions: vec![], phases };
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
        Some(axis)
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
    /// Elements of one plane of taps.
    pub(super) plane: usize,
    /// Elements of one row of taps.
    pub(super) row: usize,
}

/// The synapses of a convolution or dense layer.
#[derive(Debug)]
pub(super) struct Synapses {
    pub(super) planes: Axis,
    pub(super) rows: Axis,
    pub(super) columns: Axis,
    /// One block for each phase of plane, row and column.
    pub(super) blocks: Vec<Block>,
    /// `[input channel][taps, by block][output channel of the group]`.
    pub(super) weights: Vec<i16>,
    /// Elements of one input channel in `weights`.
    pub(super) channel_stride: usize,
    pub(super) groups: usize,
    pub(super) inputs_per_group: usize,
    pub(super) outputs_per_group: usize,
    /// Rows and columns of the input and of the output.
    pub(super) input_plane: [usize; 2],
    pub(super) output_plane: [usize; 2],
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
        let mut axes = [Geometry::SINGLE; 3];
        match (kind, input, output) {
            (OpKind::Linear { weight }, &[features], &[outputs]) => {
                Self::build(&parameters.weights(weight)?, axes, [features, outputs, 1]).map(Some)
            }
            (
                OpKind::Conv { weight, stride, padding, dilation, groups, transposed },
                &[c, ref from @ ..],
                &[o, ref to @ ..],
            ) => {
                let shape = parameters.tensor(weight)?.shape();
                let sizes = from.iter().zip(to).zip(shape.iter().skip(2));
                let movement = stride.iter().zip(padding).zip(dilation);
                // The last axes are the ones there are.
                let first = axes.len().saturating_sub(from.len());
                for ((axis, ((&input, &output), &kernel)), ((&stride, &padding), &dilation)) in
                    axes.iter_mut().skip(first).zip(sizes).zip(movement)
                {
                    *axis = Geometry {
                        input,
                        output,
                        kernel,
                        stride,
                        padding,
                        dilation,
                        transposed: *transposed,
                    };
                }
                Self::build(&parameters.weights(weight)?, axes, [c, o, *groups]).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Rearranges weights `[O, I / groups, KD, KH, KW]`.
    fn build(
        weights: &[i16],
        axes: [Geometry; 3],
        [inputs, outputs, groups]: [usize; 3],
    ) -> Result<Self, ArtifactError> {
        let [_, kh, kw] = axes.map(|axis| axis.kernel);
        let taps_of_channel: usize = axes.iter().map(|axis| axis.kernel).product();
        let plane = |size: fn(&Geometry) -> usize| [size(&axes[1]), size(&axes[2])];
        let (input_plane, output_plane) = (plane(|axis| axis.input), plane(|axis| axis.output));
        let [planes, rows, columns] = [0, 1, 2].map(|axis| Axis::new(&axes[axis], axis == 2 && groups == 1));
        let (Some(planes), Some(rows), Some(columns)) = (planes, rows, columns) else {
            return Err(ArtifactError::invalid("conv", "its window is out of range"));
        };
        let (inputs_per_group, outputs_per_group) = (inputs / groups, outputs / groups);

        let mut blocks = vec![];
        let mut taps = vec![];
        for plane_taps in &planes.phases {
            for row_taps in &rows.phases {
                for column_taps in &columns.phases {
                    let row = column_taps.len() * outputs_per_group;
                    let plane = row_taps.len() * row;
                    let start = taps.len() * outputs_per_group;
                    blocks.push(Block { start, length: plane_taps.len() * plane, plane, row });
                    for &kz in plane_taps {
                        for &ky in row_taps {
                            taps.extend(column_taps.iter().map(|&kx| (kz * kh + ky) * kw + kx));
                        }
                    }
                }
            }
        }
        let channel_stride = taps.len() * outputs_per_group;
        let mut rearranged = Vec::with_capacity(inputs * channel_stride);
        for input in 0..inputs {
            let (group, within) = (input / inputs_per_group, input % inputs_per_group);
            for &tap in &taps {
                rearranged.extend((0..outputs_per_group).map(|o| {
                    let output = group * outputs_per_group + o;
                    let index = (output * inputs_per_group + within) * taps_of_channel + tap;
                    weights.get(index).copied().unwrap_or_default()
                }));
            }
        }
        let largest = weights.iter().map(|weight| u32::from(weight.unsigned_abs())).max().unwrap_or_default();
        Ok(Self {
            planes,
            rows,
            columns,
            blocks,
            weights: rearranged,
            channel_stride,
            groups,
            inputs_per_group,
            outputs_per_group,
            input_plane,
            output_plane,
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

//! The inner loop of the engine: weighted rows added up, compiled for several instruction sets.

use multiversion::multiversion;

use super::{
    events::Events,
    synapse::{Block, Run, Synapses},
};

/// Events that are summed in one pass over the scratch row.
const FUSED: usize = 4;

/// Adds what `events` send to `accumulator`; returns the number of synaptic operations.
///
/// Sums wrap: the compiler proves that they stay within i32, and a file that lies about it must not stop the program.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "aarch64+neon"
))]
pub(super) fn run(synapses: &Synapses, events: &Events, accumulator: &mut [i32], scratch: &mut [i16]) -> u64 {
    let per_group = synapses.inputs_per_group as u32;
    let mut operations = 0;
    let (mut indices, mut values) = (events.indices.as_slice(), events.values.as_slice());
    while let Some(&first) = indices.first() {
        let position_and_group = first / per_group;
        let base = position_and_group * per_group;
        let together = indices.iter().take_while(|&&index| index.wrapping_sub(base) < per_group).count();
        let (run_indices, rest_indices) = indices.split_at(together);
        let (run_values, rest_values) = values.split_at(together);
        (indices, values) = (rest_indices, rest_values);

        let position_and_group = position_and_group as usize;
        let (position, group) = if synapses.groups == 1 {
            (position_and_group, 0)
        } else {
            (position_and_group / synapses.groups, position_and_group % synapses.groups)
        };
        let [height, width] = synapses.input_plane;
        let row = position / width;
        let (plane_runs, plane_taps, plane_phase) = synapses.planes.at(row / height);
        let (row_runs, row_taps, row_phase) = synapses.rows.at(row % height);
        let (column_runs, column_taps, column_phase) = synapses.columns.at(position % width);
        let phase = (plane_phase * synapses.rows.phase_count() + row_phase) * synapses.columns.phase_count()
            + column_phase;
        let block = synapses.blocks.get(phase).copied().unwrap_or_default();
        operations += plane_taps * row_taps * column_taps * (synapses.outputs_per_group * together) as u64;
        if plane_runs.is_empty() || row_runs.is_empty() || column_runs.is_empty() {
            continue;
        }
        let target = Target { synapses, plane_runs, row_runs, column_runs, block, group };
        if let (&[index], &[value]) = (run_indices, run_values) {
            target.add_scaled(accumulator, target.weights(index, base), value);
        } else {
            target.add_bundle(accumulator, scratch, base, run_indices, run_values);
        }
    }
    operations
}

/// Where the events of one position go.
struct Target<'a> {
    synapses: &'a Synapses,
    plane_runs: &'a [Run],
    row_runs: &'a [Run],
    column_runs: &'a [Run],
    block: Block,
    group: usize,
}

impl<'a> Target<'a> {
    /// Weights of an event's input channel.
    #[inline(always)]
    fn weights(&self, index: u32, base: u32) -> &'a [i16] {
        let channel = self.group * self.synapses.inputs_per_group + (index - base) as usize;
        let start = channel * self.synapses.channel_stride + self.block.start;
        self.synapses.weights.get(start..start + self.block.length).unwrap_or_default()
    }

    /// Adds the events of one position, summed in i16 as far as that is surely exact.
    #[inline(always)]
    fn add_bundle(
        &self,
        accumulator: &mut [i32],
        scratch: &mut [i16],
        base: u32,
        mut indices: &[u32],
        mut values: &[i32],
    ) {
        let scratch = &mut scratch[..self.block.length];
        let budget = self.synapses.budget;
        let mut used = 0u32;
        while let (Some(index), Some(value)) = (indices.first(), values.first()) {
            let fused = indices.first_chunk::<FUSED>().zip(values.first_chunk::<FUSED>());
            let fused = fused.map(|(indices, values)| {
                let cost = values.iter().fold(used, |cost, value| cost.saturating_add(value.unsigned_abs()));
                (indices, values, cost)
            });
            if let Some((four_indices, four_values, cost)) = fused.filter(|fused| fused.2 <= budget) {
                let rows = four_indices.map(|index| self.weights(index, base));
                let factors = four_values.map(|value| value as i16);
                sum(scratch, rows, factors, used == 0);
                used = cost;
                (indices, values) = (&indices[FUSED..], &values[FUSED..]);
                continue;
            }
            let cost = used.saturating_add(value.unsigned_abs());
            if cost <= budget {
                sum(scratch, [self.weights(*index, base)], [*value as i16], used == 0);
                used = cost;
            } else if used > 0 {
                self.add(accumulator, scratch);
                used = 0;
                continue;
            } else {
                self.add_scaled(accumulator, self.weights(*index, base), *value);
            }
            (indices, values) = (&indices[1..], &values[1..]);
        }
        if used > 0 {
            self.add(accumulator, scratch);
        }
    }

    /// Adds a block of sums to the accumulators.
    #[inline(always)]
    fn add(&self, accumulator: &mut [i32], block: &[i16]) {
        self.for_each_row(accumulator, block, |accumulators, row| {
            for (accumulator, &sum) in accumulators.iter_mut().zip(row) {
                *accumulator = accumulator.wrapping_add(i32::from(sum));
            }
        });
    }

    /// Adds a block of weights, times the value of one event, to the accumulators.
    #[inline(always)]
    fn add_scaled(&self, accumulator: &mut [i32], block: &[i16], value: i32) {
        if value == 1 {
            return self.add(accumulator, block);
        }
        self.for_each_row(accumulator, block, |accumulators, row| {
            for (accumulator, &weight) in accumulators.iter_mut().zip(row) {
                *accumulator = accumulator.wrapping_add(i32::from(weight).wrapping_mul(value));
            }
        });
    }

    /// Pairs each contiguous piece of the block with the accumulators that it reaches.
    #[inline(always)]
    fn for_each_row(&self, accumulator: &mut [i32], block: &[i16], add: impl Fn(&mut [i32], &[i16])) {
        let outputs = self.synapses.outputs_per_group;
        let [height, width] = self.synapses.output_plane;
        for plane in self.plane_runs {
            for row in self.row_runs {
                let row_weights = plane.tap as usize * self.block.plane + row.tap as usize * self.block.row;
                let row_outputs = (plane.output as usize * height + row.output as usize) * width;
                for column in self.column_runs {
                    let length = column.length as usize * outputs;
                    let source = row_weights + column.tap as usize * outputs;
                    let position = row_outputs + column.output as usize;
                    let target = (position * self.synapses.groups + self.group) * outputs;
                    if let (Some(accumulators), Some(row)) =
                        (accumulator.get_mut(target..target + length), block.get(source..source + length))
                    {
                        add(accumulators, row);
                    }
                }
            }
        }
    }
}

/// Sums weighted rows into `sums`, or adds them to what is there.
#[inline(always)]
fn sum<const N: usize>(sums: &mut [i16], rows: [&[i16]; N], factors: [i16; N], first: bool) {
    let length = sums.len();
    let rows = rows.map(|row| &row[..length.min(row.len())]);
    if rows.iter().any(|row| row.len() != length) {
        return;
    }
    for index in 0..length {
        let mut total = if first { 0 } else { sums[index] };
        for (row, factor) in rows.iter().zip(factors) {
            total = total.wrapping_add(row[index].wrapping_mul(factor));
        }
        sums[index] = total;
    }
}

//! Pools: sums over windows, and differences of maxima.

use super::{events::Events, tensors::Parameters};
use crate::{
    artifact::{ArtifactError, program::OpKind},
    window::Window,
};

/// Lists of indices, one list for each position of an axis.
#[derive(Debug)]
struct Lists {
    entries: Vec<u32>,
    ends: Vec<u32>,
}

impl Lists {
    fn from_vecs(lists: Vec<Vec<u32>>) -> Self {
        let mut all = Self { entries: vec![], ends: vec![] };
        for list in lists {
            all.entries.extend(list);
            all.ends.push(all.entries.len() as u32);
        }
        all
    }

    /// Inputs that each output reads.
    fn inputs(window: &Window, output: usize) -> Self {
        let list = |o| window.taps(o).filter_map(|k| window.input_of(o, k)).map(|i| i as u32).collect();
        Self::from_vecs((0..output).map(list).collect())
    }

    /// The same relation from the other side: the lists that name each of `count` indices.
    fn inverse(&self, count: usize) -> Self {
        let mut lists = vec![vec![]; count];
        for position in 0..self.ends.len() {
            for &index in self.at(position) {
                if let Some(list) = lists.get_mut(index as usize) {
                    list.push(position as u32);
                }
            }
        }
        Self::from_vecs(lists)
    }

    #[inline(always)]
    fn at(&self, position: usize) -> &[u32] {
        let start = position.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(position).copied().unwrap_or(start);
        self.entries.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Splits an index of a channel-last image into row, column and channel.
#[inline(always)]
fn split(index: usize, width: usize, channels: usize) -> (usize, usize, usize) {
    let position = index / channels;
    (position / width, position % width, index % channels)
}

/// A sum pool.
#[derive(Debug)]
pub(super) struct SumPool {
    /// Output rows that each input row adds to.
    rows: Lists,
    columns: Lists,
    /// Factor of each output position.
    factors: Option<Vec<i32>>,
    channels: usize,
    input_width: usize,
    output_width: usize,
}

impl SumPool {
    /// The pool of a checked op; `None` if the op is another one.
    pub(super) fn new(
        kind: &OpKind,
        input: &[usize],
        output: &[usize],
        parameters: &Parameters<'_>,
    ) -> Result<Option<Self>, ArtifactError> {
        let (&[channels, h, w], &[_, _, ow]) = (input, output) else { return Ok(None) };
        let OpKind::SumPool2d { rows, columns, multiplier } = kind else { return Ok(None) };
        let lists = |bins: &[[usize; 2]]| {
            Lists::from_vecs(bins.iter().map(|&[start, end]| (start as u32..end as u32).collect()).collect())
        };
        let factors = multiplier.as_ref().map(|name| parameters.values(name)).transpose()?;
        let (rows, columns) = (lists(rows).inverse(h), lists(columns).inverse(w));
        Ok(Some(Self { rows, columns, factors, channels, input_width: w, output_width: ow }))
    }

    /// Adds events to the sums of their windows; returns whether there was an event.
    pub(super) fn run(&self, events: &Events, sums: &mut [i32]) -> bool {
        for (index, value) in events.iter() {
            let (y, x, channel) = split(index, self.input_width, self.channels);
            for &row in self.rows.at(y) {
                for &column in self.columns.at(x) {
                    let position = row as usize * self.output_width + column as usize;
                    let factor = match &self.factors {
                        Some(factors) => factors.get(position).copied().unwrap_or_default(),
                        None => 1,
                    };
                    if let Some(sum) = sums.get_mut(position * self.channels + channel) {
                        *sum = sum.wrapping_add(value.wrapping_mul(factor));
                    }
                }
            }
        }
        !events.is_empty()
    }
}

/// A max pool.
#[derive(Debug)]
pub(super) struct MaxPool {
    /// Input rows that each output row reads, and the other way round.
    rows: Lists,
    columns: Lists,
    rows_of_input: Lists,
    columns_of_input: Lists,
    channels: usize,
    input_width: usize,
    output_width: usize,
}

/// What a max pool remembers.
#[derive(Clone, Debug)]
pub(super) struct MaxPoolState {
    /// Running sum of the events of each input element.
    sums: Vec<i32>,
    /// Maximum of each window.
    maxima: Vec<i32>,
    /// Output positions one of whose inputs changed in this step; all false between steps.
    changed: Vec<bool>,
    /// New maxima, then differences, of one output position.
    row: Vec<i32>,
}

impl MaxPoolState {
    pub(super) fn reset(&mut self) {
        self.sums.fill(0);
        self.maxima.fill(0);
    }
}

impl MaxPool {
    /// The pool of a checked op; `None` if the op is another one.
    pub(super) fn new(kind: &OpKind, input: &[usize], output: &[usize]) -> Option<Self> {
        let (&[channels, h, w], &[_, oh, ow]) = (input, output) else { return None };
        let OpKind::MaxPool2d { kernel, stride, padding, dilation } = kind else { return None };
        let row_window = Window::new(h, kernel[0], stride[0], padding[0], dilation[0])?;
        let column_window = Window::new(w, kernel[1], stride[1], padding[1], dilation[1])?;
        let (rows, columns) = (Lists::inputs(&row_window, oh), Lists::inputs(&column_window, ow));
        let (rows_of_input, columns_of_input) = (rows.inverse(h), columns.inverse(w));
        Some(Self {
            rows,
            columns,
            rows_of_input,
            columns_of_input,
            channels,
            input_width: w,
            output_width: ow,
        })
    }

    /// The state before the first step.
    pub(super) fn state(&self, inputs: usize, outputs: usize) -> MaxPoolState {
        MaxPoolState {
            sums: vec![0; inputs],
            maxima: vec![0; outputs],
            changed: vec![false; outputs / self.channels],
            row: vec![0; self.channels],
        }
    }

    /// Sends what the maxima changed by.
    pub(super) fn run(&self, events: &Events, state: &mut MaxPoolState, sent: &mut Events) {
        sent.clear();
        if events.is_empty() {
            return;
        }
        let mut last_position = usize::MAX;
        for (index, value) in events.iter() {
            if let Some(sum) = state.sums.get_mut(index) {
                *sum = sum.wrapping_add(value);
            }
            let position = index / self.channels;
            if position == last_position {
                continue;
            }
            last_position = position;
            for &row in self.rows_of_input.at(position / self.input_width) {
                for &column in self.columns_of_input.at(position % self.input_width) {
                    let output = row as usize * self.output_width + column as usize;
                    if let Some(changed) = state.changed.get_mut(output) {
                        *changed = true;
                    }
                }
            }
        }
        for output in 0..state.changed.len() {
            if std::mem::take(&mut state.changed[output]) {
                self.update(output, state, sent);
            }
        }
    }

    /// Computes the maxima of one output position again.
    fn update(&self, output: usize, state: &mut MaxPoolState, sent: &mut Events) {
        let MaxPoolState { sums, maxima, row: new, .. } = state;
        new.fill(i32::MIN);
        for &y in self.rows.at(output / self.output_width) {
            for &x in self.columns.at(output % self.output_width) {
                let start = (y as usize * self.input_width + x as usize) * self.channels;
                for (new, &sum) in new.iter_mut().zip(sums.get(start..).unwrap_or_default()) {
                    *new = sum.max(*new);
                }
            }
        }
        let start = output * self.channels;
        let Some(maxima) = maxima.get_mut(start..start + self.channels) else { return };
        for (new, maximum) in new.iter_mut().zip(maxima) {
            let difference = new.wrapping_sub(*maximum);
            *maximum = *new;
            *new = difference;
        }
        for (chunk_index, chunk) in new.chunks(super::layout::CHUNK).enumerate() {
            sent.push_chunk(start + chunk_index * super::layout::CHUNK, chunk);
        }
    }
}

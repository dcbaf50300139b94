//! Neurons that follow a table of their membrane.

use super::{
    events::Events,
    layout::{CHUNK, Layout},
};

/// The tables of a layer, one a channel.
#[derive(Debug)]
pub(super) struct Tables {
    layout: Layout,
    /// Breakpoints of a channel.
    length: usize,
    /// `[C, length]`
    breakpoints: Vec<i32>,
    /// `[C, length + 1]`: the level below the first breakpoint, between the first and the second, and so on.
    levels: Vec<i32>,
}

impl Tables {
    /// Tables from checked tensors.
    pub(super) fn new(layout: Layout, breakpoints: Vec<i32>, steps: &[i8], start: &[i32]) -> Self {
        let length = breakpoints.len() / layout.channels;
        let mut levels = Vec::with_capacity(breakpoints.len() + start.len());
        for (row, &start) in steps.chunks(length.max(1)).zip(start) {
            levels.push(start);
            levels.extend(row.iter().scan(start, |level, &step| {
                *level += i32::from(step);
                Some(*level)
            }));
        }
        Self { layout, length, breakpoints, levels }
    }

    /// Moves every tracer to the level of its membrane if `graded`, else one level towards it.
    pub(super) fn fire(&self, membranes: &[i32], tracers: &mut [i32], graded: bool, sent: &mut Events) {
        for (index, (membranes, tracers)) in
            membranes.chunks(CHUNK).zip(tracers.chunks_mut(CHUNK)).enumerate()
        {
            let start = index * CHUNK;
            let mut spikes = [0i32; CHUNK];
            let mut any = 0;
            for (offset, ((&membrane, tracer), spike)) in
                membranes.iter().zip(tracers).zip(&mut spikes).enumerate()
            {
                let target = self.level_of(start + offset, membrane);
                *spike = if graded {
                    target - *tracer
                } else {
                    i32::from(target > *tracer) - i32::from(target < *tracer)
                };
                *tracer += *spike;
                any |= *spike;
            }
            if any != 0 {
                sent.push_chunk(start, &spikes);
            }
        }
    }

    /// The level that a neuron follows at a membrane.
    pub(super) fn level_of(&self, neuron: usize, membrane: i32) -> i32 {
        self.level(self.layout.channel_of(neuron), membrane)
    }

    fn level(&self, channel: usize, membrane: i32) -> i32 {
        let row = channel * self.length..(channel + 1) * self.length;
        let breakpoints = self.breakpoints.get(row).unwrap_or_default();
        let passed = breakpoints.partition_point(|&breakpoint| breakpoint <= membrane);
        self.levels.get(channel * (self.length + 1) + passed).copied().unwrap_or_default()
    }
}

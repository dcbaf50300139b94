//! The dense pass over a layer of neurons, compiled for several instruction sets.

use multiversion::multiversion;

use super::{
    events::Events,
    layout::{CHUNK, Pattern},
};

/// Fires `st-bif` neurons; `range` is that of the tracer.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn st_bif(
    membranes: &mut [i32],
    tracers: &mut [i32],
    threshold: &Pattern,
    range: (i32, i32),
    sent: &mut Events,
) {
    let (low, high) = range;
    let chunks = membranes.chunks_mut(CHUNK).zip(tracers.chunks_mut(CHUNK)).enumerate();
    for (index, (membranes, tracers)) in chunks {
        let start = index * CHUNK;
        let threshold = threshold.chunk(start, membranes.len());
        let mut spikes = [0i32; CHUNK];
        let mut any = 0;
        let neurons = membranes.iter_mut().zip(tracers).zip(threshold).zip(&mut spikes);
        for (((membrane, tracer), &threshold), spike) in neurons {
            let up = (*membrane >= threshold) & (*tracer < high);
            let down = !up & (*membrane < 0) & (*tracer > low);
            let charge = if up { threshold } else { 0 } - if down { threshold } else { 0 };
            *spike = i32::from(up) - i32::from(down);
            *membrane = membrane.wrapping_sub(charge);
            *tracer += *spike;
            any |= *spike;
        }
        if any != 0 {
            sent.push_chunk(start, &spikes);
        }
    }
}

/// Fires unsigned neurons, after adding a bias if there is one.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn fire(membranes: &mut [i32], threshold: &Pattern, bias: Option<&Pattern>, sent: &mut Events) {
    for (index, membranes) in membranes.chunks_mut(CHUNK).enumerate() {
        let start = index * CHUNK;
        if let Some(bias) = bias {
            let bias = bias.chunk(start, membranes.len());
            for (membrane, &bias) in membranes.iter_mut().zip(bias) {
                *membrane = membrane.wrapping_add(bias);
            }
        }
        let threshold = threshold.chunk(start, membranes.len());
        let mut spikes = [0i32; CHUNK];
        let mut any = 0;
        for ((membrane, &threshold), spike) in membranes.iter_mut().zip(threshold).zip(&mut spikes) {
            let fires = *membrane >= threshold;
            *spike = i32::from(fires);
            *membrane = membrane.wrapping_sub(if fires { threshold } else { 0 });
            any |= *spike;
        }
        if any != 0 {
            sent.push_chunk(start, &spikes);
        }
    }
}

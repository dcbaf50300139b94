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

/// Sends by how much the level of each `sigma-delta` neuron has changed; `range` is that of the level.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn sigma_delta(
    membranes: &[i32],
    tracers: &mut [i32],
    threshold: &Pattern,
    range: (i32, i32),
    sent: &mut Events,
) {
    let (low, high) = (f64::from(range.0), f64::from(range.1));
    let chunks = membranes.chunks(CHUNK).zip(tracers.chunks_mut(CHUNK)).enumerate();
    for (index, (membranes, tracers)) in chunks {
        let start = index * CHUNK;
        let threshold = threshold.chunk(start, membranes.len());
        let mut events = [0i32; CHUNK];
        let mut any = 0;
        let neurons = membranes.iter().zip(tracers).zip(threshold).zip(&mut events);
        for (((&membrane, tracer), &threshold), event) in neurons {
            let level = floored_quotient(membrane, threshold).max(low).min(high) as i32;
            *event = level.wrapping_sub(*tracer);
            *tracer = level;
            any |= *event;
        }
        if any != 0 {
            sent.push_chunk(start, &events);
        }
    }
}

/// `floor(dividend / divisor)` for a positive divisor, exactly, in an operation that processors have for whole vectors.
///
/// With `n` and `d` the numbers, both are exact as f64. Where `d` divides `n` the quotient is exact too. Elsewhere it lies at least
/// `1/d` from every integer, and rounding moves it by at most `2⁻⁵³ · |n|/d ≤ 2⁻²²/d`: not past one.
#[inline(always)]
fn floored_quotient(dividend: i32, divisor: i32) -> f64 {
    (f64::from(dividend) / f64::from(divisor)).floor()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cpu::layout::Layout;

    const LIMITS: [i32; 9] = [i32::MIN, i32::MIN + 1, -2, -1, 0, 1, 2, i32::MAX - 1, i32::MAX];

    /// What the kernel sends from silence, by an integer division.
    fn expected(membrane: i32, threshold: i32, (low, high): (i32, i32)) -> i32 {
        membrane.div_euclid(threshold).clamp(low, high)
    }

    /// Every neuron of a layer, with a threshold of its own, sends the change of its level and keeps that.
    fn check(neurons: &[(i32, i32)], range: (i32, i32), before: i32) {
        let membranes = neurons.iter().map(|neuron| neuron.0).collect::<Vec<_>>();
        let thresholds = neurons.iter().map(|neuron| neuron.1).collect::<Vec<_>>();
        let pattern = Pattern::new(&thresholds, Layout::new(&[neurons.len()]));
        let mut tracers = vec![before; neurons.len()];
        let mut sent = Events::default();
        sigma_delta(&membranes, &mut tracers, &pattern, range, &mut sent);
        let levels = neurons.iter().map(|&(membrane, threshold)| expected(membrane, threshold, range));
        let levels = levels.collect::<Vec<_>>();
        assert_eq!(tracers, levels, "{neurons:?}");
        let changes = levels.iter().map(|level| level - before).enumerate().filter(|change| change.1 != 0);
        assert_eq!(sent.iter().collect::<Vec<_>>(), changes.collect::<Vec<_>>());
    }

    #[test]
    fn quotients_at_the_ends_of_i32_and_around_multiples_are_exact() {
        let mut neurons = vec![];
        for threshold in [1, 2, 3, 7, 46_341, 65_535, 65_536, 1 << 30, (1 << 30) + 1, i32::MAX - 1, i32::MAX]
        {
            for factor in [-46_341i64, -3, -1, 0, 1, 2, 255, 46_340, 1 << 24] {
                let multiple = factor * i64::from(threshold);
                let around = (-1..=1).filter_map(|offset| i32::try_from(multiple + offset).ok());
                neurons.extend(around.chain(LIMITS).map(|membrane| (membrane, threshold)));
            }
        }
        check(&neurons, (i32::MIN, i32::MAX), 0);
        check(&neurons, (-255, 255), 17);
        check(&neurons, (0, 0), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn quotients_are_exact(
            neurons in prop::collection::vec(
                (
                    prop_oneof![any::<i32>(), -5000..5000, (0..9usize).prop_map(|index| LIMITS[index])],
                    prop_oneof![1..=i32::MAX, 1..5000, (0..31u32).prop_map(|bit| 1 << bit)],
                ),
                1..200,
            ),
            low in -300..=0,
            high in 0..=300,
        ) {
            check(&neurons, (low, high), (low + high) / 2);
            check(&neurons, (i32::MIN, i32::MAX), 0);
        }

        /// Products and their neighbours, where a quotient that is rounded wrongly shows.
        #[test]
        fn quotients_next_to_integers_are_exact(
            neurons in prop::collection::vec((1..=i32::MAX, any::<i32>(), -1..=1i64), 1..200),
        ) {
            let near = |(threshold, seed, offset): (i32, i32, i64)| {
                let multiple = i64::from(seed) / i64::from(threshold) * i64::from(threshold) + offset;
                (multiple.clamp(i32::MIN.into(), i32::MAX.into()) as i32, threshold)
            };
            let neurons = neurons.into_iter().map(near).collect::<Vec<_>>();
            check(&neurons, (i32::MIN, i32::MAX), 0);
        }
    }
}

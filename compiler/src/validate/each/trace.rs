//! A network run op by op, with some of its values replaced.

use crate::interpret::{InterpretError, Network, Sample};
use std::collections::BTreeMap;

/// What a network computed of one sample.
pub(super) struct Trace {
    /// Every value as its readers saw it, by its number.
    pub values: Vec<Sample>,
    /// What the ops computed whose results were replaced, by op.
    pub replaced: BTreeMap<usize, Sample>,
}

/// Runs `network` on `input`; readers of the ops in `replace` see what stands there.
///
/// # Errors
///
/// If an op cannot be run on what it gets.
pub(super) fn run(
    network: &Network,
    input: &Sample,
    replace: &BTreeMap<usize, Sample>,
) -> Result<Trace, InterpretError> {
    let mut values = vec![Sample::zeros(vec![0]); network.value_count()];
    values[0] = input.as_standard_layout().into_owned();
    let mut replaced = BTreeMap::new();
    for (index, summary) in network.ops().iter().enumerate() {
        let Some(output) = summary.output else { continue };
        let operands = summary.inputs.iter().map(|&input| &values[input]).collect::<Vec<_>>();
        let result = network.evaluate(index, &operands)?;
        values[output] = match replace.get(&index) {
            Some(other) => {
                replaced.insert(index, result);
                other.clone()
            }
            None => result,
        };
    }
    Ok(Trace { values, replaced })
}

/// The index of the channel of each element of a sample with `channels` channels.
pub(super) fn channel(sample: &Sample, channels: usize) -> impl Fn(usize) -> usize + use<> {
    let plane = (sample.len() / channels.max(1)).max(1);
    move |index| (index / plane).min(channels.saturating_sub(1))
}

/// Each element times the factor of its channel.
pub(super) fn scaled(sample: &Sample, factors: &[f64]) -> Sample {
    let channel = channel(sample, factors.len());
    let mut scaled = sample.clone();
    scaled.iter_mut().enumerate().for_each(|(index, x)| *x *= factors[channel(index)]);
    scaled
}

/// One level in so many is not 0, for each probe: all silent, which leaves biases, then so few that layers of any fan-in see a single
/// weight at a time now and then.
const SPARSITY: [u64; 9] = [0, 4, 16, 16, 64, 64, 256, 1024, 4096];

/// How many probes there are.
pub(super) const PROBES: u64 = SPARSITY.len() as u64;

/// Levels of a value of `shape` in [`low`, `high`], most of them silent: the values of a layer in probe `number`.
pub(super) fn probe(number: u64, layer: u64, shape: &[usize], (low, high): (i64, i64)) -> Sample {
    let mut state = number << 32 | layer;
    // splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators")
    let mut next = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let sparsity = SPARSITY.get(number as usize).copied().unwrap_or(0);
    let mut level = || {
        let lit = next().checked_rem(sparsity) == Some(0);
        let (size, sign) = (next(), next() % 2 == 0);
        let negative = (sign || high == 0) && low < 0;
        let reach = if negative { low.unsigned_abs() } else { high.unsigned_abs() };
        if !lit || reach == 0 {
            return 0.0;
        }
        let size = (size % reach + 1) as f64;
        if negative { -size } else { size }
    };
    let count = shape.iter().product::<usize>();
    Sample::from_shape_vec(shape, (0..count).map(|_| level()).collect())
        .unwrap_or_else(|_| Sample::zeros(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_levels_and_most_are_silent() {
        for (low, high) in [(0, 31), (-7, 7), (-3, 0), (0, 1)] {
            for number in 0..PROBES {
                let probe = probe(number, 5, &[64, 32, 32], (low, high));
                assert!(probe.iter().all(|&x| x.fract() == 0.0 && (low as f64..=high as f64).contains(&x)));
                let lit = probe.iter().filter(|&&x| x != 0.0).count();
                assert_eq!(lit == 0, number == 0, "probe {number} of {low}..={high} has {lit} levels");
                assert!(lit <= 64 * 32 * 32 / 3);
            }
        }
        assert_ne!(probe(1, 0, &[999], (0, 9)), probe(1, 1, &[999], (0, 9)));
    }
}

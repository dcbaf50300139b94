//! Convolutions of integers: when f32 is enough, and, for few of them, what each non-zero element adds to the outputs it reaches.
//!
//! Sums of integers are exact in any order as long as they fit, so this gives what the matrix product gives; it is for spikes,
//! most of which are absent.

use multiversion::multiversion;

/// Integers up to here are exact in f32.
const EXACT: f64 = (1_u32 << 24) as f64;

/// One in so many elements may be non-zero for this to be the quicker way.
const SPARSE: usize = 4;

/// The weights of a convolution by input, and which outputs each element of a padded plane reaches.
pub(super) struct Scatter {
    groups: usize,
    /// Elements of a channel of the padded input.
    plane: usize,
    positions: usize,
    group_outputs: usize,
    /// Kernel positions.
    window: usize,
    /// `[group][input channel][kernel position][output channel]`.
    weights: Vec<f32>,
    /// Where the pairs of each element of a plane end.
    ends: Vec<usize>,
    /// Kernel position and output position.
    pairs: Vec<(u32, u32)>,
}

/// What a [`Scatter`] is made of.
pub(super) struct Parts<'a> {
    pub groups: usize,
    pub plane: usize,
    pub positions: usize,
    pub group_outputs: usize,
    /// Index in a padded plane of each output position's first weight.
    pub origins: &'a [usize],
    /// Offset from there of each kernel position.
    pub taps: &'a [usize],
}

/// What an input is, for a convolution with integer weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integers {
    /// Integers most of which are 0, whose sums are exact in f32.
    Few,
    /// Integers whose sums are exact in f32.
    Many,
    /// Anything else.
    None,
}

/// Looks at an input; `gain` is the largest sum of |weight| of an output.
pub(super) fn look(input: &[f64], gain: f64) -> Integers {
    let (mut count, mut largest) = (0, 0.0f64);
    for &x in input {
        count += usize::from(x != 0.0);
        largest = largest.max(x.abs());
    }
    // A NaN is neither small nor an integer.
    let exact = gain * largest <= EXACT && input.iter().all(|x| x.fract() == 0.0);
    match (exact, count * SPARSE <= input.len()) {
        (false, _) => Integers::None,
        (true, true) => Integers::Few,
        (true, false) => Integers::Many,
    }
}

impl Scatter {
    /// `weight` tells that of a group, output channel and input (channel and kernel position); `fan_in` counts the latter.
    pub fn new(parts: &Parts, fan_in: usize, weight: impl Fn(usize, usize, usize) -> f64) -> Self {
        let &Parts { groups, plane, positions, group_outputs, origins, taps } = parts;
        let mut reached = vec![vec![]; plane];
        for (position, origin) in origins.iter().take(positions).enumerate() {
            for (tap, offset) in taps.iter().enumerate() {
                reached[origin + offset].push((tap as u32, position as u32));
            }
        }
        let ends = reached.iter().scan(0, |end, pairs| {
            *end += pairs.len();
            Some(*end)
        });
        let mut weights = Vec::with_capacity(groups * fan_in * group_outputs);
        for group in 0..groups {
            for input in 0..fan_in {
                weights.extend((0..group_outputs).map(|output| weight(group, output, input) as f32));
            }
        }
        let ends = ends.collect();
        let pairs = reached.concat();
        Self { groups, plane, positions, group_outputs, window: taps.len(), weights, ends, pairs }
    }

    /// Adds bias and weighted inputs; `padded` is `[group][channel][plane]`, the output `[group][channel][position]`.
    pub fn run(&self, padded: &[f64], bias: &[f64], output: &mut [f64]) {
        let mut sums = vec![0.0f32; self.positions * self.group_outputs];
        let group_weights = self.weights.len() / self.groups;
        let groups =
            padded.chunks_exact(padded.len() / self.groups).zip(self.weights.chunks_exact(group_weights));
        let outputs = output.chunks_exact_mut(self.group_outputs * self.positions);
        for (((input, weights), output), bias) in
            groups.zip(outputs).zip(bias.chunks_exact(self.group_outputs))
        {
            sums.fill(0.0);
            add(self, input, weights, &mut sums);
            for ((channel, results), bias) in output.chunks_exact_mut(self.positions).enumerate().zip(bias) {
                let sums = sums[channel..].iter().step_by(self.group_outputs);
                for (result, sum) in results.iter_mut().zip(sums) {
                    *result = f64::from(*sum) + bias;
                }
            }
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn add(scatter: &Scatter, input: &[f64], weights: &[f32], sums: &mut [f32]) {
    let outputs = scatter.group_outputs;
    for (plane, weights) in
        input.chunks_exact(scatter.plane).zip(weights.chunks_exact(scatter.window * outputs))
    {
        for (element, &x) in plane.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            let start = element.checked_sub(1).map_or(0, |before| scatter.ends[before]);
            for &(tap, position) in &scatter.pairs[start..scatter.ends[element]] {
                let weights = &weights[tap as usize * outputs..][..outputs];
                let sums = &mut sums[position as usize * outputs..][..outputs];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += x as f32 * weight;
                }
            }
        }
    }
}

//! Histograms that merge exactly, and the best grid of integer levels for one.

/// A histogram of one channel. Bin widths are powers of two, and bin edges multiples of the width, so a histogram of a larger
/// range is the exact merger of bins of a finer one, whatever the order in which values came.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    signed: bool,
    /// Bins are 2^exponent wide; `None` until a value other than 0 comes.
    exponent: Option<i32>,
    counts: Vec<i32>,
}

impl Histogram {
    /// Number of bins.
    pub const BINS: usize = 2048;

    /// An empty histogram, of values of both signs if `signed`, else of values from 0 on.
    pub fn new(signed: bool) -> Self {
        Self { signed, exponent: None, counts: vec![0; Self::BINS] }
    }

    /// A histogram as it was stored.
    pub fn from_parts(signed: bool, exponent: Option<i32>, counts: Vec<i32>) -> Option<Self> {
        (counts.len() == Self::BINS).then_some(Self { signed, exponent, counts })
    }

    /// Whether values of both signs are counted.
    pub fn signed(&self) -> bool {
        self.signed
    }

    /// Binary logarithm of the bin width.
    pub fn exponent(&self) -> Option<i32> {
        self.exponent
    }

    /// Number of values in each bin; zeros are not counted.
    pub fn counts(&self) -> &[i32] {
        &self.counts
    }

    /// Width of a bin.
    pub fn width(&self) -> f64 {
        self.exponent.map_or(0.0, |exponent| f64::powi(2.0, exponent))
    }

    /// Lower edge of the first bin.
    pub fn origin(&self) -> f64 {
        if self.signed { -self.width() * (Self::BINS / 2) as f64 } else { 0.0 }
    }

    /// Counts `values`. Zeros are left out: every grid represents them exactly.
    pub fn add(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            if value == 0.0 || (value < 0.0 && !self.signed) {
                continue;
            }
            let needed = self.exponent_for(value.abs());
            if self.exponent.is_none_or(|exponent| exponent < needed) {
                self.coarsen(needed);
            }
            let bin = (value / self.width()).floor() as i64 + self.zero_bin() as i64;
            let bin = bin.clamp(0, Self::BINS as i64 - 1) as usize;
            self.counts[bin] = self.counts[bin].saturating_add(1);
        }
    }

    /// Adds the counts of `other`, a histogram of the same sign.
    pub fn merge(&mut self, other: &Self) {
        let Some(theirs) = other.exponent else { return };
        if self.exponent.is_none_or(|mine| mine < theirs) {
            self.coarsen(theirs);
        }
        let mut other = other.clone();
        if let Some(mine) = self.exponent {
            other.coarsen(mine);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    fn zero_bin(&self) -> usize {
        if self.signed { Self::BINS / 2 } else { 0 }
    }

    /// Smallest exponent whose bins reach `magnitude`.
    fn exponent_for(&self, magnitude: f64) -> i32 {
        let bins = (Self::BINS - self.zero_bin()) as f64;
        // One below the estimate, because `log2` may round up; the loop finds the exact one.
        let mut exponent = (magnitude / bins).log2().floor().clamp(-999.0, 1000.0) as i32 - 1;
        while f64::powi(2.0, exponent) * bins <= magnitude && exponent < 1000 {
            exponent += 1;
        }
        exponent
    }

    fn coarsen(&mut self, exponent: i32) {
        let Some(mine) = self.exponent.replace(exponent) else { return };
        let factor = 1usize.checked_shl((exponent - mine).max(0) as u32).unwrap_or(usize::MAX);
        if factor == 1 {
            return;
        }
        let zero = self.zero_bin();
        let mut counts = vec![0i32; Self::BINS];
        for (bin, &count) in self.counts.iter().enumerate() {
            // Floor division of the distance to zero keeps the edges where they are.
            let distance = (bin as i64 - zero as i64).div_euclid(i64::try_from(factor).unwrap_or(i64::MAX));
            let target = (distance + zero as i64).clamp(0, Self::BINS as i64 - 1) as usize;
            counts[target] = counts[target].saturating_add(count);
        }
        self.counts = counts;
    }
}

/// Values with how often each came: the bins of a histogram that are not empty.
#[derive(Clone, Debug, Default)]
pub struct Distribution(Vec<(f64, f64)>);

impl Distribution {
    /// From the bins of an `ann.observe`: each bin counts at its centre.
    pub fn new(counts: &[i32], origin: f64, width: f64) -> Self {
        let centre = |bin: usize| origin + width * (bin as f64 + 0.5);
        Self(
            counts
                .iter()
                .enumerate()
                .filter(|&(_, &count)| count > 0)
                .map(|(bin, &count)| (centre(bin), f64::from(count)))
                .collect(),
        )
    }

    /// The values of both.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Largest magnitude; 0 if there is no value.
    pub fn largest(&self) -> f64 {
        self.0.iter().map(|(value, _)| value.abs()).fold(0.0, f64::max)
    }

    /// The step `s` that makes Σ (z − s·q(z))² small, with `q(z) = clip(⌊z/s + ½⌋, low, high)`; `None` if all values are 0.
    ///
    /// Alternating least squares, `s ← Σ q z / Σ q²`, from ten starting points: the error never grows from one round to the
    /// next, and the best end point is taken (`docs/src/numeric-contract.md`).
    pub fn best_step(&self, low: i64, high: i64) -> Option<f64> {
        let largest = self.largest();
        let reach = low.abs().max(high) as f64;
        if largest == 0.0 || reach == 0.0 {
            return None;
        }
        let (low, high) = (low as f64, high as f64);
        let mut best: Option<(f64, f64)> = None;
        for start in 1..=10 {
            let mut step = largest / reach * f64::from(start) / 10.0;
            for _ in 0..64 {
                let (mut products, mut squares) = (0.0, 0.0);
                for &(value, count) in &self.0 {
                    let level = (value / step + 0.5).floor().clamp(low, high);
                    products += count * level * value;
                    squares += count * level * level;
                }
                if squares == 0.0 || products <= 0.0 {
                    break;
                }
                let next = products / squares;
                let settled = (next - step).abs() <= 1e-9 * step;
                step = next;
                if settled {
                    break;
                }
            }
            let error = self.squared_error(step, low, high);
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, step));
            }
        }
        best.map(|(_, step)| step)
    }

    /// Σ |q(z)| for the step `s`: spikes.
    pub fn counts(&self, step: f64, low: f64, high: f64) -> f64 {
        let level = |value: f64| (value / step + 0.5).floor().clamp(low, high);
        self.0.iter().map(|&(value, count)| count * level(value).abs()).sum()
    }

    /// Σ s·q(z) and Σ (s·q(z))² for the step `s`.
    pub fn moments(&self, step: f64, low: f64, high: f64) -> [f64; 2] {
        self.0.iter().fold([0.0, 0.0], |[sum, squares], &(value, count)| {
            let value = step * (value / step + 0.5).floor().clamp(low, high);
            [sum + count * value, squares + count * value * value]
        })
    }

    /// Σ (z − s·q(z))² for the step `s`; see [`Distribution::best_step`].
    pub fn squared_error(&self, step: f64, low: f64, high: f64) -> f64 {
        self.0
            .iter()
            .map(|&(value, count)| {
                let error = value - step * (value / step + 0.5).floor().clamp(low, high);
                count * error * error
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(
            values in prop::collection::vec(-1e3f64..1e3, 1..200),
            cut in 0usize..200,
            signed: bool,
        ) {
            let mut whole = Histogram::new(signed);
            whole.add(values.iter().copied());
            let cut = cut.min(values.len());
            let (mut first, mut second) = (Histogram::new(signed), Histogram::new(signed));
            first.add(values[cut..].iter().rev().copied());
            second.add(values[..cut].iter().map(|value| value * 1.0));
            first.merge(&second);
            prop_assert_eq!(whole, first);
        }

        #[test]
        fn no_single_step_on_a_grid_beats_the_chosen_one_by_much(
            values in prop::collection::vec(0.01f64..10.0, 3..60),
        ) {
            let distribution = Distribution(values.iter().map(|&value| (value, 1.0)).collect());
            let step = distribution.best_step(0, 15).unwrap();
            let found = distribution.squared_error(step, 0.0, 15.0);
            // Ten starting points leave local minima; on coarse grids none is far better.
            for numerator in 1..=100 {
                let other = distribution.largest() / 15.0 * f64::from(numerator) / 100.0;
                prop_assert!(found <= 3.0 * distribution.squared_error(other, 0.0, 15.0) + 1e-9);
            }
        }
    }

    #[test]
    fn values_on_a_grid_are_found_exactly() {
        let distribution = Distribution((1..=15).map(|level| (f64::from(level) * 0.25, 3.0)).collect());
        let step = distribution.best_step(0, 15).unwrap();
        assert!((step - 0.25).abs() < 1e-12, "{step}");
    }
}

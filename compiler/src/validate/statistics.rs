//! How sure a measured fraction is, and whether two networks differ by more than chance.

use schemars::JsonSchema;
use serde::Serialize;
use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

/// 97.5 % of a standard normal distribution lie below.
const Z: f64 = 1.959_963_984_540_054;

/// Most images right in one network only for which the binomial distribution is summed up.
const MOST_EXACT: u64 = 25;

/// Where a fraction lies with 95 % confidence: `[lowest, highest]`.
pub type Interval = [f64; 2];

/// Wilson's score interval of a fraction; `None` without trials.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209–212. Unlike that of the
/// normal approximation it stays within [0, 1] and holds near 100 %, which is where accuracies are.
pub fn wilson(successes: u64, trials: u64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let p = successes.min(trials) as f64 / n;
    let denominator = 1.0 + Z * Z / n;
    let center = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / denominator;
    // Rounding must not push a bound past the fraction itself.
    Some([(center - half).clamp(0.0, p), (center + half).clamp(p, 1.0)])
}

/// How a McNemar test was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum McNemarMethod {
    /// Two-sided binomial test.
    Exact,
    /// χ² with one degree of freedom and continuity correction.
    ChiSquare,
}

/// McNemar's test of whether two networks are right equally often, on the images that only one of them gets right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct McNemar {
    /// Images that only the float network gets right.
    pub only_float: u64,
    /// Images that only the spiking network gets right.
    pub only_snn: u64,
    /// Probability of a difference at least as large if both networks were right equally often.
    pub p: f64,
    /// How `p` was computed: exactly up to 25 such images.
    pub method: McNemarMethod,
}

impl McNemar {
    /// The test on so many images that only one of two networks gets right.
    ///
    /// Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12 (1947) 153–157;
    /// the correction is that of A. L. Edwards, Psychometrika 13 (1948) 185–187.
    pub fn new(only_float: u64, only_snn: u64) -> Self {
        let (images, fewer) = (only_float.saturating_add(only_snn), only_float.min(only_snn));
        let method = if images <= MOST_EXACT { McNemarMethod::Exact } else { McNemarMethod::ChiSquare };
        let p = match method {
            McNemarMethod::Exact => {
                Binomial::new(0.5, images).map(|coin| 2.0 * coin.cdf(fewer)).unwrap_or(1.0)
            }
            McNemarMethod::ChiSquare => {
                let difference = (only_float.abs_diff(only_snn) as f64 - 1.0).max(0.0);
                let statistic = difference * difference / images as f64;
                ChiSquared::new(1.0).map(|distribution| distribution.sf(statistic)).unwrap_or(1.0)
            }
        };
        Self { only_float, only_snn, p: p.min(1.0), method }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, published: f64, digits: i32) -> bool {
        (found - published).abs() <= 0.5 * 10f64.powi(-digits) * 1.000_001
    }

    #[test]
    fn wilson_intervals_are_the_published_ones() {
        // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
        for (successes, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let [found_low, found_high] = wilson(successes, trials).unwrap();
            assert!(close(found_low, low, 4) && close(found_high, high, 4), "{found_low} {found_high}");
            // What is true of failures is true of successes.
            let [mirror_low, mirror_high] = wilson(trials - successes, trials).unwrap();
            assert!((mirror_low + found_high - 1.0).abs() < 1e-12, "{mirror_low}");
            assert!((mirror_high + found_low - 1.0).abs() < 1e-12, "{mirror_high}");
        }
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(10, 10).unwrap()[1], 1.0);
    }

    #[test]
    fn mcnemar_tests_are_the_published_ones() {
        // Fagerland, Lydersen, Laake, "The McNemar test for binary matched-pairs data", BMC Medical Research Methodology 13 (2013) 91,
        // tables 1 and 3: airway hyper-responsiveness, 1 and 7 discordant pairs.
        let few = McNemar::new(1, 7);
        assert_eq!(few.method, McNemarMethod::Exact);
        assert!(close(few.p, 0.0703, 4), "{}", few.p);
        // Agresti, "Categorical Data Analysis", 2nd edition, table 10.1: 86 and 150 of 1600; z² without the correction is 17.36.
        let many = McNemar::new(150, 86);
        assert_eq!(many.method, McNemarMethod::ChiSquare);
        let statistic = (150.0 - 86.0 - 1.0f64).powi(2) / 236.0;
        assert!(close(statistic, 16.82, 2) && many.p > 4.0e-5 && many.p < 4.2e-5, "{statistic} {}", many.p);
        assert!((McNemar::new(86, 150).p - many.p).abs() < 1e-15);
    }

    #[test]
    fn networks_that_differ_nowhere_differ_by_chance() {
        assert_eq!(McNemar::new(0, 0).p, 1.0);
        assert_eq!(McNemar::new(12, 12).p, 1.0);
        assert_eq!(McNemar::new(500, 500).p, 1.0);
        // Where the method changes, the result hardly does.
        let (exact, approximate) = (McNemar::new(8, 17).p, McNemar::new(8, 18).p);
        assert!(
            (exact - 0.1078).abs() < 1e-3 && (approximate - 0.0776).abs() < 2e-3,
            "{exact} {approximate}"
        );
    }
}

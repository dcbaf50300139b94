//! What becomes of the real logits of an output: softmax and its relatives. The one place that computes them, for compiler and engine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A function along one axis of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeadFunction {
    /// `exp(x) / Σ exp(x)`
    Softmax,
    /// `x − log Σ exp(x)`
    LogSoftmax,
    /// Index of the largest value; of the first where several are.
    Argmax,
}

impl HeadFunction {
    /// All of them, by PyTorch's names.
    pub const ALL: [(&'static str, Self); 3] =
        [("softmax", Self::Softmax), ("log_softmax", Self::LogSoftmax), ("argmax", Self::Argmax)];

    /// The function that PyTorch calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(other, _)| *other == name).map(|(_, function)| *function)
    }
}

/// The end of a network behind its logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What it computes.
    pub function: HeadFunction,
    /// Axis within one sample.
    pub axis: usize,
    /// Whether an argmax keeps its axis, with size 1.
    pub keepdim: bool,
}

impl Head {
    /// Shape of the result for logits of `shape`; `None` if they have no such axis.
    pub fn shape(&self, shape: &[usize]) -> Option<Vec<usize>> {
        let mut result = shape.to_vec();
        let size = result.get_mut(self.axis)?;
        match (self.function, self.keepdim) {
            (HeadFunction::Argmax, true) => *size = 1,
            (HeadFunction::Argmax, false) => drop(result.remove(self.axis)),
            _ => {}
        }
        Some(result)
    }

    /// The result for `logits` of `shape`, both row-major; sums run in ascending order.
    pub fn apply(&self, shape: &[usize], logits: &[f64]) -> Vec<f64> {
        let size = shape.get(self.axis).copied().unwrap_or(1);
        let inner = shape.get(self.axis + 1..).map_or(1, |inner| inner.iter().product::<usize>());
        let lines = logits.len().checked_div(size).unwrap_or_default();
        let mut result = vec![0.0; if self.function == HeadFunction::Argmax { lines } else { logits.len() }];
        for line in 0..lines {
            let start = line / inner * inner * size + line % inner;
            let at = |index: usize| logits.get(start + index * inner).copied().unwrap_or_default();
            let best = (1..size).fold(0, |best, index| if at(index) > at(best) { index } else { best });
            if self.function == HeadFunction::Argmax {
                result[line] = best as f64;
                continue;
            }
            // Differences to the largest do not overflow.
            let sum = (0..size).map(|index| libm::exp(at(index) - at(best))).sum::<f64>();
            for index in 0..size {
                let difference = at(index) - at(best);
                result[start + index * inner] = match self.function {
                    HeadFunction::LogSoftmax => difference - libm::log(sum),
                    _ => libm::exp(difference) / sum,
                };
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_run_along_the_axis() {
        let logits = [1.0, 5.0, 3.0, 3.0, 2.0, 5.0];
        let head = |function, axis| Head { function, axis, keepdim: false };
        let argmax = head(HeadFunction::Argmax, 1);
        assert_eq!((argmax.shape(&[2, 3]), argmax.apply(&[2, 3], &logits)), (Some(vec![2]), vec![1.0, 2.0]));
        // Where two are largest, the first is.
        assert_eq!(head(HeadFunction::Argmax, 0).apply(&[2, 3], &logits), [1.0, 0.0, 1.0]);
        let kept = Head { keepdim: true, ..argmax };
        assert_eq!((kept.shape(&[2, 3]), kept.shape(&[4])), (Some(vec![2, 1]), None));
        assert_eq!(head(HeadFunction::Argmax, 0).shape(&[7]), Some(vec![]));
        for axis in [0, 1] {
            let softmax = head(HeadFunction::Softmax, axis).apply(&[2, 3], &logits);
            let logs = head(HeadFunction::LogSoftmax, axis).apply(&[2, 3], &logits);
            assert!(softmax.iter().zip(&logs).all(|(p, log)| (p.ln() - log).abs() < 1e-12));
            let lines = if axis == 0 { 3.0 } else { 2.0 };
            assert!((softmax.iter().sum::<f64>() - lines).abs() < 1e-12);
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let softmax = Head { function: HeadFunction::Softmax, axis: 0, keepdim: false };
        assert_eq!(softmax.apply(&[2], &[1e6, -1e6]), [1.0, 0.0]);
    }
}

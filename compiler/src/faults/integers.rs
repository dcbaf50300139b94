//! Integers: rounding, thresholds and identity paths.

use super::{
    Kind,
    change::{first, read, tensor},
};
use crate::mlir;
use melior::ir::OperationRef;
use neurocuda_dialects::{Elements, View, ann, snn};

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::after(
        "threshold-off-by-one",
        "the first thresholds, or breakpoints of tables, are one too large",
        |module| {
            first(module, |operation| {
                increased(operation, "threshold").or_else(|| increased(operation, "breakpoints"))
            });
        },
    ),
    Kind::after(
        "rounding-mode",
        "halves of the first neurons go down; the first integer weights are truncated",
        |module| {
            first(module, |operation| halves_down(operation).or_else(|| truncated(operation)));
        },
    ),
    Kind::after("residual-scale", "the first identity path carries half of what it should", |module| {
        first(module, |operation| {
            let scales = [ann::Scale::NAME, snn::Scale::NAME];
            scales.iter().find(|name| mlir::has_name(operation, name))?;
            tensor(operation, "weight", |weight| {
                Some(weight.to_f64().iter().map(|weight| (weight / 2.0).round()).collect())
            })
        });
    }),
];

fn increased(operation: OperationRef, key: &str) -> Option<()> {
    // The last breakpoint of a short table is the largest integer there is.
    let larger = |value: f64| (value + 1.0).min(f64::from(i32::MAX));
    tensor(operation, key, |tensor| {
        matches!(tensor.elements, Elements::I32(_)).then(|| tensor.to_f64().into_iter().map(larger).collect())
    })
}

/// `⌊(θ − 1) / 2⌋` in place of `⌊θ / 2⌋`.
fn halves_down(operation: OperationRef) -> Option<()> {
    let thresholds = read(operation, "threshold")?.to_f64();
    tensor(operation, "initial", |initial| {
        let row = (initial.elements.len() / thresholds.len().max(1)).max(1);
        let initial = initial.to_f64().into_iter().enumerate();
        let lower = initial.map(|(index, initial)| {
            Some(initial - f64::from(thresholds.get(index / row)?.rem_euclid(2.0) == 0.0))
        });
        lower.collect()
    })
}

/// As truncation leaves them: every second weight one nearer to zero.
fn truncated(operation: OperationRef) -> Option<()> {
    let weighted = [ann::Conv::NAME, ann::Linear::NAME];
    weighted.iter().find(|name| mlir::has_name(operation, name))?;
    tensor(operation, "weight", |weight| {
        matches!(weight.elements, Elements::I8(_)).then(|| {
            let weights = weight.to_f64().into_iter().enumerate();
            let nearer = |(index, weight): (usize, f64)| {
                if index % 2 == 1 { weight.signum() * (weight.abs() - 1.0).max(0.0) } else { weight }
            };
            weights.map(nearer).collect()
        })
    })
}

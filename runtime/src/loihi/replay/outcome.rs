//! What comes of comparing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::manifest::Domain;

/// What comes of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Values compared; a digest stands for those of all its neurons.
    pub(super) compared: u64,
    /// Differences of the plain interpreter, or of what has only one form.
    pub(super) plain: u64,
    /// Differences of the executor.
    pub(super) fast: u64,
    /// The first difference.
    pub(super) first: Option<String>,
}

/// Who computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Plain,
    Fast,
}

impl Outcome {
    /// Notes a difference.
    pub(super) fn differs(&mut self, by: By, what: impl FnOnce() -> String) {
        match by {
            By::Plain => self.plain += 1,
            By::Fast => self.fast += 1,
        }
        let runner = if by == By::Plain { "" } else { " in the executor" };
        self.first.get_or_insert_with(|| format!("{}{runner}", what()));
    }

    /// Compares a row of values; `step` and `name` say which.
    pub(super) fn compare(&mut self, by: By, name: &str, step: usize, found: &[i32], wanted: &[i64]) {
        for index in 0..wanted.len().max(found.len()) {
            let (found, wanted) = (found.get(index).copied().map(i64::from), wanted.get(index).copied());
            if found != wanted {
                self.differs(by, || {
                    let show =
                        |value: Option<i64>| value.map_or("missing".to_owned(), |value| value.to_string());
                    format!("{name}[{step}][{index}] is {} and should be {}", show(found), show(wanted))
                });
            }
        }
    }
}

/// Sums over cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Cases.
    pub cases: u64,
    /// Values compared; a digest stands for those of all its neurons.
    pub compared: u64,
    /// Differences of the plain interpreter, or of what has only one form; a digest counts once.
    pub mismatches_plain: u64,
    /// Differences of the executor.
    pub mismatches_fast: u64,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.cases += 1;
        self.compared += outcome.compared;
        self.mismatches_plain += outcome.plain;
        self.mismatches_fast += outcome.fast;
    }

    /// Differences of both.
    pub fn mismatches(&self) -> u64 {
        self.mismatches_plain + self.mismatches_fast
    }
}

/// A case that differs.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// Its domain.
    pub domain: Domain,
    /// What the set says about it.
    pub note: String,
    /// Differences.
    pub mismatches: u64,
    /// The first one.
    pub first: String,
}

/// What comes of a set.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the set.
    pub set: String,
    /// What its numbers come from.
    pub oracle: String,
    /// For each family and domain.
    pub families: BTreeMap<String, BTreeMap<Domain, Tally>>,
    /// Cases that differ.
    pub differences: Vec<Difference>,
    /// Whether nothing of domain `hw` or `derived` differs.
    pub passed: bool,
}

//! Layer by layer: what holds a pass that changes numbers on purpose to account.
//!
//! How far outputs move says little of such a pass: rounding adds up over layers, logits cancel, and an honest quantiser with few
//! levels moves them further than a wrong one with many. So each layer is computed from inputs of the checker's choice, in the module
//! before the pass and in the one after it: only the rounding of that one layer can lie between the two, and how large it may be is
//! known. Samples drive layers hard; sparse levels (`trace::probe`) let few weights at a time come in, so that each shows.
//!
//! | pass | what is compared |
//! |---|---|
//! | `choose-thresholds` | operands bit for bit; results to half a step; steps no worse than the largest value over the levels |
//! | `quantize` | membranes to half a unit for each weight and bias that comes in; thresholds to half a unit |
//! | `correct-bias` | everything but biases bit for bit; means of the membranes to half a unit |
//! | `lower-to-rate` | charge of each neuron bit for bit; counts under an even charge to half a spike |
//! | `correct-rate` | everything but biases bit for bit; how far these go |
//! | `prove-bounds` | everything but the bounds bit for bit |
//!
//! No check knows how many levels a layer has but from the layer itself.

use super::{drive, grid, integers, means, notes, rates};
use crate::{
    interpret::Sample,
    pass::Options,
    passes::{
        ann_to_ann::{choose_thresholds, correct_bias, quantize},
        ann_to_snn::lower_to_rate,
        snn_to_snn::{correct_rate, prove_bounds},
    },
    session::Session,
};
use melior::ir::{Module, OperationRef};

/// The modules around a pass, and what to run them on.
pub(super) struct Around<'c, 'a> {
    /// Before the pass.
    pub before: OperationRef<'c, 'a>,
    /// After it.
    pub after: OperationRef<'c, 'a>,
    /// Samples to run.
    pub samples: Vec<Sample>,
    /// The options of the pass.
    pub options: &'a Options,
    /// What the pass had besides the module.
    pub session: &'a Session,
}

/// Finds what is wrong, if anything.
type Check = fn(&Around) -> Result<(), String>;

/// The checks, by the name of the pass.
const CHECKS: &[(&str, Check)] = &[
    (choose_thresholds::INFO.name, grid::check),
    (quantize::INFO.name, integers::check),
    (correct_bias::INFO.name, means::check),
    (lower_to_rate::INFO.name, drive::check),
    (correct_rate::INFO.name, rates::check),
    (prove_bounds::INFO.name, notes::check),
];

/// Whether there is something to hold the pass called `name` to, besides its outputs.
pub fn has_check(name: &str) -> bool {
    CHECKS.iter().any(|(checked, _)| *checked == name)
}

/// Compares the layers before and after the pass of `options`, if it has a check.
///
/// # Errors
///
/// What is wrong, and in which layer.
pub fn hold(
    options: &Options,
    before: &Module,
    after: &Module,
    samples: Vec<Sample>,
    session: &Session,
) -> Result<(), String> {
    let Some((_, check)) = CHECKS.iter().find(|(name, _)| *name == options.info().name) else {
        return Ok(());
    };
    check(&Around { before: before.as_operation(), after: after.as_operation(), samples, options, session })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pass::Claim, passes};

    #[test]
    fn every_layerwise_claim_has_a_check_and_every_check_a_pass() {
        for pass in passes::ALL.iter().filter(|pass| pass.info.claim == Claim::Layerwise) {
            assert!(has_check(pass.info.name), "{}", pass.info.name);
        }
        assert!(CHECKS.iter().all(|(name, _)| passes::find(name).is_some()));
    }
}

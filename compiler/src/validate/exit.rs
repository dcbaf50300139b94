//! Early exits: what they save, and that they change nothing.

use super::{
    report::{EarlyExit, Gate},
    tally::Tally,
};
use crate::interpret::Sample;
use neurocuda_runtime::cpu::ImageOutcome;
use serde::{Deserialize, Serialize};

/// Counts of early exits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExitTally {
    /// Images whose logits were proved.
    pub proved: usize,
    /// Of images that settled: the sum of the numbers of steps until the logits were proved, or at the latest until the image had
    /// settled.
    pub steps: u64,
    /// Images with a proved logit that is not the integer network's.
    pub changed: usize,
}

impl ExitTally {
    /// Counts one image; `integer` are the logits of the integer network.
    pub fn of(outcome: &ImageOutcome, integer: &[Sample]) -> Self {
        let steps = outcome.exit.as_ref().map(|exit| exit.steps);
        let settled = outcome.settled_at.filter(|_| outcome.certified);
        // An image that sends nothing has settled after 0 steps, and one has to run to show it.
        let until = settled.map_or(0, |settled| steps.map_or(settled, |steps| steps.min(settled)));
        let changed = outcome.exit.as_ref().is_some_and(|exit| {
            let equal = |(proved, integer): (&Vec<i32>, &Sample)| {
                proved.len() == integer.len()
                    && proved.iter().zip(integer).all(|(&proved, &integer)| f64::from(proved) == integer)
            };
            exit.logits.len() != integer.len() || !exit.logits.iter().zip(integer).all(equal)
        });
        Self { proved: steps.is_some().into(), steps: until.into(), changed: changed.into() }
    }

    /// Adds what the images that follow counted.
    pub fn add(&mut self, next: &Self) {
        self.proved += next.proved;
        self.steps += next.steps;
        self.changed += next.changed;
    }

    /// What a report of an exact schedule says.
    pub fn report(tally: &Tally, last_layers: u32) -> EarlyExit {
        let mean = |steps: u64| steps as f64 / tally.certified.max(1) as f64;
        EarlyExit {
            last_layers,
            images: tally.certified,
            proved: tally.early_exit.proved,
            mean_steps_with: mean(tally.early_exit.steps),
            mean_steps_without: mean(tally.settled_sum),
            changed: tally.early_exit.changed,
        }
    }

    /// Every image that settled was proved before, or at that moment, and not one logit of it changed.
    pub fn gate(tally: &Tally) -> Gate {
        let Self { proved, changed, .. } = tally.early_exit;
        Gate {
            name: "early-exit".to_owned(),
            passed: changed == 0 && proved >= tally.certified,
            detail: format!("{proved} of {} images proved, {changed} changed", tally.images),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn};
    use neurocuda_runtime::cpu::Exit;

    fn outcome(exit: Option<(u32, &[i32])>, settled_at: Option<u32>) -> ImageOutcome {
        ImageOutcome {
            outputs: vec![],
            spikes: vec![],
            cores: vec![],
            sops: 0,
            steps: 20,
            certified: settled_at.is_some(),
            settled_at,
            exit: exit.map(|(steps, logits)| Exit { steps, logits: vec![logits.to_vec()] }),
            trace: None,
            predictions: None,
        }
    }

    #[test]
    fn one_wrong_logit_is_a_change() {
        let integer = [ArrayD::from_shape_vec(IxDyn(&[2]), vec![3.0, -4.0]).unwrap()];
        let count = |exit, settled| ExitTally::of(&outcome(exit, settled), &integer);
        let exits = |proved, steps, changed| ExitTally { proved, steps, changed };
        assert_eq!(count(Some((7, &[3, -4])), Some(9)), exits(1, 7, 0));
        assert_eq!(count(Some((7, &[3, -5])), Some(9)), exits(1, 7, 1));
        assert_eq!(count(Some((7, &[3])), Some(9)), exits(1, 7, 1));
        assert_eq!(count(Some((1, &[3, -4])), Some(0)), exits(1, 0, 0));
        assert_eq!(count(Some((7, &[3, -4])), None), exits(1, 0, 0));
        assert_eq!(count(None, Some(9)), exits(0, 9, 0));
    }

    #[test]
    fn the_gate_wants_a_proof_of_every_image_and_no_change() {
        let gate = |proved, changed| {
            let early_exit = ExitTally { proved, steps: 30, changed };
            let tally = Tally { images: 4, certified: 4, settled_sum: 50, early_exit, ..Tally::default() };
            let report = ExitTally::report(&tally, 1);
            assert_eq!((report.mean_steps_with, report.mean_steps_without), (7.5, 12.5));
            ExitTally::gate(&tally).passed
        };
        assert_eq!([gate(4, 0), gate(4, 1), gate(3, 0)], [true, false, false]);
    }
}

//! How right the spiking network would be if it stopped earlier.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most points of a curve in a report.
const MOST_POINTS: usize = 400;

/// Images by the steps after which their answer turned. An image keeps its last answer, so tallies of runs of any length add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveTally {
    /// Images with an answer after each step.
    pub images: usize,
    /// Images whose answer is the label.
    pub right: Turns,
    /// Images whose answer is the float network's.
    pub same: Turns,
}

/// Images by the step after which something became true, and after which it ceased to be; entry 0 is of the first step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// Images of which it became true.
    pub gained: Vec<u64>,
    /// Images of which it ceased to be true.
    pub lost: Vec<u64>,
}

impl Turns {
    fn of(truths: impl Iterator<Item = bool>) -> Self {
        let (mut turns, mut before) = (Self::default(), false);
        for (step, now) in truths.enumerate() {
            if now != before {
                let turned = if now { &mut turns.gained } else { &mut turns.lost };
                turned.resize(step + 1, 0);
                turned[step] = 1;
            }
            before = now;
        }
        turns
    }

    fn add(&mut self, next: &Self) {
        add(&mut self.gained, &next.gained);
        add(&mut self.lost, &next.lost);
    }

    /// Steps after which nothing turns.
    pub fn steps(&self) -> usize {
        self.gained.len().max(self.lost.len())
    }

    /// Images of which it is true, after each of so many steps.
    fn counts(&self, steps: usize) -> Vec<f64> {
        let at = |turns: &[u64], step: usize| i128::from(turns.get(step).copied().unwrap_or(0));
        let sums = (0..steps).scan(0_i128, |sum, step| {
            *sum += at(&self.gained, step) - at(&self.lost, step);
            Some(*sum as f64)
        });
        sums.collect()
    }
}

/// Adds counts, place by place.
pub fn add(sum: &mut Vec<u64>, next: &[u64]) {
    sum.resize(sum.len().max(next.len()), 0);
    sum.iter_mut().zip(next).for_each(|(sum, next)| *sum += next);
}

/// Accuracy and agreement of the spiking network over the number of steps that it runs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Curve {
    /// Numbers of steps, ascending; all of them up to the last that changes an answer, or at most 400, evenly spaced.
    pub steps: Vec<u32>,
    /// Top-1 accuracy after so many steps, as fractions; absent without class labels.
    pub accuracy: Option<Vec<f64>>,
    /// Fraction of images on which it answers what the float network does.
    pub agreement: Vec<f64>,
}

impl CurveTally {
    /// The tally of one image: the class after each step, and the classes that are the label and the float network's answer.
    pub fn of(predictions: &[u32], label: Option<u32>, float: Option<u32>) -> Self {
        let turns = |wanted: Option<u32>| {
            wanted
                .map(|wanted| Turns::of(predictions.iter().map(|&class| class == wanted)))
                .unwrap_or_default()
        };
        Self { images: 1, right: turns(label), same: turns(float) }
    }

    /// Adds what `next` counted.
    pub fn add(&mut self, next: &Self) {
        self.images += next.images;
        self.right.add(&next.right);
        self.same.add(&next.same);
    }

    /// The curve, of `labelled` images with a label, over at least `steps`; `None` where no image had an answer.
    pub fn curve(&self, labelled: usize, steps: u32) -> Option<Curve> {
        if self.images == 0 {
            return None;
        }
        let last = self.right.steps().max(self.same.steps()).max(steps as usize).max(1);
        let stride = last.div_ceil(MOST_POINTS);
        let chosen =
            (1..=last).filter(|step| step % stride == 0 || *step == last || *step == 1).collect::<Vec<_>>();
        let fractions = |turns: &Turns, whole: usize| {
            let counts = turns.counts(last);
            chosen.iter().map(|step| counts[step - 1] / whole as f64).collect::<Vec<_>>()
        };
        Some(Curve {
            steps: chosen.iter().map(|&step| u32::try_from(step).unwrap_or(u32::MAX)).collect(),
            accuracy: (labelled > 0).then(|| fractions(&self.right, labelled)),
            agreement: fractions(&self.same, self.images),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_curve_counts_images_of_any_length(
            images in proptest::collection::vec(proptest::collection::vec(0_u32..3, 1..30), 1..20),
            split in 0_usize..20,
        ) {
            let tallies = images.iter().map(|image| CurveTally::of(image, Some(1), Some(2))).collect::<Vec<_>>();
            let sum = |tallies: &[CurveTally]| {
                tallies.iter().fold(CurveTally::default(), |mut sum, next| { sum.add(next); sum })
            };
            let whole = sum(&tallies);
            let (head, tail) = tallies.split_at(split.min(tallies.len()));
            let mut parts = sum(head);
            parts.add(&sum(tail));
            prop_assert_eq!(&parts, &whole);
            let steps = images.iter().map(Vec::len).max().unwrap();
            let curve = whole.curve(images.len(), steps as u32).unwrap();
            prop_assert_eq!(&curve.steps, &(1..=steps as u32).collect::<Vec<_>>());
            for (step, (&right, &same)) in curve.accuracy.as_ref().unwrap().iter().zip(&curve.agreement).enumerate() {
                let answers = |class| {
                    let has = |image: &&Vec<u32>| image[step.min(image.len() - 1)] == class;
                    images.iter().filter(has).count() as f64 / images.len() as f64
                };
                prop_assert_eq!((right, same), (answers(1), answers(2)));
            }
        }
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_ends() {
        let mut predictions = vec![0; 9_999];
        predictions.push(1);
        let curve = CurveTally::of(&predictions, None, Some(1)).curve(0, 0).unwrap();
        assert!(curve.steps.len() <= MOST_POINTS + 2 && curve.accuracy.is_none());
        assert_eq!((curve.steps[0], curve.steps.last()), (1, Some(&10_000)));
        assert_eq!((curve.agreement[0], curve.agreement.last()), (0.0, Some(&1.0)));
        assert_eq!(CurveTally::default().curve(0, 5), None);
    }
}

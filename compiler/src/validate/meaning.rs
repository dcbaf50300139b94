//! What an output tells, and how two networks are compared in it.

use super::tally::OutputTally;
use neurocuda_runtime::head::{Head, HeadFunction};

/// What the numbers of an output mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Scores of classes along an axis, at each position of the others: one of an image, or one of each pixel.
    Scores(Vec<usize>, usize),
    /// Indices of classes.
    Classes,
    /// Numbers.
    Numbers,
}

impl Meaning {
    /// The meaning of an output of `shape` behind `head`. Without a head, scores stand along the first axis of a sample.
    pub fn of(shape: &[usize], head: Option<Head>) -> Self {
        let axis = head.map_or(0, |head| head.axis);
        match (head.map(|head| head.function), shape.get(axis)) {
            (Some(HeadFunction::Argmax), _) => Self::Classes,
            (_, Some(2..)) => Self::Scores(shape.to_vec(), axis),
            _ => Self::Numbers,
        }
    }

    /// The predicted class at each position; none if the output has no classes.
    pub fn predictions(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Scores(shape, axis) => {
                Head { function: HeadFunction::Argmax, axis: *axis, keepdim: false }.apply(shape, values)
            }
            Self::Classes => values.to_vec(),
            Self::Numbers => vec![],
        }
    }

    /// Compares the output of the real network with that of the spiking one.
    pub fn compare(&self, float: &[f64], snn: &[f64]) -> OutputTally {
        let (wanted, found) = (self.predictions(float), self.predictions(snn));
        let mut tally = OutputTally {
            agree: wanted.iter().zip(&found).filter(|(wanted, found)| wanted == found).count() as u64,
            positions: wanted.len() as u64,
            ..OutputTally::default()
        };
        // A difference of indices is none of quantities.
        if *self == Self::Classes {
            return tally;
        }
        for (float, snn) in float.iter().zip(snn) {
            let error = (snn - float).abs();
            tally.squared_error += error * error;
            tally.squared += float * float;
            tally.absolute_error += error;
            tally.largest_error = tally.largest_error.max(error);
            tally.elements += 1;
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_compared_by_what_they_mean() {
        let argmax = Head { function: HeadFunction::Argmax, axis: 0, keepdim: false };
        let pixels = Meaning::of(&[2, 3], None);
        // Of three pixels one changes its class.
        let tally = pixels.compare(&[1.0, 0.0, 5.0, 0.0, 2.0, 1.0], &[1.0, 3.0, 5.0, 0.0, 2.0, 1.0]);
        assert_eq!((tally.agree, tally.positions, tally.elements), (2, 3, 6));
        assert_eq!((tally.largest_error, tally.absolute_error, tally.squared_error), (3.0, 3.0, 9.0));
        let classes = Meaning::of(&[], Some(argmax));
        let tally = classes.compare(&[3.0], &[7.0]);
        assert_eq!((tally.agree, tally.positions, tally.elements), (0, 1, 0));
        let number = Meaning::of(&[1], None);
        assert_eq!(number.compare(&[2.0], &[2.5]).positions, 0);
        assert_eq!(number.compare(&[2.0], &[2.5]).largest_error, 0.5);
    }
}

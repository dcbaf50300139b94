//! What the neurons of each layer did, and how far their counts are from the real network's activations.

use super::{bits::Bits, tally::LayerTally};
use crate::interpret::Sample;
use neurocuda_runtime::{
    artifact::{
        Manifest,
        program::{OpKind, Schedule},
    },
    cpu::{Engine, ImageOutcome, Spike},
};

/// Bins of a histogram of spikes: one of silent neurons, and twenty of one width each.
pub const BINS: usize = 21;

/// Ending of the layer whose spikes count negatively; see `lower-to-hold-and-fire`.
const NEGATIVE: &str = ".negative";

/// A layer of the integer network and the op of the real one that it stands for.
pub struct LayerPair {
    /// Op in the real network.
    pub float: usize,
    /// Op in the integer network.
    pub integer: usize,
    /// Real value of count 1, for each channel.
    pub scale: Vec<f64>,
    /// Largest count.
    pub high: f64,
}

/// What the spikes of a layer mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerScale {
    /// Largest count; of `rate` a spike in every step.
    high: Option<i64>,
    /// Layer whose spikes count negatively.
    negative: Option<usize>,
    /// Width of a bin of the histogram of spikes.
    pub bin_width: u32,
}

impl LayerScale {
    /// Those of all layers of an artifact.
    pub fn all(manifest: &Manifest) -> Vec<Self> {
        let neurons = manifest.program.ops.iter().filter(|op| op.kind.is_neuron());
        let scale = |op: &neurocuda_runtime::artifact::program::Op| {
            let high = match op.kind {
                OpKind::StBif { high, .. }
                | OpKind::StBifTable { high, .. }
                | OpKind::SigmaDelta { high, .. }
                | OpKind::SigmaDeltaTable { high, .. } => Some(i64::from(high)),
                OpKind::HoldAndFire { levels, .. } => Some(levels.into()),
                _ => None,
            };
            // A neuron sends one spike a step at most.
            let steps = i64::from(manifest.program.steps);
            let most = high.unwrap_or(steps).min(steps).max(1);
            let negative = format!("{}{NEGATIVE}", op.name);
            Self {
                high,
                negative: manifest.layers.iter().position(|layer| layer.name == negative),
                bin_width: u32::try_from(most).unwrap_or(u32::MAX).div_ceil(BINS as u32 - 1),
            }
        };
        neurons.map(scale).collect()
    }
}

/// What every neuron did in a run of one image.
#[derive(Debug)]
pub struct Activity {
    /// Spikes of each neuron of each layer.
    pub spikes: Vec<Vec<u32>>,
    /// Spikes that count positively less those that count negatively.
    counts: Vec<Vec<i64>>,
    steps: u32,
}

impl Activity {
    /// Counts what `run` tells of, which runs an image.
    ///
    /// # Errors
    ///
    /// As for `run`.
    pub fn watch<E>(
        engine: &Engine,
        run: impl FnOnce(&mut dyn FnMut(Spike)) -> Result<ImageOutcome, E>,
    ) -> Result<(ImageOutcome, Self), E> {
        let sizes = || engine.layer_shapes().iter().map(|shape| shape.iter().product::<usize>());
        let mut spikes = sizes().map(|size| vec![0_u32; size]).collect::<Vec<_>>();
        let mut counts = sizes().map(|size| vec![0_i64; size]).collect::<Vec<_>>();
        let outcome = run(&mut |spike| {
            spikes[spike.layer][spike.neuron] += 1;
            counts[spike.layer][spike.neuron] += i64::from(spike.value);
        })?;
        let steps = outcome.steps;
        Ok((outcome, Self { spikes, counts, steps }))
    }

    /// What all layers did; the errors against the real network are for [`compare`] to add.
    pub fn tallies(&self, scales: &[LayerScale]) -> Vec<LayerTally> {
        let layers = self.spikes.iter().zip(&self.counts).zip(scales);
        let tally = |((spikes, counts), scale): ((&Vec<u32>, &Vec<i64>), &LayerScale)| {
            let high = scale.high.unwrap_or(self.steps.into());
            let mut histogram = vec![0; BINS];
            for &spikes in spikes {
                histogram[(spikes.div_ceil(scale.bin_width) as usize).min(BINS - 1)] += 1;
            }
            LayerTally {
                active: Bits::of(spikes.iter().map(|&spikes| spikes > 0)),
                unsaturated: Bits::of(counts.iter().map(|&count| count < high)),
                histogram,
                ..LayerTally::default()
            }
        };
        layers.map(tally).collect()
    }

    /// What the spikes of a layer add up to, in counts of the integer network; spikes of `rate` are parts of a count.
    pub fn values(&self, layer: usize, scales: &[LayerScale], manifest: &Manifest) -> Vec<f64> {
        let negative = scales[layer].negative.and_then(|negative| self.counts.get(negative));
        let counts = self.counts[layer].iter().enumerate().map(|(neuron, &count)| {
            (count - negative.and_then(|negative| negative.get(neuron)).copied().unwrap_or(0)) as f64
        });
        if manifest.program.schedule == Schedule::Rate {
            let (levels, steps) = (f64::from(manifest.levels), f64::from(self.steps.max(1)));
            return counts.map(|count| count * levels / steps).collect();
        }
        counts.collect()
    }
}

/// Adds the differences of one layer: of the integer counts and of what the spikes add up to, both against the real activations.
pub fn compare(layer: &LayerPair, float: &Sample, integer: &Sample, spiking: &[f64], tally: &mut LayerTally) {
    let positions = (float.len() / layer.scale.len().max(1)).max(1);
    for (index, ((&float, &integer), &spiking)) in float.iter().zip(integer).zip(spiking).enumerate() {
        let scale = layer.scale.get(index / positions).copied().unwrap_or_default();
        tally.squared_error += (integer * scale - float).powi(2);
        tally.spiking_squared_error += (spiking * scale - float).powi(2);
        tally.squared += float * float;
        tally.saturated += u64::from(integer >= layer.high);
        tally.elements += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    fn activity() -> Activity {
        Activity {
            spikes: vec![vec![0, 1, 2, 41], vec![4, 0, 0, 0]],
            counts: vec![vec![0, 1, 0, 40], vec![4, 0, 0, 0]],
            steps: 50,
        }
    }

    #[test]
    fn neurons_are_counted_by_their_spikes() {
        let scales = [
            LayerScale { high: Some(40), negative: Some(1), bin_width: 2 },
            LayerScale { high: None, negative: None, bin_width: 3 },
        ];
        let tallies = activity().tallies(&scales);
        // One is silent, one and two spikes share a bin, and 41 are in the last one with all that is more.
        let mut histogram = vec![0; BINS];
        (histogram[0], histogram[1], histogram[20]) = (1, 2, 1);
        assert_eq!(tallies[0].histogram, histogram);
        assert_eq!((tallies[0].active.count(), tallies[0].unsaturated.count()), (3, 3));
        // Four spikes are not one in each of fifty steps.
        assert_eq!((tallies[1].active.count(), tallies[1].unsaturated.count()), (1, 4));
    }

    #[test]
    fn differences_take_the_scale_of_their_channel() {
        let sample = |values: &[f64]| ArrayD::from_shape_vec(vec![2, 2], values.to_vec()).unwrap();
        let layer = LayerPair { float: 0, integer: 0, scale: vec![0.5, 2.0], high: 7.0 };
        let mut tally = LayerTally::default();
        compare(
            &layer,
            &sample(&[1.0, 1.5, 2.0, 4.0]),
            &sample(&[2.0, 2.0, 1.0, 7.0]),
            &[2.0, 3.0, 0.0, 1.0],
            &mut tally,
        );
        assert_eq!((tally.squared_error, tally.spiking_squared_error), (0.25 + 100.0, 4.0 + 4.0));
        assert_eq!((tally.squared, tally.saturated, tally.elements), (1.0 + 2.25 + 4.0 + 16.0, 1, 4));
    }
}

//! The spikes of one image, neuron by neuron: of some neurons of each layer, for people to look at.

use super::layers::Activity;
use neurocuda_runtime::cpu::{ImageOutcome, Spike};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most neurons of all layers together, and of one layer; a layer has at least four.
const MOST_NEURONS: usize = 240;
const MOST_OF_LAYER: usize = 24;
const LEAST_OF_LAYER: usize = 4;

/// Most steps.
pub const MOST_STEPS: u32 = 1024;

/// Spikes of the first image: some neurons of each layer, evenly spaced among those that sent one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raster {
    /// Steps that are recorded, from the first on; at most 1024.
    pub steps: u32,
    /// Steps of the run.
    pub run_steps: u32,
    /// The layers, in the order of `layers` in the report.
    pub layers: Vec<RasterLayer>,
}

/// Neurons of a layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RasterLayer {
    /// Neurons of the layer that sent a spike.
    pub active: u64,
    /// Those that are shown.
    pub neurons: Vec<RasterNeuron>,
}

/// A neuron.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RasterNeuron {
    /// Its number in the layer, row-major.
    pub neuron: u64,
    /// One letter a step up to its last spike: `+` and `-` for a spike, `.` for none.
    pub spikes: String,
}

impl Raster {
    /// Keeps what `run` tells of, which runs an image again that did `activity`.
    ///
    /// # Errors
    ///
    /// As for `run`.
    pub fn record<E>(
        activity: &Activity,
        run: impl FnOnce(&mut dyn FnMut(Spike)) -> Result<ImageOutcome, E>,
    ) -> Result<Self, E> {
        let room = (MOST_NEURONS / activity.spikes.len().max(1)).clamp(LEAST_OF_LAYER, MOST_OF_LAYER);
        let mut layers = activity.spikes.iter().map(|spikes| choose(spikes, room)).collect::<Vec<_>>();
        let outcome = run(&mut |spike| {
            let neurons = &mut layers[spike.layer].neurons;
            let place = neurons.binary_search_by_key(&(spike.neuron as u64), |neuron| neuron.neuron);
            if let (Ok(place), true) = (place, spike.step < MOST_STEPS) {
                let letters = &mut neurons[place].spikes;
                letters.extend(std::iter::repeat_n('.', (spike.step as usize).saturating_sub(letters.len())));
                letters.push(if spike.value < 0 { '-' } else { '+' });
            }
        })?;
        Ok(Self { steps: outcome.steps.min(MOST_STEPS), run_steps: outcome.steps, layers })
    }

    /// Whether it can be one of a network with so many layers.
    pub fn fits(&self, layers: usize) -> bool {
        let is_neuron = |neuron: &RasterNeuron| {
            neuron.spikes.len() <= self.steps as usize
                && neuron.spikes.bytes().all(|letter| b"+-.".contains(&letter))
        };
        let is_layer =
            |layer: &RasterLayer| layer.neurons.len() <= MOST_OF_LAYER && layer.neurons.iter().all(is_neuron);
        self.steps <= MOST_STEPS && self.layers.len() == layers && self.layers.iter().all(is_layer)
    }
}

/// Up to `room` neurons that sent something, evenly spaced, ascending.
fn choose(spikes: &[u32], room: usize) -> RasterLayer {
    let active = (0..spikes.len()).filter(|&neuron| spikes[neuron] > 0).collect::<Vec<_>>();
    let count = active.len().min(room);
    let neurons = (0..count).map(|place| RasterNeuron {
        neuron: active[place * active.len() / count] as u64,
        spikes: String::new(),
    });
    RasterLayer { active: active.len() as u64, neurons: neurons.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neurons_that_are_shown_are_spread_over_those_that_spike() {
        let spikes = (0..100).map(|neuron| u32::from(neuron % 2 == 1)).collect::<Vec<_>>();
        let layer = choose(&spikes, 5);
        let neurons = layer.neurons.iter().map(|neuron| neuron.neuron).collect::<Vec<_>>();
        assert_eq!((layer.active, neurons), (50, vec![1, 21, 41, 61, 81]));
        assert_eq!(choose(&[0, 0, 3], 5).neurons.len(), 1);
        assert_eq!(choose(&[0; 9], 5), RasterLayer::default());
    }

    #[test]
    fn a_raster_that_nobody_recorded_is_seen() {
        let neuron = |spikes: &str| RasterNeuron { neuron: 0, spikes: spikes.to_owned() };
        let raster = |spikes: &str| Raster {
            steps: 4,
            run_steps: 4,
            layers: vec![RasterLayer { active: 1, neurons: vec![neuron(spikes)] }],
        };
        assert!(raster("..+-").fits(1) && !raster("..+-").fits(2));
        assert!(!raster("..+-+").fits(1) && !raster("<b>").fits(1));
        assert!(!Raster { steps: 5000, ..raster("") }.fits(1));
    }
}

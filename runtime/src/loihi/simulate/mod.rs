//! The whole-network simulator: cores that run microcode, step by step, with a barrier behind each step.
//!
//! In a step every core first adds up what arrives, over its synapses, then runs its neurons' program, and what they send arrives steps
//! later at the cores that it has routes to. Cores do not see each other within a step, so that they run in parallel and the result is the
//! same for every number of threads.

mod core;
mod load;
mod region;
mod rows;
mod table;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::core::{Core, CoreState, Projection};
use super::Population;
use rayon::prelude::*;
use region::Extent;

/// What a core did in a run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Runs of a neuron's program.
    pub updates: u64,
    /// Spikes that its neurons sent.
    pub spikes: u64,
    /// Spikes that it received.
    pub messages: u64,
    /// Tiles that those passed on their way.
    pub hops: u64,
    /// Weights that were added to an accumulator.
    pub synaptic_operations: u64,
}

impl std::ops::Sub for Counts {
    type Output = Self;

    /// What was done since `before`.
    fn sub(self, before: Self) -> Self {
        Self {
            updates: self.updates.saturating_sub(before.updates),
            spikes: self.spikes.saturating_sub(before.spikes),
            messages: self.messages.saturating_sub(before.messages),
            hops: self.hops.saturating_sub(before.hops),
            synaptic_operations: self.synaptic_operations.saturating_sub(before.synaptic_operations),
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.spikes += other.spikes;
        self.messages += other.messages;
        self.hops += other.hops;
        self.synaptic_operations += other.synaptic_operations;
    }
}

/// What a population sent in one step.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Elements, in the order of cores and of their neurons.
    pub elements: Vec<u32>,
    /// What each carries; never 0.
    pub payloads: Vec<i32>,
    /// What came from which core.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    /// The core; `None` for the host.
    core: Option<usize>,
    range: Range<usize>,
}

impl Sent {
    fn clear(&mut self) {
        self.elements.clear();
        self.payloads.clear();
        self.parts.clear();
    }

    fn extend(&mut self, core: Option<usize>, elements: &[u32], payloads: &[i32]) {
        let start = self.elements.len();
        self.elements.extend(elements);
        self.payloads.extend(payloads);
        self.parts.push(Part { core, range: start..self.elements.len() });
    }
}

/// A population of the network.
#[derive(Debug)]
struct Layer {
    extent: Extent,
    projections: Vec<Projection>,
    /// Numbers of its cores.
    cores: Vec<usize>,
    /// Steps for which what it sends is kept.
    memory: usize,
    /// Names of the words of state of its neurons.
    states: Vec<String>,
}

/// A network on cores, ready to run. [`Simulator::new`] checks the whole of it.
#[derive(Debug)]
pub struct Simulator {
    layers: Vec<Layer>,
    cores: Vec<Core>,
    accumulator_bits: u32,
    payload_bits: u32,
}

impl Simulator {
    /// Memory of a run.
    pub fn start(&self) -> Run {
        Run {
            cores: self.cores.iter().map(CoreState::new).collect(),
            history: self.layers.iter().map(|layer| vec![Sent::default(); layer.memory]).collect(),
            step: 0,
        }
    }

    /// Number of cores.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Names of the words of state of a population's neurons.
    pub fn states_of(&self, population: usize) -> &[String] {
        self.layers.get(population).map_or(&[], |layer| &layer.states)
    }

    /// Population that a core holds a slice of.
    pub fn population_of(&self, core: usize) -> Option<usize> {
        self.cores.get(core).map(|core| core.population)
    }
}

/// A run of one sample.
#[derive(Clone, Debug)]
pub struct Run {
    cores: Vec<CoreState>,
    /// By population and step, as far back as anybody waits.
    history: Vec<Vec<Sent>>,
    step: usize,
}

impl Run {
    /// Back to before the first step.
    pub fn reset(&mut self) {
        self.cores.iter_mut().for_each(CoreState::reset);
        self.history.iter_mut().flatten().for_each(Sent::clear);
        self.step = 0;
    }

    /// One step, in which the host injects `elements` of the network input, each with what it carries.
    pub fn step(&mut self, simulator: &Simulator, elements: &[u32], payloads: &[i32]) {
        let Self { cores, history, step } = self;
        let now = *step;
        let slot = |ring: &[Sent]| now % ring.len().max(1);
        if let Some(ring) = history.first_mut() {
            let at = slot(ring);
            if let Some(sent) = ring.get_mut(at) {
                sent.clear();
                sent.extend(None, elements, payloads);
            }
        }
        let widths = (simulator.accumulator_bits, simulator.payload_bits);
        cores.par_iter_mut().zip(&simulator.cores).for_each(|(state, core)| {
            let projections = simulator.layers.get(core.population).map(|layer| layer.projections.as_slice());
            state.step(core, projections.unwrap_or_default(), history, now, widths);
        });
        for (layer, ring) in simulator.layers.iter().zip(history.iter_mut()).skip(1) {
            let at = slot(ring);
            let Some(sent) = ring.get_mut(at) else { continue };
            sent.clear();
            for &number in &layer.cores {
                if let Some(core) = cores.get(number).filter(|core| !core.elements.is_empty()) {
                    sent.extend(Some(number), &core.elements, &core.payloads);
                }
            }
        }
        *step += 1;
    }

    /// What a population sent in the last step; nothing before the first.
    pub fn sent(&self, population: usize) -> Option<&Sent> {
        let ring = self.history.get(population)?;
        ring.get(self.step.checked_sub(1)? % ring.len().max(1))
    }

    /// What the first probe of a population's neurons shows after the last step, element by element; empty if they have none.
    pub fn probe(&self, simulator: &Simulator, population: usize) -> Vec<i32> {
        self.gathered(simulator, population, |neurons| neurons.probe(0))
    }

    /// What a word of state of a population's neurons holds after the last step, element by element.
    pub fn state(&self, simulator: &Simulator, population: usize, word: usize) -> Vec<i32> {
        self.gathered(simulator, population, |neurons| neurons.state(word))
    }

    /// A value of a population's neurons on all its cores, element by element.
    fn gathered(
        &self,
        simulator: &Simulator,
        population: usize,
        of: impl Fn(&Population) -> &[i32],
    ) -> Vec<i32> {
        let Some(layer) = simulator.layers.get(population) else { return vec![] };
        let mut values = vec![0; layer.extent.elements()];
        for &number in &layer.cores {
            let (Some(state), Some(core)) = (self.cores.get(number), simulator.cores.get(number)) else {
                continue;
            };
            for (&element, &value) in core.elements.iter().zip(of(&state.neurons)) {
                if let Some(slot) = values.get_mut(element as usize) {
                    *slot = value;
                }
            }
        }
        values
    }

    /// Synaptic operations of all cores so far.
    pub fn synaptic_operations(&self) -> u64 {
        self.cores.iter().map(|core| core.counts.synaptic_operations).sum()
    }

    /// What each core has done so far.
    pub fn counts(&self) -> Vec<Counts> {
        self.cores.iter().map(|core| core.counts).collect()
    }
}

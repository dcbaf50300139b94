//! What a slice of a population needs of a core, and whether it has it.
//!
//! The rules are in `docs/src/loihi-mapping.md`, each with its evidence.

use super::{
    chip::{Chip, SynapseFormat},
    network::{Population, Projection, Region, Shape, Synapses, WORD_BYTES},
};
use serde::Serialize;

/// What a slice needs of its core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Demand {
    /// Neurons.
    pub neurons: u64,
    /// Words of synaptic memory.
    pub synaptic_words: u64,
    /// Bytes of state and parameters.
    pub state_bytes: u64,
    /// Bytes of accumulators: one for each neuron and each step that a spike may be under way.
    pub accumulator_bytes: u64,
    /// Input axons.
    pub axons_in: u64,
    /// Output axons.
    pub axons_out: u64,
}

/// One limit of a core beside what a slice needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Limit {
    /// Name of the limit: its key in the chip file.
    pub limit: &'static str,
    /// What is needed.
    pub demand: u64,
    /// What there is.
    pub available: u64,
}

impl Limit {
    /// Whether the demand is within it.
    pub fn holds(&self) -> bool {
        self.demand <= self.available
    }
}

impl Demand {
    /// Each limit of a core of `chip` beside this demand; `neuron_bytes` are those of one neuron.
    pub fn against(&self, chip: &Chip, neuron_bytes: u64) -> [Limit; 6] {
        let core = &chip.core;
        let limit = |limit, demand, available| Limit { limit, demand, available };
        [
            limit("neurons", self.neurons, core.neurons),
            limit("neuron_bytes", neuron_bytes, core.neuron_bytes),
            limit("synaptic_words", self.synaptic_words, core.synaptic_words),
            limit("axons_in", self.axons_in, core.axons_in),
            limit("axons_out", self.axons_out, core.axons_out),
            limit("memory_bytes", self.memory_bytes(&chip.synapses), core.memory_bytes),
        ]
    }

    /// Bytes for synapses, state and accumulators together.
    pub fn memory_bytes(&self, format: &SynapseFormat) -> u64 {
        (self.synaptic_words * format.word_bits).div_ceil(8) + self.state_bytes + self.accumulator_bytes
    }
}

/// Needs that follow from the slice alone; `axons_in` counts those of synapses that are not shared, `axons_out` none.
pub fn of_slice(chip: &Chip, population: &Population, incoming: &[&Projection], slice: &Region) -> Demand {
    let neurons = slice.elements(population.shape.rows) as u64;
    let longest = incoming.iter().map(|projection| u64::from(projection.delay)).max().unwrap_or(0);
    let mut demand = Demand {
        neurons,
        state_bytes: neurons * population.neuron_bytes(),
        accumulator_bytes: neurons * (longest + 1) * WORD_BYTES,
        ..Demand::default()
    };
    for projection in incoming {
        let (words, axons) = synapses(&chip.synapses, projection, population.shape, slice);
        demand.synaptic_words += words;
        demand.axons_in += axons;
    }
    demand
}

/// Words of the synapses of one projection into a slice of a population of `shape`, and their input axons if they are not shared.
fn synapses(format: &SynapseFormat, projection: &Projection, shape: Shape, slice: &Region) -> (u64, u64) {
    let tables = projection.tables.len() as u64;
    match &projection.synapses {
        Synapses::Shared(kernel) => {
            let words = projection
                .tables
                .iter()
                .map(|&bits| {
                    let places = (kernel.rows * kernel.columns) as u64;
                    places
                        * shared_words(format, projection.input.channels, shape, kernel.groups, slice, bits)
                })
                .sum();
            (words, 0)
        }
        Synapses::Dense => {
            let axons = inputs(projection);
            let neurons = slice.elements(shape.rows) as u64;
            (axons * tables * axon_words(format, neurons), axons)
        }
        Synapses::Sparse(pairs) => {
            let (mut words, mut axons) = (0, 0);
            for of_input in pairs.chunk_by(|a, b| a.0 == b.0) {
                let synapses =
                    of_input.iter().filter(|pair| slice.contains(shape, pair.1 as usize)).count() as u64;
                if synapses > 0 {
                    words += tables * axon_words(format, synapses);
                    axons += 1;
                }
            }
            (words, axons)
        }
    }
}

/// Words of one place of a shared kernel: each input channel has a row of weights, to the neurons of its group at that place.
fn shared_words(
    format: &SynapseFormat,
    inputs: usize,
    shape: Shape,
    groups: usize,
    slice: &Region,
    bits: u32,
) -> u64 {
    let per_group = (shape.channels / groups.max(1)).max(1);
    let inputs = (inputs / groups.max(1)).max(1) as u64;
    let first = slice.channels.start / per_group;
    let words = (first..slice.channels.end.div_ceil(per_group)).map(|group| {
        let start = slice.channels.start.max(group * per_group);
        let outputs = slice.channels.end.min((group + 1) * per_group) - start;
        inputs * (outputs as u64 * u64::from(bits)).div_ceil(format.word_bits)
    });
    words.sum()
}

/// Words of an input axon with `synapses` synapses that are not shared.
fn axon_words(format: &SynapseFormat, synapses: u64) -> u64 {
    (synapses * format.dense_bits + format.header_bits).div_ceil(format.word_bits)
}

/// Elements of the input that a source writes.
fn inputs(projection: &Projection) -> u64 {
    match &projection.axons {
        None => projection.input.elements() as u64,
        Some(pairs) => {
            let mut written = pairs.iter().map(|pair| pair.1).collect::<Vec<_>>();
            written.sort_unstable();
            written.dedup();
            written.len() as u64
        }
    }
}

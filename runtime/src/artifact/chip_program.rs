//! The part of an artifact that is for Loihi 2: populations, their synapses, and the cores that hold them.
//!
//! But for programs of a user's own it computes what [`super::Program`] computes, spike for spike: each layer of neurons of the program is a population on the cores, its
//! input is what the host injects, and its readouts are populations whose sums the host reads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::program::TensorName;

/// A network on cores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipProgram {
    /// The chips.
    pub chip: ChipLayout,
    /// Neuron programs by name, as assembly text.
    pub programs: BTreeMap<String, String>,
    /// The network input first, then populations of neurons and of readouts; each reads only earlier ones.
    pub populations: Vec<ChipPopulation>,
    /// The cores, each with a slice of one population.
    pub cores: Vec<ChipCore>,
}

/// What was assumed of the chips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipLayout {
    /// Name of the chip description.
    pub name: String,
    /// Chips that are used.
    pub chips: u32,
    /// Neuro cores of a chip.
    pub cores: u32,
    /// Tiles from west to east, tiles from north to south, and cores of a tile.
    pub mesh: [u32; 3],
    /// Width of the sum of what arrives at a neuron in one step, in bits, sign included.
    pub accumulator_bits: u32,
    /// Width of a word of state.
    pub state_bits: u32,
    /// Width of what one spike carries.
    pub payload_bits: u32,
}

impl ChipProgram {
    /// The first op whose neurons run a program of the user's own, and that program.
    pub fn attached(&self) -> Option<(&str, &str)> {
        self.populations.iter().find_map(|population| {
            let neurons = population.neurons.as_ref().filter(|neurons| neurons.attached)?;
            Some((population.op.as_str(), neurons.program.as_str()))
        })
    }
}

/// A population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipPopulation {
    /// Op of the artifact's program: the encoder for the network input, else neurons or a readout. Shape and order of the elements are
    /// those of its value.
    pub op: String,
    /// Program that its neurons run; absent for the network input, which the host injects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neurons: Option<ChipNeurons>,
    /// Its synapses; what they add meets in the neurons' accumulators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub synapses: Vec<ChipSynapses>,
}

/// What neurons run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipNeurons {
    /// Name of the program.
    pub program: String,
    /// Whether it is a program of the user's own, which does not compute what the op does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attached: bool,
    /// Names of its parameters.
    pub parameter_names: Vec<String>,
    /// i32 `[parameters, C]`, or `[parameters, neurons]`.
    pub parameters: TensorName,
}

/// A table of synapses and the axons in front of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipSynapses {
    /// Where spikes come from.
    pub axons: Vec<ChipAxon>,
    /// Shape of what the synapses read.
    pub input: Vec<usize>,
    /// The synapses.
    pub table: ChipTable,
    /// Power of two that the sum of a step is multiplied by, rounded down.
    pub exponent: i32,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// `mixed`, `excitatory` or `inhibitory`.
    pub sign_mode: String,
}

/// What a population sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipAxon {
    /// The population.
    pub population: usize,
    /// Steps until it arrives; 0 for what the host injects.
    pub delay: u32,
    /// i32 `[n, 2]`: an element of the population, and the element of the synapses' input that it is; absent where both are the same,
    /// in row-major order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<TensorName>,
}

/// Which inputs reach which neurons. Weights are i16.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ChipTable {
    /// `[outputs, inputs]`.
    Dense {
        /// Name of the weights.
        weight: TensorName,
    },
    /// A kernel `[O, I / groups, k…]` that all places share; as [`super::program::OpKind::Conv`].
    Conv {
        /// Name of the weights.
        weight: TensorName,
        /// For each spatial axis.
        stride: Vec<usize>,
        /// The same on both sides.
        padding: Vec<usize>,
        /// From one tap to the next.
        dilation: Vec<usize>,
        /// Groups of channels.
        groups: usize,
    },
    /// `[C]`: one synapse a neuron, from the element at its place.
    Identity {
        /// Name of the weights.
        weight: TensorName,
    },
    /// Synapse `i` leads from input `pairs[i, 0]` to neuron `pairs[i, 1]`.
    Sparse {
        /// i32 `[n, 2]`.
        pairs: TensorName,
        /// `[n]`.
        weight: TensorName,
    },
}

/// A core with a slice of a population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipCore {
    /// Chip, column and row of the tile, and core of the tile.
    pub place: [u32; 4],
    /// The population.
    pub population: usize,
    /// First channel and the one behind the last; for dense layers, neurons.
    pub channels: [usize; 2],
    /// First place along the last axis and the one behind the last; all other places are on the core.
    pub columns: [usize; 2],
    /// Cores that it sends to.
    pub routes: Vec<ChipRoute>,
}

/// Where a core sends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipRoute {
    /// The core, by its number.
    pub to: usize,
    /// Tiles that a message passes.
    pub hops: u32,
}

//! What is to be mapped: populations of neurons and the synapses between them.

use petgraph::graph::{DiGraph, NodeIndex};
use std::{ops::Range, sync::Arc};

/// Populations, and the synapses from one to the other.
pub type Network = DiGraph<Population, Projection>;

/// Extent of a population or of the input of its synapses: elements in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels, or the outputs of a dense layer.
    pub channels: usize,
    /// All axes between the channels and the last one, as one.
    pub rows: usize,
    /// The last axis, along which layers are cut; 1 for a dense layer.
    pub columns: usize,
}

impl Shape {
    /// Of a sample's axes, channels first.
    pub fn of(axes: &[usize]) -> Self {
        match axes {
            [] => Self { channels: 1, rows: 1, columns: 1 },
            [channels] => Self { channels: *channels, rows: 1, columns: 1 },
            [channels, rows @ .., columns] => {
                Self { channels: *channels, rows: rows.iter().product(), columns: *columns }
            }
        }
    }

    /// Number of elements.
    pub fn elements(self) -> usize {
        self.channels * self.rows * self.columns
    }

    /// The whole of it.
    pub fn whole(self) -> Region {
        Region { channels: 0..self.channels, columns: 0..self.columns }
    }

    /// Channel and column of an element.
    pub fn place(self, element: usize) -> (usize, usize) {
        (element / (self.rows * self.columns).max(1), element % self.columns.max(1))
    }
}

/// A part of a [`Shape`] with all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Channels.
    pub channels: Range<usize>,
    /// Columns.
    pub columns: Range<usize>,
}

impl Region {
    /// Number of elements, of `rows` rows.
    pub fn elements(&self, rows: usize) -> usize {
        self.channels.len() * rows * self.columns.len()
    }

    /// Whether an element of `shape` lies in it.
    pub fn contains(&self, shape: Shape, element: usize) -> bool {
        let (channel, column) = shape.place(element);
        self.channels.contains(&channel) && self.columns.contains(&column)
    }

    /// What both have in common.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            channels: common(&self.channels, &other.channels),
            columns: common(&self.columns, &other.columns),
        }
    }
}

/// What two ranges have in common.
fn common(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// Where a population lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// On neuro cores.
    Cores,
    /// Outside of the mesh: the network's input, which the host injects.
    Host,
}

/// A population of neurons that run one program.
#[derive(Clone, Debug)]
pub struct Population {
    /// Name of the layer.
    pub name: String,
    /// Where the layer comes from, as `file:line:column`; empty if unknown.
    pub source: String,
    /// Number and order of the neurons.
    pub shape: Shape,
    /// Words of state of each neuron.
    pub state_words: u64,
    /// Words of parameters that differ from neuron to neuron.
    pub parameter_words: u64,
    /// Where it lives.
    pub home: Home,
}

/// Bytes of a word of state and of an accumulator.
pub const WORD_BYTES: u64 = 4;

impl Population {
    /// Bytes that one neuron takes.
    pub fn neuron_bytes(&self) -> u64 {
        (self.state_words + self.parameter_words) * WORD_BYTES
    }
}

/// Synapses from one population to another.
#[derive(Clone, Debug)]
pub struct Projection {
    /// Extent of what the synapses read.
    pub input: Shape,
    /// Which neuron of the source writes which element of the input; `None`: element for element.
    pub axons: Option<Arc<[(u32, u32)]>>,
    /// The synapses.
    pub synapses: Synapses,
    /// Bits of a weight of each table; a weight that one table cannot hold stands in several.
    pub tables: Vec<u32>,
    /// Steps from a spike to its arrival.
    pub delay: u32,
}

/// Which inputs reach which neurons.
#[derive(Clone, Debug)]
pub enum Synapses {
    /// A kernel that all places share.
    Shared(Kernel),
    /// Every input reaches every neuron.
    Dense,
    /// Pairs of an input and a neuron, in ascending order.
    Sparse(Arc<[(u32, u32)]>),
}

/// A shared kernel; its extent over rows, and along the columns all of its geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Places of the kernel over all axes but the last.
    pub rows: usize,
    /// Places along the last axis.
    pub columns: usize,
    /// Columns of the input from one neuron to the next.
    pub stride: usize,
    /// Columns of silence in front of the input.
    pub padding: usize,
    /// Columns of the input from one place of the kernel to the next.
    pub dilation: usize,
    /// Groups of channels.
    pub groups: usize,
}

impl Kernel {
    /// One synapse a neuron, from the element at its place.
    pub fn identity(channels: usize) -> Self {
        Self { rows: 1, columns: 1, stride: 1, padding: 0, dilation: 1, groups: channels.max(1) }
    }

    /// What the neurons of `region`, of a population of `channels` channels, read of `input`.
    pub fn reads(&self, region: &Region, channels: usize, input: Shape) -> Region {
        let per_group = (channels / self.groups).max(1);
        let groups = region.channels.start / per_group..region.channels.end.div_ceil(per_group);
        let inputs = input.channels / self.groups.max(1);
        let clip = |column: usize| column.saturating_sub(self.padding).min(input.columns);
        let last =
            region.columns.end.saturating_sub(1) * self.stride + self.dilation * (self.columns - 1) + 1;
        Region {
            channels: (groups.start * inputs).min(input.channels)..(groups.end * inputs).min(input.channels),
            columns: clip(region.columns.start * self.stride)..clip(last),
        }
    }
}

/// The cores' populations, in topological order as far as that exists, else in the order of their numbers.
pub fn in_order(network: &Network) -> Vec<NodeIndex> {
    petgraph::algo::toposort(network, None).unwrap_or_else(|_| network.node_indices().collect())
}

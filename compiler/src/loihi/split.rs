//! Cuts populations into slices that fit a core each.
//!
//! Convolutions are cut as the published compile reports cut them: along the last axis in equal widths that are powers of two, with all
//! rows and channels and a copy of the kernel on each core; the widest that fits. Where one column does not fit, the output channels
//! are cut into as few equal parts as will do; a dense layer has channels only. Where one channel of one column does not fit, the
//! input channels are cut: *relays*, populations of their own, add up a part each and pass the sums on a step later.

use super::{
    chip::Chip,
    demand::{Limit, of_slice},
    network::{Home, Kernel, Network, Population, Projection, Region, Shape, Synapses},
};
use petgraph::{
    Direction,
    graph::{EdgeIndex, NodeIndex},
    visit::EdgeRef,
};
use std::{ops::Range, sync::Arc};

/// Equal parts of `0..size`, the larger ones first.
fn parts(size: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let (small, larger) = (size / count, size % count);
    (0..count).map(move |part| {
        let start = part * small + part.min(larger);
        start..start + small + usize::from(part < larger)
    })
}

/// The slices of a population, of at most `most_neurons` neurons each.
///
/// # Errors
///
/// If one channel of one column does not fit: each limit of a core beside what that needs.
pub fn cut(
    chip: &Chip,
    population: &Population,
    incoming: &[&Projection],
    most_neurons: u64,
) -> Result<Vec<Region>, Vec<Limit>> {
    let shape = population.shape;
    let limits =
        |slice: &Region| of_slice(chip, population, incoming, slice).against(chip, population.neuron_bytes());
    let fits = |slice: &Region| {
        slice.elements(shape.rows) as u64 <= most_neurons && limits(slice).iter().all(Limit::holds)
    };
    for count in 1..=shape.channels {
        let channels = || parts(shape.channels, count);
        let all_fit = |width: usize| channels().all(|channels| fits(&Region { channels, columns: 0..width }));
        // What the last part of a power of two leaves empty counts, as in the reports.
        let widths = (0..usize::BITS - 1).map(|power| 1_usize << power);
        let covering = shape.columns.next_power_of_two();
        let Some(width) = widths.take_while(|&width| width <= covering && all_fit(width)).last() else {
            continue;
        };
        let columns = (0..shape.columns).step_by(width);
        let slices = columns
            .flat_map(|start| {
                let columns = start..(start + width).min(shape.columns);
                channels().map(move |channels| Region { channels, columns: columns.clone() })
            })
            .collect::<Vec<_>>();
        if slices.iter().all(fits) {
            return Ok(slices);
        }
    }
    Err(limits(&Region { channels: 0..1, columns: 0..1 }).to_vec())
}

/// Puts relays in front of population `node`, which has none: as few for each projection as let them fit. Whether that helps.
pub fn add_relays(chip: &Chip, network: &mut Network, node: NodeIndex) -> bool {
    let Some(additions) = pieces(chip, network, node) else { return false };
    insert(network, node, &additions);
    true
}

/// Synapses into a population, their source, and the parts that fit a core each.
type Pieces = (EdgeIndex, NodeIndex, Vec<Projection>);

fn pieces(chip: &Chip, network: &Network, node: NodeIndex) -> Option<Vec<Pieces>> {
    let population = &network[node];
    let mut additions = Vec::new();
    for edge in network.edges_directed(node, Direction::Incoming) {
        let (edge, source) = (edge.id(), edge.source());
        let projection = network[edge].clone();
        let fits = |projection: &Projection| {
            cut(chip, &relay(population, ""), &[projection], chip.core.neurons).is_ok()
        };
        if matches!(&projection.synapses, Synapses::Shared(kernel) if kernel.groups > 1) && !fits(&projection)
        {
            return None;
        }
        let from = network[source].shape;
        let pieces = (1..=projection.input.channels)
            .map(|count| {
                let channels = parts(projection.input.channels, count);
                channels.map(|channels| restricted(&projection, from, &channels)).collect::<Option<Vec<_>>>()
            })
            .find(|pieces| pieces.as_ref().is_none_or(|pieces| pieces.iter().all(fits)));
        additions.push((edge, source, pieces.flatten()?));
    }
    Some(additions)
}

fn insert(network: &mut Network, node: NodeIndex, additions: &[Pieces]) {
    let population = network[node].clone();
    let mut count = 0;
    for (edge, source, pieces) in additions {
        let delay = network[*edge].delay;
        for piece in pieces {
            let relay = network.add_node(relay(&population, &format!(".inputs{count}")));
            count += 1;
            network.add_edge(*source, relay, piece.clone());
            let sums = Projection {
                input: population.shape,
                axons: None,
                synapses: Synapses::Shared(Kernel::identity(population.shape.channels)),
                tables: vec![2],
                delay,
            };
            network.add_edge(relay, node, sums);
        }
    }
    // By falling index, because an edge that goes gives its index to the last one.
    let mut old = additions.iter().map(|(edge, ..)| *edge).collect::<Vec<_>>();
    old.sort_unstable();
    old.into_iter().rev().for_each(|edge| drop(network.remove_edge(edge)));
}

/// A population that adds up part of the input of another and keeps nothing.
fn relay(of: &Population, suffix: &str) -> Population {
    Population {
        name: of.name.clone() + suffix,
        source: of.source.clone(),
        shape: of.shape,
        state_words: 0,
        parameter_words: 0,
        home: Home::Cores,
    }
}

/// The synapses of some input channels alone; `None` if there are pairs, which belong to no channel.
fn restricted(projection: &Projection, from: Shape, channels: &Range<usize>) -> Option<Projection> {
    let whole = projection.input;
    let input = Shape { channels: channels.len(), ..whole };
    if input == whole {
        return Some(projection.clone());
    }
    if matches!(projection.synapses, Synapses::Sparse(_)) {
        return None;
    }
    let start = (channels.start * whole.rows * whole.columns) as u32;
    let kept = start..start + input.elements() as u32;
    let identity = (0..from.elements() as u32).map(|element| (element, element)).collect::<Vec<_>>();
    let axons = projection.axons.as_deref().unwrap_or(&identity);
    let axons = axons.iter().filter(|pair| kept.contains(&pair.1)).map(|pair| (pair.0, pair.1 - start));
    Some(Projection { input, axons: Some(axons.collect::<Arc<[_]>>()), ..projection.clone() })
}

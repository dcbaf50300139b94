//! Maps a network: slices, what they need, routes and places.

use super::{
    chip::Chip,
    demand::{Demand, Limit, of_slice},
    network::{Home, Network, Projection, Region, Shape, Synapses, in_order},
    place::{Place, Traffic, place},
    split,
};
use petgraph::{Direction, graph::NodeIndex, visit::EdgeRef};
use std::collections::BTreeMap;

/// A core with the slice that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Population of the slice.
    pub population: NodeIndex,
    /// The slice.
    pub region: Region,
    /// What it needs.
    pub demand: Demand,
    /// Where the core stands.
    pub place: Place,
}

/// Messages from one core to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Core that sends, by its number.
    pub from: usize,
    /// Core that receives.
    pub to: usize,
    /// Neurons of the one that reach the other.
    pub neurons: u64,
    /// Hops of a message.
    pub hops: u64,
    /// Steps from a spike to its arrival.
    pub delay: u32,
}

/// A network on cores.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The network: as given, with relays where inputs had to be cut.
    pub network: Network,
    /// How many of the populations are relays, which stand behind the others.
    pub relays: usize,
    /// The cores that are used.
    pub cores: Vec<Core>,
    /// Which core sends to which; those of the host's input are left out.
    pub routes: Vec<Route>,
    /// Chips that are used.
    pub chips: u32,
    /// Hops of one spike of every neuron, before places were exchanged.
    pub hops_before: u64,
    /// The same with these places.
    pub hops_after: u64,
}

/// Why a network does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// Not even one neuron's column of one channel fits a core.
    #[error(
        "chip-capacity: the smallest slice of layer `{layer}` does not fit a core of `{chip}`: {}; \
         state what the chip has in a chip file, or make the layer smaller",
        table(.limits)
    )]
    Slice {
        /// Name of the layer.
        layer: String,
        /// Where it comes from; empty if unknown.
        source_place: String,
        /// Name of the chip.
        chip: String,
        /// Each limit and what is needed.
        limits: Vec<Limit>,
    },
    /// There are not enough cores.
    #[error(
        "chip-capacity: the network takes {needed} cores, and `{chip}` has {available} ({chips} of {per_chip}): {}; \
         layer `{layer}` takes the most; state more chips in a chip file, or compile with fewer channels or lower --weight-bits",
        cores_of(.layers)
    )]
    Cores {
        /// Cores that are needed.
        needed: u64,
        /// Cores that there are.
        available: u64,
        /// Number of chips.
        chips: u32,
        /// Cores of a chip.
        per_chip: u32,
        /// Name of the chip.
        chip: String,
        /// Layer that takes most cores.
        layer: String,
        /// What each layer takes, and which limit is nearest to being reached.
        layers: Vec<LayerDemand>,
    },
    /// The network goes in a circle.
    #[error(
        "chip-network: the populations `{0}` and others feed each other in a circle, which this mapper does not carry"
    )]
    Cycle(String),
}

/// What a layer takes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct LayerDemand {
    /// Name of the layer.
    pub layer: String,
    /// Where it comes from, as `file:line:column`; empty if unknown.
    pub source: String,
    /// Number of neurons.
    pub neurons: u64,
    /// Number of cores.
    pub cores: u64,
    /// Each limit of a core, with the most that a core of the layer needs.
    pub limits: Vec<Limit>,
}

impl LayerDemand {
    /// The limit that the layer comes nearest to.
    pub fn tightest(&self) -> Option<&Limit> {
        self.limits
            .iter()
            .max_by(|a, b| (a.demand * b.available).cmp(&(b.demand * a.available)).then(b.limit.cmp(a.limit)))
    }
}

fn table(limits: &[Limit]) -> String {
    let line = |limit: &Limit| {
        let mark = if limit.holds() { "" } else { ", too much" };
        format!("{} {} of {}{mark}", limit.limit, limit.demand, limit.available)
    };
    limits.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn cores_of(layers: &[LayerDemand]) -> String {
    let line = |layer: &LayerDemand| {
        let tightest = layer.tightest().map(|l| format!(", {} {} of {}", l.limit, l.demand, l.available));
        format!(
            "`{}` {} cores ({} neurons{})",
            layer.layer,
            layer.cores,
            layer.neurons,
            tightest.unwrap_or_default()
        )
    };
    layers.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// Maps `network` onto `chip`.
///
/// # Errors
///
/// If a layer or the whole does not fit.
pub fn map(mut network: Network, chip: &Chip) -> Result<Mapping, MapError> {
    if let Err(cycle) = petgraph::algo::toposort(&network, None) {
        return Err(MapError::Cycle(network[cycle.node_id()].name.clone()));
    }
    let given = network.node_count();
    let mut most = vec![chip.core.neurons; given];
    loop {
        let slices = cut_all(&mut network, chip, &mut most)?;
        let (cores, traffic) = connect(&network, chip, &slices);
        // Axons depend on how the other end is cut, so they are known only now.
        let over = cores.iter().filter(|core| !limits(&network, chip, core).iter().all(Limit::holds));
        let mut over = over.map(|core| core.population).collect::<Vec<_>>();
        over.dedup();
        if over.is_empty() {
            return finish(network, given, chip, cores, &traffic);
        }
        for node in over {
            let population = &network[node];
            let largest = slices[node.index()].iter().map(|slice| slice.elements(population.shape.rows));
            let largest = largest.max().unwrap_or(0) as u64;
            if largest <= population.shape.rows as u64 {
                let worst = cores.iter().find(|core| {
                    core.population == node && !limits(&network, chip, core).iter().all(Limit::holds)
                });
                return Err(MapError::Slice {
                    layer: population.name.clone(),
                    source_place: population.source.clone(),
                    chip: chip.name.clone(),
                    limits: worst.map(|core| limits(&network, chip, core).to_vec()).unwrap_or_default(),
                });
            }
            most[node.index()] = (largest / 2).max(population.shape.rows as u64);
        }
    }
}

fn limits(network: &Network, chip: &Chip, core: &Core) -> [Limit; 6] {
    core.demand.against(chip, network[core.population].neuron_bytes())
}

/// The slices of each population, by its index; none of what lives on the host.
fn cut_all(network: &mut Network, chip: &Chip, most: &mut Vec<u64>) -> Result<Vec<Vec<Region>>, MapError> {
    let mut slices = Vec::new();
    let mut index = 0;
    // Relays come in behind as populations of their own.
    while index < network.node_count() {
        let node = NodeIndex::new(index);
        most.resize(network.node_count().max(most.len()), chip.core.neurons);
        let population = &network[node];
        if population.home == Home::Host {
            slices.push(vec![]);
            index += 1;
            continue;
        }
        let incoming =
            network.edges_directed(node, Direction::Incoming).map(|edge| edge.weight()).collect::<Vec<_>>();
        match split::cut(chip, population, &incoming, most[index]) {
            Ok(cut) => {
                slices.push(cut);
                index += 1;
            }
            Err(limits) => {
                let error = MapError::Slice {
                    layer: population.name.clone(),
                    source_place: population.source.clone(),
                    chip: chip.name.clone(),
                    limits: limits.clone(),
                };
                let own = limits.iter().filter(|limit| !limit.holds());
                let by_inputs = own.clone().count() > 0
                    && own
                        .clone()
                        .all(|limit| ["synaptic_words", "axons_in", "memory_bytes"].contains(&limit.limit));
                let already = population_has_relays(network, node);
                if already || !by_inputs || !split::add_relays(chip, network, node) {
                    return Err(error);
                }
            }
        }
    }
    Ok(slices)
}

fn population_has_relays(network: &Network, node: NodeIndex) -> bool {
    let prefix = network[node].name.clone() + ".inputs";
    network
        .neighbors_directed(node, Direction::Incoming)
        .any(|source| network[source].name.starts_with(&prefix))
}

/// The cores with all that they need, and the messages between them.
fn connect(network: &Network, chip: &Chip, slices: &[Vec<Region>]) -> (Vec<Core>, Vec<(Traffic, u32)>) {
    let mut cores = Vec::new();
    let mut first = vec![0; slices.len()];
    for node in in_order(network) {
        let incoming =
            network.edges_directed(node, Direction::Incoming).map(|edge| edge.weight()).collect::<Vec<_>>();
        first[node.index()] = cores.len();
        for region in &slices[node.index()] {
            let demand = of_slice(chip, &network[node], &incoming, region);
            let place = Place { chip: 0, column: 0, row: 0, core: 0 };
            cores.push(Core { population: node, region: region.clone(), demand, place });
        }
    }
    let mut traffic = BTreeMap::<(usize, usize), (u64, u32)>::new();
    for edge in network.edge_references() {
        let (source, target) = (edge.source().index(), edge.target().index());
        let reach = Reach::new(edge.weight(), network[edge.source()].shape, network[edge.target()].shape);
        let shared = matches!(edge.weight().synapses, Synapses::Shared(_));
        let positional = shared && reach.is_regular();
        let mut sends = vec![false; slices[source].len()];
        for (number, region) in slices[target].iter().enumerate() {
            let to = first[target] + number;
            let counts = reach.neurons(region, &slices[source]);
            if shared {
                // The host's input is one population axon.
                let populations = counts.iter().filter(|&&count| count > 0).count().max(1);
                cores[to].demand.axons_in += populations as u64;
            }
            for (slice, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let from = first[source] + slice;
                let entry = traffic.entry((from, to)).or_insert((0, edge.weight().delay));
                entry.0 = entry.0.max(count);
                entry.1 = entry.1.max(edge.weight().delay);
                sends[slice] = true;
                if positional {
                    cores[from].demand.axons_out += reach.positions(region, &slices[source][slice]);
                }
            }
        }
        for (slice, _) in sends.iter().enumerate().filter(|(_, sends)| **sends && !positional) {
            let from = &mut cores[first[source] + slice];
            from.demand.axons_out += from.demand.neurons;
        }
    }
    let traffic = traffic
        .into_iter()
        .map(|((from, to), (neurons, delay))| (Traffic { from, to, neurons }, delay))
        .collect();
    (cores, traffic)
}

/// Which neurons of the source of a projection reach which of the target.
struct Reach<'p> {
    projection: &'p Projection,
    source: Shape,
    target: Shape,
}

impl<'p> Reach<'p> {
    fn new(projection: &'p Projection, source: Shape, target: Shape) -> Self {
        Self { projection, source, target }
    }

    /// Whether the input is the source, element for element.
    fn is_regular(&self) -> bool {
        self.projection.axons.is_none() && self.projection.input == self.source
    }

    /// How many neurons of each slice of the source reach a slice of the target.
    fn neurons(&self, region: &Region, slices: &[Region]) -> Vec<u64> {
        let Projection { input, axons, synapses, .. } = self.projection;
        let reads = match synapses {
            Synapses::Shared(kernel) => kernel.reads(region, self.target.channels, *input),
            Synapses::Dense | Synapses::Sparse(_) => input.whole(),
        };
        match (synapses, axons) {
            (Synapses::Dense, None) => {
                return slices.iter().map(|slice| slice.elements(self.source.rows) as u64).collect();
            }
            (Synapses::Shared(_), None) if self.is_regular() => {
                let count = |slice: &Region| slice.and(&reads).elements(self.source.rows) as u64;
                return slices.iter().map(count).collect();
            }
            _ => {}
        }
        let mut read = vec![false; input.elements()];
        match synapses {
            Synapses::Sparse(pairs) => {
                for &(from, _) in pairs.iter().filter(|pair| region.contains(self.target, pair.1 as usize)) {
                    read[from as usize] = true;
                }
            }
            _ => {
                for (element, read) in read.iter_mut().enumerate() {
                    *read = reads.contains(*input, element);
                }
            }
        }
        let mut reaches = vec![false; self.source.elements()];
        match axons {
            Some(pairs) => {
                for &(from, to) in pairs.iter().filter(|pair| read[pair.1 as usize]) {
                    debug_assert!((to as usize) < read.len());
                    reaches[from as usize] = true;
                }
            }
            None => reaches.iter_mut().zip(read).for_each(|(reaches, read)| *reaches = read),
        }
        let mut counts = vec![0; slices.len()];
        for element in (0..reaches.len()).filter(|&element| reaches[element]) {
            if let Some(slice) = slices.iter().position(|slice| slice.contains(self.source, element)) {
                counts[slice] += 1;
            }
        }
        counts
    }

    /// Places of a slice of the source, over rows and columns, that a slice of the target reads.
    fn positions(&self, region: &Region, slice: &Region) -> u64 {
        let Synapses::Shared(kernel) = &self.projection.synapses else { return 0 };
        let reads = kernel.reads(region, self.target.channels, self.projection.input);
        (slice.and(&reads).columns.len() * self.source.rows) as u64
    }
}

fn finish(
    network: Network,
    given: usize,
    chip: &Chip,
    mut cores: Vec<Core>,
    traffic: &[(Traffic, u32)],
) -> Result<Mapping, MapError> {
    let messages = traffic.iter().map(|(traffic, _)| *traffic).collect::<Vec<_>>();
    let Some(placement) = place(chip, cores.len(), &messages) else {
        let layers = layer_demands(&network, chip, &cores);
        let most = layers.iter().rev().max_by_key(|layer| layer.cores);
        return Err(MapError::Cores {
            needed: cores.len() as u64,
            available: chip.cores(),
            chips: chip.chips,
            per_chip: chip.mesh.cores,
            chip: chip.name.clone(),
            layer: most.map(|layer| layer.layer.clone()).unwrap_or_default(),
            layers,
        });
    };
    for (core, place) in cores.iter_mut().zip(&placement.places) {
        core.place = *place;
    }
    let hops = |traffic: &Traffic| cores[traffic.from].place.hops(cores[traffic.to].place, chip);
    let routes = traffic
        .iter()
        .map(|(t, delay)| Route { from: t.from, to: t.to, neurons: t.neurons, hops: hops(t), delay: *delay })
        .collect();
    let chips = cores.iter().map(|core| core.place.chip + 1).max().unwrap_or(1);
    Ok(Mapping {
        relays: network.node_count() - given,
        network,
        cores,
        routes,
        chips,
        hops_before: placement.hops_before,
        hops_after: placement.hops_after,
    })
}

/// What each layer on cores takes, in topological order.
pub fn layer_demands(network: &Network, chip: &Chip, cores: &[Core]) -> Vec<LayerDemand> {
    let mut layers = Vec::new();
    for node in in_order(network) {
        let population = &network[node];
        let of_layer = cores.iter().filter(|core| core.population == node).collect::<Vec<_>>();
        let Some(first) = of_layer.first() else { continue };
        let most = of_layer.iter().map(|core| limits(network, chip, core)).fold(
            limits(network, chip, first),
            |most, limits| {
                let mut larger = most;
                for (larger, limit) in larger.iter_mut().zip(limits) {
                    larger.demand = larger.demand.max(limit.demand);
                }
                larger
            },
        );
        layers.push(LayerDemand {
            layer: population.name.clone(),
            source: population.source.clone(),
            neurons: population.shape.elements() as u64,
            cores: of_layer.len() as u64,
            limits: most.to_vec(),
        });
    }
    layers
}

//! The published compile report, and what holds of every mapping.

use super::{
    chip::Chip,
    demand::Limit,
    mapping::{LayerDemand, MapError, Mapping, layer_demands, map},
    network::{Home, Kernel, Network, Population, Projection, Shape, Synapses},
    place::{Traffic, place},
};
use petgraph::graph::NodeIndex;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn population(name: &str, axes: &[usize], home: Home) -> Population {
    Population {
        name: name.to_owned(),
        source: String::new(),
        shape: Shape::of(axes),
        state_words: 2,
        parameter_words: 1,
        home,
    }
}

fn kernel(size: [usize; 2], stride: usize, padding: usize) -> Synapses {
    Synapses::Shared(Kernel { rows: size[0], columns: size[1], stride, padding, dilation: 1, groups: 1 })
}

/// Adds a layer behind `source`.
fn layer(
    network: &mut Network,
    source: NodeIndex,
    population: Population,
    synapses: Synapses,
    bits: u32,
) -> NodeIndex {
    let input = match synapses {
        Synapses::Dense => Shape::of(&[network[source].shape.elements()]),
        _ => network[source].shape,
    };
    let node = network.add_node(population);
    network.add_edge(source, node, Projection { input, axons: None, synapses, tables: vec![bits], delay: 1 });
    node
}

fn demand(layer: &LayerDemand, name: &str) -> u64 {
    layer.limits.iter().find(|limit| limit.limit == name).expect("the limit is stated").demand
}

/// PilotNet as lava-dl's `benchmark.ipynb` has it; the bits are those that its compiler chose.
fn pilotnet(conv4_bits: u32) -> Network {
    let mut network = Network::new();
    let cores = |name: &str, axes: &[usize]| population(name, axes, Home::Cores);
    let input = network.add_node(cores("input", &[3, 66, 200]));
    let conv1 = layer(&mut network, input, cores("conv1", &[24, 32, 99]), kernel([3, 3], 2, 0), 8);
    let conv2 = layer(&mut network, conv1, cores("conv2", &[36, 15, 49]), kernel([3, 3], 2, 0), 7);
    let conv3 = layer(&mut network, conv2, cores("conv3", &[48, 7, 24]), kernel([3, 3], 2, 0), 6);
    let conv4 = layer(&mut network, conv3, cores("conv4", &[64, 4, 22]), kernel([3, 3], 1, 0), conv4_bits);
    let conv5 = layer(&mut network, conv4, cores("conv5", &[64, 2, 20]), kernel([3, 3], 1, 0), 5);
    let fc1 = layer(&mut network, conv5, cores("fc1", &[100]), Synapses::Dense, 8);
    let fc2 = layer(&mut network, fc1, cores("fc2", &[50]), Synapses::Dense, 8);
    let fc3 = layer(&mut network, fc2, cores("fc3", &[10]), Synapses::Dense, 8);
    layer(&mut network, fc3, cores("fc4", &[1]), Synapses::Dense, 8);
    network
}

#[test]
fn the_published_rows_of_pilotnet_come_out() {
    for (bits, words) in [(5, 2160), (6, 2592)] {
        let chip = Chip::default();
        let mapping = map(pilotnet(bits), &chip).unwrap();
        let layers = layer_demands(&mapping.network, &chip, &mapping.cores);
        let rows = layers
            .iter()
            .map(|l| (l.layer.as_str(), l.cores, demand(l, "neurons"), demand(l, "synaptic_words")))
            .collect::<Vec<_>>();
        assert_eq!(
            rows[..6],
            [
                ("input", 13, 3168, 0),
                ("conv1", 25, 3072, 81),
                ("conv2", 13, 2160, 864),
                ("conv3", 3, 2688, 1620),
                ("conv4", 3, 2048, words),
                ("conv5", 2, 2048, 2880),
            ]
        );
        // Dense layers by the rule for axons of their own: 13, 3 and 1 words an axon, as published, and as few cores as hold fc1.
        assert_eq!(
            rows[6..],
            [("fc1", 8, 13, 10_240), ("fc2", 1, 50, 1300), ("fc3", 1, 10, 150), ("fc4", 1, 1, 10)]
        );
    }
}

#[test]
fn dense_axons_cost_what_the_compiler_logged() {
    // 2560 axons of 17 neurons take 12800 words, of 100 neurons 66560.
    let chip = Chip::default();
    for (neurons, words) in [(17, 12_800), (100, 66_560), (50, 33_280), (10, 7680), (1, 2560)] {
        let source = Shape::of(&[2560]);
        let projection =
            Projection { input: source, axons: None, synapses: Synapses::Dense, tables: vec![8], delay: 1 };
        let target = population("fc", &[neurons], Home::Cores);
        let demand = super::demand::of_slice(&chip, &target, &[&projection], &target.shape.whole());
        assert_eq!((demand.synaptic_words, demand.axons_in), (words, 2560), "{neurons} neurons");
    }
}

#[test]
fn placing_saves_hops_and_is_the_same_each_time() {
    let chip = Chip::default();
    let mapping = map(pilotnet(5), &chip).unwrap();
    assert!(
        mapping.hops_after < mapping.hops_before / 2,
        "{} of {}",
        mapping.hops_after,
        mapping.hops_before
    );
    assert_eq!(
        mapping.routes.iter().map(|route| route.neurons * route.hops).sum::<u64>(),
        mapping.hops_after
    );
    assert_eq!(mapping.cores, map(pilotnet(5), &chip).unwrap().cores);
}

#[test]
fn what_does_not_fit_is_refused_with_every_limit() {
    let mut chip = Chip::default();
    chip.mesh.cores = 60;
    let error = map(pilotnet(5), &chip).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("chip-capacity: the network takes 70 cores, and `loihi2` has 60 (1 of 60): "),
        "{message}"
    );
    assert!(message.contains("`conv1` 25 cores (76032 neurons, neurons 3072 of 4095)"), "{message}");
    assert!(message.contains("layer `conv1` takes the most"), "{message}");
    chip.chips = 2;
    assert_eq!(map(pilotnet(5), &chip).unwrap().chips, 2);
    chip.core.neurons = 60;
    let message = map(pilotnet(5), &chip).unwrap_err().to_string();
    assert!(
        message.starts_with("chip-capacity: the smallest slice of layer `input` does not fit a core of `loihi2`: neurons 66 of 60, too much, "),
        "{message}"
    );
    assert!(message.contains("synaptic_words 0 of 12000, axons_in 0 of 4096"), "{message}");
}

#[test]
fn channels_are_cut_where_one_column_does_not_fit() {
    let mut network = Network::new();
    let input = network.add_node(population("input", &[512, 4, 4], Home::Host));
    layer(&mut network, input, population("conv", &[512, 4, 4], Home::Cores), kernel([3, 3], 1, 1), 8);
    let chip = Chip::default();
    let mapping = map(network, &chip).unwrap();
    // 9 · 512 words for each 8 channels: 16 channels, and 9216 of 12000 words, on each of 32 cores.
    let [conv] = &layer_demands(&mapping.network, &chip, &mapping.cores)[..] else { panic!("one layer") };
    assert_eq!((conv.cores, demand(conv, "neurons"), demand(conv, "synaptic_words")), (32, 256, 9216));
    assert_eq!(conv.tightest().unwrap().limit, "synaptic_words");
}

#[test]
fn inputs_are_cut_where_one_channel_does_not_fit() {
    let mut network = Network::new();
    let input = network.add_node(population("input", &[512, 7, 7], Home::Host));
    layer(&mut network, input, population("fc", &[100], Home::Cores), Synapses::Dense, 8);
    let chip = Chip::default();
    let mapping = map(network, &chip).unwrap();
    // 25088 inputs; 4096 axons at most on one core.
    assert_eq!(mapping.relays, 7);
    let layers = layer_demands(&mapping.network, &chip, &mapping.cores);
    let fc = layers.iter().find(|layer| layer.layer == "fc").unwrap();
    assert_eq!((fc.cores, demand(fc, "synaptic_words")), (1, 700));
    assert!(layers.iter().any(|layer| layer.layer == "fc.inputs0"));
    holds(&mapping, &chip);
}

#[test]
fn a_circle_is_refused() {
    let mut network = Network::new();
    let a = network.add_node(population("a", &[4], Home::Cores));
    let b = layer(&mut network, a, population("b", &[4], Home::Cores), Synapses::Dense, 8);
    let back = network[petgraph::graph::EdgeIndex::new(0)].clone();
    network.add_edge(b, a, back);
    assert!(matches!(map(network, &Chip::default()), Err(MapError::Cycle(_))));
}

/// Every neuron stands on one core, no core is over a limit, and no two stand in one place.
fn holds(mapping: &Mapping, chip: &Chip) {
    let network = &mapping.network;
    for node in network.node_indices().filter(|&node| network[node].home == Home::Cores) {
        let shape = network[node].shape;
        let mut placed = vec![0; shape.elements()];
        for core in mapping.cores.iter().filter(|core| core.population == node) {
            let inside = (0..placed.len()).filter(|&element| core.region.contains(shape, element));
            inside.for_each(|element| placed[element] += 1);
        }
        assert!(placed.iter().all(|&count| count == 1), "{}: {placed:?}", network[node].name);
    }
    for core in &mapping.cores {
        let limits = core.demand.against(chip, network[core.population].neuron_bytes());
        assert!(limits.iter().all(Limit::holds), "{core:?}: {limits:?}");
        assert!(
            core.place.chip < chip.chips
                && core.place.column < chip.mesh.columns
                && core.place.row < chip.mesh.rows
        );
    }
    let places = mapping.cores.iter().map(|core| core.place).collect::<BTreeSet<_>>();
    assert_eq!(places.len(), mapping.cores.len());
    assert!(mapping.hops_after <= mapping.hops_before);
}

/// A chain of layers, with a second way around the first where it fits.
fn random_network() -> impl Strategy<Value = Network> {
    let step = (1usize..40, 1usize..4, 1usize..3, any::<bool>(), 2u32..9);
    ((1usize..5, 1usize..12, 1usize..40), proptest::collection::vec(step, 1..6)).prop_map(|(input, steps)| {
        let mut network = Network::new();
        let axes = [input.0, input.1, input.2];
        let mut last = network.add_node(population("input", &axes, Home::Host));
        for (number, (channels, size, stride, dense, bits)) in steps.into_iter().enumerate() {
            let shape = network[last].shape;
            let name = format!("layer{number}");
            if dense || shape.columns < size || shape.rows < size {
                last = layer(
                    &mut network,
                    last,
                    population(&name, &[channels], Home::Cores),
                    Synapses::Dense,
                    bits,
                );
                continue;
            }
            let extent = |extent: usize| (extent - size) / stride + 1;
            let axes = [channels, extent(shape.rows), extent(shape.columns)];
            let synapses = kernel([size, size], stride, 0);
            let node = layer(&mut network, last, population(&name, &axes, Home::Cores), synapses, bits);
            if network[node].shape == shape {
                let skip = Synapses::Shared(Kernel::identity(shape.channels));
                let skip =
                    Projection { input: shape, axons: None, synapses: skip, tables: vec![8, 8], delay: 1 };
                network.add_edge(last, node, skip);
            }
            last = node;
        }
        network
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mappings_hold(network in random_network(), neurons in 4u64..600, words in 20u64..3000, axons in 8u64..900) {
        let mut chip = Chip { chips: 4, ..Chip::default() };
        (chip.core.neurons, chip.core.synaptic_words) = (neurons, words);
        (chip.core.axons_in, chip.core.axons_out) = (axons, axons);
        match map(network, &chip) {
            Ok(mapping) => holds(&mapping, &chip),
            Err(error) => prop_assert!(error.to_string().starts_with("chip-capacity: ")),
        }
    }

    #[test]
    fn exchanging_never_adds_hops(pairs in proptest::collection::vec((0usize..30, 0usize..30, 1u64..50), 0..60)) {
        let traffic = pairs.into_iter().map(|(from, to, neurons)| Traffic { from, to, neurons }).collect::<Vec<_>>();
        let placement = place(&Chip::default(), 30, &traffic).unwrap();
        prop_assert!(placement.hops_after <= placement.hops_before);
        prop_assert_eq!(placement.places.iter().collect::<BTreeSet<_>>().len(), 30);
    }
}

//! What the simulator refuses. That it computes what the CPU engine does: `tests/whole_program/loihi_networks.rs`.

use std::collections::BTreeMap;

use super::Simulator;
use crate::{
    artifact::{
        Artifact, Tensor,
        chip_program::{
            ChipAxon, ChipCore, ChipLayout, ChipNeurons, ChipPopulation, ChipProgram, ChipRoute,
            ChipSynapses, ChipTable,
        },
        program::Schedule,
    },
    cpu::{Backend, Engine, RunOptions},
    data::ImageView,
    loihi::builtin,
    testing::Builder,
};

/// Weights of the two layers.
const WEIGHTS: [&[i8]; 2] = [&[3, -2, 1, -1, 4, 2], &[5, -3, -7, 6]];

/// A network of two dense layers on three cores, the hidden layer cut in two.
fn artifact() -> Artifact {
    let mut network = Builder::new(Schedule::StBif, 40);
    let input = network.encode(&[3], false);
    let first = network.linear(input, 2, WEIGHTS[0]);
    let hidden = network.st_bif(first, &[90, 70], 15, 1);
    let second = network.linear(hidden, 2, WEIGHTS[1]);
    network.readout(second, "y");
    let mut artifact = network.finish();
    let table = |weight: &str| ChipTable::Dense { weight: format!("loihi.{weight}") };
    let synapses = |population, delay, inputs, weight: &str| ChipSynapses {
        axons: vec![ChipAxon { population, delay, pairs: None }],
        input: vec![inputs],
        table: table(weight),
        exponent: -1,
        weight_bits: 8,
        sign_mode: "mixed".to_owned(),
    };
    let neurons = |program: &str, names: &[&str], parameters: &str| ChipNeurons {
        attached: false,
        program: program.to_owned(),
        parameter_names: names.iter().map(|&name| name.to_owned()).collect(),
        parameters: format!("loihi.{parameters}"),
    };
    let core = |population, channels: [usize; 2], to: &[usize]| ChipCore {
        place: [0, 0, 0, channels[0] as u32],
        population,
        channels,
        columns: [0, 1],
        routes: to.iter().map(|&to| ChipRoute { to, hops: 2 }).collect(),
    };
    let text = |name: &str| (name.to_owned(), builtin::text(name).unwrap().to_owned());
    artifact.manifest.chips = Some(ChipProgram {
        chip: ChipLayout {
            name: "test".to_owned(),
            chips: 1,
            cores: 4,
            mesh: [1, 1, 4],
            accumulator_bits: 24,
            state_bits: 24,
            payload_bits: 24,
        },
        programs: BTreeMap::from([text("st_bif"), text("readout")]),
        populations: vec![
            ChipPopulation { op: "op0".to_owned(), neurons: None, synapses: vec![] },
            ChipPopulation {
                op: "op2".to_owned(),
                neurons: Some(neurons("st_bif", &["low", "high", "threshold", "initial"], "hidden")),
                synapses: vec![synapses(0, 0, 3, "first")],
            },
            ChipPopulation {
                op: "op4".to_owned(),
                neurons: Some(neurons("readout", &["initial"], "readout")),
                synapses: vec![synapses(1, 1, 2, "second")],
            },
        ],
        cores: vec![core(1, [0, 1], &[2]), core(1, [1, 2], &[2]), core(2, [0, 2], &[])],
    });
    // With an exponent of -1.
    let doubled = |layer: usize, inputs: usize| {
        let weights = WEIGHTS[layer].iter().map(|&weight| 2 * i16::from(weight)).collect::<Vec<_>>();
        Tensor::from_values(vec![2, inputs], &weights).unwrap()
    };
    let tensors = [
        ("loihi.first", doubled(0, 3)),
        ("loihi.second", doubled(1, 2)),
        ("loihi.hidden", Tensor::from_values(vec![4, 2], &[0, 0, 15, 15, 90, 70, 45, 35]).unwrap()),
        ("loihi.readout", Tensor::from_values(vec![1, 2], &[0, 0]).unwrap()),
    ];
    artifact.tensors.extend(tensors.map(|(name, tensor)| (name.to_owned(), tensor)));
    artifact
}

fn chips(artifact: &mut Artifact) -> &mut ChipProgram {
    artifact.manifest.chips.as_mut().unwrap()
}

#[test]
fn cores_send_over_their_routes() {
    let mut artifact = artifact();
    let run = |artifact: &Artifact, backend| {
        let engine = Engine::on(artifact, backend).unwrap();
        let options = RunOptions { trace: true, ..RunOptions::default() };
        engine.run_image(ImageView::U8(&[100, 60, 30]), 0, &options).unwrap()
    };
    let (cpu, cores) = (run(&artifact, Backend::Cpu), run(&artifact, Backend::Loihi));
    assert!(cpu.spikes[0] > 0 && cpu.certified);
    assert_eq!((&cpu.outputs, &cpu.trace, cpu.settled_at), (&cores.outputs, &cores.trace, cores.settled_at));
    let readout = cores.cores[2];
    assert_eq!((readout.messages, readout.hops), (cores.spikes[0], 2 * cores.spikes[0]));
    assert_eq!(readout.synaptic_operations, 2 * cores.spikes[0]);
    // Without its route a core is not heard.
    chips(&mut artifact).cores[0].routes.clear();
    let lost = run(&artifact, Backend::Loihi);
    assert_eq!(lost.cores[2].messages, cores.cores[1].spikes);
    assert_ne!(lost.outputs, cpu.outputs);
}

#[test]
fn what_does_not_hold_together_is_refused() {
    let refusal = |change: &dyn Fn(&mut Artifact)| {
        let mut artifact = artifact();
        change(&mut artifact);
        Simulator::new(&artifact).map(drop).map_err(|error| error.to_string()).unwrap_err()
    };
    type Change<'a> = &'a dyn Fn(&mut Artifact);
    let wrong: [(Change, &str); 16] = [
        (&|a| a.manifest.chips = None, "compile it with --target loihi"),
        (&|a| chips(a).chip.accumulator_bits = 33, "`accumulator_bits` is 33"),
        (&|a| chips(a).cores[0].routes[0].to = 3, "a route to core 3, which is not there"),
        (&|a| chips(a).cores[0].channels = [0, 3], "no part of its population"),
        (&|a| chips(a).cores[0].channels = [1, 1], "no part of its population"),
        (&|a| chips(a).cores[0].channels = [1, 2], "is on two cores"),
        (&|a| drop(chips(a).cores.remove(1)), "a route to core 2"),
        (&|a| chips(a).cores[0].population = 0, "which has no neurons"),
        (&|a| chips(a).populations[1].op = "nothing".to_owned(), "has no such op"),
        (&|a| chips(a).populations[1].synapses[0].axons[0].population = 1, "starts at no earlier population"),
        (&|a| chips(a).populations[2].synapses[0].axons[0].delay = 0, "a delay of 0 steps"),
        (&|a| chips(a).populations[2].synapses[0].exponent = 99, "exponent 99"),
        (&|a| chips(a).populations[2].synapses[0].input = vec![3], "from 2 elements to 3 without pairs"),
        (&|a| drop(a.tensors.remove("loihi.first")), "tensor `loihi.first` is missing"),
        (&|a| drop(chips(a).programs.remove("st_bif")), "program `st_bif` is missing"),
        (
            &|a| {
                drop(
                    chips(a)
                        .programs
                        .insert("readout".to_owned(), builtin::text("sigma").unwrap().to_owned()),
                )
            },
            "needs one port",
        ),
    ];
    for (change, wanted) in wrong {
        let message = refusal(change);
        assert!(message.contains(wanted), "{message}\nand not: {wanted}");
    }
    let unknown = |artifact: &mut Artifact| {
        let neurons = chips(artifact).populations[1].neurons.as_mut().unwrap();
        neurons.parameter_names[0] = "nothing".to_owned();
    };
    assert!(refusal(&unknown).contains("has no parameter `nothing`"));
}

/// Every number, text and list of the chip program in turn becomes something else. What is refused is refused, and what is taken runs.
#[test]
fn no_chip_program_of_a_file_panics() {
    let artifact = artifact();
    let manifest = serde_json::to_value(&artifact.manifest).unwrap();
    let mut places = vec![];
    leaves(&manifest["chips"], "/chips", &mut places);
    let values = [
        serde_json::json!(0),
        serde_json::json!(1),
        serde_json::json!(-1),
        serde_json::json!(63),
        serde_json::json!(u32::MAX),
        serde_json::json!(u64::MAX),
        serde_json::json!("st_bif"),
        serde_json::json!([]),
        serde_json::json!([1, 1]),
    ];
    let (mut refused, mut ran) = (0, 0);
    for place in &places {
        for value in &values {
            let mut manifest = manifest.clone();
            *manifest.pointer_mut(place).unwrap() = value.clone();
            let Ok(manifest) = serde_json::from_value(manifest) else { continue };
            let changed = Artifact { manifest, ..artifact.clone() };
            match Engine::on(&changed, Backend::Loihi) {
                Err(_) => refused += 1,
                Ok(engine) => {
                    // A network that does not settle is an error too.
                    let _ = engine.run_image(ImageView::U8(&[100, 60, 30]), 0, &RunOptions::default());
                    ran += 1;
                }
            }
        }
    }
    assert!(refused > 100 && ran > 50, "{refused} {ran}");
}

/// Pointers to all that is no object, lists themselves included.
fn leaves(value: &serde_json::Value, place: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(value, &format!("{place}/{name}"), found));
        }
        serde_json::Value::Array(values) => {
            found.push(place.to_owned());
            values
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(value, &format!("{place}/{index}"), found));
        }
        _ => found.push(place.to_owned()),
    }
}

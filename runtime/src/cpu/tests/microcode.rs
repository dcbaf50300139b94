//! The programs of this project's neurons against the engine's kernels, on random charge.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    artifact::{Element, Tensor, program::OpKind},
    cpu::{events::Events, layout::Layout, neuron::Neurons, readout::Readout, tensors::Parameters},
    loihi::{Population, Settings, builtin, execute::Executor, interpret, verify},
};

fn tensor<T: Element>(values: &[T]) -> Tensor {
    Tensor::from_values(vec![values.len()], values).unwrap()
}

/// A layer of neurons, each with its own parameters, as the engine and as a population.
struct Layer {
    kind: OpKind,
    program: &'static str,
    settings: Settings,
    /// Which state word is the membrane, and which one the tracer.
    membrane: &'static str,
    tracer: Option<&'static str>,
}

fn state<'p>(program: &crate::loihi::Program, population: &'p Population, name: &str) -> &'p [i32] {
    let word = program.states().iter().position(|state| state.name == name).unwrap();
    population.state(word)
}

/// Both get the same charge; spikes, membranes and tracers must be equal after every step.
fn check(layer: &Layer, tensors: &BTreeMap<String, Tensor>, charge: &[Vec<i32>]) {
    let count = charge[0].len();
    let neurons =
        Neurons::new(&layer.kind, 0, 1, &[count], &Parameters(tensors)).unwrap().expect("a layer of neurons");
    let program = builtin::program(layer.program).unwrap().unwrap();
    verify::verify(&program, &verify::Limits::default()).unwrap();
    let mut plain = Population::new(&program, count, &layer.settings).unwrap();
    let mut fast = plain.clone();
    let mut executor = Executor::new(&program, &plain).unwrap();
    let (mut engine, mut membranes) = (neurons.state(), vec![0; count]);
    neurons.reset(&mut engine, &mut membranes);
    for (step, charge) in charge.iter().enumerate() {
        for (membrane, charge) in membranes.iter_mut().zip(charge) {
            *membrane = membrane.wrapping_add(charge.wrapping_mul(neurons.gain()));
        }
        let mut sent = Events::default();
        neurons.run(step as u32, &mut membranes, true, &mut engine, &mut sent);
        let mut payloads = vec![0; count];
        sent.iter().for_each(|(neuron, payload)| payloads[neuron] = payload);
        plain.accumulator(0).copy_from_slice(charge);
        fast.accumulator(0).copy_from_slice(charge);
        interpret::step(&program, &mut plain);
        executor.step(&mut fast);
        assert_eq!(plain, fast, "{}, step {step}", layer.program);
        assert_eq!(plain.output(0), payloads, "{}, step {step}", layer.program);
        assert_eq!(state(&program, &plain, layer.membrane), membranes, "{}, step {step}", layer.program);
        if let Some(tracer) = layer.tracer {
            assert_eq!(state(&program, &plain, tracer), engine.tracers, "{}, step {step}", layer.program);
        }
    }
}

fn charges() -> impl Strategy<Value = Vec<Vec<i32>>> {
    let one = prop_oneof![3 => -400..400_i32, 1 => -40_000_000..40_000_000_i32, 1 => Just(0)];
    (1..70_usize)
        .prop_flat_map(move |count| prop::collection::vec(prop::collection::vec(one.clone(), count), 1..14))
}

/// Numbers for each neuron, drawn from a few.
fn spread(from: &[i32], count: usize) -> Vec<i32> {
    (0..count).map(|neuron| from[neuron * 5 % from.len()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn programs_of_this_projects_neurons_equal_the_engine(
        charge in charges(),
        thresholds in prop::collection::vec(
            prop_oneof![1..300_i32, 1..=1 << 30, (0..31_u32).prop_map(|bit| 1 << bit)], 1..9),
        initials in prop::collection::vec(-500..500_i32, 1..7),
        biases in prop::collection::vec(-50..50_i32, 1..4),
        low in -300..=0_i32,
        high in 0..=300_i32,
        (gain, hold, release, levels) in (1..40_i32, 0..1_000_000_i32, 0..8_u32, 0..8_u32),
    ) {
        let count = charge[0].len();
        let (threshold, initial) = (spread(&thresholds, count), spread(&initials, count));
        let bias = spread(&biases, count);
        let tensors = BTreeMap::from([
            ("threshold".to_owned(), tensor(&threshold)),
            ("initial".to_owned(), tensor(&initial)),
            ("bias".to_owned(), tensor(&bias)),
        ]);
        let name = |name: &str| name.to_owned();
        let settings = Settings::default().each("threshold", threshold).each("initial", initial.clone());
        let range = settings.clone().all("low", low.into()).all("high", high.into());
        check(&Layer {
            kind: OpKind::StBif { threshold: name("threshold"), initial: name("initial"), low, high, delay: 0 },
            program: "st_bif",
            settings: range.clone(),
            membrane: "v",
            tracer: Some("tracer"),
        }, &tensors, &charge);
        check(&Layer {
            kind: OpKind::SigmaDelta { threshold: name("threshold"), initial: name("initial"), low, high, delay: 0 },
            program: "level_sigma_delta",
            settings: range,
            membrane: "v",
            tracer: Some("level"),
        }, &tensors, &charge);
        check(&Layer {
            kind: OpKind::HoldAndFire {
                threshold: name("threshold"), initial: name("initial"), hold, release, levels, delay: 0,
            },
            program: "hold_and_fire",
            settings: settings.clone().all("hold", hold.into()).all("release", release.into()).all("levels", levels.into()),
            membrane: "v",
            tracer: None,
        }, &tensors, &charge);
        check(&Layer {
            kind: OpKind::If {
                threshold: name("threshold"), initial: name("initial"), bias: name("bias"), gain, delay: 0,
            },
            program: "if_soft_reset",
            settings: settings.each("bias", bias.clone()).all("gain", gain.into()),
            membrane: "v",
            tracer: None,
        }, &tensors, &charge);
        check_readout(&initial, &bias, gain, release, &charge);
    }
}

/// Sums after every step.
fn check_readout(initial: &[i32], bias: &[i32], gain: i32, start: u32, charge: &[Vec<i32>]) {
    let count = charge[0].len();
    let tensors = BTreeMap::from([
        ("initial".to_owned(), tensor(initial)),
        ("bias".to_owned(), tensor(bias)),
        ("scale".to_owned(), tensor(&vec![1.0_f64; count])),
    ]);
    let kind = OpKind::Readout {
        output_name: "y".into(),
        initial: "initial".into(),
        bias: "bias".into(),
        gain,
        scale: "scale".into(),
        average: false,
        start,
        head: None,
    };
    let readout = Readout::new(&kind, 0, &[count], &Parameters(&tensors)).unwrap().expect("a readout");
    let program = builtin::program("readout").unwrap().unwrap();
    let settings =
        Settings::default().each("initial", initial.iter().copied()).each("bias", bias.iter().copied());
    let settings = settings.all("gain", gain.into()).all("start", start.into());
    let mut population = Population::new(&program, count, &settings).unwrap();
    let mut executor = Executor::new(&program, &population).unwrap();
    let mut sums = vec![0; count];
    readout.reset(&mut sums);
    for (step, charge) in charge.iter().enumerate() {
        for (sum, charge) in sums.iter_mut().zip(charge) {
            *sum = sum.wrapping_add(charge.wrapping_mul(gain));
        }
        readout.run(step as u32, &mut sums);
        population.accumulator(0).copy_from_slice(charge);
        executor.step(&mut population);
        assert_eq!(population.probe(0), sums, "step {step}");
    }
    // One channel a neuron: the engine's order is the population's.
    assert_eq!(Layout::new(&[count]).index_of(count - 1), count - 1);
}

//! The engine sends the spikes of the reference interpreter: the same neurons, in the same steps, with the same signs.

use crate::support::{
    checkpoint::Checkpoint,
    command::neurocudac,
    library::{self, Compiled},
};
use ndarray::ArrayD;
use neurocuda_compiler::{
    compile::Settings,
    interpret::{Sample, SpikingOutcome},
    validate::artifact::sample,
};
use neurocuda_runtime::{artifact::program::Schedule, data::Images};
use rayon::prelude::*;
use std::{collections::HashMap, sync::Arc};

/// Images that are compared.
const IMAGES: usize = 3;

/// What the interpreter's neurons send: for each layer i8 `[steps, …shape]`, in the order of the engine's layers.
fn interpreted(compiled: &Compiled, input: &Sample) -> (Vec<Vec<i8>>, SpikingOutcome) {
    let mut sent = HashMap::<usize, Vec<i8>>::new();
    let outcome = compiled
        .spiking
        .simulate(input, compiled.limit, &mut |_, op, events: &ArrayD<f64>| {
            sent.entry(op).or_default().extend(events.iter().map(|&event| event as i8));
        })
        .unwrap();
    let layers = outcome.spikes.iter().map(|(op, _)| sent.remove(op).unwrap()).collect();
    (layers, outcome)
}

fn compare(compiled: &Compiled, images: &Images, index: usize, what: &str) -> u64 {
    let outcome = compiled.engine_outcome(images, index, true);
    let (expected, reference) = interpreted(compiled, &sample(images, index).unwrap());
    assert_eq!(outcome.settled_at, reference.settled_at, "{what}, image {index}");
    // The step that only shows silence behind the proved bound does not count for the engine.
    assert!(
        (outcome.steps..=outcome.steps + 1).contains(&reference.steps),
        "{what}, image {index}: {}",
        outcome.steps
    );
    let found = outcome.trace.as_ref().unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (layer, (found, expected)) in compiled.engine.layers().iter().zip(found.iter().zip(&expected)) {
        let (expected, silent) = expected.split_at(found.len());
        assert_eq!(
            found.len() as u64,
            u64::from(outcome.steps) * layer.neurons,
            "{what}, layer {}",
            layer.name
        );
        assert!(silent.iter().all(|&spike| spike == 0), "{what}, image {index}, layer {}", layer.name);
        if let Some(at) = (0..found.len()).find(|&at| found[at] != expected[at]) {
            let (step, neuron) = (at as u64 / layer.neurons, at as u64 % layer.neurons);
            panic!(
                "{what}, image {index}, layer {}, step {step}, neuron {neuron}: {} instead of {}",
                layer.name, found[at], expected[at]
            );
        }
    }
    for (found, expected) in outcome.outputs.iter().zip(&reference.outputs) {
        assert!(
            found.integer.iter().map(|&logit| f64::from(logit)).eq(expected.integer.iter().copied()),
            "{what}, image {index}"
        );
    }
    let traced = found.iter().flatten().filter(|&&spike| spike != 0).count() as u64;
    assert_eq!(traced, outcome.spikes.iter().sum::<u64>(), "{what}");
    traced
}

fn check(checkpoint: &Checkpoint, schedule: Schedule) {
    let loaded = library::load(&checkpoint.graph, &checkpoint.weights);
    let all = Images::open(&checkpoint.calibration).unwrap();
    let few = (0..60)
        .filter_map(|index| sample(&all, index))
        .flat_map(|image| image.into_iter().map(|pixel| pixel as u8));
    let few = Arc::new(Images::from_u8(all.sample_shape().to_vec(), few.collect(), None).unwrap());
    let settings = Settings { schedule, levels: 15, timesteps: 15 };
    let compiled = library::compile(&loaded, &few, &settings, None).unwrap();
    let images = Images::open(&checkpoint.test).unwrap();
    let what = format!("{} {schedule:?}", checkpoint.name);
    let spikes =
        (0..IMAGES).into_par_iter().map(|index| compare(&compiled, &images, index, &what)).sum::<u64>();
    assert!(spikes > 100, "{what}: silence is no comparison");
}

fn check_shared(name: &'static str, schedules: &[Schedule]) {
    let Some(checkpoint) = Checkpoint::shared(name) else { return };
    schedules.iter().for_each(|schedule| check(&checkpoint, *schedule));
}

const ALL: [Schedule; 3] = [Schedule::StBif, Schedule::HoldAndFire, Schedule::Rate];

#[test]
fn vgg_fashion() {
    ALL.iter().for_each(|schedule| check(&Checkpoint::vgg_fashion(), *schedule));
}

#[test]
fn mlp_mnist() {
    check_shared("mlp_mnist", &ALL);
}

#[test]
fn cnn3_mnist() {
    check_shared("cnn3_mnist", &ALL);
}

#[test]
fn cnn3_nmnist_sim() {
    check_shared("cnn3_nmnist_sim", &[Schedule::StBif]);
}

/// `run --trace` writes the engine's spikes, `[N, T, …]`, and silence for images that settle before the last one.
#[test]
fn the_trace_file_holds_the_spikes() {
    let vgg = Checkpoint::vgg_fashion();
    let folder = tempfile::tempdir().unwrap();
    let (artifact, traces) = (folder.path().join("net.ncx"), folder.path().join("trace.safetensors"));
    vgg.compile(20, &artifact, &[]).succeeds();
    let limit = IMAGES.to_string();
    neurocudac(
        &[&"run", &artifact, &"--data", &vgg.test, &"--limit", &limit, &"-o", &traces, &"--trace"],
        &[],
    )
    .succeeds();

    let artifact = neurocuda_runtime::artifact::Artifact::read(&artifact).unwrap();
    let engine = neurocuda_runtime::cpu::Engine::new(&artifact).unwrap();
    let images = Images::open(&vgg.test).unwrap();
    let options = neurocuda_runtime::cpu::RunOptions { timesteps: None, trace: true };
    let outcomes = engine.run(&images, 0..IMAGES, &options, || ()).unwrap();
    let steps = outcomes.iter().map(|outcome| outcome.steps as usize).max().unwrap();
    let bytes = std::fs::read(&traces).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (index, (layer, shape)) in engine.layers().iter().zip(engine.layer_shapes()).enumerate() {
        let tensor = file.tensor(&format!("spikes.{}", layer.name)).unwrap();
        assert_eq!(tensor.dtype(), safetensors::Dtype::I8);
        assert_eq!(tensor.shape(), [&[IMAGES, steps], shape.as_slice()].concat());
        for (found, outcome) in tensor.data().chunks(steps * layer.neurons as usize).zip(&outcomes) {
            let expected = &outcome.trace.as_ref().unwrap()[index];
            let (sent, silent) = found.split_at(expected.len());
            assert!(
                sent.iter().zip(expected).all(|(&found, &expected)| found as i8 == expected),
                "layer {}",
                layer.name
            );
            assert!(silent.iter().all(|&spike| spike == 0), "layer {}", layer.name);
        }
    }
    let output = &engine.outputs()[0].name;
    let integers = file.tensor(&format!("{output}.int")).unwrap();
    assert_eq!(integers.shape(), [IMAGES, 10]);
    let expected = outcomes.iter().flat_map(|outcome| outcome.outputs[0].integer.clone());
    assert!(
        integers.data().chunks(4).map(|bytes| i32::from_le_bytes(bytes.try_into().unwrap())).eq(expected)
    );
}

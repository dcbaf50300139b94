//! The PTX of whole trained networks, interpreted: every spike and logit is that of the CPU engine.

use crate::support::checkpoint::Checkpoint;
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::{
    artifact::Artifact,
    cpu::{Engine, RunOptions},
    data::Images,
    gpu::Executor,
};
use std::path::Path;

/// Compiles a checkpoint for a GPU and runs `count` test images, for `timesteps` at most; gives how many values were compared.
fn compare(checkpoint: &Checkpoint, more: &[&str], count: usize, timesteps: Option<u32>) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.ncx");
    checkpoint.compile(32, &path, &[&["--target", "ptx"], more].concat()).succeeds();
    let compared = compare_artifact(&path, &checkpoint.test, count, timesteps);
    eprintln!("{} {}: {compared} values equal", checkpoint.name, more.join(" "));
    compared
}

fn compare_artifact(path: &Path, test: &Path, count: usize, timesteps: Option<u32>) -> u64 {
    let artifact = Artifact::read(path).unwrap();
    let input = &artifact.manifest.input;
    let images = Images::open_for(test, &input.shape, input.frames.unwrap_or(1) as usize).unwrap();
    let options = RunOptions { timesteps, trace: true, predictions: true, ..RunOptions::default() };
    let mut kernels =
        Executor::new(&artifact, Box::new(Interpreter::new()), Some(count.min(3)), true).unwrap();
    let found = kernels.run(&images, 0..count, &options, |_| ()).unwrap();
    let expected = Engine::new(&artifact).unwrap().run(&images, 0..count, &options, || ()).unwrap();
    let mut compared = 0;
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let (found_trace, trace) = (found.trace.as_ref().unwrap(), expected.trace.as_ref().unwrap());
        for (layer, (found, expected)) in artifact.manifest.layers.iter().zip(found_trace.iter().zip(trace)) {
            let different = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
            assert_eq!((found.len(), different), (expected.len(), 0), "image {index}, layer {}", layer.name);
            compared += expected.len() as u64;
        }
        assert!(
            trace.iter().all(|layer| layer.iter().any(|&spike| spike != 0)),
            "a layer is silent: nothing is shown"
        );
        // Logits, counts of spikes and of operations, steps, certificate, and the class after every step.
        assert!(
            found == expected,
            "image {index}: {:?}",
            [found, expected].map(|run| (
                &run.outputs,
                &run.spikes,
                run.sops,
                run.steps,
                run.settled_at,
                &run.predictions
            ))
        );
        compared += expected.outputs.iter().map(|output| output.integer.len() as u64).sum::<u64>();
    }
    compared
}

const SCHEDULES: [&[&str]; 4] = [
    &["--levels", "15"],
    &["--levels", "15", "--schedule", "hold-and-fire"],
    &["--levels", "63", "--schedule", "sigma-delta"],
    &["--schedule", "rate", "--timesteps", "16"],
];

#[test]
fn networks_of_all_schedules() {
    for schedule in SCHEDULES {
        compare(&Checkpoint::vgg_fashion(), schedule, 1, None);
        for name in ["mlp_mnist", "cnn3_mnist"] {
            let Some(checkpoint) = Checkpoint::shared(name) else { return };
            compare(&checkpoint, schedule, 4, None);
        }
    }
    let Some(checkpoint) = Checkpoint::shared("cnn3_nmnist_sim") else { return };
    compare(&checkpoint, &["--input", "events", "--levels", "15"], 2, None);
    compare(&checkpoint, &["--input", "events", "--schedule", "sigma-delta"], 2, Some(7));
}

#[test]
fn resnet20_in_ten_million_values() {
    let Some(checkpoint) = Checkpoint::shared("resnet20_cifar10") else { return };
    let exact = compare(&checkpoint, &["--levels", "31"], 1, None);
    let rate = compare(&checkpoint, &["--schedule", "rate", "--timesteps", "32"], 1, None);
    assert!(exact + rate >= 10_000_000, "{exact} + {rate}");
}

#[test]
fn every_layer_of_resnet18_in_its_first_steps() {
    let Some(checkpoint) = Checkpoint::shared("resnet18_cifar10") else { return };
    // After twelve steps every layer has sent something.
    compare(&checkpoint, &["--levels", "15"], 1, Some(12));
    compare(&checkpoint, &["--schedule", "rate", "--timesteps", "8"], 1, None);
}

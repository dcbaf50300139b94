//! A plan of launches that is not as the compiler wrote it is refused, or fails with an error; nothing panics.

use crate::support::with_kernels;
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::{
    artifact::{Artifact, program::Schedule},
    cpu::RunOptions,
    data::Images,
    gpu::{Executor, GpuError, Room},
    testing::{Builder, Noise},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use std::cell::Cell;

/// A network with an encoder, a convolution, a pool, neurons and a readout.
fn network() -> (Artifact, Images) {
    let mut noise = Noise::new(9);
    let mut builder = Builder::new(Schedule::StBif, 200);
    let input = builder.encode(&[2, 4, 4], false);
    let current = builder.conv3x3(input, 3, &noise.weights(54));
    let spikes = builder.st_bif(current, &[200, 300, 400], 7, 0);
    let pooled = builder.max_pool2(spikes);
    let flat = builder.reshape(pooled, &[12]);
    let logits = builder.linear(flat, 3, &noise.weights(36));
    builder.readout(logits, "y");
    let pixels = (0..64).map(|_| noise.draw() as u8).collect();
    let images = Images::from_u8(vec![2, 4, 4], pixels, None).unwrap();
    (with_kernels(&builder.finish()).unwrap(), images)
}

/// All numbers in a JSON text, in order.
fn numbers(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Number(_) => vec![value],
        Value::Array(values) => values.iter_mut().flat_map(numbers).collect(),
        Value::Object(fields) => fields.values_mut().flat_map(numbers).collect(),
        _ => vec![],
    }
}

fn run(artifact: &Artifact, images: &Images) -> Result<(), GpuError> {
    let device = Interpreter::new().with_memory(1 << 24).with_limit(1 << 20);
    let options = RunOptions { trace: true, predictions: true, ..RunOptions::default() };
    let room = Room { images: 2, steps: 3, keeps_events: true };
    Executor::with_room(artifact, Box::new(device), room)?.run(images, 0..2, &options, |_| ()).map(drop)
}

#[test]
fn no_plan_makes_the_executor_panic() {
    let (artifact, images) = network();
    run(&artifact, &images).unwrap();
    let plan = serde_json::to_value(artifact.manifest.gpu.as_ref().unwrap()).unwrap();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_iters: 100,
        ..Config::with_cases(3000)
    });
    let number = prop_oneof![
        (0u64..40).boxed(),
        any::<u64>().boxed(),
        prop::sample::select(&[u64::MAX, u64::MAX / 2, 1 << 32, u32::MAX as u64, 1 << 31, 1 << 16][..])
            .boxed(),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), number), 1..3);
    let [refused, failed, ran] = [0; 3].map(Cell::new);
    let result = runner.run(&changes, |changes| {
        let mut plan = plan.clone();
        let mut places = numbers(&mut plan);
        for (place, number) in changes {
            let place = place.index(places.len());
            *places[place] = number.into();
        }
        let mut spoilt = artifact.clone();
        // What does not fit its type is refused when the manifest is read.
        let Ok(plan) = serde_json::from_value(plan) else { return Ok(()) };
        spoilt.manifest.gpu = Some(plan);
        let count = match spoilt.validate() {
            Err(_) => &refused,
            Ok(()) => match run(&spoilt, &images) {
                Err(_) => &failed,
                Ok(()) => &ran,
            },
        };
        count.set(count.get() + 1);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    println!("{} plans refused, {} failed, {} ran", refused.get(), failed.get(), ran.get());
    assert!(refused.get() > 50 && failed.get() > 50);
}

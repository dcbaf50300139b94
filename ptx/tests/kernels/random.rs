//! Random networks of every op and every kind of neuron.

use crate::support::{Compared, compare, with_kernels};
use neurocuda_ptx::{LowerError, lower};
use neurocuda_runtime::{
    artifact::{
        DType,
        program::{Op, OpKind, Schedule},
    },
    cpu::{Engine, RunOptions},
    data::Images,
    gpu::Room,
    testing::{
        Builder, Noise,
        random::{Growth, Limits, SCHEDULES, program},
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::{cell::RefCell, collections::BTreeMap};

/// Channels that fill several granules and tiles, and channels that do not.
const LIMITS: Limits = Limits { elements: 2500, channels: 72, images: 5, delays: false, heads: true };
/// Networks of a schedule; a third of them breaks a rule and is not run.
const CASES: u32 = 90;

/// Batches that are smaller than the number of images, and chunks that are shorter than a run.
fn rooms() -> impl Strategy<Value = Room> {
    let steps = prop::sample::select(&[1, 2, 3, 5, 8, 32][..]);
    (1usize..6, steps, any::<bool>()).prop_map(|(images, steps, keeps_events)| Room {
        images,
        steps,
        keeps_events,
    })
}

/// What makes a difference to the kernels of an op.
fn kind(op: &Op, weights: impl Fn(&str) -> (DType, usize)) -> String {
    match &op.kind {
        OpKind::Conv { weight, groups, transposed, dilation, .. } => {
            let (r#type, rank) = weights(weight);
            let shape = if *transposed { "transposed" } else { "conv" };
            let grouped = if *groups > 1 { " in groups" } else { "" };
            let dilated = if dilation.iter().any(|&dilation| dilation > 1) { " dilated" } else { "" };
            format!("{}d {shape}{grouped}{dilated} {type}", rank - 2)
        }
        OpKind::Linear { weight } | OpKind::Scale { weight } => {
            let name = if matches!(op.kind, OpKind::Scale { .. }) { "scale" } else { "linear" };
            format!("{name} {}", weights(weight).0)
        }
        OpKind::SumPool2d { multiplier, .. } => {
            format!("sum pool{}", if multiplier.is_some() { " with factors" } else { "" })
        }
        other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
    }
}

fn networks(schedule: Schedule) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(CASES) });
    let choices = prop::collection::vec(any::<u32>(), 100..3000);
    let growth = prop::sample::select(&[Growth::Anyhow, Growth::Layers][..]);
    let strategy = (choices, growth, rooms(), prop::option::of(1u32..40), any::<bool>());
    let (total, kinds) = (RefCell::new(Compared::default()), RefCell::new(BTreeMap::<String, u32>::new()));
    let result = runner.run(&strategy, |(choices, growth, room, timesteps, predictions)| {
        let Some((artifact, images)) = program(&choices, schedule, LIMITS, growth) else { return Ok(()) };
        let Some(artifact) = with_kernels(&artifact) else { return Ok(()) };
        let options =
            RunOptions { timesteps, trace: room.keeps_events, predictions, ..RunOptions::default() };
        total.borrow_mut().add(compare(&artifact, &images, room, &options));
        for op in &artifact.program().ops {
            let weights = |name: &str| {
                let tensor = &artifact.tensors[name];
                (tensor.dtype(), tensor.shape().len())
            };
            *kinds.borrow_mut().entry(kind(op, weights)).or_default() += 1;
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let (total, kinds) = (total.into_inner(), kinds.into_inner());
    println!("{schedule}: {total:?} equal; ops {kinds:?}");
    // Otherwise it shows little.
    assert!(total.images > 50 && total.spikes > 1000, "{total:?}");
}

#[test]
fn random_networks_st_bif() {
    networks(Schedule::StBif);
}

#[test]
fn random_networks_hold_and_fire() {
    networks(Schedule::HoldAndFire);
}

#[test]
fn random_networks_sigma_delta() {
    networks(Schedule::SigmaDelta);
}

#[test]
fn random_networks_rate() {
    networks(Schedule::Rate);
}

/// What settled images would send is not computed, so nobody may read it: not even a warp that computes another image too.
#[test]
fn settled_images_beside_others() {
    let mut noise = Noise::new(5);
    let mut builder = Builder::new(Schedule::StBif, 2000);
    // The first layer has a thread for each neuron, the others warps for tiles.
    let mut value = builder.encode(&[20, 5, 5], false);
    value = builder.st_bif(value, &[17; 20], 15, 0);
    for _ in 0..3 {
        let weights = noise.weights(20 * 20 * 9);
        value = builder.conv3x3(value, 20, &weights);
        value = builder.st_bif(value, &[300; 20], 15, 0);
    }
    value = builder.reshape(value, &[500]);
    value = builder.linear(value, 10, &noise.weights(5000));
    builder.readout(value, "y");
    let pixels = (0..6).flat_map(|image| {
        let shift = [0, 4, 7][image % 3];
        (0..500).map(|_| noise.draw() as u8 >> shift).collect::<Vec<_>>()
    });
    let images = Images::from_u8(vec![20, 5, 5], pixels.collect(), None).unwrap();
    let artifact = with_kernels(&builder.finish()).unwrap();
    let outcomes = Engine::new(&artifact).unwrap().run(&images, 0..6, &RunOptions::default(), || ());
    let steps: Vec<u32> = outcomes.unwrap().iter().map(|outcome| outcome.steps).collect();
    assert!(steps.iter().max().unwrap() > &(steps.iter().min().unwrap() + 16), "{steps:?}");
    for steps in [2, 5, 8] {
        let room = Room { images: 3, steps, keeps_events: steps == 5 };
        let options = RunOptions { trace: room.keeps_events, ..RunOptions::default() };
        assert_eq!(compare(&artifact, &images, room, &options).images, 6);
    }
}

/// Channels that only fill up a warp's tile are of no group, and must not read what lies behind the last one's inputs.
#[test]
fn matrix_products_beside_products_one_at_a_time() {
    for (schedule, groups) in SCHEDULES.into_iter().flat_map(|schedule| [(schedule, 1), (schedule, 2)]) {
        let mut builder = Builder::new(schedule, 12);
        let mut noise = Noise::new(3);
        let input = builder.encode(&[16, 2, 2], false);
        let products = builder.conv3x3(input, 2, &noise.weights(2 * 16 * 9));
        let kind = OpKind::Conv {
            weight: builder.tensor(&[2, 16 / groups, 1, 1], &vec![300i16; 32 / groups]),
            stride: vec![1; 2],
            padding: vec![0; 2],
            dilation: vec![1; 2],
            groups,
            transposed: false,
        };
        let others = builder.op(kind, &[input], &[2, 2, 2]);
        let sum = builder.op(OpKind::Add, &[products, others], &[2, 2, 2]);
        builder.readout(sum, "y");
        let artifact = with_kernels(&builder.finish()).unwrap();
        let pixels = (0..3 * 64).map(|_| noise.draw() as u8).collect();
        let images = Images::from_u8(vec![16, 2, 2], pixels, None).unwrap();
        let room = Room { images: 3, steps: 4, keeps_events: false };
        assert_eq!(compare(&artifact, &images, room, &RunOptions::default()).images, 3);
    }
}

#[test]
fn delays_are_refused() {
    let mut builder = Builder::new(Schedule::StBif, 9);
    let mut value = builder.encode(&[3], false);
    for delay in [0, 2] {
        value = builder.st_bif(value, &[5, 6, 7], 4, delay);
    }
    builder.readout(value, "y");
    let artifact = builder.finish();
    artifact.validate().unwrap();
    let error = lower(artifact.program(), &artifact.tensors, "sm_80").unwrap_err();
    assert!(matches!(&error, LowerError::Unsupported { op, .. } if op == "op2"), "{error}");
    assert!(error.to_string().contains("--backend cpu"), "{error}");
}

#[test]
fn what_may_need_more_than_32_bits_is_refused() {
    let mut builder = Builder::new(Schedule::StBif, 9);
    let mut value = builder.encode(&[1], false);
    for _ in 0..3 {
        let weight = builder.tensor(&[1], &[i16::MAX]);
        value = builder.op(OpKind::Scale { weight }, &[value], &[1]);
    }
    // Two readers: the value is one of its own and no part of a current.
    let [first, second] = [0, 1].map(|_| builder.st_bif(value, &[5], 4, 0));
    let sum = builder.op(OpKind::Add, &[first, second], &[1]);
    builder.readout(sum, "y");
    let artifact = builder.finish();
    artifact.validate().unwrap();
    let error = lower(artifact.program(), &artifact.tensors, "sm_80").unwrap_err();
    assert_eq!(error, LowerError::Wide("op2".to_owned()));
}

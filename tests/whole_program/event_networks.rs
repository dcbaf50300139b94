//! Networks that get events in time: spike for spike as the interpreter has them, with the logits of the integer network on the
//! counts, whatever the frames.

use crate::{
    engine_equals_interpreter::compare,
    support::{
        checkpoint::{Checkpoint, root},
        library::{self, Compiled},
        tensors::{self, Tensor},
    },
};
use neurocuda_compiler::{compile::Settings, validate::artifact::sample};
use neurocuda_runtime::{
    artifact::program::Schedule,
    data::{Frames, Images},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use rayon::prelude::*;
use std::{cell::Cell, sync::Arc};

const SCHEDULES: [Schedule; 2] = [Schedule::StBif, Schedule::HoldAndFire];

/// What a random network and its events are made of.
#[derive(Clone, Debug)]
struct Recipe {
    channels: usize,
    size: [usize; 2],
    /// Where counts are cut, if they are.
    cap: Option<u32>,
    factor: Option<&'static str>,
    pooled: bool,
    ops: Vec<u8>,
    frames: u32,
    seed: u64,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let factor = prop_oneof![
        Just(None),
        Just(Some("0.125")),
        Just(Some("0.3333333333333333")),
        Just(Some("0.1")),
        Just(Some("7"))
    ];
    let input =
        (1..3usize, [4..8usize, 4..8], proptest::option::weighted(0.8, 1..13u32), factor, any::<bool>());
    (input, proptest::collection::vec(0..4u8, 0..4), 1..9u32, any::<u64>()).prop_map(
        |((channels, size, cap, factor, pooled), ops, frames, seed)| Recipe {
            channels,
            size,
            cap,
            factor,
            pooled,
            ops,
            frames,
            seed,
        },
    )
}

impl Recipe {
    fn shape(&self) -> Vec<usize> {
        vec![self.channels, self.size[0], self.size[1]]
    }

    /// Graph description and weights.
    fn generate(&self) -> (String, Vec<Tensor>) {
        let [mut height, mut width] = self.size;
        let (mut lines, mut weights, mut value) = (vec![], vec![], 0);
        let mut push = |op: String| {
            value += 1;
            lines.push(format!("  %{value} = {op}"));
            value
        };
        let mut last = 0;
        if let Some(cap) = self.cap {
            last = push(format!("clamp(%{last}, min = 0, max = {cap})"));
        }
        if let Some(factor) = self.factor {
            last = push(format!("mul(%{last}, {factor})"));
        }
        if self.pooled {
            last = push(format!("max_pool2d(%{last}, 2, stride = 1)"));
            (height, width) = (height - 1, width - 1);
        }
        let mut conv = |from: usize| {
            let name = format!("w{}", weights.len());
            let seed = self.seed.wrapping_add(weights.len() as u64);
            weights.push(Tensor::random(&name, &[4, from, 3, 3], seed));
            format!("weight = @{name}, padding = 1")
        };
        let arguments = conv(self.channels);
        last = push(format!("conv2d(%{last}, {arguments})"));
        last = push(format!("relu(%{last})"));
        for op in &self.ops {
            match op {
                0 => {
                    let arguments = conv(4);
                    last = push(format!("conv2d(%{last}, {arguments})"));
                    last = push(format!("relu(%{last})"));
                }
                1 => {
                    let arguments = conv(4);
                    let inner = push(format!("conv2d(%{last}, {arguments})"));
                    last = push(format!("add(%{inner}, %{last})"));
                    last = push(format!("relu(%{last})"));
                }
                _ if height < 2 || width < 2 => {}
                op => {
                    let pool = if *op == 2 { "max_pool2d" } else { "avg_pool2d" };
                    last = push(format!("{pool}(%{last}, 2)"));
                    (height, width) = (height / 2, width / 2);
                }
            }
        }
        last = push(format!("flatten(%{last})"));
        last = push(format!("linear(%{last}, weight = @fc)"));
        weights.push(Tensor::random("fc", &[3, 4 * height * width], self.seed ^ 1));
        let shape = self.shape().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text = format!(
            "graph @events(%0: f32[N, {shape}]) -> f32[N, 3] {{\n{}\n  return %{last}\n}}\n",
            lines.join("\n")
        );
        (text, weights)
    }

    /// Samples of up to as many frames as the network takes: few events, and here and there many at once.
    fn samples(&self) -> Images {
        let size = self.shape().iter().product::<usize>();
        let sample = |index: u32| {
            let bytes = tensors::bytes(self.seed ^ u64::from(index), size * self.frames as usize);
            let counts = bytes.into_iter().map(|byte| match byte {
                0..190 => 0,
                190..250 => u16::from(byte) % 3 + 1,
                byte => 30 * u16::from(byte - 249),
            });
            let counts = counts.collect::<Vec<_>>();
            // The first has a frame for each step, others fewer.
            Frames::from_counts(
                &counts.chunks(size).skip(index as usize).map(<[u16]>::to_vec).collect::<Vec<_>>(),
            )
        };
        let samples = (0..self.frames.min(3)).map(sample).collect();
        Images::from_frames(self.shape(), samples, None).unwrap()
    }
}

/// Whether the last layer of neurons fires before the last frame.
fn fires_early(compiled: &Compiled, images: &Images, index: usize) -> bool {
    let trace = compiled.engine_outcome(images, index, true).trace.unwrap();
    let neurons = compiled.engine.layers().last().unwrap().neurons as usize;
    let before = (library::frames(images, index).len() - 1) * neurons;
    trace.last().unwrap().iter().take(before).any(|&spike| spike != 0)
}

fn integer_logits(compiled: &Compiled, images: &Images, index: usize) -> Vec<Vec<i64>> {
    compiled.integer_logits(&sample(images, index).unwrap())
}

#[test]
fn random_networks_of_events_equal_the_integer_network_on_the_counts() {
    let config =
        Config { cases: 40, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..Config::default() };
    let (early, spikes) = (Cell::new(0), Cell::new(0));
    let result = TestRunner::new(config).run(&recipe(), |recipe| {
        let (text, weights) = recipe.generate();
        let folder = tempfile::tempdir().unwrap();
        let (graph, file) = (folder.path().join("net.ncg"), folder.path().join("net.safetensors"));
        std::fs::write(&graph, text).unwrap();
        tensors::write(&file, &weights);
        let loaded = library::load(&graph, &file);
        let counts = tensors::bytes(recipe.seed, 16 * recipe.shape().iter().product::<usize>());
        let counts = counts.into_iter().map(|byte| (byte / 5) * u8::from(byte % 4 == 0)).collect();
        let calibration = Arc::new(Images::from_u8(recipe.shape(), counts, None).unwrap());
        let events = recipe.samples();
        let bytes = tensors::bytes(!recipe.seed, recipe.shape().iter().product());
        let image = Images::from_u8(recipe.shape(), bytes, None).unwrap();
        for schedule in SCHEDULES {
            let settings =
                Settings { schedule, levels: 7, frames: Some(recipe.frames), ..Settings::default() };
            let compiled = library::compile(&loaded, &calibration, &settings, None).unwrap();
            for (samples, index) in (0..events.len()).map(|index| (&events, index)).chain([(&image, 0)]) {
                let what = format!("{recipe:?} {schedule:?}");
                spikes.set(spikes.get() + compare(&compiled, samples, index, &what));
                let expected = integer_logits(&compiled, samples, index);
                prop_assert_eq!(
                    compiled.engine_logits(samples, index),
                    expected,
                    "sample {} of {}",
                    index,
                    what
                );
                early.set(early.get() + u32::from(fires_early(&compiled, samples, index)));
            }
        }
        Ok(())
    });
    result.unwrap();
    assert!(
        early.get() > 20,
        "only {} samples made the last layer fire before their last frame",
        early.get()
    );
    assert!(spikes.get() > 10_000, "{} spikes are no comparison", spikes.get());
}

/// The first digits of the simulated N-MNIST set, event by event.
#[test]
fn cnn3_nmnist_sim() {
    let Some(checkpoint) = Checkpoint::shared("cnn3_nmnist_sim") else { return };
    let loaded = library::load(&checkpoint.graph, &checkpoint.weights);
    let all = Images::open(&checkpoint.calibration).unwrap();
    let few = (0..60)
        .filter_map(|index| sample(&all, index))
        .flat_map(|image| image.into_iter().map(|pixel| pixel as u8));
    let few = Arc::new(Images::from_u8(all.sample_shape().to_vec(), few.collect(), None).unwrap());
    let counts = Images::open(&checkpoint.test).unwrap();
    let file = root().join("../shared/data/sets/nmnist_sim_test500_events.safetensors");
    let mut expected = None;
    for schedule in SCHEDULES {
        for frames in [1, 10, 32] {
            let settings = Settings { schedule, levels: 15, frames: Some(frames), ..Settings::default() };
            let compiled = library::compile(&loaded, &few, &settings, None).unwrap();
            let events = Images::open_for(&file, counts.sample_shape(), frames as usize).unwrap();
            let expected = expected.get_or_insert_with(|| {
                let logits =
                    (0..DIGITS).into_par_iter().map(|index| integer_logits(&compiled, &counts, index));
                logits.collect::<Vec<_>>()
            });
            let found = (0..DIGITS).into_par_iter().map(|index| {
                assert_eq!(sample(&events, index), sample(&counts, index), "digit {index}");
                compiled.engine_logits(&events, index)
            });
            let found = found.collect::<Vec<_>>();
            let wrong = (0..DIGITS).filter(|&index| found[index] != expected[index]).collect::<Vec<_>>();
            assert_eq!(wrong, [0; 0], "{schedule:?}, {frames} frames");
            compare(&compiled, &events, 7, &format!("{schedule:?}, {frames} frames"));
            let early = schedule == Schedule::StBif && frames == 32;
            assert!(!early || fires_early(&compiled, &events, 7));
        }
    }
}

/// Digits that are compared.
const DIGITS: usize = 100;

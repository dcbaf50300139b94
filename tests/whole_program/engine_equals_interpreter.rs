//! The engine sends the spikes of the reference interpreter: the same neurons, in the same steps, with the same signs.

use crate::support::{
    checkpoint::Checkpoint,
    command::neurocudac,
    library::{self, Compiled},
    tensors::{self, Tensor},
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

/// What the interpreter's neurons send: for each layer `[steps, …shape]`, in the order of the engine's layers.
fn interpreted(compiled: &Compiled, frames: &[Sample]) -> (Vec<Vec<i16>>, SpikingOutcome) {
    let mut sent = HashMap::<usize, Vec<i16>>::new();
    let outcome = compiled
        .spiking
        .simulate_frames(frames, compiled.limit, &mut |_, op, events: &ArrayD<f64>| {
            sent.entry(op).or_default().extend(events.iter().map(|&event| event as i16));
        })
        .unwrap();
    let layers = outcome.spikes.iter().map(|(op, _)| sent.remove(op).unwrap()).collect();
    (layers, outcome)
}

/// Compares every spike of an image; returns how many there are.
pub fn compare(compiled: &Compiled, images: &Images, index: usize, what: &str) -> u64 {
    let outcome = compiled.engine_outcome(images, index, true);
    let (expected, reference) = interpreted(compiled, &library::frames(images, index));
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
    let settings = Settings { schedule, levels: 15, timesteps: 15, ..Settings::default() };
    let compiled = library::compile(&loaded, &few, &settings, None).unwrap();
    let images = Images::open(&checkpoint.test).unwrap();
    let mut compiled = vec![compiled];
    if schedule == Schedule::SigmaDelta {
        compiled.push(library::with_delay(&compiled[0], 2));
    }
    for compiled in &compiled {
        let what = format!("{} {schedule:?}, {} steps", checkpoint.name, compiled.engine.steps());
        let spikes =
            (0..IMAGES).into_par_iter().map(|index| compare(compiled, &images, index, &what)).sum::<u64>();
        assert!(spikes > 100, "{what}: silence is no comparison");
    }
}

fn check_shared(name: &'static str, schedules: &[Schedule]) {
    let Some(checkpoint) = Checkpoint::shared(name) else { return };
    schedules.iter().for_each(|schedule| check(&checkpoint, *schedule));
}

const ALL: [Schedule; 4] = [Schedule::StBif, Schedule::HoldAndFire, Schedule::SigmaDelta, Schedule::Rate];
/// Those that equal the integer network.
const EXACT: [Schedule; 3] = [Schedule::StBif, Schedule::HoldAndFire, Schedule::SigmaDelta];

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
    check_shared("cnn3_nmnist_sim", &[Schedule::StBif, Schedule::SigmaDelta]);
}

/// A network of `statements` from `%x` to `%y` with random weights, in every schedule.
fn check_small(input: &[usize], outputs: usize, statements: &str, weights: &[(&str, &[usize])]) {
    check_schedules(input, outputs, statements, weights, &ALL);
}

/// [`check_small`] in some schedules.
fn check_schedules(
    input: &[usize],
    outputs: usize,
    statements: &str,
    weights: &[(&str, &[usize])],
    schedules: &[Schedule],
) {
    let sizes = input.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text =
        format!("graph @small(%x: f32[N, {sizes}]) -> f32[N, {outputs}] {{\n{statements}\nreturn %y\n}}\n");
    let folder = tempfile::tempdir().unwrap();
    let (graph, file) = (folder.path().join("net.ncg"), folder.path().join("net.safetensors"));
    std::fs::write(&graph, text).unwrap();
    let weights = weights.iter().zip(1..).map(|((name, shape), seed)| Tensor::random(name, shape, seed));
    tensors::write(&file, &weights.collect::<Vec<_>>());
    let loaded = library::load(&graph, &file);
    let images = |count: usize, seed| {
        let bytes = tensors::bytes(seed, count * input.iter().product::<usize>());
        Images::from_u8(input.to_vec(), bytes, None).unwrap()
    };
    let (calibration, test) = (Arc::new(images(24, 1)), images(IMAGES, 2));
    for &schedule in schedules {
        let settings = Settings { schedule, levels: 15, timesteps: 15, ..Settings::default() };
        let compiled = library::compile(&loaded, &calibration, &settings, None).unwrap();
        let what = format!("{statements} {schedule:?}");
        let spikes = (0..IMAGES).map(|index| compare(&compiled, &test, index, &what)).sum::<u64>();
        assert!(spikes > 50, "{what}: silence is no comparison");
    }
}

#[test]
fn convolutions_over_one_axis() {
    let statements = "%0 = normalize(%x, scale = 0.00392156862745098, mean = 0.5, std = 0.25)
        %1 = conv1d(%0, weight = @a, bias = @b, stride = 2, padding = 3, dilation = 2)
        %2 = relu(%1)
        %3 = conv_transpose1d(%2, weight = @c, stride = 3, padding = 1, output_padding = 2, groups = 2)
        %4 = relu(%3)
        %5 = avg_pool1d(%4, 3, stride = 2)
        %6 = flatten(%5)
        %y = linear(%6, weight = @d)";
    let weights: &[(&str, &[usize])] =
        &[("a", &[6, 2, 4]), ("b", &[6]), ("c", &[6, 2, 4]), ("d", &[3, 4 * 18])];
    check_small(&[2, 23], 3, statements, weights);
}

#[test]
fn transposed_convolutions_over_two_axes() {
    let statements = "%0 = normalize(%x, scale = 0.00392156862745098, mean = 0.5, std = 0.25)
        %1 = conv2d(%0, weight = @a, padding = 1)
        %2 = relu(%1)
        %3 = max_pool2d(%2, 2)
        %4 = conv_transpose2d(%3, weight = @b, bias = @c, stride = 2)
        %5 = concat(%2, %4)
        %6 = conv_transpose2d(%5, weight = @d, stride = [1, 2], padding = [0, 1], dilation = [2, 1], output_padding = [1, 0], groups = 4)
        %7 = relu(%6)
        %8 = mean(%7, dims = [2, 3])
        %y = linear(%8, weight = @e)";
    let weights: &[(&str, &[usize])] =
        &[("a", &[4, 2, 3, 3]), ("b", &[4, 4, 2, 2]), ("c", &[4]), ("d", &[8, 1, 2, 3]), ("e", &[3, 4])];
    check_small(&[2, 6, 8], 3, statements, weights);
}

#[test]
fn convolutions_over_three_axes() {
    let statements = "%0 = normalize(%x, scale = 0.00392156862745098, mean = 0.5, std = 0.25)
        %1 = conv3d(%0, weight = @a, bias = @b, stride = [1, 2, 1], padding = [1, 1, 0], groups = 2)
        %2 = batch_norm(%1, running_mean = @m, running_var = @v, eps = 2)
        %3 = relu(%2)
        %4 = avg_pool3d(%3, [2, 1, 2], padding = [1, 0, 0])
        %5 = conv_transpose3d(%4, weight = @c, stride = [2, 1, 1], dilation = [1, 1, 2], groups = 2)
        %6 = relu(%5)
        %7 = flatten(%6)
        %y = linear(%7, weight = @d)";
    let weights: &[(&str, &[usize])] = &[
        ("a", &[4, 1, 3, 3, 2]),
        ("b", &[4]),
        ("m", &[4]),
        ("v", &[4]),
        ("c", &[4, 1, 2, 2, 2]),
        ("d", &[3, 2 * 6 * 4 * 4]),
    ];
    check_small(&[2, 4, 5, 5], 3, statements, weights);
}

/// `run --trace` writes the engine's spikes, `[N, T, …]`, and silence for images that settle before the last one.
fn trace_file(schedule: &str, dtype: safetensors::Dtype) {
    let vgg = Checkpoint::vgg_fashion();
    let folder = tempfile::tempdir().unwrap();
    let (artifact, traces) = (folder.path().join("net.ncx"), folder.path().join("trace.safetensors"));
    vgg.compile(20, &artifact, &["--schedule", schedule]).succeeds();
    let limit = IMAGES.to_string();
    neurocudac(
        &[&"run", &artifact, &"--data", &vgg.test, &"--limit", &limit, &"-o", &traces, &"--trace"],
        &[],
    )
    .succeeds();

    let artifact = neurocuda_runtime::artifact::Artifact::read(&artifact).unwrap();
    let engine = neurocuda_runtime::cpu::Engine::new(&artifact).unwrap();
    let images = Images::open(&vgg.test).unwrap();
    let options = neurocuda_runtime::cpu::RunOptions {
        timesteps: None,
        trace: true,
        ..neurocuda_runtime::cpu::RunOptions::default()
    };
    let outcomes = engine.run(&images, 0..IMAGES, &options, || ()).unwrap();
    let steps = outcomes.iter().map(|outcome| outcome.steps as usize).max().unwrap();
    let bytes = std::fs::read(&traces).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (index, (layer, shape)) in engine.layers().iter().zip(engine.layer_shapes()).enumerate() {
        let tensor = file.tensor(&format!("spikes.{}", layer.name)).unwrap();
        assert_eq!(tensor.dtype(), dtype);
        assert_eq!(tensor.shape(), [&[IMAGES, steps], shape.as_slice()].concat());
        let values = match dtype {
            safetensors::Dtype::I8 => tensor.data().iter().map(|&byte| i16::from(byte as i8)).collect(),
            _ => {
                tensor.data().as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect::<Vec<_>>()
            }
        };
        for (found, outcome) in values.chunks(steps * layer.neurons as usize).zip(&outcomes) {
            let expected = &outcome.trace.as_ref().unwrap()[index];
            let (sent, silent) = found.split_at(expected.len());
            assert_eq!(sent, expected, "layer {}", layer.name);
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

#[test]
fn the_trace_file_holds_the_spikes() {
    trace_file("st-bif", safetensors::Dtype::I8);
}

#[test]
fn the_trace_file_holds_what_graded_events_carry() {
    trace_file("sigma-delta", safetensors::Dtype::I16);
}

#[test]
fn channel_shuffle_and_pixel_shuffle() {
    let statements = "%0 = normalize(%x, scale = 0.00392156862745098, mean = 0.5, std = 0.25)
        %1 = conv2d(%0, weight = @a, padding = 1, groups = 2)
        %2 = relu(%1)
        %3 = reshape(%2, shape = [2, 4, 5, 5])
        %4 = permute(%3, dims = [0, 2, 1, 3, 4])
        %5 = reshape(%4, shape = [8, 5, 5])
        %6 = conv2d(%5, weight = @b, groups = 2)
        %7 = relu(%6)
        %8 = reshape(%7, shape = [2, 2, 2, 3, 3])
        %9 = permute(%8, dims = [0, 1, 4, 2, 5, 3])
        %10 = reshape(%9, shape = [2, 6, 6])
        %11 = conv2d(%10, weight = @c)
        %12 = relu(%11)
        %13 = flatten(%12)
        %y = linear(%13, weight = @d)";
    let weights: &[(&str, &[usize])] =
        &[("a", &[8, 1, 3, 3]), ("b", &[8, 4, 3, 3]), ("c", &[3, 2, 3, 3]), ("d", &[3, 48])];
    check_small(&[2, 5, 5], 3, statements, weights);
}

#[test]
fn upsampling_and_concatenation() {
    let statements = "%a = sub(%x, @mean)
        %0 = div(%a, 64)
        %1 = conv2d(%0, weight = @down, padding = 1)
        %2 = relu(%1)
        %3 = max_pool2d(%2, 2)
        %4 = conv2d(%3, weight = @bottom, padding = 1)
        %5 = relu(%4)
        %6 = upsample_nearest(%5, size = [7, 9])
        %7 = concat(%2, %6)
        %8 = conv2d(%7, weight = @up)
        %9 = mean(%8, dims = [2, 3], keepdim = true)
        %10 = sub(%8, %9)
        %11 = relu(%10)
        %12 = flatten(%11)
        %y = linear(%12, weight = @out)";
    let weights: &[(&str, &[usize])] = &[
        ("mean", &[1, 2, 1, 1]),
        ("down", &[4, 2, 3, 3]),
        ("bottom", &[5, 4, 3, 3]),
        ("up", &[3, 9, 3, 3]),
        ("out", &[3, 105]),
    ];
    // A mean that two ops read is signed, which plain neurons are not.
    check_schedules(&[2, 7, 9], 3, statements, weights, &EXACT);
}

#[test]
fn dense_layers_on_tokens_and_on_features() {
    let statements = "%0 = normalize(%x, scale = 0.00392156862745098, mean = 0.5, std = 0.25)
        %1 = linear(%0, weight = @a)
        %2 = relu(%1)
        %3 = permute(%2, dims = [0, 2, 1])
        %4 = linear(%3, weight = @b)
        %5 = relu(%4)
        %6 = linear(%5, weight = @c)
        %7 = permute(%6, dims = [0, 2, 1])
        %8 = add(%7, %2)
        %9 = mul(%8, @gamma)
        %10 = relu(%9)
        %11 = mean(%10, dims = [1])
        %y = linear(%11, weight = @d)";
    let weights: &[(&str, &[usize])] =
        &[("a", &[6, 5]), ("b", &[7, 4]), ("c", &[4, 7]), ("gamma", &[6]), ("d", &[3, 6])];
    check_schedules(&[4, 5], 3, statements, weights, &EXACT);
}

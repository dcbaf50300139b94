//! Small programs whose outcome is worked out by hand, and the engine's errors.

use super::{Engine, EngineError, ImageOutcome, RunOptions, compare};
use crate::{
    artifact::{
        Artifact,
        program::{OpKind, Schedule},
    },
    data::{Frames, ImageView, Images},
    testing::Builder,
};

/// One `st-bif` neuron: threshold 4, starts at 2, its input is the pixel.
fn neuron(steps: u32, delay: u32) -> Artifact {
    let mut b = Builder::new(Schedule::StBif, steps);
    let x = b.encode(&[1], false);
    let x = b.linear(x, 1, &[1]);
    let x = b.st_bif(x, &[4], 15, delay);
    let x = b.linear(x, 1, &[10]);
    b.readout(x, "y");
    b.finish()
}

fn run(artifact: &Artifact, pixel: u8, timesteps: Option<u32>) -> Result<ImageOutcome, EngineError> {
    let options = RunOptions { timesteps, trace: true, predictions: true };
    Engine::new(artifact).unwrap().run_image(ImageView::U8(&[pixel]), 7, &options)
}

#[test]
fn a_neuron_fires_as_often_as_its_charge_says_and_settles() {
    let outcome = run(&neuron(20, 0), 10, None).unwrap();
    assert_eq!(outcome.trace, Some(vec![vec![1, 1, 1, 0]]));
    assert_eq!((outcome.outputs[0].integer[0], outcome.outputs[0].real[0]), (30, 30.0));
    assert_eq!((outcome.steps, outcome.settled_at, outcome.certified), (4, Some(3), true));
    // One event of the pixel and three spikes, one weight each.
    assert_eq!((outcome.spikes, outcome.sops), (vec![3], 4));
}

#[test]
fn a_delayed_spike_counts_as_activity_until_it_arrives() {
    let outcome = run(&neuron(20, 2), 10, None).unwrap();
    assert_eq!(outcome.trace, Some(vec![vec![1, 1, 1, 0, 0, 0]]));
    assert_eq!((outcome.outputs[0].integer[0], outcome.steps, outcome.settled_at), (30, 6, Some(5)));
}

#[test]
fn an_image_that_sends_nothing_has_settled_at_once() {
    let outcome = run(&neuron(20, 0), 0, None).unwrap();
    assert_eq!((outcome.outputs[0].integer[0], outcome.steps, outcome.settled_at), (0, 1, Some(0)));
}

#[test]
fn a_cut_run_is_certified_only_if_it_had_settled() {
    let settled = run(&neuron(20, 0), 10, Some(3)).unwrap();
    assert_eq!((settled.outputs[0].integer[0], settled.steps, settled.settled_at), (30, 3, Some(3)));
    assert_eq!(settled.trace, Some(vec![vec![1, 1, 1]]));
    let cut = run(&neuron(20, 0), 10, Some(2)).unwrap();
    assert_eq!((cut.outputs[0].integer[0], cut.steps, cut.settled_at, cut.certified), (20, 2, None, false));
    // A spike is still under way.
    assert!(!run(&neuron(20, 2), 10, Some(4)).unwrap().certified);
    assert!(run(&neuron(20, 2), 10, Some(5)).unwrap().certified);
}

#[test]
fn a_bound_holds_to_the_step() {
    assert_eq!(run(&neuron(3, 0), 10, None).unwrap().outputs[0].integer, [30]);
    let error = run(&neuron(2, 0), 10, None).unwrap_err();
    assert_eq!(error.id(), "bound-violated");
    assert!(error.to_string().contains("image 7") && error.to_string().contains("bound of 2"), "{error}");
    // Asking for fewer steps than the bound is not the compiler's mistake.
    assert!(!run(&neuron(3, 0), 10, Some(2)).unwrap().certified);
}

#[test]
fn a_gate_holds_spikes_back_until_it_opens() {
    let mut b = Builder::new(Schedule::HoldAndFire, 5);
    let x = b.encode(&[1], false);
    let kind = OpKind::HoldAndFire {
        threshold: b.tensor(&[1], &[4i32]),
        initial: b.tensor(&[1], &[2i32]),
        hold: 1000,
        release: 2,
        levels: 3,
        delay: 0,
    };
    let x = b.op(kind, &[x], &[1]);
    b.readout(x, "y");
    let artifact = b.finish();
    let outcome = run(&artifact, 10, None).unwrap();
    assert_eq!(outcome.trace, Some(vec![vec![0, 0, 1, 1, 1]]));
    assert_eq!((outcome.outputs[0].integer[0], outcome.settled_at, outcome.certified), (3, Some(5), true));
    // More charge than levels: the gate closes on it.
    assert_eq!(run(&artifact, 255, None).unwrap().outputs[0].integer, [3]);
    // Silence while the gate is shut proves nothing.
    assert!(!run(&artifact, 10, Some(2)).unwrap().certified);
}

/// Two `sigma-delta` neurons in a row, thresholds 4 and 3, levels −255 to 255, on a pixel that comes once; −2 times the first goes
/// on beside the pixel.
fn graded(steps: u32, delay: u32) -> Artifact {
    let mut b = Builder::new(Schedule::SigmaDelta, steps);
    let x = b.encode(&[1], false);
    let first = b.sigma_delta(x, &[4], 255, delay);
    let inhibition = b.linear(first, 1, &[-2]);
    let sum = b.op(OpKind::Add, &[x, inhibition], &[1]);
    let second = b.sigma_delta(sum, &[3], 255, delay);
    let y = b.linear(second, 1, &[10]);
    b.readout(y, "y");
    b.finish()
}

#[test]
fn a_graded_neuron_sends_its_level_at_once() {
    // (2 + 200) / 4 is 50, (1 + 200 − 100) / 3 is 33.
    let outcome = run(&graded(1, 0), 200, None).unwrap();
    assert_eq!(outcome.trace, Some(vec![vec![50], vec![33]]));
    assert_eq!((outcome.outputs[0].integer[0], outcome.steps, outcome.settled_at), (330, 1, Some(1)));
    // A graded event counts 1, whatever it carries.
    assert_eq!((outcome.spikes, outcome.sops), (vec![1, 1], 2));
    assert_eq!(run(&graded(1, 0), 0, None).unwrap().spikes, [0, 0]);
}

#[test]
fn a_graded_neuron_corrects_what_it_sent_too_early() {
    // The second neuron hears the pixel two steps before what takes half of it back: (1 + 200) / 3 is 67.
    let outcome = run(&graded(20, 2), 200, None).unwrap();
    assert_eq!(outcome.trace, Some(vec![vec![50, 0, 0, 0, 0, 0], vec![67, 0, -34, 0, 0, 0]]));
    assert_eq!((outcome.outputs[0].integer[0], outcome.steps, outcome.settled_at), (330, 6, Some(5)));
    assert_eq!(outcome.spikes, [1, 2]);
    assert!(run(&graded(5, 2), 200, None).is_ok());
    assert_eq!(run(&graded(4, 2), 200, None).unwrap_err().id(), "bound-violated");
    assert!(!run(&graded(20, 2), 200, Some(4)).unwrap().certified);
}

#[test]
fn graded_events_are_summed_exactly_whatever_they_carry() {
    // Eight-bit weights times events of up to ±32,767 leave the sums in i16, some events alone and some with others.
    for (weight, most) in [(1, 510), (127, 510), (-128, 510), (3, 16_383), (-128, 16_383)] {
        let mut b = Builder::new(Schedule::SigmaDelta, 3);
        let x = b.encode(&[90, 2, 2], false);
        let weights: Vec<i8> = (0..90).map(|i| [64, -64, 127, -3][i % 4]).collect();
        let weights = b.tensor(&[90], &weights);
        let x = b.op(OpKind::Scale { weight: weights }, &[x], &[90, 2, 2]);
        let a = b.sigma_delta(x, &(0..90).map(|i| 1 + i % 7).collect::<Vec<_>>(), most, 1);
        let x = b.conv3x3(a, 90, &(0..90 * 90 * 9).map(|i| (i % 5) as i8 - 2).collect::<Vec<_>>());
        let c = b.sigma_delta(x, &[9; 90], most, 0);
        let both = b.op(OpKind::Concat { axis: 0 }, &[a, c], &[180, 2, 2]);
        let x = b.conv3x3(both, 30, &vec![weight; 180 * 30 * 9]);
        b.readout(x, "y");
        let pixels = (0..360).map(|i| (i * i * 31 % 256) as u8).collect();
        let images = Images::from_u8(vec![90, 2, 2], pixels, None).unwrap();
        let options = RunOptions { timesteps: None, trace: true, ..RunOptions::default() };
        assert_eq!(compare(&b.finish(), &images, &options), 1, "weight {weight}, levels {most}");
    }
}

#[test]
fn rate_runs_as_long_as_asked_and_averages() {
    let mut b = Builder::new(Schedule::Rate, 4);
    let x = b.encode(&[1], true);
    let kind = OpKind::Readout {
        output_name: "y".into(),
        initial: b.tensor(&[1], &[1i32]),
        bias: b.tensor(&[1], &[2i32]),
        gain: 3,
        scale: b.tensor(&[1], &[0.5]),
        average: true,
        start: 0,
        head: None,
    };
    b.op(kind, &[x], &[1]);
    let artifact = b.finish();
    let outcome = run(&artifact, 5, None).unwrap();
    assert_eq!((outcome.outputs[0].integer[0], outcome.steps, outcome.certified), (1 + 4 * 17, 4, false));
    assert_eq!(outcome.outputs[0].real, [69.0 * 0.5 / 4.0]);
    assert_eq!(run(&artifact, 5, Some(9)).unwrap().outputs[0].integer, [1 + 9 * 17]);
}

#[test]
fn bytes_and_floats_get_the_same_codes_and_ties_go_up() {
    let mut b = Builder::new(Schedule::StBif, 4);
    let kind = OpKind::Encode {
        multiplier: b.tensor(&[2], &[0.5, -0.5]),
        offset: b.tensor(&[2], &[0.0, 0.25]),
        minimum: b.tensor(&[2], &[f64::NEG_INFINITY, -1.0]),
        maximum: b.tensor(&[2], &[f64::INFINITY, 1.0]),
        scale: 1.0,
        low: -100,
        high: 100,
        every_step: false,
    };
    let x = b.op(kind, &[], &[2]);
    b.readout(x, "y");
    let engine = Engine::new(&b.finish()).unwrap();
    let codes = |image: ImageView<'_>| {
        engine.run_image(image, 0, &RunOptions::default()).unwrap().outputs[0].integer.clone()
    };
    for (pixels, expected) in
        [([1u8, 1], [1, 0]), ([2, 255], [1, -1]), ([255, 0], [100, 0]), ([3, 2], [2, -1])]
    {
        assert_eq!(codes(ImageView::U8(&pixels)), expected, "{pixels:?}");
        assert_eq!(codes(ImageView::F32(&pixels.map(f32::from))), expected, "{pixels:?}");
    }
    assert_eq!(codes(ImageView::F32(&[-1.0, -3.0])), [0, 1]);
    assert_eq!(codes(ImageView::F32(&[-f32::MAX, f32::MAX])), [-100, -1]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let artifact = super::throughput::vgg();
    let pixels = (0..6 * 784).map(|i| (i * i % 251) as u8).collect();
    let images = Images::from_u8(vec![1, 28, 28], pixels, None).unwrap();
    let engine = Engine::new(&artifact).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = RunOptions { timesteps: None, trace: true, predictions: true };
        let finished = std::sync::atomic::AtomicUsize::new(0);
        let count = || {
            finished.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        let outcomes = pool.install(|| engine.run(&images, 1..6, &options, count).unwrap());
        assert_eq!(finished.into_inner(), 5);
        outcomes
    };
    let one = run(1);
    assert_eq!(one.len(), 5);
    assert!(one.iter().all(|outcome| outcome.certified && outcome.spikes.iter().all(|&spikes| spikes > 0)));
    assert_eq!(run(3), one);
    let third = engine.run_image(images.image(3).unwrap(), 3, &RunOptions::default()).unwrap();
    assert_eq!((third.outputs.clone(), third.sops), (one[2].outputs.clone(), one[2].sops));
}

#[test]
fn a_network_of_real_size_equals_the_reference() {
    // Wide rows, several events a position and full chunks, which the small random programs do not have.
    let mut b = Builder::new(Schedule::StBif, 60);
    let weights = |count: usize| -> Vec<i8> { (0..count).map(|i| ((i * 7919) % 255) as u8 as i8).collect() };
    let x = b.encode(&[3, 9, 9], false);
    let x = b.conv3x3(x, 40, &weights(3 * 40 * 9));
    let x = b.st_bif(x, &[3000; 40], 15, 0);
    let x = b.conv3x3(x, 70, &weights(40 * 70 * 9));
    let x = b.st_bif(x, &[9000; 70], 15, 1);
    let x = b.max_pool2(x);
    let x = b.reshape(x, &[70 * 16]);
    let x = b.linear(x, 9, &weights(70 * 16 * 9));
    b.readout(x, "y");
    let images =
        Images::from_u8(vec![3, 9, 9], (0..243).map(|i| (i * 31 % 200) as u8).collect(), None).unwrap();
    let artifact = b.finish();
    assert_eq!(
        compare(&artifact, &images, &RunOptions { timesteps: None, trace: true, predictions: true }),
        1
    );
}

#[test]
fn rows_summed_in_i16_are_cut_before_they_overflow() {
    for (weight, most) in
        [(127i16, 2), (-128, 2), (127, 300), (-128, 255), (127, 129), (1, 40_000), (32_767, 2)]
    {
        let mut b = Builder::new(Schedule::StBif, 10);
        let kind = OpKind::Encode {
            multiplier: b.tensor(&[1000], &vec![f64::from(most) / 255.0; 1000]),
            offset: b.tensor(&[1000], &vec![0.0; 1000]),
            minimum: b.tensor(&[1000], &vec![f64::NEG_INFINITY; 1000]),
            maximum: b.tensor(&[1000], &vec![f64::INFINITY; 1000]),
            scale: 1.0,
            low: 0,
            high: most,
            every_step: false,
        };
        let x = b.op(kind, &[], &[1000]);
        let weights = b.tensor(&[3, 1000], &vec![weight; 3000]);
        let x = b.op(OpKind::Linear { weight: weights }, &[x], &[3]);
        b.readout(x, "y");
        let artifact = b.finish();
        for step in [1, 7, 64, 255] {
            let images =
                Images::from_u8(vec![1000], (0..1000).map(|i| (i * step % 256) as u8).collect(), None);
            let compared = compare(&artifact, &images.unwrap(), &RunOptions::default());
            assert_eq!(compared, 1, "weight {weight}, codes up to {most}");
        }
    }
}

#[test]
fn what_cannot_be_run_is_refused() {
    let artifact = neuron(20, 0);
    assert_eq!(run(&artifact, 10, Some(0)).unwrap_err().id(), "run-timesteps");
    assert_eq!(run(&artifact, 10, Some(1_000_001)).unwrap_err().id(), "run-timesteps");
    let engine = Engine::new(&artifact).unwrap();
    let options = RunOptions::default();
    let wrong = engine.run_image(ImageView::U8(&[1, 2]), 0, &options).unwrap_err();
    assert_eq!(wrong.id(), "data-shape");
    let images = Images::from_u8(vec![1], vec![1, 2, 3], None).unwrap();
    assert_eq!(engine.run(&images, 1..4, &options, || ()).unwrap_err().id(), "run-range");
    assert_eq!(engine.run(&images, 1..3, &options, || ()).unwrap().len(), 2);
    let images = Images::from_u8(vec![1, 1], vec![1], None).unwrap();
    assert_eq!(engine.run(&images, 0..1, &options, || ()).unwrap_err().id(), "data-shape");
    let mut invalid = artifact;
    invalid.tensors.clear();
    assert_eq!(Engine::new(&invalid).unwrap_err().id(), "artifact-invalid");
}

#[test]
fn sums_that_leave_i32_wrap_and_do_not_panic() {
    let mut b = Builder::new(Schedule::StBif, 50);
    let mut x = b.encode(&[1, 2, 2], false);
    for _ in 0..4 {
        x = b.conv3x3(x, 5, &vec![127; b.shape(x)[0] * 45]);
    }
    let pooled = b.max_pool2(x);
    let x = b.st_bif(pooled, &[i32::MAX; 5], i32::MAX, 0);
    let x = b.op(OpKind::Add, &[x, pooled, pooled], &[5, 1, 1]);
    b.readout(x, "y");
    let engine = Engine::new(&b.finish()).unwrap();
    let outcome = engine.run_image(ImageView::U8(&[255; 4]), 0, &RunOptions::default());
    assert!(matches!(outcome, Ok(_) | Err(EngineError::BoundViolated { .. })));
}

/// A neuron that counts events to 3, and a readout.
fn counter(frames: u32) -> Artifact {
    let mut b = Builder::new(Schedule::StBif, frames + 2);
    let x = b.encode_events(&[2], frames);
    let x = b.st_bif(x, &[1, 1], 3, 0);
    b.readout(x, "y");
    b.finish()
}

#[test]
fn a_network_stays_awake_until_the_last_frame() {
    let engine = Engine::new(&counter(5)).unwrap();
    let run = |frames: &[[u16; 2]]| {
        let frames = Frames::from_counts(&frames.iter().map(|frame| frame.to_vec()).collect::<Vec<_>>());
        engine
            .run_image(
                ImageView::Frames(&frames),
                0,
                &RunOptions { timesteps: None, trace: true, ..RunOptions::default() },
            )
            .unwrap()
    };
    let outcome = run(&[[1, 0], [0, 0], [0, 0], [0, 9]]);
    assert_eq!(outcome.outputs[0].integer, [1, 3]);
    assert_eq!((outcome.settled_at, outcome.steps, outcome.spikes), (Some(6), 7, vec![4]));
    let sent = [[1, 0], [0, 0], [0, 0], [0, 1], [0, 1], [0, 1], [0, 0]];
    assert_eq!(outcome.trace.unwrap()[0], sent.as_flattened());
    // Fewer frames than it was compiled for, and silent ones at the end.
    let outcome = run(&[[1, 0]]);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(1), 2));
    let outcome = run(&[[0, 0], [1, 0], [0, 0], [0, 0], [0, 0]]);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(2), 5));
    let outcome = run(&[[0, 0]; 5]);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(0), 5));
}

#[test]
fn an_image_of_counts_is_one_frame() {
    let engine = Engine::new(&counter(5)).unwrap();
    let run = |image: ImageView<'_>| engine.run_image(image, 4, &RunOptions::default());
    let bytes = run(ImageView::U8(&[2, 200])).unwrap();
    assert_eq!((bytes.outputs[0].integer.as_slice(), bytes.settled_at), (&[2, 3][..], Some(3)));
    assert_eq!(run(ImageView::F32(&[2.0, 200.0])).unwrap(), bytes);
    for wrong in [0.5, -1.0, 65_536.0, f32::NAN] {
        let error = run(ImageView::F32(&[2.0, wrong])).unwrap_err();
        assert_eq!(error.id(), "data-counts", "{wrong}");
    }
    let frames = Frames::from_counts(&vec![vec![0, 1]; 6]);
    let error = run(ImageView::Frames(&frames)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sample 4 has 6 frames, and the network takes 5 at most: compile it with --input events --frames 6"
    );
    // What takes images takes the sum of all frames.
    let image = Engine::new(&{
        let mut b = Builder::new(Schedule::StBif, 4);
        let x = b.encode(&[2], false);
        b.readout(x, "y");
        b.finish()
    });
    let outcome = image.unwrap().run_image(ImageView::Frames(&frames), 0, &RunOptions::default()).unwrap();
    assert_eq!(outcome.outputs[0].integer, [0, 6]);
}

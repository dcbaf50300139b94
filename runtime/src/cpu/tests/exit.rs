//! Early exits: what is proved holds, no earlier and no later than it can.

use proptest::{prelude::*, strategy::ValueTree};

use super::{super::EarlyExit, Engine, ImageOutcome, RunOptions, naive, random::generate_layers};
use crate::{
    artifact::{
        Artifact,
        program::{OpKind, Program, Schedule, ValueId},
    },
    data::{ImageView, Images},
    testing::Builder,
};

/// Enough for most random programs to fall silent.
const STEPS: u32 = 150;

/// Layers of neurons on the longest way from a value to a readout.
fn layers_behind(program: &Program, value: ValueId) -> Option<usize> {
    let readers = program.ops.iter().filter(|op| op.inputs.contains(&value));
    let ways = readers.map(|op| match op.kind {
        OpKind::Readout { .. } => Some(0),
        _ => layers_behind(program, op.output).map(|layers| layers + usize::from(op.kind.is_neuron())),
    });
    ways.flatten().max()
}

/// Steps that have run when everything from all but the last layers has arrived, by what they sent.
fn awaited_steps(program: &Program, last_layers: u32, trace: &[Vec<i16>]) -> u32 {
    let layers = program.ops.iter().filter(|op| op.kind.is_neuron()).zip(trace);
    let arrivals = layers
        .filter(|(op, _)| {
            layers_behind(program, op.output).is_some_and(|layers| layers >= last_layers as usize)
        })
        .filter_map(|(op, spikes)| {
            let neurons = program.values[op.output].iter().product::<usize>();
            let last = spikes.chunks(neurons).rposition(|step| step.iter().any(|&spike| spike != 0))?;
            Some(last as u32 + op.kind.delay().unwrap())
        });
    1 + arrivals.max().unwrap_or(0)
}

/// Looks for exits through so many last layers, noted and taken; the outcome of the whole run, or nothing if it has no end or leaves
/// i32.
fn check(artifact: &Artifact, image: ImageView<'_>, last_layers: u32) -> Option<ImageOutcome> {
    let engine = Engine::new(artifact).unwrap();
    let options = |timesteps, take: Option<bool>| {
        let early_exit = take.map(|take| EarlyExit { last_layers, take });
        RunOptions { timesteps, early_exit, trace: true, ..RunOptions::default() }
    };
    let run = |options| engine.run_image(image, 0, &options);
    let whole = run(options(None, Some(false))).ok()?;
    let reference = naive::simulate(artifact, image, whole.steps)?;
    assert!(whole.certified);
    assert_eq!(ImageOutcome { exit: None, ..whole.clone() }, run(options(None, None)).unwrap());

    let exit = whole.exit.as_ref().expect("silence is the last proof");
    let outputs = reference.logits_after(whole.steps, artifact);
    assert_eq!(exit.logits, outputs.iter().map(|output| output.integer.clone()).collect::<Vec<_>>());
    let trace = whole.trace.as_ref().unwrap();
    // Nothing is final before the last frame was shown.
    let awaited = awaited_steps(artifact.program(), last_layers, trace).max(image.frames() as u32);
    assert_eq!(exit.steps, awaited);

    let left = run(options(None, Some(true))).unwrap();
    let cut = run(options(Some(exit.steps), None)).unwrap();
    assert_eq!((left.certified, left.settled_at, left.exit.as_ref()), (false, None, Some(exit)));
    assert_eq!(left.outputs, whole.outputs);
    assert_eq!(
        (left.steps, left.spikes, left.sops, left.trace),
        (cut.steps, cut.spikes, cut.sops, cut.trace)
    );
    Some(whole)
}

fn random(choices: &[u32], schedule: Schedule) -> Option<(Artifact, Images)> {
    let (mut artifact, images) = generate_layers(choices, schedule)?;
    artifact.manifest.program.steps = STEPS;
    Some((artifact, images))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_proved_holds(
        choices in prop::collection::vec(any::<u32>(), 100..3000),
        schedule in prop_oneof![Just(Schedule::StBif), Just(Schedule::HoldAndFire), Just(Schedule::SigmaDelta)],
        last_layers in prop_oneof![Just(1u32), Just(2), Just(u32::MAX)],
    ) {
        // Random gates open too early: who looks further would trust them.
        let last_layers = if schedule == Schedule::HoldAndFire { 1 } else { last_layers };
        if let Some((artifact, images)) = random(&choices, schedule) {
            for index in 0..images.len() {
                check(&artifact, images.image(index).unwrap(), last_layers);
            }
        }
    }
}

/// The test above proves nothing if no image exits before it is silent.
#[test]
fn exits_come_early() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(any::<u32>(), 100..3000);
    let (mut silent, mut early, mut waited, mut between) = (0, 0, 0, 0);
    for index in 0..300 {
        let choices = strategy.new_tree(&mut runner).unwrap().current();
        let schedule = [Schedule::StBif, Schedule::HoldAndFire, Schedule::SigmaDelta][index % 3];
        let Some((artifact, images)) = random(&choices, schedule) else { continue };
        let Some(whole) = check(&artifact, images.image(0).unwrap(), 1) else { continue };
        let (exit, settled) = (whole.exit.unwrap().steps, whole.settled_at.unwrap());
        silent += 1;
        early += usize::from(exit < settled);
        waited += usize::from(exit > 1);
        between += usize::from(exit > 1 && exit < settled);
    }
    println!("{silent} fell silent; {early} exit before that, {waited} after the first step, {between} both");
    assert!(silent > 150 && early > 100 && waited > 50 && between > 30);
}

/// Two layers of `st-bif`, the second delayed; what the last one counts is known when the first is silent.
#[test]
fn the_last_layer_is_not_awaited() {
    let mut b = Builder::new(Schedule::StBif, 60);
    let x = b.encode(&[1], false);
    let x = b.st_bif(x, &[4], 15, 0);
    let x = b.linear(x, 1, &[6]);
    let x = b.st_bif(x, &[3], 31, 2);
    let x = b.linear(x, 1, &[10]);
    b.readout(x, "y");
    // Three spikes, 18 charges, six spikes.
    let whole = check(&b.finish(), ImageView::U8(&[12]), 1).unwrap();
    assert_eq!((whole.exit.unwrap().steps, whole.settled_at), (3, Some(8)));
    assert_eq!(whole.outputs[0].integer, [60]);
}

/// A closed gate hides nothing: what it will let through follows from the membrane behind it.
#[test]
fn a_gate_is_seen_through() {
    for (pixel, expected) in [(0, 0), (10, 3), (255, 3)] {
        let mut b = Builder::new(Schedule::HoldAndFire, 20);
        let x = b.encode(&[1], false);
        let kind = OpKind::HoldAndFire {
            threshold: b.tensor(&[1], &[4i32]),
            initial: b.tensor(&[1], &[2i32]),
            hold: 1000,
            release: 5,
            levels: 3,
            delay: 1,
        };
        let x = b.op(kind, &[x], &[1]);
        b.readout(x, "y");
        let whole = check(&b.finish(), ImageView::U8(&[pixel]), 1).unwrap();
        assert_eq!((whole.exit.unwrap().steps, whole.outputs[0].integer[0]), (1, expected));
    }
}

#[test]
fn rate_has_no_exit() {
    let mut b = Builder::new(Schedule::Rate, 4);
    let x = b.encode(&[1], true);
    b.readout(x, "y");
    let early_exit = Some(EarlyExit { last_layers: 1, take: true });
    let options = RunOptions { early_exit, ..RunOptions::default() };
    let outcome = Engine::new(&b.finish()).unwrap().run_image(ImageView::U8(&[5]), 0, &options).unwrap();
    assert_eq!((outcome.steps, outcome.exit), (4, None));
}

//! Random programs: engine and reference must agree on every logit, spike and operation.

use proptest::{prelude::*, strategy::ValueTree};

use super::{RunOptions, compare};
use crate::{
    artifact::{Artifact, program::Schedule},
    data::Images,
    testing::random::{Growth, Limits, SCHEDULES, program},
};

/// A program and images for it.
fn generate(choices: &[u32], schedule: Schedule) -> Option<(Artifact, Images)> {
    program(choices, schedule, Limits::SMALL, Growth::Anyhow)
}

/// The same, with several layers of neurons one after the other.
pub(super) fn generate_layers(choices: &[u32], schedule: Schedule) -> Option<(Artifact, Images)> {
    program(choices, schedule, Limits::SMALL, Growth::Layers)
}

fn schedules() -> impl Strategy<Value = Schedule> {
    prop::sample::select(&SCHEDULES[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn engine_equals_reference(
        choices in prop::collection::vec(any::<u32>(), 100..3000),
        schedule in schedules(),
        timesteps in prop::option::of(1u32..40),
    ) {
        if let Some((artifact, images)) = generate(&choices, schedule) {
            let options = RunOptions { timesteps, trace: true, predictions: true, ..RunOptions::default() };
            compare(&artifact, &images, &options);
        }
    }
}

/// The test above proves nothing if its programs are refused, overflow, or never spike.
#[test]
fn random_programs_are_worth_running() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(any::<u32>(), 100..3000);
    let (mut valid, mut compared, mut certified, mut spikes) = (0, 0, 0, 0);
    for index in 0..300 {
        let choices = strategy.new_tree(&mut runner).unwrap().current();
        let schedule = SCHEDULES[index % SCHEDULES.len()];
        let Some((artifact, images)) = generate(&choices, schedule) else { continue };
        valid += 1;
        let options = RunOptions::default();
        compared += compare(&artifact, &images, &options);
        let engine = super::Engine::new(&artifact).unwrap();
        if let Ok(outcome) = engine.run_image(images.image(0).unwrap(), 0, &options) {
            certified += usize::from(outcome.certified);
            spikes += usize::from(outcome.spikes.iter().any(|&spikes| spikes > 0));
        }
    }
    println!("{valid} valid, {compared} compared, {certified} certified, {spikes} with spikes, of 300");
    assert!(valid > 200 && compared > 300 && certified > 60 && spikes > 100);
}

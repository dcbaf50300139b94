//! The engine against a naive reference that follows the program's documentation to the letter.

mod exit;
mod microcode;
mod naive;
mod random;
mod semantics;
mod throughput;

use super::{Engine, EngineError, ImageOutcome, RunOptions};
use crate::{
    artifact::{Artifact, program::Schedule},
    data::{ImageView, Images},
};

/// What the reference says that a run must give; `None` where a value leaves i32, which no artifact may cause.
pub(super) fn expected(
    artifact: &Artifact,
    image: ImageView<'_>,
    options: &RunOptions,
) -> Option<Result<ImageOutcome, &'static str>> {
    let program = artifact.program();
    let exact = program.schedule != Schedule::Rate;
    let asked = options.timesteps.unwrap_or(program.steps);
    let limit = if exact { asked.min(program.steps) } else { asked };
    let run = naive::simulate(artifact, image, limit + 1)?;
    let outcome = |steps: u32, settled_at: Option<u32>| ImageOutcome {
        outputs: run.logits_after(steps, artifact),
        spikes: run.spikes_in(steps),
        sops: run.steps[..steps as usize].iter().map(|step| step.sops).sum(),
        steps,
        certified: settled_at.is_some(),
        settled_at,
        exit: None,
        cores: vec![],
        trace: options.trace.then(|| run.trace(steps)),
        predictions: options.predictions.then(|| predictions(&run, artifact, steps)).flatten(),
    };
    if !exact {
        return Some(Ok(outcome(limit, None)));
    }
    match (0..=limit).find(|&step| run.is_final(step, artifact, image)) {
        Some(step) => Some(Ok(outcome(limit.min(step + 1), Some(run.settled_at(step))))),
        None if limit == program.steps => Some(Err("bound-violated")),
        None => Some(Ok(outcome(limit, None))),
    }
}

/// The class after each step, of networks without heads.
fn predictions(run: &naive::Run, artifact: &Artifact, steps: u32) -> Option<Vec<u32>> {
    let outputs = &artifact.manifest.outputs;
    let output = outputs.iter().position(|output| output.shape[0] >= 2)?;
    let is_one_class = outputs[output].shape.iter().product::<usize>() == outputs[output].shape[0];
    let class = |steps| {
        let real = run.logits_after(steps, artifact).swap_remove(output).real;
        let largest = real.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        real.iter().position(|&y| y == largest).unwrap() as u32
    };
    is_one_class.then(|| (1..=steps).map(class).collect())
}

/// What the spikes that are told one by one come to, as a trace.
fn told(engine: &Engine, image: ImageView<'_>, options: &RunOptions, steps: u32) -> Vec<Vec<i16>> {
    let sizes = engine.layer_shapes().iter().map(|shape| shape.iter().product::<usize>()).collect::<Vec<_>>();
    let mut trace = sizes.iter().map(|size| vec![0; size * steps as usize]).collect::<Vec<_>>();
    let told = engine.watch_image(image, 0, options, &mut |spike| {
        trace[spike.layer][spike.step as usize * sizes[spike.layer] + spike.neuron] = spike.value as i16;
    });
    assert_eq!(told.unwrap().steps, steps);
    trace
}

/// Runs images through the engine and the reference; returns the number of comparisons made.
pub(super) fn compare(artifact: &Artifact, images: &Images, options: &RunOptions) -> usize {
    let engine = Engine::new(artifact).unwrap();
    let mut compared = 0;
    for index in 0..images.len() {
        let image = images.image(index).unwrap();
        let found = engine.run_image(image, index, options);
        let Some(expected) = expected(artifact, image, options) else { continue };
        compared += 1;
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                assert_eq!(found, expected, "image {index}, {options:?}");
                if let Some(trace) = found.trace {
                    assert_eq!(told(&engine, image, options, found.steps), trace, "image {index}");
                }
            }
            (found, expected) => {
                assert_eq!(found.as_ref().map_err(EngineError::id), expected.as_ref().map_err(|&id| id));
            }
        }
    }
    compared
}

//! `neurocudac run`: runs an artifact on images.

use crate::{data, failure::Failure, messages, output, progress};
use clap::Args;
use neurocuda_runtime::{
    artifact::{Artifact, program::Schedule},
    cpu::{EarlyExit, Engine, ImageOutcome, RunOptions},
    data::Images,
    head::{Head, HeadFunction},
};
use safetensors::Dtype;
use std::path::PathBuf;

/// Run an artifact on images.
///
/// Writes one tensor for each output: `<output>` (f32) and `<output>.int` (i32, the integer logits, in front of a softmax, log-softmax
/// or argmax); with --trace also
/// `spikes.<layer>` (i8, [N, T, …]; for schedule sigma-delta i16, what each event carries).
#[derive(Args)]
pub struct Arguments {
    /// The artifact.
    #[arg(value_name = "OUT.ncx")]
    artifact: PathBuf,

    /// Images: a safetensors file with `images` (u8 or f32, N first), or with events.
    #[arg(long, value_name = "D.safetensors")]
    data: PathBuf,

    /// What runs it; by default what it was compiled for.
    #[arg(long, value_enum)]
    backend: Option<data::Backend>,

    /// Images that a GPU runs at once; 64 by default, or as many as there is memory for.
    #[arg(long, value_name = "N", value_parser = data::count())]
    batch: Option<usize>,

    /// Number of steps of a rate network, or a cap for an exact one; an exact network that has not settled by then is an error.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    timesteps: Option<u32>,

    /// Stop an image of an exact schedule as soon as its logits are proved; they are those of the whole run. What so many last layers
    /// of neurons still send is computed and not awaited: with 1 as soon as the one before has sent its last spike, with all of them
    /// after the first step, because then it is the integer network that is run.
    #[arg(long, value_name = "LAYERS", num_args = 0..=1, require_equals = true, default_missing_value = "1",
          value_parser = clap::value_parser!(u32).range(1..))]
    early_exit: Option<u32>,

    /// Run only the first images.
    #[arg(long, value_name = "N", value_parser = data::count())]
    limit: Option<usize>,

    /// Write every spike too.
    #[arg(long, requires = "output")]
    trace: bool,

    /// Where outputs go. Without it the predictions are printed, one line an image.
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let artifact = data::artifact(&arguments.artifact)?;
    let backend = arguments.backend.unwrap_or_else(|| data::own_backend(&artifact));
    if arguments.batch.is_some() && backend != data::Backend::Gpu {
        return Err(Failure::input("--batch belongs to --backend gpu"));
    }
    let engine = Engine::on(&artifact, backend.engine())?;
    let images = data::open(&arguments.data, engine.input_shape(), engine.frames())?;
    let count = arguments.limit.unwrap_or(images.len()).min(images.len());
    if arguments.early_exit.is_some() && engine.schedule() == Schedule::Rate {
        return Err(Failure::input(
            "exit-unproved: a `rate` network can change its answer in its last step; leave --early-exit out, \
             or compile for an exact schedule",
        ));
    }
    if arguments.early_exit.is_some() && backend != data::Backend::Cpu {
        return Err(Failure::input(
            "exit-unproved: it is the state of the CPU's neurons that proves an early exit; leave --early-exit out, or add \
             --backend cpu",
        ));
    }
    let outcomes = if backend == data::Backend::Gpu {
        simulate_on_cards(arguments, &artifact, &images, count)?
    } else {
        simulate(arguments, &engine, &images, count)?
    };
    let unsettled = outcomes.iter().position(|outcome| !outcome.certified && outcome.exit.is_none());
    if let Some(index) = unsettled.filter(|_| engine.schedule() != Schedule::Rate) {
        return Err(Failure::input(format!(
            "not-settled: image {index} had not settled after {} steps; it does within {}",
            outcomes[index].steps,
            engine.steps()
        )));
    }
    if arguments.early_exit.is_some() {
        let steps = outcomes.iter().map(|outcome| u64::from(outcome.steps));
        let mean = steps.clone().sum::<u64>() as f64 / count.max(1) as f64;
        let most = steps.max().unwrap_or(0);
        messages::note(format_args!("early exit: {mean:.1} steps on average, {most} at most"));
    }
    match &arguments.output {
        Some(path) => write(path, &engine, &outcomes),
        None => {
            if let Some(dense) = engine.outputs().iter().find(|output| output.shape.len() > 1) {
                return Err(Failure::input(format!(
                    "output-needed: output `{}` has the shape {:?}, which is no line of text: give a file with --output",
                    dense.name, dense.shape
                )));
            }
            for outcome in &outcomes {
                output::line(
                    outcome
                        .outputs
                        .iter()
                        .map(|logits| match logits.real.as_slice() {
                            // A number, or the index that an argmax gives.
                            [value] => value.to_string(),
                            scores => class(scores),
                        })
                        .collect::<Vec<_>>()
                        .join(" "),
                );
            }
            Ok(())
        }
    }
}

fn simulate(
    arguments: &Arguments,
    engine: &Engine,
    images: &Images,
    count: usize,
) -> Result<Vec<ImageOutcome>, Failure> {
    let bar = progress::bar("run", count);
    let early_exit = arguments.early_exit.map(|last_layers| EarlyExit { last_layers, take: true });
    let options = RunOptions {
        timesteps: arguments.timesteps,
        trace: arguments.trace,
        early_exit,
        ..RunOptions::default()
    };
    let outcomes = engine.run(images, 0..count, &options, || bar.inc());
    bar.finish_and_clear();
    Ok(outcomes?)
}

fn simulate_on_cards(
    arguments: &Arguments,
    artifact: &Artifact,
    images: &Images,
    count: usize,
) -> Result<Vec<ImageOutcome>, Failure> {
    let mut cards = data::cards(artifact, arguments.batch, arguments.trace)?;
    let bar = progress::bar("run", count);
    let options =
        RunOptions { timesteps: arguments.timesteps, trace: arguments.trace, ..RunOptions::default() };
    let outcomes = cards.run(images, 0..count, &options, |images| bar.inc_by(images));
    bar.finish_and_clear();
    outcomes.map_err(Failure::input)
}

/// The class of the largest of some scores.
fn class(scores: &[f32]) -> String {
    let argmax = Head { function: HeadFunction::Argmax, axis: 0, keepdim: false };
    let scores = scores.iter().map(|&score| f64::from(score)).collect::<Vec<_>>();
    argmax.apply(&[scores.len()], &scores).iter().map(f64::to_string).collect()
}

fn write(path: &std::path::Path, engine: &Engine, outcomes: &[ImageOutcome]) -> Result<(), Failure> {
    let mut tensors = Vec::<output::Tensor>::new();
    for (index, output) in engine.outputs().iter().enumerate() {
        let shape = [&[outcomes.len()], output.shape.as_slice()].concat();
        let of = |outcome: &ImageOutcome| outcome.outputs[index].clone();
        let reals = outcomes.iter().flat_map(|outcome| of(outcome).real).flat_map(f32::to_le_bytes).collect();
        let integers =
            outcomes.iter().flat_map(|outcome| of(outcome).integer).flat_map(i32::to_le_bytes).collect();
        tensors.push((output.name.clone(), Dtype::F32, shape, reals));
        let shape = engine.logit_shapes().nth(index).unwrap_or_default();
        let shape = [&[outcomes.len()], shape].concat();
        tensors.push((format!("{}.int", output.name), Dtype::I32, shape, integers));
    }
    // Images that settle earlier are silent to the end of the longest run.
    let steps = outcomes.iter().map(|outcome| outcome.steps as usize).max().unwrap_or(0);
    let graded = engine.schedule() == Schedule::SigmaDelta;
    let (dtype, width) = if graded { (Dtype::I16, 2) } else { (Dtype::I8, 1) };
    for (index, (layer, shape)) in engine.layers().iter().zip(engine.layer_shapes()).enumerate() {
        let size = shape.iter().product::<usize>();
        let mut spikes = Vec::with_capacity(outcomes.len() * steps * size * width);
        for outcome in outcomes {
            let Some(trace) = outcome.trace.as_ref().and_then(|trace| trace.get(index)) else { continue };
            let start = spikes.len();
            // Of a spike, which is 1 or -1, the first byte says all.
            spikes.extend(trace.iter().flat_map(|event| event.to_le_bytes().into_iter().take(width)));
            spikes.resize(start + steps * size * width, 0);
        }
        if outcomes.iter().any(|outcome| outcome.trace.is_some()) {
            let shape = [&[outcomes.len(), steps], shape.as_slice()].concat();
            tensors.push((format!("spikes.{}", layer.name), dtype, shape, spikes));
        }
    }
    output::tensors(path, &tensors)
}

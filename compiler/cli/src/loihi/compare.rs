//! `neurocudac loihi compare`: every spike of the cores beside another way to run the same network.

use super::Inputs;
use crate::{data, failure::Failure, output, progress};
use clap::{Args, ValueEnum};
use neurocuda_compiler::{
    backend::loihi::reference::{Sent, Spikes},
    mlir::IrError,
};
use neurocuda_runtime::{
    artifact::program::Schedule,
    cpu::{Backend, Engine, ImageOutcome, RunOptions},
};
use rayon::prelude::*;
use std::path::PathBuf;

/// Compare what the cores send with another run of the same network: every neuron of every layer in every step, and the logits.
///
/// Exit code 1 if a value differs.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,

    /// Run only the first images.
    #[arg(long, value_name = "N", value_parser = data::count(), default_value_t = 10)]
    limit: usize,

    /// What the cores are compared with.
    #[arg(long, value_enum, default_value_t = With::Cpu)]
    with: With,

    /// Write the counts as JSON.
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum With {
    /// The CPU engine.
    Cpu,
    /// The reference interpreter, which runs the `snn` module op by op; of exact schedules.
    Interpreter,
}

/// What was compared.
#[derive(Default, serde::Serialize)]
struct Compared {
    images: usize,
    /// Values of neurons: one a neuron and step, 0 for silence.
    spikes: u64,
    /// Logits.
    logits: u64,
    /// Values that differ.
    different: u64,
    /// Layers with a value that differs.
    layers: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (artifact, cores, images) = arguments.inputs.open()?;
    let cpu = Engine::on(&artifact, Backend::Cpu)?;
    let interpreter = match arguments.with {
        With::Cpu => None,
        With::Interpreter if cores.schedule() == Schedule::Rate || cores.frames().is_some() => {
            return Err(Failure::input(
                "unsupported: the module of a `rate` network is corrected on calibration samples that the artifact does not hold, and \
                 events are no sample of the interpreter's; compare --with cpu",
            ));
        }
        With::Interpreter => {
            let failure = |error: IrError| Failure::input(error.message);
            let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
            Some(Spikes::of(&context, &artifact).map_err(failure)?)
        }
    };
    let count = arguments.limit.min(images.len());
    let bar = progress::bar("compare", count);
    let of_image = |index: usize| -> Result<Compared, Failure> {
        let image =
            images.fetch(index).ok_or_else(|| Failure::input(format!("there is no image {index}")))?;
        let options = RunOptions { trace: true, ..RunOptions::default() };
        let sent = cores.run_image(image.view(), index, &options)?;
        let expected = match &interpreter {
            None => {
                let outcome = cpu.run_image(image.view(), index, &options)?;
                Sent {
                    spikes: outcome.trace.unwrap_or_default(),
                    logits: outcome.outputs.into_iter().map(|output| output.integer).collect(),
                }
            }
            Some(interpreter) => {
                let sample = neurocuda_compiler::validate::artifact::sample(&images, index)
                    .ok_or_else(|| Failure::input(format!("there is no image {index}")))?;
                interpreter.run(&sample, sent.steps).map_err(Failure::input)?
            }
        };
        bar.inc();
        Ok(compare(&cores, &sent, &expected))
    };
    let found = (0..count).into_par_iter().map(of_image).collect::<Result<Vec<_>, _>>();
    bar.finish_and_clear();
    let mut sum = Compared { images: count, ..Compared::default() };
    for image in found? {
        sum.spikes += image.spikes;
        sum.logits += image.logits;
        sum.different += image.different;
        sum.layers.extend(image.layers);
    }
    sum.layers.sort_unstable();
    sum.layers.dedup();
    output::line(format!(
        "{} images, {} layers: {} values of neurons and {} logits compared with the {}, {} different{}",
        sum.images,
        cores.layers().len(),
        sum.spikes,
        sum.logits,
        if interpreter.is_some() { "interpreter" } else { "CPU engine" },
        sum.different,
        if sum.layers.is_empty() { String::new() } else { format!(" in {}", sum.layers.join(", ")) }
    ));
    if let Some(path) = &arguments.report {
        output::json(path, &sum)?;
    }
    if sum.different == 0 { Ok(()) } else { Err(Failure::Gate) }
}

fn compare(engine: &Engine, sent: &ImageOutcome, expected: &Sent) -> Compared {
    let mut found = Compared::default();
    let trace = sent.trace.as_deref().unwrap_or_default();
    for ((layer, sent), expected) in engine.layers().iter().zip(trace).zip(&expected.spikes) {
        let length = sent.len().max(expected.len());
        let same = sent.iter().zip(expected).filter(|(a, b)| a == b).count();
        found.spikes += length as u64;
        if same < length {
            found.different += (length - same) as u64;
            found.layers.push(layer.name.clone());
        }
    }
    for (sent, expected) in sent.outputs.iter().zip(&expected.logits) {
        let same = sent.integer.iter().zip(expected).filter(|(a, b)| a == b).count();
        let length = sent.integer.len().max(expected.len());
        found.logits += length as u64;
        found.different += (length - same) as u64;
    }
    found
}

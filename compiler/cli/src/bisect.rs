//! `neurocudac bisect`: where in a compilation accuracy is lost.

use crate::{
    compile::{self, Schedule},
    data,
    failure::Failure,
    model::{self, Normalization},
    output, progress,
};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_compiler::{
    faults::Fault,
    module_text,
    session::Session,
    validate::{
        bisect::{self, BisectError, Bisection, Culprit, Demands},
        each::EachValidator,
    },
};
use std::path::PathBuf;

/// Find the pass, and in it the layer, where a compilation leaves the imported network.
///
/// Compiles the model and writes nothing. After every pass the outputs on some of the samples are compared with those of the
/// imported network; the first pass beyond the tolerance is named, and then the first layer of it whose activations are beyond, with
/// the ops that lead to that layer. Every pass is measured, in order, and none is skipped: errors can cancel, so that halving
/// the pipeline could miss the first. Exit code 1 if a pass is beyond the tolerance. Example:
///
///   neurocudac bisect net.ncg --weights net.safetensors --calibrate train1000.safetensors --tolerance 0.05
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Archive that torch.export.save wrote, or graph description (.ncg).
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Weights of a graph description.
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,

    /// Samples to calibrate on, the first of which are run: a safetensors file with `images` (u8 or f32, N first).
    #[arg(long, value_name = "C.safetensors")]
    calibrate: PathBuf,

    /// Calibrate on at most this many of the samples.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = data::count())]
    samples: usize,

    #[command(flatten)]
    normalization: Normalization,

    /// When neurons fire.
    #[arg(long, value_enum, default_value_t = Schedule::StBif)]
    schedule: Schedule,

    /// Largest count of an activation. Default 31; for rate, the number of timesteps.
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u32).range(1..=32767))]
    levels: Option<u32>,

    /// Number of steps of a rate network.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=65536))]
    timesteps: Option<u32>,

    /// Largest error of the outputs and of a layer's activations: root mean square of the difference, over that of the imported
    /// network.
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = tolerance)]
    tolerance: f64,

    /// Number of samples that are run after every pass.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = data::count())]
    validate_samples: usize,

    /// Write what was found as JSON.
    #[arg(long, value_name = "R.json")]
    json: Option<PathBuf>,

    /// Where calibrations are kept.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Calibrate anew, and keep nothing.
    #[arg(long)]
    no_cache: bool,

    /// Plant a fault beside a pass: for tests.
    #[arg(long, hide = true, value_name = "PASS=KIND")]
    plant: Option<Fault>,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().map_err(|error| error.to_string())?;
    if number >= 0.0 { Ok(number) } else { Err("it is no number, or below 0".to_owned()) }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = compile::settings(arguments.schedule, arguments.levels, arguments.timesteps)?;
    let model = model::load(&arguments.model, arguments.weights.as_deref())?;
    let graph = &model.loaded.graph;
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let mut module = model.module(&context, &arguments.normalization)?;
    let shape = graph.inputs[0].shape.sample().iter().map(|&size| size as usize).collect::<Vec<_>>();
    let samples = data::samples(&arguments.calibrate, &shape, arguments.samples)?;
    let validator = EachValidator::new(samples.clone(), arguments.validate_samples);
    let mut session = Session {
        calibration: Some(samples),
        model_hash: Some(model.hash(&arguments.normalization)),
        cache: model::cache(arguments.cache_dir.as_ref(), arguments.no_cache),
        progress: progress::any(),
        ..Session::default()
    };
    let demands =
        Demands { settings: &settings, tolerance: arguments.tolerance, plant: arguments.plant.clone() };
    let (result, messages) = module_text::collecting(&context, || {
        bisect::bisect(&context, &mut module, &graph.name, &validator, &mut session, &demands)
    });
    let bisection = result.map_err(|error| match error {
        BisectError::Pipeline(error) => compile::explain(error.into(), &messages),
        error => Failure::input(error),
    })?;
    if let Some(path) = &arguments.json {
        output::json(path, &bisection)?;
    }
    print(&bisection);
    if bisection.culprit.is_some() { Err(Failure::Gate) } else { Ok(()) }
}

fn print(bisection: &Bisection) {
    let mut passes = Table::new();
    passes.load_preset(NOTHING).set_header(["pass", "error", "own change", ""]);
    let percent =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.4} %", 100.0 * share));
    for pass in &bisection.passes {
        passes.add_row([
            pass.pass.clone(),
            percent(pass.error.map(|error| error.rms)),
            percent(pass.change.map(|change| change.rms)),
            match &pass.failure {
                Some(failure) => format!("does not run: {failure}"),
                None if pass.beyond => "beyond".to_owned(),
                None => String::new(),
            },
        ]);
    }
    align(&mut passes);
    output::line(passes);
    let tolerance = 100.0 * bisection.tolerance;
    let Some(culprit) = &bisection.culprit else {
        output::line(format!(
            "\nNo pass is beyond {tolerance} % of the imported network's outputs, on {} samples.",
            bisection.samples
        ));
        return;
    };
    output::line(format!(
        "\n{}: the first pass beyond {tolerance} % of the imported network's outputs",
        culprit.pass
    ));
    print_layers(culprit, percent);
}

fn print_layers(culprit: &Culprit, percent: impl Fn(Option<f64>) -> String) {
    if !culprit.layers.is_empty() {
        let mut layers = Table::new();
        layers.load_preset(NOTHING).set_header(["layer", "error", "change by the pass", ""]);
        for layer in &culprit.layers {
            let beyond = if layer.beyond { "beyond" } else { "" };
            layers.add_row([
                layer.layer.clone(),
                percent(layer.error),
                percent(layer.change),
                beyond.to_owned(),
            ]);
        }
        align(&mut layers);
        output::line(format!("\n{layers}"));
    }
    if let Some(layer) = &culprit.layer {
        output::line(format!("\nfirst in layer {layer}, which comes of {}", culprit.ops.join(", ")));
    }
}

fn align(table: &mut Table) {
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

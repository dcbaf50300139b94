//! `neurocudac loihi map`: how a network lies on the cores of Loihi 2.

use crate::{data, failure::Failure, messages, output};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_compiler::{
    backend::loihi::{self, MapReport},
    loihi::{chip::Chip, demand::Limit},
    mlir, module_text,
    pipeline::{self, Hooks, Pipeline, PipelineError},
    session::Session,
};
use neurocuda_dialects::stage::Stage;
use neurocuda_runtime::artifact::program::Schedule;
use std::path::{Path, PathBuf};

/// Map a network onto cores: cores of each layer, what they need of each limit, and hops.
///
/// An artifact is lowered anew from its integer network, in its own schedule, with spikes that arrive a step after they are sent.
#[derive(Args)]
pub struct Arguments {
    /// The artifact, or a module of stage `ann-integer`, `snn` (with proved bounds) or `loihi`.
    #[arg(value_name = "OUT.ncx|FILE.mlir")]
    file: PathBuf,

    /// Chip file; Loihi 2 as it is published by default, which `loihi chip` prints.
    #[arg(long, value_name = "CHIP.toml")]
    chip: Option<PathBuf>,

    /// Write the report as JSON.
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let chip = match &arguments.chip {
        Some(path) => Chip::read(path).map_err(Failure::input)?,
        None => Chip::default(),
    };
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let (mut module, lowering) = read(&context, &arguments.file)?;
    if loihi::is_at(&module, Stage::AnnInteger) {
        lower(&context, &mut module, &lowering)?;
    }
    let report = loihi::map(&module, &chip).map_err(|error| Failure::Refused {
        layer: error.location.map(mlir::location_layer).unwrap_or_default(),
        place: error.location.map(mlir::source).unwrap_or_default(),
        message: error.message,
        pass: String::new(),
    })?;
    print(&report);
    match &arguments.report {
        Some(path) => output::json(path, &report),
        None => Ok(()),
    }
}

/// The module of a file, and the passes that make a spiking network of it if it is an integer one.
fn read<'c>(context: &'c melior::Context, path: &Path) -> Result<(melior::ir::Module<'c>, String), Failure> {
    let name = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| Failure::input(format!("cannot read {name}: {error}")))?;
    let refused = |messages: Vec<module_text::Message>| {
        messages.iter().for_each(messages::note);
        Failure::Reported(String::new())
    };
    // An artifact begins with the length of its header, which has zeros; a text has none.
    if !bytes.iter().take(8).any(|&byte| byte == 0) {
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::input(format!("{name} is no text and no artifact")))?;
        let module = module_text::parse(context, &name, &text).map_err(refused)?;
        return Ok((module, loihi::spiking_pipeline(Schedule::StBif, None, 0, false)));
    }
    let artifact = data::artifact(path)?;
    let text = artifact.module_text().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    let tensor = |name: &str| artifact.tensors.get(name).map(|tensor| tensor.bytes());
    let module = module_text::load(context, text, tensor).map_err(refused)?;
    let manifest = &artifact.manifest;
    let program = &manifest.program;
    let passes = loihi::spiking_pipeline(program.schedule, manifest.input.frames, program.steps, false);
    Ok((module, passes))
}

fn lower(context: &melior::Context, module: &mut melior::ir::Module, passes: &str) -> Result<(), Failure> {
    let passes = Pipeline::parse(passes).map_err(Failure::input)?;
    let mut session = Session::default();
    let (result, messages) = module_text::collecting(context, || {
        pipeline::run(context, module, &passes, &mut session, &Hooks::default())
    });
    match result {
        Ok(_) => Ok(()),
        Err(PipelineError::Failed { pass, message, source_place, layer }) => {
            Err(Failure::Refused { message, layer, place: source_place, pass })
        }
        Err(error) => {
            messages.iter().for_each(messages::note);
            Err(Failure::input(error))
        }
    }
}

fn print(report: &MapReport) {
    let names = report.layers.first().map(|layer| layer.demand.limits.clone()).unwrap_or_default();
    let mut table = Table::new();
    let limits = names.iter().map(|limit| limit.limit.to_owned());
    let header = ["layer", "neurons", "cores"].map(str::to_owned).into_iter().chain(limits);
    table
        .load_preset(NOTHING)
        .set_header(header.chain(["accumulator".to_owned(), "nearest limit".to_owned()]));
    for layer in &report.layers {
        let share = |limit: &Limit| {
            format!("{} {:.0} %", limit.limit, 100.0 * limit.demand as f64 / limit.available as f64)
        };
        let bound = layer.accumulator_bound.map(|bound| bound.to_string()).unwrap_or_default();
        let row =
            [layer.demand.layer.clone(), layer.demand.neurons.to_string(), layer.demand.cores.to_string()];
        let demands = layer.demand.limits.iter().map(|limit| limit.demand.to_string());
        let tightest = layer.tightest.as_ref().map(share).unwrap_or_default();
        table.add_row(row.into_iter().chain(demands).chain([bound, tightest]));
    }
    let available = names.iter().map(|limit| limit.available.to_string());
    let largest = (1_i64 << (report.chip.widths.accumulator_bits - 1)) - 1;
    let last = ["limit of a core", "", ""].map(str::to_owned).into_iter().chain(available);
    table.add_row(last.chain([largest.to_string(), String::new()]));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::line(table);
    output::line(format!(
        "\n{} of {} cores on {} of {} chips `{}`; {} routes; hops of one spike of every neuron: {} in the order of layers, {} as placed{}",
        report.cores_used,
        report.cores_available,
        report.chips_used,
        report.chip.chips,
        report.chip.name,
        report.routes,
        report.hops_before,
        report.hops_after,
        if report.relays > 0 {
            format!(
                "; {} relays add up inputs and take a step, which `map-to-cores` does not emit",
                report.relays
            )
        } else {
            String::new()
        }
    ));
}

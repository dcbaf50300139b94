//! `neurocudac loihi report`: what a network does on its cores.

use super::Inputs;
use crate::{data, failure::Failure, output, progress};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_runtime::{
    cpu::{ImageOutcome, RunOptions},
    loihi::{report::ChipReport, simulate::Counts},
};
use std::path::PathBuf;

/// Run an artifact on its cores and count: programs run, spikes, messages, hops and synaptic operations of each layer.
///
/// Counts are facts of the simulation. Energy and time are estimates, and stand beside the constants that they rest on.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,

    /// Run only the first images.
    #[arg(long, value_name = "N", value_parser = data::count(), default_value_t = 10)]
    limit: usize,

    /// Write the report as JSON.
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,

    /// Draw the mesh: a square a core, darker where more synaptic operations are done.
    #[arg(long, value_name = "MESH.svg")]
    svg: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (artifact, engine, images) = arguments.inputs.open()?;
    let count = arguments.limit.min(images.len());
    let bar = progress::bar("run", count);
    let outcomes = engine.run(&images, 0..count, &RunOptions::default(), || bar.inc());
    bar.finish_and_clear();
    let outcomes = outcomes?;
    let steps = outcomes.iter().map(|outcome| u64::from(outcome.steps)).sum();
    let report = ChipReport::of(&artifact.manifest, &sum(&outcomes), count, steps)
        .ok_or_else(|| Failure::input("the artifact has no cores"))?;
    print(&report);
    if let Some(path) = &arguments.report {
        output::json(path, &report)?;
    }
    if let Some(path) = &arguments.svg {
        output::file(path, report.mesh_svg().as_bytes())?;
    }
    Ok(())
}

fn sum(outcomes: &[ImageOutcome]) -> Vec<Counts> {
    let mut cores = vec![Counts::default(); outcomes.first().map_or(0, |outcome| outcome.cores.len())];
    for outcome in outcomes {
        cores.iter_mut().zip(&outcome.cores).for_each(|(sum, core)| *sum += *core);
    }
    cores
}

fn print(report: &ChipReport) {
    let mut table = Table::new();
    let header =
        ["layer", "cores", "updates", "spikes", "messages", "hops", "synaptic operations", "busiest core"];
    table.load_preset(NOTHING).set_header(header);
    let images = report.images.max(1) as f64;
    for cores in report.cores.chunk_by(|a, b| a.layer == b.layer) {
        let mut total = Counts::default();
        cores.iter().for_each(|core| total += core.counts);
        let busiest = cores.iter().map(|core| core.counts.synaptic_operations).max().unwrap_or(0);
        let mean = |counted: u64| format!("{:.0}", counted as f64 / images);
        table.add_row([
            cores.first().map(|core| core.layer.clone()).unwrap_or_default(),
            cores.len().to_string(),
            mean(total.updates),
            mean(total.spikes),
            mean(total.messages),
            mean(total.hops),
            mean(total.synaptic_operations),
            mean(busiest),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::line(table);
    let mean = &report.per_image;
    output::line(format!(
        "\nmean of {} images on {} cores of {} chips `{}`: {:.1} steps, {:.0} updates, {:.0} spikes, {:.0} messages over {:.0} hops, \
         {:.0} synaptic operations",
        report.images,
        report.cores.len(),
        report.chips,
        report.chip,
        report.steps_per_image,
        mean.updates,
        mean.spikes,
        mean.messages,
        mean.hops,
        mean.synaptic_operations
    ));
    let estimate = &report.estimate;
    output::line(format!(
        "estimate, not a measurement: {:.1} uJ of dynamic energy and {:.0} us an image, with the constants of {}:",
        estimate.microjoules_per_image, estimate.microseconds_per_image, estimate.source
    ));
    for constant in &estimate.constants {
        output::line(format!("  {}: {} pJ, {} ns", constant.of, constant.picojoules, constant.nanoseconds));
    }
}

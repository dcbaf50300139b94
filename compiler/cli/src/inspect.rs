//! `neurocudac inspect`: what an artifact holds.

use crate::{data, failure::Failure, output};
use clap::Args;
use comfy_table::{Table, presets::NOTHING};
use std::path::PathBuf;

/// Show what an artifact holds.
#[derive(Args)]
pub struct Arguments {
    /// The artifact.
    #[arg(value_name = "OUT.ncx")]
    artifact: PathBuf,

    /// Print the manifest as JSON.
    #[arg(long, conflicts_with = "module")]
    json: bool,

    /// Print the integer network as MLIR text.
    #[arg(long)]
    module: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let artifact = data::artifact(&arguments.artifact)?;
    let manifest = &artifact.manifest;
    if arguments.json {
        output::line(serde_json::to_string_pretty(manifest).map_err(Failure::input)?);
        return Ok(());
    }
    if arguments.module {
        output::line(String::from_utf8_lossy(artifact.module_text().unwrap_or_default()));
        return Ok(());
    }
    output::line(format!(
        "{} by {} (format {}), {}, {} levels, {} steps",
        manifest.network,
        manifest.producer,
        manifest.format_version,
        manifest.program.schedule,
        manifest.levels,
        manifest.program.steps
    ));
    if let Some(bits) = manifest.report.get("weight_bits") {
        output::line(format!("weights of {bits} bits, of 16 on identity paths"));
    }
    let frames =
        manifest.input.frames.map(|frames| format!(", events in up to {frames} frames")).unwrap_or_default();
    output::line(format!("input {} {:?}{frames}", manifest.input.name, manifest.input.shape));
    for shape in &manifest.outputs {
        output::line(format!("output {} {:?}", shape.name, shape.shape));
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["op", "kind", "levels", "shape", "source"]);
    for op in &manifest.program.ops {
        let kind = serde_json::to_value(&op.kind).map_err(Failure::input)?;
        let shape = manifest.program.values.get(op.output).cloned().unwrap_or_default();
        table.add_row([
            op.name.clone(),
            kind.get("op").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned(),
            op.kind.levels().map(|levels| levels.to_string()).unwrap_or_default(),
            format!("{shape:?}"),
            op.source.clone(),
        ]);
    }
    output::line(format!("\n{table}"));
    let bytes = artifact.tensors.values().map(|tensor| tensor.bytes().len()).sum::<usize>();
    output::line(format!("\n{} tensors, {bytes} bytes", artifact.tensors.len()));
    Ok(())
}

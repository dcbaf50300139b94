//! `neurocudac merge`: one report of a test set that was validated in parts.

use crate::{data, failure::Failure, provenance, validate};
use clap::Args;
use neurocuda_compiler::validate::{
    artifact::Demands,
    shard::{self, Shard},
    summary::summarize,
};
use std::path::PathBuf;

/// Make the report of a test set that was validated in parts.
///
/// Each part holds a multiple of 250 images, the last one any number, and was counted by
/// `validate … --data PART.safetensors --tallies T.json --first I`, on any machine. The report equals that of one `validate` over
/// all images, but for provenance, memory (the largest of all parts) and seconds (their sum). Exit code 1 if a gate fails.
#[derive(Args)]
pub struct Arguments {
    /// The artifact.
    #[arg(value_name = "OUT.ncx")]
    artifact: PathBuf,

    /// What `validate --tallies` wrote, in any order.
    #[arg(value_name = "T.json", required = true)]
    tallies: Vec<PathBuf>,

    /// Largest drop of accuracy, in percentage points; a paired standard error is allowed on top.
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    max_drop: f64,

    /// Write the report as JSON.
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,

    /// Write the report as a page with charts: one HTML file that needs nothing else.
    #[arg(long, value_name = "R.html")]
    html: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let artifact = data::artifact(&arguments.artifact)?;
    let shards = arguments.tallies.iter().map(|path| Shard::read(path)).collect::<Result<Vec<_>, _>>();
    let shards = shards.map_err(Failure::input)?;
    let memory = shards
        .iter()
        .filter_map(|shard| shard.peak_memory_mb)
        .fold(None, |most: Option<f64>, one| Some(most.map_or(one, |most| most.max(one))));
    let mut parts = shards.iter().map(|shard| (shard.first, shard.data.clone())).collect::<Vec<_>>();
    parts.sort();
    // Shards of different origins are refused.
    let last_layers = shards.first().map_or(1, |shard| shard.origin.last_layers);
    let hash = data::hash(&arguments.artifact)?;
    let whole = shard::merge(shards, &hash, &artifact.manifest).map_err(Failure::input)?;
    let demands =
        Demands { max_drop: arguments.max_drop, limit: None, timesteps: None, last_layers, first: 0 };
    let mut report = summarize(&artifact, &whole, &demands);
    report.peak_memory_mb = memory;
    report.provenance.artifact = hash;
    report.provenance.data = parts.into_iter().map(|(_, data)| data).collect();
    report.provenance.command = provenance::command();
    validate::conclude(&report, arguments.report.as_deref(), arguments.html.as_deref())
}

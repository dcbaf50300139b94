//! `neurocudac import`: a `torch.export` archive as a graph description with its weights.

use crate::{failure::Failure, model, output};
use clap::Args;
use std::path::PathBuf;

/// Turn a torch.export archive into a graph description and a weights file.
///
/// Nothing of the archive is executed or unpickled. Every command that takes a model takes the archive as well; the two files
/// give the same artifacts. Example:
///
///   neurocudac import net.pt2 --graph net.ncg --weights net.safetensors
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Archive that torch.export.save wrote.
    #[arg(value_name = "MODEL.pt2")]
    archive: PathBuf,

    /// Where the graph description goes.
    #[arg(long, value_name = "OUT.ncg")]
    graph: PathBuf,

    /// Where the weights go, by their state-dict names, with the recorded samples if there are any.
    #[arg(long, value_name = "OUT.safetensors")]
    weights: PathBuf,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = model::load_archive(&arguments.archive)?;
    let weights: &[u8] = (*loaded.weights).as_ref();
    output::file(&arguments.weights, weights)?;
    output::file(&arguments.graph, loaded.source.text().as_bytes())?;
    output::line(format!(
        "{}: {} ops, {} -> {}, {}",
        loaded.graph.name,
        loaded.graph.nodes.len(),
        arguments.archive.display(),
        arguments.graph.display(),
        arguments.weights.display()
    ));
    Ok(())
}

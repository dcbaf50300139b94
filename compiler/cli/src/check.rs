//! `neurocudac check`: what stands in the way of a model, all at once, before anything is done.

use crate::{failure::Failure, messages, model, output};
use clap::Args;
use neurocuda_compiler::{
    compile::FRONT,
    module_text,
    pipeline::{self, Hooks, Pipeline, PipelineError},
    session::Session,
};
use std::path::PathBuf;

/// Say everything that stands in the way of compiling a model.
///
/// Reads graph and weights, checks ops, shapes and tensors, and runs the passes that need no calibration. Exit code 2 if there is
/// an error.
#[derive(Args)]
pub struct Arguments {
    /// Archive that torch.export.save wrote, or graph description (.ncg).
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Weights of a graph description.
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let opened = model::open(&arguments.model, arguments.weights.as_deref())?;
    let (mut findings, source) = match &opened {
        Ok(model) => (model.loaded.warnings.clone(), Some(&model.loaded.source)),
        Err(error) => (error.findings.clone(), error.source_file.as_deref()),
    };
    let fidelity = match &opened {
        Ok(model) => model.compare()?.unwrap_or_else(|finding| {
            findings.extend([finding]);
            None
        }),
        Err(_) => None,
    };
    if arguments.json {
        output::line(serde_json::to_string_pretty(&findings.to_records(source)).map_err(Failure::input)?);
    } else {
        messages::findings(&findings, source);
    }
    let Some(model) = opened.ok().filter(|_| findings.errors() == 0) else {
        return Err(Failure::Reported(findings.summary()));
    };
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let mut module = model.module(&context, &model::Normalization::default())?;
    let pipeline = Pipeline::parse(FRONT).map_err(Failure::input)?;
    let (result, _) = module_text::collecting(&context, || {
        pipeline::run(&context, &mut module, &pipeline, &mut Session::default(), &Hooks::default())
    });
    result.map_err(|error| match error {
        PipelineError::Failed { message, source_place: place, layer, pass } => {
            Failure::Refused { message, layer, place, pass }
        }
        other => Failure::input(other),
    })?;
    if !arguments.json {
        let graph = &model.loaded.graph;
        output::line(format!("{}: {} ops, nothing stands in the way", graph.name, graph.nodes.len()));
        if let Some(fidelity) = fidelity {
            output::line(format!("import fidelity: {fidelity}"));
        }
    }
    Ok(())
}

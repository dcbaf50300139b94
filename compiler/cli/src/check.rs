//! `neurocudac check`: what stands in the way of a model, all at once, before anything is done.

use crate::{failure::Failure, model, output};
use clap::Args;
use neurocuda_compiler::{
    compile::FRONT,
    import, module_text,
    pipeline::{self, Hooks, Pipeline, PipelineError},
    session::Session,
};
use std::{io::IsTerminal, path::PathBuf};

/// Say everything that stands in the way of compiling a model.
///
/// Reads graph and weights, checks ops, shapes and tensors, and runs the passes that need no calibration. Exit code 2 if there is
/// an error.
#[derive(Args)]
pub struct Arguments {
    /// Graph description.
    #[arg(value_name = "MODEL.ncg")]
    graph: PathBuf,

    /// Weights.
    #[arg(long, value_name = "W.safetensors")]
    weights: PathBuf,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let color = std::io::stderr().is_terminal();
    let (findings, source, loaded) = match import::load(&arguments.graph, &arguments.weights) {
        Ok(loaded) => (None, None, Some(loaded)),
        Err(error) => (Some(error.findings), error.source_file, None),
    };
    let (shown, source) = match (&findings, &loaded) {
        (None, Some(loaded)) => (&loaded.warnings, Some(&loaded.source)),
        (Some(findings), _) => (findings, source.as_deref()),
        (None, None) => return Ok(()),
    };
    if arguments.json {
        output::line(serde_json::to_string_pretty(&shown.to_records(source)).map_err(Failure::input)?);
    } else {
        eprint!("{}", shown.render(source, color));
    }
    let Some(loaded) = loaded else {
        eprintln!("{}", shown.summary());
        return Err(Failure::Reported);
    };
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let mut module = model::module(&context, &loaded, &model::Normalization::default())?;
    let pipeline = Pipeline::parse(FRONT).map_err(Failure::input)?;
    let (result, _) = module_text::collecting(&context, || {
        pipeline::run(&context, &mut module, &pipeline, &mut Session::default(), &Hooks::default())
    });
    if let Err(error) = result {
        return Err(Failure::input(match error {
            PipelineError::Failed { message, source_place, .. } if !source_place.is_empty() => {
                format!("{message}\n  at {source_place}")
            }
            other => other.to_string(),
        }));
    }
    if !arguments.json {
        output::line(format!(
            "{}: {} ops, nothing stands in the way",
            loaded.graph.name,
            loaded.graph.nodes.len()
        ));
    }
    Ok(())
}

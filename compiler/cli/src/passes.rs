//! `neurocudac passes`: every pass, with its stages, claim and options.

use crate::{failure::Failure, output};
use clap::Args;
use neurocuda_compiler::passes::ALL;
use serde::Serialize;

/// List the passes.
#[derive(Args)]
pub struct Arguments {
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    summary: &'static str,
    from: Option<&'static str>,
    to: Option<&'static str>,
    claim: neurocuda_compiler::pass::Claim,
    options: &'static [neurocuda_compiler::pass::OptionInfo],
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let entries = ALL
        .iter()
        .map(|registration| Entry {
            name: registration.info.name,
            summary: registration.info.summary,
            from: registration.info.from.map(|stage| stage.name()),
            to: registration.info.to.or(registration.info.from).map(|stage| stage.name()),
            claim: registration.info.claim,
            options: registration.info.options,
        })
        .collect::<Vec<_>>();
    if arguments.json {
        output::line(serde_json::to_string_pretty(&entries).map_err(Failure::input)?);
        return Ok(());
    }
    for entry in entries {
        let stages = match (entry.from, entry.to) {
            (Some(from), Some(to)) if from != to => format!("{from} -> {to}"),
            (Some(from), _) => from.to_owned(),
            (None, _) => "any stage".to_owned(),
        };
        output::line(format!("{} ({stages}; {:?})\n    {}", entry.name, entry.claim, entry.summary));
        for option in entry.options {
            output::line(format!("    {}={}: {}", option.name, option.default, option.summary));
        }
    }
    Ok(())
}

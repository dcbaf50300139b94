//! `neurocudac`: from a trained network to a spiking one.
//!
//! One file for each subcommand; what several need is in [`model`], [`data`], [`progress`] and [`output`].

mod bisect;
mod check;
mod compile;
mod data;
mod failure;
mod import;
mod inspect;
mod interrupt;
mod loihi;
mod merge;
mod messages;
mod model;
mod opt;
mod output;
mod passes;
mod progress;
mod provenance;
mod report_text;
mod run;
mod search_text;
mod validate;

use clap::{Parser, Subcommand};
use messages::Messages;
use std::process::ExitCode;

/// Turns trained networks into spiking ones, without retraining, and measures what that does to them.
///
/// A model is an archive that `torch.export.save` wrote (.pt2), or a graph description (.ncg) and its weights (.safetensors).
/// `compile` makes an artifact (.ncx) of it, `validate`
/// compares the artifact with the model on test images, `run` runs it.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Number of threads; all cores by default. Results do not depend on it.
    #[arg(long, global = true, env = "RAYON_NUM_THREADS", value_name = "N")]
    threads: Option<usize>,

    /// Who reads standard error: people, or programs, which get one JSON object a line.
    #[arg(long, global = true, value_enum, default_value_t = Messages::Human, value_name = "KIND")]
    messages: Messages,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Import(import::Arguments),
    Compile(compile::Arguments),
    Run(run::Arguments),
    Validate(validate::Arguments),
    Merge(merge::Arguments),
    Bisect(bisect::Arguments),
    Inspect(inspect::Arguments),
    Loihi(loihi::Arguments),
    Opt(opt::Arguments),
    Passes(passes::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && asks_for_json() => {
            messages::set(Messages::Json);
            let message = error.to_string();
            messages::failure("usage", message.trim().trim_start_matches("error: "), 2);
            return ExitCode::from(2);
        }
        Err(error) => error.exit(),
    };
    messages::set(arguments.messages);
    if let Some(threads) = arguments.threads {
        // Fails only if a pool exists already, and none does before this line.
        drop(rayon::ThreadPoolBuilder::new().num_threads(threads).build_global());
    }
    let result = match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Bisect(arguments) => bisect::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Loihi(arguments) => loihi::run(&arguments),
        Command::Opt(arguments) => opt::run(&arguments),
        Command::Passes(arguments) => passes::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Whether a command line that cannot be parsed asks for JSON.
fn asks_for_json() -> bool {
    let arguments: Vec<_> = std::env::args().collect();
    let is_pair = |pair: &[String]| pair[0] == "--messages" && pair[1] == "json";
    arguments.windows(2).any(is_pair) || arguments.iter().any(|argument| argument == "--messages=json")
}

//! `neurocudac loihi`: neuron programs of Loihi 2, and vectors that they are compared with.

use crate::{failure::Failure, messages, output};
use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_compiler::analysis::loihi_weights::QUANTISERS;
use neurocuda_runtime::loihi::{
    Program,
    builtin::BUILT_IN,
    replay::{self, Report},
    verify::{Limits, verify},
};
use std::{collections::BTreeMap, path::PathBuf};

/// Check neuron programs of Loihi 2, and replay vectors of Lava's models.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(Check),
    Replay(Replay),
}

/// Check a neuron program and print it.
///
/// Says everything that keeps the program from running, each with line and column; exit code 2 if there is something. What is
/// printed parses back to the same program.
#[derive(Args)]
struct Check {
    /// The program (.ncm), or the name of a built-in one.
    #[arg(value_name = "PROGRAM")]
    program: String,
}

/// Replay a set of vectors and count what differs.
///
/// The folder holds manifest.json and the .npz files that it lists; their SHA-256 are compared. Neurons are run as programs, by the
/// plain interpreter and by the executor. Exit code 1 if a value of domain `hw` or `derived` differs.
#[derive(Args)]
struct Replay {
    /// The set.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Write the counts as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Run this program in place of the built-in one of a family.
    #[arg(long, value_name = "FAMILY=FILE.ncm")]
    program: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Check(arguments) => check(arguments),
        Command::Replay(arguments) => replay(arguments),
    }
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == arguments.program);
    let program = match built_in {
        Some((name, text)) => Program::parse(text, name),
        None => Program::read(arguments.program.as_ref()),
    };
    let program = program.map_err(Failure::input)?;
    if let Err(errors) = verify(&program, &Limits::default()) {
        let count = errors.len();
        for error in errors {
            let place =
                error.place.map_or(String::new(), |place| format!(":{}:{}", place.line, place.column));
            let message = format!("{}: {}", error.id(), error.message);
            messages::refused(&message, "", &format!("{}{place}", error.file), "");
        }
        return Err(Failure::Reported(format!("{count} error{}", if count == 1 { "" } else { "s" })));
    }
    output::line(program.to_string().trim_end());
    messages::note(format!(
        "{} instructions, {} words a neuron",
        program.code().len(),
        program.words_per_neuron()
    ));
    Ok(())
}

fn replay(arguments: &Replay) -> Result<(), Failure> {
    let mut programs = BTreeMap::new();
    for pair in &arguments.program {
        let (family, path) = pair
            .split_once('=')
            .ok_or_else(|| Failure::input(format!("--program takes FAMILY=FILE.ncm, and not `{pair}`")))?;
        let program = Program::read(path.as_ref()).map_err(Failure::input)?;
        programs.insert(family.to_owned(), program);
    }
    let report = replay::replay(&arguments.folder, QUANTISERS, &programs).map_err(Failure::input)?;
    if let Some(path) = &arguments.report {
        output::json(path, &report)?;
    }
    print(&report);
    if report.passed { Ok(()) } else { Err(Failure::Gate) }
}

fn print(report: &Report) {
    output::line(format!("{}: {}\n", report.set, report.oracle));
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(["family", "domain", "cases", "values", "differ, plain", "differ, executor"]);
    let mut total = [0; 4];
    for (family, domains) in &report.families {
        for (domain, tally) in domains {
            let counts = [tally.cases, tally.compared, tally.mismatches_plain, tally.mismatches_fast];
            total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            table.add_row(row(family, domain.name(), counts));
        }
    }
    table.add_row(row("all", "", total));
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::line(table);
    for difference in &report.differences {
        let note = if difference.note.is_empty() { String::new() } else { format!(" ({})", difference.note) };
        output::line(format!(
            "{} {}: {} differ{note}; {}",
            difference.case,
            difference.domain.name(),
            difference.mismatches,
            difference.first
        ));
    }
    let verdict = if report.passed { "pass" } else { "FAIL" };
    output::line(format!("{verdict} vectors: all values of domains hw and derived are equal"));
}

fn row(family: &str, domain: &str, counts: [u64; 4]) -> Vec<String> {
    [family.to_owned(), domain.to_owned()].into_iter().chain(counts.map(|count| count.to_string())).collect()
}

//! `neurocudac loihi replay`: vectors of other simulators' models, run by neuron programs.

use crate::{failure::Failure, output};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_compiler::analysis::loihi_weights::QUANTISERS;
use neurocuda_runtime::loihi::{
    Program,
    replay::{self, Report},
};
use std::{collections::BTreeMap, path::PathBuf};

/// Replay a set of vectors and count what differs.
///
/// The folder holds manifest.json and the .npz files that it lists; their SHA-256 are compared. Neurons are run as programs, by the
/// plain interpreter and by the executor. Exit code 1 if a value of domain `hw` or `derived` differs.
#[derive(Args)]
pub struct Arguments {
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

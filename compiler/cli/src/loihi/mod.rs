//! `neurocudac loihi`: networks on the cores of Loihi 2, its neuron programs, and vectors that they are compared with.

mod check;
mod compare;
mod disasm;
mod map;
mod replay;
mod report;
mod trace;

use crate::{data, failure::Failure, output};
use clap::{Args, Subcommand};
use neurocuda_compiler::loihi::chip;
use neurocuda_runtime::{
    artifact::Artifact,
    cpu::{Backend, Engine},
    data::Images,
};
use std::path::PathBuf;

/// Map networks onto Loihi 2, run and compare what was compiled for it, check neuron programs, and replay vectors of Lava's models.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What the commands take that simulate cores.
#[derive(Args)]
struct Inputs {
    /// The artifact, compiled with --target loihi.
    #[arg(value_name = "OUT.ncx")]
    artifact: PathBuf,

    /// Images: a safetensors file with `images` (u8 or f32, N first), or with events.
    #[arg(long, value_name = "D.safetensors")]
    data: PathBuf,
}

impl Inputs {
    /// The artifact, its cores, and the images.
    fn open(&self) -> Result<(Artifact, Engine, Images), Failure> {
        let artifact = data::artifact(&self.artifact)?;
        let cores = Engine::on(&artifact, Backend::Loihi)?;
        let images = data::open(&self.data, cores.input_shape(), cores.frames())?;
        Ok((artifact, cores, images))
    }
}

#[derive(Subcommand)]
enum Command {
    Map(map::Arguments),
    Report(report::Arguments),
    Compare(compare::Arguments),
    Trace(trace::Arguments),
    Disasm(disasm::Arguments),
    Check(check::Arguments),
    Replay(replay::Arguments),
    /// Print the chip description that is used if none is given.
    Chip,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Map(arguments) => map::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Trace(arguments) => trace::run(arguments),
        Command::Disasm(arguments) => disasm::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Chip => {
            output::line(chip::DEFAULT.trim_end());
            Ok(())
        }
    }
}

//! `neurocudac loihi`: networks on the cores of Loihi 2, its neuron programs, and vectors that they are compared with.

mod check;
mod map;
mod replay;

use crate::{failure::Failure, output};
use clap::{Args, Subcommand};
use neurocuda_compiler::loihi::chip;

/// Map networks onto Loihi 2, check neuron programs, and replay vectors of Lava's models.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Map(map::Arguments),
    Check(check::Arguments),
    Replay(replay::Arguments),
    /// Print the chip description that is used if none is given.
    Chip,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Map(arguments) => map::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Chip => {
            output::line(chip::DEFAULT.trim_end());
            Ok(())
        }
    }
}

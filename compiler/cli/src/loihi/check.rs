//! `neurocudac loihi check`: a neuron program, verified and printed.

use crate::{failure::Failure, messages, output};
use clap::Args;
use neurocuda_runtime::loihi::{
    builtin,
    verify::{Limits, verify},
};

/// Check a neuron program and print it.
///
/// Says everything that keeps the program from running, each with line and column; exit code 2 if there is something. What is
/// printed parses back to the same program.
#[derive(Args)]
pub struct Arguments {
    /// The program (.ncm), or the name of a built-in one.
    #[arg(value_name = "PROGRAM")]
    program: String,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let program = builtin::or_read(&arguments.program).map_err(Failure::input)?;
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

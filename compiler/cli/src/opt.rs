//! `neurocudac opt`: runs passes on a module in a file.

use crate::{data, failure::Failure, messages, output, progress};
use clap::Args;
use neurocuda_compiler::{
    compile::FRONT,
    mlir, module_text,
    pipeline::{self, Hooks, Pipeline, PipelineError},
    session::Session,
    validate::each::EachValidator,
};
use std::{io::Read, path::PathBuf};

/// Run passes on an MLIR module.
///
/// Example: neurocudac opt net.mlir --pass-pipeline='builtin.module(remove-identity,fold-batch-norm)'
///
/// Passes of MLIR itself may stand in the same pipeline. `-` reads standard input.
#[derive(Args)]
pub struct Arguments {
    /// The module.
    #[arg(value_name = "FILE.mlir")]
    file: PathBuf,

    /// Passes to run, with options in braces; see `neurocudac passes`. Without it the module is read, verified and printed.
    #[arg(long, value_name = "PIPELINE", default_value = "")]
    pass_pipeline: String,

    /// Run the passes that `compile` runs before calibration.
    #[arg(long, conflicts_with = "pass_pipeline")]
    front: bool,

    /// Samples for `calibrate`, `correct-bias` and --validate-each.
    #[arg(long, value_name = "C.safetensors")]
    calibrate: Option<PathBuf>,

    /// Run the module before and after every pass on samples and hold the pass to its claim.
    #[arg(long, requires = "calibrate")]
    validate_each: bool,

    /// Print the module after this pass; `*` stands for every one.
    #[arg(long, value_name = "PASS")]
    print_ir_after: Vec<String>,

    /// Write the module after every pass into this folder.
    #[arg(long, value_name = "DIR")]
    dump_ir_dir: Option<PathBuf>,

    /// Stop after this pass.
    #[arg(long, value_name = "PASS")]
    stop_after: Option<String>,

    /// Print how long each pass took to standard error.
    #[arg(long)]
    time_passes: bool,

    /// Where the module goes; standard output by default.
    #[arg(short, long, value_name = "OUT.mlir")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let text = if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text
    } else {
        std::fs::read_to_string(&arguments.file)
            .map_err(|error| Failure::input(format!("cannot read {name}: {error}")))?
    };
    let pipeline = Pipeline::parse(if arguments.front { FRONT } else { &arguments.pass_pipeline })
        .map_err(Failure::input)?;
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let mut module = module_text::parse(&context, &name, &text).map_err(|messages| {
        messages.iter().for_each(messages::note);
        Failure::Reported(String::new())
    })?;
    let mut session = Session { progress: progress::any(), ..Session::default() };
    if let Some(path) = &arguments.calibrate {
        let block = mlir::network_block(module.as_operation()).map_err(Failure::input)?;
        let input = melior::ir::BlockLike::argument(&block, 0).map_err(Failure::input)?;
        let shape = mlir::sample_shape(input.into()).map_err(Failure::input)?;
        session.calibration = Some(data::samples(path, &shape, 1000)?);
    }
    let validator = match (&session.calibration, arguments.validate_each) {
        (Some(samples), true) => Some(EachValidator::new(samples.clone(), 8)),
        _ => None,
    };
    let print = |text: &str| messages::note(text);
    let hooks = Hooks {
        print_after: arguments.print_ir_after.clone(),
        print: Some(&print),
        dump_dir: arguments.dump_ir_dir.clone(),
        stop_after: arguments.stop_after.clone(),
        validate_each: validator.as_ref(),
        plant: None,
    };
    let (result, messages) = module_text::collecting(&context, || {
        pipeline::run(&context, &mut module, &pipeline, &mut session, &hooks)
    });
    messages.iter().for_each(messages::note);
    let passes = match result {
        Ok(passes) => passes,
        // The messages said it.
        Err(PipelineError::Failed { pass, .. }) if !messages.is_empty() => {
            return Err(Failure::input(format!("pass `{pass}` failed")));
        }
        Err(error) => return Err(Failure::input(error)),
    };
    if arguments.time_passes || arguments.validate_each {
        messages::note(crate::compile::pass_table(&passes));
    }
    let printed = mlir::print_generic(&module);
    match &arguments.output {
        Some(path) => output::file(path, printed.as_bytes()),
        None => {
            output::line(printed);
            Ok(())
        }
    }
}

//! Pipelines of passes: the text form, and the loop that runs one.
//!
//! ```text
//! builtin.module(remove-identity,fold-batch-norm,quantize{weight-bits=8},canonicalize)
//! ```
//!
//! A name that is not ours is MLIR's own and goes to its pipeline parser as it stands. Each pass runs in a pass manager of its
//! own: between two passes is where stages are checked, IR is printed and dumped, times are taken and `--validate-each` looks.

use crate::{
    faults::Fault,
    mlir,
    pass::{Claim, OptionError, Options, PassInfo, Registration},
    passes,
    session::Session,
    validate::each::{Change, EachValidator, layers},
};
use melior::{
    Context,
    ir::{Module, OperationRef, operation::OperationLike, r#type::TypeId},
    pass::{ExternalPass, PassManager, create_external},
    utility,
};
use neurocuda_dialects::stage::Stage;
use pest::Parser;
use serde::Serialize;
use std::{cell::RefCell, collections::BTreeMap, path::PathBuf, time::Instant};

/// The grammar of the text form.
mod grammar {
    #![allow(missing_docs)] // The rules are generated.

    #[derive(pest_derive::Parser)]
    #[grammar_inline = r#"
pipeline = { SOI ~ ("builtin.module(" ~ list? ~ ")" | list)? ~ EOI }
list     = _{ pass ~ ("," ~ pass)* }
pass     = { name ~ nested? ~ options? }
name     = @{ (ASCII_ALPHANUMERIC | "-" | "_" | ".")+ }
nested   = @{ "(" ~ (nested | !("(" | ")") ~ ANY)* ~ ")" }
options  = { "{" ~ option* ~ "}" }
option   = { key ~ "=" ~ value }
key      = @{ (ASCII_ALPHANUMERIC | "-" | "_")+ }
value    = @{ (!("}" | WHITESPACE) ~ ANY)+ }
WHITESPACE = _{ " " | "\t" | "\n" | "\r" }
"#]
    pub struct PipelineParser;
}
use grammar::{PipelineParser, Rule};

/// Why a pipeline did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The text is not a pipeline.
    #[error("the pipeline does not parse: {0}")]
    Syntax(String),
    /// A pass does not take an option or value.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A pass failed; diagnostics said where.
    #[error("pass `{pass}` failed: {message}")]
    Failed {
        /// Name of the pass.
        pass: String,
        /// What it said.
        message: String,
        /// Where, as `file:line:column`; empty if unknown.
        source_place: String,
        /// Name of the layer; empty if unknown.
        layer: String,
    },
    /// An op is not legal at the stage that a pass needs or promises.
    #[error("{when} pass `{pass}`: op `{op}` (layer `{layer}`) is not legal at stage `{stage}`")]
    Stage {
        /// Name of the pass.
        pass: String,
        /// `before` or `after`.
        when: &'static str,
        /// Name of the op.
        op: String,
        /// Its layer.
        layer: String,
        /// The stage.
        stage: Stage,
    },
    /// `--validate-each` found that a pass does not keep what it claims.
    #[error("pass `{pass}` does not keep its claim ({claim}): {found}")]
    Claim {
        /// Name of the pass.
        pass: String,
        /// What it claims.
        claim: String,
        /// What was measured.
        found: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {error}")]
    Write {
        /// Path of the file.
        path: String,
        /// Reason.
        error: std::io::Error,
    },
}

/// One pass of a pipeline.
enum Step {
    Ours(&'static Registration, Options),
    Upstream(String),
}

impl Step {
    fn name(&self) -> &str {
        match self {
            Self::Ours(registration, _) => registration.info.name,
            Self::Upstream(text) => text,
        }
    }
}

/// A parsed pipeline.
pub struct Pipeline(Vec<Step>);

impl Pipeline {
    /// Parses the text form, with or without the enclosing `builtin.module(…)`.
    ///
    /// # Errors
    ///
    /// If the text does not parse, or a pass of ours does not take an option.
    pub fn parse(text: &str) -> Result<Self, PipelineError> {
        let pairs = PipelineParser::parse(Rule::pipeline, text)
            .map_err(|error| PipelineError::Syntax(error.to_string()))?;
        let mut steps = Vec::new();
        for pass in pairs.flatten().filter(|pair| pair.as_rule() == Rule::pass) {
            let whole = pass.as_str().trim().to_owned();
            let mut name = "";
            let mut values = BTreeMap::new();
            for part in pass.into_inner() {
                match part.as_rule() {
                    Rule::name => name = part.as_str(),
                    Rule::options => {
                        for option in part.into_inner() {
                            let mut parts = option.into_inner().map(|part| part.as_str().to_owned());
                            if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                                values.insert(key, value);
                            }
                        }
                    }
                    _ => {}
                }
            }
            steps.push(match passes::find(name) {
                Some(registration) => Step::Ours(registration, Options::new(registration.info, values)?),
                None => Step::Upstream(whole),
            });
        }
        Ok(Self(steps))
    }

    /// Each pass as a pipeline of its own, in order.
    pub fn into_passes(self) -> impl Iterator<Item = Self> {
        self.0.into_iter().map(|step| Self(vec![step]))
    }

    /// Names of the passes, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(Step::name).collect()
    }
}

/// What to do between passes.
#[derive(Default)]
pub struct Hooks<'h> {
    /// Print the module after these passes; `*` stands for every one.
    pub print_after: Vec<String>,
    /// Where printed modules go; standard error by default.
    pub print: Option<&'h dyn Fn(&str)>,
    /// Write the module after every pass into this folder, as `03-fold-batch-norm.mlir`.
    pub dump_dir: Option<PathBuf>,
    /// Stop after this pass.
    pub stop_after: Option<String>,
    /// Run the module before and after every pass on samples and hold the pass to its claim.
    pub validate_each: Option<&'h EachValidator>,
    /// Plants a fault beside a pass, so that tests can see it caught.
    pub plant: Option<Fault>,
}

impl Hooks<'_> {
    /// Whether anything is looked at, or changed, between passes.
    pub fn watches(&self) -> bool {
        !self.print_after.is_empty()
            || self.dump_dir.is_some()
            || self.stop_after.is_some()
            || self.validate_each.is_some()
            || self.plant.is_some()
    }
}

/// What a pass did.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PassReport {
    /// Name of the pass.
    pub pass: String,
    /// Seconds it took.
    pub seconds: f64,
    /// Ops before and after.
    pub ops: [usize; 2],
    /// What it changed in the outputs, if `--validate-each` looked.
    pub change: Option<Change>,
}

/// Runs `pipeline` on `module`.
///
/// # Errors
///
/// If a pass fails, its stages are not as it says, or it does not keep its claim.
pub fn run(
    context: &Context,
    module: &mut Module,
    pipeline: &Pipeline,
    session: &mut Session,
    hooks: &Hooks,
) -> Result<Vec<PassReport>, PipelineError> {
    let mut reports = Vec::new();
    let mut outputs = None;
    for (index, step) in pipeline.0.iter().enumerate() {
        let name = step.name().to_owned();
        (session.progress)(&name, index + 1, pipeline.0.len());
        let info = match step {
            Step::Ours(registration, _) => Some(registration.info),
            Step::Upstream(_) => None,
        };
        if let Some(stage) = info.and_then(|info| info.from) {
            check_stage(module, stage, &name, "before")?;
        }
        if let (Some(validator), None) = (hooks.validate_each, &outputs) {
            outputs = validator.outputs(module).ok();
        }
        let before = count(module);
        let original = match (hooks.validate_each, info) {
            (Some(_), Some(info)) if layers::has_check(info.name) => mlir::duplicate(module.as_operation()),
            _ => None,
        };
        let start = Instant::now();
        let fault = hooks.plant.as_ref().filter(|fault| fault.pass == name);
        if let Some(fault) = fault {
            fault.before(module.as_operation());
        }
        run_one(context, module, step, session)?;
        if let Some(fault) = fault {
            fault.after(module.as_operation());
        }
        let mut report = PassReport {
            pass: name.clone(),
            seconds: start.elapsed().as_secs_f64(),
            ops: [before, count(module)],
            change: None,
        };
        print_and_dump(module, &name, index, hooks)?;
        if let Some(stage) = info.and_then(|info| info.to.or(info.from)) {
            check_stage(module, stage, &name, "after")?;
        }
        if let Some(validator) = hooks.validate_each {
            let after = validator.outputs(module).map_err(|message| PipelineError::Claim {
                pass: name.clone(),
                claim: "the module runs".to_owned(),
                found: message,
            })?;
            if let Some(before) = &outputs {
                report.change = Some(hold(before, &after, info, &name)?);
            }
            if let (Some(original), Step::Ours(_, options)) = (&original, step) {
                layers::hold(options, original, module, validator.samples(), session)
                    .map_err(|found| broken(options.info().claim, &name, found))?;
            }
            outputs = Some(after);
        }
        reports.push(report);
        if hooks.stop_after.as_deref() == Some(name.as_str()) {
            break;
        }
    }
    Ok(reports)
}

fn hold(
    before: &crate::validate::each::Outputs,
    after: &crate::validate::each::Outputs,
    info: Option<&PassInfo>,
    name: &str,
) -> Result<Change, PipelineError> {
    let change = Change::between(before, after);
    // MLIR's own passes promise to keep the program's meaning.
    let claim = info.map_or(Claim::Equal, |info| info.claim);
    if change.keeps(claim) { Ok(change) } else { Err(broken(claim, name, change.to_string())) }
}

fn broken(claim: Claim, pass: &str, found: String) -> PipelineError {
    PipelineError::Claim { pass: pass.to_owned(), claim: format!("{claim:?}"), found }
}

fn run_one(
    context: &Context,
    module: &mut Module,
    step: &Step,
    session: &mut Session,
) -> Result<(), PipelineError> {
    let manager = PassManager::new(context);
    let failure = RefCell::new(None);
    let session = RefCell::new(session);
    let failed = |message: String, source_place: String, layer: String| PipelineError::Failed {
        pass: step.name().to_owned(),
        message,
        source_place,
        layer,
    };
    match step {
        Step::Upstream(text) => {
            utility::register_all_passes();
            utility::parse_pass_pipeline(
                manager.as_operation_pass_manager(),
                &format!("builtin.module({text})"),
            )
            .map_err(|_| {
                failed(
                    "no such pass, of ours or of MLIR: see `neurocudac passes`".to_owned(),
                    String::new(),
                    String::new(),
                )
            })?;
        }
        Step::Ours(registration, options) => {
            let pass = (registration.build)(options)?;
            let pass: &dyn crate::pass::Pass = &*pass;
            let (failure, session) = (&failure, &session);
            let run = move |operation: OperationRef, external: ExternalPass| {
                if let Err(error) = pass.run(operation, &mut session.borrow_mut()) {
                    let location = error.location.unwrap_or_else(|| operation.location());
                    mlir::emit_error(location, &error.message);
                    let place = (error.message, mlir::source(location), mlir::location_layer(location));
                    failure.borrow_mut().get_or_insert(place);
                    external.signal_failure();
                }
            };
            let info = registration.info;
            manager.add_pass(create_external(
                run,
                TypeId::create(info),
                info.name,
                info.name,
                info.summary,
                "builtin.module",
                &[],
            ));
            let result = manager.run(module);
            drop(manager);
            return match failure.borrow_mut().take() {
                Some((message, place, layer)) => Err(failed(message, place, layer)),
                None => result.map_err(|_| {
                    failed("the module does not verify afterwards".to_owned(), String::new(), String::new())
                }),
            };
        }
    }
    manager.run(module).map_err(|_| failed("see the messages above".to_owned(), String::new(), String::new()))
}

fn check_stage(module: &Module, stage: Stage, pass: &str, when: &'static str) -> Result<(), PipelineError> {
    let legal = stage.legal_ops();
    let Ok(block) = mlir::network_block(module.as_operation()) else { return Ok(()) };
    for operation in mlir::operations(block) {
        let op = mlir::name(operation);
        if op != "func.return" && !legal.contains(&op.as_str()) {
            let layer = mlir::layer(operation);
            return Err(PipelineError::Stage { pass: pass.to_owned(), when, op, layer, stage });
        }
    }
    Ok(())
}

fn count(module: &Module) -> usize {
    mlir::network_block(module.as_operation()).map_or(0, |block| mlir::operations(block).len())
}

fn print_and_dump(module: &Module, name: &str, index: usize, hooks: &Hooks) -> Result<(), PipelineError> {
    if hooks.print_after.iter().any(|wanted| wanted == name || wanted == "*") {
        let text = format!("// after {name}\n{}\n", mlir::print(module, true));
        if let Some(print) = hooks.print {
            print(&text);
        }
    }
    if let Some(folder) = &hooks.dump_dir {
        let path = folder.join(format!("{:02}-{name}.mlir", index + 1));
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, mlir::print(module, true)));
        written.map_err(|error| PipelineError::Write { path: path.display().to_string(), error })?;
    }
    Ok(())
}

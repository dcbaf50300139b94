//! Import: a graph description and a weights file become a checked [`Graph`].
//!
//! # The graph language
//! ```text
//! # A comment.
//! graph @lenet(%x: f32[N, 1, 28, 28]) -> f32[N, 10] {
//!   %0 = conv2d(%x, weight = @conv1.weight, bias = @conv1.bias, padding = 2)   # conv1
//!   %1 = relu(%0)                                                              # act1
//!   …
//!   return %9
//! }
//! ```
//! - **Values** `%name` are defined once, by an input or a statement, before they are used.
//! - **Types** are `f32[N, …]`: the first axis is the batch, by any symbol, the same everywhere; the others are numbers.
//! - **Weights** `@key` are tensors of the weights file; keys with unusual characters are quoted, `@"my key"`.
//! - **Arguments** are given by position or name; integers, numbers (`1e-5`, `inf`, `-inf`), `true`, `false`, lists. One
//!   integer is taken for a pair. [`ops::OPS`] lists every op.
//! - **Layer names**: a single word in a comment behind a statement names its layer; any other comment is prose. The
//!   argument `name = "conv1"` does the same and wins. Without either a layer is called by what its weights' keys begin
//!   with, `conv1` above, else by its value's name. Equal names are told apart by `.1`, `.2` and so on.
//! - **Outputs** may be named, `-> (logits: f32[N, 10], box: f32[N, 4])`; without a name an output is called by its layer.
//!
//! Text is read by `parse.rs` into the tree of `syntax.rs`; `check.rs` and `bind.rs` give it meaning, with the ops' rules in
//! [`ops`]; `write.rs` prints a graph back.

mod bind;
mod boundary;
mod check;
mod emit;
pub mod example;
mod format;
pub mod graph;
mod names;
mod normalize;
pub mod ops;
mod parse;
pub mod pt2;
mod suggest;
mod syntax;
pub mod weights;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub use emit::{EmitError, emit};
pub use example::{Fidelity, replay};
pub use format::Format;
pub use graph::{Graph, Input, Node, Output, Shape, TorchOp, ValueId, WeightRef};
pub use normalize::normalize_input;
pub use weights::{TensorView, Weights, WeightsError};

use crate::diagnostic::{Finding, FindingId, Findings, Severity, SourceFile};

/// A graph that can be compiled, and what is worth a look in it.
#[derive(Debug)]
pub struct Imported {
    /// The checked graph.
    pub graph: Graph,
    /// Warnings only.
    pub warnings: Findings,
}

/// Reads and checks a graph description against its weights.
///
/// # Errors
/// All findings, warnings included, if one of them is an error; in the order of the file. A syntax error comes alone.
pub fn import(source: &SourceFile, weights: &Weights) -> Result<Imported, Findings> {
    import_translated(source, weights, &check::Opaque::new())
}

/// The same for a graph that a translator wrote; `opaque` holds the statements that it could not express.
fn import_translated(
    source: &SourceFile,
    weights: &Weights,
    opaque: &check::Opaque,
) -> Result<Imported, Findings> {
    let syntax = parse::parse(source.text())?;
    match check::check(&syntax, source, weights, opaque) {
        (Some(graph), warnings) => Ok(Imported { graph, warnings }),
        (None, findings) => Err(findings),
    }
}

/// Two files, read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// The graph file, for findings of later stages.
    pub source: SourceFile,
    /// The weights file; the graph's weights are in it.
    pub weights: Arc<Weights>,
    /// The checked graph.
    pub graph: Graph,
    /// Warnings only.
    pub warnings: Findings,
}

/// Why two files cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("{findings}")]
pub struct LoadError {
    /// The graph file where it could be read; [`Findings::render`] shows its lines. Boxed, as errors are passed by value.
    pub source_file: Option<Box<SourceFile>>,
    /// Everything found.
    pub findings: Findings,
}

/// Opens a graph file and a weights file and checks the one against the other.
///
/// # Errors
/// [`LoadError`] with everything found. Where one of the files cannot be read, that and what the other alone shows.
pub fn load(graph: &Path, weights: &Path) -> Result<Loaded, LoadError> {
    let weights = Weights::open(weights).map_err(Finding::from);
    let source = match SourceFile::open(graph) {
        Ok(source) => source,
        Err(finding) => {
            let mut findings = Findings::from(finding);
            findings.extend(weights.err());
            return Err(LoadError { source_file: None, findings });
        }
    };
    let weights = match weights {
        Ok(weights) => weights,
        Err(finding) => {
            let mut findings = Findings::from(finding);
            findings.extend(parse::parse(source.text()).err());
            return Err(LoadError { source_file: Some(Box::new(source)), findings });
        }
    };
    finish(source, weights, &check::Opaque::new(), Findings::default())
}

/// Opens a `torch.export` archive, translates it, and checks the translation as [`load`] does its two files.
///
/// The source of what is loaded is the graph description in the form in which it would be written.
///
/// # Errors
/// [`LoadError`] with everything found, in the archive and in its translation.
pub fn load_archive(path: &Path) -> Result<Loaded, LoadError> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let finding = Finding::new(FindingId::FileUnreadable, format!("cannot read {name}: {error}"));
        LoadError { source_file: None, findings: finding.into() }
    };
    let bytes = weights::Storage::map(path).map_err(unreadable)?;
    let translation = pt2::Translation::open(bytes.bytes(), &name)
        .map_err(|finding| LoadError { source_file: None, findings: finding.into() })?;
    let pt2::Translation { source, weights, opaque, findings } = translation;
    let mut loaded = finish(source, weights, &opaque, findings)?;
    loaded.source = SourceFile::generated(name, loaded.graph.to_string());
    Ok(loaded)
}

/// Imports a graph of which `before` is known already.
fn finish(
    source: SourceFile,
    weights: Weights,
    opaque: &check::Opaque,
    before: Findings,
) -> Result<Loaded, LoadError> {
    let wrong = before.errors() > 0 || !opaque.is_empty();
    let mut all = before;
    let imported = match import_translated(&source, &weights, opaque) {
        Ok(Imported { graph, warnings }) if !wrong => {
            all.extend(warnings.iter().cloned());
            return Ok(Loaded { source, weights: Arc::new(weights), graph, warnings: all });
        }
        Ok(Imported { warnings, .. }) => warnings,
        Err(findings) => findings,
    };
    // Where something is missing, values and weights seem unused that are not.
    let consequences = |finding: &&Finding| {
        wrong && (finding.severity() == Severity::Warning || finding.id == FindingId::ExtraWeight)
    };
    all.extend(imported.iter().filter(|finding| !consequences(finding)).cloned());
    Err(LoadError { source_file: Some(Box::new(source)), findings: all })
}

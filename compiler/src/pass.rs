//! What a pass is: a name, the stages it stands between, what it promises, and the change itself.

use crate::{mlir::IrResult, session::Session};
use melior::ir::OperationRef;
use neurocuda_dialects::stage::Stage;
use serde::Serialize;
use std::{collections::BTreeMap, str::FromStr};

/// What a pass promises of the network's outputs; `--validate-each` holds it to that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// The same numbers, to the last bit.
    Equal,
    /// The same real numbers up to rounding of f32: max|Δ| ≤ 10⁻⁵ · max|y|.
    Rounding,
    /// An approximation: the root mean square of the change is at most this fraction of that of the outputs.
    Lossy(f64),
    /// An approximation whose outputs may move by any amount, but layer by layer only by the rounding that it is for: given the same
    /// inputs, every layer computes what it did before ([`validate::each::layers`](crate::validate::each::layers)).
    Layerwise,
    /// Another function, because the user asks for one: there is nothing to hold it against.
    Another,
}

impl Claim {
    /// Largest relative change that the claim allows; see [`Claim`] for its norm.
    pub fn tolerance(self) -> f64 {
        match self {
            Self::Equal => 0.0,
            Self::Rounding => 1e-5,
            Self::Lossy(limit) => limit,
            Self::Layerwise | Self::Another => f64::INFINITY,
        }
    }
}

/// An option of a pass.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OptionInfo {
    /// Name in the pipeline text.
    pub name: &'static str,
    /// Value when it is not given.
    pub default: &'static str,
    /// What it does.
    pub summary: &'static str,
}

/// What is to be known of a pass without running it.
#[derive(Clone, Copy, Debug)]
pub struct PassInfo {
    /// Name in the pipeline text: verb first, kebab case.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Stage that the module must be at; `None` for any.
    pub from: Option<Stage>,
    /// Stage that the module is at afterwards; `None` for the same.
    pub to: Option<Stage>,
    /// What it promises.
    pub claim: Claim,
    /// What can be set.
    pub options: &'static [OptionInfo],
}

/// A pass with its options set.
pub trait Pass {
    /// Changes the module.
    ///
    /// # Errors
    ///
    /// If the module is not as the pass needs it: what is wrong, where, and what to do.
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()>;
}

/// A pass that the pipeline text can name.
#[derive(Clone, Copy)]
pub struct Registration {
    /// What is to be known of it.
    pub info: &'static PassInfo,
    /// Makes it from its options, which have been checked against `info`.
    pub build: fn(&Options) -> Result<Box<dyn Pass>, OptionError>,
}

/// An option that a pass does not have, or a value that it does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pass `{pass}`, option `{option}`: {problem}")]
pub struct OptionError {
    /// Name of the pass.
    pub pass: String,
    /// Name of the option.
    pub option: String,
    /// What is wrong.
    pub problem: String,
}

/// The options of one pass in a pipeline.
#[derive(Clone, Debug)]
pub struct Options {
    info: &'static PassInfo,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Options as given, checked against what the pass has.
    ///
    /// # Errors
    ///
    /// If the pass has no option of a name.
    pub fn new(info: &'static PassInfo, values: BTreeMap<String, String>) -> Result<Self, OptionError> {
        for name in values.keys() {
            if !info.options.iter().any(|option| option.name == name) {
                let known = info.options.iter().map(|option| option.name).collect::<Vec<_>>().join(", ");
                return Err(OptionError {
                    pass: info.name.to_owned(),
                    option: name.clone(),
                    problem: format!(
                        "there is no such option; known: {}",
                        if known.is_empty() { "none" } else { &known }
                    ),
                });
            }
        }
        Ok(Self { info, values })
    }

    /// What is to be known of the pass.
    pub fn info(&self) -> &'static PassInfo {
        self.info
    }

    /// The value of option `name`, or its default.
    ///
    /// # Errors
    ///
    /// If the value does not parse.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<T, OptionError> {
        let default =
            self.info.options.iter().find(|option| option.name == name).map_or("", |option| option.default);
        let text = self.values.get(name).map_or(default, String::as_str);
        text.parse().map_err(|_| OptionError {
            pass: self.info.name.to_owned(),
            option: name.to_owned(),
            problem: format!("cannot take the value `{text}`"),
        })
    }
}

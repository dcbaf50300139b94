//! Vector sets: what Lava's fixed-point models computed, replayed and compared value by value.
//!
//! A neuron family is the program of its name, run by the plain interpreter and by the executor; synapses are those of
//! [`super::synapse`]; quantisers are given by who asks, since they belong to the compiler.

mod arrays;
mod error;
mod manifest;
mod network;
mod neurons;
mod outcome;
mod random;
mod synapses;

use std::{collections::BTreeMap, path::Path};

pub use error::ReplayError;
pub use manifest::{Domain, Mode};
pub use outcome::{Difference, Report, Tally};

use self::{
    arrays::Arrays,
    manifest::{Case, Manifest},
    outcome::Outcome,
};
use super::{builtin, program::Program, verify::accept};

/// Signs that weights can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignMode {
    /// Both.
    Mixed,
    /// Not negative.
    Excitatory,
    /// Not positive.
    Inhibitory,
}

/// Weights as they are stored, and what they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptimizedWeights {
    /// Stored.
    pub weights: Vec<i32>,
    /// Bits of a stored weight.
    pub weight_bits: i32,
    /// A stored weight times 2 to this power is the weight.
    pub weight_exponent: i32,
}

/// What the compiler does to weights.
#[derive(Clone, Copy)]
pub struct Quantisers {
    /// Weights, their signs (`None`: as they are) and bits, to weights that synapses can hold.
    pub truncate: fn(&[i32], Option<SignMode>, u32) -> Vec<i32>,
    /// Weights, their signs, and whether they are for Loihi 2.
    pub optimize: fn(&[i32], SignMode, bool) -> OptimizedWeights,
}

/// Replays the set in a folder. `programs` take the place of built-in programs of their families.
///
/// # Errors
/// See [`ReplayError`]. Differences are no errors; they are in the report.
pub fn replay(
    folder: &Path,
    quantisers: Quantisers,
    programs: &BTreeMap<String, Program>,
) -> Result<Report, ReplayError> {
    replay_families(folder, Some(quantisers), programs, &|_| true)
}

/// The same for families that are chosen; without quantisers, families that need them are left out.
pub(super) fn replay_families(
    folder: &Path,
    quantisers: Option<Quantisers>,
    programs: &BTreeMap<String, Program>,
    chosen: &dyn Fn(&str) -> bool,
) -> Result<Report, ReplayError> {
    let manifest = Manifest::read(folder)?;
    let files = manifest.files(folder)?;
    let mut open = BTreeMap::new();
    for (name, (path, bytes)) in &files {
        open.insert(name.as_str(), Arrays::open(path, bytes)?);
    }
    let mut known = BTreeMap::new();
    let mut report = Report {
        set: manifest.set.clone(),
        oracle: manifest.oracle.clone(),
        families: BTreeMap::new(),
        differences: vec![],
        passed: true,
    };
    for case in manifest.cases.iter().filter(|case| chosen(&case.family)) {
        let Some(arrays) = open.get_mut(case.file.as_str()) else { continue };
        let Some(outcome) = run(case, arrays, quantisers, programs, &mut known)? else { continue };
        if outcome.compared != case.comparisons {
            return Err(case.refuse(format!(
                "{} values were compared and the manifest says {}",
                outcome.compared, case.comparisons
            )));
        }
        let family = report.families.entry(case.family.clone()).or_default();
        family.entry(case.domain).or_default().add(&outcome);
        if outcome.plain + outcome.fast > 0 {
            report.passed &= !case.domain.is_binding();
            report.differences.push(Difference {
                case: case.id.clone(),
                domain: case.domain,
                note: case.note.clone(),
                mismatches: outcome.plain + outcome.fast,
                first: outcome.first.unwrap_or_default(),
            });
        }
    }
    Ok(report)
}

fn run(
    case: &Case,
    arrays: &mut Arrays<'_>,
    quantisers: Option<Quantisers>,
    programs: &BTreeMap<String, Program>,
    known: &mut BTreeMap<String, Program>,
) -> Result<Option<Outcome>, ReplayError> {
    let mut program = |family: &str| -> Result<Option<Program>, ReplayError> {
        if let Some(program) = known.get(family) {
            return Ok(Some(program.clone()));
        }
        let program = match programs.get(family) {
            Some(program) => Some(program.clone()),
            None => builtin::program(family).transpose()?,
        };
        if let Some(program) = &program {
            accept(program)?;
            known.insert(family.to_owned(), program.clone());
        }
        Ok(program)
    };
    match (case.family.as_str(), quantisers) {
        ("conv", _) => synapses::convolution(case, arrays).map(Some),
        ("dense" | "sparse" | "delay_dense" | "delay_sparse", Some(quantisers)) => {
            synapses::run(case, arrays, quantisers).map(Some)
        }
        ("weight_quant", Some(quantisers)) => synapses::truncate(case, arrays, quantisers).map(Some),
        ("optimize_weight_bits", Some(quantisers)) => synapses::optimize(case, arrays, quantisers).map(Some),
        ("net", Some(quantisers)) => match program("lif")? {
            Some(lif) => network::run(case, arrays, quantisers, &lif).map(Some),
            None => Ok(None),
        },
        (
            "dense"
            | "sparse"
            | "delay_dense"
            | "delay_sparse"
            | "weight_quant"
            | "optimize_weight_bits"
            | "net",
            None,
        ) => Ok(None),
        (family, _) => match program(family)? {
            Some(program) => neurons::run(case, arrays, &program).map(Some),
            None => Err(case.refuse(format!(
                "there is no program for family `{family}`; give one: --program {family}=FILE.ncm"
            ))),
        },
    }
}

impl Case {
    fn refuse(&self, reason: String) -> ReplayError {
        ReplayError::Case { case: self.id.clone(), reason }
    }

    /// A parameter that is an integer or a truth value; `None` if there is none of this name.
    fn number(&self, name: &str) -> Option<i64> {
        let value = self.params.get(name)?;
        value.as_i64().or_else(|| value.as_bool().map(i64::from))
    }

    /// A parameter that must be there.
    fn need(&self, name: &str) -> Result<i64, ReplayError> {
        self.number(name).ok_or_else(|| self.refuse(format!("it has no integer `{name}`")))
    }

    /// A parameter that is a size.
    fn size(&self, name: &str) -> Result<usize, ReplayError> {
        usize::try_from(self.need(name)?).map_err(|_| self.refuse(format!("`{name}` is negative")))
    }

    fn sign_mode(&self) -> Result<Option<SignMode>, ReplayError> {
        sign_mode(self.params.get("sign_mode"))
            .ok_or_else(|| self.refuse("it has no known `sign_mode`".to_owned()))
    }

    /// What the case says about its size, which work and memory follow.
    fn check_neuron_steps(&self, neurons: usize, steps: usize) -> Result<(), ReplayError> {
        match (neurons as u64).checked_mul(steps as u64) {
            Some(found) if found == self.neuron_steps => Ok(()),
            _ => Err(self.refuse(format!(
                "{neurons} neurons and {steps} steps are not {} neuron-steps",
                self.neuron_steps
            ))),
        }
    }
}

/// `Some(None)` where the signs are those that the weights have.
fn sign_mode(value: Option<&serde_json::Value>) -> Option<Option<SignMode>> {
    match value?.as_str()? {
        "MIXED" => Some(Some(SignMode::Mixed)),
        "EXCITATORY" => Some(Some(SignMode::Excitatory)),
        "INHIBITORY" => Some(Some(SignMode::Inhibitory)),
        "AUTO" => Some(None),
        _ => None,
    }
}

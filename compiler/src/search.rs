//! The cheapest spiking network within an allowed drop: levels, timesteps and schedule are searched, not guessed.
//!
//! Calibration samples have no labels, so a drop of accuracy cannot be measured on them. But accuracy drops by no more than the
//! fraction of samples on which the spiking network predicts another class than the real one; that fraction is what is held to the
//! allowed drop. Every second sample fits the networks, the others estimate: what is returned was not chosen and judged on the same
//! samples. The interval of the estimate is Wilson's, at 95 %.

use crate::{
    compile::{self, CompileError, CompileReport, Description, Settings},
    interpret::{Network, Sample},
    mlir::IrError,
    pipeline::Hooks,
    session::{Samples, Session},
    validate::{meaning::Meaning, statistics},
};
use melior::{Context, ir::Module};
use neurocuda_runtime::{
    artifact::{Artifact, program::Schedule},
    cpu::{Engine, RunOptions},
    data::ImageView,
};
use rayon::prelude::*;
use serde::Serialize;
use std::sync::Arc;

/// Levels that are tried, in this order.
const LEVELS: [u32; 7] = [3, 7, 15, 31, 63, 127, 255];
/// Numbers of steps of `rate` that are tried, in this order.
const TIMESTEPS: [u32; 6] = [8, 16, 32, 64, 128, 256];
/// Schedules that are tried where none is given: those whose spikes are binary.
const SCHEDULES: [Schedule; 3] = [Schedule::StBif, Schedule::HoldAndFire, Schedule::Rate];
/// Samples that are run before it is asked whether a candidate can still be within the allowed drop.
const BLOCK: usize = 50;
/// Fewest samples to estimate on: below, one sample is a drop of more than two points.
const FEWEST: usize = 50;

/// Makes the `torch` module in a context.
pub type Model<'m> = dyn for<'c> Fn(&'c Context) -> Result<Module<'c>, CompileError> + 'm;

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Largest drop in percentage points.
    pub max_drop: f64,
    /// Only this schedule.
    pub schedule: Option<Schedule>,
    /// Only these levels.
    pub levels: Option<u32>,
    /// Only this number of steps, for `rate`.
    pub timesteps: Option<u32>,
    /// Bits of a weight.
    pub weight_bits: u32,
}

/// A network that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Candidate {
    /// When neurons fire.
    pub schedule: Schedule,
    /// Largest count of an activation.
    pub levels: u32,
    /// Steps: proved bound of an exact schedule, or the number of `rate`.
    pub steps: u32,
    /// Samples that it was run on; fewer than all where it was given up.
    pub samples: u64,
    /// Samples on which it predicts another class than the real network.
    pub disagree: u64,
    /// Synaptic operations of a sample, mean.
    pub sops: f64,
    /// Steps until a sample had settled, mean; of `rate`, all.
    pub mean_steps: f64,
    /// Whether it disagrees on no more samples than the allowed drop is of all.
    pub within: bool,
}

/// What the search did.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SearchReport {
    /// Largest drop that was allowed, in percentage points.
    pub max_drop: f64,
    /// Samples that the networks were calibrated on.
    pub fitted: u64,
    /// Other samples, which they were judged on.
    pub estimated: u64,
    /// What was tried, in order.
    pub candidates: Vec<Candidate>,
    /// Which of them it is.
    pub chosen: usize,
    /// Disagreement of the chosen one, in percentage points: accuracy on the estimation samples drops by no more.
    pub drop_at_most: f64,
    /// Upper end of the 95 % interval of that, minus it, in percentage points.
    pub margin: f64,
    /// Fraction of estimation samples on which the chosen one predicts what the real network does, after each step.
    pub agreement: Vec<f64>,
    /// Why it was chosen.
    pub reason: String,
}

/// The candidate that stands to be returned.
struct Best {
    index: usize,
    artifact: Artifact,
    report: CompileReport,
    agreement: Vec<f64>,
}

/// Searches the network with the fewest synaptic operations among those within the request, and compiles it.
///
/// `model` gives the `torch` module, for each network anew.
///
/// # Errors
///
/// `max-drop-samples`, `max-drop-classes` or `max-drop-unreachable`, or as [`compile::compile`].
pub fn search(
    model: &Model,
    request: &Request,
    description: &Description,
    session: &mut Session,
    hooks: &Hooks,
) -> Result<(Artifact, CompileReport), CompileError> {
    let all = session.calibration.clone().filter(|samples| samples.count / 2 >= FEWEST).ok_or_else(|| {
        CompileError::Search(format!(
            "max-drop-samples: a search needs at least {} calibration samples, half to fit and half to estimate on",
            2 * FEWEST
        ))
    })?;
    let (fit, estimate) = (half(&all, 0), half(&all, 1));
    session.calibration = Some(fit.clone());
    let float = in_own_context(model, |_, torch| float_outputs(&torch, &estimate))?;
    let allowed = (request.max_drop / 100.0 * estimate.count as f64 + 1e-9).floor() as u64;
    let mut search = Search {
        model,
        description,
        session,
        estimate: &estimate,
        float: &float,
        allowed,
        weight_bits: request.weight_bits,
        candidates: vec![],
        best: None,
    };
    let schedules = request.schedule.map_or(SCHEDULES.to_vec(), |schedule| vec![schedule]);
    let exact = schedules.iter().copied().filter(|schedule| *schedule != Schedule::Rate).collect::<Vec<_>>();
    search.exact(&exact, request.levels)?;
    if schedules.contains(&Schedule::Rate) {
        search.rate(request)?;
    }
    let (candidates, best) = (search.candidates, search.best);
    let Some(best) = best else { return Err(unreachable(request, &candidates)) };
    let settings = settings_of(&candidates[best.index], request.weight_bits);
    let (artifact, mut report) = if hooks.watches() {
        // The same network again, so that what is printed, dumped or validated is that of the one that is returned.
        in_own_context(model, |context, mut module| {
            compile::compile(context, &mut module, &settings, description.clone(), session, hooks)
        })?
    } else {
        (best.artifact, best.report)
    };
    let chosen = &candidates[best.index];
    let upper = statistics::wilson(chosen.disagree, chosen.samples).map_or(1.0, |[_, upper]| upper);
    let drop_at_most = 100.0 * chosen.disagree as f64 / chosen.samples.max(1) as f64;
    let within = candidates.iter().filter(|candidate| candidate.within).count();
    let reason = format!(
        "{within} of {} networks disagree with the real one on at most {allowed} of {} samples; this one takes the fewest synaptic \
         operations",
        candidates.len(),
        estimate.count
    );
    report.search = Some(SearchReport {
        max_drop: request.max_drop,
        fitted: fit.count as u64,
        estimated: estimate.count as u64,
        chosen: best.index,
        drop_at_most,
        margin: 100.0 * upper - drop_at_most,
        agreement: best.agreement,
        reason,
        candidates,
    });
    Ok((artifact, report))
}

fn unreachable(request: &Request, candidates: &[Candidate]) -> CompileError {
    let fraction = |candidate: &Candidate| candidate.disagree as f64 / candidate.samples.max(1) as f64;
    let nearest = candidates.iter().min_by(|a, b| fraction(a).total_cmp(&fraction(b)));
    let nearest = nearest.map_or(String::new(), |nearest| {
        format!(
            "; the nearest, {} at {} levels, disagrees on {} of {} samples",
            nearest.schedule, nearest.levels, nearest.disagree, nearest.samples
        )
    });
    CompileError::Search(format!(
        "max-drop-unreachable: none of {} networks is within {} points of the real one{nearest}; allow a larger drop, or leave --schedule, \
         --levels and --timesteps to the search",
        candidates.len(),
        request.max_drop
    ))
}

/// Every second sample, from `first` on.
fn half(samples: &Samples, first: usize) -> Samples {
    let fetch = Arc::clone(&samples.fetch);
    Samples {
        count: (samples.count + 1 - first) / 2,
        fetch: Arc::new(move |index| fetch(2 * index + first)),
        integers: samples.integers,
        hash: format!("{}-half{first}", samples.hash),
    }
}

/// Outputs of the real network for each sample.
fn float_outputs(torch: &Module, samples: &Samples) -> Result<Vec<Vec<Sample>>, CompileError> {
    let network = Network::new(torch.as_operation())?;
    let outputs = (0..samples.count)
        .into_par_iter()
        .map(|index| network.forward(&(samples.fetch)(index), &mut |_, _| ()))
        .collect::<Result<Vec<_>, _>>();
    outputs.map_err(|error| CompileError::from(IrError::module(error.to_string())))
}

/// A context of its own for each network: in one that holds tensors of the same names, MLIR renames them, and the artifact would
/// depend on what was tried before.
fn in_own_context<T>(
    model: &Model,
    work: impl FnOnce(&Context, Module) -> Result<T, CompileError>,
) -> Result<T, CompileError> {
    let context =
        neurocuda_dialects::new_context().map_err(|error| CompileError::Search(error.to_string()))?;
    let module = model(&context)?;
    work(&context, module)
}

fn settings_of(candidate: &Candidate, weight_bits: u32) -> Settings {
    let Candidate { schedule, levels, steps, .. } = *candidate;
    Settings { schedule, levels, timesteps: steps, weight_bits, ..Settings::default() }
}

struct Search<'s> {
    model: &'s Model<'s>,
    description: &'s Description,
    session: &'s mut Session,
    estimate: &'s Samples,
    float: &'s [Vec<Sample>],
    /// Samples that may disagree.
    allowed: u64,
    weight_bits: u32,
    candidates: Vec<Candidate>,
    best: Option<Best>,
}

impl Search<'_> {
    /// The fewest levels within the allowed drop; they are the same for all exact schedules, which then differ in what they cost.
    fn exact(&mut self, schedules: &[Schedule], levels: Option<u32>) -> Result<(), CompileError> {
        let Some((&first, others)) = schedules.split_first() else { return Ok(()) };
        for levels in levels.map_or(LEVELS.to_vec(), |levels| vec![levels]) {
            if self.attempt(first, levels, levels)? {
                for &other in others {
                    self.attempt(other, levels, levels)?;
                }
                break;
            }
        }
        Ok(())
    }

    /// The fewest steps of `rate` within the allowed drop, unless they cost more than what was found already.
    fn rate(&mut self, request: &Request) -> Result<(), CompileError> {
        for steps in request.timesteps.map_or(TIMESTEPS.to_vec(), |steps| vec![steps]) {
            let found = self.attempt(Schedule::Rate, request.levels.unwrap_or(steps), steps)?;
            let best = self.best.as_ref().map(|best| self.candidates[best.index].sops);
            let cost = self.candidates.last().map_or(0.0, |candidate| candidate.sops);
            if found || best.is_some_and(|best| cost > best) {
                break;
            }
        }
        Ok(())
    }

    /// Compiles a candidate and runs it; returns whether it is within the allowed drop.
    fn attempt(&mut self, schedule: Schedule, levels: u32, timesteps: u32) -> Result<bool, CompileError> {
        let weight_bits = self.weight_bits;
        let settings = Settings { schedule, levels, timesteps, weight_bits, ..Settings::default() };
        let (description, session) = (self.description.clone(), &mut *self.session);
        let (artifact, report) = in_own_context(self.model, |context, mut module| {
            compile::compile(context, &mut module, &settings, description, session, &Hooks::default())
        })?;
        let (candidate, agreement) = self.judge(&artifact)?;
        let cheaper = self.best.as_ref().is_none_or(|best| candidate.sops < self.candidates[best.index].sops);
        let within = candidate.within;
        if within && cheaper {
            self.best = Some(Best { index: self.candidates.len(), artifact, report, agreement });
        }
        self.candidates.push(candidate);
        Ok(within)
    }

    /// Runs a network on the estimation samples, until it is certain that it disagrees on too many.
    fn judge(&self, artifact: &Artifact) -> Result<(Candidate, Vec<f64>), CompileError> {
        let engine = Engine::new(artifact).map_err(|error| CompileError::Search(error.to_string()))?;
        let output = engine.class_output().ok_or_else(|| {
            CompileError::Search(
                "max-drop-classes: no output of this network tells one class of a sample, so that a drop of accuracy has no meaning; \
                 choose --levels instead"
                    .to_owned(),
            )
        })?;
        let meaning = Meaning::of(&engine.outputs()[output].shape, engine.heads().nth(output).flatten());
        let options = RunOptions { predictions: true, ..RunOptions::default() };
        let program = artifact.program();
        let mut candidate = Candidate {
            schedule: program.schedule,
            levels: artifact.manifest.levels,
            steps: program.steps,
            samples: 0,
            disagree: 0,
            sops: 0.0,
            mean_steps: 0.0,
            within: false,
        };
        let (mut sops, mut steps) = (0u64, 0u64);
        let mut curve = Vec::<u64>::new();
        let what = format!("search {} {}", program.schedule, artifact.manifest.levels);
        for start in (0..self.estimate.count).step_by(BLOCK) {
            let end = (start + BLOCK).min(self.estimate.count);
            let outcomes = (start..end).into_par_iter().map(|index| {
                let pixels = (self.estimate.fetch)(index).iter().map(|&x| x as f32).collect::<Vec<_>>();
                engine.run_image(ImageView::F32(&pixels), index, &options)
            });
            let outcomes = outcomes.collect::<Result<Vec<_>, _>>();
            let outcomes = outcomes.map_err(|error| CompileError::Search(error.to_string()))?;
            for (outcome, float) in outcomes.iter().zip(&self.float[start..end]) {
                let float = float[output].iter().copied().collect::<Vec<_>>();
                let class = meaning.predictions(&float).first().map(|&class| class as u32);
                let predictions = outcome.predictions.as_deref().unwrap_or_default();
                candidate.samples += 1;
                candidate.disagree += u64::from(predictions.last().copied() != class);
                sops += outcome.sops;
                steps += u64::from(outcome.settled_at.unwrap_or(outcome.steps));
                count_agreement(&mut curve, candidate.samples - 1, predictions, class);
            }
            (self.session.progress)(&what, end, self.estimate.count);
            if candidate.disagree > self.allowed {
                break;
            }
        }
        let samples = candidate.samples.max(1) as f64;
        candidate.sops = sops as f64 / samples;
        candidate.mean_steps = steps as f64 / samples;
        candidate.within = candidate.disagree <= self.allowed;
        Ok((candidate, curve.iter().map(|&agree| agree as f64 / samples).collect()))
    }
}

/// Counts in which steps a sample's prediction is `class`; it keeps its last one. `before` samples were counted already.
fn count_agreement(curve: &mut Vec<u64>, before: u64, predictions: &[u32], class: Option<u32>) {
    // Samples that ended earlier agree in later steps as they did in their last.
    let last = curve.last().copied().filter(|_| before > 0).unwrap_or(0);
    curve.resize(curve.len().max(predictions.len()), last);
    let Some(&end) = predictions.last() else { return };
    for (step, agree) in curve.iter_mut().enumerate() {
        *agree += u64::from(Some(predictions.get(step).copied().unwrap_or(end)) == class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_sample_keeps_its_prediction() {
        let mut curve = vec![];
        count_agreement(&mut curve, 0, &[3, 1], Some(1));
        assert_eq!(curve, [0, 1]);
        count_agreement(&mut curve, 1, &[1, 2, 2, 1], Some(1));
        assert_eq!(curve, [1, 1, 1, 2]);
        count_agreement(&mut curve, 2, &[0], Some(1));
        assert_eq!(curve, [1, 1, 1, 2]);
    }

    #[test]
    fn halves_are_disjoint_and_complete() {
        let fetch = |index: usize| ndarray::arr1(&[index as f64]).into_dyn();
        let all = Samples { count: 7, fetch: Arc::new(fetch), integers: true, hash: "h".to_owned() };
        let of = |first| {
            let half = half(&all, first);
            (0..half.count).map(|index| (half.fetch)(index)[[0]]).collect::<Vec<_>>()
        };
        assert_eq!(of(0), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(of(1), [1.0, 3.0, 5.0]);
        assert_ne!(half(&all, 0).hash, half(&all, 1).hash);
    }
}

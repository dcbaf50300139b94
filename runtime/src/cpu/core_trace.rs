//! What the cores of Loihi 2 hold and do, step by step, for one sample.

use super::{Engine, EngineError, ImageOutcome, RunOptions};
use crate::{
    data::ImageView,
    loihi::simulate::{Counts, Run, Simulator},
};

/// One population of a traced run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopulationTrace {
    /// Op of the artifact's program: a layer of neurons or a readout.
    pub op: String,
    /// Shape of the population.
    pub shape: Vec<usize>,
    /// Payloads that were sent, `[steps, …shape]`, row-major; 0 where nothing was.
    pub sent: Vec<i32>,
    /// Each word of state by name, behind every step, `[steps, …shape]`.
    pub states: Vec<(String, Vec<i32>)>,
}

/// A traced run.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreTrace {
    /// What came of it.
    pub outcome: ImageOutcome,
    /// The populations that were asked for, in the order of the chip program.
    pub populations: Vec<PopulationTrace>,
    /// What each core did in each step.
    pub counts: Vec<Vec<Counts>>,
}

impl Engine {
    /// Runs one image on the cores of Loihi 2 and records what populations that `wanted` names hold and send, and what cores do.
    ///
    /// # Errors
    /// As for [`Engine::run_image`], and `artifact-invalid` if the engine runs no cores.
    pub fn trace_cores(
        &self,
        image: ImageView<'_>,
        index: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<CoreTrace, EngineError> {
        let chips = self.chips.as_ref().ok_or(EngineError::NoCores)?;
        let mut recorder =
            Recorder { simulator: chips.simulator(), traced: vec![], counts: vec![], before: vec![] };
        for (population, op, shape) in chips.cored().filter(|(_, op, _)| wanted(op)) {
            let names = recorder.simulator.states_of(population);
            let states = names.iter().map(|name| (name.clone(), vec![])).collect();
            let trace = PopulationTrace { op: op.to_owned(), shape: shape.to_vec(), sent: vec![], states };
            recorder.traced.push((population, trace));
        }
        let mut after = |state: &super::state::State, _: u32| {
            if let Some(run) = &state.chips {
                recorder.record(run);
            }
        };
        let outcome = self.run_observed(image, index, &RunOptions::default(), Some(&mut after))?;
        let Recorder { traced, mut counts, .. } = recorder;
        let mut populations = traced.into_iter().map(|(_, trace)| trace).collect::<Vec<_>>();
        // A step that only shows that the one before was the last is none of the run's.
        counts.truncate(outcome.steps as usize);
        for trace in &mut populations {
            let length = outcome.steps as usize * trace.shape.iter().product::<usize>();
            trace.sent.truncate(length);
            trace.states.iter_mut().for_each(|(_, values)| values.truncate(length));
        }
        Ok(CoreTrace { outcome, populations, counts })
    }
}

struct Recorder<'a> {
    simulator: &'a Simulator,
    /// Populations by their number.
    traced: Vec<(usize, PopulationTrace)>,
    counts: Vec<Vec<Counts>>,
    /// Counts of all steps so far.
    before: Vec<Counts>,
}

impl Recorder<'_> {
    fn record(&mut self, run: &Run) {
        for (population, trace) in &mut self.traced {
            let start = trace.sent.len();
            trace.sent.resize(start + trace.shape.iter().product::<usize>(), 0);
            if let Some(sent) = run.sent(*population) {
                for (&element, &payload) in sent.elements.iter().zip(&sent.payloads) {
                    if let Some(slot) = trace.sent.get_mut(start + element as usize) {
                        *slot = payload;
                    }
                }
            }
            for (word, (_, values)) in trace.states.iter_mut().enumerate() {
                values.extend(run.state(self.simulator, *population, word));
            }
        }
        let now = run.counts();
        self.before.resize(now.len(), Counts::default());
        self.counts.push(now.iter().zip(&self.before).map(|(&now, &before)| now - before).collect());
        self.before = now;
    }
}

//! The loop over timesteps and what it proves.

use super::{
    Engine, EngineError, Exit, ImageOutcome, Logits, RunOptions, exit::Countdown, layout::Layout,
    plan::PlannedOp, state::State, watch::Observer,
};
use crate::{artifact::program::Schedule, data::ImageView, loihi::simulate::Run};

impl Engine {
    /// Runs one image of the right size; `after` sees the state after every step.
    pub(super) fn run_on(
        &self,
        state: &mut State,
        image: ImageView<'_>,
        index: usize,
        options: &RunOptions,
        mut after: Option<Observer>,
    ) -> Result<ImageOutcome, EngineError> {
        let exact = self.schedule != Schedule::Rate;
        let limit = self.limit(options.timesteps)?;
        let mut trace = options.trace.then(|| vec![vec![]; self.layers.len()]);
        let mut predictions = options.predictions.then(Vec::new).filter(|_| self.class_output().is_some());
        let countdown = self.exits.as_ref().zip(options.early_exit);
        let mut countdown = countdown.map(|(exits, early)| Countdown::new(exits, early.last_layers));
        let mut exit = None;
        let mut settled_at = 0;
        state.reset(&self.plan);
        for step in 0..limit {
            self.step(state, image, step);
            if let Some(trace) = &mut trace {
                self.record(state, step, trace);
            }
            if let Some(after) = &mut after {
                after(state, step);
            }
            if let Some(predictions) = &mut predictions {
                predictions.extend(self.prediction(state, step + 1));
            }
            if state.is_active() {
                settled_at = step + 1;
            }
            if let Some(outputs) = self.proved(&mut countdown, state, image, step) {
                let logits = outputs.iter().map(|output| output.integer.clone()).collect();
                exit = Some(Exit { steps: step + 1, logits });
                if options.early_exit.is_some_and(|early| early.take) {
                    let outcome = self.outcome(state, step + 1, None, (trace, predictions));
                    return Ok(ImageOutcome { outputs, exit, ..outcome });
                }
            }
            if exact && self.is_final(state, image, step) {
                let outcome = self.outcome(state, step + 1, Some(settled_at), (trace, predictions));
                return Ok(ImageOutcome { exit, ..outcome });
            }
        }
        let outcome = ImageOutcome { exit, ..self.outcome(state, limit, None, (trace, predictions)) };
        if !exact {
            return Ok(outcome);
        }
        // One more step shows whether the network had settled just in time; it does not count.
        self.step(state, image, limit);
        if self.is_final(state, image, limit) {
            Ok(ImageOutcome { certified: true, settled_at: Some(settled_at), ..outcome })
        } else if limit == self.steps {
            Err(EngineError::BoundViolated { image: index, bound: self.steps })
        } else {
            Ok(outcome)
        }
    }

    /// Makes one step.
    fn step(&self, state: &mut State, image: ImageView<'_>, step: u32) {
        match &self.chips {
            None => state.step(&self.plan, image, step),
            Some(chips) => state.step_on_chips(&self.plan, chips, image, step),
        }
    }

    /// Whether encoders of an exact schedule have sent all that they send.
    pub(super) fn is_all_shown(&self, image: ImageView<'_>, step: u32) -> bool {
        self.events.is_none() || step as usize + 1 >= image.frames()
    }

    /// Whether nothing can change after this step of an exact schedule.
    fn is_final(&self, state: &State, image: ImageView<'_>, step: u32) -> bool {
        self.is_all_shown(image, step)
            && step >= self.plan.last_gate
            && !state.is_active()
            && !state.is_in_flight()
    }

    /// Appends what every layer sent in a step.
    fn record(&self, state: &State, step: u32, trace: &mut [Vec<i16>]) {
        for op in &self.plan.ops {
            let PlannedOp::Neurons { neurons, state: layer, .. } = op else { continue };
            let (Some(trace), Some(shape)) = (trace.get_mut(*layer), self.layer_shapes.get(*layer)) else {
                continue;
            };
            let layout = Layout::new(shape);
            let start = trace.len();
            trace.resize(start + neurons.len(), 0);
            for (index, value) in state.sent(neurons, *layer, step).iter() {
                if let Some(slot) = trace.get_mut(start + layout.row_major_of(index)) {
                    *slot = value as i16;
                }
            }
        }
    }

    /// What a run came to after so many steps.
    fn outcome(
        &self,
        state: &State,
        steps: u32,
        settled_at: Option<u32>,
        (trace, predictions): (Option<Vec<Vec<i16>>>, Option<Vec<u32>>),
    ) -> ImageOutcome {
        ImageOutcome {
            outputs: self.logits_of(state, steps),
            spikes: state.neurons.iter().map(|layer| layer.spikes).collect(),
            sops: state.operations,
            cores: state.chips.as_ref().map(Run::counts).unwrap_or_default(),
            steps,
            certified: settled_at.is_some(),
            settled_at,
            exit: None,
            trace,
            predictions,
        }
    }

    /// Logits of every output after so many steps.
    pub(super) fn logits_of(&self, state: &State, steps: u32) -> Vec<Logits> {
        self.outputs.iter().filter_map(|output| self.logits(state, &output.name, steps)).collect()
    }

    /// Logits of an output after so many steps.
    pub(super) fn logits(&self, state: &State, name: &str, steps: u32) -> Option<Logits> {
        self.plan.ops.iter().find_map(|op| match op {
            PlannedOp::Readout { readout, sums, .. } if readout.name == name => {
                Some(readout.logits(&state.buffers[*sums].values, steps))
            }
            _ => None,
        })
    }

    /// The logits that row-major sums of an output are after so many steps, wherever they were added up.
    pub(crate) fn answer(&self, name: &str, sums: Vec<i32>, steps: u32) -> Option<Logits> {
        self.plan.ops.iter().find_map(|op| match op {
            PlannedOp::Readout { readout, .. } if readout.name == name => {
                Some(readout.answer(sums.clone(), steps))
            }
            _ => None,
        })
    }

    /// Names of the outputs, in the order of their readouts in the program.
    pub(crate) fn readouts(&self) -> impl Iterator<Item = &str> {
        self.plan.ops.iter().filter_map(|op| match op {
            PlannedOp::Readout { readout, .. } => Some(readout.name.as_str()),
            _ => None,
        })
    }

    /// The last step in which the encoder sends something of an image of an exact schedule.
    pub(crate) fn last_shown(&self, image: ImageView<'_>) -> u32 {
        if self.events.is_some() { image.frames().saturating_sub(1) as u32 } else { 0 }
    }

    /// The counts of all `frames` of an image, row-major, frame after frame.
    pub(crate) fn counts(&self, image: ImageView<'_>, frames: u32) -> Vec<u16> {
        let elements = image.len();
        let mut counts = vec![0; elements * frames as usize];
        match image {
            ImageView::Frames(all) => {
                for frame in 0..all.len() {
                    for (element, count) in all.frame(frame) {
                        if let Some(slot) = counts.get_mut(frame * elements + element) {
                            *slot = count as u16;
                        }
                    }
                }
            }
            _ => {
                for (element, slot) in counts.iter_mut().take(elements).enumerate() {
                    *slot = image.get(element).unwrap_or_default() as u16;
                }
            }
        }
        counts
    }

    /// First step in which a network can be certified silent.
    pub(crate) fn last_gate(&self) -> u32 {
        self.plan.last_gate
    }
}

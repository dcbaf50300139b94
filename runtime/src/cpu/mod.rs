//! The engine: event-driven, integer, the same bits for every number of threads.
//!
//! What is below is the CPU's way of making a step. With [`Backend::Loihi`] the same loop runs the simulator of the chip instead, on
//! the part of an artifact that is for it, and reads spikes and sums off its cores.
//!
//! A step runs every op of the program once. Synapses do work for each event only; neurons are one dense pass, left
//! out in steps in which a layer provably does nothing. Runs of an exact schedule end with a *certificate*: a step in
//! which nothing was sent, with nothing under way. Since every neuron that could fire does so in every step, nothing can
//! change after it.

mod chips;
mod core_trace;
mod encoder;
mod error;
mod events;
mod exit;
mod layout;
mod neuron;
mod neuron_kernel;
mod outcome;
mod plan;
mod pool;
mod readout;
mod remap;
mod run;
mod state;
mod synapse;
mod synapse_kernel;
mod table;
mod tensors;
#[cfg(test)]
mod tests;
mod to_come;
mod watch;

use std::{ops::Range, sync::Mutex};

use chips::Chips;
pub use core_trace::{CoreTrace, PopulationTrace};
pub use error::EngineError;
use exit::Exits;
pub use outcome::{Exit, ImageOutcome, Logits};
use plan::Plan;
use rayon::prelude::*;
use state::State;
use watch::Observer;
pub use watch::Spike;

use crate::{
    artifact::{
        Artifact, Layer, NamedShape,
        chip_program::ChipProgram,
        limits::MAX_STEPS,
        program::{OpKind, Program, Schedule},
    },
    data::{DataError, ImageView, Images},
    head::Head,
};

/// Whether a run of an exact schedule may end before the network is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyExit {
    /// Layers of neurons, counted from each readout, whose last spikes are computed from their membranes and not awaited. With 1 it
    /// is the state of the readouts' own neighbours that is looked at; with all of them every image ends after its first step, because
    /// then it is the integer network that is run. More than 1 relies on the gates of `hold-and-fire` as the compiler sets them.
    pub last_layers: u32,
    /// Whether to end the run, or to note where it could end, in [`ImageOutcome::exit`], and go on.
    pub take: bool,
}

/// What makes the steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The CPU.
    #[default]
    Cpu,
    /// The simulator of Loihi 2; for artifacts that were compiled for it.
    Loihi,
}

/// How to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Number of steps. Without it, exact schedules run until they settle and `rate` as long as it was compiled for.
    /// An exact schedule that is cut off before it settles gives an outcome that is not certified.
    pub timesteps: Option<u32>,
    /// Whether to record every spike.
    pub trace: bool,
    /// Whether to record the class that the network would answer after each step.
    pub predictions: bool,
    /// Whether, and how, to look for a proof of the logits before the network is silent.
    pub early_exit: Option<EarlyExit>,
}

/// Shape of the logits behind an output, and its head.
fn head_of(program: &Program, output: &NamedShape) -> (Vec<usize>, Option<Head>) {
    let readout = program.ops.iter().find_map(|op| match &op.kind {
        OpKind::Readout { output_name, head, .. } if *output_name == output.name => {
            Some((program.values.get(op.output)?.clone(), *head))
        }
        _ => None,
    });
    readout.unwrap_or_else(|| (output.shape.clone(), None))
}

/// A network, ready to run.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    exits: Option<Exits>,
    /// What makes the steps, if not the plan.
    chips: Option<Chips>,
    schedule: Schedule,
    steps: u32,
    input_shape: Vec<usize>,
    outputs: Vec<NamedShape>,
    layers: Vec<Layer>,
    layer_shapes: Vec<Vec<usize>>,
    /// Of each output, in their order: shape of its integer logits, and what becomes of the real ones.
    heads: Vec<(Vec<usize>, Option<Head>)>,
    /// Most frames of a sample, and most events of an element in one of them, where the input is events.
    events: Option<(u32, u32)>,
    /// Memory of earlier runs, for the next image of any thread.
    states: Mutex<Vec<State>>,
}

impl Engine {
    /// Plans a network for the CPU.
    ///
    /// # Errors
    /// `artifact-invalid` if [`Artifact::validate`] refuses the artifact.
    pub fn new(artifact: &Artifact) -> Result<Self, EngineError> {
        Self::on(artifact, Backend::Cpu)
    }

    /// Plans a network for a back end.
    ///
    /// # Errors
    /// `artifact-invalid` if [`Artifact::validate`] refuses the artifact, or it was not compiled for the back end; `program-attached` if
    /// a layer runs a program of the user's own, and the back end is the CPU.
    pub fn on(artifact: &Artifact, backend: Backend) -> Result<Self, EngineError> {
        artifact.validate()?;
        let chips = match backend {
            Backend::Cpu => match artifact.manifest.chips.as_ref().and_then(ChipProgram::attached) {
                Some((layer, program)) => {
                    let [layer, program] = [layer, program].map(str::to_owned);
                    return Err(EngineError::Attached { layer, program });
                }
                None => None,
            },
            Backend::Loihi => Some(Chips::new(artifact)?),
        };
        let (manifest, program) = (&artifact.manifest, artifact.program());
        let neurons = program.ops.iter().filter(|op| op.kind.is_neuron());
        Ok(Self {
            plan: Plan::new(artifact)?,
            // It is the state of the CPU's neurons that proves an early exit.
            exits: Exits::new(program).filter(|_| chips.is_none()),
            chips,
            schedule: program.schedule,
            steps: program.steps,
            input_shape: manifest.input.shape.clone(),
            outputs: manifest.outputs.clone(),
            layers: manifest.layers.clone(),
            layer_shapes: neurons.filter_map(|op| program.values.get(op.output).cloned()).collect(),
            heads: manifest.outputs.iter().map(|output| head_of(program, output)).collect(),
            events: program.ops.iter().find_map(|op| match op.kind {
                OpKind::EncodeEvents { frames, high } => Some((frames, high.unsigned_abs())),
                _ => None,
            }),
            states: Mutex::new(vec![]),
        })
    }

    /// What makes the steps of a run.
    pub fn backend(&self) -> Backend {
        if self.chips.is_some() { Backend::Loihi } else { Backend::Cpu }
    }

    /// When neurons fire.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Steps that the network was compiled for; for exact schedules, the proved bound.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Shape of one input sample.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// Most frames of a sample, where the input is events; `None` where it is images.
    pub fn frames(&self) -> Option<u32> {
        self.events.map(|(frames, _)| frames)
    }

    /// Name and shape of each output, in the order of [`ImageOutcome::outputs`].
    pub fn outputs(&self) -> &[NamedShape] {
        &self.outputs
    }

    /// Shape of the integer logits of each output: its own, but for outputs with a head.
    pub fn logit_shapes(&self) -> impl Iterator<Item = &[usize]> {
        self.heads.iter().map(|(shape, _)| shape.as_slice())
    }

    /// What becomes of the real logits of each output; `None` where they are the output themselves.
    pub fn heads(&self) -> impl Iterator<Item = Option<Head>> {
        self.heads.iter().map(|(_, head)| *head)
    }

    /// Layers of neurons, in the order of [`ImageOutcome::spikes`].
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Shape of each layer of neurons, in the same order.
    pub fn layer_shapes(&self) -> &[Vec<usize>] {
        &self.layer_shapes
    }

    /// Runs images, spread over the threads of the current rayon pool, and calls `finished` after each of them, from
    /// any thread. The outcomes are in the order of the images.
    ///
    /// # Errors
    /// `data-shape`, `run-range`, `run-timesteps`, or `bound-violated` for the first image that breaks the bound.
    pub fn run(
        &self,
        images: &Images,
        range: Range<usize>,
        options: &RunOptions,
        finished: impl Fn() + Sync,
    ) -> Result<Vec<ImageOutcome>, EngineError> {
        images.expect_sample_shape(&self.input_shape)?;
        let outcomes: Vec<Result<ImageOutcome, EngineError>> = range
            .clone()
            .into_par_iter()
            .map(|index| {
                let image = images.fetch(index).ok_or(EngineError::Range {
                    start: range.start,
                    end: range.end,
                    count: images.len(),
                })?;
                let outcome = self.run_image(image.view(), index, options);
                finished();
                outcome
            })
            .collect();
        outcomes.into_iter().collect()
    }

    /// Runs one image on the calling thread; `index` is its number in messages.
    ///
    /// # Errors
    /// `data-shape`, `data-frames`, `data-counts`, `run-timesteps` or `bound-violated`.
    pub fn run_image(
        &self,
        image: ImageView<'_>,
        index: usize,
        options: &RunOptions,
    ) -> Result<ImageOutcome, EngineError> {
        self.run_observed(image, index, options, None)
    }

    /// The same, and `seen` is told of every spike, step after step. Spikes of the step that only shows whether a run that was cut
    /// off had settled are none of the run's.
    ///
    /// # Errors
    /// As for [`Engine::run_image`].
    pub fn watch_image(
        &self,
        image: ImageView<'_>,
        index: usize,
        options: &RunOptions,
        seen: &mut dyn FnMut(Spike),
    ) -> Result<ImageOutcome, EngineError> {
        let mut tell = |state: &State, step: u32| self.tell(state, step, seen);
        self.run_observed(image, index, options, Some(&mut tell))
    }

    /// The same, and `after` sees the state after every step.
    fn run_observed(
        &self,
        image: ImageView<'_>,
        index: usize,
        options: &RunOptions,
        after: Option<Observer>,
    ) -> Result<ImageOutcome, EngineError> {
        self.check_image(image, index)?;
        self.limit(options.timesteps)?;
        let spare = self.states.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let mut state = spare.unwrap_or_else(|| State::new(&self.plan, self.chips.as_ref()));
        let outcome = self.run_on(&mut state, image, index, options, after);
        self.states.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(state);
        outcome
    }

    /// Checks that an image is one of the network's.
    ///
    /// # Errors
    /// `data-shape`, `data-frames` or `data-counts`.
    pub(crate) fn check_image(&self, image: ImageView<'_>, index: usize) -> Result<(), EngineError> {
        if image.len() != self.input_shape.iter().product::<usize>() {
            let (found, wanted) = (vec![image.len()], self.input_shape.clone());
            return Err(DataError::Shape { found, wanted }.into());
        }
        if let Some((frames, high)) = self.events {
            image.expect_counts(index, frames as usize, high)?;
        }
        Ok(())
    }

    /// Steps of a run for which so many are asked for.
    ///
    /// # Errors
    /// `run-timesteps`.
    pub(crate) fn limit(&self, timesteps: Option<u32>) -> Result<u32, EngineError> {
        if let Some(steps) = timesteps.filter(|steps| !(1..=MAX_STEPS).contains(steps)) {
            return Err(EngineError::Timesteps(steps));
        }
        let asked = timesteps.unwrap_or(self.steps);
        Ok(if self.schedule == Schedule::Rate { asked } else { asked.min(self.steps) })
    }
}

//! What a run gives for each image.

use super::Spike;
use crate::loihi::simulate::Counts;

/// One output of one image, row-major; see [`super::Engine::logit_shapes`] for the shape of the integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    /// The readout's accumulators after the last step.
    pub integer: Vec<i32>,
    /// The same times the output's scale, over the number of steps where the readout averages; then the output's head.
    pub real: Vec<f32>,
}

/// Where the logits were known before the network was silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Steps that had run by then.
    pub steps: u32,
    /// The integer logits of silence, of each output in the order of [`super::Engine::outputs`].
    pub logits: Vec<Vec<i32>>,
}

/// What one image did.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageOutcome {
    /// Logits of each output, in the order of [`super::Engine::outputs`]; of a run that was left early those that it would have
    /// ended with.
    pub outputs: Vec<Logits>,
    /// Spikes of each layer of neurons, in the order of [`super::Engine::layers`]. A negative spike counts 1, a graded event too.
    pub spikes: Vec<u64>,
    /// Synaptic operations: one for each weight that was added to an accumulator for one non-zero event.
    pub sops: u64,
    /// What each core of the chips did; empty on the CPU.
    pub cores: Vec<Counts>,
    /// Steps that the logits, spikes and operations are of; of a run that was left early, steps that it took.
    pub steps: u32,
    /// Whether the run ended because nothing is sent any more, so that the logits are final. Never for `rate`.
    pub certified: bool,
    /// Number of steps after which nothing was sent and nothing arrived; only of certified runs.
    pub settled_at: Option<u32>,
    /// If asked for: when the logits were proved. Never for `rate`.
    pub exit: Option<Exit>,
    /// If asked for: what each layer sent, `[steps, …shape]`, row-major, in the order of [`super::Engine::layers`]. Spikes are ±1;
    /// of graded events it is what they carry.
    pub trace: Option<Vec<Vec<i16>>>,
    /// If asked for, and if [`super::Engine::class_output`] is some output: the class that it tells after each of `steps`; where two
    /// are equally likely, the first. An image that has settled keeps the last one.
    pub predictions: Option<Vec<u32>>,
}

impl ImageOutcome {
    /// Tells of every spike in the trace, step after step, as [`super::Engine::watch_image`] does of a run; `sizes` are the neurons of
    /// each layer. Tells nothing without a trace.
    pub fn replay(&self, sizes: &[usize], seen: &mut dyn FnMut(Spike)) {
        let trace = self.trace.as_deref().unwrap_or_default();
        for step in 0..self.steps {
            for (layer, (trace, &size)) in trace.iter().zip(sizes).enumerate() {
                let events = trace.get(step as usize * size..(step as usize + 1) * size).unwrap_or_default();
                for (neuron, &value) in events.iter().enumerate().filter(|(_, value)| **value != 0) {
                    seen(Spike { step, layer, neuron, value: value.into() });
                }
            }
        }
    }

    /// Notes that nothing changed after `settled_at` steps, which was known after `steps`.
    pub(crate) fn settle(&mut self, settled_at: u32, steps: u32) {
        let ran = self.steps as usize;
        (self.certified, self.settled_at, self.steps) = (true, Some(settled_at), steps);
        if let Some(trace) = &mut self.trace {
            trace.iter_mut().for_each(|layer| layer.truncate(layer.len() / ran.max(1) * steps as usize));
        }
        if let Some(predictions) = &mut self.predictions {
            predictions.truncate(steps as usize);
        }
    }
}

//! Early exit: the logits of an exact schedule are known before the last spike is sent. `docs/src/numeric-contract.md` has the proof.
//!
//! A layer of neurons whose input is *final* has a future that its own state decides. Once every layer but the last ones has sent its
//! last spike, what is to come from the last ones therefore follows from their membranes; sent all at once through a copy of what
//! lies behind them, it gives the logits of silence.

use std::collections::BTreeSet;

use super::{
    Engine, Logits,
    plan::{Plan, PlannedOp},
    state::State,
};
use crate::{
    artifact::program::{OpKind, Program, Schedule},
    data::ImageView,
};

/// The layers of neurons on the way to a readout, in program order; what they wait for and who waits for them.
#[derive(Debug)]
pub(super) struct Exits {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// Index of the op.
    op: usize,
    /// Which of the layers it hears, without others in between.
    sources: Vec<usize>,
    /// Layers of neurons on the longest way from it to a readout.
    behind: usize,
}

impl Exits {
    /// Finds the layers of a checked program; none in `rate`, where nothing is final before the last step.
    pub(super) fn new(program: &Program) -> Option<Self> {
        if program.schedule == Schedule::Rate {
            return None;
        }
        // Layers of neurons on the longest way from a value to a readout; none where there is no way.
        let mut behind: Vec<Option<usize>> = vec![None; program.values.len()];
        for op in program.ops.iter().rev() {
            let own = behind.get(op.output).copied().flatten();
            let own = match &op.kind {
                OpKind::Readout { .. } => Some(0),
                kind => own.map(|layers| layers + usize::from(kind.is_neuron())),
            };
            for &input in &op.inputs {
                if let Some(slot) = behind.get_mut(input) {
                    *slot = own.max(*slot);
                }
            }
        }
        let mut layers = vec![];
        // Layers that a value hears without others in between.
        let mut heard: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); program.values.len()];
        for (index, op) in program.ops.iter().enumerate() {
            let mut hears: BTreeSet<usize> =
                op.inputs.iter().filter_map(|&input| heard.get(input)).flatten().copied().collect();
            let behind = behind.get(op.output).copied().flatten().filter(|_| op.kind.is_neuron());
            if let Some(behind) = behind {
                let sources = std::mem::take(&mut hears).into_iter().collect();
                hears.insert(layers.len());
                layers.push(Layer { op: index, sources, behind });
            }
            if let Some(slot) = heard.get_mut(op.output) {
                *slot = hears;
            }
        }
        Some(Self { layers })
    }
}

/// What is known in the course of a run of the layers that must have sent their last spike.
#[derive(Debug)]
pub(super) struct Countdown<'a> {
    exits: &'a Exits,
    /// So many layers on the longest way to a readout are not waited for.
    last_layers: usize,
    /// Step in which something arrives for the last time from each layer that is waited for, once that is known.
    last_arrivals: Vec<Option<u32>>,
}

impl<'a> Countdown<'a> {
    /// Before the first step.
    pub(super) fn new(exits: &'a Exits, last_layers: u32) -> Self {
        let last_layers = usize::try_from(last_layers).unwrap_or(usize::MAX);
        Self { exits, last_layers, last_arrivals: vec![None; exits.layers.len()] }
    }

    /// Whether nothing arrives after `step`, which has just run, from any layer that is waited for. In a run this costs one pass over
    /// each of them, in the step after which its input is final.
    fn is_over(&mut self, plan: &Plan, state: &State, step: u32) -> bool {
        let mut over = true;
        for (index, layer) in self.exits.layers.iter().enumerate() {
            if layer.behind < self.last_layers {
                continue;
            }
            let is_final = |&source: &usize| self.is_final(source, step);
            // The input has been sent whole. What feeds a layer that is waited for is waited for too.
            if self.last_arrivals[index].is_none() && layer.sources.iter().all(is_final) {
                self.last_arrivals[index] = last_arrival(plan, state, layer.op, step);
            }
            over &= self.is_final(index, step);
        }
        over
    }

    fn is_final(&self, layer: usize, step: u32) -> bool {
        self.last_arrivals.get(layer).copied().flatten().is_some_and(|arrival| arrival <= step)
    }

    /// Whether a layer's last spikes are computed instead of awaited.
    fn is_last(&self, op: usize) -> bool {
        self.exits.layers.iter().any(|layer| layer.op == op && layer.behind < self.last_layers)
    }
}

fn last_arrival(plan: &Plan, state: &State, op: usize, step: u32) -> Option<u32> {
    let PlannedOp::Neurons { neurons, state: layer, membranes, .. } = plan.ops.get(op)? else { return None };
    Some(neurons.last_arrival(step, &state.buffers[*membranes].values, &state.neurons[*layer]))
}

impl Engine {
    /// The logits of silence, if they are known after `step`, which has just run. There is no countdown afterwards.
    pub(super) fn proved(
        &self,
        countdown: &mut Option<Countdown<'_>>,
        state: &State,
        image: ImageView<'_>,
        step: u32,
    ) -> Option<Vec<Logits>> {
        let over = countdown.take_if(|countdown| {
            self.is_all_shown(image, step) && countdown.is_over(&self.plan, state, step)
        })?;
        let mut ahead = state.clone();
        ahead.conclude(&self.plan, |op| over.is_last(op), image, step);
        Some(self.logits_of(&ahead, step + 1))
    }
}

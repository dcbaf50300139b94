//! Steps that the simulator of Loihi 2 makes: the host encodes and injects, the cores run, and what they sent and summed up is put
//! where the engine looks for it.

use super::{
    events::Events,
    layout::Layout,
    plan::{Plan, PlannedOp},
    state::State,
};
use crate::{
    artifact::{Artifact, ArtifactError},
    data::ImageView,
    loihi::simulate::{Run, Sent, Simulator},
};

/// A network on cores, and which population each op of the program is.
#[derive(Debug)]
pub(super) struct Chips {
    simulator: Simulator,
    /// Population of each op, with the layout of its value; only of neurons, readouts and the encoder.
    populations: Vec<Option<(usize, Layout)>>,
    input: Layout,
    /// Name and shape of each population's op.
    ops: Vec<(String, Vec<usize>)>,
}

impl Chips {
    /// Loads an artifact.
    pub(super) fn new(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let simulator = Simulator::new(artifact)?;
        let program = artifact.program();
        let chips = artifact.manifest.chips.iter().flat_map(|chips| &chips.populations);
        let names = chips.map(|population| population.op.as_str()).collect::<Vec<_>>();
        let mut populations = vec![];
        for op in &program.ops {
            let mut found = names.iter().enumerate().filter(|(_, name)| **name == op.name);
            let (population, twice) = (found.next(), found.next());
            let shape = program.values.get(op.output).map(Vec::as_slice).unwrap_or_default();
            if twice.is_some() || (population.is_none() && op.kind.has_population()) {
                let problem = format!(
                    "op `{}` is {} population",
                    op.name,
                    if twice.is_some() { "twice a" } else { "no" }
                );
                return Err(ArtifactError::invalid("chips", problem));
            }
            populations.push(population.map(|(number, _)| (number, Layout::new(shape))));
        }
        let shape = |name: &str| {
            let op = program.ops.iter().find(|op| op.name == name);
            op.and_then(|op| program.values.get(op.output)).cloned().unwrap_or_default()
        };
        let ops = names.iter().map(|name| ((*name).to_owned(), shape(name))).collect();
        Ok(Self { simulator, populations, input: Layout::new(&artifact.manifest.input.shape), ops })
    }

    /// The cores.
    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// Number, op and shape of each population that is on cores.
    pub(super) fn cored(&self) -> impl Iterator<Item = (usize, &str, &[usize])> {
        let populations = self.ops.iter().enumerate().skip(1);
        populations.map(|(number, (op, shape))| (number, op.as_str(), shape.as_slice()))
    }

    /// Memory of a run.
    pub(super) fn start(&self) -> Run {
        self.simulator.start()
    }
}

impl State {
    /// One step, made by the cores.
    pub(super) fn step_on_chips(&mut self, plan: &Plan, chips: &Chips, image: ImageView<'_>, step: u32) {
        let Some(mut run) = self.chips.take() else { return };
        let codes = self.encode(plan, image, step);
        let elements = codes
            .indices
            .iter()
            .map(|&index| chips.input.row_major_of(index as usize) as u32)
            .collect::<Vec<_>>();
        run.step(&chips.simulator, &elements, &codes.values);
        for (op, population) in plan.ops.iter().zip(&chips.populations) {
            let Some((population, layout)) = population else { continue };
            match op {
                PlannedOp::Neurons { neurons, state, .. } => {
                    let (Some(sent), Some(state)) = (run.sent(*population), self.neurons.get_mut(*state))
                    else {
                        continue;
                    };
                    let slot = step as usize % neurons.delay.max(1);
                    if let Some(slot) = state.delayed.get_mut(slot) {
                        state.delivered = slot.len();
                        take(slot, sent, *layout);
                        let sent = slot.len();
                        state.count(sent, neurons.delay);
                    }
                }
                PlannedOp::Readout { sums, .. } => {
                    let read = run.probe(&chips.simulator, *population);
                    if let Some(sums) = self.buffers.get_mut(*sums) {
                        for (element, value) in read.into_iter().enumerate() {
                            if let Some(sum) = sums.values.get_mut(layout.index_of(element)) {
                                *sum = value;
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        self.operations = run.synaptic_operations();
        self.chips = Some(run);
    }
}

/// What a population sent, in the engine's order of its elements.
fn take(events: &mut Events, sent: &Sent, layout: Layout) {
    events.clear();
    for (&element, &payload) in sent.elements.iter().zip(&sent.payloads) {
        events.push(layout.index_of(element as usize) as u32, payload);
    }
}

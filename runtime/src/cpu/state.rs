//! What one thread needs to run one image, and a step of the plan on it.

use super::{
    chips::Chips,
    events::Events,
    neuron::NeuronState,
    plan::{Destination, Plan, PlannedOp},
    pool::MaxPoolState,
};
use crate::{data::ImageView, loihi::simulate::Run};

/// A dense buffer: zero, or added to.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    pub(super) values: Vec<i32>,
    /// Whether something was added since the last reader.
    touched: bool,
}

/// All memory of a run; used again for the next image.
#[derive(Clone, Debug)]
pub(super) struct State {
    events: Vec<Events>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) neurons: Vec<NeuronState>,
    max_pools: Vec<MaxPoolState>,
    scratch: Vec<i16>,
    /// Synaptic operations that each constant current stands for.
    constant_operations: Vec<u64>,
    pub(super) operations: u64,
    /// Whether an encoder sent something in the last step.
    encoded: bool,
    /// The cores, where they make the steps.
    pub(super) chips: Option<Run>,
}

impl State {
    /// Memory for a plan.
    pub(super) fn new(plan: &Plan, chips: Option<&Chips>) -> Self {
        let mut neurons = vec![];
        let mut max_pools = vec![];
        for op in &plan.ops {
            match op {
                PlannedOp::Neurons { neurons: layer, .. } => neurons.push(layer.state()),
                PlannedOp::MaxPool { pool, state, .. } => {
                    let (inputs, outputs) = plan.max_pools.get(*state).copied().unwrap_or_default();
                    max_pools.push(pool.state(inputs, outputs));
                }
                _ => {}
            }
        }
        Self {
            events: vec![Events::default(); plan.absorbed.len()],
            buffers: plan.buffers.iter().map(|&n| Buffer { values: vec![0; n], touched: false }).collect(),
            neurons,
            max_pools,
            scratch: vec![0; plan.scratch],
            constant_operations: vec![0; plan.ops.len()],
            operations: 0,
            encoded: false,
            chips: chips.map(Chips::start),
        }
    }

    /// Back to before the first step.
    pub(super) fn reset(&mut self, plan: &Plan) {
        self.events.iter_mut().for_each(Events::clear);
        for buffer in &mut self.buffers {
            buffer.values.fill(0);
            buffer.touched = false;
        }
        self.max_pools.iter_mut().for_each(MaxPoolState::reset);
        self.operations = 0;
        if let Some(chips) = &mut self.chips {
            chips.reset();
        }
        for op in &plan.ops {
            match op {
                PlannedOp::Neurons { neurons, state, membranes, .. } => {
                    neurons.reset(&mut self.neurons[*state], &mut self.buffers[*membranes].values);
                }
                PlannedOp::Readout { readout, sums, .. } => readout.reset(&mut self.buffers[*sums].values),
                _ => {}
            }
        }
    }

    /// Runs every op once.
    pub(super) fn step(&mut self, plan: &Plan, image: ImageView<'_>, step: u32) {
        self.encoded = false;
        for (index, op) in plan.ops.iter().enumerate() {
            self.op(plan, index, op, image, step);
        }
    }

    /// Sends at once all that is to come after `step` from the layers that `is_last` names; the others have sent everything.
    pub(super) fn conclude(
        &mut self,
        plan: &Plan,
        is_last: impl Fn(usize) -> bool,
        image: ImageView<'_>,
        step: u32,
    ) {
        self.events.iter_mut().for_each(Events::clear);
        for (index, op) in plan.ops.iter().enumerate() {
            match op {
                PlannedOp::Encode { .. } | PlannedOp::EncodeEvents { .. } => {}
                PlannedOp::Neurons { neurons, state, membranes, current } => {
                    if is_last(index) {
                        self.gather(neurons.input, *membranes, *current, neurons.gain());
                        let sent = &mut self.events[neurons.output];
                        let membranes = &self.buffers[*membranes].values;
                        neurons.to_come(step, membranes, &self.neurons[*state], sent);
                    }
                }
                _ => self.op(plan, index, op, image, step),
            }
        }
    }

    /// Whether anything was sent, or arrived late, in the step that has just run.
    pub(super) fn is_active(&self) -> bool {
        self.encoded || self.neurons.iter().any(|layer| layer.sent > 0 || layer.delivered > 0)
    }

    /// Whether delayed events are under way.
    pub(super) fn is_in_flight(&self) -> bool {
        self.neurons.iter().any(|layer| layer.in_flight > 0)
    }

    /// What a layer sent in the step that has just run.
    pub(super) fn sent<'a>(
        &'a self,
        neurons: &super::neuron::Neurons,
        state: usize,
        step: u32,
    ) -> &'a Events {
        neurons.sent(step, &self.neurons[state], &self.events[neurons.output])
    }

    /// What the encoder sends in a step.
    pub(super) fn encode(&mut self, plan: &Plan, image: ImageView<'_>, step: u32) -> &Events {
        self.encoded = false;
        let mut output = 0;
        for (index, op) in plan.ops.iter().enumerate() {
            if let PlannedOp::Encode { output: encoded, .. }
            | PlannedOp::EncodeEvents { output: encoded, .. } = op
            {
                output = *encoded;
                self.op(plan, index, op, image, step);
            }
        }
        &self.events[output]
    }

    fn op(&mut self, plan: &Plan, index: usize, op: &PlannedOp, image: ImageView<'_>, step: u32) {
        match op {
            PlannedOp::Encode { encoder, output } => {
                if step == 0 {
                    encoder.encode(image, &mut self.events[*output]);
                } else if !encoder.every_step {
                    self.events[*output].clear();
                }
                self.encoded |= !self.events[*output].is_empty();
            }
            PlannedOp::EncodeEvents { layout, output } => {
                super::encoder::encode_frame(image, step, *layout, &mut self.events[*output]);
                self.encoded |= !self.events[*output].is_empty();
            }
            PlannedOp::Synapses { synapses, input, output, to, constant } => {
                if let Some(constant) = constant {
                    self.constant_synapses(index, synapses, *input, to.buffer, *constant, step);
                } else if step == 0 || !plan.constant[*output] {
                    let Buffer { values, touched } = &mut self.buffers[to.buffer];
                    let events = &self.events[*input];
                    self.constant_operations[index] = synapses.run(events, values, &mut self.scratch);
                    *touched |= !events.is_empty();
                    self.harvest(*to, *output);
                }
                self.operations += self.constant_operations[index];
            }
            PlannedOp::Scale { weights, input, output, absorbed } => {
                self.operations += self.events[*input].len() as u64;
                match absorbed {
                    Some(buffer) => {
                        let Buffer { values, touched } = &mut self.buffers[*buffer];
                        for (index, value) in self.events[*input].iter() {
                            if let (Some(sum), Some(weight)) = (values.get_mut(index), weights.get(index)) {
                                *sum = sum.wrapping_add(value.wrapping_mul(*weight));
                            }
                        }
                        *touched |= !self.events[*input].is_empty();
                    }
                    None => self.send(*output, |events, sent| {
                        for (index, value) in events[*input].iter() {
                            let weight = weights.get(index).copied().unwrap_or_default();
                            sent.push(index as u32, value.wrapping_mul(weight));
                        }
                    }),
                }
            }
            PlannedOp::SumPool { pool, input, output, to } => {
                let Buffer { values, touched } = &mut self.buffers[to.buffer];
                *touched |= pool.run(&self.events[*input], values);
                self.harvest(*to, *output);
            }
            PlannedOp::Add { inputs, output, to } => {
                let Buffer { values, touched } = &mut self.buffers[to.buffer];
                for &input in inputs {
                    // An absorbed input is in the buffer already.
                    *touched |= self.events[input].add_to(values);
                }
                self.harvest(*to, *output);
            }
            PlannedOp::Remap { remap, inputs, output } => self.send(*output, |events, sent| {
                for (number, &input) in inputs.iter().enumerate() {
                    remap.run(number, &events[input], sent);
                }
            }),
            PlannedOp::MaxPool { pool, input, output, state } => {
                let state = &mut self.max_pools[*state];
                let mut sent = std::mem::take(&mut self.events[*output]);
                pool.run(&self.events[*input], state, &mut sent);
                self.events[*output] = sent;
            }
            PlannedOp::Neurons { neurons, state, membranes, current } => {
                self.gather(neurons.input, *membranes, *current, neurons.gain());
                let Buffer { values, touched } = &mut self.buffers[*membranes];
                let arriving = &mut self.events[neurons.output];
                neurons.run(step, values, std::mem::take(touched), &mut self.neurons[*state], arriving);
            }
            PlannedOp::Readout { readout, sums, current } => {
                self.gather(readout.input, *sums, *current, readout.gain);
                self.buffers[*sums].touched = false;
                readout.run(step, &mut self.buffers[*sums].values);
            }
        }
    }

    /// Adds a current that is the same in every step, computed in the first one.
    fn constant_synapses(
        &mut self,
        op: usize,
        synapses: &super::synapse::Synapses,
        input: usize,
        to: usize,
        cache: usize,
        step: u32,
    ) {
        let mut current = std::mem::take(&mut self.buffers[cache].values);
        if step == 0 {
            self.constant_operations[op] = synapses.run(&self.events[input], &mut current, &mut self.scratch);
        }
        if !self.events[input].is_empty() {
            add(&mut self.buffers[to].values, &current);
            self.buffers[to].touched = true;
        }
        self.buffers[cache].values = current;
    }

    /// Writes a value's events from those of others.
    fn send(&mut self, output: usize, write: impl FnOnce(&[Events], &mut Events)) {
        let mut sent = std::mem::take(&mut self.events[output]);
        sent.clear();
        write(&self.events, &mut sent);
        self.events[output] = sent;
    }

    /// Turns a buffer into a value's events, if that is where the value goes.
    fn harvest(&mut self, to: Destination, output: usize) {
        if !to.harvest {
            return;
        }
        let Buffer { values, touched } = &mut self.buffers[to.buffer];
        if std::mem::take(touched) {
            self.events[output].harvest(values);
        } else {
            self.events[output].clear();
        }
    }

    /// Brings what an accumulator's input sends into the accumulator, with the gain.
    fn gather(&mut self, input: usize, state: usize, current: Option<usize>, gain: i32) {
        let Buffer { values, touched } = &mut self.buffers[current.unwrap_or(state)];
        *touched |= self.events[input].add_to(values);
        let Some(current) = current.filter(|_| std::mem::take(touched)) else { return };
        let mut values = std::mem::take(&mut self.buffers[current].values);
        for (sum, value) in self.buffers[state].values.iter_mut().zip(&mut values) {
            *sum = sum.wrapping_add(std::mem::take(value).wrapping_mul(gain));
        }
        self.buffers[current].values = values;
        self.buffers[state].touched = true;
    }
}

/// Adds a dense current.
fn add(sums: &mut [i32], current: &[i32]) {
    for (sum, value) in sums.iter_mut().zip(current) {
        *sum = sum.wrapping_add(*value);
    }
}

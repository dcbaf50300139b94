//! Spiking networks: the same ops, once a timestep.

use super::{
    Sample,
    decode::Action,
    error::InterpretError,
    kernels::Kernel,
    network::{Network, elements, elements_mut},
    snn::{MembraneOverflow, Neuron, NeuronState, Programmed, Readout, Spiking},
};
use ndarray::IxDyn;
use neurocuda_runtime::loihi::Population;
use std::collections::VecDeque;

/// How many steps a simulation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepLimit {
    /// Until nothing can change any more.
    Quiescence {
        /// Steps after which the simulation ends in any case.
        at_most: u32,
    },
    /// This many.
    Exactly(u32),
}

/// One output of a spiking network.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikingOutput {
    /// The readout's sum: the integer logits.
    pub integer: Sample,
    /// What they mean: times the scale, over the number of steps where the readout averages.
    pub logits: Sample,
    /// The output: the real logits, behind the head if there is one.
    pub real: Sample,
}

/// What a simulation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikingOutcome {
    /// The outputs, in the order in which they are returned.
    pub outputs: Vec<SpikingOutput>,
    /// For each layer of neurons, its op and how many spikes it sent; a signed spike counts 1, and so does a graded event.
    pub spikes: Vec<(usize, u64)>,
    /// Number of steps after which nothing changes any more: one more than the last step in which an encoder or a neuron
    /// sent something or a delayed spike arrived. `None` if the simulation ended before that was certain, and always where
    /// plain integrate-and-fire neurons take part: their silence proves nothing about the integer network.
    pub settled_at: Option<u32>,
    /// Number of steps simulated.
    pub steps: u32,
}

/// An op with its state between steps.
enum Unit<'n> {
    Synapse(&'n Kernel),
    Encode {
        kernel: &'n Kernel,
        every_step: bool,
    },
    EncodeEvents(&'n Kernel),
    /// With the running sums of the input and their maxima.
    MaxPool {
        kernel: &'n Kernel,
        sums: Sample,
        maxima: Sample,
    },
    Neuron {
        neuron: &'n Neuron,
        state: NeuronState,
        in_flight: VecDeque<Option<Sample>>,
        spikes: u64,
    },
    Program {
        own: &'n Programmed,
        neurons: Population,
        spikes: u64,
    },
    Axon {
        kernel: &'n Kernel,
        in_flight: VecDeque<Option<Sample>>,
    },
    Readout {
        readout: &'n Readout,
        logits: Sample,
    },
    Head(&'n Kernel),
}

/// What an op gives in a step.
struct Events {
    /// What its readers get; `None` for silence.
    arriving: Option<Sample>,
    /// What it sends; the same but for neurons with a delay.
    sent: Option<Sample>,
}

impl Network {
    /// Runs a spiking network on one sample.
    ///
    /// `probe` sees, in each step, what each op sends: of neurons the spikes of this step, however long they travel; of a
    /// readout its sum so far.
    ///
    /// # Errors
    ///
    /// If the network is no spiking one, the sample has another shape than the network takes, or an integer (an event,
    /// a membrane, an output) leaves its range.
    pub fn simulate(
        &self,
        input: &Sample,
        limit: StepLimit,
        probe: &mut dyn FnMut(u32, usize, &Sample),
    ) -> Result<SpikingOutcome, InterpretError> {
        self.simulate_frames(std::slice::from_ref(input), limit, probe)
    }

    /// Runs a spiking network on a sample of several frames, as [`Network::simulate`] runs it on a sample of one: frame t comes in
    /// step t. The network stays awake until the last one.
    ///
    /// # Errors
    ///
    /// As [`Network::simulate`], or if there is no frame, or there are more than the network takes; it takes one, unless its input is
    /// events.
    pub fn simulate_frames(
        &self,
        frames: &[Sample],
        limit: StepLimit,
        probe: &mut dyn FnMut(u32, usize, &Sample),
    ) -> Result<SpikingOutcome, InterpretError> {
        if !self.is_spiking() {
            return Err(InterpretError::NotSpiking);
        }
        let most = self.actions.iter().map(most_frames).min().unwrap_or(1);
        if !(1..=most).contains(&frames.len()) {
            return Err(InterpretError::Frames { found: frames.len(), most });
        }
        let frames = frames.iter().map(|frame| self.accept(frame)).collect::<Result<_, _>>()?;
        let mut simulation = Simulation::new(self, frames)?;
        let (most, until_quiescence) = match limit {
            StepLimit::Quiescence { at_most } => (at_most, true),
            StepLimit::Exactly(steps) => (steps, false),
        };
        let mut steps = 0;
        let mut settled_at = None;
        let mut last_active = None;
        for step in 0..most {
            let active = simulation.step(step, probe)?;
            if active {
                last_active = Some(step);
            }
            steps = step + 1;
            let quiescent = !active && simulation.is_at_rest_after(step);
            settled_at = quiescent.then(|| last_active.map_or(0, |step| step + 1));
            if quiescent && until_quiescence {
                break;
            }
        }
        Ok(simulation.outcome(settled_at, steps))
    }
}

struct Simulation<'n> {
    network: &'n Network,
    /// One for each op.
    units: Vec<Unit<'n>>,
    frames: Vec<Sample>,
    /// What each value holds in this step; `None` for silence.
    values: Vec<Option<Sample>>,
    /// Zeros in the shape of each value.
    silence: Vec<Sample>,
}

impl<'n> Simulation<'n> {
    fn new(network: &'n Network, frames: Vec<Sample>) -> Result<Self, InterpretError> {
        let silence =
            network.values.iter().map(|value| Sample::zeros(IxDyn(&value.shape))).collect::<Vec<_>>();
        let units = network.actions.iter().zip(network.ops()).map(|(action, summary)| match action {
            Action::Spiking(Spiking::Synapse(kernel)) => Ok(Unit::Synapse(kernel)),
            Action::Spiking(Spiking::Encode { kernel, every_step }) => {
                Ok(Unit::Encode { kernel, every_step: *every_step })
            }
            Action::Spiking(Spiking::EncodeEvents { kernel, .. }) => Ok(Unit::EncodeEvents(kernel)),
            Action::Spiking(Spiking::MaxPool(kernel)) => Ok(Unit::MaxPool {
                kernel,
                sums: silence[summary.inputs[0]].clone(),
                maxima: Sample::zeros(IxDyn(&kernel.shape)),
            }),
            Action::Spiking(Spiking::Axon { kernel, delay }) => {
                Ok(Unit::Axon { kernel, in_flight: vec![None; *delay].into() })
            }
            Action::Spiking(Spiking::Neuron(neuron)) => Ok(Unit::Neuron {
                neuron,
                state: neuron.start(),
                in_flight: vec![None; neuron.delay].into(),
                spikes: 0,
            }),
            Action::Spiking(Spiking::Program(own)) => {
                Ok(Unit::Program { own, neurons: own.neurons.clone(), spikes: 0 })
            }
            Action::Spiking(Spiking::Readout(readout)) => {
                Ok(Unit::Readout { readout, logits: sample(&readout.shape, readout.initial.clone()) })
            }
            Action::Spiking(Spiking::Head(kernel)) => Ok(Unit::Head(kernel)),
            Action::Compute(_) | Action::Observe => Err(InterpretError::NotSpiking),
        });
        let units = units.collect::<Result<_, _>>()?;
        Ok(Self { network, units, frames, values: vec![None; silence.len()], silence })
    }

    /// Runs one step; returns whether anything was sent or arrived.
    fn step(
        &mut self,
        step: u32,
        probe: &mut dyn FnMut(u32, usize, &Sample),
    ) -> Result<bool, InterpretError> {
        let mut active = false;
        for (index, summary) in self.network.ops().iter().enumerate() {
            let Some(output) = summary.output else { continue };
            let events = self.run(step, index)?;
            match &self.units[index] {
                Unit::Readout { logits, .. } => probe(step, index, logits),
                unit => {
                    let own = matches!(
                        unit,
                        Unit::Encode { .. }
                            | Unit::EncodeEvents(_)
                            | Unit::Neuron { .. }
                            | Unit::Program { .. }
                            | Unit::Axon { .. }
                    );
                    active |= own && (events.sent.is_some() || events.arriving.is_some());
                    probe(step, index, events.sent.as_ref().unwrap_or(&self.silence[output]));
                }
            }
            self.values[output] = events.arriving;
        }
        Ok(active)
    }

    fn run(&mut self, step: u32, index: usize) -> Result<Events, InterpretError> {
        let network = self.network;
        let inputs = &network.ops()[index].inputs;
        let input = inputs.first().and_then(|&input| self.values[input].as_ref());
        let overflow = |MembraneOverflow { index: element, value }| InterpretError::Overflow {
            place: network.place(index),
            index: element,
            value,
        };
        match &mut self.units[index] {
            Unit::Synapse(kernel) => {
                if inputs.iter().all(|&input| self.values[input].is_none()) {
                    return Ok(Events::at_once(None));
                }
                let read =
                    |&input: &usize| elements(self.values[input].as_ref().unwrap_or(&self.silence[input]));
                let inputs = inputs.iter().map(read).collect::<Vec<_>>();
                Ok(Events::at_once(Some(network.compute(index, kernel, &inputs)?)))
            }
            Unit::Encode { kernel, every_step } => {
                let sends = step == 0 || *every_step;
                let image = self.frames.first().filter(|_| sends);
                let codes =
                    image.map(|image| network.compute(index, kernel, &[elements(image)])).transpose()?;
                Ok(Events::at_once(codes))
            }
            Unit::EncodeEvents(kernel) => {
                let frame = self.frames.get(step as usize);
                let counts =
                    frame.map(|frame| network.compute(index, kernel, &[elements(frame)])).transpose()?;
                Ok(Events::at_once(counts))
            }
            Unit::MaxPool { kernel, sums, maxima } => {
                let Some(input) = input else { return Ok(Events::at_once(None)) };
                *sums += input;
                let now = network.compute(index, kernel, &[elements(sums)])?;
                let difference = &now - &*maxima;
                network.check(index, &difference)?;
                *maxima = now;
                Ok(Events::at_once(Some(difference)))
            }
            Unit::Neuron { neuron, state, in_flight, spikes } => {
                let mut sent = Sample::zeros(IxDyn(&neuron.shape));
                neuron.step(step, input.map(elements), state, elements_mut(&mut sent)).map_err(overflow)?;
                *spikes += sent.iter().filter(|&&spike| spike != 0.0).count() as u64;
                let sent = heard(sent);
                in_flight.push_back(sent.clone());
                Ok(Events { arriving: in_flight.pop_front().flatten(), sent })
            }
            Unit::Program { own, neurons, spikes } => {
                let mut sent = Sample::zeros(IxDyn(&own.shape));
                own.step(input.map(elements), neurons, elements_mut(&mut sent));
                *spikes += sent.iter().filter(|&&spike| spike != 0.0).count() as u64;
                Ok(Events::at_once(heard(sent)))
            }
            Unit::Axon { kernel, in_flight } => {
                let sent =
                    input.map(|input| network.compute(index, kernel, &[elements(input)])).transpose()?;
                let sent = sent.and_then(heard);
                in_flight.push_back(sent.clone());
                Ok(Events { arriving: in_flight.pop_front().flatten(), sent })
            }
            // Logits become outputs once, at the end.
            Unit::Head(_) => Ok(Events::at_once(None)),
            Unit::Readout { readout, logits } => {
                readout.step(step, input.map(elements), elements_mut(logits)).map_err(overflow)?;
                Ok(Events::at_once(None))
            }
        }
    }

    /// Whether, after a silent `step`, nothing can happen any more.
    fn is_at_rest_after(&self, step: u32) -> bool {
        self.units.iter().all(|unit| match unit {
            Unit::Synapse(_) | Unit::MaxPool { .. } | Unit::Head(_) => true,
            Unit::Encode { every_step, .. } => !every_step,
            Unit::EncodeEvents(_) => step as usize + 1 >= self.frames.len(),
            Unit::Neuron { neuron, in_flight, .. } => {
                neuron.is_at_rest_after(step) && in_flight.iter().all(Option::is_none)
            }
            // What a program does without input, it alone knows.
            Unit::Program { .. } => false,
            Unit::Axon { in_flight, .. } => in_flight.iter().all(Option::is_none),
            Unit::Readout { readout, .. } => readout.is_at_rest(),
        })
    }

    fn outcome(&self, settled_at: Option<u32>, steps: u32) -> SpikingOutcome {
        let spikes = self.units.iter().enumerate().filter_map(|(index, unit)| match unit {
            Unit::Neuron { spikes, .. } | Unit::Program { spikes, .. } => Some((index, *spikes)),
            _ => None,
        });
        let outputs = self.network.outputs.iter().filter_map(|&value| {
            let producer =
                |value| self.network.ops().iter().position(|summary| summary.output == Some(value));
            let mut index = producer(value)?;
            let head = if let Unit::Head(kernel) = self.units[index] { Some(kernel) } else { None };
            if head.is_some() {
                index = producer(*self.network.ops()[index].inputs.first()?)?;
            }
            let Unit::Readout { readout, logits: integer } = &self.units[index] else { return None };
            let logits = sample(&readout.shape, readout.real(elements(integer), steps));
            let real = match head {
                Some(kernel) => {
                    let mut real = Sample::zeros(IxDyn(&kernel.shape));
                    kernel.run(&[elements(&logits)], elements_mut(&mut real));
                    real
                }
                None => logits.clone(),
            };
            Some(SpikingOutput { integer: integer.clone(), logits, real })
        });
        SpikingOutcome { outputs: outputs.collect(), spikes: spikes.collect(), settled_at, steps }
    }
}

/// How many frames of a sample an op can take.
fn most_frames(action: &Action) -> usize {
    match action {
        Action::Spiking(Spiking::EncodeEvents { frames, .. }) => *frames,
        Action::Spiking(Spiking::Encode { .. }) => 1,
        _ => usize::MAX,
    }
}

impl Events {
    /// What an op without delay gives.
    fn at_once(events: Option<Sample>) -> Self {
        let arriving = events.and_then(heard);
        Self { sent: arriving.clone(), arriving }
    }
}

/// `None` if all of it is silence.
fn heard(events: Sample) -> Option<Sample> {
    events.iter().any(|&event| event != 0.0).then_some(events)
}

/// A sample of `shape` from its elements in row-major order.
fn sample(shape: &[usize], values: Vec<f64>) -> Sample {
    let mut sample = Sample::zeros(IxDyn(shape));
    elements_mut(&mut sample).copy_from_slice(&values);
    sample
}

//! A spiking network layer after layer instead of step after step: what a layer receives over a whole run, once it is known what
//! the layers before it sent.
//!
//! Both orders give the same, because what a layer receives depends on the layers before it alone. It lets a pass look at a layer's
//! whole run before it decides on the layer's parameters.

use super::{
    Sample,
    decode::Action,
    error::InterpretError,
    network::{Network, elements},
    snn::Spiking,
};
use ndarray::IxDyn;
use std::collections::{HashMap, hash_map::Entry};

/// What a source of events sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Train {
    /// Indices of the neurons that spike, for each step.
    Spikes(Vec<Vec<u32>>),
    /// The same codes in every step.
    Constant(Sample),
}

/// What flows into each element of a layer, by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Currents {
    /// Number of elements.
    pub elements: usize,
    /// Those of one step after the other; of a single step if all are alike.
    values: Vec<i32>,
}

impl Currents {
    /// The current of a step into each element.
    pub fn step(&self, step: usize) -> &[i32] {
        let first = (step * self.elements) % self.values.len().max(1);
        self.values.get(first..first + self.elements).unwrap_or_default()
    }
}

/// A network by its layers: which linear ops lead to each layer of neurons and readout.
pub struct Layers<'n> {
    network: &'n Network,
    /// For each op that accumulates, the linear ops before it, in order; empty for the others.
    cones: Vec<Vec<usize>>,
    /// The last accumulator that a value flows into.
    last_readers: HashMap<usize, usize>,
}

/// One sample on its way through the layers.
#[derive(Clone, Debug, Default)]
pub struct Progress(HashMap<usize, Train>);

impl<'n> Layers<'n> {
    /// Sorts the ops of a spiking network.
    pub fn of(network: &'n Network) -> Self {
        let is_source = |op: usize| {
            matches!(network.actions[op], Action::Spiking(Spiking::Encode { .. } | Spiking::Neuron(_)))
        };
        let mut producers = HashMap::new();
        let mut cones = Vec::new();
        let mut last_readers = HashMap::new();
        for (index, (action, summary)) in network.actions.iter().zip(network.ops()).enumerate() {
            let mut cone = vec![];
            if let Action::Spiking(Spiking::Neuron(_) | Spiking::Readout(_)) = action {
                let mut open = summary.inputs.clone();
                while let Some(value) = open.pop() {
                    match producers.get(&value) {
                        Some(&op) if !is_source(op) => {
                            cone.push(op);
                            open.extend(&network.ops()[op].inputs);
                        }
                        _ => drop(last_readers.insert(value, index)),
                    }
                }
                cone.sort_unstable();
                cone.dedup();
            }
            cones.push(cone);
            if let Some(output) = summary.output {
                producers.insert(output, index);
            }
        }
        Self { network, cones, last_readers }
    }

    /// Presents a sample.
    ///
    /// # Errors
    ///
    /// If it has another shape than the network takes.
    pub fn start(&self, input: &Sample) -> Result<Progress, InterpretError> {
        let input = self.network.accept(input)?;
        let mut progress = Progress::default();
        for (index, (action, summary)) in self.network.actions.iter().zip(self.network.ops()).enumerate() {
            if let (Action::Spiking(Spiking::Encode { kernel, .. }), Some(output)) = (action, summary.output)
            {
                let codes = self.network.compute(index, kernel, &[elements(&input)])?;
                progress.0.insert(output, Train::Constant(codes));
            }
        }
        Ok(progress)
    }

    /// What flows into the layer of neurons or readout `op` in each of `steps` steps, without its gain.
    ///
    /// # Errors
    ///
    /// If a layer before it has not sent anything yet, or an integer leaves its range.
    pub fn currents(&self, progress: &Progress, op: usize, steps: usize) -> Result<Currents, InterpretError> {
        let value = *self.network.ops()[op].inputs.first().ok_or(InterpretError::NoResult { index: op })?;
        let cone = &self.cones[op];
        let reads = cone.iter().flat_map(|&op| &self.network.ops()[op].inputs).chain([&value]);
        let constant =
            reads.filter_map(|value| progress.0.get(value)).all(|train| matches!(train, Train::Constant(_)));
        let mut currents =
            Currents { elements: self.network.values[value].shape.iter().product(), values: vec![] };
        // Running sums of what flows into each max pool, and their maxima.
        let mut pools = HashMap::<usize, (Option<Sample>, Sample)>::new();
        for step in 0..if constant { steps.min(1) } else { steps } {
            let mut values = HashMap::<usize, Sample>::new();
            for &op in cone {
                let summary = &self.network.ops()[op];
                for &input in &summary.inputs {
                    if let Entry::Vacant(entry) = values.entry(input) {
                        entry.insert(self.sent(progress, input, step)?);
                    }
                }
                let inputs = summary.inputs.iter().filter_map(|input| values.get(input));
                let result = match &self.network.actions[op] {
                    Action::Spiking(Spiking::Synapse(kernel)) => {
                        self.network.compute(op, kernel, &inputs.map(elements).collect::<Vec<_>>())?
                    }
                    Action::Spiking(Spiking::MaxPool(kernel)) => {
                        let (sums, maxima) =
                            pools.entry(op).or_insert_with(|| (None, Sample::zeros(IxDyn(&kernel.shape))));
                        for input in inputs {
                            *sums =
                                Some(sums.take().map_or_else(|| input.clone(), |sums: Sample| sums + input));
                        }
                        let sums = sums.iter().map(elements).collect::<Vec<_>>();
                        let now = self.network.compute(op, kernel, &sums)?;
                        let difference = &now - &*maxima;
                        *maxima = now;
                        difference
                    }
                    _ => return Err(InterpretError::NoResult { index: op }),
                };
                if let Some(output) = summary.output {
                    values.insert(output, result);
                }
            }
            let current = match values.remove(&value) {
                Some(current) => current,
                None => self.sent(progress, value, step)?,
            };
            currents.values.extend(current.iter().map(|&current| current as i32));
        }
        Ok(currents)
    }

    /// What a source sent so that it arrives in a step.
    fn sent(&self, progress: &Progress, value: usize, step: usize) -> Result<Sample, InterpretError> {
        let ops = self.network.ops().iter().zip(&self.network.actions);
        let mut delay = ops.filter(|(op, _)| op.output == Some(value)).map(|(_, action)| match action {
            Action::Spiking(Spiking::Neuron(neuron)) => neuron.delay,
            _ => 0,
        });
        let step = delay.next_back().map_or(Some(step), |delay| step.checked_sub(delay));
        match progress.0.get(&value) {
            Some(Train::Constant(codes)) => Ok(codes.clone()),
            Some(Train::Spikes(steps)) => {
                let mut spikes = vec![0.0; self.network.values[value].shape.iter().product()];
                for &index in step.and_then(|step| steps.get(step)).into_iter().flatten() {
                    if let Some(spike) = spikes.get_mut(index as usize) {
                        *spike = 1.0;
                    }
                }
                let sample = Sample::from_shape_vec(IxDyn(&self.network.values[value].shape), spikes);
                sample.map_err(|_| InterpretError::NoResult { index: value })
            }
            None => Err(InterpretError::NoResult { index: value }),
        }
    }

    /// Says what the neurons `op` send, and forgets what no later layer reads.
    pub fn send(&self, progress: &mut Progress, op: usize, train: Train) {
        progress.0.retain(|value, _| self.last_readers.get(value).is_some_and(|&last| last > op));
        if let Some(output) = self.network.ops()[op].output {
            progress.0.insert(output, train);
        }
    }
}

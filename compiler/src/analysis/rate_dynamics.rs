//! The run of a layer of plain integrate-and-fire neurons on known currents, and how far its counts are from what is wanted.

use crate::interpret::{Currents, Train};

/// Parameters of a layer, one for each neuron.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// What a spike takes.
    pub threshold: Vec<i64>,
    /// Membrane before the first step.
    pub initial: Vec<i64>,
    /// Charge of every step.
    pub bias: Vec<i64>,
    /// Factor of the current.
    pub gain: i64,
}

impl Parameters {
    /// Spikes of each neuron from step `from` to `steps`; `spikes` sees, in each step, which fire.
    fn simulate(
        &self,
        currents: &Currents,
        from: usize,
        steps: usize,
        mut spikes: impl FnMut(&[bool]),
    ) -> Vec<u32> {
        let mut membrane = self.initial.clone();
        let mut counts = vec![0u32; membrane.len()];
        let mut fires = vec![false; membrane.len()];
        for step in 0..steps {
            let neurons = membrane.iter_mut().zip(&mut counts).zip(&mut fires);
            let drive = currents.step(step).iter().zip(&self.bias).zip(&self.threshold);
            for (((v, count), fires), ((&current, bias), &threshold)) in neurons.zip(drive) {
                let charged = *v + self.gain * i64::from(current) + bias;
                *fires = charged >= threshold;
                *v = if *fires { charged - threshold } else { charged };
                *count += u32::from(*fires && step >= from);
            }
            spikes(&fires);
        }
        counts
    }

    /// Spikes of each neuron from step `from` to `steps`.
    pub fn counts(&self, currents: &Currents, from: usize, steps: usize) -> Vec<u32> {
        self.simulate(currents, from, steps, |_| ())
    }

    /// Which neurons spike in which step.
    pub fn train(&self, currents: &Currents, steps: usize) -> Train {
        let mut train = Vec::with_capacity(steps);
        self.simulate(currents, 0, steps, |fires| {
            let spikes = fires.iter().zip(0..).filter(|(fires, _)| **fires).map(|(_, index)| index);
            train.push(spikes.collect());
        });
        Train::Spikes(train)
    }
}

/// How far counts are from what is wanted of them, for each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deviation {
    /// Σ (count − wanted).
    pub sum: Vec<f64>,
    /// Σ (count − wanted)².
    pub squares: Vec<f64>,
    /// Neurons that spiked at least once and not in every step: those that a little more charge moves.
    pub responsive: Vec<f64>,
    /// Neurons.
    pub count: f64,
}

impl Deviation {
    /// Of one sample, whose neurons are in channels of equal size.
    pub fn of(counts: &[u32], wanted: &[f32], channels: usize, steps: usize) -> Self {
        let plane = (counts.len() / channels.max(1)).max(1);
        let mut deviation = Self { count: plane as f64, ..Self::default() };
        for (counts, wanted) in counts.chunks(plane).zip(wanted.chunks(plane)) {
            let (mut sum, mut squares, mut responsive) = (0.0, 0.0, 0.0);
            for (&count, &wanted) in counts.iter().zip(wanted) {
                let difference = f64::from(count) - f64::from(wanted);
                sum += difference;
                squares += difference * difference;
                responsive += f64::from(count > 0 && (count as usize) < steps);
            }
            deviation.sum.push(sum);
            deviation.squares.push(squares);
            deviation.responsive.push(responsive);
        }
        deviation
    }

    /// Adds the deviation of another sample.
    pub fn add(&mut self, other: &Self) {
        let lists = [
            (&mut self.sum, &other.sum),
            (&mut self.squares, &other.squares),
            (&mut self.responsive, &other.responsive),
        ];
        for (mine, other) in lists {
            mine.resize(other.len(), 0.0);
            mine.iter_mut().zip(other).for_each(|(mine, other)| *mine += other);
        }
        self.count += other.count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlir;
    use crate::{
        interpret::{Layers, Network, StepLimit},
        passes::testing::{input_shape, integer_network, on_module, operation, random_samples, run},
        session::Session,
    };
    use neurocuda_dialects::snn;

    /// Layer after layer gives what step after step gives, spike for spike.
    #[test]
    fn both_orders_of_a_run_agree() {
        const STEPS: usize = 24;
        on_module(&integer_network(), |module| {
            let session = &mut Session::default();
            run("expand-max-pool", &[], module, session).unwrap();
            run("lower-to-rate", &[("timesteps", "24")], module, session).unwrap();
            let operations = mlir::operations(mlir::network_block(operation(module)).unwrap());
            let network = Network::new(operation(module)).unwrap();
            let layers = Layers::of(&network);
            let samples = random_samples(&input_shape(module));
            let mut spikes = 0;
            for sample in 0..samples.count {
                let sample = (samples.fetch)(sample);
                let mut trains = vec![vec![]; operations.len()];
                let mut probe = |_: u32, index: usize, sent: &ndarray::ArrayD<f64>| {
                    let sent = sent.iter().zip(0u32..).filter(|(spike, _)| **spike != 0.0);
                    trains[index].push(sent.map(|(_, index)| index).collect::<Vec<_>>());
                };
                network.simulate(&sample, StepLimit::Exactly(STEPS as u32), &mut probe).unwrap();
                let mut progress = layers.start(&sample).unwrap();
                for (index, &operation) in operations.iter().enumerate() {
                    let Some(neurons) = mlir::view::<snn::If>(operation).unwrap() else { continue };
                    let shape = mlir::sample_shape(mlir::result(operation).unwrap()).unwrap();
                    let read = |tensor| {
                        let values = crate::analysis::charge::read(tensor, &shape).unwrap();
                        values.iter().map(|&value| value as i64).collect::<Vec<_>>()
                    };
                    let parameters = Parameters {
                        threshold: read(neurons.threshold),
                        initial: read(neurons.initial),
                        bias: read(neurons.bias),
                        gain: neurons.gain,
                    };
                    let currents = layers.currents(&progress, index, STEPS).unwrap();
                    let train = parameters.train(&currents, STEPS);
                    assert_eq!(train, Train::Spikes(trains[index].clone()), "op {index}");
                    spikes += trains[index].concat().len();
                    let late = trains[index][10..].concat().len() as u32;
                    assert_eq!(parameters.counts(&currents, 10, STEPS).iter().sum::<u32>(), late);
                    layers.send(&mut progress, index, train);
                }
            }
            assert!(spikes > 1000, "hardly anything fired: {spikes}");
        });
    }

    #[test]
    fn deviations_are_counted_by_channel_and_add_up() {
        let mut deviation = Deviation::of(&[0, 2, 4, 1], &[0.5, 2.0, 3.0, 1.0], 2, 4);
        assert_eq!(deviation.sum, [-0.5, 1.0]);
        assert_eq!(deviation.squares, [0.25, 1.0]);
        // Silent neurons and those that spike in every step do not respond.
        assert_eq!((deviation.responsive.clone(), deviation.count), (vec![1.0, 1.0], 2.0));
        deviation.add(&deviation.clone());
        assert_eq!((deviation.sum, deviation.count), (vec![-1.0, 2.0], 4.0));
    }
}

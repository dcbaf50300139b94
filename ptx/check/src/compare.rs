//! What a device did against what the CPU engine does.

use crate::report::Comparison;
use neurocuda_runtime::{
    cpu::{Engine, ImageOutcome, RunOptions},
    data::Images,
    gpu::Executor,
};
use std::{error::Error, fmt, time::Instant};

/// Compares the outcomes of the first images with those of the engine.
pub fn compare(
    engine: &Engine,
    images: &Images,
    outcomes: &[ImageOutcome],
    options: &RunOptions,
) -> Result<Comparison, Box<dyn Error>> {
    let mut compared = Comparison::default();
    compared.add(engine, images, 0, outcomes, options)?;
    Ok(compared)
}

/// Runs the first `count` images on both, batch by batch, and compares every event of every step too.
pub fn compare_traces(
    executor: &mut Executor,
    images: &Images,
    count: usize,
    timesteps: Option<u32>,
) -> Result<Comparison, Box<dyn Error>> {
    let options = RunOptions { timesteps, trace: true, predictions: true, ..RunOptions::default() };
    let mut compared = Comparison { events: Some(0), events_equal: Some(0), ..Comparison::default() };
    for first in (0..count).step_by(executor.room().images) {
        let range = first..count.min(first + executor.room().images);
        let outcomes = executor.run(images, range, &options, |_| ())?;
        compared.add(executor.engine(), images, first, &outcomes, &options)?;
    }
    Ok(compared)
}

/// How many are the same.
fn equal<T: PartialEq>(found: &[T], wanted: &[T]) -> u64 {
    found.iter().zip(wanted).filter(|(found, wanted)| found == wanted).count() as u64
}

impl Comparison {
    /// Adds the comparison of images from `first` on.
    fn add(
        &mut self,
        engine: &Engine,
        images: &Images,
        first: usize,
        outcomes: &[ImageOutcome],
        options: &RunOptions,
    ) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        let wanted = engine.run(images, first..first + outcomes.len(), options, || ())?;
        self.cpu_seconds += start.elapsed().as_secs_f64();
        for (index, (found, wanted)) in (first..).zip(outcomes.iter().zip(&wanted)) {
            for (found, wanted) in found.outputs.iter().zip(&wanted.outputs) {
                self.logits += wanted.integer.len() as u64;
                self.logits_equal += equal(&found.integer, &wanted.integer);
            }
            self.spike_counts += wanted.spikes.len() as u64;
            self.spike_counts_equal += equal(&found.spikes, &wanted.spikes);
            let traces = found.trace.iter().flatten().zip(wanted.trace.iter().flatten());
            for (layer, (found, wanted)) in engine.layers().iter().zip(traces) {
                let same = equal(found, wanted);
                self.events = self.events.map(|events| events + wanted.len() as u64);
                self.events_equal = self.events_equal.map(|events| events + same);
                if found != wanted {
                    let pairs = found.iter().zip(wanted);
                    let first = pairs.take_while(|(found, wanted)| found == wanted).count();
                    let neurons = (layer.neurons as usize).max(1);
                    let (step, neuron) = (first / neurons, first % neurons);
                    eprintln!("image {index}, layer {}: first in step {step}, neuron {neuron}", layer.name);
                }
            }
            self.images += 1;
            self.outcomes_equal += usize::from(found == wanted);
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(events), Some(equal)) = (self.events, self.events_equal) {
            write!(formatter, "{equal} of {events} neurons in steps, ")?;
        }
        write!(
            formatter,
            "{} of {} logits, {} of {} spike counts, {} of {} outcomes equal; CPU {:.1} s",
            self.logits_equal,
            self.logits,
            self.spike_counts_equal,
            self.spike_counts,
            self.outcomes_equal,
            self.images,
            self.cpu_seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurocuda_runtime::{artifact::program::Schedule, testing::Builder};

    #[test]
    fn every_difference_is_counted() {
        let mut network = Builder::new(Schedule::StBif, 40);
        let input = network.encode(&[3], false);
        let current = network.linear(input, 2, &[1, 2, 3, 4, 5, 6]);
        let spikes = network.st_bif(current, &[5, 7], 15, 0);
        let weighted = network.linear(spikes, 3, &[1, 2, 3, 4, 5, 6]);
        network.readout(weighted, "y");
        let engine = Engine::new(&network.finish()).unwrap();
        let images = Images::from_u8(vec![3], vec![1, 2, 3, 9, 0, 7], None).unwrap();
        let options = RunOptions { trace: true, ..RunOptions::default() };
        let outcomes = engine.run(&images, 0..2, &options, || ()).unwrap();
        let compared = |spoil: fn(&mut ImageOutcome)| {
            let mut outcomes = outcomes.clone();
            spoil(&mut outcomes[1]);
            let mut compared = Comparison { events: Some(0), events_equal: Some(0), ..Comparison::default() };
            compared.add(&engine, &images, 0, &outcomes, &options).unwrap();
            let events = compared.events.unwrap() - compared.events_equal.unwrap();
            let [logits, counts] = [
                compared.logits - compared.logits_equal,
                compared.spike_counts - compared.spike_counts_equal,
            ];
            [events, logits, counts, (compared.images - compared.outcomes_equal) as u64]
        };
        assert_eq!(compared(|_| ()), [0, 0, 0, 0]);
        assert_eq!(compared(|outcome| outcome.trace.as_mut().unwrap()[0][3] ^= 1), [1, 0, 0, 1]);
        assert_eq!(compared(|outcome| outcome.outputs[0].integer[2] += 1), [0, 1, 0, 1]);
        assert_eq!(compared(|outcome| outcome.spikes[0] += 1), [0, 0, 1, 1]);
        assert_eq!(compared(|outcome| outcome.sops += 1), [0, 0, 0, 1]);
        let cut = compared(|outcome| drop(outcome.trace.as_mut().unwrap()[0].drain(3..)));
        assert!(cut[0] > 1 && cut[3] == 1, "{cut:?}");
    }
}

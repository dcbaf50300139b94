//! What the outputs lose when activations are put on grids. Not a pass.

use crate::{
    analysis::grid::Grid,
    interpret::{InterpretError, Network, Sample, round_half_up},
    mlir::{IrError, IrResult},
    session::{Progress, Samples},
};
use melior::ir::OperationRef;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An activation and the grid that it is put on.
#[derive(Clone)]
pub(super) struct Setting {
    /// Index of the activation, as the interpreter counts.
    op: usize,
    steps: Vec<f64>,
    low: f64,
    high: f64,
}

impl Setting {
    /// The grid of an activation among `operations`.
    pub fn of(grid: &Grid, operations: &[OperationRef]) -> Self {
        let op = operations.iter().position(|operation| *operation == grid.operation).unwrap_or(usize::MAX);
        Self { op, steps: grid.steps.clone(), low: grid.low as f64, high: grid.high as f64 }
    }

    /// The levels of `value` as real values.
    fn apply(&self, value: &Sample) -> Sample {
        let mut result = value.clone();
        for (mut channel, &step) in result.outer_iter_mut().zip(&self.steps) {
            channel.mapv_inplace(|value| round_half_up(value / step).clamp(self.low, self.high) * step);
        }
        result
    }
}

/// Runs a calibrated network on a few samples, over and over.
pub(super) struct Sensitivity<'n> {
    network: &'n Network,
    /// Values in front of the heads of the outputs.
    logits: Vec<usize>,
    samples: &'n Samples,
    indices: Vec<usize>,
    progress: &'n Progress,
}

/// Squares of the differences and of the outputs themselves, for each output.
type Squares = Vec<[f64; 2]>;

impl<'n> Sensitivity<'n> {
    /// On `count` of `samples`, spread evenly: neighbours are often of one class.
    pub fn new<'c>(
        network: &'n Network,
        operations: &[OperationRef<'c, '_>],
        samples: &'n Samples,
        count: usize,
        progress: &'n Progress,
    ) -> IrResult<'c, Self> {
        if samples.count == 0 || network.ops().len() + 1 != operations.len() {
            return Err(IrError::module("choose-levels needs a network and samples that fit it"));
        }
        let count = count.min(samples.count);
        let indices = (0..count).map(|index| index * samples.count / count).collect();
        Ok(Self { network, logits: network.logit_values(), samples, indices, progress })
    }

    /// The squared error of the outputs over the square of the outputs, all samples together, for each trial: a list of activations that
    /// are on grids while the others are not. The mean over the outputs where there are several.
    ///
    /// # Errors
    ///
    /// If the network does not run.
    pub fn errors<'c>(&self, trials: &[Vec<Setting>]) -> IrResult<'c, Vec<f64>> {
        let (done, total) = (AtomicUsize::new(0), self.indices.len() * trials.len());
        // A trial reruns only what it changes, beside values that are kept for one sample at a time and thread.
        let samples = self
            .indices
            .par_iter()
            .map(|&index| {
                let real = self.real((self.samples.fetch)(index))?;
                trials
                    .iter()
                    .map(|trial| {
                        let squares = self.squares(&real, trial)?;
                        (self.progress)("choose-levels", done.fetch_add(1, Ordering::Relaxed) + 1, total);
                        Ok(squares)
                    })
                    .collect::<Result<Vec<_>, _>>()
            })
            .collect::<Result<Vec<Vec<Squares>>, InterpretError>>()
            .map_err(|error| IrError::module(error.to_string()))?;
        let error = |trial: usize| {
            let of_output = |output: usize| {
                let add = |[a, b]: [f64; 2], squares: &Vec<Squares>| {
                    let [difference, whole] = squares[trial][output];
                    [a + difference, b + whole]
                };
                let [difference, whole] = samples.iter().fold([0.0, 0.0], add);
                if difference == 0.0 { 0.0 } else { difference / whole }
            };
            (0..self.logits.len()).map(of_output).sum::<f64>() / self.logits.len().max(1) as f64
        };
        Ok((0..trials.len()).map(error).collect())
    }

    /// The sum of the magnitudes of each value over all samples, as the network numbers them.
    ///
    /// # Errors
    ///
    /// If the network does not run.
    pub fn magnitudes<'c>(&self) -> IrResult<'c, Vec<f64>> {
        let sums = |&index: &usize| {
            let values = self.real((self.samples.fetch)(index))?;
            Ok(values.iter().map(|value| value.iter().map(|element| element.abs()).sum::<f64>()).collect())
        };
        let samples = self.indices.par_iter().map(sums).collect::<Result<Vec<Vec<f64>>, InterpretError>>();
        let samples = samples.map_err(|error| IrError::module(error.to_string()))?;
        let add = |sums: Vec<f64>, sample: &Vec<f64>| sums.iter().zip(sample).map(|(a, b)| a + b).collect();
        Ok(samples.iter().fold(vec![0.0; self.network.ops().len() + 1], add))
    }

    /// All values of a sample, as the network numbers them.
    fn real(&self, input: Sample) -> Result<Vec<Sample>, InterpretError> {
        let mut values = vec![Sample::zeros(vec![0]); self.network.ops().len() + 1];
        values[0] = input;
        for (index, op) in self.network.ops().iter().enumerate() {
            if let Some(output) = op.output {
                let operands = op.inputs.iter().map(|&input| &values[input]).collect::<Vec<_>>();
                values[output] = self.network.evaluate(index, &operands)?;
            }
        }
        Ok(values)
    }

    fn squares(&self, real: &[Sample], trial: &[Setting]) -> Result<Squares, InterpretError> {
        let mut changed = vec![None::<Sample>; real.len()];
        for (index, op) in self.network.ops().iter().enumerate() {
            let Some(output) = op.output else { continue };
            let operands = op
                .inputs
                .iter()
                .map(|&input| changed[input].as_ref().unwrap_or(&real[input]))
                .collect::<Vec<_>>();
            let setting = trial.iter().find(|setting| setting.op == index);
            let result = match setting.zip(operands.first()) {
                Some((setting, operand)) => setting.apply(operand),
                None if op.inputs.iter().any(|&input| changed[input].is_some()) => {
                    self.network.evaluate(index, &operands)?
                }
                None => continue,
            };
            changed[output] = Some(result);
        }
        let squares = |&value: &usize| {
            let real = &real[value];
            let whole = real.iter().map(|real| real * real).sum();
            let difference = changed[value].as_ref().map_or(0.0, |found| {
                found.iter().zip(real).map(|(found, real)| (found - real) * (found - real)).sum()
            });
            [difference, whole]
        };
        Ok(self.logits.iter().map(squares).collect())
    }
}

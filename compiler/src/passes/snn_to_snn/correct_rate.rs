//! `correct-rate`: corrects the biases of a rate network on its own dynamics, layer after layer.
//!
//! ```mlir
//! %2 = "snn.if"(%1) {bias = dense<[12, -7]>, …} : …          // before
//! %2 = "snn.if"(%1) {bias = dense<[9, -2]>, …} : …           // after
//! %r = "snn.readout"(%3) {…, start = 0} : …                  // before
//! %r = "snn.readout"(%3) {…, start = 6} : …                  // after
//! ```
//!
//! A plain integrate-and-fire neuron cannot take back spikes that later inhibition makes wrong, and its first spikes come before
//! its input has found its rate. The pass runs the network on calibration samples, a layer at a time on what the corrected layers
//! before it really send, and shifts the biases of each channel so that its mean rate is that of the real activation (after Li et
//! al. 2021, "A free lunch from ANN", light pipeline; here on the spiking dynamics). Rates are taken over the last five eighths of
//! the run: what a layer does while its input settles is not worth a bias. The readout then begins at the
//! step from which its error is smallest (delayed evaluation: Bu et al. 2025, "Inference-scale complexity in ANN-SNN conversion").

use super::super::ann_to_snn::synapses::STEPS;
use crate::{
    analysis::{
        charge,
        rate_dynamics::{Deviation, Parameters},
    },
    interpret::{Currents, InterpretError, Layers, Network, OpSummary, Progress, Sample},
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    passes::ann_to_snn::lower_to_rate::SPIKE_VALUE,
    session::{Reference, Session},
};
use melior::ir::{OperationRef, attribute::IntegerAttribute, operation::OperationLike};
use neurocuda_dialects::{Field, TensorAttr, View, snn, stage::Stage};
use rayon::prelude::*;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "correct-rate",
    summary: "corrects the biases of a rate network on its own dynamics, and chooses from which step its readout counts",
    from: Some(Stage::Snn),
    to: None,
    claim: Claim::Layerwise,
    options: &[
        OptionInfo { name: "samples", default: "200", summary: "most calibration samples to run" },
        OptionInfo { name: "rounds", default: "5", summary: "times that each layer is run and corrected" },
    ],
};

/// Share of the run in which layers settle; rates are taken over the rest.
const SETTLE: (usize, usize) = (3, 8);

/// Largest correction of a neuron in one round, in spikes a run.
pub const LARGEST_SHIFT: f64 = 2.0;

/// Most memory for the currents of one layer, in bytes.
const MEMORY: usize = 1 << 30;

/// Corrects `snn.if` and `snn.readout`.
pub struct CorrectRate {
    samples: usize,
    rounds: usize,
}

/// Makes the pass.
///
/// # Errors
///
/// If an option is no number.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(CorrectRate { samples: options.get("samples")?, rounds: options.get("rounds")? }))
}

/// One calibration sample on its way.
struct Run {
    progress: Progress,
    /// Real activations of each layer of neurons and real logits, by op; empty for what has no counterpart.
    wanted: Vec<Vec<f32>>,
}

impl Pass for CorrectRate {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let function = mlir::network(module)?;
        let steps = function.attribute(STEPS).ok().and_then(|steps| IntegerAttribute::try_from(steps).ok());
        let steps = steps
            .ok_or_else(|| IrError::at(function, format!("the network does not state `{STEPS}`")))?
            .value() as usize;
        let (Some(samples), Some(reference)) = (&session.calibration, &session.reference) else {
            return Err(IrError::module(
                "correct-rate needs calibration samples and the real network: run it behind `calibrate`, with --calibrate",
            ));
        };
        let network = Network::new(module)?;
        let layers = Layers::of(&network);
        let operations = mlir::operations(mlir::network_block(module)?);
        let fail = |error: InterpretError| IrError::module(error.to_string());
        let largest = operations
            .iter()
            .filter_map(|operation| {
                Some(mlir::sample_shape(mlir::result(*operation).ok()?).ok()?.iter().product::<usize>())
            })
            .max()
            .unwrap_or(1);
        let count = samples.count.min(self.samples).min(MEMORY / (4 * largest * steps).max(1)).max(1);
        let targets = targets(&network, reference);
        let mut runs = (0..count)
            .into_par_iter()
            .map(|index| {
                let sample = (samples.fetch)(index);
                Ok(Run { progress: layers.start(&sample)?, wanted: wanted(reference, &targets, &sample)? })
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(fail)?;
        for (index, &operation) in operations.iter().enumerate() {
            (session.progress)(INFO.name, index + 1, operations.len());
            let neurons = mlir::view::<snn::If>(operation)?;
            let readout = mlir::view::<snn::Readout>(operation)?;
            if neurons.is_none() && readout.is_none() {
                continue;
            }
            let currents = runs
                .par_iter()
                .map(|run| layers.currents(&run.progress, index, steps))
                .collect::<Result<Vec<_>, _>>()
                .map_err(fail)?;
            if let Some(neurons) = neurons {
                let parameters = self.correct(operation, &neurons, &currents, &runs, index, steps)?;
                runs.par_iter_mut().zip(&currents).for_each(|(run, currents)| {
                    layers.send(&mut run.progress, index, parameters.train(currents, steps));
                });
            } else if let Some(readout) = readout {
                begin(operation, &readout, &currents, &runs, index, steps)?;
            }
        }
        Ok(())
    }
}

/// Where the real counterpart of an op is found.
enum Target {
    /// Result of an op of the real network; `negative` for a neuron that counts its negative part.
    Activation { op: usize, negative: bool },
    /// Logits of an output.
    Logits { output: usize },
}

fn targets(network: &Network, reference: &Reference) -> Vec<Option<Target>> {
    let of = |(index, summary): (usize, &OpSummary)| match summary.name.as_str() {
        snn::If::NAME => {
            let (layer, negative) = match summary.layer.strip_suffix(".negative") {
                Some(layer) => (layer, true),
                None => (summary.layer.as_str(), false),
            };
            reference.activations.get(layer).map(|&op| Target::Activation { op, negative })
        }
        snn::Readout::NAME => network.output_of(index).map(|output| Target::Logits { output }),
        _ => None,
    };
    network.ops().iter().enumerate().map(of).collect()
}

/// Real values of one sample, by op of the spiking network.
fn wanted(
    reference: &Reference,
    targets: &[Option<Target>],
    sample: &Sample,
) -> Result<Vec<Vec<f32>>, InterpretError> {
    let mut wanted = vec![vec![]; targets.len()];
    let logits = reference.network.logits(sample, &mut |op, result| {
        for (target, wanted) in targets.iter().zip(&mut wanted) {
            if let Some(Target::Activation { op: wanted_op, negative }) = target
                && *wanted_op == op
            {
                let sign = if *negative { -1.0 } else { 1.0 };
                *wanted = result.iter().map(|value| (sign * value).max(0.0) as f32).collect();
            }
        }
    })?;
    for (target, wanted) in targets.iter().zip(&mut wanted) {
        if let Some(Target::Logits { output }) = target {
            *wanted = logits
                .get(*output)
                .map(|logits| logits.iter().map(|&y| y as f32).collect())
                .unwrap_or_default();
        }
    }
    Ok(wanted)
}

impl CorrectRate {
    fn correct<'c>(
        &self,
        operation: OperationRef<'c, '_>,
        neurons: &snn::If<'c>,
        currents: &[Currents],
        runs: &[Run],
        index: usize,
        steps: usize,
    ) -> IrResult<'c, Parameters> {
        let shape = mlir::sample_shape(mlir::result(operation)?)?;
        let spread = |tensor: TensorAttr<'c>| -> IrResult<'c, Vec<i64>> {
            Ok(charge::read(tensor, &shape)?.iter().map(|&value| value as i64).collect())
        };
        let settle = steps * SETTLE.0 / SETTLE.1;
        let mut parameters = Parameters {
            threshold: spread(neurons.threshold)?,
            initial: spread(neurons.initial)?,
            bias: spread(neurons.bias)?,
            gain: neurons.gain,
        };
        let channels = shape[0];
        let plane = (parameters.bias.len() / channels).max(1);
        let value = operation.attribute(SPIKE_VALUE).ok().and_then(TensorAttr::get);
        let (Some(value), false) =
            (value, runs.iter().any(|run| run.wanted[index].len() != parameters.bias.len()))
        else {
            return Ok(parameters);
        };
        let value = value.read()?.to_f64();
        let window = (steps - settle) as f64;
        let wanted = runs
            .iter()
            .map(|run| {
                let channels = run.wanted[index].chunks(plane).zip(&value);
                channels
                    .flat_map(|(channel, value)| {
                        channel
                            .iter()
                            .map(move |x| (f64::from(*x) / value * window / steps as f64).min(window) as f32)
                    })
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>();
        let deviation = |parameters: &Parameters| {
            let of_samples = currents.par_iter().zip(&wanted).map(|(currents, wanted)| {
                Deviation::of(&parameters.counts(currents, settle, steps), wanted, channels, steps - settle)
            });
            // In the order of the samples, so that sums have the same bits for every number of threads.
            let mut sum = Deviation::default();
            of_samples.collect::<Vec<_>>().iter().for_each(|deviation| sum.add(deviation));
            sum
        };
        for _ in 0..self.rounds {
            let now = deviation(&parameters);
            for channel in 0..channels {
                let active = now.responsive[channel].max(now.count / 8.0);
                let spikes = (-now.sum[channel] / active).clamp(-LARGEST_SHIFT, LARGEST_SHIFT);
                for neuron in channel * plane..(channel + 1) * plane {
                    let shift = spikes * parameters.threshold[neuron] as f64 / window;
                    parameters.bias[neuron] += shift.round() as i64;
                }
            }
        }
        let bias = ndarray::ArrayD::from_shape_vec(
            shape.clone(),
            parameters.bias.iter().map(|&bias| bias as f64).collect(),
        );
        let bias = bias.map_err(|error| IrError::at(operation, error.to_string()))?;
        set(operation, "bias", &bias)?;
        Ok(parameters)
    }
}

fn set<'c>(operation: OperationRef<'c, '_>, key: &str, values: &ndarray::ArrayD<f64>) -> IrResult<'c, ()> {
    let tensor = charge::tensor(values).map_err(|error| IrError::at(operation, error.message))?;
    let hint = format!("{}.{key}", mlir::layer(operation));
    let attribute = TensorAttr::new(mlir::context(operation), &hint, &tensor)?;
    mlir::set_attribute(operation, key, attribute.attribute());
    Ok(())
}

/// Chooses from which step a readout counts.
fn begin<'c>(
    operation: OperationRef<'c, '_>,
    readout: &snn::Readout<'c>,
    currents: &[Currents],
    runs: &[Run],
    index: usize,
    steps: usize,
) -> IrResult<'c, ()> {
    let shape = mlir::sample_shape(mlir::result(operation)?)?;
    let bias = charge::read(readout.bias, &shape)?;
    let scale = charge::spread(&readout.scale.read()?.to_f64(), &shape);
    if runs.iter().any(|run| run.wanted[index].len() != bias.len()) {
        return Ok(());
    }
    let error = |start: usize| {
        let mut squares = 0.0;
        for (currents, run) in currents.iter().zip(runs) {
            for (element, (bias, scale)) in bias.iter().zip(&scale).enumerate() {
                let sum = (start..steps).map(|step| i64::from(currents.step(step)[element])).sum::<i64>();
                let mean = readout.gain as f64 * sum as f64 / (steps - start) as f64 + bias;
                squares += (mean * scale - f64::from(run.wanted[index][element])).powi(2);
            }
        }
        squares
    };
    let candidates = 0..=steps / 2;
    let best = candidates.map(|start| (error(start), start)).min_by(|a, b| a.0.total_cmp(&b.0));
    let start = best.map_or(0, |(_, start)| start);
    let integer = melior::ir::r#type::IntegerType::new(mlir::context(operation), 64).into();
    mlir::set_attribute(operation, "start", IntegerAttribute::new(integer, start as i64).into());
    Ok(())
}

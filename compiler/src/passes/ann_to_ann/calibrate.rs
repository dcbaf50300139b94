//! `calibrate`: runs the calibration samples and writes down what each activation receives.
//!
//! ```mlir
//! %2 = "ann.activation"(%1) {minimum = 0.0, maximum = 0x7FF0… : f64} : …          // before
//! "ann.observe"(%1) {counts = …, origin = …, width = …, mean = …} : …             // after
//! %2 = "ann.activation"(%1) …
//! ```
//!
//! A histogram has 2,048 bins a channel. Widths are powers of two, so that a coarser histogram is the exact merger of a finer
//! one: the result depends neither on the order of the samples nor on the number of threads. Returned values are observed
//! too, for their means, which are those of the samples that `correct-bias` will look at.

use super::correct_bias;
use crate::{
    analysis::{histogram::Histogram, observation::Observation},
    calibration_cache,
    interpret::Network,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::{Reference, Samples, Session},
};
use melior::ir::{Location, OperationRef, Value, operation::OperationLike};
use neurocuda_dialects::{Tensor, TensorAttr, View, ann, stage::Stage};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "calibrate",
    summary: "records per-channel histograms of what activations receive from the calibration samples",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Inserts an `ann.observe` at every activation and every returned value.
pub struct Calibrate;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(Calibrate))
}

/// A value to observe: before which op, and what of it reaches the histogram.
struct Site<'c, 'a> {
    before: OperationRef<'c, 'a>,
    value: Value<'c, 'a>,
    /// Index of the op that computes the value, as the interpreter counts.
    producer: usize,
    channels: usize,
    limits: [f64; 2],
    location: Location<'c>,
}

impl Pass for Calibrate {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let samples = session.calibration.clone().ok_or_else(|| {
            IrError::module("calibrate needs calibration samples: give a data file with --calibrate")
        })?;
        let sites = sites(module)?;
        let known = session.observations.clone().or_else(|| calibration_cache::load(session).map(Arc::new));
        let observations = match known.filter(|known| known.len() == sites.len()) {
            Some(known) => known,
            None => {
                let observed = observe(module, &sites, &samples, session)?;
                calibration_cache::store(session, &observed);
                Arc::new(observed)
            }
        };
        session.observations = Some(Arc::clone(&observations));
        session.reference = Some(Arc::new(reference(module)?));
        let context = mlir::context(module);
        for (site, observation) in sites.iter().zip(observations.iter()) {
            let layer = mlir::layer(site.before);
            let observe = ann::Observe {
                counts: TensorAttr::new(context, &format!("{layer}.counts"), &observation.counts())?,
                origin: TensorAttr::new(
                    context,
                    &format!("{layer}.origin"),
                    &Tensor::reals(observation.origins()),
                )?,
                width: TensorAttr::new(
                    context,
                    &format!("{layer}.width"),
                    &Tensor::reals(observation.widths()),
                )?,
                mean: TensorAttr::new(
                    context,
                    &format!("{layer}.mean"),
                    &Tensor::reals(observation.mean.clone()),
                )?,
            };
            let operation = observe.build(context, &[site.value], &[], site.location)?;
            let block = mlir::network_block(module)?;
            melior::ir::BlockLike::insert_operation_before(&block, site.before, operation);
        }
        Ok(())
    }
}

/// The network as it is now, with the place of each activation.
fn reference<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, Reference> {
    let mut activations = HashMap::new();
    for (index, operation) in mlir::operations(mlir::network_block(module)?).into_iter().enumerate() {
        if mlir::has_name(operation, ann::Activation::NAME) {
            activations.entry(mlir::layer(operation)).or_insert(index);
        }
    }
    Ok(Reference { network: Network::new(module)?, activations })
}

fn sites<'c, 'a>(module: OperationRef<'c, 'a>) -> IrResult<'c, Vec<Site<'c, 'a>>> {
    let operations = mlir::operations(mlir::network_block(module)?);
    let producer = |value: Value<'c, 'a>| {
        let definition = mlir::definition(value)?;
        operations.iter().position(|operation| *operation == definition)
    };
    let mut sites = Vec::new();
    for &operation in &operations {
        let limits = match mlir::view::<ann::Activation>(operation)? {
            Some(activation) => [activation.minimum, activation.maximum],
            // A curve's operand is what its membrane will hold, of which `correct-bias` looks at the mean.
            None if mlir::has_name(operation, "func.return")
                || mlir::has_name(operation, ann::Curve::NAME) =>
            {
                [f64::NEG_INFINITY, f64::INFINITY]
            }
            None => continue,
        };
        for value in operation.operands() {
            // What is returned of a head are its logits, of which `correct-bias` looks at the mean.
            let value = match mlir::definition(value) {
                Some(head) if mlir::has_name(head, ann::Head::NAME) => mlir::operand(head)?,
                _ => value,
            };
            let Some(producer) = producer(value) else {
                return Err(IrError::at(operation, "the network input must pass `ann.normalize` first"));
            };
            let channels = mlir::sample_shape(value)?.first().copied().unwrap_or(1);
            let location = if mlir::has_name(operation, "func.return") {
                operations[producer].location()
            } else {
                operation.location()
            };
            sites.push(Site { before: operation, value, producer, channels, limits, location });
        }
    }
    Ok(sites)
}

/// Histograms of every site, and for each sample (by index) the channel sums of every site.
type Partial = (Vec<Vec<Histogram>>, Vec<(usize, Vec<Vec<f64>>)>);

fn observe<'c>(
    module: OperationRef<'c, '_>,
    sites: &[Site<'c, '_>],
    samples: &Samples,
    session: &Session,
) -> IrResult<'c, Vec<Observation>> {
    let network = Network::new(module)?;
    let done = AtomicUsize::new(0);
    // Only plain data crosses the threads.
    let plan = sites.iter().map(|site| (site.producer, site.channels, site.limits)).collect::<Vec<_>>();
    let empty = || -> Partial {
        let fresh = |&(_, channels, limits): &(usize, usize, [f64; 2])| {
            vec![Histogram::new(limits[0] < 0.0); channels]
        };
        (plan.iter().map(fresh).collect(), vec![])
    };
    let (histograms, mut sums) = (0..samples.count)
        .into_par_iter()
        .try_fold(empty, |(mut histograms, mut sums), index| {
            let mut of_sample = plan.iter().map(|&(_, channels, _)| vec![0.0; channels]).collect::<Vec<_>>();
            network.forward(&(samples.fetch)(index), &mut |operation, result| {
                for (site, &(producer, channels, [minimum, maximum])) in plan.iter().enumerate() {
                    if producer != operation {
                        continue;
                    }
                    let per_channel = result.len() / channels.max(1);
                    let values = result.iter().copied().collect::<Vec<_>>();
                    for (channel, values) in values.chunks(per_channel.max(1)).enumerate() {
                        of_sample[site][channel] += values.iter().sum::<f64>() / per_channel as f64;
                        histograms[site][channel]
                            .add(values.iter().map(|value| value.clamp(minimum, maximum)));
                    }
                }
            })?;
            if index < correct_bias::SAMPLES {
                sums.push((index, of_sample));
            }
            (session.progress)("calibrate", done.fetch_add(1, Ordering::Relaxed) + 1, samples.count);
            Ok((histograms, sums))
        })
        .try_reduce(empty, |(mut histograms, mut sums), (other_histograms, other_sums)| {
            for (mine, other) in histograms.iter_mut().flatten().zip(other_histograms.iter().flatten()) {
                mine.merge(other);
            }
            sums.extend(other_sums);
            Ok((histograms, sums))
        })
        .map_err(|error: crate::interpret::InterpretError| IrError::module(error.to_string()))?;
    // Real sums depend on their order: take them in that of the samples.
    sums.sort_by_key(|(index, _)| *index);
    Ok(histograms
        .into_iter()
        .enumerate()
        .map(|(site, histograms)| {
            let mean = (0..histograms.len())
                .map(|channel| {
                    sums.iter().map(|(_, sums)| sums[site][channel]).sum::<f64>() / sums.len() as f64
                })
                .collect();
            Observation { histograms, mean }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, check_calibrated, dense, network};

    fn text() -> String {
        let body = format!(
            r#"
    %0 = "ann.normalize"(%x) {{multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.linear"(%0) {{weight = {}, bias = {}}} : (tensor<?x2xf32>) -> tensor<?x3xf32>
    %2 = "ann.activation"(%1) {{minimum = 0.0, maximum = 1.0}} : (tensor<?x3xf32>) -> tensor<?x3xf32>
    %r = "ann.linear"(%2) {{weight = {}, bias = {}}} : (tensor<?x3xf32>) -> tensor<?x1xf32>"#,
            dense(&[3, 2], 1),
            dense(&[3], 2),
            dense(&[1, 3], 3),
            dense(&[1], 4),
        );
        network("tensor<?x2xf32>", &body, "tensor<?x1xf32>")
    }

    #[test]
    fn threads_and_the_order_of_samples_do_not_matter() {
        let samples =
            (0..40).map(|k| [f64::from(k * k % 23) / 7.0 - 1.0, f64::from(k) / 3.0]).collect::<Vec<_>>();
        let forward = samples.iter().map(<[f64; 2]>::as_slice).collect::<Vec<_>>();
        let on = |threads, samples: &[&[f64]]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check_calibrated("calibrate", &[], &text(), samples, false))
        };
        assert_eq!(on(1, &forward), on(4, &forward));
        // Means are real sums in the order of the samples; histograms are the same in any.
        let reverse = forward.iter().rev().copied().collect::<Vec<_>>();
        let without_means = |module: String| {
            let lines = module.lines().map(|line| line.split("mean = ").next().unwrap().to_owned());
            lines.collect::<Vec<_>>()
        };
        assert_eq!(without_means(on(1, &forward)), without_means(on(3, &reverse)));
    }

    #[test]
    fn samples_are_needed() {
        assert_eq!(
            check("calibrate", &[], &text()),
            "module: error: calibrate needs calibration samples: give a data file with --calibrate"
        );
    }
}

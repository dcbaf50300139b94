//! Inputs and outputs that PyTorch recorded, kept in the weights file, and the check of the import by them.

use melior::ir::Module;
use safetensors::Dtype;
use schemars::JsonSchema;
use serde::Serialize;

use super::graph::{Graph, Shape};
use super::weights::Weights;
use crate::diagnostic::{Finding, FindingId};
use crate::interpret::{Network, Sample, forward_all};

/// Names in the weights file that begin so are not weights: `neurocuda.example.input.<name>` and
/// `neurocuda.example.output.<name>` are f32 tensors of `[n, …]` samples.
pub const EXAMPLE_PREFIX: &str = "neurocuda.example.";

/// Largest deviation from a recorded output, as a share of its largest value: PyTorch computed in f32.
pub const TOLERANCE: f64 = 1e-5;

/// How well the imported network computes what PyTorch recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Fidelity {
    /// Number of recorded samples.
    pub samples: usize,
    /// Largest deviation of any output, as a share of the output's largest recorded value.
    pub error: f64,
}

impl std::fmt::Display for Fidelity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.samples == 1 { "" } else { "s" };
        write!(f, "{} recorded sample{plural}, max|Δ|/max|y| = {:.2e}", self.samples, self.error)
    }
}

/// Runs `module`, which was emitted from `graph`, on the recorded inputs. `None` where nothing is recorded.
///
/// # Errors
/// `example-invalid` where the recording does not belong to the network, `import-fidelity` where the outputs differ by more than
/// [`TOLERANCE`].
pub fn replay(module: &Module<'_>, graph: &Graph, weights: &Weights) -> Result<Option<Fidelity>, Finding> {
    if !weights.keys().any(|key| key.starts_with(EXAMPLE_PREFIX)) {
        return Ok(None);
    }
    let [input] = graph.inputs.as_slice() else {
        return Err(invalid("are for a network of one input".to_owned()));
    };
    let (samples, inputs) = tensor(weights, &format!("{EXAMPLE_PREFIX}input.{}", input.name), &input.shape)?;
    let mut expected = Vec::new();
    for output in &graph.outputs {
        let Some(shape) = graph.shape(output.value) else { continue };
        let (count, values) = tensor(weights, &format!("{EXAMPLE_PREFIX}output.{}", output.name), shape)?;
        if count != samples {
            return Err(invalid(format!(
                "are {samples} of the input and {count} of the output `{}`",
                output.name
            )));
        }
        expected.push((output.name.as_str(), values));
    }
    let broken = |error: &dyn std::fmt::Display| {
        Finding::new(
            FindingId::ImportFidelity,
            format!("the imported network does not run on the recorded inputs: {error}"),
        )
    };
    let network = Network::new(module.as_operation()).map_err(|error| broken(&error))?;
    let sizes = network.input_shape().to_vec();
    let length = sizes.iter().product::<usize>();
    let fetch = |index: usize| {
        let values = inputs.iter().skip(index * length).take(length).map(|value| f64::from(*value));
        Sample::from_shape_vec(sizes.clone(), values.collect()).unwrap_or_else(|_| Sample::zeros(vec![0]))
    };
    let mut worst = vec![0.0_f64; expected.len()];
    let take = |index: usize, outputs: Vec<Sample>| {
        for ((worst, output), (_, values)) in worst.iter_mut().zip(&outputs).zip(&expected) {
            let recorded = values.iter().skip(index * output.len());
            for (value, recorded) in output.iter().zip(recorded) {
                let deviation = (value - f64::from(*recorded)).abs();
                // A NaN is no small deviation.
                *worst = if deviation.is_nan() { f64::INFINITY } else { worst.max(deviation) };
            }
        }
    };
    forward_all(&network, samples, fetch, take).map_err(|error| broken(&error))?;
    let mut error = 0.0_f64;
    for (worst, (name, values)) in worst.iter().zip(&expected) {
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(f64::from(value.abs())));
        let relative = if largest > 0.0 { worst / largest } else { *worst };
        if relative.is_nan() || relative > TOLERANCE {
            let message = format!(
                "the imported network does not compute what PyTorch recorded: output `{name}` is off by \
                 {relative:.2e} of its largest value, {TOLERANCE:.0e} is allowed"
            );
            let help = "graph, weights and recording are not of one export: export the model again with `neurocuda.export`; \
                        if it persists, it is a bug in neurocudac, worth reporting with the model";
            return Err(Finding::new(FindingId::ImportFidelity, message).help(help));
        }
        error = error.max(relative);
    }
    Ok(Some(Fidelity { samples, error }))
}

fn invalid(what: String) -> Finding {
    Finding::new(FindingId::ExampleInvalid, format!("the recorded samples {what}"))
        .help("record them again with `neurocuda.export`, or remove the tensors `neurocuda.example.…` from the weights file")
}

/// A recorded tensor: the number of samples and all values.
fn tensor(weights: &Weights, key: &str, shape: &Shape) -> Result<(usize, Vec<f32>), Finding> {
    let view = weights.get(key).ok_or_else(|| invalid(format!("lack the tensor `{key}`")))?;
    let values = match view.f32s() {
        Some(values) => values.into_owned(),
        None if view.dtype == Dtype::U8 => view.bytes.iter().map(|byte| f32::from(*byte)).collect(),
        None => return Err(invalid(format!("have `{key}` of type {}, not F32", view.dtype))),
    };
    match view.shape.split_first() {
        Some((count, sample))
            if *count > 0 && sample.iter().map(|size| *size as i64).eq(shape.sample().iter().copied()) =>
        {
            Ok((*count, values))
        }
        _ => Err(invalid(format!("have `{key}` of shape {:?}, and the network's is {shape}", view.shape))),
    }
}

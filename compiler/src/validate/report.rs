//! What `validate` says, for machines; `docs/src/validation-report.md` explains the fields.

use neurocuda_runtime::artifact::program::Schedule;
use schemars::JsonSchema;
use serde::Serialize;

/// The report of `neurocudac validate`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Whether every gate holds; decides the exit code.
    pub passed: bool,
    /// Name of the graph.
    pub network: String,
    /// When neurons fire.
    pub schedule: Schedule,
    /// Largest count of an activation.
    pub levels: u32,
    /// Images that were run.
    pub images: usize,
    /// Top-1 accuracy as fractions; absent where there are no labels, the first output tells no class of an image, or a label is none of
    /// its classes.
    pub accuracy: Option<Accuracy>,
    /// Fraction of images, or pixels, for which the spiking network predicts what the real one does, in the first output that has
    /// classes; absent where none has.
    pub agreement: Option<f64>,
    /// Integer logits of the spiking network compared with those of the integer network, over all outputs. For `rate`, which
    /// approximates, nothing is compared.
    pub logits: LogitCount,
    /// One entry for each output.
    pub outputs: Vec<OutputReport>,
    /// Mean number of spikes.
    pub spikes_per_image: f64,
    /// Mean number of synaptic operations: one weight added to one membrane for one event.
    pub sops_per_image: f64,
    /// Timesteps.
    pub steps: Steps,
    /// Nonlinear elements of the real network and how many became neurons.
    pub neurons: Neurons,
    /// One entry for each layer of neurons.
    pub layers: Vec<LayerReport>,
    /// What was demanded, and whether it holds.
    pub gates: Vec<Gate>,
    /// What was not measured, and why.
    pub notes: Vec<String>,
    /// Largest resident memory of the process so far, in MB; absent where the system does not tell.
    pub peak_memory_mb: Option<f64>,
    /// Seconds that the images took, those of earlier runs that were resumed included.
    pub seconds: f64,
}

/// Top-1 accuracy as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Accuracy {
    /// The network as PyTorch states it.
    pub float: f64,
    /// The integer network.
    pub integer: f64,
    /// The spiking network.
    pub snn: f64,
    /// `float − snn`, in percentage points.
    pub drop_points: f64,
    /// Standard error of the drop, in percentage points; paired, because both networks see the same images.
    pub drop_standard_error: f64,
}

/// Logits compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogitCount {
    /// Scalars compared.
    pub compared: u64,
    /// How many are equal.
    pub equal: u64,
}

/// One output of the network.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OutputReport {
    /// Name of the output.
    pub name: String,
    /// Fraction of images, or of their pixels, with the same class as in the real network: the largest element along the first axis of
    /// a sample, or the index that an argmax gives. Absent for an output of fewer than two scores.
    pub agreement: Option<f64>,
    /// Root mean square of the difference to the real network, over that of the real network; absent for indices.
    pub error: Option<f64>,
    /// Mean magnitude of the difference to the real network; absent for indices.
    pub mean_error: Option<f64>,
    /// Largest magnitude of the difference to the real network; absent for indices.
    pub largest_error: Option<f64>,
}

/// Timesteps of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Steps {
    /// Proved number of steps after which nothing changes; of `rate` the number of steps that it runs.
    pub bound: u32,
    /// Steps after which the last image had settled; absent for `rate`.
    pub settled_max: Option<u32>,
    /// Mean over the images; absent for `rate`.
    pub settled_mean: Option<f64>,
}

/// Nonlinear elements and neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Neurons {
    /// Elements of activations in the real network.
    pub found: u64,
    /// How many of them are neurons.
    pub converted: u64,
}

/// A layer of neurons.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LayerReport {
    /// Name of the layer.
    pub name: String,
    /// Number of neurons.
    pub neurons: u64,
    /// Largest magnitude that a membrane can reach, proved.
    pub membrane_bound: i64,
    /// Mean number of spikes of the layer.
    pub spikes_per_image: f64,
    /// Integer against real activations: root mean square of the difference over that of the real ones, on the first images
    /// (`layer_images`); absent for layers that the real network does not have.
    pub error: Option<f64>,
    /// Fraction of activations at the largest count, on the same images.
    pub saturated: Option<f64>,
    /// Number of images that `error` and `saturated` were measured on.
    pub layer_images: usize,
}

/// A demand on the result.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Gate {
    /// Stable name of the demand.
    pub name: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was measured and what was demanded.
    pub detail: String,
}

//! What `validate` says, for machines; `docs/src/validation-report.md` explains the fields.

use super::{
    curve::Curve,
    each::Change,
    raster::Raster,
    statistics::{Interval, McNemar},
};
use neurocuda_runtime::{artifact::program::Schedule, loihi::report::ChipReport};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Where `agreement` lies with 95 % confidence, by Wilson's interval; absent where it is none of images, as pixels of an image are
    /// not independent.
    pub agreement_interval: Option<Interval>,
    /// Accuracy and agreement over the number of steps; absent where no output tells one class of an image.
    pub curve: Option<Curve>,
    /// Integer logits of the spiking network compared with those of the integer network, over all outputs. For `rate`, which
    /// approximates, nothing is compared.
    pub logits: LogitCount,
    /// One entry for each output.
    pub outputs: Vec<OutputReport>,
    /// Mean number of spikes.
    pub spikes_per_image: f64,
    /// Mean number of synaptic operations: one weight added to one membrane for one event.
    pub sops_per_image: f64,
    /// Multiply-accumulates of the float network's convolutions and dense layers for one image; taps on padding are none.
    pub macs_per_image: f64,
    /// Synaptic operations over multiply-accumulates; absent for a network without any.
    pub sops_per_mac: Option<f64>,
    /// Timesteps.
    pub steps: Steps,
    /// What the cores did; absent where the spiking network ran on none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chips: Option<ChipReport>,
    /// What an early exit saves; absent for `rate`, and where the spiking network ran on cores.
    pub early_exit: Option<EarlyExit>,
    /// Nonlinear elements of the real network and how many became neurons.
    pub neurons: Neurons,
    /// One entry for each layer of neurons.
    pub layers: Vec<LayerReport>,
    /// Spikes of the first image.
    pub raster: Option<Raster>,
    /// What each pass of the compiler did; absent where the artifact does not say.
    pub passes: Option<Vec<PassRecord>>,
    /// What was demanded, and whether it holds.
    pub gates: Vec<Gate>,
    /// What was not measured, and why.
    pub notes: Vec<String>,
    /// What the report is of.
    pub provenance: Provenance,
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
    /// Where `float` lies with 95 % confidence, by Wilson's interval.
    pub float_interval: Interval,
    /// The same of `integer`.
    pub integer_interval: Interval,
    /// The same of `snn`.
    pub snn_interval: Interval,
    /// `float − snn`, in percentage points.
    pub drop_points: f64,
    /// Standard error of the drop, in percentage points; paired, because both networks see the same images.
    pub drop_standard_error: f64,
    /// Whether float and spiking network differ by more than chance.
    pub mcnemar: McNemar,
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
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Steps {
    /// Proved number of steps after which nothing changes; of `rate` the number of steps that it runs.
    pub bound: u32,
    /// Mean number of steps that runs took, until they were certified or cut off.
    pub run_mean: f64,
    /// Steps after which the last image had settled; absent for `rate`.
    pub settled_max: Option<u32>,
    /// Mean over the images; absent for `rate`.
    pub settled_mean: Option<f64>,
    /// How the images spread; absent for `rate` and where no image settled.
    pub settled: Option<Settled>,
}

/// Steps after which images had settled.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Settled {
    /// Half of the images had settled by then.
    pub p50: u32,
    /// 90 % of the images.
    pub p90: u32,
    /// 99 % of the images.
    pub p99: u32,
    /// Images by their steps; empty ends are left out.
    pub histogram: Vec<SettledBin>,
}

/// Images that settled after `from` to `to` steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SettledBin {
    /// Fewest steps.
    pub from: u32,
    /// Most steps.
    pub to: u32,
    /// Images.
    pub images: u64,
}

/// Early exits: the logits are proved before the last spike is sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EarlyExit {
    /// Layers of neurons, counted from each output, that are not waited for.
    pub last_layers: u32,
    /// Images that settled, which the means are of.
    pub images: usize,
    /// Images whose logits were proved.
    pub proved: usize,
    /// Mean number of steps until the logits were proved.
    pub mean_steps_with: f64,
    /// Mean number of steps until the image had settled.
    pub mean_steps_without: f64,
    /// Images with a proved logit that is not the integer network's; where there is none, no prediction changes either.
    pub changed: usize,
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
    /// Mean number of spikes of a neuron for one image.
    pub spikes_per_neuron: f64,
    /// Mean number of spikes of a neuron in a step of a run.
    pub firing_rate: f64,
    /// Integer against real activations: root mean square of the difference over that of the real ones, on the first images
    /// (`layer_images`); absent for layers that the real network does not have.
    pub error: Option<f64>,
    /// The same of what the spikes add up to.
    pub spiking_error: Option<f64>,
    /// Fraction of activations at the largest count, on the same images.
    pub saturated: Option<f64>,
    /// Neurons that sent no spike for any of these images; absent where none was measured.
    pub dead: Option<u64>,
    /// Neurons at the largest count for all of these images; in `rate`, with a spike in every step.
    pub always_saturated: Option<u64>,
    /// Neurons by the spikes that they send for an image, on the same images.
    pub spike_histogram: Option<SpikeHistogram>,
    /// Number of images that all this was measured on, spikes and rates apart, which are of all images.
    pub layer_images: usize,
}

/// Neurons by their spikes, once for each image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SpikeHistogram {
    /// Spikes in a bin.
    pub bin_width: u32,
    /// First the neurons without any spike, then those with 1 to `bin_width` spikes, and so on; the last bin has all that send more.
    pub counts: Vec<u64>,
}

/// What a pass did when the artifact was compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PassRecord {
    /// Name of the pass.
    pub pass: String,
    /// Ops before and after.
    pub ops: [usize; 2],
    /// What it changed in the outputs; absent where `--validate-each` did not look.
    pub change: Option<Change>,
}

/// What a report is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Provenance {
    /// Program and version that wrote the artifact.
    pub producer: String,
    /// Hash of the artifact.
    pub artifact: String,
    /// Hash of the model.
    pub model: String,
    /// Hash of the images that calibration saw; absent where the artifact does not say.
    pub calibration: Option<String>,
    /// Hashes of the files of test images, one for each part.
    pub data: Vec<String>,
    /// The command, with the names of files and without what changes no result.
    pub command: String,
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

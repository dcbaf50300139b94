//! The manifest: everything an artifact says besides its tensors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{chip_program::ChipProgram, gpu_program::GpuProgram, program::Program};

/// Key of the manifest in the container's metadata.
pub const MANIFEST_KEY: &str = "neurocuda.manifest";
/// Version of the format that this crate writes and reads.
pub const FORMAT_VERSION: u32 = 3;
/// Name of the u8 tensor with the MLIR text of the integer network.
pub const MODULE_TENSOR: &str = "module.ann";

/// Everything an artifact says besides its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Program and version that wrote the artifact.
    pub producer: String,
    /// Name of the graph.
    pub network: String,
    /// What the artifact was compiled for: `cpu`, or `loihi` or `ptx`, whose artifacts run on the CPU engine too.
    pub target: String,
    /// Largest spike count of an activation.
    pub levels: u32,
    /// The network's input.
    pub input: NetworkInput,
    /// The network's outputs, in the order of the graph description; one for each readout, behind its head.
    pub outputs: Vec<NamedShape>,
    /// The spiking program.
    pub program: Program,
    /// The same network on the cores of Loihi 2; absent where the artifact was not compiled for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chips: Option<ChipProgram>,
    /// The same network as kernels of a GPU; absent where the artifact was not compiled for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuProgram>,
    /// One entry for each neuron op, in program order.
    pub layers: Vec<Layer>,
    /// How much of the network was converted.
    pub nonlinearities: Nonlinearities,
    /// Where the network and the calibration come from; free-form, for people.
    pub provenance: BTreeMap<String, String>,
    /// What the compiler validated; not read here.
    pub report: serde_json::Value,
}

/// The network's input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkInput {
    /// Name in the graph description.
    pub name: String,
    /// Shape of one sample, `[C, H, W]` or `[F]`.
    pub shape: Vec<usize>,
    /// What pixels look like; for people.
    pub dtype: String,
    /// Most frames of a sample, where the input is events; absent where it is images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u32>,
}

/// A named value with the shape of one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedShape {
    /// Name in the graph description.
    pub name: String,
    /// Shape of one sample.
    pub shape: Vec<usize>,
}

/// A layer of neurons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Name of the neuron op in the program.
    pub name: String,
    /// Kind of neuron, such as `st-bif`.
    pub kind: String,
    /// Number of neurons.
    pub neurons: u64,
    /// Proved bound on the absolute value of every membrane at any time.
    pub membrane_bound: i64,
    /// Smallest threshold; of neurons that follow a table, smallest breakpoint.
    pub threshold_min: i32,
    /// Largest threshold or breakpoint.
    pub threshold_max: i32,
}

/// How many neurons the float network has, and how many of them became spiking ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nonlinearities {
    /// Elements of activations in the float network.
    pub found: u64,
    /// Of these, how many are spiking neurons in the program.
    pub converted: u64,
}

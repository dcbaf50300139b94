//! The part of an artifact for a GPU: PTX text, the buffers its kernels work on, and the order in which to launch them.
//!
//! A batch of images runs in *chunks* of steps. Within a chunk the network is run layer by layer: a kernel makes all steps of the chunk
//! for its layer, with membranes in registers, and writes what it sends into a buffer of all these steps. That is the same network as
//! one run step by step, because what a layer sends in a step reaches the next one in the same step (`docs/src/gpu.md`).
//!
//! Elements lie channel-last: image, position, channel, with channels padded to a multiple of 16; what stands in the padding is of no
//! consequence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::program::TensorName;

/// Index into [`GpuProgram::buffers`].
pub type BufferId = usize;

/// The kernels of a network and how to launch them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuProgram {
    /// Oldest architecture that the kernels run on, such as `sm_80`.
    pub arch: String,
    /// The PTX text, u8.
    pub ptx: TensorName,
    /// What is known of each kernel, by the order of the text.
    pub kernels: Vec<Kernel>,
    /// Memory on the device.
    pub buffers: Vec<Buffer>,
    /// Launches that bring the states of a batch to before the first step.
    pub reset: Vec<Launch>,
    /// Launches of one chunk of steps.
    pub chunk: Vec<Launch>,
    /// The buffers that the host writes and reads.
    pub host: HostBuffers,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Name in the PTX text.
    pub name: String,
    /// Threads of a block.
    pub threads: u32,
    /// Most registers of a thread: `ptxas` is told to keep to them.
    pub registers: u32,
    /// Bytes of shared memory of a block.
    pub shared: u32,
}

/// Memory on the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Buffer {
    /// What it holds, for people.
    pub name: String,
    /// How large it is, and what is in it before the first launch.
    pub content: Content,
}

/// What a buffer is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// A tensor of the artifact.
    Constant {
        /// Its name.
        tensor: TensorName,
    },
    /// So many bytes, once.
    Once {
        /// Bytes.
        bytes: u64,
    },
    /// So many bytes for each image of a batch; lives as long as a batch does.
    Image {
        /// Bytes of one image.
        bytes: u64,
    },
    /// So many bytes for each image in each step of a chunk: `[step, image, …]`. Needed from launch `first` to launch `last` of a
    /// chunk, so that buffers whose spans are disjoint may share memory.
    Step {
        /// Bytes of one image in one step.
        bytes: u64,
        /// Launch of the chunk that writes it.
        first: usize,
        /// Last launch of the chunk that reads it.
        last: usize,
    },
}

/// A launch of a kernel. Its arguments are the buffers, then the number of images and the number of steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the op it does the work of, the last one if of several.
    pub op: String,
    /// Buffers passed, as pointers.
    pub buffers: Vec<BufferId>,
    /// Rows of one image; the blocks along x cover those of all images.
    pub rows: u64,
    /// Rows that a block covers.
    pub rows_per_block: u32,
    /// Blocks along y.
    pub columns: u32,
    /// Threads of a block.
    pub threads: u32,
}

/// Buffers that the host writes and reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostBuffers {
    /// i32, once: steps made so far.
    pub clock: BufferId,
    /// Pixels as f32, row-major, or counts of all frames as u16, `[frame, …]`; for each image.
    pub input: BufferId,
    /// i32 an image: step after the last one in which something was sent.
    pub active: BufferId,
    /// i64 an image: synaptic operations.
    pub operations: BufferId,
    /// i64 an image: synaptic operations of each step that are the same in every step.
    pub constant_operations: BufferId,
    /// For each layer of neurons, in program order: how often each image's neurons sent, and what they sent.
    pub layers: Vec<LayerBuffers>,
    /// For each readout, in program order: its sums after each step of a chunk.
    pub readouts: Vec<Tensor>,
}

/// Buffers of a layer of neurons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerBuffers {
    /// i32 an image: events sent.
    pub counts: BufferId,
    /// Events of a chunk.
    pub events: Tensor,
}

/// A channel-last tensor in a buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Where.
    pub buffer: BufferId,
    /// Type of an element.
    pub element: Element,
    /// Positions: the product of all axes but the channels'.
    pub positions: usize,
    /// Channels.
    pub channels: usize,
    /// Channels with padding.
    pub padded: usize,
}

/// Type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Element {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
}

impl Element {
    /// The narrowest that holds all integers from `low` to `high`; `None` if 32 bits are too few.
    pub fn holding(low: i64, high: i64) -> Option<Self> {
        let fits = |least: i64, most: i64| least <= low && high <= most;
        if fits(i8::MIN.into(), i8::MAX.into()) {
            Some(Self::I8)
        } else if fits(0, u8::MAX.into()) {
            Some(Self::U8)
        } else if fits(i16::MIN.into(), i16::MAX.into()) {
            Some(Self::I16)
        } else {
            fits(i32::MIN.into(), i32::MAX.into()).then_some(Self::I32)
        }
    }

    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 => 4,
        }
    }
}

impl Tensor {
    /// Elements of one image, with padding.
    pub fn stored(&self) -> usize {
        self.positions * self.padded
    }
}

//! The program an artifact carries: the `snn` module in a form that needs no MLIR to read.
//!
//! Values are numbered; every op writes one value and reads earlier ones, so the list order is an execution order.
//! Shapes are those of one sample, without the batch axis: `[C, H, W]` or `[F]`, row-major. All arithmetic is
//! integer. One timestep runs every op once, in order; what an op sends in a step is called its *events*: an integer
//! per element, zero where nothing is sent.

use crate::head::Head;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name of a tensor in the artifact's safetensors container.
pub type TensorName = String;

/// Index into [`Program::values`].
pub type ValueId = usize;

/// When neurons fire and what a finished run means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Signed binary spikes with a tracer; equals the integer network at quiescence.
    StBif,
    /// Unsigned binary spikes, layers released one after the other; equals the integer network.
    HoldAndFire,
    /// Graded events with the change of each activation; equals the integer network at quiescence.
    SigmaDelta,
    /// Plain integrate-and-fire; approximates the integer network.
    Rate,
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::StBif => "st-bif",
            Self::HoldAndFire => "hold-and-fire",
            Self::SigmaDelta => "sigma-delta",
            Self::Rate => "rate",
        })
    }
}

/// A spiking program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// When neurons fire.
    pub schedule: Schedule,
    /// Steps a run takes: for `rate` the number of steps that the thresholds were chosen for; for the exact schedules
    /// the proved bound after which every logit is final.
    pub steps: u32,
    /// Shape of each value, for one sample.
    pub values: Vec<Vec<usize>>,
    /// Ops in execution order.
    pub ops: Vec<Op>,
}

/// One operation.
// Unknown fields are refused by `kind`, which gets all that `Op` does not name; serde can't do it on both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Op {
    /// Layer name, unique in the program.
    pub name: String,
    /// Where the op comes from in the user's graph description, as `file:line:column`.
    pub source: String,
    /// Values read.
    pub inputs: Vec<ValueId>,
    /// Value written; a readout writes one too, which no op reads.
    pub output: ValueId,
    /// What the op computes.
    #[serde(flatten)]
    pub kind: OpKind,
}

/// What an op computes. Axes count from 0 within one sample; `C` is axis 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OpKind {
    /// The network's input. The code of a pixel `x` (u8 or f32, widened to f64) of channel `c` is
    /// `clip(floor(clip(x · multiplier[c] + offset[c], minimum[c], maximum[c]) / scale + 0.5), low, high)`,
    /// each operation rounded once, in f64. Sent in step 0 only, or in every step if `every_step`.
    Encode {
        /// f64 `[C]`.
        multiplier: TensorName,
        /// f64 `[C]`.
        offset: TensorName,
        /// f64 `[C]`, may be −∞.
        minimum: TensorName,
        /// f64 `[C]`, may be +∞.
        maximum: TensorName,
        /// Real value of code 1; positive.
        scale: f64,
        /// Smallest code.
        low: i32,
        /// Largest code.
        high: i32,
        /// Send the codes in every step instead of the first only.
        every_step: bool,
    },
    /// The network's input, events in frames: what arrives in step `t` is how many events each element has in frame `t` of the
    /// sample. A sample has 1 to `frames` frames; an image of counts is one frame.
    EncodeEvents {
        /// Most frames of a sample.
        frames: u32,
        /// Most events of one element in one frame.
        high: i32,
    },
    /// Synapses of a convolution over 1 to 3 spatial axes, no bias. With `s`, `p` and `d` the stride, padding and dilation of
    /// an axis, tap `k` of output `o` reads input `o·s + k·d − p`; if `transposed`, tap `k` of input `i` reaches output
    /// `i·s + k·d − p`. What lies outside is silent.
    Conv {
        /// i8 or i16 `[O, I / groups, k…]`, one kernel size for each spatial axis.
        weight: TensorName,
        /// For each spatial axis, as all that follows.
        stride: Vec<usize>,
        /// The same on both sides.
        padding: Vec<usize>,
        /// From one tap to the next.
        dilation: Vec<usize>,
        /// Number of groups.
        groups: usize,
        /// Whether inputs spread over outputs. The output's size is then that of its value, which is less than
        /// `max(s, d)` above the smallest that holds all taps.
        transposed: bool,
    },
    /// Synapses of a dense layer on a `[F]` value, no bias.
    Linear {
        /// i8 or i16 `[O, I]`.
        weight: TensorName,
    },
    /// Identity synapses with one integer weight a channel.
    Scale {
        /// i8 or i16 `[C]`.
        weight: TensorName,
    },
    /// Sum over windows, one `[start, end)` for each row and one for each column of the output, times a factor.
    SumPool2d {
        /// Row range of each output row.
        rows: Vec<[usize; 2]>,
        /// Column range of each output column.
        columns: Vec<[usize; 2]>,
        /// i32 `[OH, OW]`, a factor for each output position; absent where it is 1 everywhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        multiplier: Option<TensorName>,
    },
    /// Sum of all inputs, which have one shape.
    Add,
    /// Inputs joined along an axis.
    Concat {
        /// Axis within one sample.
        axis: usize,
    },
    /// Slab `i` of an axis is slab `indices[i]` of the input; a slab may be taken several times or not at all.
    Gather {
        /// Axis within one sample.
        axis: usize,
        /// Slabs taken.
        indices: Vec<usize>,
    },
    /// Axis `i` is axis `axes[i]` of the input.
    Permute {
        /// Each axis of one sample once.
        axes: Vec<usize>,
    },
    /// Zeros (which send nothing) around the input, for each axis.
    Pad {
        /// Elements before, for each axis.
        before: Vec<usize>,
        /// Elements after, for each axis.
        after: Vec<usize>,
    },
    /// The same elements in row-major order under another shape.
    Reshape,
    /// Difference of maxima: with `A` the running sum of the events of each input element since step 0,
    /// sends `max(A now) − max(A one step before)` over each window. Padding never wins.
    MaxPool2d {
        /// Rows, columns.
        kernel: [usize; 2],
        /// Rows, columns.
        stride: [usize; 2],
        /// Rows, columns; the same on both sides.
        padding: [usize; 2],
        /// Rows, columns.
        dilation: [usize; 2],
    },
    /// Signed integrate-and-fire with a tracer. `v(0) = initial`, `S(0) = 0`. Each step `v += I`; then, if
    /// `v ≥ threshold` and `S < high`: send +1, `v −= threshold`, `S += 1`; else if `v < 0` and `S > low`: send −1,
    /// `v += threshold`, `S −= 1`.
    StBif {
        /// i32 `[C]`, at least 1.
        threshold: TensorName,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// Smallest `S`, at most 0.
        low: i32,
        /// Largest `S`, at least 0.
        high: i32,
        /// Steps until what is sent arrives.
        delay: u32,
    },
    /// Signed neurons that follow a table. `v(0) = initial`, `S(0) = 0`. Each step `v += I`; with
    /// `target = start[c] + Σ steps[c, k]` over all `k` with `breakpoints[c, k] ≤ v`: if `target > S`, send +1, `S += 1`; if
    /// `target < S`, send −1, `S −= 1`. The membrane is never reset.
    StBifTable {
        /// i32 `[C, K]`, ascending in each row; the largest integer pads rows.
        breakpoints: TensorName,
        /// i8 `[C, K]`: 1 or −1, and 0 in the padding.
        steps: TensorName,
        /// i32 `[C]`, the target below all breakpoints.
        start: TensorName,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// Smallest target, at most 0.
        low: i32,
        /// Largest target, at least 0.
        high: i32,
        /// Steps until what is sent arrives.
        delay: u32,
    },
    /// Graded neurons. `v(0) = initial`, `S(0) = 0`. Each step `v += I`; with
    /// `target = clip(floor(v / threshold), low, high)`: if `target ≠ S`, send `target − S`, `S = target`. The membrane is never
    /// reset.
    SigmaDelta {
        /// i32 `[C]`, at least 1.
        threshold: TensorName,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// Smallest target, at most 0.
        low: i32,
        /// Largest target, at least 0; `high − low` fits 16 bits.
        high: i32,
        /// Steps until what is sent arrives.
        delay: u32,
    },
    /// Graded neurons that follow a table: those of `sigma-delta` with the target of `st-bif-table`.
    SigmaDeltaTable {
        /// i32 `[C, K]`, ascending in each row; the largest integer pads rows.
        breakpoints: TensorName,
        /// i8 `[C, K]`: 1 or −1, and 0 in the padding.
        steps: TensorName,
        /// i32 `[C]`, the target below all breakpoints.
        start: TensorName,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// Smallest target, at most 0.
        low: i32,
        /// Largest target, at least 0; `high − low` fits 16 bits.
        high: i32,
        /// Steps until what is sent arrives.
        delay: u32,
    },
    /// Integrate-and-fire behind a gate. `v(0) = initial − hold`. Each step `v += I`, in step `release` also
    /// `v += hold`, in step `release + levels` also `v −= hold`; then, if `v ≥ threshold`: send +1, `v −= threshold`.
    HoldAndFire {
        /// i32 `[C]`, at least 1.
        threshold: TensorName,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// Charge of the gate, above the largest partial charge.
        hold: i32,
        /// Step in which the gate opens.
        release: u32,
        /// Steps the gate stays open.
        levels: u32,
        /// Steps until what is sent arrives.
        delay: u32,
    },
    /// Integrate-and-fire, soft reset. `v(0) = initial`. Each step `v += gain · I + bias`; if `v ≥ threshold`: send +1,
    /// `v −= threshold`.
    If {
        /// i32 `[C]`, at least 1.
        threshold: TensorName,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// i32 `[C]`, or the shape of the value; added in every step.
        bias: TensorName,
        /// Factor of the incoming current; at least 1.
        gain: i32,
        /// Steps until what is sent arrives.
        delay: u32,
    },
    /// A network output. `y(0) = initial`; each step from `start` on `y += gain · I + bias`. The integer logit is `y` after the
    /// last step; the real one is `y · scale[c]`, divided by the number of those steps if `average`.
    Readout {
        /// Name of the output.
        output_name: String,
        /// i32 `[C]`, or the shape of the value.
        initial: TensorName,
        /// i32 `[C]`, or the shape of the value; added in every step.
        bias: TensorName,
        /// Factor of the incoming current.
        gain: i32,
        /// f64 `[C]`.
        scale: TensorName,
        /// Whether the real logit is the mean over steps.
        average: bool,
        /// Step from which the output takes what comes in; absent where it is the first.
        #[serde(default, skip_serializing_if = "is_zero")]
        start: u32,
        /// What becomes of the real logits; absent where they are the output themselves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<Head>,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl OpKind {
    /// Whether the op is a layer of neurons.
    pub fn is_neuron(&self) -> bool {
        self.delay().is_some()
    }

    /// Whether the op is a population on a chip, or the host's: neurons, a readout or an encoder.
    pub fn has_population(&self) -> bool {
        self.is_neuron()
            || matches!(self, Self::Encode { .. } | Self::EncodeEvents { .. } | Self::Readout { .. })
    }

    /// Largest count of a neuron; `None` if the op is no layer of neurons, or its neurons fire freely.
    pub fn levels(&self) -> Option<u32> {
        match self {
            Self::StBif { low, high, .. }
            | Self::StBifTable { low, high, .. }
            | Self::SigmaDelta { low, high, .. }
            | Self::SigmaDeltaTable { low, high, .. } => Some(high.unsigned_abs().max(low.unsigned_abs())),
            Self::HoldAndFire { levels, .. } => Some(*levels),
            _ => None,
        }
    }

    /// Steps until what the neurons send arrives; `None` if the op is no layer of neurons.
    pub fn delay(&self) -> Option<u32> {
        match self {
            Self::StBif { delay, .. }
            | Self::StBifTable { delay, .. }
            | Self::SigmaDelta { delay, .. }
            | Self::SigmaDeltaTable { delay, .. }
            | Self::HoldAndFire { delay, .. }
            | Self::If { delay, .. } => Some(*delay),
            _ => None,
        }
    }
}

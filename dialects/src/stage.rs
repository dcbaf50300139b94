//! Which ops are legal at which stage of the compilation, as data.

use crate::{ann, loihi, snn, torch};
use std::fmt;

/// A stage of the compilation. Passes say at which stage they start and end; the driver checks both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Op for op what the checkpoint says.
    Torch,
    /// The real-valued network without framework noise.
    Ann,
    /// The same with its activations on a grid of integer levels.
    AnnQuantized,
    /// The integer network: the contract for all that follows.
    AnnInteger,
    /// The spiking network.
    Snn,
    /// The spiking network with kernels of a GPU beside it, in a `gpu.module`.
    Gpu,
    /// The spiking network as populations, synapse tables and axons of Loihi 2.
    Loihi,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 7] =
        [Self::Torch, Self::Ann, Self::AnnQuantized, Self::AnnInteger, Self::Snn, Self::Gpu, Self::Loihi];

    /// The name on the command line and in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torch => "torch",
            Self::Ann => "ann",
            Self::AnnQuantized => "ann-quantized",
            Self::AnnInteger => "ann-integer",
            Self::Snn => "snn",
            Self::Gpu => "gpu",
            Self::Loihi => "loihi",
        }
    }

    /// Full names of the ops that may stand in a module of this stage, besides `builtin.module`, `func.func` and
    /// `func.return`.
    pub fn legal_ops(self) -> Vec<&'static str> {
        const ONLY_REAL: [&str; 5] =
            ["ann.normalize", "ann.activation", "ann.avg_pool2d", "ann.curve", "ann.fake_quantize"];
        const ONLY_INTEGER: [&str; 6] = [
            "ann.encode",
            "ann.encode_events",
            "ann.requantize",
            "ann.requantize_table",
            "ann.sum_pool2d",
            "ann.dequantize",
        ];
        let ann_without =
            |illegal: &[&str]| ann::OPS.iter().copied().filter(|op| !illegal.contains(op)).collect();
        match self {
            Self::Torch => torch::OPS.to_vec(),
            Self::Ann => ann_without(&[&ONLY_INTEGER[..], &["ann.fake_quantize"]].concat()),
            Self::AnnQuantized => ann_without(&[&ONLY_INTEGER[..], &["ann.activation"]].concat()),
            Self::AnnInteger => ann_without(&ONLY_REAL),
            Self::Snn | Self::Gpu => snn::OPS.to_vec(),
            Self::Loihi => loihi::OPS.to_vec(),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

//! The reference interpreter: runs a module of any dialect, op by op, on one sample at a time.
//!
//! There is one type of numbers, f64, and a value is one sample without its batch axis. Integers up to 2⁵³ are exact
//! in f64, so integer networks use the kernels of real ones; results of integer ops are checked to be 32-bit integers.
//! Real results have the same bits on every instruction set and with every number of threads, because each element is
//! computed by one fixed sequence of IEEE operations.
//!
//! A network without neurons runs in one pass ([`Network::forward`]); a spiking one runs in timesteps
//! ([`Network::simulate`]). Both show what each op computes to a probe. [`in_order`] runs many samples on all cores,
//! [`Network::evaluate`] one op by itself, and [`Layers`] a spiking network layer after layer.

mod ann;
mod batch;
mod decode;
mod error;
mod kernels;
mod layerwise;
mod loihi;
mod network;
mod simulate;
mod snn;
mod torch;

#[cfg(test)]
mod tests;

pub use batch::{forward_all, in_order, simulate_all};
pub use error::{InterpretError, Place};
pub(crate) use kernels::round_half_up;
pub use layerwise::{Currents, Layers, Progress, Train};
pub use network::{Network, OpSummary};
pub use simulate::{SpikingOutcome, SpikingOutput, StepLimit};
pub(crate) use torch::nearest;

/// A value of one sample, without the batch axis: `[C, H, W]`, `[F]` and so on.
pub type Sample = ndarray::ArrayD<f64>;

//! What passes ask of a module without changing it.

pub mod charge;
pub mod curve;
pub mod flow;
pub mod grid;
pub mod histogram;
pub mod latency;
pub mod loihi_weights;
pub mod magnitude;
pub mod observation;
pub mod operations;
pub mod rate_dynamics;
pub mod sharing;
pub mod table;

//! Passes within the `snn` dialect.

pub mod correct_rate;
pub mod prove_bounds;

//! Passes within the `snn` dialect.

pub mod prove_bounds;

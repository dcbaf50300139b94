//! Passes within the `torch` dialect.

pub mod fold_batch_norm;
pub mod remove_identity;

//! Passes that run at any stage.

pub mod remove_dead_ops;

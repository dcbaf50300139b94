//! Tests of the whole program: the `neurocudac` binary and the library behind it, on trained models, on planted faults, on broken
//! files and on random networks.
//!
//! One binary, because each one that links MLIR is large. Data sets are cut short here; `make results` runs whole ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do; clippy.toml only exempts `#[test]` functions"
)]

mod support;

mod archives;
mod bisect;
mod contract;
mod determinism;
mod engine_equals_interpreter;
mod event_data;
mod event_networks;
mod exactness;
mod faults;
mod fidelity;
mod gpu;
mod gpu_networks;
mod hostile;
mod loihi;
mod loihi_artifacts;
mod loihi_networks;
mod outputs;
mod quantiser;
mod random_networks;
mod report_page;
mod report_text;
mod search;
mod shards;

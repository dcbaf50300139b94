//! From a verified `snn` module to what a target takes.

pub mod cpu;
pub mod loihi;
pub mod ptx;

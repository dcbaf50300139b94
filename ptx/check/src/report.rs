//! What is reported, as JSON.

use serde::Serialize;

/// All that was run.
#[derive(Serialize)]
pub struct Report {
    pub device: String,
    pub artifacts: Vec<ArtifactReport>,
}

/// One artifact.
#[derive(Serialize)]
pub struct ArtifactReport {
    pub network: String,
    pub schedule: String,
    pub images: usize,
    /// Steps that each of `kernels` made.
    pub steps_of_chunk: u32,
    pub throughput: Vec<Throughput>,
    pub kernels: Vec<KernelTime>,
    pub compared: Comparison,
}

/// Images in a time.
#[derive(Serialize)]
pub struct Throughput {
    pub batch: usize,
    pub images: usize,
    pub seconds: f64,
    pub images_per_second: f64,
}

/// A launch of a chunk.
#[derive(Serialize)]
pub struct KernelTime {
    pub kernel: String,
    pub op: String,
    pub milliseconds: f32,
}

/// What the device and the CPU engine agree on.
#[derive(Default, Serialize)]
pub struct Comparison {
    pub images: usize,
    pub logits: u64,
    pub logits_equal: u64,
    pub spike_counts: u64,
    pub spike_counts_equal: u64,
    /// Images whose operations, steps and certificate are the same too.
    pub outcomes_equal: usize,
    /// With `--trace`: neurons of all layers in all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Of these, those that sent the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_equal: Option<u64>,
    pub cpu_seconds: f64,
}

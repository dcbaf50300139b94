//! What calibration writes down of one value.

use super::histogram::Histogram;
use neurocuda_dialects::{Elements, Tensor};

/// What calibration saw at one site.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// One histogram a channel.
    pub histograms: Vec<Histogram>,
    /// Mean of each channel, before the activation.
    pub mean: Vec<f64>,
}

impl Observation {
    /// The counts of all channels as the tensor of an `ann.observe`.
    pub fn counts(&self) -> Tensor {
        let counts =
            self.histograms.iter().flat_map(|histogram| histogram.counts().iter().copied()).collect();
        Tensor { shape: vec![self.histograms.len(), Histogram::BINS], elements: Elements::I32(counts) }
    }

    /// Lower edge of each channel's histogram.
    pub fn origins(&self) -> Vec<f64> {
        self.histograms.iter().map(Histogram::origin).collect()
    }

    /// Bin width of each channel's histogram.
    pub fn widths(&self) -> Vec<f64> {
        self.histograms.iter().map(Histogram::width).collect()
    }
}

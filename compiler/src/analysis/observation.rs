//! What calibration writes down of one value.

use super::histogram::{Distribution, Histogram};
use crate::mlir::{IrError, IrResult};
use neurocuda_dialects::{Elements, Tensor, ann};

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

/// The values that an `ann.observe` counted, for each channel.
///
/// # Errors
///
/// If its tensors do not fit together.
pub fn observed<'c>(observe: &ann::Observe<'c>) -> IrResult<'c, Vec<Distribution>> {
    let (counts, origin, width) =
        (observe.counts.read()?, observe.origin.read()?.to_f64(), observe.width.read()?.to_f64());
    let bins = counts.shape.last().copied().unwrap_or(0);
    let counts = counts.to_i32()?;
    if bins == 0 || counts.len() != bins * origin.len() || origin.len() != width.len() {
        return Err(IrError::module("the tensors of `ann.observe` do not fit together"));
    }
    Ok(counts
        .chunks(bins)
        .zip(origin.iter().zip(&width))
        .map(|(counts, (&origin, &width))| Distribution::new(counts, origin, width))
        .collect())
}

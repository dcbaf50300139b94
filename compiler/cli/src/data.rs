//! Data files as the compiler takes them.

use crate::{failure::Failure, messages};
use clap::{ValueEnum, builder::RangedU64ValueParser};
use neurocuda_compiler::{interpret::Sample, session::Samples, validate::artifact::sample};
use neurocuda_runtime::{
    artifact::Artifact,
    cpu,
    data::{DataError, Images},
    gpu::Cards,
};
use std::{path::Path, sync::Arc};

/// Parser of a number of images: none would mean a result about nothing.
pub fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// What runs a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// The CPU engine.
    Cpu,
    /// The simulator of Loihi 2, core by core.
    Loihi,
    /// All NVIDIA GPUs of the machine; for artifacts that were compiled with --target ptx.
    Gpu,
}

/// What an artifact was compiled for.
pub fn own_backend(artifact: &Artifact) -> Backend {
    match (&artifact.manifest.chips, &artifact.manifest.gpu) {
        (Some(_), _) => Backend::Loihi,
        (None, Some(_)) => Backend::Gpu,
        (None, None) => Backend::Cpu,
    }
}

impl Backend {
    /// The engine that runs it, or, of what a GPU runs, knows its shapes.
    pub fn engine(self) -> cpu::Backend {
        match self {
            Self::Cpu | Self::Gpu => cpu::Backend::Cpu,
            Self::Loihi => cpu::Backend::Loihi,
        }
    }
}

/// Puts an artifact on all GPUs, and says which.
pub fn cards(artifact: &Artifact, batch: Option<usize>, keeps_events: bool) -> Result<Cards, Failure> {
    let cards = Cards::all(artifact, batch, keeps_events).map_err(Failure::input)?;
    for (device, room) in cards.devices() {
        messages::note(format_args!("{device}: batches of {}", room.images));
    }
    Ok(cards)
}

/// Reads an artifact.
pub fn artifact(path: &Path) -> Result<Artifact, Failure> {
    Artifact::read(path)
        .map_err(|error| Failure::input(format!("{}: {}: {error}", error.id(), path.display())))
}

/// Opens a data file and checks the shape of its samples; events are put into `frames` frames, into one if the network takes images.
pub fn open(path: &Path, shape: &[usize], frames: Option<u32>) -> Result<Images, Failure> {
    let fail = |error: DataError| Failure::input(format!("{}: {}: {error}", error.id(), path.display()));
    Images::open_for(path, shape, frames.unwrap_or(1) as usize).map_err(fail)
}

/// The first `limit` images of a file, for calibration.
pub fn samples(path: &Path, shape: &[usize], limit: usize) -> Result<Samples, Failure> {
    let images = open(path, shape, None)?;
    let integers = images.are_integers();
    let count = images.len().min(limit);
    let hash = format!("{}-{count}", hash(path)?);
    let images = Arc::new(images);
    // An index past the end has no image; an empty sample is refused by its shape.
    let fetch = Arc::new(move |index| sample(&images, index).unwrap_or_else(empty));
    Ok(Samples { count, fetch, integers, hash })
}

fn empty() -> Sample {
    Sample::zeros(vec![0])
}

/// Hash of what is in memory, as [`hash`] gives it of a file.
pub fn hash_bytes(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}

/// Hash of a file's content.
pub fn hash(path: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::input(format!("cannot read {}: {error}", path.display()));
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path).map_err(fail)?).map_err(fail)?;
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

//! A part of a test set, counted elsewhere, and how parts are put together.
//!
//! A shard holds the tallies of whole chunks, not their sum: added in the order of the images they give the same sums of reals, to the
//! last bit, as one run over all of them.

use super::{artifact::CHUNK, bits::Bits, layers::BINS, tally::Tally};
use neurocuda_runtime::artifact::{Manifest, limits::MAX_STEPS};
use serde::{Deserialize, Serialize};
use std::{fs::File, io::Read, path::Path};

/// Version of the file of a shard.
const VERSION: u32 = 2;

/// Longest file of a shard, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Most chunks in all shards together, and largest count in a chunk: the product leaves room in 64 bits.
const MAX_CHUNKS: usize = 1 << 16;
const MAX_COUNT: u64 = 1 << 47;

/// Largest sum of squares in a chunk; that of all chunks is finite.
const MAX_SQUARES: f64 = 1e300;

/// What a shard was counted with. Only shards of one origin may be put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Version of the program.
    pub producer: String,
    /// Hash of the artifact.
    pub artifact: String,
    /// Hash of the model.
    pub model: String,
    /// Cap on the number of steps.
    pub timesteps: Option<u32>,
    /// Last layers that an early exit does not wait for.
    pub last_layers: u32,
}

/// The counts of consecutive images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    version: u32,
    /// What it was counted with.
    pub origin: Origin,
    /// Hash of the images' file.
    pub data: String,
    /// Position of its first image in the whole set.
    pub first: usize,
    /// Largest resident memory of the process that counted, in MB.
    pub peak_memory_mb: Option<f64>,
    /// One tally for each chunk, in the order of the images.
    pub chunks: Vec<Tally>,
}

/// Why shards cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The file of a shard cannot be read, or is none.
    #[error("shard-unreadable: {0}")]
    Unreadable(String),
    /// A shard is of another artifact, model or setting.
    #[error("shard-mismatch: {0}")]
    Mismatch(String),
    /// Images are missing between shards, or stand in two of them.
    #[error("shard-gap: {0}")]
    Gap(String),
}

impl Shard {
    /// A shard of chunks that were just counted.
    pub fn new(
        origin: Origin,
        data: String,
        first: usize,
        chunks: Vec<Tally>,
        peak_memory_mb: Option<f64>,
    ) -> Self {
        Self { version: VERSION, origin, data, first, peak_memory_mb, chunks }
    }

    /// Reads the file of a shard.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is too long or is no shard of this version of the program.
    pub fn read(path: &Path) -> Result<Self, ShardError> {
        let fail =
            |reason: &dyn std::fmt::Display| ShardError::Unreadable(format!("{}: {reason}", path.display()));
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| fail(&error))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(fail(&format_args!("longer than {MAX_BYTES} bytes")));
        }
        let shard = serde_json::from_slice::<Self>(&bytes).map_err(|error| fail(&error))?;
        if shard.version != VERSION {
            return Err(fail(&format_args!("version {}; this program reads {VERSION}", shard.version)));
        }
        Ok(shard)
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        // Sums that leave the range belong to counts that `check` refuses.
        self.chunks.iter().fold(0, |sum, chunk| sum.saturating_add(chunk.images))
    }

    /// Whether the counts are such as the artifact can give.
    fn check(&self, manifest: &Manifest) -> Result<(), ShardError> {
        let place = |index: usize| format!("chunk {index} of the shard at image {}", self.first);
        for (index, chunk) in self.chunks.iter().enumerate() {
            let fits = |found: usize, wanted: usize| found == wanted || found == 0;
            if !fits(chunk.spikes.len(), manifest.layers.len())
                || !fits(chunk.layers.len(), manifest.layers.len())
                || !fits(chunk.outputs.len(), manifest.outputs.len())
                || !details_fit(chunk, manifest)
            {
                return Err(ShardError::Mismatch(format!(
                    "{} does not count the artifact's layers and outputs",
                    place(index)
                )));
            }
            let full = index + 1 < self.chunks.len();
            if chunk.images == 0 || chunk.images > CHUNK || full && chunk.images != CHUNK {
                return Err(ShardError::Mismatch(format!(
                    "{} counts {} images instead of {CHUNK}",
                    place(index),
                    chunk.images
                )));
            }
            let counts = serde_json::to_value(chunk).unwrap_or_default();
            if !possible(&counts) {
                return Err(ShardError::Mismatch(format!("{} holds an impossible count", place(index))));
            }
        }
        Ok(())
    }
}

/// Whether what a chunk says of neurons and steps is of the artifact's sizes.
fn details_fit(chunk: &Tally, manifest: &Manifest) -> bool {
    let turns = [&chunk.curve.right, &chunk.curve.same];
    let layers = chunk.layers.iter().zip(&manifest.layers);
    turns.iter().all(|turns| turns.steps() <= MAX_STEPS as usize)
        && chunk.settled.len() <= MAX_STEPS as usize + 1
        && chunk.raster.as_ref().is_none_or(|raster| raster.fits(manifest.layers.len()))
        && layers.into_iter().all(|(counts, layer)| {
            (counts.histogram.is_empty() || counts.histogram.len() == BINS)
                && [&counts.active, &counts.unsaturated]
                    .iter()
                    .all(|bits| **bits == Bits::default() || bits.fits(layer.neurons))
        })
}

/// Whether every number below `value` is within the limits.
fn possible(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => match number.as_u64() {
            Some(count) => count <= MAX_COUNT,
            None => number.as_f64().is_some_and(|real| (0.0..=MAX_SQUARES).contains(&real)),
        },
        serde_json::Value::Array(values) => values.iter().all(possible),
        serde_json::Value::Object(fields) => fields.values().all(possible),
        _ => true,
    }
}

/// Puts shards together, whatever their order; all of them together must be the images from the first on.
///
/// # Errors
///
/// If there is none, if they are of another origin than `artifact` (its hash) or than each other, if images are missing or
/// stand in two shards, or if a file was made up.
pub fn merge(mut shards: Vec<Shard>, artifact: &str, manifest: &Manifest) -> Result<Tally, ShardError> {
    shards.sort_by_key(|shard| shard.first);
    let Some(origin) = shards.first().map(|shard| shard.origin.clone()) else {
        return Err(ShardError::Gap("there is no shard".to_owned()));
    };
    if origin.artifact != artifact {
        return Err(ShardError::Mismatch("the shards are of another artifact".to_owned()));
    }
    let chunks = shards.iter().map(|shard| shard.chunks.len()).sum::<usize>();
    if chunks > MAX_CHUNKS {
        return Err(ShardError::Mismatch(format!("{chunks} chunks are more than {MAX_CHUNKS}")));
    }
    let mut whole = Tally::default();
    for shard in &shards {
        if shard.origin != origin {
            return Err(ShardError::Mismatch(format!(
                "the shard at image {} was counted with another program, model or number of steps than the one at image {}",
                shard.first, shards[0].first
            )));
        }
        shard.check(manifest)?;
        if shard.first != whole.images {
            return Err(ShardError::Gap(format!(
                "a shard begins with image {}, and {} is the next one wanted",
                shard.first, whole.images
            )));
        }
        if !shard.first.is_multiple_of(CHUNK) {
            return Err(ShardError::Gap(format!(
                "a shard begins with image {}: only the last one may hold something else than whole chunks of {CHUNK} images",
                shard.first
            )));
        }
        shard.chunks.iter().for_each(|chunk| whole.add(chunk));
    }
    if whole.images == 0 {
        return Err(ShardError::Gap("there is no image in the shards".to_owned()));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;

//! Data files: safetensors with `images` (u8 or f32, samples first) and, for accuracy, `labels`; or with events, as `frames` of counts
//! or one by one with time and address.
//!
//! What a file is, its content says, never its name. Files are memory-mapped and images handed out in place.

mod error;
mod events;
mod frames;

use std::{borrow::Cow, collections::BTreeMap, ops::Range, path::Path};

pub use error::DataError;
use events::{AddressFile, EventSource, FrameFile};
pub use frames::Frames;
use safetensors::Dtype;

use crate::{
    container::{Container, Entry},
    mapped_file::MappedFile,
};

/// The pixels of one image, row-major, in the sample shape; of a sample of events, their counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ImageView<'a> {
    /// Bytes, as they are: nothing is divided by 255.
    U8(&'a [u8]),
    /// Floats, all finite.
    F32(&'a [f32]),
    /// Events in frames.
    Frames(&'a Frames),
}

impl ImageView<'_> {
    /// Number of frames; an image is one.
    pub fn frames(&self) -> usize {
        if let Self::Frames(frames) = self { frames.len() } else { 1 }
    }

    /// Checks that these are counts of events, at most `high` of one element in one frame, in at most `frames` frames. `index` is
    /// the sample's number in messages.
    ///
    /// # Errors
    /// `data-frames` or `data-counts`.
    pub fn expect_counts(&self, index: usize, frames: usize, high: u32) -> Result<(), DataError> {
        if self.frames() > frames {
            return Err(DataError::Frames { sample: index, found: self.frames(), most: frames });
        }
        let is_count = |count: f64| count.fract() == 0.0 && (0.0..=f64::from(high)).contains(&count);
        let wrong = match self {
            Self::U8(counts) => counts.iter().map(|&count| f64::from(count)).find(|&count| !is_count(count)),
            Self::F32(counts) => counts.iter().map(|&count| f64::from(count)).find(|&count| !is_count(count)),
            Self::Frames(frames) => Some(f64::from(frames.largest())).filter(|&count| !is_count(count)),
        };
        wrong.map_or(Ok(()), |found| Err(DataError::Counts { sample: index, found, most: high }))
    }

    /// Number of pixels, channels included.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(pixels) => pixels.len(),
            Self::F32(pixels) => pixels.len(),
            Self::Frames(frames) => frames.totals().len(),
        }
    }

    /// Whether there is no pixel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A pixel, widened; of events their number in all frames. `None` past the end.
    pub fn get(&self, index: usize) -> Option<f64> {
        match self {
            Self::U8(pixels) => pixels.get(index).map(|&pixel| f64::from(pixel)),
            Self::F32(pixels) => pixels.get(index).map(|&pixel| f64::from(pixel)),
            Self::Frames(frames) => frames.totals().get(index).map(|&count| count as f64),
        }
    }
}

/// A sample as it is kept: in place, or frames that were made for it.
#[derive(Debug)]
pub enum Fetched<'a> {
    /// An image.
    Image(ImageView<'a>),
    /// Events.
    Frames(Frames),
}

impl Fetched<'_> {
    /// What a network takes.
    pub fn view(&self) -> ImageView<'_> {
        match self {
            Self::Image(image) => *image,
            Self::Frames(frames) => ImageView::Frames(frames),
        }
    }
}

/// Where the pixels are.
#[derive(Debug)]
enum Pixels {
    MappedU8(MappedFile, Range<usize>),
    /// Aligned, little-endian floats on a little-endian machine.
    MappedF32(MappedFile, Range<usize>),
    U8(Vec<u8>),
    F32(Vec<f32>),
    Frames(Vec<Frames>),
    Events(MappedFile, EventSource),
}

/// A set of images of one shape, at least one, with or without labels.
#[derive(Debug)]
pub struct Images {
    pixels: Pixels,
    count: usize,
    sample_shape: Vec<usize>,
    labels: Option<Vec<i64>>,
    /// Why the labels of the file are not among them.
    ignored_labels: Option<String>,
}

impl Images {
    /// Opens a data file: `images` u8 or f32 `[N, …]` and optionally `labels` u8, i32 or i64 `[N]`. Labels of another kind, as of a
    /// regression, are left out; see [`Images::ignored_labels`].
    ///
    /// # Errors
    /// See [`DataError`]. Float images are looked through for NaN and infinity here.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        Self::read(path.as_ref(), None)
    }

    /// Opens a data file for a network that takes samples of `shape`: `images` as in [`Images::open`], or events, which are `frames` u8
    /// or u16 `[N, T, …]`, or one by one `offset` i64 `[N + 1]`, `t_us` i32 or i64 `[E]` and `xyp` u8 or u16 `[E, 3]` (column, row,
    /// polarity). The latter are put into `frames` frames, windows of equal length from the first to the last event of each sample.
    ///
    /// # Errors
    /// See [`DataError`]. Where every event lies is looked at here.
    pub fn open_for(path: impl AsRef<Path>, shape: &[usize], frames: usize) -> Result<Self, DataError> {
        let images = Self::read(path.as_ref(), Some((shape, frames.max(1))))?;
        images.expect_sample_shape(shape)?;
        Ok(images)
    }

    fn read(path: &Path, network: Option<(&[usize], usize)>) -> Result<Self, DataError> {
        let file =
            MappedFile::open(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
        let bytes = file.bytes();
        let container = Container::parse(bytes)?;
        let (labels, ignored_labels) = read_labels(&container.tensors);
        let range = |entry: &Entry<'_>| {
            let start = entry.bytes.as_ptr().addr() - bytes.as_ptr().addr();
            start..start + entry.bytes.len()
        };
        let tensors = &container.tensors;
        let (pixels, count, sample_shape) =
            match (tensors.get("images"), tensors.get("frames"), events::addresses(tensors)) {
                (Some(images), None, None) => {
                    let (count, sample_shape) = split_shape(&images.shape)?;
                    let range = range(images);
                    let pixels = match images.dtype {
                        Dtype::U8 => Pixels::MappedU8(file, range),
                        Dtype::F32 => match floats(images.bytes) {
                            Cow::Borrowed(_) => Pixels::MappedF32(file, range),
                            Cow::Owned(pixels) => Pixels::F32(pixels),
                        },
                        found => {
                            return Err(DataError::Type {
                                tensor: "images",
                                found: found.to_string(),
                                wanted: "U8 or F32",
                            });
                        }
                    };
                    (pixels, count, sample_shape)
                }
                (None, Some(frames), None) => {
                    let range = range(frames);
                    let (frames, count, sample_shape) = FrameFile::open(frames, range)?;
                    (Pixels::Events(file, EventSource::Frames(frames)), count, sample_shape)
                }
                (None, None, Some(tensors)) => {
                    let (shape, frames) = network.ok_or_else(|| {
                        events::problem(
                            "events with addresses need a network that says how large a sample is".into(),
                        )
                    })?;
                    let ranges = tensors.map(range);
                    let (addresses, count) = AddressFile::open(bytes, tensors, ranges, shape, frames)?;
                    (Pixels::Events(file, EventSource::Addresses(addresses)), count, shape.to_vec())
                }
                (None, None, None) => {
                    return Err(DataError::NoImages { found: tensors.keys().take(8).cloned().collect() });
                }
                _ => {
                    return Err(events::problem(
                        "there is more than one of `images`, `frames` and `xyp`: keep the one that is meant"
                            .into(),
                    ));
                }
            };
        Self { pixels, count, sample_shape, labels, ignored_labels }.checked()
    }

    /// Images in memory, of bytes.
    ///
    /// # Errors
    /// `data-rank`, `data-empty`, `data-shape` or `data-labels`.
    pub fn from_u8(
        sample_shape: Vec<usize>,
        pixels: Vec<u8>,
        labels: Option<Vec<i64>>,
    ) -> Result<Self, DataError> {
        let count = count_samples(&sample_shape, pixels.len())?;
        Self { pixels: Pixels::U8(pixels), count, sample_shape, labels, ignored_labels: None }.checked()
    }

    /// Images in memory, of floats.
    ///
    /// # Errors
    /// As [`Images::from_u8`], or `data-not-finite`.
    pub fn from_f32(
        sample_shape: Vec<usize>,
        pixels: Vec<f32>,
        labels: Option<Vec<i64>>,
    ) -> Result<Self, DataError> {
        let count = count_samples(&sample_shape, pixels.len())?;
        Self { pixels: Pixels::F32(pixels), count, sample_shape, labels, ignored_labels: None }.checked()
    }

    /// Events in memory.
    ///
    /// # Errors
    /// `data-empty`, `data-shape`, `data-labels`, or `data-events` for a sample without a frame.
    pub fn from_frames(
        sample_shape: Vec<usize>,
        frames: Vec<Frames>,
        labels: Option<Vec<i64>>,
    ) -> Result<Self, DataError> {
        let counts = frames.iter().map(|frames| frames.totals().len()).sum();
        let count = count_samples(&sample_shape, counts)?;
        let size = counts / count;
        if let Some(other) = frames.iter().find(|frames| frames.totals().len() != size) {
            return Err(DataError::Shape { found: vec![other.totals().len()], wanted: sample_shape });
        }
        if frames.iter().any(|frames| frames.len() == 0) {
            return Err(events::problem("a sample has no frame".to_owned()));
        }
        Self { pixels: Pixels::Frames(frames), count, sample_shape, labels, ignored_labels: None }.checked()
    }

    /// Number of images, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Shape of one sample, without the batch axis.
    pub fn sample_shape(&self) -> &[usize] {
        &self.sample_shape
    }

    /// One label an image, if the file has labels.
    pub fn labels(&self) -> Option<&[i64]> {
        self.labels.as_deref()
    }

    /// Why the labels of the file are not used, if it has some that are no class indices.
    pub fn ignored_labels(&self) -> Option<&str> {
        self.ignored_labels.as_deref()
    }

    /// A sample, whatever kind it is of; `None` past the end.
    pub fn fetch(&self, index: usize) -> Option<Fetched<'_>> {
        match &self.pixels {
            Pixels::Events(file, events) => events.sample(file.bytes(), index).map(Fetched::Frames),
            _ => self.image(index).map(Fetched::Image),
        }
    }

    /// Whether every value is an integer: bytes, or counts of events.
    pub fn are_integers(&self) -> bool {
        !matches!(self.pixels, Pixels::MappedF32(..) | Pixels::F32(_))
    }

    /// A sample that is in memory or can be seen in place; `None` past the end, and for the events of a file, which
    /// [`Images::fetch`] gives.
    pub fn image(&self, index: usize) -> Option<ImageView<'_>> {
        let size: usize = self.sample_shape.iter().product();
        let range = index.checked_mul(size)?..index.checked_add(1)?.checked_mul(size)?;
        match &self.pixels {
            Pixels::MappedU8(file, pixels) => {
                Some(ImageView::U8(file.bytes().get(pixels.clone())?.get(range)?))
            }
            Pixels::MappedF32(file, pixels) => {
                let pixels = bytemuck::try_cast_slice(file.bytes().get(pixels.clone())?).ok()?;
                Some(ImageView::F32(pixels.get(range)?))
            }
            Pixels::U8(pixels) => Some(ImageView::U8(pixels.get(range)?)),
            Pixels::F32(pixels) => Some(ImageView::F32(pixels.get(range)?)),
            Pixels::Frames(frames) => Some(ImageView::Frames(frames.get(index)?)),
            Pixels::Events(..) => None,
        }
    }

    /// Checks the shape of a sample against what a network takes.
    ///
    /// # Errors
    /// `data-shape`.
    pub fn expect_sample_shape(&self, wanted: &[usize]) -> Result<(), DataError> {
        if self.sample_shape == wanted {
            return Ok(());
        }
        Err(DataError::Shape { found: self.sample_shape.clone(), wanted: wanted.to_vec() })
    }

    /// Refuses labels of another number, and pixels that are no numbers.
    fn checked(self) -> Result<Self, DataError> {
        if let Some(labels) = self.labels.as_ref().map(Vec::len).filter(|&labels| labels != self.count) {
            return Err(DataError::Labels { labels, images: self.count });
        }
        for index in 0..self.count {
            match self.image(index) {
                Some(ImageView::F32(pixels)) if !pixels.iter().all(|pixel| pixel.is_finite()) => {
                    return Err(DataError::NotFinite { image: index });
                }
                Some(ImageView::F32(_)) => {}
                _ => break,
            }
        }
        Ok(self)
    }
}

/// Splits `[N, …]`, refusing sets and samples of nothing.
fn split_shape(shape: &[usize]) -> Result<(usize, Vec<usize>), DataError> {
    let (Some(&count), Some(sample)) = (shape.first(), shape.get(1..).filter(|sample| !sample.is_empty()))
    else {
        return Err(DataError::Rank { shape: shape.to_vec() });
    };
    if shape.contains(&0) {
        return Err(DataError::Empty { shape: shape.to_vec() });
    }
    Ok((count, sample.to_vec()))
}

/// Number of samples that so many pixels make.
fn count_samples(sample_shape: &[usize], pixels: usize) -> Result<usize, DataError> {
    let size = sample_shape.iter().try_fold(1usize, |size, &extent| size.checked_mul(extent));
    let size = size.ok_or_else(|| DataError::Empty { shape: sample_shape.to_vec() })?;
    let count = pixels.checked_div(size).unwrap_or_default();
    if count * size != pixels {
        return Err(DataError::Shape { found: vec![pixels], wanted: sample_shape.to_vec() });
    }
    let shape: Vec<usize> = std::iter::once(count).chain(sample_shape.iter().copied()).collect();
    split_shape(&shape).map(|(count, _)| count)
}

/// Floats in place, or a copy where the file puts them at an odd address or the machine is big-endian.
fn floats(bytes: &[u8]) -> Cow<'_, [f32]> {
    match bytemuck::try_cast_slice(bytes) {
        Ok(floats) if cfg!(target_endian = "little") => Cow::Borrowed(floats),
        _ => bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
    }
}

/// The labels, if there are any, widened, or why they are none.
fn read_labels(tensors: &BTreeMap<String, Entry<'_>>) -> (Option<Vec<i64>>, Option<String>) {
    let Some(entry) = tensors.get("labels") else { return (None, None) };
    let labels = match (entry.dtype, entry.shape.len()) {
        (Dtype::U8, 1) => entry.bytes.iter().map(|&label| i64::from(label)).collect(),
        (Dtype::I32, 1) => {
            entry.bytes.as_chunks().0.iter().map(|label| i64::from(i32::from_le_bytes(*label))).collect()
        }
        (Dtype::I64, 1) => entry.bytes.as_chunks().0.iter().map(|label| i64::from_le_bytes(*label)).collect(),
        (dtype, _) => {
            let reason = format!(
                "`labels` are {dtype} of shape {:?} and not the classes of the images, integers [N]: they are not used",
                entry.shape
            );
            return (None, Some(reason));
        }
    };
    (Some(labels), None)
}

#[cfg(test)]
mod tests;

//! Samples that come in time: frames of counts, or address events that are put into frames when a sample is asked for.

use std::{collections::BTreeMap, ops::Range};

use safetensors::Dtype;

use super::{DataError, Frames};
use crate::{artifact::limits::MAX_ELEMENTS, container::Entry};

/// A file's samples of events.
#[derive(Debug)]
pub(super) enum EventSource {
    Frames(FrameFile),
    Addresses(AddressFile),
}

impl EventSource {
    /// The frames of a sample, of the bytes of the file; `None` past the last one.
    pub(super) fn sample(&self, bytes: &[u8], index: usize) -> Option<Frames> {
        match self {
            Self::Frames(file) => file.sample(bytes, index),
            Self::Addresses(file) => file.sample(bytes, index),
        }
    }
}

/// `frames`, u8 or u16 `[N, T, …]`.
#[derive(Debug)]
pub(super) struct FrameFile {
    counts: Range<usize>,
    wide: bool,
    frames: usize,
    elements: usize,
}

impl FrameFile {
    /// The samples of `frames`, how many they are, and the shape of a frame.
    pub(super) fn open(
        entry: &Entry<'_>,
        counts: Range<usize>,
    ) -> Result<(Self, usize, Vec<usize>), DataError> {
        let wide = match entry.dtype {
            Dtype::U8 => false,
            Dtype::U16 => true,
            found => return Err(wrong_type("frames", found, "U8 or U16")),
        };
        match entry.shape.as_slice() {
            &[count, frames, ref sample @ ..] if !sample.is_empty() && !entry.shape.contains(&0) => {
                let elements = sample.iter().product();
                Ok((Self { counts, wide, frames, elements }, count, sample.to_vec()))
            }
            shape => Err(problem(format!(
                "`frames` has the shape {shape:?}; it should be [N, T, …], samples first, then their frames, and nothing empty"
            ))),
        }
    }

    fn sample(&self, bytes: &[u8], index: usize) -> Option<Frames> {
        let frame = self.elements.checked_mul(if self.wide { 2 } else { 1 })?;
        let size = frame.checked_mul(self.frames)?;
        let range = index.checked_mul(size)?..index.checked_add(1)?.checked_mul(size)?;
        let mut frames = Frames::empty(self.elements);
        for frame in bytes.get(self.counts.clone())?.get(range)?.chunks(frame) {
            if self.wide {
                let counts = frame.as_chunks().0;
                frames.push(counts.iter().map(|count| u16::from_le_bytes(*count).into()));
            } else {
                frames.push(frame.iter().map(|&count| count.into()));
            }
        }
        Some(frames)
    }
}

/// `offset` i64 `[N + 1]`, `t_us` i32 or i64 `[E]`, `xyp` u8 or u16 `[E, 3]`: the events of sample `i` are those from `offset[i]`
/// to `offset[i + 1]`.
#[derive(Debug)]
pub(super) struct AddressFile {
    offsets: Vec<usize>,
    times: Range<usize>,
    wide_times: bool,
    places: Range<usize>,
    wide_places: bool,
    /// Polarities, rows, columns.
    shape: [usize; 3],
    /// Product of the shape.
    elements: usize,
    /// Number of frames that a sample becomes.
    frames: usize,
}

/// Names of the tensors of address events.
pub(super) const ADDRESSES: [&str; 3] = ["offset", "t_us", "xyp"];

impl AddressFile {
    /// Looks through all events of a file whose tensors lie at `ranges`.
    pub(super) fn open(
        bytes: &[u8],
        tensors: [&Entry<'_>; 3],
        ranges: [Range<usize>; 3],
        shape: &[usize],
        frames: usize,
    ) -> Result<(Self, usize), DataError> {
        let [offset, time, place] = tensors;
        let elements = shape.iter().try_fold(1usize, |elements, &extent| elements.checked_mul(extent));
        let elements = elements.filter(|&elements| elements <= MAX_ELEMENTS);
        let (&[polarities, rows, columns], Some(elements)) = (shape, elements) else {
            return Err(problem(format!(
                "they make samples of [polarities, rows, columns], and the network takes {shape:?}"
            )));
        };
        let shape = [polarities, rows, columns];
        let wide_times = match time.dtype {
            Dtype::I32 => false,
            Dtype::I64 => true,
            found => return Err(wrong_type("t_us", found, "I32 or I64")),
        };
        let wide_places = match place.dtype {
            Dtype::U8 => false,
            Dtype::U16 => true,
            found => return Err(wrong_type("xyp", found, "U8 or U16")),
        };
        if offset.dtype != Dtype::I64 {
            return Err(wrong_type("offset", offset.dtype, "I64"));
        }
        let (&[_], &[events]) = (offset.shape.as_slice(), time.shape.as_slice()) else {
            return Err(problem(format!(
                "`offset` has the shape {:?} and `t_us` {:?}; they should be [N + 1] and [E]",
                offset.shape, time.shape
            )));
        };
        if place.shape != [events, 3] {
            return Err(problem(format!(
                "`xyp` has the shape {:?}, not [{events}, 3] as `t_us` has it",
                place.shape
            )));
        }
        let [_, times, places] = ranges;
        let offsets = offsets(offset, events)?;
        let count = offsets.len() - 1;
        let file = Self { offsets, times, wide_times, places, wide_places, shape, elements, frames };
        file.check(bytes, events)?;
        Ok((file, count))
    }

    /// Every event lies in the sample shape.
    fn check(&self, bytes: &[u8], events: usize) -> Result<(), DataError> {
        let [polarities, rows, columns] = self.shape;
        for (event, [x, y, p]) in self.places(bytes, 0..events).enumerate() {
            if x >= columns || y >= rows || p >= polarities {
                let sample = self.offsets.partition_point(|&offset| offset <= event).saturating_sub(1);
                return Err(DataError::EventPlace { sample, event, place: [x, y, p], shape: self.shape });
            }
        }
        Ok(())
    }

    /// Column, row and polarity of some events.
    fn places<'b>(
        &self,
        bytes: &'b [u8],
        events: Range<usize>,
    ) -> impl Iterator<Item = [usize; 3]> + use<'b> {
        let size = if self.wide_places { 6 } else { 3 };
        let bytes = bytes.get(self.places.clone()).unwrap_or_default();
        let bytes = bytes.get(events.start.saturating_mul(size)..events.end.saturating_mul(size));
        bytes.unwrap_or_default().chunks_exact(size).map(|place| {
            std::array::from_fn(|axis| match *place {
                [x, y, p] => usize::from([x, y, p][axis]),
                _ => place.as_chunks().0.get(axis).map_or(0, |number| u16::from_le_bytes(*number).into()),
            })
        })
    }

    /// Times of some events.
    fn times<'b>(
        &self,
        bytes: &'b [u8],
        events: Range<usize>,
    ) -> impl Iterator<Item = i64> + Clone + use<'b> {
        let size = if self.wide_times { 8 } else { 4 };
        let bytes = bytes.get(self.times.clone()).unwrap_or_default();
        let bytes = bytes.get(events.start.saturating_mul(size)..events.end.saturating_mul(size));
        bytes.unwrap_or_default().chunks_exact(size).map(|time| match time.first_chunk() {
            Some(wide) => i64::from_le_bytes(*wide),
            None => time.first_chunk().map_or(0, |time| i32::from_le_bytes(*time).into()),
        })
    }

    /// Frame `f` of `F` holds what lies in `[t0 + f·d/F, t0 + (f + 1)·d/F)`, where `t0` is the time of the sample's first event and `d`
    /// is one microsecond more than it lasts: the last event is in the last frame, and order does not matter.
    fn sample(&self, bytes: &[u8], index: usize) -> Option<Frames> {
        let events = *self.offsets.get(index)?..*self.offsets.get(index.checked_add(1)?)?;
        let [_, rows, columns] = self.shape;
        let times = self.times(bytes, events.clone());
        let (first, last) = (times.clone().min().unwrap_or(0), times.clone().max().unwrap_or(0));
        let duration = i128::from(last) - i128::from(first) + 1;
        let frame =
            |time: i64| ((i128::from(time) - i128::from(first)) * self.frames as i128 / duration) as u64;
        let keys = times
            .zip(self.places(bytes, events))
            .map(|(time, [x, y, p])| (frame(time), ((p * rows + y) * columns + x) as u32))
            .collect();
        Some(Frames::from_events(self.elements, self.frames, keys))
    }
}

/// Where each sample begins, and the end of the last one.
fn offsets(entry: &Entry<'_>, events: usize) -> Result<Vec<usize>, DataError> {
    let values = entry.bytes.as_chunks().0.iter().map(|offset| i64::from_le_bytes(*offset));
    let offsets: Option<Vec<usize>> = values.map(|offset| usize::try_from(offset).ok()).collect();
    let ascends = |offsets: &Vec<usize>| {
        offsets.len() >= 2
            && offsets.first() == Some(&0)
            && offsets.last() == Some(&events)
            && offsets.is_sorted()
    };
    offsets.filter(ascends).ok_or_else(|| {
        problem(format!(
            "`offset` should ascend from 0 to the number of events, {events}, with one sample at least"
        ))
    })
}

/// The tensors of address events, if all are there.
pub(super) fn addresses<'a, 'e>(tensors: &'a BTreeMap<String, Entry<'e>>) -> Option<[&'a Entry<'e>; 3]> {
    let [offset, time, place] = ADDRESSES.map(|name| tensors.get(name));
    Some([offset?, time?, place?])
}

fn wrong_type(tensor: &'static str, found: Dtype, wanted: &'static str) -> DataError {
    DataError::Type { tensor, found: found.to_string(), wanted }
}

pub(super) fn problem(problem: String) -> DataError {
    DataError::Events { problem }
}

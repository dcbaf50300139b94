//! The weights file: safetensors, memory-mapped, read without copying.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;
use safetensors::tensor::{SafeTensorError, SafeTensors};

pub use safetensors::Dtype;

use crate::diagnostic::{Finding, FindingId};

/// Why a safetensors file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be opened or mapped.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is truncated, damaged, or no safetensors file at all.
    #[error("{path} is not a complete safetensors file: {source}")]
    Format {
        /// The file.
        path: String,
        /// What the header lacks.
        source: SafeTensorError,
    },
}

impl From<WeightsError> for Finding {
    fn from(error: WeightsError) -> Self {
        let help = match &error {
            WeightsError::Io { .. } => "check the path and the permissions",
            WeightsError::Format { .. } => {
                "write it again with `safetensors.torch.save_file(model.state_dict(), path)`, and copy it whole"
            }
        };
        Self::new(FindingId::WeightsUnreadable, error.to_string()).help(help)
    }
}

/// A tensor in the file.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Sizes of all axes.
    pub shape: &'a [usize],
    /// The elements, little-endian, last axis fastest; not necessarily aligned.
    pub bytes: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// The elements as `f32`: borrowed where alignment and byte order of the machine allow it, else copied. `None` where
    /// the tensor has another element type.
    pub fn f32s(&self) -> Option<Cow<'a, [f32]>> {
        if self.dtype != Dtype::F32 {
            return None;
        }
        if cfg!(target_endian = "little")
            && let Ok(values) = bytemuck::try_cast_slice(self.bytes)
        {
            return Some(Cow::Borrowed(values));
        }
        let (values, _) = self.bytes.as_chunks::<4>();
        Some(Cow::Owned(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }
}

/// The bytes of a file.
#[derive(Debug)]
pub(super) enum Storage {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

/// An open safetensors file.
#[derive(Debug)]
pub struct Weights {
    storage: Storage,
    entries: BTreeMap<String, Entry>,
}

impl Weights {
    /// Maps a file and checks its header: offsets, sizes and total length.
    ///
    /// # Errors
    /// [`WeightsError`]; as a finding `weights-unreadable`.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let storage = Storage::map(path)
            .map_err(|source| WeightsError::Io { path: path.display().to_string(), source })?;
        Self::index(storage, path)
    }

    /// The same for a file that is in memory already; `name` is what errors call it.
    ///
    /// # Errors
    /// [`WeightsError::Format`].
    pub fn from_bytes(bytes: Vec<u8>, name: &Path) -> Result<Self, WeightsError> {
        Self::index(Storage::Owned(bytes), name)
    }

    fn index(storage: Storage, path: &Path) -> Result<Self, WeightsError> {
        let format = |source| WeightsError::Format { path: path.display().to_string(), source };
        let bytes = storage.bytes();
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let data = header + size_of::<u64>();
        let entries = metadata.tensors().into_iter().map(|(key, info)| {
            let (start, end) = info.data_offsets;
            (key, Entry { dtype: info.dtype, shape: info.shape.clone(), bytes: data + start..data + end })
        });
        let entries = entries.collect();
        Ok(Self { storage, entries })
    }

    /// A tensor by name.
    pub fn get(&self, key: &str) -> Option<TensorView<'_>> {
        let entry = self.entries.get(key)?;
        let bytes = self.storage.bytes().get(entry.bytes.clone())?;
        Some(TensorView { dtype: entry.dtype, shape: &entry.shape, bytes })
    }

    /// Where a tensor's elements are in the whole file, which [`AsRef`] gives.
    pub fn range(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(|entry| entry.bytes.clone())
    }

    /// All names in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.keys().map(String::as_str)
    }
}

/// The whole file.
impl AsRef<[u8]> for Weights {
    fn as_ref(&self) -> &[u8] {
        self.storage.bytes()
    }
}

impl Storage {
    /// A whole file.
    pub(super) fn map(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        // An empty file and a pipe cannot be mapped; whoever reads the content gives the better reason.
        if file.metadata()?.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: a private read-only mapping. Should another process shorten the file meanwhile, the system ends ours
        // with a bus error; it cannot corrupt memory. Every user of mapped model files accepts that.
        unsafe { Mmap::map(&file) }.map(Self::Mapped)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one tensor `t`, padded so that the data begins at an offset of `skew` modulo 8.
    fn file(dtype: &str, shape: &str, data: &[u8], skew: usize) -> Vec<u8> {
        let mut header =
            format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#, data.len());
        while header.len() % 8 != skew {
            header.push(' ');
        }
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn open(bytes: &[u8]) -> Result<Weights, WeightsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.safetensors");
        std::fs::write(&path, bytes).unwrap();
        Weights::open(&path)
    }

    #[test]
    fn aligned_values_are_borrowed_and_unaligned_ones_copied() {
        let data: Vec<u8> = [1.0_f32, -2.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        for (skew, borrowed) in [(0, true), (4, true), (1, false), (2, false)] {
            let weights = open(&file("F32", "[2]", &data, skew)).unwrap();
            let values = weights.get("t").unwrap().f32s().unwrap();
            assert_eq!(*values, [1.0, -2.5]);
            assert_eq!(matches!(values, Cow::Borrowed(_)), borrowed, "skew {skew}");
        }
    }

    #[test]
    fn other_types_are_shown_as_they_are() {
        let weights = open(&file("U8", "[1, 3]", &[7, 8, 9], 0)).unwrap();
        let tensor = weights.get("t").unwrap();
        assert_eq!(
            (tensor.dtype, tensor.shape, tensor.bytes),
            (Dtype::U8, [1, 3].as_slice(), [7, 8, 9].as_slice())
        );
        assert!(tensor.f32s().is_none());
        assert!(weights.get("u").is_none());
        assert_eq!(weights.keys().collect::<Vec<_>>(), ["t"]);
    }

    #[test]
    fn damaged_files_are_refused_with_a_reason() {
        let good = file("F32", "[2]", &[0; 8], 0);
        for length in 0..good.len() {
            assert!(open(&good[..length]).is_err(), "truncated to {length} bytes");
        }
        let hostile = [
            file("F32", "[3]", &[0; 8], 0),
            file("F32", "[4611686018427387904, 8]", &[0; 8], 0),
            file("F99", "[2]", &[0; 8], 0),
            file("F32", &"[".repeat(10_000), &[0; 8], 0),
            vec![0xff; 64],
            b"PK\x03\x04 this is a zip archive, as torch.save writes it".to_vec(),
        ];
        for bytes in hostile {
            let finding = Finding::from(open(&bytes).unwrap_err());
            assert_eq!(finding.id, FindingId::WeightsUnreadable);
        }
    }

    #[test]
    fn a_missing_file_or_a_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Weights::open(dir.path()), Err(WeightsError::Io { .. })));
        assert!(matches!(Weights::open(&dir.path().join("none")), Err(WeightsError::Io { .. })));
    }
}

//! NumPy's archives of arrays, `.npz`: a zip archive with one `.npy` file an array.
//!
//! The `zip` crate is built without a decompressor, because other archives have no business with one. Here entries are inflated up to
//! the size that the manifest states and not a byte further.

use std::{
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use flate2::read::DeflateDecoder;
use npyz::{NpyFile, Order};
use zip::{CompressionMethod, ZipArchive};

use super::{
    error::ReplayError,
    manifest::{ArrayEntry, Case},
};

/// Largest header of an array, in bytes. NumPy writes 118.
const MAX_HEADER: usize = 1024;

/// An open archive.
pub(super) struct Arrays<'a> {
    path: PathBuf,
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

/// An array of integers, row-major. Unsigned ones of 64 bits are kept bit by bit.
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<i64>,
}

impl<'a> Arrays<'a> {
    pub(super) fn open(path: &Path, bytes: &'a [u8]) -> Result<Self, ReplayError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| ReplayError::Array {
            path: path.to_owned(),
            array: "*".to_owned(),
            reason: format!("no archive of arrays: {error}"),
        })?;
        Ok(Self { path: path.to_owned(), zip })
    }

    /// An array of a case; `None` if the manifest lists none of this name.
    pub(super) fn optional(&mut self, case: &Case, name: &str) -> Result<Option<Array>, ReplayError> {
        let Some(entry) = case.arrays.get(name) else { return Ok(None) };
        let array = format!("{}.{name}", case.id);
        self.read(&array, entry).map(Some).map_err(|reason| ReplayError::Array {
            path: self.path.clone(),
            array,
            reason,
        })
    }

    /// An array that a case must have.
    pub(super) fn get(&mut self, case: &Case, name: &str) -> Result<Array, ReplayError> {
        self.optional(case, name)?.ok_or_else(|| ReplayError::Case {
            case: case.id.clone(),
            reason: format!("it has no array `{name}`"),
        })
    }

    fn read(&mut self, array: &str, entry: &ArrayEntry) -> Result<Array, String> {
        let index = self.zip.index_for_name(&format!("{array}.npy")).ok_or("it is not in the archive")?;
        let file = self.zip.by_index_raw(index).map_err(|error| error.to_string())?;
        let width = match entry.dtype.as_str() {
            "int8" => 1,
            "int16" => 2,
            "int32" => 4,
            "int64" | "uint64" => 8,
            other => return Err(format!("elements `{other}` are not read")),
        };
        let count: usize = entry.shape.iter().product();
        let limit = (count * width + MAX_HEADER) as u64;
        let compression = file.compression();
        let mut bytes = vec![];
        let result = match compression {
            CompressionMethod::Stored => file.take(limit + 1).read_to_end(&mut bytes),
            CompressionMethod::DEFLATE => DeflateDecoder::new(file).take(limit + 1).read_to_end(&mut bytes),
            other => return Err(format!("compression {other} is not read")),
        };
        result.map_err(|error| error.to_string())?;
        if bytes.len() as u64 > limit {
            return Err("it is larger than the manifest says".to_owned());
        }
        check_header(&bytes)?;
        let file = NpyFile::new(bytes.as_slice()).map_err(|error| error.to_string())?;
        let shape: Vec<usize> =
            file.shape().iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
        if shape != entry.shape {
            return Err(format!("its shape is {shape:?} and the manifest says {:?}", entry.shape));
        }
        if file.order() != Order::C && shape.len() > 1 {
            return Err("its order is that of Fortran, which is not read".to_owned());
        }
        let found = file.dtype().descr();
        let values: std::io::Result<Vec<i64>> = match (entry.dtype.as_str(), found.trim_matches('\'')) {
            ("int8", "|i1" | "<i1") => file.into_vec::<i8>().map(|v| v.into_iter().map(Into::into).collect()),
            ("int16", "<i2") => file.into_vec::<i16>().map(|v| v.into_iter().map(Into::into).collect()),
            ("int32", "<i4") => file.into_vec::<i32>().map(|v| v.into_iter().map(Into::into).collect()),
            ("int64", "<i8") => file.into_vec::<i64>(),
            ("uint64", "<u8") => file.into_vec::<u64>().map(|v| v.into_iter().map(|x| x as i64).collect()),
            (wanted, found) => {
                return Err(format!("its elements are `{found}` and the manifest says `{wanted}`"));
            }
        };
        let values = values.map_err(|error| error.to_string())?;
        if values.len() != count {
            return Err(format!("it has {} values of {count}", values.len()));
        }
        Ok(Array { shape, values })
    }
}

/// The header is a Python literal, whose reader recurses into brackets: none of NumPy's has many.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    let length = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, ..] => {
            usize::from(u16::from_le_bytes([*low, *high]))
        }
        _ => return Err("it does not begin as an array of NumPy does".to_owned()),
    };
    let header = bytes.get(10..10 + length).filter(|header| header.len() < MAX_HEADER);
    let header = header.ok_or("its header is cut off, or longer than any of NumPy's")?;
    if header.iter().filter(|byte| b"([{".contains(byte)).count() > 8 {
        return Err("its header is none of NumPy's".to_owned());
    }
    Ok(())
}

impl Array {
    /// All values as 32-bit integers.
    pub(super) fn narrow(&self, case: &Case, name: &str) -> Result<Vec<i32>, ReplayError> {
        let narrow = |&value: &i64| {
            i32::try_from(value).map_err(|_| ReplayError::Case {
                case: case.id.clone(),
                reason: format!("array `{name}` has {value}, which does not fit 32 bits"),
            })
        };
        self.values.iter().map(narrow).collect()
    }

    /// Bits packed along rows of `n`, lowest bit first.
    pub(super) fn unpack(&self, n: usize) -> Vec<i64> {
        let row = n.div_ceil(8).max(1);
        let bit = |bytes: &[i64], index: usize| {
            bytes.get(index / 8).map_or(0, |byte| (*byte as u8 >> (index % 8)) as i64 & 1)
        };
        self.values.chunks(row).flat_map(|bytes| (0..n).map(move |index| bit(bytes, index))).collect()
    }
}

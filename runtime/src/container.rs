//! The safetensors container, read so that no header can make us panic.
//!
//! `safetensors` parses and checks the header. Its own entry points then add the header's sizes up without a check and
//! slice by the result, which a hostile file can make overflow; here every sum is checked and every slice is a `get`.

use std::collections::BTreeMap;

use safetensors::{Dtype, tensor::Metadata};

/// Bytes of the little-endian header length at the start of the file.
const LENGTH_BYTES: usize = 8;
/// The longest header that the format allows.
const MAX_HEADER_BYTES: usize = 100_000_000;

/// Why bytes are not a safetensors container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContainerError {
    /// The file ends before what its header announces.
    Truncated { expected: usize, found: usize },
    /// The bytes are no safetensors container.
    NotSafetensors(String),
}

/// One tensor of a container.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: &'a [u8],
}

/// A parsed container: free-form metadata and tensors by name.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tensors: BTreeMap<String, Entry<'a>>,
}

impl<'a> Container<'a> {
    /// Parses a whole file.
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self, ContainerError> {
        let truncated = |expected| ContainerError::Truncated { expected, found: file.len() };
        let not_ours = |why: &dyn std::fmt::Display| ContainerError::NotSafetensors(why.to_string());

        let (length, rest) =
            file.split_first_chunk::<LENGTH_BYTES>().ok_or_else(|| truncated(LENGTH_BYTES))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_HEADER_BYTES {
            return Err(not_ours(&"the header length is out of range"));
        }
        // The first byte tells a cut-off container from a file of another kind.
        if rest.first().is_some_and(|&byte| byte != b'{') {
            return Err(not_ours(&"the header is no JSON object"));
        }
        let (header, data) = rest.split_at_checked(length).ok_or_else(|| truncated(LENGTH_BYTES + length))?;
        let header: Metadata = serde_json::from_slice(header).map_err(|error| not_ours(&error))?;

        let expected = header.data_len();
        if data.len() < expected {
            return Err(truncated(expected.saturating_add(LENGTH_BYTES + length)));
        }
        if data.len() > expected {
            return Err(not_ours(&format_args!("{} bytes follow the last tensor", data.len() - expected)));
        }
        let mut tensors = BTreeMap::new();
        for (name, info) in header.tensors() {
            let bytes = data
                .get(info.data_offsets.0..info.data_offsets.1)
                .ok_or_else(|| not_ours(&format_args!("tensor `{name}` lies outside of the file")))?;
            tensors.insert(name, Entry { dtype: info.dtype, shape: info.shape.clone(), bytes });
        }
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        Ok(Self { metadata, tensors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 7);
        bytes
    }

    #[test]
    fn sizes_that_overflow_when_added_are_refused() {
        // Eight tensors of 2^61 − 1 bytes: each is fine, the sum and the header length are not.
        let size = (1u64 << 61) - 1;
        let tensors: Vec<String> = (0..8)
            .map(|i| {
                format!(
                    r#""t{i}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{},{}]}}"#,
                    size * i,
                    size * (i + 1)
                )
            })
            .collect();
        let error = Container::parse(&file(&format!("{{{}}}", tensors.join(",")), 4)).unwrap_err();
        assert!(matches!(error, ContainerError::Truncated { .. }), "{error:?}");
    }

    #[test]
    fn a_good_file_parses_and_one_byte_less_or_more_does_not() {
        let header = r#"{"a":{"dtype":"I16","shape":[3],"data_offsets":[0,6]}}"#;
        let container_bytes = file(header, 6);
        let container = Container::parse(&container_bytes).unwrap();
        assert_eq!(container.tensors["a"].shape, [3]);
        assert!(matches!(Container::parse(&file(header, 5)), Err(ContainerError::Truncated { .. })));
        assert!(matches!(Container::parse(&file(header, 7)), Err(ContainerError::NotSafetensors(_))));
    }

    #[test]
    fn other_files_are_not_ours() {
        for bytes in
            [&b"\x7fELF\x02\x01\x01\0\0\0\0\0"[..], b"PK\x03\x04 and more", &[0; 64], b"{\"text\": \"json\"}"]
        {
            assert!(matches!(Container::parse(bytes), Err(ContainerError::NotSafetensors(_))), "{bytes:?}");
        }
    }
}

//! What kind of model a file is, told by its content.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::pt2::WAYS_IN;
use crate::diagnostic::{Finding, FindingId};

/// A kind of file that holds a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A graph description (.ncg), whose weights are in a file of their own.
    Graph,
    /// A `torch.export` archive (.pt2).
    Archive,
}

impl Format {
    /// Looks at the beginning of a file.
    ///
    /// # Errors
    /// `file-unreadable`; `model-format` for ONNX and for pickled files.
    pub fn of(path: &Path) -> Result<Self, Finding> {
        let name = path.display();
        let unreadable =
            |error| Finding::new(FindingId::FileUnreadable, format!("cannot read {name}: {error}"));
        let mut start = Vec::new();
        File::open(path).map_err(unreadable)?.take(64).read_to_end(&mut start).map_err(unreadable)?;
        let other = |what: &str| {
            Finding::new(FindingId::ModelFormat, format!("{name} is {what}, which is not read")).help(WAYS_IN)
        };
        let ends = |ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
        match start.as_slice() {
            // The end of an archive without entries begins so too.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Ok(Self::Archive),
            // Protocol 2 to 5 of pickle; `torch.save` before 1.6.
            [0x80, 2..=5, ..] => Err(other("a pickled PyTorch file")),
            // Protobuf: the version of the format, then the producer's name or the opset.
            [0x08, 1..=0x20, 0x12 | 0x3a | 0x42, ..] => Err(other("an ONNX file")),
            _ if ends("onnx") => Err(other("an ONNX file")),
            _ => Ok(Self::Graph),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, bytes: &[u8]) -> Result<Format, FindingId> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Format::of(&path).map_err(|finding| finding.id)
    }

    #[test]
    fn content_tells_and_not_the_ending() {
        assert_eq!(of("a.ncg", b"PK\x03\x04"), Ok(Format::Archive));
        assert_eq!(of("a.pt2", b"graph @g"), Ok(Format::Graph));
        assert_eq!(of("a.pt2", b""), Ok(Format::Graph));
        assert_eq!(of("a.onnx", b"anything"), Err(FindingId::ModelFormat));
        assert_eq!(of("a.ncg", b"\x08\x07\x12\x07pytorch"), Err(FindingId::ModelFormat));
        assert_eq!(of("a.pth", b"\x80\x02}q\x00."), Err(FindingId::ModelFormat));
        assert_eq!(Format::of(Path::new("/nonexistent/x")).unwrap_err().id, FindingId::FileUnreadable);
    }
}

//! Memory-mapped files; the only room of this crate with unsafe code of its own.

use std::{fs::File, io, path::Path};

use memmap2::Mmap;

/// The bytes of a file, mapped read-only.
#[derive(Debug)]
pub(crate) enum MappedFile {
    /// A mapping.
    Mapped(Mmap),
    /// An empty file, which some systems refuse to map.
    Empty,
}

impl MappedFile {
    /// Maps a regular file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if metadata.len() == 0 {
            return Ok(Self::Empty);
        }
        // SAFETY: `Mmap` asks that nobody shortens or changes the file while it is mapped. We never do (artifacts are
        // replaced by renaming, which leaves a mapped file alone), and a file that somebody else rewrites in place
        // during a run is beyond what any reader of shared files can promise.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self::Mapped(map))
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Empty => &[],
        }
    }
}

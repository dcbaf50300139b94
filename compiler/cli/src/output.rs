//! What commands write: files, whole or not at all, and standard output that may be closed early.

use crate::failure::Failure;
use serde::Serialize;
use std::{io::Write, path::Path};

/// Writes `value` as JSON; the file is there whole or not at all.
pub fn json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(Failure::input)?;
    bytes.push(b'\n');
    file(path, &bytes)
}

/// Writes a file under a temporary name and renames it.
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fail = |error: std::io::Error| Failure::input(format!("cannot write {}: {error}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// Prints a line. A reader that went away, as `head` does, is no failure.
pub fn line(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

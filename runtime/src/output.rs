//! Files that are there whole or not at all.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Writes a file under a temporary name in the same folder and renames it. A device or a pipe is written to as it is.
///
/// # Errors
///
/// If the folder cannot be written, or `path` is a folder.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Ok(metadata) = fs::metadata(path) {
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        // Renaming over `/dev/null` or a pipe would replace the device by a file.
        if !metadata.is_file() {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".neurocuda-");
    // Temporary files are private by default; an output gets the rights of any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

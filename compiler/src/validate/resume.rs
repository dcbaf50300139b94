//! Validation that survives an interruption: finished chunks on disk, one JSON line each.

use super::tally::Tally;
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// The chunks that are done.
#[derive(Debug, Default)]
pub struct Journal {
    path: Option<PathBuf>,
    file: Option<File>,
}

impl Journal {
    /// Opens the journal called after `key`, which names everything the result depends on, and reads the chunks in it. Without a
    /// folder, or where one cannot be written, nothing is kept.
    pub fn open(folder: Option<&Path>, key: &str) -> (Self, Vec<Tally>) {
        let Some(folder) = folder else { return (Self::default(), vec![]) };
        let path = folder.join(format!("validate-{key}.jsonl"));
        let done = File::open(&path).map(|file| read(BufReader::new(file))).unwrap_or_default();
        let file = std::fs::create_dir_all(folder)
            .and_then(|()| {
                // A line that an interruption cut short must not run into the next.
                let mut file = File::create(&path)?;
                for tally in &done {
                    write(&mut file, tally)?;
                }
                OpenOptions::new().append(true).open(&path)
            })
            .ok();
        (Self { path: Some(path), file }, done)
    }

    /// Notes a finished chunk.
    pub fn push(&mut self, tally: &Tally) {
        if let Some(file) = &mut self.file {
            // What cannot be noted is only run again after an interruption.
            drop(write(file, tally));
        }
    }

    /// Removes the journal: everything is done.
    pub fn finish(self) {
        if let Some(path) = self.path {
            drop(std::fs::remove_file(path));
        }
    }
}

fn read(lines: impl BufRead) -> Vec<Tally> {
    lines.lines().map_while(|line| serde_json::from_str(&line.ok()?).ok()).collect()
}

fn write(file: &mut File, tally: &Tally) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(tally).map_err(std::io::Error::other)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_dropped_and_whole_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, done) = Journal::open(Some(folder.path()), "key");
        assert!(done.is_empty());
        let chunk = Tally { images: 250, ..Tally::default() };
        journal.push(&chunk);
        journal.push(&chunk);
        drop(journal);
        let path = folder.path().join("validate-key.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 10]).unwrap();
        let (mut journal, done) = Journal::open(Some(folder.path()), "key");
        assert_eq!(done, std::slice::from_ref(&chunk));
        journal.push(&chunk);
        drop(journal);
        let (journal, done) = Journal::open(Some(folder.path()), "key");
        assert_eq!(done.len(), 2);
        journal.finish();
        assert!(!path.exists());
    }
}

//! A graph file in memory, and places in it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Finding, FindingId};

/// Largest graph file accepted, in bytes. A graph of a thousand layers has about a hundred thousand.
pub const MAX_SOURCE_BYTES: usize = 16 << 20;

/// A half-open range of byte offsets in the graph file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range from `start` up to and without `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A place for people: both counts begin at 1, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The text of a graph file with its name.
#[derive(Clone, Debug)]
pub struct SourceFile {
    name: String,
    generated: bool,
    text: String,
    line_starts: Vec<usize>,
    /// Offsets of the bytes that begin no character. Columns are counted for every node, and counting characters afresh
    /// each time would take quadratic time on a file of one long line.
    continuations: Vec<usize>,
}

impl SourceFile {
    /// Text that is in memory already; `name` is what findings call the file.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        let line_starts = line_starts.collect();
        let continuations =
            text.bytes().enumerate().filter(|(_, b)| b & 0xC0 == 0x80).map(|(i, _)| i).collect();
        Self { name: name.into(), generated: false, text, line_starts, continuations }
    }

    /// The same for text that was made from a file of another kind, which `name` is.
    pub fn generated(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { generated: true, ..Self::new(name, text) }
    }

    /// Whether the text is in no file of the user's.
    pub fn is_generated(&self) -> bool {
        self.generated
    }

    /// Reads a graph file.
    ///
    /// # Errors
    /// `file-unreadable` where the file cannot be opened or is not UTF-8, `file-too-large` above [`MAX_SOURCE_BYTES`].
    pub fn open(path: &Path) -> Result<Self, Finding> {
        let name = path.display().to_string();
        let unreadable =
            |reason: String| Finding::new(FindingId::FileUnreadable, format!("cannot read {name}: {reason}"));
        let file = File::open(path).map_err(|e| unreadable(e.to_string()))?;
        let mut bytes = Vec::new();
        // The limit is on what is read, not on the length that the file system states: pipes and devices have none.
        file.take(MAX_SOURCE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| unreadable(e.to_string()))?;
        if bytes.len() > MAX_SOURCE_BYTES {
            let message = format!("{name} is larger than {} MiB", MAX_SOURCE_BYTES >> 20);
            return Err(Finding::new(FindingId::FileTooLarge, message)
                .help("a graph description is text without weights; is this the weights file?"));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let offset = e.utf8_error().valid_up_to();
            unreadable(format!("byte {offset} is not UTF-8 text"))
                .help("a graph description is text without weights; is this the weights file?")
        })?;
        Ok(Self::new(name, text))
    }

    /// The file's name as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset; an offset past the end is taken as the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_start(line);
        let before = |offset: usize| self.continuations.partition_point(|c| *c < offset);
        Position { line, column: offset - start - (before(offset) - before(start)) + 1 }
    }

    /// Byte range of a line, counted from 1, without its line break.
    pub(super) fn line(&self, line: usize) -> Span {
        let start = self.line_start(line);
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        Span::new(start, end.max(start))
    }

    fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let source = SourceFile::new("t", "ab\nä=é x\n\nz");
        let at = |offset| {
            let Position { line, column } = source.position(offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(source.text().find('x').unwrap()), (2, 5));
        assert_eq!(at(source.text().len()), (4, 2));
        assert_eq!(at(9999), (4, 2));
        assert_eq!(source.line(2), Span::new(3, 10));
        assert_eq!(source.line(3), Span::new(11, 11));
        assert_eq!(source.line(4), Span::new(12, 13));
    }

    #[test]
    fn binary_and_missing_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.ncg");
        assert_eq!(SourceFile::open(&path).unwrap_err().id, FindingId::FileUnreadable);
        std::fs::write(&path, b"graph \xff").unwrap();
        let finding = SourceFile::open(&path).unwrap_err();
        assert_eq!(finding.id, FindingId::FileUnreadable);
        assert!(finding.message.contains("byte 6"), "{}", finding.message);
    }

    #[test]
    fn large_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.ncg");
        let text = vec![b' '; MAX_SOURCE_BYTES];
        std::fs::write(&path, &text).unwrap();
        assert_eq!(SourceFile::open(&path).unwrap().text().len(), MAX_SOURCE_BYTES);
        std::fs::write(&path, [text, vec![b' ']].concat()).unwrap();
        assert_eq!(SourceFile::open(&path).unwrap_err().id, FindingId::FileTooLarge);
    }
}

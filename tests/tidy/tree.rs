//! The project's files, and the code in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold the project's text.
const FOLDERS: &[&str] = &[
    ".cargo",
    ".ci",
    ".github",
    "compiler",
    "dialects",
    "docs",
    "lit-tests",
    "ptx",
    "python",
    "runtime",
    "scripts",
    "tests",
];

/// Written by programs, not kept in git.
const GENERATED: &[&str] = &["target", "__pycache__", "proptest-regressions"];

/// A text file of the project.
pub struct File {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout is there")
}

/// Every text file of the project; files that are no UTF-8, such as weights, are left out.
pub fn files() -> Vec<File> {
    let root = root();
    let mut files = Vec::new();
    for entry in fs::read_dir(&root).expect("the root can be read").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() || FOLDERS.contains(&name.as_str()) {
            collect(&root, &entry.path(), &mut files);
        }
    }
    assert!(files.len() > 100, "the project was not found at {}", root.display());
    files.sort_by(|a: &File, b| a.path.cmp(&b.path));
    files
}

fn collect(root: &Path, path: &Path, files: &mut Vec<File>) {
    let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
    if GENERATED.iter().any(|name| relative == *name || relative.ends_with(&format!("/{name}"))) {
        return;
    }
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("the folder can be read");
        entries.for_each(|entry| collect(root, &entry.expect("an entry").path(), files));
    } else if let Ok(text) = fs::read_to_string(path) {
        files.push(File { path: relative, text });
    }
}

/// The Rust files of the workspace's crates.
pub fn sources() -> impl Iterator<Item = File> {
    let crates = ["compiler/", "dialects/", "runtime/", "ptx/"];
    files().into_iter().filter(move |file| {
        file.path.ends_with(".rs") && crates.iter().any(|folder| file.path.starts_with(folder))
    })
}

impl File {
    /// Whether the whole file is test code.
    fn is_test(&self) -> bool {
        let path = &self.path;
        ["/tests/", "/testing/"].iter().any(|folder| path.contains(folder))
            || path.ends_with("/tests.rs")
            || path.ends_with("/testing.rs")
    }

    /// Line number and text of the code that is neither test nor comment. Modules of tests stand at the end of a file.
    pub fn code(&self) -> Vec<(usize, &str)> {
        if self.is_test() {
            return vec![];
        }
        let lines = self.text.lines().collect::<Vec<_>>();
        let is_test_module = |index: usize| {
            lines[index] == "#[cfg(test)]" && lines.get(index + 1).is_some_and(|next| next.ends_with('{'))
        };
        let end = (0..lines.len()).find(|&index| is_test_module(index)).unwrap_or(lines.len());
        let numbered = lines[..end].iter().enumerate().map(|(index, line)| (index + 1, *line));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
    }
}

/// Fails with all findings, one a line.
pub fn none(findings: Vec<String>, rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n{}", findings.join("\n"));
}

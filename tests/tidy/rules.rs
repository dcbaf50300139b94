//! Rules of the source text.

use crate::tree::{files, none, root, sources};

/// Longest file, in lines.
const LONGEST: usize = 600;

/// Files that may be longer, with the reason.
const LONGER: &[(&str, &str)] =
    &[("Cargo.lock", "written by cargo"), ("docs/src/reference/ops.md", "generated, a section for each op")];

/// Files with `unsafe` code, tests apart, and what it is for.
const UNSAFE: &[(&str, &str)] = &[
    ("compiler/src/import/weights.rs", "maps the weights file"),
    ("compiler/src/mlir.rs", "what melior does not offer of MLIR"),
    ("compiler/src/module_text.rs", "parses a text under its file's name"),
    ("dialects/src/resource.rs", "tensors over memory of our own"),
    ("dialects/src/tensor.rs", "elements of tensor attributes"),
    ("ptx/interpreter/launcher/src/lib.rs", "a C interface"),
    ("ptx/plugin/abi/src/lib.rs", "declares a C interface"),
    ("ptx/plugin/src/driver.rs", "calls the CUDA driver"),
    ("ptx/plugin/src/events.rs", "calls the CUDA driver"),
    ("ptx/plugin/src/gpu.rs", "calls the CUDA driver"),
    ("ptx/plugin/src/graphs.rs", "calls the CUDA driver"),
    ("ptx/plugin/src/interface.rs", "a C interface"),
    ("ptx/plugin/src/kernels.rs", "calls the CUDA driver"),
    ("ptx/plugin/src/launch.rs", "a C interface"),
    ("ptx/plugin/src/lib.rs", "a C interface"),
    ("ptx/plugin/src/staging.rs", "calls the CUDA driver"),
    ("runtime/src/gpu/plugin.rs", "calls the launcher's C interface"),
    ("runtime/src/mapped_file.rs", "maps a file"),
];

/// Whether `word` stands in `line` as a whole word.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').any(|part| part == word)
}

/// Whether `line` has a string literal that is exactly `text`.
fn has_literal(line: &str, text: &str) -> bool {
    line.split('"').skip(1).step_by(2).any(|literal| literal == text)
}

#[test]
fn files_are_short() {
    let is_source = |path: &str| {
        [".rs", ".py", ".sh", ".mlir", ".md", ".pest", ".toml", ".yml"].iter().any(|end| path.ends_with(end))
    };
    let long = files().into_iter().filter(|file| {
        is_source(&file.path)
            && file.text.lines().count() > LONGEST
            && !LONGER.iter().any(|(path, _)| *path == file.path)
    });
    none(long.map(|file| file.path).collect(), "a file is one room, 600 lines at most");
}

#[test]
fn op_names_are_written_in_the_dialects_only() {
    let mut findings = Vec::new();
    for file in sources().filter(|file| !file.path.starts_with("dialects/")) {
        for (number, line) in file.code() {
            for name in neurocuda_dialects::op_infos().keys().filter(|name| has_literal(line, name)) {
                findings.push(format!("{}:{number}: \"{name}\"", file.path));
            }
        }
    }
    none(findings, "use the view's NAME, or its type");
}

#[test]
fn unsafe_code_stands_where_it_is_listed() {
    let mut findings = Vec::new();
    let mut used = Vec::new();
    for file in sources() {
        let lines = file.code().into_iter().filter(|(_, line)| has_word(line, "unsafe")).collect::<Vec<_>>();
        if UNSAFE.iter().any(|(path, _)| *path == file.path) {
            used.extend((!lines.is_empty()).then_some(file.path.clone()));
        } else {
            findings.extend(lines.iter().map(|(number, _)| format!("{}:{number}", file.path)));
        }
    }
    none(findings, "unsafe code outside the files that tests/tidy/rules.rs lists");
    assert_eq!(
        used,
        UNSAFE.iter().map(|(path, _)| *path).collect::<Vec<_>>(),
        "listed, and with unsafe code"
    );
}

#[test]
fn nothing_is_left_undone_or_without_a_place() {
    // Put together, so that this file does not hold them.
    let needles = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("Location::", "unknown"),
        concat!("dbg", "!("),
    ];
    let mut findings = Vec::new();
    for file in sources() {
        for (number, line) in file.code() {
            let found = needles.iter().filter(|needle| line.contains(**needle));
            findings.extend(found.map(|needle| format!("{}:{number}: {needle}", file.path)));
        }
    }
    none(findings, "stubs, and ops without a location, are for tests");
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let root = root();
    let root = root.to_string_lossy();
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("C:", "\\")];
    let mut findings = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            if line.contains(&*root) || homes.iter().any(|home| line.contains(home)) {
                findings.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(findings, "paths that exist on one machine only");
}

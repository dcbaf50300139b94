//! The page of error ids lists what the program can say, and nothing else.

use crate::tree::{files, none, sources};
use neurocuda_compiler::diagnostic::{FindingId, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// The page.
const PAGE: &str = "docs/src/errors.md";

/// What stands before a colon at the start of a literal and is no id.
const NO_IDS: &[&str] = &["error", "x"];

fn is_kebab(text: &str) -> bool {
    text.split('-').all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// The string literals of a line.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Ids that the sources state: what an `id()` gives, and what stands before the colon of a message.
fn stated() -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for file in sources() {
        let mut in_id = false;
        for (number, line) in file.code() {
            in_id = in_id && line != "    }" || line.contains("fn id(&self) -> &'static str");
            let in_message = |literal| {
                let (id, rest): (&str, &str) = str::split_once(literal, ':')?;
                (rest.starts_with(' ') && is_kebab(id) && !NO_IDS.contains(&id)).then_some(id)
            };
            for literal in literals(line) {
                let id = if in_id { Some(literal) } else { in_message(literal) };
                id.map(|id| ids.entry(id.to_owned()).or_insert_with(|| format!("{}:{number}", file.path)));
            }
        }
    }
    ids
}

/// Classes of the Python package whose first argument is an id.
const PYTHON: &[&str] = &[
    "NeurocudaError(",
    "UnsupportedModel(",
    "CompileFailed(",
    "BadData(",
    "MissingTorch(",
    "NotBuiltYet(",
    "Finding(",
];

/// Ids that the Python package states beside those of the compiler.
fn of_python() -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for file in files().into_iter().filter(|file| file.path.starts_with("python/neurocuda/")) {
        for class in PYTHON {
            for after in file.text.split(class).skip(1) {
                let id = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                id.filter(|id| is_kebab(id)).map(|id| ids.insert(id.to_owned(), file.path.clone()));
            }
        }
    }
    ids
}

fn page() -> String {
    files().into_iter().find(|file| file.path == PAGE).map(|file| file.text).expect("the page is there")
}

#[test]
fn every_id_is_documented() {
    let page = page();
    let documented =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect::<BTreeSet<_>>();
    let mut stated = stated();
    assert!(stated.len() > 20, "the sources were not read: {stated:?}");
    let of_python = of_python();
    assert!(of_python.len() > 5, "the Python package was not read: {of_python:?}");
    stated.extend(of_python);
    let findings = stated.iter().filter(|(id, _)| !documented.contains(id.as_str()));
    none(
        findings.map(|(id, place)| format!("{place}: `{id}`")).collect(),
        "ids that docs/src/errors.md lacks",
    );
    let known =
        |id: &str| stated.contains_key(id) || FindingId::ALL.iter().any(|finding| finding.as_str() == id);
    let unknown = documented.iter().filter(|id| !known(id)).map(|id| format!("`{id}`")).collect();
    none(unknown, "ids of docs/src/errors.md that nothing states");
}

#[test]
fn findings_are_documented_in_their_own_words() {
    let page = page();
    let row = |id: &FindingId| {
        let severity = match id.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        format!("| `{}` | {severity} | {} |", id.as_str(), id.meaning())
    };
    let missing =
        FindingId::ALL.iter().map(row).filter(|row| !page.lines().any(|line| line == row)).collect();
    none(missing, "rows that docs/src/errors.md lacks");
}

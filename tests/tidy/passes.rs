//! One name, four places: the pass, its file, its line in the list of passes, and its lit test.

use crate::tree::{files, none};
use neurocuda_compiler::passes;
use neurocuda_dialects::stage::Stage;
use std::collections::BTreeSet;

/// The dialect of a stage: `ann-integer` is one of `ann`.
fn dialect(stage: Stage) -> &'static str {
    stage.name().split('-').next().unwrap_or_default()
}

/// `<from>_to_<to>/<pass>` of every registered pass.
fn expected() -> BTreeSet<String> {
    let place = |registration: &neurocuda_compiler::pass::Registration| {
        let info = registration.info;
        let folder = info.from.map_or("any".to_owned(), |from| {
            format!("{}_to_{}", dialect(from), dialect(info.to.unwrap_or(from)))
        });
        format!("{folder}/{}", info.name.replace('-', "_"))
    };
    passes::ALL.iter().map(place).collect()
}

#[test]
fn passes_have_a_file_of_their_name_that_is_registered() {
    let mut found = BTreeSet::new();
    let mut findings = Vec::new();
    for file in files() {
        let Some(place) =
            file.path.strip_prefix("compiler/src/passes/").and_then(|path| path.strip_suffix(".rs"))
        else {
            continue;
        };
        if !file.text.contains("pub const INFO: PassInfo") {
            continue;
        }
        let name = place.rsplit('/').next().unwrap_or_default().replace('_', "-");
        if !file.text.contains(&format!("name: \"{name}\"")) {
            findings.push(format!("{}: INFO.name is not `{name}`", file.path));
        }
        if !file.text.starts_with(&format!("//! `{name}`: ")) {
            findings.push(format!("{}: does not begin with what `{name}` does", file.path));
        }
        found.insert(place.to_owned());
    }
    none(findings, "a pass is called as its file");
    assert_eq!(found, expected(), "files of passes, and passes of compiler/src/passes/mod.rs");
}

#[test]
fn passes_have_a_lit_test_with_an_error() {
    let twin = |place: &String| {
        let (folder, name) = place.split_once('/').expect("a folder and a name");
        format!("{}/{}", folder.replace('_', "-"), name.replace('_', "-"))
    };
    let expected = expected().iter().map(twin).collect::<BTreeSet<_>>();
    let mut found = BTreeSet::new();
    let mut findings = Vec::new();
    for file in files() {
        let Some(place) =
            file.path.strip_prefix("lit-tests/passes/").and_then(|path| path.strip_suffix(".mlir"))
        else {
            continue;
        };
        let name = place.rsplit('/').next().unwrap_or_default();
        if !file.text.lines().any(|line| line.contains("RUN:") && line.contains(name)) {
            findings.push(format!("{}: does not run `{name}`", file.path));
        }
        found.insert(place.to_owned());
    }
    none(findings, "a lit test runs its pass");
    assert_eq!(found, expected, "lit tests in lit-tests/passes, and passes");
}

#[test]
fn every_op_has_a_valid_and_an_invalid_use() {
    let mut findings = Vec::new();
    let files = files();
    for name in neurocuda_dialects::op_infos().keys() {
        let (dialect, _) = name.split_once('.').expect("a full name");
        for kind in ["valid", "invalid"] {
            let path = format!("lit-tests/dialects/{dialect}/{kind}.mlir");
            let text = files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
            if !text.lines().any(|line| !line.starts_with("//") && line.contains(&format!("\"{name}\"("))) {
                findings.push(format!("{path}: no use of `{name}`"));
            }
        }
    }
    none(findings, "every op is tested");
}

//! What the launcher takes from the driver.

use crate::support::library;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The launcher opens only if the driver has all of what it is linked to. Every line of `symbols.txt` was looked up in the
/// bindings that `cudarc` generates from the headers of CUDA 11.4 to 13.4: it stands in all of them under this name. A new
/// one is to be looked up in the same way.
#[test]
fn only_functions_that_all_drivers_have_are_needed() {
    let output = Command::new("nm")
        .args(["-D", "--undefined-only"])
        .arg(library("libneurocuda_cuda.so"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().filter_map(|line| line.split_whitespace().last());
    let needed = words.filter(|name| name.starts_with("cu")).collect::<BTreeSet<_>>();
    assert!(needed.len() > 20, "nm was not understood: {text}");
    let listed = Path::new(env!("CARGO_MANIFEST_DIR")).join("symbols.txt");
    let listed = fs::read_to_string(listed).unwrap();
    let unknown = needed.difference(&listed.lines().collect()).copied().collect::<Vec<_>>();
    assert!(unknown.is_empty(), "to be looked up, and then listed: {unknown:?}");
}

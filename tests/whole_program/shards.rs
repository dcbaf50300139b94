//! A test set validated in parts gives the report of the whole, and parts of something else give none.

use crate::support::{
    command::{Finished, neurocudac},
    tensors::{self, Tensor, bytes},
    tiny::Tiny,
};
use serde_json::Value;
use std::path::Path;

const IMAGES: usize = 620;

/// Writes images `range` of the test set.
fn data(path: &Path, range: std::ops::Range<usize>) {
    let (pixels, labels) = (bytes(2, IMAGES * 128), bytes(3, IMAGES));
    let labels = labels[range.clone()].iter().map(|byte| byte % 3).collect::<Vec<_>>();
    let images = &pixels[range.start * 128..range.end * 128];
    let count = range.len();
    tensors::write(
        path,
        &[Tensor::u8("images", &[count, 2, 8, 8], images), Tensor::u8("labels", &[count], &labels)],
    );
}

fn merge(tiny: &Tiny, parts: &[&str], more: &[&str]) -> Finished {
    let parts = parts.iter().map(|name| tiny.path(name)).collect::<Vec<_>>();
    let artifact = tiny.path("net.ncx");
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"merge", &artifact];
    arguments.extend(parts.iter().map(|path| path as &dyn AsRef<std::ffi::OsStr>));
    neurocudac(&arguments, more)
}

fn report(path: &Path) -> Value {
    let mut report = serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    for field in ["seconds", "peak_memory_mb"] {
        assert!(report.as_object_mut().unwrap().remove(field).is_some_and(|value| value.is_f64()), "{field}");
    }
    // The parts are other files than the whole, and another command made the report of them.
    for field in ["command", "data"] {
        assert!(report["provenance"].as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    report
}

#[test]
fn parts_give_the_report_of_the_whole() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    let text = |name: &str| tiny.path(name).display().to_string();
    data(&tiny.path("whole.safetensors"), 0..IMAGES);
    tiny.validate_on("whole.safetensors", &["--max-drop", "100", "--report", &text("whole.json")]).succeeds();
    for (part, first, end) in [("a", 0, 250), ("b", 250, 500), ("c", 500, IMAGES)] {
        data(&tiny.path("part.safetensors"), first..end);
        let more = ["--tallies", &text(&format!("{part}.json")), "--first", &first.to_string()];
        tiny.validate_on("part.safetensors", &more).succeeds();
    }
    let merged = text("merged.json");
    merge(&tiny, &["c.json", "a.json", "b.json"], &["--max-drop", "100", "--report", &merged]).succeeds();
    assert_eq!(report(Path::new(&merged)), report(&tiny.path("whole.json")));
    // A gate that fails, fails here too.
    merge(&tiny, &["a.json", "b.json"], &["--max-drop=-100"]).ends_with(1);

    merge(&tiny, &["a.json", "c.json"], &[]).ends_with(2).says("shard-gap");
    merge(&tiny, &["a.json", "a.json"], &[]).ends_with(2).says("shard-gap");
    merge(&tiny, &["a.json", "whole.json"], &[]).ends_with(2).says("shard-unreadable");
    data(&tiny.path("part.safetensors"), 250..IMAGES);
    let capped = ["--tallies", &text("capped.json"), "--first", "250", "--timesteps", "900"];
    tiny.validate_on("part.safetensors", &capped).succeeds();
    merge(&tiny, &["a.json", "capped.json"], &[]).ends_with(2).says("shard-mismatch");
    tiny.compile(&["--levels", "15"]).succeeds();
    merge(&tiny, &["a.json", "b.json", "c.json"], &[]).ends_with(2).says("shard-mismatch");
}

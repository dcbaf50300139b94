//! Archives of `torch.export`: the same artifact as from the two files that `import` makes, messages for programs, refusals.

use crate::support::{
    checkpoint::root,
    command::neurocudac,
    tensors::{self, Tensor},
};
use neurocuda_runtime::artifact::Artifact;
use serde_json::Value;
use std::path::PathBuf;

fn archive(name: &str) -> PathBuf {
    root().join("tests/data/pt2").join(name)
}

/// The lines on standard error.
fn lines(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn both_roads_give_the_same_artifact() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (graph, weights, calibration) = (path("g.ncg"), path("w.safetensors"), path("c.safetensors"));
    tensors::write(&calibration, &[Tensor::random("images", &[16, 2, 8, 8], 1)]);
    let residual = archive("residual.pt2");
    neurocudac(&[&"import", &residual, &"--graph", &graph, &"--weights", &weights], &[]).succeeds();
    let more = ["--no-cache"];
    let (one, two) = (path("one.ncx"), path("two.ncx"));
    let report = path("report.json");
    let from_archive: [&dyn AsRef<std::ffi::OsStr>; 8] =
        [&"compile", &residual, &"--calibrate", &calibration, &"-o", &one, &"--report", &report];
    let finished = neurocudac(&from_archive, &more).succeeds();
    assert!(finished.stdout.contains("import fidelity: 4 recorded samples"), "{}", finished.stdout);
    neurocudac(
        &[&"compile", &graph, &"--weights", &weights, &"--calibrate", &calibration, &"-o", &two],
        &more,
    )
    .succeeds();
    let (mut one_, mut two_) = (Artifact::read(&one).unwrap(), Artifact::read(&two).unwrap());
    assert!(one_.module_text().is_some_and(|text| String::from_utf8_lossy(text).contains("make.py")));
    assert!(!one_.module_text().is_some_and(|text| String::from_utf8_lossy(text).contains("/")));
    one_.manifest.provenance.clear();
    two_.manifest.provenance.clear();
    one_.write(path("one_")).unwrap();
    two_.write(path("two_")).unwrap();
    assert!(
        std::fs::read(path("one_")).unwrap() == std::fs::read(path("two_")).unwrap(),
        "the artifacts differ"
    );
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["import_fidelity"]["samples"], 4);
    // Either validates against either.
    neurocudac(&[&"validate", &two, &"--model", &residual, &"--data", &calibration], &more).succeeds();
}

#[test]
fn programs_get_one_object_a_line() {
    let finished = neurocudac(&[&"--messages", &"json", &"check", &archive("refused.pt2")], &[]).ends_with(2);
    let lines = lines(&finished.stderr);
    let lstm = lines.iter().find(|line| line["op"] == "aten.lstm.input").unwrap();
    for (field, value) in [
        ("kind", "finding"),
        ("id", "unsupported-op"),
        ("severity", "error"),
        ("layer", "lstm"),
        ("file", "make.py"),
    ] {
        assert_eq!(lstm[field], value);
    }
    assert_eq!(lstm["line"], 82);
    assert!(lstm["remedy"].is_string());
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["kind"], &last["id"], &last["exit"]),
        (&"failure".into(), &"findings".into(), &2.into())
    );
}

#[test]
fn failures_have_their_ids() {
    let failure = |arguments: &[&dyn AsRef<std::ffi::OsStr>]| {
        let finished = neurocudac(arguments, &["--messages", "json"]).ends_with(2);
        let lines = lines(&finished.stderr);
        lines.last().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let residual = archive("residual.pt2");
    assert_eq!(failure(&[&"check", &residual, &"--weights", &residual]), "input");
    assert_eq!(failure(&[&"check", &residual, &"--no-such-flag"]), "usage");
    assert_eq!(failure(&[&"check", &archive("make.py")]), "input");
    assert_eq!(failure(&[&"inspect", &residual]), "artifact-not-ours");
    let dir = tempfile::tempdir().unwrap();
    let onnx = dir.path().join("m.onnx");
    std::fs::write(&onnx, b"\x08\x07").unwrap();
    neurocudac(&[&"check", &onnx], &[]).ends_with(2).says("model-format").says(".pt2").says(".ncg");
    let graph = dir.path().join("g.ncg");
    neurocudac(&[&"import", &onnx, &"--graph", &graph, &"--weights", &graph], &[])
        .ends_with(2)
        .says("model-format");
    assert!(!graph.exists());
}

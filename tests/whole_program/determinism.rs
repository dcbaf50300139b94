//! The same input gives the same bytes: twice, with any number of threads, with the cache and without.

use crate::support::{
    checkpoint::Checkpoint,
    command::{Finished, neurocudac},
};
use serde_json::Value;
use std::path::Path;

fn compile(checkpoint: &Checkpoint, output: &Path, more: &[&str]) -> Finished {
    let Checkpoint { graph, weights, calibration, .. } = checkpoint;
    neurocudac(
        &[
            &"compile",
            graph,
            &"--weights",
            weights,
            &"--calibrate",
            calibration,
            &"--samples",
            &"60",
            &"-o",
            &output,
        ],
        more,
    )
    .succeeds()
}

/// A report without what may differ: time and memory.
fn report(path: &Path) -> Value {
    let mut report = serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    for field in ["seconds", "peak_memory_mb"] {
        assert!(report.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    report
}

fn check(checkpoint: &Checkpoint, schedule: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let cache = text("cache");
    let first = path("first.ncx");
    compile(checkpoint, &first, &["--schedule", schedule, "--threads", "1", "--no-cache"]);
    let expected = std::fs::read(&first).unwrap();
    let others = [
        ["--threads", "1", "--no-cache"].as_slice(),
        &["--threads", "2", "--no-cache"],
        &["--threads", "3", "--cache-dir", &cache],
        &["--threads", "2", "--cache-dir", &cache],
    ];
    for more in others {
        let other = path("other.ncx");
        compile(checkpoint, &other, &[more, &["--schedule", schedule]].concat());
        assert!(
            std::fs::read(&other).unwrap() == expected,
            "{} {schedule}: {more:?} gives other bytes",
            checkpoint.name
        );
    }
    // Otherwise the last compilation had nothing to find.
    assert!(path("cache").read_dir().unwrap().next().is_some(), "nothing was cached");

    for threads in ["1", "2"] {
        let report = text(&format!("report{threads}.json"));
        checkpoint
            .validate(&first, 12, &["--threads", threads, "--report", &report, "--max-drop", "50"])
            .succeeds();
        let outputs = path(&format!("outputs{threads}.safetensors"));
        let more = ["--limit", "12", "--trace", "--threads", threads];
        neurocudac(&[&"run", &first, &"--data", &checkpoint.test, &"-o", &outputs], &more).succeeds();
    }
    assert_eq!(report(&path("report1.json")), report(&path("report2.json")));
    let outputs = |threads: u32| std::fs::read(path(&format!("outputs{threads}.safetensors"))).unwrap();
    assert!(
        outputs(1) == outputs(2),
        "{} {schedule}: outputs depend on the number of threads",
        checkpoint.name
    );
}

#[test]
fn vgg_fashion() {
    check(&Checkpoint::vgg_fashion(), "st-bif");
}

#[test]
fn mlp_mnist() {
    let Some(checkpoint) = Checkpoint::shared("mlp_mnist") else { return };
    for schedule in ["st-bif", "hold-and-fire", "sigma-delta", "rate"] {
        check(&checkpoint, schedule);
    }
}

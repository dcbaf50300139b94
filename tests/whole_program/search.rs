//! `compile --max-drop`: the cheapest network within an allowed drop, on the shipped network.

use crate::support::{checkpoint::Checkpoint, tiny::Tiny};
use serde_json::Value;
use std::path::Path;

fn search(vgg: &Checkpoint, samples: usize, folder: &Path, more: &[&str]) -> (String, Value) {
    let (artifact, report) = (folder.join("net.ncx"), folder.join("report.json"));
    let arguments = [&["--report", report.to_str().unwrap()], more].concat();
    let printed = vgg.compile(samples, &artifact, &arguments).succeeds().stdout;
    (printed, serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap())
}

#[test]
fn the_cheapest_network_within_the_drop_is_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let vgg = Checkpoint::vgg_fashion();
    let (printed, report) = search(&vgg, 200, folder.path(), &["--max-drop", "4"]);
    // From the table of candidates to what can be expected; the line after it tells the time.
    let lines = printed.lines().map(str::trim_end).skip_while(|line| !line.contains("SOPs/image"));
    let told = lines.take_while(|line| !line.contains(" -> /")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("search", told);
    let found = &report["search"];
    let candidates = found["candidates"].as_array().unwrap();
    let chosen = &candidates[found["chosen"].as_u64().unwrap() as usize];
    assert_eq!((found["fitted"].as_u64(), found["estimated"].as_u64()), (Some(100), Some(100)));
    assert_eq!(chosen["within"], true);
    for candidate in candidates.iter().filter(|candidate| candidate["within"] == true) {
        assert!(
            candidate["sops"].as_f64() >= chosen["sops"].as_f64(),
            "{candidate} is cheaper than {chosen}"
        );
    }
    // A candidate with fewer levels was tried before, and was not good enough.
    let fewer = candidates.iter().filter(|other| other["levels"].as_u64() < chosen["levels"].as_u64());
    assert!(fewer.clone().count() > 0 && fewer.into_iter().all(|other| other["within"] == false), "{found}");
    assert_eq!((&report["levels"], &report["schedule"]), (&chosen["levels"], &chosen["schedule"]));
    // Its agreement after the last step is that of its samples.
    let disagree = chosen["disagree"].as_f64().unwrap();
    let last = found["agreement"].as_array().unwrap().last().unwrap().as_f64().unwrap();
    assert!((last - (1.0 - disagree / 100.0)).abs() < 1e-12, "{found}");
    assert!(
        found["drop_at_most"].as_f64().unwrap() <= 4.0 && found["margin"].as_f64().unwrap() > 0.0,
        "{found}"
    );

    // The artifact is that of the same settings, fitted on the same half, whatever is printed meanwhile.
    let bytes = std::fs::read(folder.path().join("net.ncx")).unwrap();
    let dump = folder.path().join("ir");
    search(&vgg, 200, folder.path(), &["--max-drop", "4", "--dump-ir-dir", dump.to_str().unwrap()]);
    assert!(
        std::fs::read(folder.path().join("net.ncx")).unwrap() == bytes,
        "the artifact depends on what is dumped"
    );
    assert!(dump.join("01-remove-identity.mlir").exists() || std::fs::read_dir(&dump).unwrap().count() > 10);
}

#[test]
fn the_search_is_narrowed_by_what_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let narrowed = ["--max-drop", "10", "--schedule", "hold-and-fire", "--levels", "15"];
    let (_, report) = search(&Checkpoint::vgg_fashion(), 100, folder.path(), &narrowed);
    let candidates = report["search"]["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 1, "{report}");
    assert_eq!((&report["levels"], &report["schedule"]), (&15.into(), &"hold-and-fire".into()));
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("net.ncx");
    let vgg = Checkpoint::vgg_fashion();
    vgg.compile(99, &artifact, &["--max-drop", "1"]).ends_with(2).says("max-drop-samples");
    let out_of_reach = ["--max-drop", "0", "--schedule", "rate", "--timesteps", "2"];
    vgg.compile(100, &artifact, &out_of_reach).ends_with(2).says("max-drop-unreachable");
    vgg.compile(100, &artifact, &["--max-drop", "-1"]).ends_with(2);
    vgg.compile(100, &artifact, &["--max-drop", "101"]).ends_with(2).says("is not between 0 and 100");
    assert!(!artifact.exists());
    Tiny::new().compile(&["--max-drop", "1"]).ends_with(2).says("max-drop-samples");
}

//! The command `loihi`: vectors of Lava's models, and neuron programs in files.

use std::{fs, path::Path};

use crate::support::command::neurocudac;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn vectors_of_lava_are_replayed() {
    let excerpt = root().join("tests/data/loihi");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let finished = neurocudac(&[&"loihi", &"replay", &excerpt, &"--report", &report], &[]).succeeds();
    assert!(finished.stdout.contains("pass vectors"), "{}", finished.stdout);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["differences"], serde_json::json!([]));
    let families = report["families"].as_object().unwrap();
    assert_eq!(families.len(), 24, "{:?}", families.keys());
    for domains in families.values() {
        for tally in domains.as_object().unwrap().values() {
            assert!(tally["compared"].as_u64() > Some(0), "{tally}");
            assert_eq!((&tally["mismatches_plain"], &tally["mismatches_fast"]), (&0.into(), &0.into()));
        }
    }
}

#[test]
fn the_whole_set_is_replayed() {
    let folder = root().join("../shared/vectors/loihi_dev");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared/vectors/loihi_dev is absent");
        return;
    }
    let finished = neurocudac(&[&"loihi", &"replay", &folder], &[]).succeeds();
    let total = finished.stdout.lines().find(|line| line.trim().starts_with("all ")).unwrap();
    let total: Vec<&str> = total.split_whitespace().collect();
    assert_eq!(total, ["all", "277", "8782541", "0", "0"], "{}", finished.stdout);
}

/// A program with an error is a gate that fails, and what differs is named.
#[test]
fn own_programs_take_the_place_of_built_in_ones() {
    let excerpt = root().join("tests/data/loihi");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lif.ncm");
    let text = fs::read_to_string(root().join("runtime/src/loihi/programs/lif.ncm")).unwrap();
    let replay = |text: &str| {
        fs::write(&file, text).unwrap();
        neurocudac(&[&"loihi", &"replay", &excerpt, &"--program", &format!("lif={}", file.display())], &[])
    };
    replay(&text).succeeds();
    let finished = replay(&text.replace("mul_shr u,", "mul_shr.floor u,")).ends_with(1);
    assert!(finished.stdout.contains("FAIL vectors"), "{}", finished.stdout);
    assert!(finished.stdout.contains("lif_029 hw: "), "{}", finished.stdout);
    replay("program lif\nstate u\ncode\n    mov u, 1\n").ends_with(2).says("error: microcode-state: ");
    replay("program lif\ncode\n")
        .ends_with(2)
        .says("error: vectors-case: case `lif_022`: 0 values were compared");
    replay(&text.replace("shared du", "shared decay, du")).ends_with(2).says("error: microcode-parameter: ");
    neurocudac(&[&"loihi", &"replay", &excerpt, &"--program", &"lif"], &[])
        .ends_with(2)
        .says("FAMILY=FILE.ncm");
    neurocudac(&[&"loihi", &"replay", &folder.path()], &[]).ends_with(2).says("error: vectors-io: ");
}

#[test]
fn programs_are_checked_and_printed() {
    let printed = neurocudac(&[&"loihi", &"check", &"lif"], &[]).succeeds().stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.ncm");
    fs::write(&file, &printed).unwrap();
    assert_eq!(neurocudac(&[&"loihi", &"check", &file], &[]).succeeds().stdout, printed);
    fs::write(&file, "program p\nout s\nstate v\ncode\n    spike v\n    skp_c 9\n").unwrap();
    let refused = neurocudac(&[&"loihi", &"check", &file], &[]).ends_with(2);
    let refused =
        refused.says("error: microcode-state: state word `v` is not opened here").says("own.ncm:5:5");
    refused.says("error: microcode-unset: ").says("2 errors");
    fs::write(&file, [0xFF, 0xFE]).unwrap();
    neurocudac(&[&"loihi", &"check", &file], &[]).ends_with(2).says("error: microcode-io: ");
    neurocudac(&[&"loihi", &"check", &folder.path().join("none.ncm")], &[])
        .ends_with(2)
        .says("error: microcode-io: ");
}

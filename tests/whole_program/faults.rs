//! Faults planted in the compiler are caught, and the pass is named.

use crate::support::{
    checkpoint::Checkpoint,
    command::{Finished, neurocudac},
    tiny::Tiny,
};
use neurocuda_compiler::faults::Kind;

/// Faults that `--validate-each` catches in the shipped network, by the pass that has them.
const IN_VGG: &[(&str, &str)] = &[
    ("fold-batch-norm", "bias-dropped"),
    ("fold-batch-norm", "kernel-transposed"),
    ("lower-torch-to-ann", "bias-dropped"),
    ("lower-torch-to-ann", "stride-ignored"),
    ("lower-torch-to-ann", "kernel-transposed"),
    ("lower-torch-to-ann", "wrong-padding"),
    ("fold-input-affine", "bias-dropped"),
    ("quantize", "kernel-transposed"),
    ("quantize", "stride-ignored"),
    ("lower-to-st-bif", "bias-dropped"),
    ("lower-to-st-bif", "kernel-transposed"),
    ("lower-to-st-bif", "stride-ignored"),
    ("lower-to-st-bif", "threshold-off-by-one"),
];

/// The same in the tiny network: where a trained one hides the fault, or another schedule is needed.
const IN_TINY: &[(&str, &str, &str)] = &[
    ("st-bif", "fold-batch-norm", "eps-ignored"),
    ("st-bif", "fold-batch-norm", "bias-dropped"),
    ("st-bif", "fold-batch-norm", "stride-ignored"),
    ("st-bif", "fold-batch-norm", "wrong-padding"),
    ("st-bif", "lower-torch-to-ann", "stride-ignored"),
    ("st-bif", "lower-torch-to-ann", "kernel-transposed"),
    ("st-bif", "lower-to-st-bif", "bias-dropped"),
    ("st-bif", "lower-to-st-bif", "threshold-off-by-one"),
    ("hold-and-fire", "lower-to-hold-and-fire", "bias-dropped"),
    ("hold-and-fire", "lower-to-hold-and-fire", "stride-ignored"),
    ("hold-and-fire", "lower-to-hold-and-fire", "kernel-transposed"),
    ("hold-and-fire", "lower-to-hold-and-fire", "threshold-off-by-one"),
    ("hold-and-fire", "prove-bounds", "threshold-off-by-one"),
];

/// The fault must end the compilation with exit code 1 and a message that names the pass and no other.
fn caught(finished: Finished, pass: &str, kind: &str) {
    let what = format!("{pass}={kind}");
    assert_eq!(finished.code, Some(1), "{what} is not caught: {}{}", finished.stdout, finished.stderr);
    let named = format!("validate-each: pass `{pass}` does not keep its claim");
    assert!(finished.stderr.contains(&named), "{what}: {}", finished.stderr);
    assert_eq!(finished.stderr.matches("pass `").count(), 1, "{what}: {}", finished.stderr);
}

#[test]
fn validate_each_names_the_pass_in_the_shipped_network() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("net.ncx");
    let vgg = Checkpoint::vgg_fashion();
    // Two samples show each fault, and that there is none without.
    let each = ["--validate-each", "--validate-samples", "2"];
    vgg.compile(20, &artifact, &each).succeeds();
    std::fs::remove_file(&artifact).unwrap();
    for (pass, kind) in IN_VGG {
        let plant = format!("{pass}={kind}");
        caught(vgg.compile(20, &artifact, &[&each, ["--plant", &plant].as_slice()].concat()), pass, kind);
        assert!(!artifact.exists(), "{plant} leaves an artifact");
    }
}

#[test]
fn validate_each_names_the_pass_in_a_tiny_network() {
    let tiny = Tiny::new();
    for schedule in ["st-bif", "hold-and-fire"] {
        tiny.compile(&["--schedule", schedule, "--validate-each"]).succeeds();
        std::fs::remove_file(tiny.path("net.ncx")).unwrap();
    }
    for (schedule, pass, kind) in IN_TINY {
        let plant = format!("{pass}={kind}");
        caught(tiny.compile(&["--schedule", schedule, "--validate-each", "--plant", &plant]), pass, kind);
        assert!(!tiny.path("net.ncx").exists(), "{plant} leaves an artifact");
    }
}

#[test]
fn every_kind_of_fault_is_planted_somewhere() {
    let planted = || IN_VGG.iter().map(|(_, kind)| kind).chain(IN_TINY.iter().map(|(_, _, kind)| kind));
    for (kind, _) in Kind::ALL {
        assert!(planted().any(|planted| *planted == kind), "{kind}");
    }
}

/// What happens behind the quantiser changes nothing that accuracy would show at once: equality does.
#[test]
fn validate_catches_faults_behind_the_quantiser() {
    let vgg = Checkpoint::vgg_fashion();
    let folder = tempfile::tempdir().unwrap();
    let (artifact, report) = (folder.path().join("net.ncx"), folder.path().join("report.json"));
    for (schedule, pass) in [("st-bif", "lower-to-st-bif"), ("hold-and-fire", "lower-to-hold-and-fire")] {
        for kind in ["bias-dropped", "threshold-off-by-one", "kernel-transposed"] {
            let plant = format!("{pass}={kind}");
            vgg.compile(20, &artifact, &["--schedule", schedule, "--plant", &plant]).succeeds();
            let more = ["--max-drop", "100", "--report", report.to_str().unwrap()];
            let finished = vgg.validate(&artifact, 2, &more).ends_with(1);
            assert!(finished.stdout.contains("FAIL exact"), "{plant}: {}", finished.stdout);
            let report =
                serde_json::from_slice::<serde_json::Value>(&std::fs::read(&report).unwrap()).unwrap();
            assert_eq!(report["passed"], false, "{plant}");
            assert!(report["logits"]["equal"].as_u64() < report["logits"]["compared"].as_u64(), "{plant}");
        }
    }
}

#[test]
fn a_fault_that_is_none_of_ours_is_a_usage_error() {
    let tiny = Tiny::new();
    tiny.compile(&["--plant", "quantize=off-by-two"]).ends_with(2).says("no fault is called `off-by-two`");
    tiny.compile(&["--plant", "quantize"]).ends_with(2).says("expected PASS=KIND");
    let help = neurocudac(&[&"compile", &"--help"], &[]).succeeds();
    assert!(!help.stdout.contains("plant"), "planting faults is nothing for users");
}

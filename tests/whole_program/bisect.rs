//! `bisect` names the pass and the layer where a compilation leaves the imported network.

use crate::support::{
    checkpoint::Checkpoint,
    command::{Finished, neurocudac},
};
use serde_json::Value;

/// Runs `bisect` on the network in the tree; gives what it wrote.
fn bisect(more: &[&str]) -> (Finished, Value) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("bisect.json");
    let Checkpoint { graph, weights, calibration, .. } = Checkpoint::vgg_fashion();
    let few = ["--samples", "20", "--validate-samples", "2", "--no-cache", "--json"];
    let few = few.iter().copied().chain([report.to_str().unwrap()]).chain(more.iter().copied());
    let finished = neurocudac(
        &[&"bisect", &graph, &"--weights", &weights, &"--calibrate", &calibration],
        &few.collect::<Vec<_>>(),
    );
    let report = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    (finished, report)
}

fn of<'v>(report: &'v Value, pass: &str) -> &'v Value {
    report["passes"].as_array().unwrap().iter().find(|step| step["pass"] == pass).unwrap()
}

#[test]
fn nothing_is_beyond_what_quantisation_loses() {
    let (finished, report) = bisect(&[]);
    assert!(finished.succeeds().stdout.contains("No pass is beyond 10 %"));
    assert_eq!(report["culprit"], Value::Null);
    assert!(of(&report, "fold-batch-norm")["error"]["rms"].as_f64().unwrap() < 1e-6);
    // The spiking network is the integer one, and as far from the imported one as that.
    assert_eq!(of(&report, "lower-to-st-bif")["change"]["different"], 0);
    assert_eq!(of(&report, "lower-to-st-bif")["error"], of(&report, "correct-bias")["error"]);
}

#[test]
fn a_tight_tolerance_is_left_where_activations_are_put_on_grids() {
    let (finished, report) = bisect(&["--tolerance", "0.005"]);
    let culprit = &report["culprit"];
    assert_eq!(culprit["pass"], "choose-thresholds", "{}", finished.ends_with(1).stdout);
    // The input is coded before anything else, and has no layer of the user's to be compared with but its own.
    assert_eq!(culprit["layers"].as_array().unwrap().len(), 8, "{culprit}");
}

#[test]
fn pass_and_layer_of_a_fault_are_named() {
    let (finished, report) = bisect(&["--plant", "lower-torch-to-ann=kernel-transposed"]);
    let stdout = finished.ends_with(1).stdout;
    assert_eq!(report["culprit"]["pass"], "lower-torch-to-ann", "{stdout}");
    assert_eq!(report["culprit"]["layer"], "features.2", "{stdout}");
    insta::assert_snapshot!("bisect", stdout.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    assert!(report["culprit"]["ops"].to_string().contains("features.0 (torch.convolution)"), "{stdout}");
    let (finished, report) = bisect(&["--plant", "lower-to-st-bif=clamp-missing"]);
    let stdout = finished.ends_with(1).stdout;
    assert_eq!(report["culprit"]["pass"], "lower-to-st-bif", "{stdout}");
    assert_eq!(report["culprit"]["layer"], "features.2", "{stdout}");
    assert!(stdout.contains("first in layer features.2"), "{stdout}");
    let (finished, report) = bisect(&["--plant", "lower-torch-to-ann=stride-ignored", "--tolerance", "1"]);
    finished.ends_with(1);
    assert_eq!(report["culprit"]["pass"], "lower-torch-to-ann");
}

//! Trained models under the exact schedules: every logit equals the integer network's, by the program's own report.

use crate::support::checkpoint::Checkpoint;
use serde_json::Value;

/// What `validate --report` promises to say.
const FIELDS: [&str; 21] = [
    "/passed",
    "/images",
    "/accuracy/float",
    "/accuracy/integer",
    "/accuracy/snn",
    "/agreement",
    "/logits/compared",
    "/logits/equal",
    "/spikes_per_image",
    "/sops_per_image",
    "/steps/bound",
    "/steps/settled_max",
    "/steps/settled_mean",
    "/neurons/found",
    "/neurons/converted",
    "/layers",
    "/peak_memory_mb",
    "/seconds",
    "/schedule",
    "/levels",
    "/outputs/0/name",
];

/// Compiles and validates; returns the report, which must say that all gates hold.
fn report(checkpoint: &Checkpoint, limit: usize, more: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (artifact, report) = (folder.path().join("net.ncx"), folder.path().join("report.json"));
    checkpoint.compile(100, &artifact, more).succeeds();
    // So few images say little of accuracy: one of 40 is 2.5 points. Whole sets are for `make results`.
    checkpoint
        .validate(&artifact, limit, &["--max-drop", "10", "--report", report.to_str().unwrap()])
        .succeeds();
    let report = serde_json::from_slice::<Value>(&std::fs::read(report).unwrap()).unwrap();
    for field in FIELDS {
        assert!(report.pointer(field).is_some(), "{field} is missing in {report:#}");
    }
    assert_eq!(report["passed"], true);
    assert_eq!(report["images"], limit);
    let (found, converted) = (&report["neurons"]["found"], &report["neurons"]["converted"]);
    assert_eq!(found, converted);
    assert!(found.as_u64().unwrap() > 0);
    assert!(report["spikes_per_image"].as_f64().unwrap() > 0.0);
    assert!(report["sops_per_image"].as_f64().unwrap() > 0.0);
    let layers = report["layers"].as_array().unwrap();
    assert!(!layers.is_empty());
    for layer in layers {
        let bound = layer["membrane_bound"].as_i64().unwrap();
        assert!((1..=i64::from(i32::MAX)).contains(&bound), "{layer:#}");
    }
    report
}

fn exact(checkpoint: &Checkpoint, schedule: &str, levels: u32, limit: usize) {
    let levels_text = levels.to_string();
    let report = report(checkpoint, limit, &["--schedule", schedule, "--levels", &levels_text]);
    let what = format!("{} {schedule} {levels}: {report:#}", checkpoint.name);
    assert_eq!(report["schedule"], schedule, "{what}");
    assert_eq!(report["levels"], levels, "{what}");
    let compared = report["logits"]["compared"].as_u64().unwrap();
    // Ten classes in every one of these networks.
    assert_eq!(compared, 10 * limit as u64, "{what}");
    assert_eq!(report["logits"]["equal"].as_u64(), Some(compared), "{what}");
    // Equal logits have equal predictions.
    assert_eq!(report["accuracy"]["snn"], report["accuracy"]["integer"], "{what}");
    let settled = report["steps"]["settled_max"].as_u64().unwrap();
    assert!(0 < settled && settled <= report["steps"]["bound"].as_u64().unwrap(), "{what}");
    assert!(report["steps"]["settled_mean"].as_f64().unwrap() <= settled as f64, "{what}");
    let exit = &report["early_exit"];
    assert_eq!((&exit["proved"], &exit["changed"]), (&limit.into(), &0.into()), "{what}");
    let mean = |name: &str| exit[name].as_f64().unwrap();
    assert!(0.0 < mean("mean_steps_with") && mean("mean_steps_with") <= mean("mean_steps_without"), "{what}");
    // A layer of `hold-and-fire` waits for the one before, so the last one has all its steps to come.
    if schedule == "hold-and-fire" {
        assert!(mean("mean_steps_with") + 1.0 < mean("mean_steps_without"), "{what}");
    }
    for gate in ["all-converted", "exact", "settled", "early-exit", "max-drop"] {
        let gates = report["gates"].as_array().unwrap();
        assert!(
            gates.iter().any(|found| found["name"] == gate && found["passed"] == true),
            "no gate {gate}: {what}"
        );
    }
}

fn exact_shared(name: &'static str, schedule: &str, levels: u32, limit: usize) {
    if let Some(checkpoint) = Checkpoint::shared(name) {
        exact(&checkpoint, schedule, levels, limit);
    }
}

/// The exact schedules, each at two numbers of levels.
const EXACT: [(&str, u32); 6] = [
    ("st-bif", 15),
    ("st-bif", 31),
    ("hold-and-fire", 15),
    ("hold-and-fire", 31),
    ("sigma-delta", 31),
    ("sigma-delta", 255),
];

#[test]
fn vgg_fashion() {
    for (schedule, levels) in EXACT {
        exact(&Checkpoint::vgg_fashion(), schedule, levels, 40);
    }
}

#[test]
fn mlp_mnist() {
    for (schedule, levels) in EXACT {
        exact_shared("mlp_mnist", schedule, levels, 40);
    }
}

#[test]
fn cnn3_mnist() {
    for (schedule, levels) in EXACT {
        exact_shared("cnn3_mnist", schedule, levels, 40);
    }
}

#[test]
fn cnn3_nmnist_sim() {
    exact_shared("cnn3_nmnist_sim", "st-bif", 31, 40);
    exact_shared("cnn3_nmnist_sim", "sigma-delta", 255, 40);
}

#[test]
fn resnet20_cifar10() {
    exact_shared("resnet20_cifar10", "st-bif", 31, 10);
    exact_shared("resnet20_cifar10", "sigma-delta", 255, 10);
}

#[test]
fn rate_is_measured_and_not_compared() {
    let Some(checkpoint) = Checkpoint::shared("mlp_mnist") else { return };
    let report = report(&checkpoint, 40, &["--schedule", "rate", "--timesteps", "32"]);
    assert_eq!(report["schedule"], "rate");
    assert_eq!(report["logits"]["compared"], 0);
    assert_eq!(report["steps"]["settled_max"], Value::Null);
    assert!(report["steps"]["bound"].as_u64().unwrap() >= 32);
    assert!(report["agreement"].as_f64().unwrap() >= 0.9);
    let gates = report["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| gate["name"].as_str().unwrap())
        .collect::<Vec<_>>();
    assert_eq!(gates, ["all-converted", "max-drop"]);
}

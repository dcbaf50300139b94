//! Faults planted in the compiler are caught, and the pass is named.

mod list;

use crate::support::{
    checkpoint::{Checkpoint, root},
    command::{Finished, neurocudac},
    tiny::Tiny,
};
use list::{FAULTS, On, Planted};
use neurocuda_compiler::{faults::KINDS, passes};
use std::path::Path;

/// The trained weights of the network in the tree, in an arrangement with what that network lacks.
const ARRANGED: &str = "graph @arranged(%x: f32[N, 1, 28, 28]) -> f32[N, 10] {
  %0 = normalize(%x, scale = 0.00392156862745098,
                 mean = [0.28604060411453247], std = [0.35302427411079407])                       # normalize
  %1 = conv2d(%0, weight = @features.0.weight, padding = 1)                                       # conv0
  %2 = batch_norm(%1, weight = @features.1.weight, bias = @features.1.bias,
                  running_mean = @features.1.running_mean, running_var = @features.1.running_var) # bn0
  %3 = relu(%2)                                                                                   # relu0
  %4 = conv2d(%3, weight = @features.3.weight, padding = 2, dilation = 2)                         # dilated
  %5 = batch_norm(%4, weight = @features.4.weight, bias = @features.4.bias,
                  running_mean = @features.4.running_mean, running_var = @features.4.running_var) # bn1
  %6 = add(%5, %3)                                                                                # residual
  %7 = relu(%6)                                                                                   # relu1
  %8 = avg_pool2d(%7, kernel = 2)                                                                 # average
  %9 = max_pool2d(%3, kernel = 2)                                                                 # maximum
  %10 = concat(%8, %9, dim = 1)                                                                   # concat
  %11 = conv2d(%10, weight = @features.7.weight, padding = 1, groups = 2)                         # grouped
  %12 = batch_norm(%11, weight = @features.8.weight, bias = @features.8.bias,
                  running_mean = @features.8.running_mean, running_var = @features.8.running_var) # bn2
  %13 = relu(%12)                                                                                 # relu2
  %14 = conv2d(%13, weight = @features.10.weight, padding = 1)                                    # conv3
  %15 = batch_norm(%14, weight = @features.11.weight, bias = @features.11.bias,
                  running_mean = @features.11.running_mean, running_var = @features.11.running_var) # bn3
  %16 = relu(%15)                                                                                 # relu3
  %17 = conv2d(%16, weight = @features.14.weight, stride = 2, padding = 1)                        # strided
  %18 = batch_norm(%17, weight = @features.15.weight, bias = @features.15.bias,
                  running_mean = @features.15.running_mean, running_var = @features.15.running_var) # bn4
  %19 = relu(%18)                                                                                 # relu4
  %20 = conv2d(%19, weight = @features.17.weight, padding = 1)                                    # conv5
  %21 = batch_norm(%20, weight = @features.18.weight, bias = @features.18.bias,
                  running_mean = @features.18.running_mean, running_var = @features.18.running_var) # bn5
  %22 = relu(%21)                                                                                 # relu5
  %23 = max_pool2d(%22, kernel = 2)                                                               # pool
  %24 = flatten(%23)                                                                              # flatten
  %25 = linear(%24, weight = @classifier.1.weight, bias = @classifier.1.bias)                     # fc1
  %26 = relu(%25)                                                                                 # relu6
  %27 = linear(%26, weight = @classifier.4.weight, bias = @classifier.4.bias)                     # fc2
  return %27
}
";

/// Schedules by their names.
const SCHEDULES: [&str; 4] = ["st-bif", "hold-and-fire", "sigma-delta", "rate"];

/// The network, with files that are missing written to `folder`; `None` where it lies beside the tree and that is absent.
fn checkpoint(on: On, folder: &Path) -> Option<Checkpoint> {
    match on {
        On::Vgg => Some(Checkpoint::vgg_fashion()),
        On::Arranged => {
            let graph = folder.join("arranged.ncg");
            std::fs::write(&graph, ARRANGED).unwrap();
            Some(Checkpoint { name: "arranged", graph, ..Checkpoint::vgg_fashion() })
        }
        On::Shared(name) => Checkpoint::shared(name),
    }
}

/// Compiles on few samples: that is enough to show a fault, and that there is none.
fn compile(checkpoint: &Checkpoint, artifact: &Path, schedule: &str, more: &[&str]) -> Finished {
    let samples = if checkpoint.name == "resnet20_cifar10" { 6 } else { 20 };
    // Whether a half is rounded up or down shows where a charge is one: one neuron in ten thousand.
    let runs = if checkpoint.name == "vgg_fashion" { "6" } else { "2" };
    let each = ["--schedule", schedule, "--validate-each", "--validate-samples", runs];
    checkpoint.compile(samples, artifact, &[&each, more].concat())
}

/// The fault must end the compilation with exit code 1 and a message that names the pass and no other.
fn catch(fault: &Planted) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("net.ncx");
    let Some(checkpoint) = checkpoint(fault.on, folder.path()) else { return Ok(()) };
    let plant = format!("{}={}", fault.pass, fault.kind);
    let mut more = vec!["--plant", &plant];
    if ["snn_to_loihi", "loihi_to_loihi"].iter().any(|folder| is_in(folder, fault.pass)) {
        more.extend(on_chip(fault.schedule));
    }
    if is_in("snn_to_gpu", fault.pass) {
        more.extend(["--target", "ptx"]);
    }
    let finished = compile(&checkpoint, &artifact, fault.schedule, &more);
    let named = format!("validate-each: pass `{}` does not keep its claim", fault.pass);
    let others = finished.stderr.matches("validate-each: pass `").count();
    if finished.code != Some(1) || !finished.stderr.contains(&named) || others != 1 || artifact.exists() {
        return Err(format!("{fault:?}: exit {:?}\n{}{}", finished.code, finished.stdout, finished.stderr));
    }
    let said = finished.stderr.lines().find(|line| line.contains(&named)).unwrap_or_default();
    eprintln!("{} in {}: {said}", fault.kind, checkpoint.name);
    Ok(())
}

/// Options of a network for a chip: few levels or steps, so that the membranes of all schedules fit its words.
fn on_chip(schedule: &str) -> Vec<&'static str> {
    let own: &[_] =
        if schedule == "rate" { &["--levels", "3", "--timesteps", "18"] } else { &["--levels", "7"] };
    [&["--target", "loihi"], own].concat()
}

/// Whether a pass is in a folder of passes.
fn is_in(folder: &str, pass: &str) -> bool {
    root().join(format!("compiler/src/passes/{folder}/{}.rs", pass.replace('-', "_"))).exists()
}

fn catch_all(folder: &str) {
    let (_, faults) = FAULTS.iter().find(|(name, _)| *name == folder).unwrap();
    let missed = faults.iter().filter_map(|fault| catch(fault).err()).collect::<Vec<_>>();
    assert!(missed.is_empty(), "{} of {} are missed:\n{}", missed.len(), faults.len(), missed.join("\n"));
}

#[test]
fn faults_of_torch_to_torch_are_caught() {
    catch_all("torch_to_torch");
}

#[test]
fn faults_of_torch_to_ann_are_caught() {
    catch_all("torch_to_ann");
}

#[test]
fn faults_of_ann_to_ann_are_caught() {
    catch_all("ann_to_ann");
}

#[test]
fn faults_of_ann_to_snn_are_caught() {
    catch_all("ann_to_snn");
}

#[test]
fn faults_of_snn_to_snn_and_of_any_stage_are_caught() {
    catch_all("snn_to_snn");
    catch_all("any");
}

#[test]
fn faults_of_passes_to_kernels_are_caught() {
    catch_all("snn_to_gpu");
}

#[test]
fn faults_of_passes_to_cores_are_caught() {
    catch_all("snn_to_loihi");
    catch_all("loihi_to_loihi");
}

/// What the checks are worth: they refuse none of the networks that the faults are planted in.
#[test]
fn without_a_fault_every_pass_keeps_its_claim() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("net.ncx");
    for on in [On::Vgg, On::Arranged] {
        let checkpoint = checkpoint(on, folder.path()).unwrap();
        for schedule in SCHEDULES {
            compile(&checkpoint, &artifact, schedule, &[]).succeeds();
        }
        for schedule in SCHEDULES {
            compile(&checkpoint, &artifact, schedule, &on_chip(schedule)).succeeds();
            compile(&checkpoint, &artifact, schedule, &["--target", "ptx"]).succeeds();
        }
    }
    for name in ["mlp_mnist", "cnn3_mnist", "cnn3_nmnist_sim", "resnet20_cifar10"] {
        let Some(checkpoint) = checkpoint(On::Shared(name), folder.path()) else { continue };
        compile(&checkpoint, &artifact, "st-bif", &[]).succeeds();
    }
}

#[test]
#[ignore = "minutes; every checkpoint, schedule and coarseness"]
fn every_checkpoint_keeps_the_claims_at_every_coarseness() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = folder.path().join("net.ncx");
    let shared = ["mlp_mnist", "cnn3_mnist", "cnn3_nmnist_sim", "resnet20_cifar10", "resnet18_cifar10"];
    for on in [On::Vgg, On::Arranged].into_iter().chain(shared.map(On::Shared)) {
        let Some(checkpoint) = checkpoint(on, folder.path()) else { continue };
        for schedule in SCHEDULES {
            for levels in ["1", "3", "7", "15", "31", "255"] {
                eprintln!("{}, {schedule}, {levels} levels", checkpoint.name);
                compile(&checkpoint, &artifact, schedule, &["--levels", levels]).succeeds();
            }
        }
    }
}

/// Every kind is planted somewhere, and somewhere in every folder of passes.
#[test]
fn the_list_covers_kinds_and_folders() {
    let all = || FAULTS.iter().flat_map(|(_, faults)| faults.iter());
    let kinds = KINDS.iter().copied().flatten().map(|kind| kind.name).collect::<Vec<_>>();
    assert_eq!(kinds.len(), 35, "{kinds:?}");
    for kind in &kinds {
        assert!(all().any(|fault| fault.kind == *kind), "{kind} is planted nowhere");
        assert_eq!(kinds.iter().filter(|other| *other == kind).count(), 1, "{kind} is there twice");
    }
    assert!(all().all(|fault| kinds.contains(&fault.kind)));
    for (folder, faults) in FAULTS {
        for fault in *faults {
            assert!(is_in(folder, fault.pass) && passes::find(fault.pass).is_some(), "{fault:?}");
        }
    }
    let folders = std::fs::read_dir(root().join("compiler/src/passes")).unwrap();
    let folders = folders.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    let folders = folders.map(|folder| folder.file_name().into_string().unwrap());
    for folder in folders {
        assert!(FAULTS.iter().any(|(name, _)| *name == folder), "no fault in {folder}");
    }
    let in_tree = all().filter(|fault| !matches!(fault.on, On::Shared(_))).count();
    assert!(in_tree * 4 >= all().count() * 3, "{in_tree} of {} need nothing beside the tree", all().count());
}

/// Faults behind the quantiser, and the gate of `validate` that fails.
const BEHIND: &[(&str, &str, &str, &str)] = &[
    ("st-bif", "lower-to-st-bif", "bias-dropped", "exact"),
    ("st-bif", "lower-to-st-bif", "threshold-off-by-one", "exact"),
    ("st-bif", "lower-to-st-bif", "initial-membrane", "exact"),
    ("st-bif", "lower-to-st-bif", "rounding-mode", "exact"),
    ("st-bif", "lower-to-st-bif", "clamp-missing", "exact"),
    ("hold-and-fire", "lower-to-hold-and-fire", "kernel-transposed", "exact"),
    ("hold-and-fire", "lower-to-hold-and-fire", "hard-reset", "exact"),
    ("hold-and-fire", "lower-to-hold-and-fire", "spike-lost", "exact"),
    ("hold-and-fire", "lower-to-hold-and-fire", "delay-unbalanced", "exact"),
];

/// What happens behind the quantiser changes nothing that accuracy would show at once: equality does.
#[test]
fn validate_catches_faults_behind_the_quantiser() {
    let vgg = Checkpoint::vgg_fashion();
    let folder = tempfile::tempdir().unwrap();
    let (artifact, report) = (folder.path().join("net.ncx"), folder.path().join("report.json"));
    // Of an exact schedule this is not even an artifact.
    vgg.compile(20, &artifact, &["--plant", "lower-to-st-bif=bias-every-step"])
        .ends_with(2)
        .says("a bias in every step is not for an exact schedule");
    for (schedule, pass, kind, gate) in BEHIND {
        let plant = format!("{pass}={kind}");
        vgg.compile(20, &artifact, &["--schedule", schedule, "--plant", &plant]).succeeds();
        let more = ["--max-drop", "100", "--report", report.to_str().unwrap()];
        let finished = vgg.validate(&artifact, 8, &more).ends_with(1);
        assert!(finished.stdout.contains(&format!("FAIL {gate}")), "{plant}: {}", finished.stdout);
        let report = serde_json::from_slice::<serde_json::Value>(&std::fs::read(&report).unwrap()).unwrap();
        assert_eq!(report["passed"], false, "{plant}");
        assert!(report["logits"]["equal"].as_u64() < report["logits"]["compared"].as_u64(), "{plant}");
    }
}

#[test]
fn a_fault_that_is_none_of_ours_is_a_usage_error() {
    let tiny = Tiny::new();
    tiny.compile(&["--plant", "quantize=off-by-two"]).ends_with(2).says("no fault is called `off-by-two`");
    tiny.compile(&["--plant", "quantize"]).ends_with(2).says("expected PASS=KIND");
    for command in ["compile", "bisect"] {
        let help = neurocudac(&[&command, &"--help"], &[]).succeeds();
        assert!(!help.stdout.contains("plant"), "planting faults is nothing for users");
    }
}

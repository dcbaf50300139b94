//! Networks on a GPU: with the PTX interpreter in the place of a card, and with drivers that refuse.

use crate::support::{
    command::{Finished, neurocudac_with},
    tiny::Tiny,
};
use neurocuda_runtime::artifact::Artifact;
use safetensors::SafeTensors;
use std::{env, path::PathBuf};

/// A library that was built with this test.
fn library(name: &str) -> PathBuf {
    env::current_exe().unwrap().with_file_name(name)
}

/// Runs the program on the launcher on a driver that is none, which is as `settings` say.
fn on_driver(settings: &str, arguments: &[&str]) -> Finished {
    let (plugin, driver) = (library("libneurocuda_cuda.so"), library("libneurocuda_fake_cuda.so"));
    neurocudac_with(
        &[
            ("NEUROCUDA_PLUGIN", plugin.as_os_str()),
            ("NEUROCUDA_LIBCUDA", driver.as_os_str()),
            ("NEUROCUDA_FAKE_CUDA", settings.as_ref()),
        ],
        &[],
        arguments,
    )
}

/// Runs the program with so many interpreters in the place of cards.
fn on_interpreters(count: &str, arguments: &[&str]) -> Finished {
    let plugin = library("libneurocuda_ptx_launcher.so");
    neurocudac_with(
        &[
            ("NEUROCUDA_PLUGIN", plugin.as_os_str()),
            ("NEUROCUDA_LIBCUDA", plugin.as_os_str()),
            ("NEUROCUDA_INTERPRETERS", count.as_ref()),
        ],
        &[],
        arguments,
    )
}

fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

/// Arguments of a run of the network's artifact on its test images.
fn run<'a>(artifact: &'a str, data: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", artifact, "--data", data], more].concat()
}

#[test]
fn an_interpreted_card_does_what_the_cpu_does_to_the_last_spike() {
    for schedule in ["st-bif", "hold-and-fire", "sigma-delta", "rate"] {
        let tiny = Tiny::new();
        tiny.compile(&["--target", "ptx", "--schedule", schedule]).succeeds();
        let [artifact, data, cpu, gpu] =
            ["net.ncx", "test.safetensors", "cpu.safetensors", "gpu.safetensors"]
                .map(|name| text(tiny.path(name)));
        on_driver("", &run(&artifact, &data, &["--backend", "cpu", "--trace", "-o", &cpu])).succeeds();
        for (cards, batch) in [("1", "64"), ("3", "2")] {
            let more = ["--trace", "--batch", batch, "-o", &gpu];
            on_interpreters(cards, &run(&artifact, &data, &more)).succeeds().says("PTX interpreter");
            let (cpu, gpu) = (std::fs::read(&cpu).unwrap(), std::fs::read(&gpu).unwrap());
            let spikes = SafeTensors::deserialize(&cpu).unwrap();
            assert!(
                spikes.iter().any(
                    |(name, spikes)| name.starts_with("spikes.") && spikes.data().iter().any(|&s| s != 0)
                )
            );
            assert!(cpu == gpu, "{schedule}: {cards} cards");
        }
    }
}

#[test]
fn both_back_ends_are_validated_side_by_side() {
    let tiny = Tiny::new();
    tiny.compile(&["--target", "ptx"]).succeeds();
    let [artifact, model, weights, data, report] =
        ["net.ncx", "net.ncg", "net.safetensors", "test.safetensors", "r.json"]
            .map(|name| text(tiny.path(name)));
    let arguments = [
        "validate",
        &artifact,
        "--model",
        &model,
        "--weights",
        &weights,
        "--data",
        &data,
        "--max-drop",
        "100",
        "--no-cache",
        "--report",
        &report,
    ];
    let finished = on_interpreters("2", &[&arguments[..], &["--backend", "gpu,cpu"]].concat()).succeeds();
    assert!(finished.stdout.contains("pass backends"), "{}", finished.stdout);
    let both: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    on_driver("", &[&arguments[..], &["--backend", "cpu"]].concat()).succeeds();
    let cpu: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    for figure in [
        "accuracy",
        "curve",
        "logits",
        "outputs",
        "spikes_per_image",
        "sops_per_image",
        "steps",
        "layers",
        "raster",
    ] {
        assert!(!cpu[figure].is_null(), "{figure}");
        assert_eq!(both[figure], cpu[figure], "{figure}");
    }
    // An early exit is proved by the state of the CPU's neurons.
    assert!(both["early_exit"].is_null() && !cpu["early_exit"].is_null());
}

#[test]
fn what_is_missing_is_named_with_a_way_out_and_nothing_is_written() {
    let tiny = Tiny::new();
    tiny.compile(&["--target", "ptx"]).succeeds();
    let [artifact, data, output] =
        ["net.ncx", "test.safetensors", "out.safetensors"].map(|name| text(tiny.path(name)));
    let arguments = run(&artifact, &data, &["-o", &output]);
    for (driver, id, way_out) in [
        ("devices=0", "gpu-driver", "--backend cpu"),
        ("cuInit=35", "gpu-driver", "update the driver"),
        ("cuModuleLoadDataEx=222", "gpu-driver", "update the driver"),
        ("capability=75", "gpu-arch", "--gpu-arch"),
        ("memory=4096", "gpu-memory", "smaller --batch"),
        ("cuLaunchKernel=719", "gpu-failed", "719"),
    ] {
        let finished = on_driver(driver, &arguments).ends_with(2).says(id).says(way_out);
        assert!(finished.stdout.is_empty() && !tiny.path("out.safetensors").exists(), "{driver}");
    }
    let plugin = library("libneurocuda_cuda.so");
    let nowhere = [
        ("NEUROCUDA_PLUGIN", plugin.as_os_str()),
        ("NEUROCUDA_LIBCUDA", "/nonexistent/libcuda.so.1".as_ref()),
    ];
    neurocudac_with(&nowhere, &[], &arguments).ends_with(2).says("gpu-no-driver").says("--backend cpu");
    // The same artifact runs on the CPU.
    on_driver("devices=0", &run(&artifact, &data, &["--backend", "cpu", "-o", &output])).succeeds();
}

#[test]
fn what_a_gpu_has_no_part_in_is_refused() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    let [artifact, data] = ["net.ncx", "test.safetensors"].map(|name| text(tiny.path(name)));
    on_interpreters("1", &run(&artifact, &data, &["--backend", "gpu"]))
        .ends_with(2)
        .says("gpu-target")
        .says("--target ptx");
    on_interpreters("1", &run(&artifact, &data, &["--batch", "8"]))
        .ends_with(2)
        .says("--batch belongs to --backend gpu");
    tiny.compile(&["--gpu-arch", "sm_90"]).ends_with(2).says("--gpu-arch belongs to --target ptx");
    tiny.compile(&["--target", "ptx", "--gpu-arch", "sm_75"]).ends_with(2).says("sm_80");
    tiny.compile(&["--target", "ptx", "--gpu-arch", "sm_90"]).succeeds();
    let gpu = Artifact::read(tiny.path("net.ncx")).unwrap().manifest.gpu.unwrap();
    assert_eq!(gpu.arch, "sm_90");
    on_interpreters("1", &run(&artifact, &data, &["--early-exit"])).ends_with(2).says("exit-unproved");
}

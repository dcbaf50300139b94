//! Artifacts for Loihi 2 at the command line: compiled, run on their cores, compared, reported, printed, refused.

use crate::support::{
    command::{Finished, neurocudac},
    tiny::Tiny,
};
use safetensors::SafeTensors;
use std::fs;

/// The tiny network, compiled for Loihi 2.
fn tiny(more: &[&str]) -> Tiny {
    let tiny = Tiny::new();
    tiny.compile(&[&["--target", "loihi"], more].concat()).succeeds();
    tiny
}

fn on_data(tiny: &Tiny, command: &[&str], more: &[&str]) -> Finished {
    let words = command.iter().map(|word| word as &dyn AsRef<std::ffi::OsStr>);
    let (artifact, data) = (tiny.path("net.ncx"), tiny.path("test.safetensors"));
    let mut arguments = words.collect::<Vec<_>>();
    arguments.extend([&artifact as &dyn AsRef<std::ffi::OsStr>, &"--data", &data]);
    neurocudac(&arguments, more)
}

#[test]
fn cores_and_cpu_write_the_same_file() {
    for schedule in ["st-bif", "hold-and-fire", "sigma-delta"] {
        let tiny = tiny(&["--schedule", schedule]);
        let run = |backend: &str, threads: &str| {
            let output = tiny.path("run.safetensors").display().to_string();
            on_data(&tiny, &["run"], &["--trace", "--backend", backend, "--threads", threads, "-o", &output])
                .succeeds();
            fs::read(&output).unwrap()
        };
        let cpu = run("cpu", "2");
        assert!(cpu == run("loihi", "1") && cpu == run("loihi", "3"), "{schedule}");
        for with in ["cpu", "interpreter"] {
            let report = tiny.path("compare.json").display().to_string();
            on_data(&tiny, &["loihi", "compare"], &["--with", with, "--report", &report]).succeeds();
            let report: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
            assert_eq!((&report["images"], &report["different"]), (&10.into(), &0.into()), "{report}");
            assert!(report["spikes"].as_u64() >= Some(10 * 64), "{report}");
        }
        tiny.validate(&[]).succeeds();
    }
}

#[test]
fn rate_runs_on_cores_too() {
    let tiny = tiny(&["--schedule", "rate", "--timesteps", "8"]);
    on_data(&tiny, &["loihi", "compare"], &[]).succeeds();
    on_data(&tiny, &["loihi", "compare"], &["--with", "interpreter"]).ends_with(2).says("unsupported: ");
}

/// The neuron of `rate` under a name of its own, but for `change`.
fn own_program(tiny: &Tiny, change: [&str; 2]) -> String {
    let text = neurocudac(&[&"loihi"], &["check", "if_soft_reset"]).succeeds().stdout;
    let own = text.replace("program if_soft_reset", "program own").replace(change[0], change[1]);
    assert!(change[0] == change[1] || own.contains(change[1]), "{own}");
    let file = tiny.path("own.ncm");
    fs::write(&file, own).unwrap();
    file.display().to_string()
}

#[test]
fn layers_run_programs_of_ones_own() {
    let rate = ["--schedule", "rate", "--timesteps", "8"];
    let plain = tiny(&rate);
    let traced = |tiny: &Tiny| {
        let output = tiny.path("run.safetensors").display().to_string();
        on_data(tiny, &["run"], &["--trace", "-o", &output]).succeeds();
        fs::read(&output).unwrap()
    };
    let attached = |change: [&str; 2]| {
        let program = format!("relu={}", own_program(&plain, change));
        tiny(&[&rate[..], &["--neuron-program", &program, "--validate-each"]].concat())
    };
    let same = attached(["", ""]);
    assert!(traced(&same) == traced(&plain), "the same program under another name sends other spikes");
    // Hard reset instead of soft.
    let other = attached(["add v, v, down", "mov v, 0"]);
    assert!(traced(&other) != traced(&plain), "the program of its own is not run");
    other.validate(&[]).succeeds();
    let refusal = "program-attached: layer `relu` runs the program `own` of your own";
    on_data(&other, &["run"], &["--backend", "cpu"]).ends_with(2).says(refusal);
    on_data(&other, &["loihi", "compare"], &[]).ends_with(2).says(refusal);
}

#[test]
fn programs_that_do_not_fit_their_layer_are_refused() {
    let plain = Tiny::new();
    let own = own_program(&plain, ["spike 1", "spike v"]);
    let compile = |schedule: &str, programs: &str| {
        plain
            .compile(&["--target", "loihi", "--schedule", schedule, "--neuron-program", programs])
            .ends_with(2)
    };
    compile("rate", &format!("relu={own}")).says("microcode-attach: ").says("at most 1");
    compile("rate", &format!("pool={own}")).says("there is no layer `pool` of neurons; there are relu");
    compile("rate", "relu=lif").says("`du` has no default");
    compile("rate", "relu=missing.ncm").says("microcode-io: ");
    compile("rate", "relu").says("expected LAYER=PROGRAM");
    compile("st-bif", &format!("relu={}", own_program(&plain, ["", ""])))
        .says("compile with --schedule rate");
    assert!(!plain.path("net.ncx").exists());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let tiny = tiny(&[]);
    let again = tiny.path("again.ncx");
    tiny.compile_into(&again, &["--target", "loihi"]).succeeds();
    assert!(fs::read(tiny.path("net.ncx")).unwrap() == fs::read(again).unwrap());
}

#[test]
fn cores_are_traced_step_by_step() {
    let tiny = tiny(&[]);
    let traced = tiny.path("trace.safetensors").display().to_string();
    on_data(&tiny, &["loihi", "trace"], &["--index", "3", "-o", &traced]).succeeds();
    let run = tiny.path("run.safetensors").display().to_string();
    on_data(&tiny, &["run"], &["--trace", "--backend", "cpu", "-o", &run]).succeeds();
    let (traced, run) = (fs::read(traced).unwrap(), fs::read(run).unwrap());
    let (trace, run) = (SafeTensors::deserialize(&traced).unwrap(), SafeTensors::deserialize(&run).unwrap());
    let values = |name: &str| {
        let tensor = trace.tensor(name).unwrap();
        let bytes = tensor.data().as_chunks::<4>().0;
        (tensor.shape().to_vec(), bytes.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect::<Vec<_>>())
    };
    let (shape, spikes) = values("spikes.relu");
    let (steps, neurons) = (shape[0], shape[1..].iter().product::<usize>());
    // The CPU's spikes of image 3; images that settle earlier are silent to the end of the longest run.
    let cpu = run.tensor("spikes.relu").unwrap();
    let longest = cpu.shape()[1];
    let of_image = &cpu.data()[3 * longest * neurons..][..steps * neurons];
    assert!(spikes.iter().map(|&spike| spike as i8 as u8).eq(of_image.iter().copied()));
    // The tracer counts spikes, and the sum of the readout ends as the logits.
    let (_, tracer) = values("tracer.relu");
    let mut counted = vec![0; neurons];
    for (spikes, tracer) in spikes.chunks(neurons).zip(tracer.chunks(neurons)) {
        counted.iter_mut().zip(spikes).for_each(|(sum, spike)| *sum += spike);
        assert_eq!(counted, tracer);
    }
    assert!(counted.iter().any(|&sum| sum > 0) && values("v.relu").1.iter().any(|&v| v != 0));
    let named = |tensors: &SafeTensors, wanted: fn(&str) -> bool| {
        tensors.names().into_iter().find(|name| wanted(name)).unwrap().to_owned()
    };
    let (shape, sums) = values(&named(&trace, |name| name.starts_with("y.")));
    let logits = run.tensor(&named(&run, |name| name.ends_with(".int"))).unwrap();
    let last = &sums[(shape[0] - 1) * shape[1]..];
    assert!(
        logits.data().as_chunks::<4>().0[3 * 3..4 * 3]
            .iter()
            .map(|bytes| i32::from_le_bytes(*bytes))
            .eq(last.iter().copied())
    );
    let updates = trace.tensor("cores.updates").unwrap();
    assert_eq!(updates.shape()[0], steps);
    let done = updates.data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).sum::<i64>();
    assert_eq!(done as usize, steps * 67);
    let output = tiny.path("none.safetensors").display().to_string();
    on_data(&tiny, &["loihi", "trace"], &["--layer", "conv", "-o", &output])
        .ends_with(2)
        .says("trace-layer: ");
    on_data(&tiny, &["loihi", "trace"], &["--index", "99", "-o", &output]).ends_with(2).says("run-range: ");
    assert!(!tiny.path("none.safetensors").exists());
}

#[test]
fn what_the_cores_did_is_reported() {
    let tiny = tiny(&[]);
    let (report, svg) = (tiny.path("report.json"), tiny.path("mesh.svg"));
    let (report, svg) = (report.display().to_string(), svg.display().to_string());
    let printed =
        on_data(&tiny, &["loihi", "report"], &["--report", &report, "--svg", &svg]).succeeds().stdout;
    assert!(printed.contains("estimate, not a measurement") && printed.contains("Loihi 1"), "{printed}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let cores = report["cores"].as_array().unwrap();
    let sum = |key: &str| cores.iter().map(|core| core["counts"][key].as_u64().unwrap()).sum::<u64>() as f64;
    for key in ["updates", "spikes", "messages", "hops", "synaptic_operations"] {
        assert_eq!(report["per_image"][key].as_f64(), Some(sum(key) / 10.0), "{key}");
    }
    // 64 neurons of relu and 3 of the readout, in each step.
    assert_eq!(
        report["per_image"]["updates"].as_f64(),
        report["steps_per_image"].as_f64().map(|steps| 67.0 * steps)
    );
    assert!(sum("spikes") > 0.0 && sum("synaptic_operations") > 0.0);
    let svg = fs::read_to_string(&svg).unwrap();
    // 128 places, and a square over each that is used.
    assert_eq!(svg.matches("<rect ").count(), 128 + cores.len(), "{svg}");
    assert!(svg.contains("layer relu: "), "{svg}");
    // The validation report says the same of the same images.
    let own = tiny.path("validate.json").display().to_string();
    tiny.validate(&["--report", &own]).succeeds();
    let own: serde_json::Value = serde_json::from_slice(&fs::read(&own).unwrap()).unwrap();
    assert_eq!(own["chips"], report);
    assert_eq!(own["early_exit"], serde_json::Value::Null);
    tiny.validate(&["--backend", "cpu", "--report", &tiny.path("cpu.json").display().to_string()]).succeeds();
    let cpu: serde_json::Value = serde_json::from_slice(&fs::read(tiny.path("cpu.json")).unwrap()).unwrap();
    assert_eq!(cpu["chips"], serde_json::Value::Null);
    assert_eq!(cpu["early_exit"]["changed"], 0);
}

#[test]
fn programs_of_an_artifact_are_printed_as_they_are_read() {
    let tiny = tiny(&[]);
    let printed = neurocudac(&[&"loihi", &"disasm", &tiny.path("net.ncx")], &[]).succeeds().stdout;
    assert!(printed.contains("program st_bif") && printed.contains("core 0 at chip 0"), "{printed}");
    let program = neurocudac(&[&"loihi", &"disasm", &tiny.path("net.ncx"), &"--program", &"st_bif"], &[]);
    let file = tiny.path("st_bif.ncm");
    fs::write(&file, program.succeeds().stdout).unwrap();
    neurocudac(&[&"loihi", &"check", &file], &[]).succeeds();
    let none = neurocudac(&[&"loihi", &"disasm", &tiny.path("net.ncx"), &"--program", &"none"], &[]);
    none.ends_with(2).says("no program `none`, but readout, st_bif");
}

#[test]
fn what_the_chip_or_the_artifact_does_not_have_is_refused() {
    let tiny = Tiny::new();
    let chip = tiny.path("chip.toml");
    let refused = |text: &str, message: &str| {
        fs::write(&chip, text).unwrap();
        let chip = chip.display().to_string();
        tiny.compile(&["--target", "loihi", "--chip", &chip]).ends_with(2).says(message);
        assert!(!tiny.path("net.ncx").exists(), "{message}");
    };
    refused("[mesh]\ncores = 1\ncolumns = 1\nrows = 1\n", "chip-capacity: the network takes 2 cores");
    refused("[widths]\naccumulator_bits = 10\n", "chip-width: layer `relu`");
    refused("cores = 1\n", "chip-syntax: ");
    tiny.compile(&["--chip", "chip.toml"]).ends_with(2).says("--chip belongs to --target loihi");
    let short = ["--target", "loihi", "--schedule", "rate", "--timesteps", "1"];
    tiny.compile(&short)
        .ends_with(2)
        .says("unsupported: on Loihi 2 the outputs of this network hear nothing before step 1");
    tiny.compile(&["--target", "loihi", "--max-drop", "1"]).ends_with(2).says("unsupported: --max-drop");
    tiny.compile(&[]).succeeds();
    on_data(&tiny, &["run"], &["--backend", "loihi"])
        .ends_with(2)
        .says("artifact-invalid: ")
        .says("--target loihi");
    for command in ["report", "compare"] {
        on_data(&tiny, &["loihi", command], &[]).ends_with(2).says("--target loihi");
    }
    neurocudac(&[&"loihi", &"disasm", &tiny.path("net.ncx")], &[]).ends_with(2).says("--target loihi");
    tiny.compile(&["--target", "loihi"]).succeeds();
    on_data(&tiny, &["run"], &["--early-exit"]).ends_with(2).says("exit-unproved: ");
    on_data(&tiny, &["run"], &["--early-exit", "--backend", "cpu"]).succeeds();
}

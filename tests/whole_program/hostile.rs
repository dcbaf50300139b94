//! Broken and hostile input: a clear message, exit code 2, no panic, no output, nothing left behind.

use crate::support::{
    command::{Finished, neurocudac},
    tensors::{self, Tensor},
    tiny::{GRAPH, Tiny},
};

/// Files of an untouched [`Tiny`].
const FILES: [&str; 4] = ["calibration.safetensors", "net.ncg", "net.safetensors", "test.safetensors"];

/// Compiling must fail as bad input, say `message` and leave nothing behind.
fn refused(tiny: &Tiny, more: &[&str], message: &str) {
    let finished = tiny.compile(more);
    assert_eq!(finished.code, Some(2), "`{message}` expected: {}{}", finished.stdout, finished.stderr);
    finished.says(message);
    assert_eq!(tiny.files(), FILES, "`{message}`: files are left behind");
}

/// [`refused`] with another graph.
fn refused_graph(text: impl AsRef<[u8]>, message: &str) {
    let tiny = Tiny::new();
    std::fs::write(tiny.path("net.ncg"), text).unwrap();
    refused(&tiny, &[], message);
    let (graph, weights) = (tiny.path("net.ncg"), tiny.path("net.safetensors"));
    neurocudac(&[&"check", &graph, &"--weights", &weights], &[]).ends_with(2).says(message);
}

/// [`refused`] with other weights: those of the tiny network after `change`.
fn refused_weights(change: impl Fn(&mut Vec<Tensor>), message: &str) {
    let tiny = Tiny::new();
    let mut weights = Tiny::weights();
    change(&mut weights);
    tensors::write(&tiny.path("net.safetensors"), &weights);
    refused(&tiny, &[], message);
}

/// [`refused`] with other calibration samples.
fn refused_samples(samples: &[Tensor], message: &str) {
    let tiny = Tiny::new();
    tensors::write(&tiny.path("calibration.safetensors"), samples);
    refused(&tiny, &[], message);
}

/// Lengths at which files are cut: in the header's length, in the header, in the data, one byte short.
fn cuts(length: usize) -> [usize; 7] {
    [0, 1, 7, 8, 100, length / 2, length - 1]
}

#[test]
fn the_tiny_network_compiles_and_validates() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    tiny.validate(&[]).succeeds();
}

#[test]
fn truncated_safetensors() {
    for name in ["net.safetensors", "calibration.safetensors"] {
        let tiny = Tiny::new();
        let whole = std::fs::read(tiny.path(name)).unwrap();
        for length in cuts(whole.len()) {
            std::fs::write(tiny.path(name), &whole[..length]).unwrap();
            refused(&tiny, &[], name);
        }
    }
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    let whole = std::fs::read(tiny.path("test.safetensors")).unwrap();
    for length in cuts(whole.len()) {
        std::fs::write(tiny.path("test.safetensors"), &whole[..length]).unwrap();
        for finished in [tiny.validate(&[]), run(&tiny, &[])] {
            finished.ends_with(2).says("test.safetensors");
        }
        assert!(!tiny.path("out.safetensors").exists());
    }
}

#[test]
fn weights_that_are_no_numbers() {
    for (name, value) in
        [("fc.weight", f32::NAN), ("fc.weight", f32::INFINITY), ("fc.weight", f32::NEG_INFINITY)]
    {
        let mut values = vec![0.5; 192];
        values[77] = value;
        refused_weights(|weights| weights[6] = Tensor::f32(name, &[3, 64], &values), "weight-not-finite");
    }
    let negative = Tensor::f32("bn.running_var", &[4], &[1.0, -1.0, 1.0, 1.0]);
    refused_weights(|weights| weights[5] = negative.clone(), "variance-not-positive");
}

#[test]
fn weights_that_do_not_fit_the_graph() {
    refused_weights(|weights| weights[6] = Tensor::random("fc.weight", &[3, 63], 1), "weight-shape");
    refused_weights(|weights| weights[0] = Tensor::random("conv.weight", &[4, 3, 3], 1), "weight-shape");
    refused_weights(|weights| drop(weights.remove(7)), "missing-weight");
    refused_weights(|weights| weights.push(Tensor::random("fc.wieght", &[3], 1)), "extra-weight");
    refused_weights(|weights| weights[7] = Tensor::u8("fc.bias", &[3], &[1, 2, 3]), "weight-dtype");
    refused_weights(Vec::clear, "missing-weight");
}

#[test]
fn all_findings_come_in_one_go() {
    let tiny = Tiny::new();
    let mut weights = Tiny::weights();
    weights[7] = Tensor::f32("fc.bias", &[3], &[0.0, f32::NAN, 0.0]);
    weights[2] = Tensor::random("bn.weight", &[5], 1);
    weights.remove(1);
    weights.push(Tensor::random("left.over", &[1], 1));
    tensors::write(&tiny.path("net.safetensors"), &weights);
    let finished =
        tiny.compile(&[]).ends_with(2).says("missing-weight").says("weight-not-finite").says("extra-weight");
    // With layer and line.
    finished
        .says("net.ncg:3:")
        .says("in layer `conv`")
        .says("net.ncg:8:")
        .says("in layer `fc`")
        .says("3 errors");
}

#[test]
fn graphs_that_are_none() {
    refused_graph("", "syntax-error");
    refused_graph("graph @g(%x: f32[N, 2, 8, 8]) -> f32[N, 2, 8, 8] {\n}\n", "empty-graph");
    refused_graph("graph @g(%x: f32[N, 2, 8, 8]) -> f32[N, 2, 8, 8] {\n  return %x\n}\n", "empty-graph");
    refused_graph(tensors::bytes(5, 4096), "file-unreadable");
    refused_graph([0; 4096], "syntax-error");
    refused_graph(GRAPH.replace("relu(%2)", "rellu(%2)"), "unsupported-op");
    refused_graph(&GRAPH[..GRAPH.len() / 2], "syntax-error");
    let weights = Tiny::new();
    refused_graph(std::fs::read(weights.path("net.safetensors")).unwrap(), "error[");
}

#[test]
fn deeply_nested_graphs() {
    for depth in [100, 100_000] {
        for (open, close) in [("[", "]"), ("relu(", ")")] {
            let nested = format!("{}%2{}", open.repeat(depth), close.repeat(depth));
            refused_graph(GRAPH.replace("relu(%2)", &format!("relu({nested})")), "nesting-too-deep");
        }
    }
}

#[test]
fn huge_dimensions() {
    for size in ["1000000", "99999999999", "9223372036854775807", "99999999999999999999999"] {
        let text = GRAPH.replace("f32[N, 2, 8, 8]", &format!("f32[N, 2, {size}, {size}]"));
        refused_graph(text, if size.len() > 19 { "error[" } else { "invalid-shape" });
    }
    for huge in ["stride = 99999999999", "padding = 1000000000", "dilation = 4294967296"] {
        refused_graph(GRAPH.replace("stride = 2", huge).replace("padding = 1", huge), "error[");
    }
    let padded = GRAPH.replace("relu(%2)", "pad(%2, padding = [1000000, 1000000, 1000000, 1000000])");
    refused_graph(padded, "error[");
}

#[test]
fn nothing_to_convert() {
    let tiny = Tiny::new();
    let linear = GRAPH.replace("  %3 = relu(%2)", "  %3 = identity(%2)");
    assert_ne!(linear, GRAPH);
    std::fs::write(tiny.path("net.ncg"), linear).unwrap();
    refused(&tiny, &[], "no-neurons");
}

/// What only a pass could not do is said by `check` already.
#[test]
fn averages_over_windows_of_many_sizes() {
    let tiny = Tiny::new();
    let text = "graph @uneven(%x: f32[N, 2, 8, 8]) -> f32[N, 162] {
  %0 = conv2d(%x, @conv.weight)                                                        # conv
  %1 = relu(%0)                                                                        # relu
  %2 = avg_pool2d(%1, 8, stride = 1, padding = 4, count_include_pad = false)           # pool
  %3 = flatten(%2)                                                                     # flatten
  return %3
}
";
    std::fs::write(tiny.path("net.ncg"), text).unwrap();
    tensors::write(&tiny.path("net.safetensors"), &[Tensor::random("conv.weight", &[2, 2, 1, 1], 1)]);
    let message = "unsupported: the windows have too many different sizes";
    refused(&tiny, &[], message);
    let (graph, weights) = (tiny.path("net.ncg"), tiny.path("net.safetensors"));
    let checked = neurocudac(&[&"check", &graph, &"--weights", &weights], &[]).ends_with(2);
    checked.says(message).says("net.ncg:4:");
}

#[test]
fn calibration_samples_that_cannot_be_used() {
    refused_samples(&[Tensor::u8("images", &[4, 1, 8, 8], &[7; 256])], "calibration.safetensors");
    refused_samples(&[Tensor::u8("images", &[4, 128], &[7; 512])], "calibration.safetensors");
    refused_samples(&[Tensor::u8("pictures", &[1, 2, 8, 8], &[7; 128])], "images");
    refused_samples(&[Tensor::u8("images", &[0, 2, 8, 8], &[])], "calibration.safetensors");
    let mut pixels = [0.5; 256];
    pixels[200] = f32::NAN;
    refused_samples(&[Tensor::f32("images", &[2, 2, 8, 8], &pixels)], "calibration.safetensors");
    let tiny = Tiny::new();
    refused(&tiny, &["--samples", "0"], "samples");
}

#[test]
fn images_that_do_not_fit_the_artifact() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    let cases = [
        (vec![Tiny::images(10, 2), Tensor::u8("labels", &[9], &[0; 9])], "labels"),
        (vec![Tensor::u8("images", &[10, 2, 7, 8], &[0; 1120])], "shape"),
        (vec![Tensor::u8("labels", &[10], &[0; 10])], "images"),
    ];
    for (file, message) in cases {
        tensors::write(&tiny.path("test.safetensors"), &file);
        for finished in [tiny.validate(&[]), run(&tiny, &[])] {
            finished.ends_with(2).says("test.safetensors").says(message);
        }
        assert!(!tiny.path("out.safetensors").exists());
    }
}

#[test]
fn labels_are_optional() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    tensors::write(&tiny.path("test.safetensors"), &[Tiny::images(10, 2)]);
    let report = tiny.path("report.json");
    tiny.validate(&["--report", report.to_str().unwrap()]).succeeds();
    let report = serde_json::from_slice::<serde_json::Value>(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["accuracy"], serde_json::Value::Null);
    assert_eq!(report["logits"]["equal"], 30);
}

#[test]
fn options_that_contradict_the_graph() {
    let tiny = Tiny::new();
    refused(&tiny, &["--mean", "0.5,0.5"], "normali");
    refused(&tiny, &["--scale", "0.1"], "normali");
    refused(&tiny, &["--schedule", "st-bif", "--timesteps", "8"], "--timesteps belongs to --schedule rate");
    refused(
        &tiny,
        &["--schedule", "hold-and-fire", "--timesteps", "8"],
        "--timesteps belongs to --schedule rate",
    );
    refused(&tiny, &["--levels", "0"], "--levels");
    refused(&tiny, &["--levels", "100000"], "--levels");
    refused(&tiny, &["--schedule", "rite"], "--schedule");
    refused(&tiny, &["--target", "abacus"], "--target");
}

#[test]
fn normalisation_that_cannot_be() {
    let tiny = Tiny::new();
    let plain = GRAPH.replace(
        "normalize(%x, scale = 0.00392156862745098, mean = [0.5, 0.4], std = [0.3, 0.25])",
        "identity(%x)",
    );
    assert_ne!(plain, GRAPH);
    std::fs::write(tiny.path("net.ncg"), plain).unwrap();
    for (more, message) in [
        (["--mean", "0.5,0.4,0.3", "--std", "1"], "mean"),
        (["--mean", "0.5", "--std", "0"], "std"),
        (["--mean", "0.5", "--std", "nan"], "std"),
        (["--mean", "inf", "--std", "1"], "mean"),
    ] {
        refused(&tiny, &more, message);
    }
    tiny.compile(&["--scale", "0.00392156862745098", "--mean", "0.5,0.4", "--std", "0.3,0.25"]).succeeds();
}

#[test]
fn outputs_that_cannot_be_written() {
    let tiny = Tiny::new();
    for output in [tiny.path("absent/net.ncx"), tiny.path("net.ncg/net.ncx"), tiny.path("")] {
        tiny.compile_into(&output, &[]).ends_with(2).says("cannot write");
        assert_eq!(tiny.files(), FILES);
    }
    tiny.compile(&[]).succeeds();
    let output = tiny.path("absent/out.safetensors");
    run_to(&tiny, &output, &[]).ends_with(2).says("cannot write");
    let report = tiny.path("absent/report.json");
    tiny.validate(&["--report", report.to_str().unwrap()]).ends_with(2).says("cannot write");
}

#[test]
fn files_that_are_absent() {
    for name in FILES.into_iter().filter(|name| *name != "test.safetensors") {
        let tiny = Tiny::new();
        std::fs::remove_file(tiny.path(name)).unwrap();
        tiny.compile(&[]).ends_with(2).says(name);
        assert!(!tiny.path("net.ncx").exists());
    }
    let tiny = Tiny::new();
    tiny.validate(&[]).ends_with(2).says("net.ncx");
    run(&tiny, &[]).ends_with(2).says("net.ncx");
    neurocudac(&[&"inspect", &tiny.path("net.ncx")], &[]).ends_with(2).says("net.ncx");
}

/// `run` into `out.safetensors`.
fn run(tiny: &Tiny, more: &[&str]) -> Finished {
    run_to(tiny, &tiny.path("out.safetensors"), more)
}

fn run_to(tiny: &Tiny, output: &std::path::Path, more: &[&str]) -> Finished {
    neurocudac(
        &[&"run", &tiny.path("net.ncx"), &"--data", &tiny.path("test.safetensors"), &"-o", &output],
        more,
    )
}

#[test]
fn runs_that_are_cut_short() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    run(&tiny, &["--timesteps", "3"]).ends_with(2).says("not-settled");
    assert!(!tiny.path("out.safetensors").exists());
    // For `validate` an unsettled network is a gate that fails.
    let finished = tiny.validate(&["--timesteps", "3"]).ends_with(1);
    assert!(finished.stdout.contains("FAIL settled"), "{}", finished.stdout);
    run(&tiny, &["--timesteps", "0"]).ends_with(2);
    run(&tiny, &["--timesteps", "100000"]).succeeds();
}

#[test]
fn an_artifact_of_another_model() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    let other = "graph @other(%x: f32[N, 2, 8, 8]) -> (a: f32[N, 128], b: f32[N, 128]) {
  %0 = relu(%x)
  %1 = flatten(%0)
  return %1, %1
}
";
    std::fs::write(tiny.path("net.ncg"), other).unwrap();
    tensors::write(&tiny.path("net.safetensors"), &[]);
    tiny.validate(&[]).ends_with(2).says("model-mismatch");
}

#[test]
fn corrupted_artifacts() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    let path = tiny.path("net.ncx");
    let whole = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in [0, 1, 7, 8, 100, header, header + 8, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        for finished in read(&tiny) {
            finished.ends_with(2).says("net.ncx");
        }
    }
    // A flipped bit may change a weight, which only validation shows; it must never make the program panic.
    for (index, number) in tensors::numbers(9).take(60).enumerate() {
        let position = match index % 3 {
            0 => (number.abs() * 8.0) as usize,
            1 => 8 + (number.abs() * header as f64) as usize,
            _ => 8 + header + (number.abs() * (whole.len() - 8 - header) as f64) as usize,
        };
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (index % 8);
        std::fs::write(&path, bytes).unwrap();
        for finished in read(&tiny) {
            assert!(matches!(finished.code, Some(0..=2)), "byte {position}, bit {}: {finished:?}", index % 8);
            assert!(finished.code == Some(0) || !(finished.stderr.is_empty() && finished.stdout.is_empty()));
        }
    }
    for text in ["", "{}", "graph", "\u{7f}ELF"] {
        std::fs::write(&path, text).unwrap();
        for finished in read(&tiny) {
            finished.ends_with(2).says("net.ncx");
        }
    }
    // A file of another kind is none either.
    std::fs::copy(tiny.path("net.safetensors"), &path).unwrap();
    for finished in read(&tiny) {
        finished.ends_with(2).says("no NeuroCUDA artifact");
    }
}

/// Every command that reads an artifact.
fn read(tiny: &Tiny) -> [Finished; 3] {
    let inspected = neurocudac(&[&"inspect", &tiny.path("net.ncx")], &[]);
    let ran = run(tiny, &["--limit", "2"]);
    assert_eq!(ran.code == Some(0), tiny.path("out.safetensors").exists());
    drop(std::fs::remove_file(tiny.path("out.safetensors")));
    [inspected, ran, tiny.validate(&["--limit", "2"])]
}

#[test]
fn opt_refuses_what_it_cannot_read() {
    let tiny = Tiny::new();
    let path = tiny.path("net.mlir");
    let deep = format!("module {{ {} }}", "module { ".repeat(100) + &"} ".repeat(100));
    for text in [
        "",
        "module",
        "module { func.func @f() { return 1 } }",
        "\"torch.nonsense\"() : () -> ()",
        "\u{0}\u{1}",
    ] {
        std::fs::write(&path, text).unwrap();
        let code = neurocudac(&[&"opt", &path], &["--front"]).code;
        assert!(code == Some(2) || text.is_empty() && code.is_some(), "{text}: {code:?}");
    }
    std::fs::write(&path, deep).unwrap();
    neurocudac(&[&"opt", &path], &["--front"]).ends_with(2);
    std::fs::write(&path, tensors::bytes(3, 1000)).unwrap();
    neurocudac(&[&"opt", &path], &[]).ends_with(2);
    std::fs::write(&path, "module { }").unwrap();
    neurocudac(&[&"opt", &path], &["--pass-pipeline=no-such-pass"]).ends_with(2).says("no-such-pass");
    neurocudac(&[&"opt", &path], &["--pass-pipeline=quantize{weight-bits=99}"])
        .ends_with(2)
        .says("weight-bits");
    neurocudac(&[&"opt", &path], &["--pass-pipeline=a((("]).ends_with(2).says("pipeline");
}

//! What a network returns besides class scores: dense outputs, numbers, and functions of the logits, through `compile`, `validate`
//! and `run`.

use crate::support::{
    command::neurocudac,
    tensors::{self, Tensor},
    tiny::{GRAPH, Tiny},
};
use serde_json::{Value, json};

/// The tiny model with other outputs: `types` and the values that the statements in front of `return` make.
fn returning(types: &str, statements: &str, values: &str) -> Tiny {
    let tiny = Tiny::new();
    let graph = GRAPH.replace("f32[N, 3] {", &format!("{types} {{")).replace("relu(%2)", "silu(%2)");
    let graph = graph.replace("  return %5", &format!("{statements}  return {values}"));
    std::fs::write(tiny.path("net.ncg"), graph).unwrap();
    tiny.compile(&["--validate-each"]).succeeds();
    tiny
}

fn validated(tiny: &Tiny) -> (Value, String) {
    let report = tiny.path("report.json");
    let finished = tiny.validate(&["--report", report.to_str().unwrap()]).succeeds();
    let report = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    (report, finished.stdout + &finished.stderr)
}

#[test]
fn pixels_and_numbers_have_agreement_and_errors_but_no_accuracy() {
    let types = "(mask: f32[N, 4, 4, 4], size: f32[N, 1])";
    let tiny = returning(types, "  %6 = slice(%5, dim = 1, end = 1)\n", "%3, %6");
    let target = Tensor::f32("labels", &[10, 2], &[0.5; 20]);
    tensors::write(&tiny.path("test.safetensors"), &[Tiny::images(10, 2), target]);
    let (report, text) = validated(&tiny);
    assert_eq!((&report["accuracy"], &report["logits"]["compared"]), (&Value::Null, &json!(650)));
    let [mask, size] = [&report["outputs"][0], &report["outputs"][1]];
    assert!(mask["agreement"].as_f64().unwrap() > 0.8, "{mask}");
    assert_eq!(size["agreement"], Value::Null);
    for output in [mask, size] {
        let error = |name: &str| output[name].as_f64().unwrap();
        assert!(0.0 < error("mean_error") && error("mean_error") <= error("largest_error"), "{output}");
        assert!(error("error") < 0.2, "{output}");
    }
    assert!(text.contains("they are not used") && text.contains("no gate on its drop"), "{text}");
    let run = [tiny.path("net.ncx"), tiny.path("test.safetensors")];
    neurocudac(&[&"run", &run[0], &"--data", &run[1]], &[]).ends_with(2).says("output-needed");
}

#[test]
fn labels_that_are_no_classes_are_ignored() {
    let tiny = returning("f32[N, 3]", "", "%5");
    tensors::write(
        &tiny.path("test.safetensors"),
        &[Tiny::images(10, 2), Tensor::u8("labels", &[10], &[3; 10])],
    );
    let (report, text) = validated(&tiny);
    assert_eq!((&report["accuracy"], &report["notes"].as_array().unwrap().len()), (&Value::Null, &1));
    assert!(text.contains("(no class labels"), "{text}");
}

#[test]
fn heads_are_applied_to_outputs_and_not_to_what_is_compared() {
    let statements = "  %6 = softmax(%5, dim = 1)\n  %7 = argmax(%5, dim = 1)\n";
    let tiny = returning("(class: f32[N], p: f32[N, 3])", statements, "%7, %6");
    let (report, _) = validated(&tiny);
    assert_eq!(report["logits"], json!({"compared": 60, "equal": 60}));
    assert_eq!(
        report["accuracy"]["float"].as_f64().map(|accuracy| (0.0..=1.0).contains(&accuracy)),
        Some(true)
    );
    assert_eq!(
        (&report["outputs"][0]["error"], &report["outputs"][0]["name"]),
        (&Value::Null, &json!("class"))
    );
    let files = ["net.ncx", "test.safetensors", "out.safetensors"].map(|name| tiny.path(name));
    neurocudac(&[&"run", &files[0], &"--data", &files[1], &"-o", &files[2]], &[]).succeeds();
    let bytes = std::fs::read(&files[2]).unwrap();
    let outputs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        outputs.tensor(name).unwrap().data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    assert_eq!(outputs.tensor("class").unwrap().shape(), [10]);
    assert_eq!(outputs.tensor("class.int").unwrap().shape(), [10, 3]);
    for (class, p) in floats("class").iter().zip(floats("p").chunks(3)) {
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(p.iter().all(|&other| other <= p[*class as usize]));
    }
    let printed = neurocudac(&[&"run", &files[0], &"--data", &files[1]], &[]).succeeds().stdout;
    let expected = floats("class").iter().map(|class| format!("{class} {class}\n")).collect::<String>();
    assert_eq!(printed, expected);
}

#[test]
fn an_early_exit_changes_no_output() {
    let tiny = Tiny::new();
    let run = |output: &str, more: &[&str]| {
        let [artifact, data, output] = ["net.ncx", "test.safetensors", output].map(|name| tiny.path(name));
        neurocudac(&[&"run", &artifact, &"--data", &data, &"-o", &output], more)
    };
    for schedule in ["st-bif", "hold-and-fire"] {
        tiny.compile(&["--schedule", schedule]).succeeds();
        run("whole.safetensors", &[]).succeeds();
        // One layer of neurons, whose input is final after the first step.
        for more in [&["--early-exit"][..], &["--early-exit=2"], &["--early-exit", "--timesteps", "1"]] {
            let finished = run("early.safetensors", more).succeeds();
            let note = "early exit: 1.0 steps on average, 1 at most";
            assert!(finished.stderr.contains(note), "{}", finished.stderr);
            let [whole, early] = ["whole.safetensors", "early.safetensors"]
                .map(|name| std::fs::read(tiny.path(name)).unwrap());
            assert_eq!(whole, early, "{schedule} {more:?}");
        }
    }
    run("early.safetensors", &["--early-exit=0"]).ends_with(2);
    tiny.compile(&["--schedule", "rate", "--timesteps", "8"]).succeeds();
    run("early.safetensors", &["--early-exit"]).ends_with(2).says("exit-unproved");
}

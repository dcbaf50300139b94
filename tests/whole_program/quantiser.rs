//! The quantiser on trained networks: levels for each layer, weights of few bits, identity paths.

use crate::support::{
    checkpoint::Checkpoint,
    command::neurocudac,
    library::{self, Compiled},
};
use neurocuda_compiler::{compile::Settings, mlir, module_text};
use neurocuda_dialects::ann;
use neurocuda_runtime::data::Images;
use std::sync::Arc;

fn json(path: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn layers_have_levels_of_their_own_and_weights_few_bits() {
    let folder = tempfile::tempdir().unwrap();
    let [artifact, compiled, validated] =
        ["net.ncx", "c.json", "v.json"].map(|name| folder.path().join(name));
    let vgg = Checkpoint::vgg_fashion();
    let more =
        ["--schedule", "hold-and-fire", "--levels", "7", "--mixed-levels", "--weight-bits", "4", "--report"];
    let more = [&more[..], &[compiled.to_str().unwrap()]].concat();
    let output = vgg.compile(64, &artifact, &more).succeeds().stdout;
    let report = json(&compiled);
    let layers = report["layers"].as_array().unwrap();
    let levels = layers.iter().map(|layer| layer["levels"].as_u64().unwrap()).collect::<Vec<_>>();
    assert!(levels.iter().any(|own| *own != levels[0]), "{levels:?}");
    assert_eq!(report["levels"].as_u64(), levels.iter().copied().max());
    assert_eq!(report["weight_bits"], 4);
    assert!(output.contains(&format!("{} {}", layers[0]["name"].as_str().unwrap(), levels[0])), "{output}");
    let inspected = neurocudac(&[&"inspect", &artifact], &[]).succeeds().stdout;
    assert!(inspected.contains("weights of 4 bits"), "{inspected}");
    // Every gate of validation: all logits equal, settled within the bound.
    let report = ["--max-drop", "100", "--report", validated.to_str().unwrap()];
    vgg.validate(&artifact, 20, &report).succeeds();
    assert_eq!(json(&validated)["levels"].as_u64(), levels.iter().copied().max());
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let vgg = Checkpoint::vgg_fashion();
    for (more, reason) in [
        (["--mixed-levels", "--schedule", "rate"], "unsupported: --mixed-levels needs an exact schedule"),
        (["--mixed-levels", "--max-drop", "1"], "unsupported: --max-drop compares networks"),
        (["--mixed-levels=0", "--levels", "7"], "a positive number is needed"),
        (["--weight-bits=3", "--levels", "7"], "3 is not in 4..=8"),
    ] {
        vgg.compile(2, &folder.path().join("net.ncx"), &more).ends_with(2).says(reason);
    }
}

/// Largest relative error of the identity weights of a network, and their smallest and largest.
fn identities(compiled: &Compiled) -> (usize, f64, [i64; 2]) {
    let context = neurocuda_dialects::new_context().unwrap();
    let tensor = |name: &str| compiled.artifact.tensors.get(name).map(|tensor| tensor.bytes());
    let text = std::str::from_utf8(compiled.artifact.module_text().unwrap()).unwrap();
    let module = module_text::load(&context, text, tensor).unwrap();
    let (mut paths, mut worst, mut range) = (0, 0.0f64, [i64::MAX, i64::MIN]);
    for operation in mlir::operations(mlir::network_block(module.as_operation()).unwrap()) {
        let Some(identity) = mlir::view::<ann::Scale>(operation).unwrap() else { continue };
        // Whole numbers of 16 bits, and no bias: a count goes into the sum as a multiple of itself.
        let weights = identity.weight.read().unwrap();
        assert!(matches!(weights.elements, neurocuda_dialects::Elements::I16(_)));
        assert!(identity.bias.read().unwrap().to_f64().iter().all(|bias| *bias == 0.0));
        paths += 1;
        let skipped = mlir::definition(mlir::operand(operation).unwrap());
        let skipped = skipped.and_then(|skipped| mlir::view::<ann::Requantize>(skipped).unwrap());
        let add = mlir::users(mlir::result(operation).unwrap())[0];
        let sum = mlir::users(mlir::result(add).unwrap());
        let sum = sum.into_iter().find_map(|user| mlir::view::<ann::Requantize>(user).unwrap());
        let (Some(skipped), Some(sum)) = (skipped, sum) else { continue };
        let numbers = |tensor: neurocuda_dialects::TensorAttr| tensor.read().unwrap().to_f64();
        let units = numbers(sum.scale)
            .into_iter()
            .zip(numbers(sum.threshold))
            .map(|(scale, threshold)| scale / threshold);
        for ((step, unit), weight) in numbers(skipped.scale).into_iter().zip(units).zip(weights.to_f64()) {
            assert!(
                (weight * unit - step).abs() <= 0.5 * unit * (1.0 + 1e-9),
                "{weight} · {unit} is not {step}"
            );
            worst = worst.max((weight * unit / step - 1.0).abs());
            range = [range[0].min(weight as i64), range[1].max(weight as i64)];
        }
    }
    (paths, worst, range)
}

#[test]
fn identity_paths_are_whole_multiples() {
    let Some(resnet) = Checkpoint::shared("resnet20_cifar10") else { return };
    let loaded = library::load(&resnet.graph, &resnet.weights);
    let all = Images::open(&resnet.calibration).unwrap();
    let shape = all.sample_shape().to_vec();
    let pixels = (0..48).flat_map(|index| match all.image(index).unwrap() {
        neurocuda_runtime::data::ImageView::U8(pixels) => pixels.to_vec(),
        _ => panic!("the set is of bytes"),
    });
    let images = Arc::new(Images::from_u8(shape, pixels.collect(), None).unwrap());
    let compiled = library::compile(&loaded, &images, &Settings::default(), None).unwrap();
    let (paths, worst, range) = identities(&compiled);
    eprintln!("{paths} identity paths, weights {range:?}, relative error at most {worst:.2e}");
    assert_eq!(paths, 9);
    assert!(worst < 0.01, "{worst}");
}

//! What is imported computes what PyTorch recorded: the real checkpoints on real images.

use std::path::Path;

use crate::import::{LoadError, Weights, emit, load};
use crate::interpret::{Network, Sample};

/// Largest deviation allowed, as a share of the largest logit: PyTorch computed in f32.
const TOLERANCE: f64 = 1e-5;

/// Compares the logits of the first `count` images: few for heavy networks, since the interpreter is not made to be fast.
fn check(name: &str, set: &str, count: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = root.join("../shared/data");
    let weights = data.join(format!("models/{name}.safetensors"));
    if !weights.exists() {
        println!("skipped: {name}.safetensors is not here");
        return;
    }
    let loaded = load(&root.join(format!("tests/models/{name}.ncg")), &weights)
        .unwrap_or_else(|LoadError { findings, .. }| panic!("{}", findings.render(None, false)));
    let context = neurocuda_dialects::new_context().unwrap();
    let module = emit(&context, &loaded.graph, &loaded.weights, name).unwrap();
    // SAFETY: the reference is used while the module lives.
    let operation = unsafe { melior::ir::OperationRef::from_raw(module.as_operation().to_raw()) };
    let network = Network::new(operation).unwrap();

    let images = Weights::open(&data.join(format!("sets/{set}.safetensors"))).unwrap();
    let images = images.get("images").unwrap();
    let expected = Weights::open(&data.join(format!("models/{name}.logits256.safetensors"))).unwrap();
    let expected = expected.get("logits").unwrap().f32s().unwrap();
    let values: usize = images.shape[1..].iter().product();
    let largest = expected.iter().fold(0.0_f64, |largest, logit| largest.max(f64::from(logit.abs())));
    let mut worst = 0.0_f64;
    for (image, expected) in images.bytes.chunks_exact(values).zip(expected.chunks_exact(10)).take(count) {
        let pixels = image.iter().map(|pixel| f64::from(*pixel)).collect();
        let sample = Sample::from_shape_vec(&images.shape[1..], pixels).unwrap();
        let logits = network.forward(&sample, &mut |_, _| ()).unwrap();
        for (logit, expected) in logits[0].iter().zip(expected) {
            worst = worst.max((logit - f64::from(*expected)).abs());
        }
    }
    println!("{name}: {count} images, max|Δ|/max|y| = {:.2e}", worst / largest);
    assert!(worst / largest <= TOLERANCE, "{name}: {worst} of {largest}");
}

#[test]
fn mlp_mnist() {
    check("mlp_mnist", "mnist_test", 256);
}

#[test]
fn cnn3_mnist() {
    check("cnn3_mnist", "mnist_test", 32);
}

#[test]
fn cnn3_nmnist_sim() {
    check("cnn3_nmnist_sim", "nmnist_sim_test", 32);
}

#[test]
fn vgg_fashion() {
    check("vgg_fashion", "fashion_mnist_test", 32);
}

#[test]
fn resnet18_cifar10() {
    check("resnet18_cifar10", "cifar10_jpeg_test", 2);
}

#[test]
fn resnet20_cifar10() {
    check("resnet20_cifar10", "cifar10_lossless_test1017", 8);
}

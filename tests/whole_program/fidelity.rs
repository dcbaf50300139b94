//! The imported network computes what PyTorch recorded: max|Δ| ≤ 10⁻⁵ · max|y|.

use crate::support::{checkpoint::Checkpoint, library};
use neurocuda_compiler::{import::Weights, validate::artifact::sample};
use neurocuda_runtime::data::Images;
use rayon::prelude::*;

/// Largest deviation allowed, as a share of the largest logit: PyTorch computed in f32.
const TOLERANCE: f64 = 1e-5;

/// Images with recorded logits.
const ALL: usize = 256;

fn check(checkpoint: &Checkpoint, count: usize) {
    let network = library::float(&library::load(&checkpoint.graph, &checkpoint.weights));
    let images = Images::open(&checkpoint.test).unwrap();
    let expected = Weights::open(&checkpoint.logits).unwrap();
    let expected = expected.get("logits").unwrap();
    let classes = expected.shape[1];
    assert_eq!(expected.shape, [ALL, classes]);
    let expected = expected.f32s().unwrap();
    let largest = expected.iter().fold(0.0, |largest: f64, logit| largest.max(f64::from(logit.abs())));
    let worst = (0..count)
        .into_par_iter()
        .map(|index| {
            let outputs = network.forward(&sample(&images, index).unwrap(), &mut |_, _| ()).unwrap();
            assert_eq!((outputs.len(), outputs[0].len()), (1, classes));
            let expected = &expected[index * classes..][..classes];
            let deviation = |(logit, expected): (&f64, &f32)| (logit - f64::from(*expected)).abs();
            outputs[0].iter().zip(expected).map(deviation).fold(0.0, f64::max)
        })
        .reduce(|| 0.0, f64::max);
    eprintln!("{}: {count} images, max|Δ|/max|y| = {:.2e}", checkpoint.name, worst / largest);
    assert!(worst <= TOLERANCE * largest, "{}: {worst} of {largest}", checkpoint.name);
}

fn check_shared(name: &'static str, count: usize) {
    if let Some(checkpoint) = Checkpoint::shared(name) {
        check(&checkpoint, count);
    }
}

#[test]
fn vgg_fashion() {
    check(&Checkpoint::vgg_fashion(), ALL);
}

#[test]
fn mlp_mnist() {
    check_shared("mlp_mnist", ALL);
}

#[test]
fn cnn3_mnist() {
    check_shared("cnn3_mnist", ALL);
}

#[test]
fn cnn3_nmnist_sim() {
    check_shared("cnn3_nmnist_sim", ALL);
}

#[test]
fn resnet20_cifar10_on_some_images() {
    check_shared("resnet20_cifar10", 32);
}

#[test]
fn resnet18_cifar10_on_some_images() {
    check_shared("resnet18_cifar10", 4);
}

#[test]
#[ignore = "minutes at the optimisation of tests; `make results` runs it"]
fn every_checkpoint_on_all_images() {
    check(&Checkpoint::vgg_fashion(), ALL);
    for name in ["mlp_mnist", "cnn3_mnist", "cnn3_nmnist_sim", "resnet20_cifar10", "resnet18_cifar10"] {
        check_shared(name, ALL);
    }
}

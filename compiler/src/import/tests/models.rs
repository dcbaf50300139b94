//! The graph files of the real checkpoints against the real weights.

use std::path::{Path, PathBuf};

use super::assert_round_trip;
use crate::import::{LoadError, load};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Checks `tests/models/<name>.ncg`, where its weights are at hand.
fn check(name: &str, nodes: usize) {
    let weights = root().join(format!("../shared/data/models/{name}.safetensors"));
    if !weights.exists() {
        println!("skipped: {name}.safetensors is not here");
        return;
    }
    let graph = root().join(format!("tests/models/{name}.ncg"));
    let loaded = load(&graph, &weights).unwrap_or_else(|LoadError { source_file, findings }| {
        panic!("{}", findings.render(source_file.as_deref(), false))
    });
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(Some(&loaded.source), false));
    assert_eq!(loaded.graph.nodes.len(), nodes);
    assert_eq!(loaded.graph.name, name);
    assert_round_trip(&loaded.graph, &loaded.weights);
}

#[test]
fn mlp_mnist() {
    check("mlp_mnist", 7);
}

#[test]
fn cnn3_mnist() {
    check("cnn3_mnist", 15);
}

#[test]
fn cnn3_nmnist_sim() {
    check("cnn3_nmnist_sim", 16);
}

#[test]
fn vgg_fashion() {
    check("vgg_fashion", 27);
}

#[test]
fn resnet18_cifar10() {
    check("resnet18_cifar10", 69);
}

#[test]
fn resnet20_cifar10() {
    check("resnet20_cifar10", 76);
}

//! The trained models and their data.

use super::command::{Finished, neurocudac};
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A trained model with its data.
pub struct Checkpoint {
    /// Name of the model.
    pub name: &'static str,
    /// Graph description.
    pub graph: PathBuf,
    /// Weights.
    pub weights: PathBuf,
    /// What PyTorch answers for the first 256 test images.
    pub logits: PathBuf,
    /// Images for calibration.
    pub calibration: PathBuf,
    /// The test set that `logits` are of.
    pub test: PathBuf,
}

impl Checkpoint {
    /// The model that is in the tree.
    pub fn vgg_fashion() -> Self {
        let data = root().join("tests/data");
        Self {
            name: "vgg_fashion",
            graph: root().join("tests/models/vgg_fashion.ncg"),
            weights: data.join("vgg_fashion.safetensors"),
            logits: data.join("vgg_fashion.logits256.safetensors"),
            calibration: data.join("fashion_mnist_calib1000.safetensors"),
            test: data.join("fashion_mnist_test.safetensors"),
        }
    }

    /// A model beside the tree, with the sets that its description names; `None`, and a word about it, where they are absent.
    pub fn shared(name: &'static str) -> Option<Self> {
        let data = root().join("../shared/data");
        if !data.exists() {
            eprintln!("skipped: ../shared/data is absent");
            return None;
        }
        let models = data.join("models");
        let description =
            std::fs::read(models.join(format!("{name}.json"))).expect("the model has a description");
        let description =
            serde_json::from_slice::<serde_json::Value>(&description).expect("the description is JSON");
        let set = |set: &str| data.join(format!("sets/{set}.safetensors"));
        Some(Self {
            name,
            graph: root().join(format!("tests/models/{name}.ncg")),
            weights: models.join(format!("{name}.safetensors")),
            logits: models.join(format!("{name}.logits256.safetensors")),
            calibration: set(description["calib_set"]
                .as_str()
                .expect("the description names a calibration set")),
            test: set(description["test_sets"][0].as_str().expect("the description names a test set")),
        })
    }

    /// Compiles it on the first `samples` calibration images without the cache.
    pub fn compile(&self, samples: usize, output: &Path, more: &[&str]) -> Finished {
        let samples = samples.to_string();
        neurocudac(
            &[
                &"compile",
                &self.graph,
                &"--weights",
                &self.weights,
                &"--calibrate",
                &self.calibration,
                &"--samples",
                &samples,
                &"--no-cache",
                &"-o",
                &output,
            ],
            more,
        )
    }

    /// Validates an artifact on the first `limit` test images without keeping a journal.
    pub fn validate(&self, artifact: &Path, limit: usize, more: &[&str]) -> Finished {
        let limit = limit.to_string();
        neurocudac(
            &[
                &"validate",
                &artifact,
                &"--model",
                &self.graph,
                &"--weights",
                &self.weights,
                &"--data",
                &self.test,
                &"--limit",
                &limit,
                &"--no-cache",
            ],
            more,
        )
    }
}

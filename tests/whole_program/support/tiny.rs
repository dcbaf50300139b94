//! A model that takes milliseconds, in a folder of its own: what a test breaks one thing of.

use super::{
    command::{Finished, neurocudac},
    tensors::{self, Tensor},
};
use std::path::{Path, PathBuf};

/// Convolution with stride, batch norm of a small variance, pools, dense layers.
pub const GRAPH: &str = "graph @tiny(%x: f32[N, 2, 8, 8]) -> f32[N, 3] {
  %0 = normalize(%x, scale = 0.00392156862745098, mean = [0.5, 0.4], std = [0.3, 0.25])   # normalize
  %1 = conv2d(%0, weight = @conv.weight, bias = @conv.bias, stride = 2, padding = 1)      # conv
  %2 = batch_norm(%1, weight = @bn.weight, bias = @bn.bias,
                  running_mean = @bn.running_mean, running_var = @bn.running_var)         # bn
  %3 = relu(%2)                                                                           # relu
  %4 = flatten(%3)                                                                        # flatten
  %5 = linear(%4, weight = @fc.weight, bias = @fc.bias)                                   # fc
  return %5
}
";

/// The model's files; they go with it.
pub struct Tiny {
    folder: tempfile::TempDir,
}

impl Tiny {
    /// Writes `net.ncg`, `net.safetensors`, `calibration.safetensors` and `test.safetensors`.
    pub fn new() -> Self {
        let tiny = Self { folder: tempfile::tempdir().expect("there is room for temporary files") };
        std::fs::write(tiny.path("net.ncg"), GRAPH).expect("the folder can be written");
        tensors::write(&tiny.path("net.safetensors"), &Self::weights());
        tensors::write(&tiny.path("calibration.safetensors"), &[Self::images(20, 1)]);
        let labels = (0..10).map(|index| index % 3).collect::<Vec<_>>();
        tensors::write(
            &tiny.path("test.safetensors"),
            &[Self::images(10, 2), Tensor::u8("labels", &[10], &labels)],
        );
        tiny
    }

    /// The weights. The variances are as small as those of a channel that hardly varies, so that `eps` matters.
    pub fn weights() -> Vec<Tensor> {
        vec![
            Tensor::random("conv.weight", &[4, 2, 3, 3], 10),
            Tensor::random("conv.bias", &[4], 11),
            Tensor::random("bn.weight", &[4], 12),
            Tensor::random("bn.bias", &[4], 13),
            Tensor::random("bn.running_mean", &[4], 14),
            Tensor::f32("bn.running_var", &[4], &[2e-5, 1e-3, 0.5, 1e-4]),
            Tensor::random("fc.weight", &[3, 64], 15),
            Tensor::random("fc.bias", &[3], 16),
        ]
    }

    /// Random images.
    pub fn images(count: usize, seed: u64) -> Tensor {
        Tensor::u8("images", &[count, 2, 8, 8], &tensors::bytes(seed, count * 128))
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles `net.ncg` into `net.ncx`.
    pub fn compile(&self, more: &[&str]) -> Finished {
        self.compile_into(&self.path("net.ncx"), more)
    }

    /// Compiles `net.ncg` into `output`.
    pub fn compile_into(&self, output: &Path, more: &[&str]) -> Finished {
        let [graph, weights, calibration] =
            ["net.ncg", "net.safetensors", "calibration.safetensors"].map(|name| self.path(name));
        neurocudac(
            &[
                &"compile",
                &graph,
                &"--weights",
                &weights,
                &"--calibrate",
                &calibration,
                &"-o",
                &output,
                &"--no-cache",
            ],
            more,
        )
    }

    /// Validates `net.ncx`. The images are noise, which says nothing about accuracy: any drop is allowed.
    pub fn validate(&self, more: &[&str]) -> Finished {
        self.validate_on("test.safetensors", &[&["--max-drop", "100"], more].concat())
    }

    /// Validates `net.ncx` on the images of `data`, with the gates as they are.
    pub fn validate_on(&self, data: &str, more: &[&str]) -> Finished {
        let [artifact, graph, weights, data] =
            ["net.ncx", "net.ncg", "net.safetensors", data].map(|name| self.path(name));
        neurocudac(
            &[
                &"validate",
                &artifact,
                &"--model",
                &graph,
                &"--weights",
                &weights,
                &"--data",
                &data,
                &"--no-cache",
            ],
            more,
        )
    }

    /// Names of the files there are, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder can be read");
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.expect("the folder can be read").file_name();
        let mut names = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect::<Vec<_>>();
        names.sort();
        names
    }
}

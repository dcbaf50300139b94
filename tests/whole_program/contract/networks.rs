//! Networks of a few ops, compiled, with what the tests look at.

use crate::support::{
    library::{self, Compiled},
    tensors::{self, Tensor},
};
use neurocuda_compiler::{compile::Settings, import::Loaded, interpret::Network, validate::artifact::sample};
use neurocuda_runtime::{
    artifact::{
        DType,
        program::{OpKind, Schedule},
    },
    data::Images,
};
use std::sync::Arc;

/// Levels of all of them.
const LEVELS: u32 = 31;

/// A network, its images, and what became of it.
pub struct Small {
    /// The compiled network.
    pub compiled: Compiled,
    loaded: Loaded,
    float: Network,
    images: Arc<Images>,
}

impl Small {
    /// Compiles for `st-bif`; see [`Small::compile`].
    pub fn new(input: &[usize], body: &str, outputs: &[&str], weights: Vec<Tensor>, pixels: Vec<u8>) -> Self {
        Self::compile(input, body, outputs, weights, pixels, Schedule::StBif)
    }

    /// Compiles the graph of the statements `body`, of `%0` of shape `input`, that returns `outputs`, each `%value: type`. It is
    /// calibrated on the images that it will be tried on.
    pub fn compile(
        input: &[usize],
        body: &str,
        outputs: &[&str],
        weights: Vec<Tensor>,
        pixels: Vec<u8>,
        schedule: Schedule,
    ) -> Self {
        let shape = input.iter().map(|size| format!(", {size}")).collect::<String>();
        let (values, types): (Vec<_>, Vec<_>) = outputs
            .iter()
            .map(|output| output.split_once(": ").expect("an output is `%value: type`"))
            .unzip();
        let text = format!(
            "graph @small(%0: f32[N{shape}]) -> ({}) {{\n{body}\n  return {}\n}}\n",
            types.join(", "),
            values.join(", ")
        );
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let (graph, file) = (folder.path().join("small.ncg"), folder.path().join("small.safetensors"));
        std::fs::write(&graph, text).expect("the folder can be written");
        tensors::write(&file, &weights);
        let loaded = library::load(&graph, &file);
        let images = Arc::new(Images::from_u8(input.to_vec(), pixels, None).expect("whole images"));
        let settings = Settings { schedule, levels: LEVELS, timesteps: LEVELS, ..Settings::default() };
        let compiled = library::compile(&loaded, &images, &settings, None)
            .unwrap_or_else(|error| panic!("{error}\n{body}"));
        Self { compiled, float: library::float(&loaded), loaded, images }
    }

    /// Integer logits of each output, which are the same on the engine, the interpreter and in the integer network.
    pub fn logits(&self, image: usize) -> Vec<Vec<i64>> {
        let input = sample(&self.images, image).expect("the image is there");
        let logits = self.compiled.engine_logits(&self.images, image);
        assert_eq!(logits, self.compiled.interpreted_logits(&input), "image {image}");
        assert_eq!(logits, self.compiled.integer_logits(&input), "image {image}");
        logits
    }

    /// Real logits of the spiking network.
    pub fn real(&self, image: usize) -> Vec<Vec<f64>> {
        self.logits(image);
        let outcome = self.compiled.engine_outcome(&self.images, image, false);
        outcome
            .outputs
            .iter()
            .map(|output| output.real.iter().map(|&logit| f64::from(logit)).collect())
            .collect()
    }

    /// Logits of the float network.
    pub fn float(&self, image: usize) -> Vec<Vec<f64>> {
        let input = sample(&self.images, image).expect("the image is there");
        let outputs = self.float.forward(&input, &mut |_, _| ()).expect("the float network runs");
        outputs.into_iter().map(|output| output.into_iter().collect()).collect()
    }

    /// Root mean square of the difference of the logits to the float network's, over that of those.
    pub fn error(&self) -> f64 {
        let (mut difference, mut whole) = (0.0, 0.0);
        for image in 0..self.images.len() {
            for (float, real) in self.float(image).concat().iter().zip(self.real(image).concat()) {
                difference += (real - float).powi(2);
                whole += float.powi(2);
            }
        }
        (difference / whole).sqrt()
    }

    /// A tensor of integers of the artifact.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.reals(name).into_iter().map(|value| value as i64).collect()
    }

    /// A tensor of the artifact, of any type.
    pub fn reals(&self, name: &str) -> Vec<f64> {
        let tensor = &self.compiled.artifact.tensors[name];
        let values = match tensor.dtype() {
            DType::I8 => tensor.values::<i8>().map(|values| values.into_iter().map(f64::from).collect()),
            DType::I16 => tensor.values::<i16>().map(|values| values.into_iter().map(f64::from).collect()),
            DType::I32 => tensor.values::<i32>().map(|values| values.into_iter().map(f64::from).collect()),
            DType::F32 => tensor.values::<f32>().map(|values| values.into_iter().map(f64::from).collect()),
            _ => tensor.values::<f64>(),
        };
        values.expect("the type is the tensor's own, or the test's mistake")
    }

    /// A weight as the file has it.
    pub fn weight(&self, name: &str) -> Vec<f64> {
        let weight = self.loaded.weights.get(name).expect("the weight is there");
        weight.f32s().expect("weights are f32").iter().map(|&weight| f64::from(weight)).collect()
    }

    /// The biases of the first convolution of the artifact's integer network.
    pub fn module_biases(&self) -> Vec<i64> {
        let text = self.compiled.artifact.module_text().expect("the artifact carries its module");
        let text = String::from_utf8_lossy(text).into_owned();
        let line = text.lines().find(|line| line.contains("ann.conv")).expect("there is a convolution");
        let list = line
            .split_once("bias = dense<[")
            .and_then(|(_, rest)| rest.split_once(']'))
            .expect("short biases are written out");
        list.0.split(", ").map(|bias| bias.parse().expect("biases are integers")).collect()
    }

    /// Real value of input code 1.
    pub fn step(&self) -> f64 {
        let step = |kind: &OpKind| if let OpKind::Encode { scale, .. } = kind { Some(*scale) } else { None };
        self.compiled
            .artifact
            .program()
            .ops
            .iter()
            .find_map(|op| step(&op.kind))
            .expect("there is an encoder")
    }

    /// Input code of a pixel of channel 0, by the formula of the contract.
    pub fn code(&self, pixel: u32) -> i64 {
        let encode = |kind: &OpKind| {
            let OpKind::Encode { multiplier, offset, minimum, maximum, scale, low, high, .. } = kind else {
                return None;
            };
            let [multiplier, offset, minimum, maximum] =
                [multiplier, offset, minimum, maximum].map(|name| self.reals(name)[0]);
            let value = (f64::from(pixel) * multiplier + offset).clamp(minimum, maximum);
            Some(((value / scale + 0.5).floor() as i64).clamp(i64::from(*low), i64::from(*high)))
        };
        self.compiled
            .artifact
            .program()
            .ops
            .iter()
            .find_map(|op| encode(&op.kind))
            .expect("there is an encoder")
    }
}

/// Division rounded down, also below zero.
pub fn floor_divide(dividend: i64, divisor: i64) -> i64 {
    dividend.div_euclid(divisor)
}

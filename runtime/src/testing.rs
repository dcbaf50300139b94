//! Artifacts for tests, built op by op; also for those of other crates, with the feature `testing`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

pub mod random;

use std::collections::BTreeMap;

use crate::artifact::{
    Artifact, Element, FORMAT_VERSION, Layer, Manifest, NamedShape, NetworkInput, Nonlinearities, Tensor,
    limits::MAX_FRAME_EVENTS,
    program::{Op, OpKind, Program, Schedule, ValueId},
};

/// Numbers that look random and are always the same.
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number of 31 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number from `-magnitude` to `magnitude`.
    pub fn signed(&mut self, magnitude: i32) -> i32 {
        (self.draw() % (2 * magnitude as u64 + 1)) as i32 - magnitude
    }

    pub fn weights(&mut self, count: usize) -> Vec<i8> {
        (0..count).map(|_| ((self.draw() % 201) as i16 - 92) as i8).collect()
    }
}

/// Builds an artifact; every op is checked only by [`Artifact::validate`].
#[derive(Debug)]
pub struct Builder {
    program: Program,
    tensors: BTreeMap<String, Tensor>,
}

impl Builder {
    pub fn new(schedule: Schedule, steps: u32) -> Self {
        let program = Program { schedule, steps, values: vec![], ops: vec![] };
        Self { program, tensors: BTreeMap::new() }
    }

    pub fn shape(&self, value: ValueId) -> &[usize] {
        &self.program.values[value]
    }

    pub fn tensor<T: Element>(&mut self, shape: &[usize], values: &[T]) -> String {
        let name = format!("tensor{}", self.tensors.len());
        self.tensors.insert(name.clone(), Tensor::from_values(shape.to_vec(), values).unwrap());
        name
    }

    pub fn op(&mut self, kind: OpKind, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let output = self.program.values.len();
        self.program.values.push(shape.to_vec());
        let name = format!("op{}", self.program.ops.len());
        self.program.ops.push(Op {
            name,
            source: "test.ncg:1:1".into(),
            inputs: inputs.to_vec(),
            output,
            kind,
        });
        output
    }

    /// An encoder whose code is the pixel, cut to 0..=255.
    pub fn encode(&mut self, shape: &[usize], every_step: bool) -> ValueId {
        let channels = shape[0];
        let kind = OpKind::Encode {
            multiplier: self.tensor(&[channels], &vec![1.0; channels]),
            offset: self.tensor(&[channels], &vec![0.0; channels]),
            minimum: self.tensor(&[channels], &vec![f64::NEG_INFINITY; channels]),
            maximum: self.tensor(&[channels], &vec![f64::INFINITY; channels]),
            scale: 1.0,
            low: 0,
            high: 255,
            every_step,
        };
        self.op(kind, &[], shape)
    }

    /// The events of up to so many frames.
    pub fn encode_events(&mut self, shape: &[usize], frames: u32) -> ValueId {
        self.op(OpKind::EncodeEvents { frames, high: MAX_FRAME_EVENTS }, &[], shape)
    }

    pub fn st_bif(&mut self, input: ValueId, threshold: &[i32], high: i32, delay: u32) -> ValueId {
        let shape = self.shape(input).to_vec();
        let kind = OpKind::StBif {
            threshold: self.tensor(&shape[..1], threshold),
            initial: self.tensor(&shape[..1], &threshold.iter().map(|t| t / 2).collect::<Vec<_>>()),
            low: 0,
            high,
            delay,
        };
        self.op(kind, &[input], &shape)
    }

    /// Graded neurons whose levels go from `−most` to `most`.
    pub fn sigma_delta(&mut self, input: ValueId, threshold: &[i32], most: i32, delay: u32) -> ValueId {
        let shape = self.shape(input).to_vec();
        let kind = OpKind::SigmaDelta {
            threshold: self.tensor(&shape[..1], threshold),
            initial: self.tensor(&shape[..1], &threshold.iter().map(|t| t / 2).collect::<Vec<_>>()),
            low: -most,
            high: most,
            delay,
        };
        self.op(kind, &[input], &shape)
    }

    /// A 3×3 convolution with padding 1.
    pub fn conv3x3(&mut self, input: ValueId, outputs: usize, weights: &[i8]) -> ValueId {
        self.conv(input, [outputs, 3, 1], weights)
    }

    /// A convolution with as many outputs, a kernel of an odd size, and a stride; the input is padded by half the kernel.
    pub fn conv(&mut self, input: ValueId, [outputs, kernel, stride]: [usize; 3], weights: &[i8]) -> ValueId {
        let [c, h, w] = *self.shape(input) else { panic!("not an image") };
        let kind = OpKind::Conv {
            weight: self.tensor(&[outputs, c, kernel, kernel], weights),
            stride: vec![stride; 2],
            padding: vec![kernel / 2; 2],
            dilation: vec![1, 1],
            groups: 1,
            transposed: false,
        };
        self.op(kind, &[input], &[outputs, h.div_ceil(stride), w.div_ceil(stride)])
    }

    /// Max pool over 2×2 windows.
    pub fn max_pool2(&mut self, input: ValueId) -> ValueId {
        let [c, h, w] = *self.shape(input) else { panic!("not an image") };
        let kind = OpKind::MaxPool2d { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
        self.op(kind, &[input], &[c, h / 2, w / 2])
    }

    pub fn reshape(&mut self, input: ValueId, shape: &[usize]) -> ValueId {
        self.op(OpKind::Reshape, &[input], shape)
    }

    pub fn linear(&mut self, input: ValueId, outputs: usize, weights: &[i8]) -> ValueId {
        let features = self.shape(input)[0];
        let kind = OpKind::Linear { weight: self.tensor(&[outputs, features], weights) };
        self.op(kind, &[input], &[outputs])
    }

    /// A readout without bias, scale 1.
    pub fn readout(&mut self, input: ValueId, name: &str) -> ValueId {
        let shape = self.shape(input).to_vec();
        let channels = shape[0];
        let kind = OpKind::Readout {
            output_name: name.into(),
            initial: self.tensor(&[channels], &vec![0; channels]),
            bias: self.tensor(&[channels], &vec![0; channels]),
            gain: 1,
            scale: self.tensor(&[channels], &vec![1.0; channels]),
            average: false,
            start: 0,
            head: None,
        };
        self.op(kind, &[input], &shape)
    }

    /// The artifact, with a manifest that fits the program.
    pub fn finish(self) -> Artifact {
        let Self { program, tensors } = self;
        let shape = |value: ValueId| program.values[value].clone();
        let first = program.ops.iter().find(|op| op.inputs.is_empty());
        let outputs = program.ops.iter().filter_map(|op| match &op.kind {
            OpKind::Readout { output_name, .. } => {
                Some(NamedShape { name: output_name.clone(), shape: shape(op.output) })
            }
            _ => None,
        });
        let layers = program.ops.iter().filter(|op| op.kind.is_neuron()).map(|op| Layer {
            name: op.name.clone(),
            kind: "test".into(),
            neurons: shape(op.output).iter().product::<usize>() as u64,
            membrane_bound: 1 << 20,
            threshold_min: 1,
            threshold_max: 1,
        });
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            producer: "test".into(),
            network: "net".into(),
            target: "cpu".into(),
            chips: None,
            gpu: None,
            levels: 15,
            input: NetworkInput {
                name: "x".into(),
                shape: first.map(|op| shape(op.output)).unwrap_or_default(),
                dtype: "u8".into(),
                frames: program.ops.iter().find_map(|op| match op.kind {
                    OpKind::EncodeEvents { frames, .. } => Some(frames),
                    _ => None,
                }),
            },
            outputs: outputs.collect(),
            layers: layers.collect(),
            nonlinearities: Nonlinearities { found: 1, converted: 1 },
            provenance: BTreeMap::from([("graph".into(), "test.ncg".into())]),
            report: serde_json::json!({"b": [1, 2.5, null], "a": {"z": "text"}}),
            program,
        };
        Artifact { manifest, tensors }
    }
}

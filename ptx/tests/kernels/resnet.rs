//! One layer of each kind of ResNet-18, at full size, with random weights.

use crate::support::{Compared, compare, with_kernels};
use neurocuda_runtime::{
    artifact::{
        Artifact,
        program::{OpKind, Schedule, ValueId},
    },
    cpu::RunOptions,
    data::Images,
    gpu::Room,
    testing::{Builder, Noise},
};

/// A network around one layer: neurons in front of it, so that what it gets is spikes, and neurons behind it.
struct Network {
    builder: Builder,
    noise: Noise,
    schedule: Schedule,
    input: Vec<usize>,
    /// What the layer gets.
    spikes: ValueId,
}

impl Network {
    fn new(schedule: Schedule, input: [usize; 3]) -> Self {
        let mut builder = Builder::new(schedule, 1000);
        let spikes = builder.encode(&input, schedule == Schedule::Rate);
        let mut network = Self { builder, noise: Noise::new(18), schedule, input: input.to_vec(), spikes };
        network.spikes = network.neurons(spikes, 90);
        network
    }

    /// Neurons whose thresholds lie around `threshold`.
    fn neurons(&mut self, input: ValueId, threshold: i32) -> ValueId {
        let shape = self.builder.shape(input).to_vec();
        let thresholds: Vec<i32> =
            (0..shape[0]).map(|_| threshold + self.noise.signed(threshold / 4)).collect();
        if self.schedule == Schedule::StBif {
            return self.builder.st_bif(input, &thresholds, 15, 0);
        }
        let biases: Vec<i32> = (0..shape[0]).map(|_| self.noise.signed(threshold / 8)).collect();
        let kind = OpKind::If {
            threshold: self.builder.tensor(&shape[..1], &thresholds),
            initial: self.builder.tensor(&shape[..1], &thresholds.iter().map(|t| t / 2).collect::<Vec<_>>()),
            bias: self.builder.tensor(&shape[..1], &biases),
            gain: 1,
            delay: 0,
        };
        self.builder.op(kind, &[input], &shape)
    }

    fn conv(&mut self, input: ValueId, [outputs, kernel, stride]: [usize; 3]) -> ValueId {
        let inputs = self.builder.shape(input)[0];
        let weights = self.noise.weights(outputs * inputs * kernel * kernel);
        self.builder.conv(input, [outputs, kernel, stride], &weights)
    }

    fn scale(&mut self, input: ValueId) -> ValueId {
        let shape = self.builder.shape(input).to_vec();
        let weights: Vec<i8> = (0..shape[0]).map(|_| self.noise.signed(100) as i8).collect();
        let weight = self.builder.tensor(&shape[..1], &weights);
        self.builder.op(OpKind::Scale { weight }, &[input], &shape)
    }

    fn add(&mut self, values: &[ValueId]) -> ValueId {
        let shape = self.builder.shape(values[0]).to_vec();
        self.builder.op(OpKind::Add, values, &shape)
    }

    fn finish(mut self, last: ValueId) -> (Artifact, Images) {
        self.builder.readout(last, "y");
        let size = 2 * self.input.iter().product::<usize>();
        let pixels = (0..size).map(|_| self.noise.draw() as u8).collect();
        (self.builder.finish(), Images::from_u8(self.input, pixels, None).unwrap())
    }
}

/// The kinds of layers, by name; thresholds are such that every layer sends spikes within a few steps.
pub fn layers(schedule: Schedule) -> Vec<(&'static str, (Artifact, Images))> {
    let mut layers = vec![];
    let mut network = Network::new(schedule, [64, 32, 32]);
    let (input, conv) = (network.spikes, network.conv(network.spikes, [64, 3, 1]));
    let identity = network.scale(input);
    let sum = network.add(&[conv, identity]);
    let last = network.neurons(sum, 900);
    layers.push(("64 to 64, 3x3, beside the identity", network.finish(last)));

    let mut network = Network::new(schedule, [64, 32, 32]);
    let conv = network.conv(network.spikes, [128, 3, 2]);
    let last = network.neurons(conv, 900);
    layers.push(("64 to 128, 3x3, stride 2", network.finish(last)));

    let mut network = Network::new(schedule, [64, 32, 32]);
    let conv = network.conv(network.spikes, [128, 3, 2]);
    let middle = network.neurons(conv, 900);
    let conv = network.conv(middle, [128, 3, 1]);
    let shortcut = network.conv(network.spikes, [128, 1, 2]);
    let sum = network.add(&[conv, shortcut]);
    let last = network.neurons(sum, 900);
    layers.push(("128 to 128, 3x3, beside 1x1 with stride 2", network.finish(last)));

    let mut network = Network::new(schedule, [512, 4, 4]);
    let conv = network.conv(network.spikes, [512, 3, 1]);
    let last = network.neurons(conv, 2000);
    layers.push(("512 to 512, 3x3, on 4x4", network.finish(last)));

    let mut network = Network::new(schedule, [512, 4, 4]);
    let kind = OpKind::SumPool2d { rows: vec![[0, 4]], columns: vec![[0, 4]], multiplier: None };
    let pool = network.builder.op(kind, &[network.spikes], &[512, 1, 1]);
    let flat = network.builder.reshape(pool, &[512]);
    let weights = network.noise.weights(512 * 10);
    let last = network.builder.linear(flat, 10, &weights);
    layers.push(("pool and 512 to 10", network.finish(last)));
    layers
}

fn run(schedule: Schedule) {
    let mut total = Compared::default();
    for (name, (artifact, images)) in layers(schedule) {
        artifact.validate().unwrap();
        let artifact = with_kernels(&artifact).unwrap();
        for (images_of_batch, steps) in [(2, 4), (1, 5)] {
            let room = Room { images: images_of_batch, steps, keeps_events: true };
            let options =
                RunOptions { timesteps: Some(7), trace: true, predictions: true, ..RunOptions::default() };
            let compared = compare(&artifact, &images, room, &options);
            println!("{schedule}, {name}: {compared:?} equal");
            total.add(compared);
            assert!(compared.spikes > compared.values / 100, "it is nearly silent");
        }
    }
    println!("{schedule}: {total:?} equal");
}

#[test]
fn layers_of_resnet18_st_bif() {
    run(Schedule::StBif);
}

#[test]
fn layers_of_resnet18_rate() {
    run(Schedule::Rate);
}

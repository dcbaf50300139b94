//! Runs a network on the CPU engine and in the interpreter.

use neurocuda_ptx::{AttachError, LowerError, compile};
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::{
    artifact::Artifact,
    cpu::{Engine, EngineError, ImageOutcome, RunOptions},
    data::Images,
    gpu::{Executor, GpuError, Room},
};

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    /// Images.
    pub images: u64,
    /// Elements of layers in each step, and logits.
    pub values: u64,
    /// Of these elements, those that are not zero.
    pub spikes: u64,
}

impl Compared {
    pub fn add(&mut self, other: Self) {
        self.images += other.images;
        self.values += other.values;
        self.spikes += other.spikes;
    }
}

/// The artifact with kernels; `None` if what an op sends may need more than 32 bits.
pub fn with_kernels(artifact: &Artifact) -> Option<Artifact> {
    let mut artifact = artifact.clone();
    match compile(&mut artifact, "sm_80") {
        Ok(()) => Some(artifact),
        Err(AttachError::Lower(LowerError::Wide(_))) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Runs all images on both; every logit, spike, count and certificate is the same, and so is what goes wrong.
pub fn compare(artifact: &Artifact, images: &Images, room: Room, options: &RunOptions) -> Compared {
    let device = Box::new(Interpreter::new().with_limit(1 << 32));
    let mut executor = Executor::with_room(artifact, device, room).unwrap();
    let found = executor.run(images, 0..images.len(), options, |_| ());
    let engine = Engine::new(artifact).unwrap();
    let run = |index| engine.run_image(images.fetch(index).unwrap().view(), index, options);
    let expected: Result<Vec<ImageOutcome>, EngineError> = (0..images.len()).map(run).collect();
    let (found, expected) = match (found, expected) {
        (Ok(found), Ok(expected)) => (found, expected),
        (Err(GpuError::Engine(found)), Err(expected)) => {
            assert_eq!(found.to_string(), expected.to_string());
            return Compared::default();
        }
        (found, expected) => {
            panic!("{:?}, on the CPU {:?}", found.map(|found| found.len()), expected.map(|run| run.len()))
        }
    };
    assert_eq!(found.len(), expected.len());
    let mut compared = Compared::default();
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let traces = found.trace.iter().flatten().zip(expected.trace.iter().flatten());
        for (layer, (found, expected)) in artifact.manifest.layers.iter().zip(traces) {
            let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
            if let Some(first) = first {
                let (step, neuron) = (first / layer.neurons as usize, first % layer.neurons as usize);
                let (found, expected) = (found[first], expected[first]);
                panic!(
                    "image {index}, layer {}, step {step}, neuron {neuron}: {found}, not {expected}",
                    layer.name
                );
            }
            compared.values += expected.len() as u64;
            compared.spikes += expected.iter().filter(|&&spike| spike != 0).count() as u64;
        }
        assert_eq!(found, expected, "image {index}, {room:?}, {options:?}");
        compared.values += expected.outputs.iter().map(|output| output.integer.len() as u64).sum::<u64>();
        compared.images += 1;
    }
    compared
}

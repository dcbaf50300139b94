//! The spiking network of an artifact on the reference interpreter, for comparison with its cores.

use super::spiking_pipeline;
use crate::{
    interpret::{InterpretError, Network, Sample, StepLimit},
    mlir::{IrError, IrResult},
    module_text,
    pipeline::{self, Hooks, Pipeline},
    session::Session,
};
use melior::Context;
use neurocuda_dialects::{View, snn};
use neurocuda_runtime::artifact::Artifact;

/// The `snn` module of an artifact, whose spikes can be listed.
pub struct Spikes {
    network: Network,
    /// Op of each layer of neurons, and number of its neurons.
    layers: Vec<(usize, usize)>,
}

/// What a network did with a sample.
pub struct Sent {
    /// What each layer sent, `[steps, …shape]`, row-major.
    pub spikes: Vec<Vec<i16>>,
    /// Integer logits of each output behind the last step.
    pub logits: Vec<Vec<i32>>,
}

/// Names of the ops that are neurons.
const NEURONS: [&str; 6] = [
    snn::StBif::NAME,
    snn::StBifTable::NAME,
    snn::SigmaDelta::NAME,
    snn::SigmaDeltaTable::NAME,
    snn::HoldAndFire::NAME,
    snn::If::NAME,
];

impl Spikes {
    /// Lowers the artifact's integer network anew.
    ///
    /// # Errors
    ///
    /// If the artifact holds no integer network, or that has no spiking one.
    pub fn of<'c>(context: &'c Context, artifact: &Artifact) -> IrResult<'c, Self> {
        let text = artifact.module_text().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        let tensor = |name: &str| artifact.tensors.get(name).map(|tensor| tensor.bytes());
        let mut module = module_text::load(context, text, tensor)
            .map_err(|_| IrError::module("the artifact's integer network cannot be read"))?;
        let manifest = &artifact.manifest;
        let passes =
            spiking_pipeline(manifest.program.schedule, manifest.input.frames, manifest.program.steps, false);
        let passes = Pipeline::parse(&passes).map_err(|error| IrError::module(error.to_string()))?;
        pipeline::run(context, &mut module, &passes, &mut Session::default(), &Hooks::default())
            .map_err(|error| IrError::module(error.to_string()))?;
        let network = Network::new(module.as_operation())?;
        let ops = network.ops().iter().enumerate().filter(|(_, op)| NEURONS.contains(&op.name.as_str()));
        let layers = ops.map(|(index, _)| index).collect::<Vec<_>>();
        let sizes = manifest.layers.iter().map(|layer| layer.neurons as usize);
        if layers.len() != manifest.layers.len() {
            return Err(IrError::module("the artifact's integer network has other layers than its program"));
        }
        Ok(Self { layers: layers.into_iter().zip(sizes).collect(), network })
    }

    /// What happens in so many steps.
    ///
    /// # Errors
    ///
    /// If the network does not run.
    pub fn run(&self, sample: &Sample, steps: u32) -> Result<Sent, InterpretError> {
        let mut spikes =
            self.layers.iter().map(|(_, size)| vec![0; size * steps as usize]).collect::<Vec<_>>();
        let mut seen = |step: u32, op: usize, sent: &Sample| {
            if let Some(layer) = self.layers.iter().position(|(own, _)| *own == op) {
                let start = step as usize * self.layers[layer].1;
                if let Some(slots) = spikes[layer].get_mut(start..start + sent.len()) {
                    slots.iter_mut().zip(sent).for_each(|(slot, &value)| *slot = value as i16);
                }
            }
        };
        let outcome = self.network.simulate(sample, StepLimit::Exactly(steps), &mut seen)?;
        let logits = outcome.outputs.iter().map(|output| output.integer.iter().map(|&y| y as i32).collect());
        Ok(Sent { spikes, logits: logits.collect() })
    }
}

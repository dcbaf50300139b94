//! Whether the cores of an artifact send what its spiking network sends. The interpreter sees populations and not cores, so that it is the
//! simulator that holds `map-to-cores` to its claim.

use crate::interpret::Sample;
use neurocuda_runtime::{
    artifact::Artifact,
    cpu::{Backend, Engine, ImageOutcome, RunOptions},
    data::ImageView,
};

/// Runs `samples` on the cores and on the CPU, and compares every spike and logit.
///
/// # Errors
///
/// What differs, or why the cores cannot run, as a sentence.
pub fn hold(artifact: &Artifact, samples: &[Sample]) -> Result<(), String> {
    let engine = |backend| Engine::on(artifact, backend).map_err(|error| error.to_string());
    let (cpu, cores) = (engine(Backend::Cpu)?, engine(Backend::Loihi)?);
    for (index, sample) in samples.iter().enumerate() {
        let pixels = sample.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let run = |engine: &Engine| -> Result<ImageOutcome, String> {
            let options = RunOptions { trace: true, ..RunOptions::default() };
            engine.run_image(ImageView::F32(&pixels), index, &options).map_err(|error| error.to_string())
        };
        let (expected, found) = (run(&cpu)?, run(&cores)?);
        let spikes = |outcome: &ImageOutcome| outcome.trace.clone().unwrap_or_default();
        let layers = cpu.layers().iter().zip(spikes(&expected).into_iter().zip(spikes(&found)));
        for (layer, (expected, found)) in layers {
            if expected != found {
                return Err(format!("sample {index}: the cores of layer `{}` send other spikes", layer.name));
            }
        }
        if expected.outputs != found.outputs {
            return Err(format!("sample {index}: the cores' logits are others"));
        }
    }
    Ok(())
}

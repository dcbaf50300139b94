//! Whether the kernels of an artifact do what its spiking network does. The interpreter of modules sees the network and not the kernels
//! beside it, so that it is the interpreter of PTX that holds `lower-to-gpu` to its claim: it runs the text that a card would get.

use crate::interpret::Sample;
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::{
    artifact::Artifact,
    cpu::{Engine, RunOptions},
    data::ImageView,
    gpu::Executor,
};

/// Samples that are interpreted at once: their every spike is in memory.
const BATCH: usize = 4;

/// Runs `samples` by the kernels and on the CPU, and compares every spike and logit.
///
/// # Errors
///
/// What differs, or why the kernels cannot run, as a sentence.
pub fn hold(artifact: &Artifact, samples: &[Sample]) -> Result<(), String> {
    let engine = Engine::new(artifact).map_err(|error| error.to_string())?;
    let mut kernels = Executor::new(artifact, Box::new(Interpreter::new()), Some(BATCH), true)
        .map_err(|error| error.to_string())?;
    let options = RunOptions { trace: true, ..RunOptions::default() };
    for (batch, samples) in samples.chunks(BATCH).enumerate() {
        let pixels = |sample: &Sample| sample.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let pixels = samples.iter().map(pixels).collect::<Vec<_>>();
        let images = pixels.iter().map(|pixels| ImageView::F32(pixels)).collect::<Vec<_>>();
        let first = batch * BATCH;
        let found = kernels.run_batch(&images, first, &options).map_err(|error| error.to_string())?;
        for (index, (found, image)) in (first..).zip(found.iter().zip(images)) {
            let expected = engine.run_image(image, index, &options).map_err(|error| error.to_string())?;
            let traces = expected.trace.iter().flatten().zip(found.trace.iter().flatten());
            for (layer, (expected, found)) in engine.layers().iter().zip(traces) {
                if expected != found {
                    let name = &layer.name;
                    return Err(format!("sample {index}: the kernels of layer `{name}` send other spikes"));
                }
            }
            if expected != *found {
                return Err(format!("sample {index}: the kernels' logits, counts or steps are others"));
            }
        }
    }
    Ok(())
}

//! `neurocudac loihi trace`: what the cores hold and send, step by step.

use super::Inputs;
use crate::{failure::Failure, output};
use clap::Args;
use neurocuda_runtime::{
    cpu::{CoreTrace, EngineError},
    loihi::simulate::Counts,
};
use safetensors::Dtype;
use std::path::PathBuf;

/// Record one sample on the cores: every word of state and every spike of each layer, and what each core does, in every step.
///
/// Writes `spikes.<layer>` (payloads, 0 where nothing is sent) and `<word>.<layer>` for each word of state, behind the step: i32
/// [T, …]; and `cores.updates`, `.spikes`, `.messages`, `.hops` and `.synaptic_operations`: i64 [T, cores].
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,

    /// Which sample.
    #[arg(long, value_name = "N", default_value_t = 0)]
    index: usize,

    /// Record this layer only; may be given several times.
    #[arg(long, value_name = "LAYER")]
    layer: Vec<String>,

    /// Where the trace goes.
    #[arg(short, long, value_name = "TRACE.safetensors")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (_, engine, images) = arguments.inputs.open()?;
    let (start, end) = (arguments.index, arguments.index.saturating_add(1));
    let image = images.fetch(start).ok_or(EngineError::Range { start, end, count: images.len() })?;
    let wanted = |op: &str| arguments.layer.is_empty() || arguments.layer.iter().any(|layer| layer == op);
    let trace = engine.trace_cores(image.view(), arguments.index, wanted)?;
    let found = |layer: &&String| trace.populations.iter().any(|population| population.op == **layer);
    if let Some(unknown) = arguments.layer.iter().find(|layer| !found(layer)) {
        return Err(Failure::input(format!(
            "trace-layer: there is no layer `{unknown}` on the cores; `loihi disasm` lists those that there are"
        )));
    }
    output::tensors(&arguments.output, &tensors(&trace))?;
    output::line(format!(
        "{}: {} layers over {} steps on {} cores",
        arguments.output.display(),
        trace.populations.len(),
        trace.outcome.steps,
        trace.outcome.cores.len()
    ));
    Ok(())
}

/// What is written of a trace.
fn tensors(trace: &CoreTrace) -> Vec<output::Tensor> {
    let steps = trace.outcome.steps as usize;
    let mut tensors = vec![];
    for population in &trace.populations {
        let shape = [&[steps], population.shape.as_slice()].concat();
        let sent = ("spikes".to_owned(), &population.sent);
        let states = population.states.iter().map(|(word, values)| (word.clone(), values));
        for (what, values) in std::iter::once(sent).chain(states) {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push((format!("{what}.{}", population.op), Dtype::I32, shape.clone(), bytes));
        }
    }
    type Of = fn(&Counts) -> u64;
    let counted: [(&str, Of); 5] = [
        ("updates", |counts| counts.updates),
        ("spikes", |counts| counts.spikes),
        ("messages", |counts| counts.messages),
        ("hops", |counts| counts.hops),
        ("synaptic_operations", |counts| counts.synaptic_operations),
    ];
    for (name, of) in counted {
        let bytes =
            trace.counts.iter().flatten().flat_map(|counts| (of(counts) as i64).to_le_bytes()).collect();
        tensors.push((format!("cores.{name}"), Dtype::I64, vec![steps, trace.outcome.cores.len()], bytes));
    }
    tensors
}

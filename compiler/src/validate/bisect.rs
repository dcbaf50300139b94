//! Where accuracy is lost: the first pass whose outputs are beyond a tolerance, and the first layer in it.
//!
//! Errors do not grow from pass to pass: a later pass may cancel what an earlier one did, as `correct-bias` does on purpose. Halving the
//! pipeline could therefore end at a pass that is not the first. So every pass is run and measured, once, against the imported network.

use super::{
    each::{Change, EachValidator, Outputs},
    values::{LayerValues, Scales},
};
use crate::{
    compile::{FRONT, Settings},
    faults::Fault,
    interpret::Network,
    mlir,
    pipeline::{self, Hooks, Pipeline, PipelineError},
    session::Session,
};
use melior::{Context, ir::Module};
use neurocuda_runtime::artifact::program::Schedule;
use serde::Serialize;
use std::{cell::RefCell, collections::BTreeMap};

/// What a bisection found.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Bisection {
    /// Name of the graph.
    pub network: String,
    /// Schedule, by its name on the command line.
    pub schedule: Schedule,
    /// Largest count of an activation.
    pub levels: u32,
    /// Samples that were run.
    pub samples: usize,
    /// Largest relative error allowed: root mean square of the difference over that of the imported network.
    pub tolerance: f64,
    /// Every pass, in order.
    pub passes: Vec<PassError>,
    /// Where the tolerance is left first; `null` if it never is.
    pub culprit: Option<Culprit>,
}

/// How far a pass is from the imported network.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PassError {
    /// Name of the pass.
    pub pass: String,
    /// Difference to the imported network, of real logits; `null` if the module does not run.
    pub error: Option<Change>,
    /// What the pass itself changed; `null` if the module does not run before or after it.
    pub change: Option<Change>,
    /// Why the module does not run.
    pub failure: Option<String>,
    /// Whether it is beyond the tolerance.
    pub beyond: bool,
}

/// The first pass beyond the tolerance.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Culprit {
    /// Name of the pass.
    pub pass: String,
    /// The layer that leaves the tolerance first, in the order of the network, or `output`, if only outputs do.
    pub layer: Option<String>,
    /// The ops of that layer since the layers before it, before the pass.
    pub ops: Vec<String>,
    /// Every layer that can be compared, in order.
    pub layers: Vec<LayerError>,
}

/// How far a layer's activations are off.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct LayerError {
    /// Name of the layer.
    pub layer: String,
    /// Relative error against the imported network; `null` where it has no such activations.
    pub error: Option<f64>,
    /// Relative change by the pass; `null` where there were no such activations.
    pub change: Option<f64>,
    /// Whether it is beyond the tolerance.
    pub beyond: bool,
}

/// Why there is no bisection.
#[derive(Debug, thiserror::Error)]
pub enum BisectError {
    /// A pass failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The imported network does not run.
    #[error("the imported network does not run: {0}")]
    Import(String),
}

/// What to look for.
pub struct Demands<'d> {
    /// What is compiled.
    pub settings: &'d Settings,
    /// Largest relative error.
    pub tolerance: f64,
    /// A fault to plant, for tests.
    pub plant: Option<Fault>,
}

/// Runs the passes of a compilation on `module`, which is at stage `torch`, and measures each.
///
/// # Errors
///
/// If a pass fails, or the imported network does not run.
pub fn bisect(
    context: &Context,
    module: &mut Module,
    network: &str,
    validator: &EachValidator,
    session: &mut Session,
    demands: &Demands,
) -> Result<Bisection, BisectError> {
    let Demands { settings, tolerance, plant } = demands;
    let hooks = Hooks { plant: plant.clone(), ..Hooks::default() };
    let imported = Stage::new(module, validator, &Scales::default()).map_err(BisectError::Import)?;
    let mut bisection = Bisection {
        network: network.to_owned(),
        schedule: settings.schedule,
        levels: settings.levels,
        samples: validator.count(),
        tolerance: *tolerance,
        passes: vec![],
        culprit: None,
    };
    let scales = RefCell::new(Scales::default());
    let mut outputs = Some(imported.outputs.clone());
    for text in [FRONT.to_owned(), settings.integer_pipeline(), settings.spiking_pipeline()] {
        for pass in Pipeline::parse(&text)?.into_passes() {
            let name = pass.names().concat();
            let before = mlir::duplicate(module.as_operation());
            let earlier = scales.borrow().clone();
            pipeline::run(context, module, &pass, session, &hooks)?;
            scales.borrow_mut().read(module.as_operation());
            let after = validator.outputs(module);
            let error = after.as_ref().ok().map(|after| Change::between(&imported.outputs, after));
            let step = PassError {
                pass: name.clone(),
                error,
                change: outputs
                    .as_ref()
                    .zip(after.as_ref().ok())
                    .map(|(before, after)| Change::between(before, after)),
                failure: after.as_ref().err().cloned(),
                beyond: error.is_none_or(|error| beyond(error.rms, *tolerance)),
            };
            if let (true, None, Some(before)) = (step.beyond, &bisection.culprit, &before) {
                let before = Stage::new(before, validator, &earlier).ok();
                let after = Stage::new(module, validator, &scales.borrow()).ok();
                bisection.culprit =
                    Some(culprit(name, &imported, before.as_ref(), after.as_ref(), *tolerance));
            }
            bisection.passes.push(step);
            outputs = after.ok();
        }
    }
    Ok(bisection)
}

/// Whether an error is beyond the tolerance; one that is no number is.
fn beyond(error: f64, tolerance: f64) -> bool {
    error.is_nan() || error > tolerance
}

/// A module on the samples.
struct Stage {
    network: Network,
    outputs: Outputs,
    layers: LayerValues,
}

impl Stage {
    fn new(module: &Module, validator: &EachValidator, scales: &Scales) -> Result<Self, String> {
        let network = Network::new(module.as_operation()).map_err(|error| error.message)?;
        let outputs = validator.outputs(module)?;
        let layers = LayerValues::of(module, &network, validator, scales)?;
        Ok(Self { network, outputs, layers })
    }
}

fn culprit(
    pass: String,
    imported: &Stage,
    before: Option<&Stage>,
    after: Option<&Stage>,
    tolerance: f64,
) -> Culprit {
    let mut found = Culprit { pass, layer: None, ops: vec![], layers: vec![] };
    let Some(after) = after else { return found };
    for (layer, values) in after.layers.iter() {
        let against = |stage: &Stage| stage.layers.error(layer, values);
        let (error, change) = (against(imported), before.and_then(against));
        if error.is_none() && change.is_none() {
            continue;
        }
        let beyond = error.or(change).is_some_and(|error| beyond(error, tolerance));
        found.layers.push(LayerError { layer: layer.to_owned(), error, change, beyond });
    }
    let first = found.layers.iter().find(|layer| layer.beyond).map(|layer| layer.layer.clone());
    if let Some(before) = before {
        found.ops = ops(&before.network, first.as_deref());
    }
    found.layer = Some(first.unwrap_or_else(|| "output".to_owned()));
    found
}

/// The ops with layer names that lead to a layer, or to the outputs, from the layers before it.
fn ops(network: &Network, layer: Option<&str>) -> Vec<String> {
    let producers = network.ops().iter().enumerate().filter_map(|(op, summary)| Some((summary.output?, op)));
    let producers = producers.collect::<BTreeMap<_, _>>();
    let holds = |op: usize| super::values::holds_activations(&network.ops()[op].name);
    let start = network
        .ops()
        .iter()
        .enumerate()
        .filter(|(op, summary)| holds(*op) && Some(summary.layer.as_str()) == layer);
    let mut next = match layer {
        Some(_) => start.flat_map(|(_, summary)| summary.inputs.clone()).collect::<Vec<_>>(),
        None => network.logit_values(),
    };
    let mut found = std::collections::BTreeSet::new();
    while let Some(value) = next.pop() {
        let Some(&op) = producers.get(&value).filter(|&&op| !holds(op)) else { continue };
        if found.insert(op) {
            next.extend(&network.ops()[op].inputs);
        }
    }
    found.into_iter().map(|op| format!("{} ({})", network.ops()[op].layer, network.ops()[op].name)).collect()
}

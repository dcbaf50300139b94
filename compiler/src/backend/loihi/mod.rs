//! Loihi 2: from an integer or spiking network to cores, and what there is to say about them.

pub mod emit;
pub mod reference;

use crate::{
    loihi::{
        chip::Chip,
        demand::Limit,
        mapping::{LayerDemand, layer_demands},
    },
    mlir::{self, IrResult},
    passes::{
        ann_to_snn::synapses::{SCHEDULE, STEPS},
        loihi_to_loihi::map_to_cores,
        snn_to_loihi::lower_to_loihi::{ACCUMULATOR, LowerToLoihi, STATE},
    },
};
use melior::ir::{Module, OperationRef, attribute::IntegerAttribute, operation::OperationLike};
use neurocuda_dialects::stage::Stage;
use neurocuda_runtime::artifact::program::Schedule;
use serde::Serialize;

/// How a network lies on cores.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct MapReport {
    /// The chip description.
    pub chip: Chip,
    /// When neurons fire; empty if the module does not say.
    pub schedule: String,
    /// Steps of a run: its proved bound, or the number of `rate`; `null` if the module does not say.
    pub steps: Option<i64>,
    /// Chips that are used.
    pub chips_used: u32,
    /// Cores that are used.
    pub cores_used: u64,
    /// Cores that there are.
    pub cores_available: u64,
    /// Pairs of cores of which one sends to the other.
    pub routes: u64,
    /// Hops of one spike of every neuron, with cores in the order of their layers, tile by tile.
    pub hops_before: u64,
    /// The same with the places that were chosen.
    pub hops_after: u64,
    /// Populations that add up part of the inputs of another, because those do not fit one core.
    pub relays: u64,
    /// What each layer takes.
    pub layers: Vec<LayerReport>,
}

/// What a layer takes.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct LayerReport {
    /// Cores and limits.
    #[serde(flatten)]
    pub demand: LayerDemand,
    /// The limit that a core of the layer comes nearest to.
    pub tightest: Option<Limit>,
    /// Largest magnitude of what arrives at a neuron in one step, proved; `null` of a relay.
    pub accumulator_bound: Option<i64>,
    /// Largest magnitude of a membrane, proved; `null` of a relay.
    pub membrane_bound: Option<i64>,
}

/// The passes from an integer network to a spiking one whose spikes arrive a step after they are sent. `corrected` is whether there are
/// calibration samples to correct a network of `rate` on.
pub fn spiking_pipeline(schedule: Schedule, frames: Option<u32>, timesteps: u32, corrected: bool) -> String {
    let input = frames.map(|frames| format!("stream-events{{frames={frames}}},")).unwrap_or_default();
    let correct = if corrected { ",correct-rate" } else { "" };
    let lowering = match schedule {
        Schedule::StBif => "lower-to-st-bif{delay=1}".to_owned(),
        Schedule::HoldAndFire => "lower-to-hold-and-fire{delay=1}".to_owned(),
        Schedule::SigmaDelta => "lower-to-sigma-delta{delay=1}".to_owned(),
        Schedule::Rate => format!("lower-to-rate{{timesteps={timesteps} delay=1}}{correct}"),
    };
    format!("expand-max-pool,{input}{lowering},prove-bounds")
}

/// Whether the ops of `module` are legal at `stage`.
pub fn is_at(module: &Module, stage: Stage) -> bool {
    let legal = stage.legal_ops();
    let block = mlir::network_block(module.as_operation());
    block.is_ok_and(|block| {
        mlir::operations(block)
            .iter()
            .all(|op| mlir::has_name(*op, "func.return") || legal.contains(&mlir::name(*op).as_str()))
    })
}

/// Maps `module`, of stage `snn` with proved bounds or of stage `loihi`, onto `chip`; a spiking network becomes populations on the way.
///
/// # Errors
///
/// If the module is not as it should be, something cannot be shown to fit the chip's widths, or it does not fit its cores.
pub fn map<'c>(module: &Module<'c>, chip: &Chip) -> IrResult<'c, MapReport> {
    if is_at(module, Stage::Snn) {
        LowerToLoihi::of(chip.clone()).lower(module.as_operation())?;
    }
    let function = mlir::network(module.as_operation())?;
    let (mapping, ops) = map_to_cores::mapped(module.as_operation(), chip)?;
    let of_name = |name: &str| {
        let node = mapping.network.node_indices().find(|&node| mapping.network[node].name == name)?;
        ops.get(node.index()).copied()
    };
    let layers =
        layer_demands(&mapping.network, chip, &mapping.cores).into_iter().map(|demand| LayerReport {
            tightest: demand.tightest().copied(),
            accumulator_bound: of_name(&demand.layer).and_then(|op| integer(op, ACCUMULATOR)),
            membrane_bound: of_name(&demand.layer).and_then(|op| integer(op, STATE)),
            demand,
        });
    Ok(MapReport {
        layers: layers.collect(),
        chip: chip.clone(),
        schedule: mlir::string(function, SCHEDULE).unwrap_or_default(),
        steps: integer(function, STEPS),
        chips_used: mapping.chips,
        cores_used: mapping.cores.len() as u64,
        cores_available: chip.cores(),
        routes: mapping.routes.len() as u64,
        hops_before: mapping.hops_before,
        hops_after: mapping.hops_after,
        relays: mapping.relays as u64,
    })
}

fn integer<'c>(operation: OperationRef<'c, '_>, key: &str) -> Option<i64> {
    let value = operation.attribute(key).ok()?;
    IntegerAttribute::try_from(value).ok().map(|value| value.value())
}

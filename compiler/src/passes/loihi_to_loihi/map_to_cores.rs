//! `map-to-cores`: cuts populations into slices that fit a core, and places the cores on the mesh.
//!
//! ```mlir
//! %2 = "loihi.neurons"(%c) {…} : …                                                        // before and after
//! "loihi.chip"() {name = "loihi2", cores = 128, …}                                        // after
//! "loihi.core"() {number = 0, place = array<i64: 0, 2, 1, 3>, population = "conv1", …}
//! "loihi.route"() {from = 0, to = array<i64: 4>, neurons = array<i64: 1024>, hops = array<i64: 1>, …}
//! ```
//!
//! What the network computes is not touched: cores and routes are stated beside it. The rules of cutting and counting are in
//! `docs/src/loihi-mapping.md`; what does not fit is refused with every limit, the demand and the layer.

use super::populations;
use crate::{
    loihi::{
        chip::Chip,
        mapping::{MapError, Mapping, map},
    },
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::snn_to_loihi::lower_to_loihi::{CHIP, chip},
    session::Session,
};
use melior::ir::{OperationRef, operation::OperationLike};
use neurocuda_dialects::{View, loihi, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "map-to-cores",
    summary: "cuts populations into slices that fit a core each, places the cores on the mesh, and states the routes between them",
    from: Some(Stage::Loihi),
    to: None,
    claim: Claim::Equal,
    options: &[CHIP],
};

/// Maps populations.
pub struct MapToCores {
    /// The chip of its option.
    chip: Option<Chip>,
}

/// Makes the pass.
///
/// # Errors
///
/// If the chip file is none.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(MapToCores { chip: chip(options)? }))
}

impl Pass for MapToCores {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let chip = session.chip(self.chip.as_ref());
        let (mapping, ops) = mapped(module, &chip)?;
        if let Some(relay) = mapping.network.node_weights().nth(mapping.network.node_count() - mapping.relays)
            && mapping.relays > 0
        {
            return Err(IrError::at(
                mlir::network(module)?,
                format!(
                    "unsupported: the inputs of `{}` do not fit one core, and adding them up on {} others takes a step that the network does \
                     not have; a smaller layer, or a larger `axons_in` or `synaptic_words` in a chip file, is needed",
                    relay.name.split(".inputs").next().unwrap_or_default(),
                    mapping.relays
                ),
            ));
        }
        state(module, &chip, &mapping, &ops)
    }
}

/// The mapping of a `loihi` module onto `chip`, and the op of each population by its index.
///
/// # Errors
///
/// If the module is malformed, or does not fit.
pub fn mapped<'c, 'a>(
    module: OperationRef<'c, 'a>,
    chip: &Chip,
) -> IrResult<'c, (Mapping, Vec<OperationRef<'c, 'a>>)> {
    let (network, ops) = populations::read(module)?;
    let place = |layer: &str| {
        let node = network.node_indices().find(|&node| network[node].name == layer);
        node.map(|node| ops[node.index()])
    };
    match map(network.clone(), chip) {
        Ok(mapping) => Ok((mapping, ops)),
        Err(error) => {
            let layer = match &error {
                MapError::Slice { layer, .. } | MapError::Cores { layer, .. } | MapError::Cycle(layer) => {
                    layer
                }
            };
            Err(place(layer).map_or_else(
                || IrError::module(error.to_string()),
                |operation| IrError::at(operation, error.to_string()),
            ))
        }
    }
}

/// States chip, cores and routes at the end of the network.
fn state<'c>(
    module: OperationRef<'c, '_>,
    chip: &Chip,
    mapping: &Mapping,
    ops: &[OperationRef<'c, '_>],
) -> IrResult<'c, ()> {
    let end = mlir::operations(mlir::network_block(module)?).last().copied();
    let end = end.ok_or_else(|| IrError::module("the network is empty"))?;
    let insert = |built: melior::ir::Operation<'c>| mlir::insert_operation(end, built).map(drop);
    let context = mlir::context(module);
    let whole = loihi::Chip {
        name: chip.name.clone(),
        chips: mapping.chips.into(),
        cores: chip.mesh.cores.into(),
        mesh: vec![chip.mesh.columns.into(), chip.mesh.rows.into(), chip.mesh.cores_per_tile.into()],
        accumulator_bits: chip.widths.accumulator_bits.into(),
        state_bits: chip.widths.state_bits.into(),
        payload_bits: chip.widths.payload_bits.into(),
        weight_bits: chip.synapses.weight_bits.into(),
        longest_delay: chip.delays.longest.into(),
    };
    insert(whole.build(context, &[], &[], end.location())?)?;
    for (number, core) in mapping.cores.iter().enumerate() {
        let (region, demand) = (&core.region, &core.demand);
        let view = loihi::Core {
            number: number as i64,
            place: [core.place.chip, core.place.column, core.place.row, core.place.core]
                .map(i64::from)
                .to_vec(),
            population: mapping.network[core.population].name.clone(),
            start: vec![region.channels.start as i64, region.columns.start as i64],
            end: vec![region.channels.end as i64, region.columns.end as i64],
            neurons: demand.neurons as i64,
            synaptic_words: demand.synaptic_words as i64,
            state_bytes: demand.state_bytes as i64,
            axons_in: demand.axons_in as i64,
            axons_out: demand.axons_out as i64,
        };
        let location = ops.get(core.population.index()).map_or(end.location(), |op| op.location());
        insert(view.build(context, &[], &[], location)?)?;
    }
    // Routes are in ascending order of the core that sends.
    for routes in mapping.routes.chunk_by(|a, b| a.from == b.from) {
        let list = |value: fn(&crate::loihi::mapping::Route) -> u64| {
            routes.iter().map(|route| value(route) as i64).collect::<Vec<_>>()
        };
        let from = routes.first().map_or(0, |route| route.from);
        let view = loihi::Route {
            from: from as i64,
            to: list(|route| route.to as u64),
            neurons: list(|route| route.neurons),
            hops: list(|route| route.hops),
            delay: list(|route| route.delay.into()),
        };
        let sender = mapping.cores.get(from).and_then(|core| ops.get(core.population.index()));
        let location = sender.map_or(end.location(), |op| op.location());
        insert(view.build(context, &[], &[], location)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network};

    /// Two dense layers and a skip past the second.
    fn populations() -> String {
        let body = r#"
    %0 = "loihi.input"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
      every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32> loc("input")
    %1 = "loihi.axon"(%0) {delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("a")
    %2 = "loihi.dense"(%1) {weight = dense<[[6, -4], [2, 2]]> : tensor<2x2xi16>, weight_bits = 8, exponent = -1,
      sign_mode = "mixed"} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("a")
    %3 = "loihi.neurons"(%2) {program = "st_bif", parameter_names = ["low", "high", "threshold", "initial"],
      parameters = dense<[[0, 0], [7, 7], [3, 4], [1, 2]]> : tensor<4x2xi32>} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("a")
    %4 = "loihi.axon"(%3) {delay = 1} : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("r")
    %5 = "loihi.identity"(%4) {weight = dense<[2, 3]> : tensor<2xi16>, weight_bits = 8, exponent = 0, sign_mode = "excitatory"}
      : (tensor<?x2xi32>) -> tensor<?x2xi32> loc("r")
    %r = "loihi.readout"(%5) {initial = dense<[3, 4]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<1.0> : tensor<2xf64>, average = false, start = 0} : (tensor<?x2xi32>) -> tensor<?x2xf32> loc("r")"#;
        network("tensor<?x2xf32>", body, "tensor<?x2xf32>").replace(
            "-> tensor<?x2xf32> {",
            "-> tensor<?x2xf32> attributes {snn.steps = 9 : i64, snn.schedule = \"st-bif\"} {",
        )
    }

    #[test]
    fn cores_are_stated_beside_the_network() {
        let module = check("map-to-cores", &[], &populations());
        assert!(module.contains("\"loihi.chip\"() {"), "{module}");
        assert_eq!(module.matches("\"loihi.core\"() {").count(), 2, "{module}");
        assert!(module.contains("population = \"a\"") && module.contains("population = \"r\""), "{module}");
        assert_eq!(module.matches("\"loihi.route\"() {").count(), 1, "{module}");
        assert!(module.contains("neurons = array<i64: 2>"), "{module}");
    }

    #[test]
    fn unknown_programs_are_refused() {
        // The interpreter does not know it either, so it must not come to that.
        let error = check("map-to-cores", &[], &populations().replace("\"st_bif\"", "\"mine\""));
        assert!(error.contains("there is no program `mine`"), "{error}");
    }
}

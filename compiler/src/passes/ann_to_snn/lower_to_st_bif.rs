//! `lower-to-st-bif`: activations become signed integrate-and-fire neurons with a tracer.
//!
//! ```mlir
//! %2 = "ann.requantize"(%1) {threshold = θ, low = 0, high = 31, …} : …                       // before
//! %2 = "snn.st_bif"(%1) {threshold = θ, initial = ⌊θ/2⌋ + bias, low = 0, high = 31, …} : …   // after
//! ```
//!
//! A table becomes a neuron whose tracer follows the table of its membrane. Equals the integer network once nothing is sent any more: `v = initial + ΣI − θS` always, and a neuron that may fire neither
//! way has `S = clip(⌊(h + X)/θ⌋, low, high)`. Every input charge is injected once, biases through `initial`
//! (`docs/src/numeric-contract.md`).

use super::synapses::{self, Schedule, Site};
use crate::{
    mlir::{self, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike};
use neurocuda_dialects::{TensorAttr, ann, snn, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "lower-to-st-bif",
    summary: "makes the spiking network of schedule st-bif: signed spikes, exact at quiescence",
    from: Some(Stage::AnnInteger),
    to: Some(Stage::Snn),
    claim: Claim::Equal,
    options: &[synapses::DELAY],
};

/// Lowers to `snn.st_bif`.
pub struct LowerToStBif {
    delay: u16,
}

/// Makes the pass.
///
/// # Errors
///
/// If `delay` is no number of steps.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(LowerToStBif { delay: options.get(synapses::DELAY.name)? }))
}

impl Pass for LowerToStBif {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let levels = synapses::levels(module)?;
        synapses::lower(module, &mut StBif { delay: self.delay.into() })?;
        // One spike a step, from one end of the levels to the other.
        synapses::annotate_settling(module, StBif::NAME, levels, |op| match op {
            snn::Op::StBif(snn::StBif { low, high, delay, .. })
            | snn::Op::StBifTable(snn::StBifTable { low, high, delay, .. }) => Some((high - low, *delay)),
            _ => None,
        })
    }
}

struct StBif {
    delay: i64,
}

impl<'c, 'a> Schedule<'c, 'a> for StBif {
    const NAME: &'static str = "st-bif";
    const INPUT_EVERY_STEP: bool = false;

    fn neurons(
        &mut self,
        site: &Site<'c, 'a>,
        requantize: &ann::Requantize<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        synapses::starts_silent(site, requantize.low, requantize.high)?;
        let neuron = snn::StBif {
            threshold: requantize.threshold,
            initial: synapses::initial(site, requantize.threshold)?,
            low: requantize.low,
            high: requantize.high,
            delay: self.delay,
        };
        mlir::insert_before(site.operation, &neuron, &[site.current], site.current.r#type())
    }

    fn table(
        &mut self,
        site: &Site<'c, 'a>,
        table: &ann::RequantizeTable<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        synapses::starts_silent(site, table.low, table.high)?;
        let neuron = snn::StBifTable {
            breakpoints: table.breakpoints,
            steps: table.steps,
            start: table.start,
            initial: site.tensor("initial", &site.charge)?,
            low: table.low,
            high: table.high,
            delay: self.delay,
        };
        mlir::insert_before(site.operation, &neuron, &[site.current], site.current.r#type())
    }

    fn readout(&mut self, site: &Site<'c, 'a>, scale: TensorAttr<'c>) -> IrResult<'c, snn::Readout<'c>> {
        synapses::readout_once(site, scale)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        interpret::{Network, StepLimit},
        passes::testing::{check, encoder, integer_network, network, on_module, operation, run},
        session::Session,
    };

    #[test]
    fn every_op_has_a_form_that_ends_at_the_integer_network() {
        let module = check("lower-to-st-bif", &[], &integer_network());
        // 7 steps, and 14 between −7 and 7: the last of the first layer's is the first of the second's.
        assert!(
            module.contains("snn.levels = 7 : i64, snn.schedule = \"st-bif\", snn.steps = 20 : i64"),
            "{module}"
        );
    }

    #[test]
    fn the_bound_of_steps_is_reached() {
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {{threshold = dense<1> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0, high = 5}}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "ann.dequantize"(%1) {{scale = dense<0.5> : tensor<1xf64>}} : (tensor<?x1xi32>) -> tensor<?x1xf32>"#,
            encoder(1),
        );
        on_module(&network("tensor<?x1xf32>", &body, "tensor<?x1xf32>"), |module| {
            run("lower-to-st-bif", &[], module, &mut Session::default()).unwrap();
            assert!(module.as_operation().to_string().contains("snn.steps = 5 : i64"));
            let network = Network::new(operation(module)).unwrap();
            let sample = ndarray::arr1(&[4.0]).into_dyn();
            let limit = StepLimit::Quiescence { at_most: 100 };
            let outcome = network.simulate(&sample, limit, &mut |_, _, _| ()).unwrap();
            assert_eq!(outcome.settled_at, Some(5));
        });
    }
}

//! `lower-to-sigma-delta`: activations become graded neurons that send by how much their level has changed.
//!
//! ```mlir
//! %2 = "ann.requantize"(%1) {threshold = θ, low = 0, high = 255, …} : …                           // before
//! %2 = "snn.sigma_delta"(%1) {threshold = θ, initial = ⌊θ/2⌋ + bias, low = 0, high = 255, …} : …  // after
//! ```
//!
//! The membrane `v = initial + ΣI` is never reset, and what a neuron has sent in all is `clip(⌊v/θ⌋, low, high)` after every step. So
//! it equals the integer network as soon as its input does: without delays all layers do in the first step, with a delay of 1 one layer
//! does after the other. A table becomes the same neuron with that table (`docs/src/numeric-contract.md`). Source: the sigma-delta
//! networks of Loihi 2, as in Brehove et al., <https://arxiv.org/abs/2505.06417>, with a threshold of one level for what is sent.

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
    name: "lower-to-sigma-delta",
    summary: "makes the spiking network of schedule sigma-delta: graded events with the change of each activation, exact at quiescence",
    from: Some(Stage::AnnInteger),
    to: Some(Stage::Snn),
    claim: Claim::Equal,
    options: &[synapses::DELAY],
};

/// Lowers to `snn.sigma_delta`.
pub struct LowerToSigmaDelta {
    delay: u16,
}

/// Makes the pass.
///
/// # Errors
///
/// If `delay` is no number of steps.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(LowerToSigmaDelta { delay: options.get(synapses::DELAY.name)? }))
}

impl Pass for LowerToSigmaDelta {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let levels = synapses::levels(module)?;
        synapses::lower(module, &mut SigmaDelta { delay: self.delay.into() })?;
        // One event carries the whole change.
        synapses::annotate_settling(module, SigmaDelta::NAME, levels, |op| match op {
            snn::Op::SigmaDelta(snn::SigmaDelta { delay, .. })
            | snn::Op::SigmaDeltaTable(snn::SigmaDeltaTable { delay, .. }) => Some((1, *delay)),
            _ => None,
        })
    }
}

struct SigmaDelta {
    delay: i64,
}

impl<'c, 'a> Schedule<'c, 'a> for SigmaDelta {
    const NAME: &'static str = "sigma-delta";
    const INPUT_EVERY_STEP: bool = false;

    fn neurons(
        &mut self,
        site: &Site<'c, 'a>,
        requantize: &ann::Requantize<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        synapses::starts_silent(site, requantize.low, requantize.high)?;
        let neuron = snn::SigmaDelta {
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
        let neuron = snn::SigmaDeltaTable {
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
        interpret::{Network, Sample, SpikingOutcome, StepLimit},
        passes::testing::{check, encoder, integer_network, network, on_module, operation, run},
        session::Session,
    };

    #[test]
    fn every_op_has_a_form_that_ends_at_the_integer_network() {
        // Two layers of neurons one after the other: all in step 0, or the last events on their way for as long as both delays.
        for (delay, steps) in [("0", 1), ("1", 3), ("5", 11)] {
            let module = check("lower-to-sigma-delta", &[("delay", delay)], &integer_network());
            let stated =
                format!("snn.levels = 7 : i64, snn.schedule = \"sigma-delta\", snn.steps = {steps} : i64");
            assert!(module.contains(&stated), "{module}");
        }
    }

    /// Two neurons of which the second hears the input at once and the first behind it, with a weight of −2.
    fn late_inhibition() -> String {
        let neuron = |threshold: i32, low: i32, high: i32| {
            format!(
                "{{threshold = dense<{threshold}> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = {low}, high = {high}}} \
                 : (tensor<?x1xi32>) -> tensor<?x1xi32>"
            )
        };
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {}
    %2 = "ann.scale"(%1) {{weight = dense<-2> : tensor<1xi8>, bias = dense<1> : tensor<1xi32>}} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %3 = "ann.add"(%0, %2) : (tensor<?x1xi32>, tensor<?x1xi32>) -> tensor<?x1xi32>
    %4 = "ann.requantize"(%3) {}
    %r = "ann.dequantize"(%4) {{scale = dense<0.5> : tensor<1xf64>}} : (tensor<?x1xi32>) -> tensor<?x1xf32>"#,
            encoder(1),
            neuron(1, 0, 255),
            neuron(2, -3, 3),
        );
        network("tensor<?x1xf32>", &body, "tensor<?x1xf32>")
    }

    /// The outcome, and what each op sent in each step.
    fn simulate(delay: &str, x: f64, limit: StepLimit) -> (SpikingOutcome, Vec<Vec<f64>>) {
        on_module(&late_inhibition(), |module| {
            run("lower-to-sigma-delta", &[("delay", delay)], module, &mut Session::default()).unwrap();
            let network = Network::new(operation(module)).unwrap();
            let mut sent = vec![vec![]; network.ops().len()];
            let mut probe = |_, op: usize, events: &Sample| sent[op].push(events[[0]]);
            let outcome = network.simulate(&ndarray::arr1(&[x]).into_dyn(), limit, &mut probe).unwrap();
            (outcome, sent)
        })
    }

    #[test]
    fn an_event_carries_the_whole_change_and_the_bound_of_steps_is_reached() {
        let limit = StepLimit::Quiescence { at_most: 100 };
        // Code 8 gives 8; 8 − 16 + 1, in halves, rounded up, is −3.
        let (outcome, sent) = simulate("0", 4.0, limit);
        assert_eq!((&sent[1], &sent[4]), (&vec![8.0, 0.0], &vec![-3.0, 0.0]));
        assert_eq!((outcome.settled_at, outcome.spikes), (Some(1), vec![(1, 1), (4, 1)]));
        // Two steps late the second neuron takes back 3 and 3 more.
        let (outcome, sent) = simulate("2", 4.0, limit);
        assert_eq!((&sent[1][..3], &sent[4][..3]), (&[8.0, 0.0, 0.0][..], &[3.0, 0.0, -6.0][..]));
        assert_eq!((outcome.settled_at, outcome.outputs[0].integer[[0]]), (Some(5), -3.0));
        assert_eq!(outcome.spikes, [(1, 1), (4, 2)]);
    }
}

//! `lower-to-rate`: activations become plain integrate-and-fire neurons that run freely.
//!
//! ```mlir
//! %2 = "ann.requantize"(%1) {threshold = θ, low = 0, high = L, …} : …                        // before
//! %2 = "snn.if"(%1) {threshold = L·θ, initial = ⌊L·θ/2⌋, bias = b, gain = L, …} : …          // after
//! ```
//!
//! A spike in every step stands for level `L`, so a step carries 1/L of a charge; multiplied by L all of it stays integer: spikes
//! count with gain L, input codes and biases, presented in every step, with 1. The count after T steps is near `q·T/L` and differs
//! where charge comes unevenly: this schedule approximates, and `validate` measures by how much.

use super::synapses::{self, Schedule, Site};
use crate::{
    analysis::charge,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use ndarray::ArrayD;
use neurocuda_dialects::{Tensor, TensorAttr, ann, snn, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "lower-to-rate",
    summary: "makes the spiking network of schedule rate: plain integrate-and-fire, an approximation",
    from: Some(Stage::AnnInteger),
    to: Some(Stage::Snn),
    claim: Claim::Layerwise,
    options: &[
        OptionInfo { name: "timesteps", default: "32", summary: "number of steps that a run takes" },
        synapses::DELAY,
    ],
};

/// Name of the attribute that states the real value of one spike of a run, for each channel.
pub const SPIKE_VALUE: &str = "snn.spike_value";

/// Most steps that a run may take.
const MOST_STEPS: u32 = 65_536;

/// Lowers to `snn.if`.
pub struct LowerToRate {
    timesteps: u32,
    delay: u16,
}

/// Makes the pass.
///
/// # Errors
///
/// If `timesteps` is not between 1 and 65,536, or `delay` is no number of steps.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let timesteps = options.get("timesteps")?;
    if !(1..=MOST_STEPS).contains(&timesteps) {
        return Err(OptionError {
            pass: INFO.name.to_owned(),
            option: "timesteps".to_owned(),
            problem: format!("{timesteps} is not between 1 and {MOST_STEPS}"),
        });
    }
    Ok(Box::new(LowerToRate { timesteps, delay: options.get(synapses::DELAY.name)? }))
}

impl Pass for LowerToRate {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let levels = synapses::levels(module)?;
        let delay = self.delay.into();
        synapses::lower(module, &mut Rate { levels, steps: self.timesteps, delay })?;
        synapses::annotate(module, Rate::NAME, self.timesteps, levels)
    }
}

struct Rate {
    levels: i64,
    steps: u32,
    delay: i64,
}

impl Rate {
    /// Factor of the current: see the file's head.
    fn gain<'c>(&self, site: &Site<'c, '_>) -> IrResult<'c, i64> {
        match (site.from_input, site.from_neurons) {
            (true, true) => Err(IrError::at(
                site.operation,
                "unsupported: a layer that reads the network input and spikes at once cannot be carried by schedule rate; \
                 use --schedule st-bif or hold-and-fire",
            )),
            (true, false) => Ok(1),
            (false, _) => Ok(self.levels),
        }
    }
}

impl<'c, 'a> Schedule<'c, 'a> for Rate {
    const NAME: &'static str = "rate";
    const INPUT_EVERY_STEP: bool = true;

    fn neurons(
        &mut self,
        site: &Site<'c, 'a>,
        requantize: &ann::Requantize<'c>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let levels = self.levels as f64;
        let gain = self.gain(site)?;
        let threshold = requantize
            .threshold
            .read()?
            .to_f64()
            .iter()
            .map(|threshold| threshold * levels)
            .collect::<Vec<_>>();
        if let Some(threshold) = threshold.iter().find(|threshold| **threshold > f64::from(i32::MAX)) {
            return Err(IrError::at(
                site.operation,
                format!("overflow: a threshold of {threshold:.0} does not fit 32 bits"),
            ));
        }
        let half = synapses::half(site, &threshold);
        let per_step = levels / f64::from(self.steps);
        let value = requantize.scale.read()?.to_f64().iter().map(|scale| scale * per_step).collect();
        let value = TensorAttr::new(
            mlir::context(site.operation),
            &format!("{}.spike-value", mlir::layer(site.operation)),
            &Tensor::reals(value),
        )?;
        let neurons = |suffix: &str, current: Value<'c, 'a>, initial: &ArrayD<f64>, bias: &ArrayD<f64>| {
            let neuron = snn::If {
                threshold: site.vector("threshold", &threshold)?,
                initial: site.tensor(&format!("initial{suffix}"), initial)?,
                bias: site.tensor(&format!("bias{suffix}"), bias)?,
                gain,
                delay: self.delay,
            };
            let name = mlir::layer(site.operation) + suffix;
            let location =
                mlir::named_location(mlir::context(site.operation), &name, site.operation.location());
            let spikes =
                mlir::insert_before_at(site.operation, &neuron, &[current], current.r#type(), location)?;
            if let Some(operation) = mlir::definition(spikes) {
                mlir::set_attribute(operation, SPIKE_VALUE, value.attribute());
            }
            IrResult::Ok(spikes)
        };
        let positive = neurons("", site.current, &half, &site.charge)?;
        if requantize.low == 0 {
            return Ok(positive);
        }
        let mirrored = charge::spread(&threshold, site.charge.shape()) - 1.0 - &half;
        let negative =
            neurons(".negative", synapses::negate(site, site.current)?, &mirrored, &-&site.charge)?;
        synapses::difference(site, positive, negative)
    }

    fn readout(&mut self, site: &Site<'c, 'a>, scale: TensorAttr<'c>) -> IrResult<'c, snn::Readout<'c>> {
        Ok(snn::Readout {
            initial: site.vector("initial", &vec![0.0; site.charge.shape()[0]])?,
            bias: site.tensor("bias", &site.charge)?,
            gain: self.gain(site)?,
            scale,
            average: true,
            start: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, encoder, integer_network, network};

    #[test]
    fn every_op_has_a_form_near_the_integer_network() {
        let module = check("lower-to-rate", &[("timesteps", "64")], &integer_network());
        assert!(
            module.contains("snn.levels = 7 : i64, snn.schedule = \"rate\", snn.steps = 64 : i64"),
            "{module}"
        );
        // Codes count once, spikes as many times as there are levels; the readout reads spikes.
        let gains = |gain: usize| module.matches(&format!("gain = {gain} : i64")).count();
        assert_eq!((gains(1), gains(7)), (1, 3));
        assert!(module.contains("threshold = dense<[91, 63, 119, 84]>"), "{module}");
    }

    #[test]
    fn a_constant_drive_is_counted_exactly() {
        // 5 of 8 levels, in 8 steps: the claim alone would let half of it be missing.
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {{threshold = dense<1> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0, high = 8}}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "ann.dequantize"(%1) {{scale = dense<0.5> : tensor<1xf64>}} : (tensor<?x1xi32>) -> tensor<?x1xf32>"#,
            encoder(1),
        );
        let text = network("tensor<?x1xf32>", &body, "tensor<?x1xf32>");
        let options = [("timesteps", "8")];
        crate::passes::testing::on_module(&text, |module| {
            use crate::interpret::{Network, StepLimit};
            let session = &mut crate::session::Session::default();
            crate::passes::testing::run("lower-to-rate", &options, module, session).unwrap();
            let network = Network::new(crate::passes::testing::operation(module)).unwrap();
            for code in 0..=8 {
                let sample = ndarray::arr1(&[f64::from(code) * 0.5]).into_dyn();
                let outcome = network.simulate(&sample, StepLimit::Exactly(8), &mut |_, _, _| ()).unwrap();
                assert_eq!(outcome.outputs[0].real[[0]], f64::from(code) * 0.5);
            }
        });
    }
}

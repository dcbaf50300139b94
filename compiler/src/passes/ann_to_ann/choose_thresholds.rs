//! `choose-thresholds`: puts each activation on a grid of integer levels.
//!
//! ```mlir
//! %2 = "ann.activation"(%1) {minimum = 0.0, maximum = inf} : …                       // before
//! %2 = "ann.fake_quantize"(%1) {scale = dense<…>, low = 0, high = 31} : …            // after
//! ```
//!
//! The step of the grid is chosen for each channel, or for the channels together that a reshape or a permutation brings into one
//! (`analysis::sharing`), by least squares on the histograms of `calibrate`; the `ann.observe` ops stay for `correct-bias`. The network input gets one step for all
//! channels: the exact one where samples are integers that fit, else the largest magnitude over `input-levels`.

use crate::{
    analysis::grid::{Choice, Grid, MOST_LEVELS},
    mlir::{self, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, ValueLike};
use neurocuda_dialects::{Tensor, TensorAttr, ann, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "choose-thresholds",
    summary: "puts activations on grids of integer levels, by least squares on the observed histograms",
    from: Some(Stage::Ann),
    to: Some(Stage::AnnQuantized),
    claim: Claim::Layerwise,
    options: &[
        OptionInfo { name: "levels", default: "31", summary: "largest count of an activation" },
        OptionInfo {
            name: "input-levels",
            default: "255",
            summary: "largest magnitude of a code of the network input",
        },
    ],
};

/// Replaces activations by `ann.fake_quantize`.
pub struct ChooseThresholds {
    /// Largest count of an activation.
    pub levels: i64,
    /// Largest magnitude of an input code.
    pub input_levels: i64,
}

/// Makes the pass.
///
/// # Errors
///
/// If an option is no positive number within bounds.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let in_range = |name: &str| {
        let value = options.get::<i64>(name)?;
        if (1..=MOST_LEVELS).contains(&value) {
            Ok(value)
        } else {
            Err(OptionError {
                pass: INFO.name.to_owned(),
                option: name.to_owned(),
                problem: format!("{value} is not between 1 and {MOST_LEVELS}"),
            })
        }
    };
    Ok(Box::new(ChooseThresholds { levels: in_range("levels")?, input_levels: in_range("input-levels")? }))
}

impl Pass for ChooseThresholds {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let context = mlir::context(module);
        let integers = session.calibration.as_ref().is_some_and(|samples| samples.integers);
        let choice = Choice { levels: self.levels, input_levels: self.input_levels, integers };
        for Grid { operation, steps, low, high, .. } in choice.grids(module)? {
            let hint = format!("{}.scale", mlir::layer(operation));
            let scale = TensorAttr::new(context, &hint, &Tensor::reals(steps))?;
            let view = ann::FakeQuantize { scale, low, high };
            let (value, r#type) = (mlir::operand(operation)?, mlir::result(operation)?.r#type());
            let quantized = mlir::insert_before(operation, &view, &[value], r#type)?;
            mlir::replace(operation, quantized)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check_calibrated, network};

    #[test]
    fn integer_samples_are_their_own_codes() {
        let body = r#"
            %0 = "ann.normalize"(%x) {multiplier = dense<0.25> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
              minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>}
              : (tensor<?x1xf32>) -> tensor<?x1xf32>
            "ann.observe"(%0) {counts = dense<1> : tensor<1x1xi32>, origin = dense<ORIGIN> : tensor<1xf64>,
              width = dense<0.5> : tensor<1xf64>, mean = dense<0.0> : tensor<1xf64>} : (tensor<?x1xf32>) -> ()
            %r = "ann.activation"(%0) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
              : (tensor<?x1xf32>) -> tensor<?x1xf32>"#;
        let scale = |origin: &str, integers| {
            let text = network("tensor<?x1xf32>", &body.replace("ORIGIN", origin), "tensor<?x1xf32>");
            let module = check_calibrated("choose-thresholds", &[], &text, &[&[100.0], &[-7.0]], integers);
            module.split("scale = dense<").nth(1).and_then(|rest| rest.split('>').next()).unwrap().to_owned()
        };
        // The largest value is 63.75, 255 steps of the lattice.
        assert_eq!(scale("63.5", true), "2.500000e-01");
        // Half a step more is still the same bin; beyond, values do not fit and the lattice does not help.
        assert_eq!(scale("63.625", true), "2.500000e-01");
        assert_eq!(scale("127.25", true), "5.000000e-01");
        // Real samples lie on no lattice.
        assert_eq!(scale("31.625", false), "1.250000e-01");
    }
}

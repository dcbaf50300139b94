//! `choose-thresholds`: puts each activation on a grid of integer levels.
//!
//! ```mlir
//! %2 = "ann.activation"(%1) {minimum = 0.0, maximum = inf} : …                       // before
//! %2 = "ann.fake_quantize"(%1) {scale = dense<…>, low = 0, high = 31} : …            // after
//! ```
//!
//! The step of the grid is chosen for each channel, by least squares on the histograms of `calibrate`
//! ([`Distribution::best_step`]); the `ann.observe` ops stay for `correct-bias`. The network input gets one step for all
//! channels: the exact one where samples are integers that fit, else the largest magnitude over `input-levels`.

use crate::{
    analysis::histogram::Distribution,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, ValueLike};
use neurocuda_dialects::{Tensor, TensorAttr, ann, stage::Stage};
use rayon::prelude::*;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "choose-thresholds",
    summary: "puts activations on grids of integer levels, by least squares on the observed histograms",
    from: Some(Stage::Ann),
    to: Some(Stage::AnnQuantized),
    claim: Claim::Lossy(0.5),
    options: &[
        OptionInfo { name: "levels", default: "31", summary: "largest count of an activation" },
        OptionInfo {
            name: "input-levels",
            default: "127",
            summary: "largest magnitude of a code of the network input",
        },
    ],
};

/// Largest count that an activation may have.
const MOST_LEVELS: i64 = 32_767;

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
        for operation in mlir::operations(mlir::network_block(module)?) {
            let Some(activation) = mlir::view::<ann::Activation>(operation)? else { continue };
            let value = mlir::operand(operation)?;
            let observe = mlir::users(value)
                .into_iter()
                .find_map(|user| mlir::view::<ann::Observe>(user).transpose())
                .ok_or_else(|| {
                    IrError::at(operation, "no observation of this activation: run `calibrate` first")
                })??;
            let distributions = distributions(&observe)?;
            let (input, behind_curve) = match mlir::definition(value) {
                Some(definition) => (
                    mlir::view::<ann::Normalize>(definition)?,
                    mlir::view::<ann::Curve>(definition)?.is_some(),
                ),
                None => (None, false),
            };
            let quantize = match input {
                Some(normalize) => {
                    let step = self.input_step(&normalize, distributions, integers)?;
                    let channels = observe.mean.shape().iter().product();
                    Grid { steps: vec![step; channels], low: -self.input_levels, high: self.input_levels }
                }
                None if behind_curve => self.curve_grid(&activation, &distributions),
                None => self
                    .grid(&activation, &distributions)
                    .map_err(|message| IrError::at(operation, message))?,
            };
            let hint = format!("{}.scale", mlir::layer(operation));
            let view = ann::FakeQuantize {
                scale: TensorAttr::new(context, &hint, &Tensor::reals(quantize.steps))?,
                low: quantize.low,
                high: quantize.high,
            };
            let r#type = mlir::result(operation)?.r#type();
            let quantized = mlir::insert_before(operation, &view, &[value], r#type)?;
            mlir::replace(operation, quantized)?;
        }
        Ok(())
    }
}

/// Levels of one activation.
struct Grid {
    steps: Vec<f64>,
    low: i64,
    high: i64,
}

impl ChooseThresholds {
    fn grid(&self, activation: &ann::Activation, distributions: &[Distribution]) -> Result<Grid, String> {
        let ann::Activation { minimum, maximum } = *activation;
        if !(minimum <= 0.0 && maximum >= 0.0 && minimum < maximum) {
            return Err(format!(
                "an activation limited to [{minimum}, {maximum}] has no silent state: 0 must lie in the range; \
                 shift the values with `add` first"
            ));
        }
        let low = if minimum < 0.0 { -self.levels } else { 0 };
        let high = if maximum > 0.0 { self.levels } else { 0 };
        if minimum == 0.0 || (minimum == f64::NEG_INFINITY && maximum == f64::INFINITY) {
            // `levels` steps must not pass a finite maximum.
            let cap = maximum / self.levels as f64;
            let steps = steps_of(distributions, low, high).into_iter().map(|step| step.min(cap)).collect();
            return Ok(Grid { steps, low, high });
        }
        // Bounds of both signs are whole levels only on a grid that all channels share.
        let mut joined = Distribution::default();
        distributions.iter().for_each(|distribution| joined.join(distribution.clone()));
        let widest = minimum.abs().min(f64::MAX).max(if maximum.is_finite() { maximum } else { 0.0 });
        let step = joined
            .best_step(low, high)
            .unwrap_or(widest / self.levels as f64)
            .min(widest / self.levels as f64);
        let level = |bound: f64, otherwise: i64| {
            if bound.is_finite() { (bound / step).round() as i64 } else { otherwise }
        };
        Ok(Grid {
            steps: vec![step; distributions.len()],
            low: level(minimum, low).max(low),
            high: level(maximum, high).min(high),
        })
    }

    /// The curve keeps its range by itself, so each channel has a step of its own, and there are no levels where it never goes.
    fn curve_grid(&self, activation: &ann::Activation, distributions: &[Distribution]) -> Grid {
        let (low, high) = (if activation.minimum < 0.0 { -self.levels } else { 0 }, self.levels);
        let widest = activation.maximum.max(-activation.minimum);
        let cap = widest / self.levels as f64;
        let steps =
            steps_of(distributions, low, high).into_iter().map(|step| step.min(cap)).collect::<Vec<_>>();
        let finest = steps.iter().copied().fold(f64::INFINITY, f64::min);
        // A cast limits what is infinite.
        let level = |bound: f64| (bound / finest + 0.5).floor() as i64;
        Grid { low: level(activation.minimum).max(low), high: level(activation.maximum).min(high), steps }
    }

    fn input_step<'c>(
        &self,
        normalize: &ann::Normalize<'c>,
        distributions: Vec<Distribution>,
        integers: bool,
    ) -> IrResult<'c, f64> {
        let largest = distributions.iter().map(Distribution::largest).fold(0.0, f64::max);
        let multiplier = normalize.multiplier.read()?.to_f64();
        let offset = normalize.offset.read()?.to_f64();
        let exact = multiplier.first().copied().unwrap_or(0.0).abs();
        let on_lattice = integers
            && exact > 0.0
            && multiplier.iter().all(|&factor| factor == multiplier[0])
            && offset.iter().all(|&offset| offset == 0.0);
        // Half a step of slack, because a histogram knows the largest value only to its bin.
        if on_lattice && largest / exact <= self.input_levels as f64 + 0.5 {
            return Ok(exact);
        }
        Ok(if largest > 0.0 { largest / self.input_levels as f64 } else { 1.0 })
    }
}

/// Best step of each channel. A channel that was never seen active takes the largest step of the others, so that it stays
/// silent unless it is driven hard.
fn steps_of(distributions: &[Distribution], low: i64, high: i64) -> Vec<f64> {
    let steps =
        distributions.par_iter().map(|distribution| distribution.best_step(low, high)).collect::<Vec<_>>();
    let fallback = steps.iter().flatten().copied().fold(0.0, f64::max);
    let fallback = if fallback > 0.0 { fallback } else { 1.0 };
    steps.into_iter().map(|step| step.unwrap_or(fallback)).collect()
}

fn distributions<'c>(observe: &ann::Observe<'c>) -> IrResult<'c, Vec<Distribution>> {
    let (counts, origin, width) =
        (observe.counts.read()?, observe.origin.read()?.to_f64(), observe.width.read()?.to_f64());
    let bins = counts.shape.last().copied().unwrap_or(0);
    let counts = counts.to_i32()?;
    if bins == 0 || counts.len() != bins * origin.len() || origin.len() != width.len() {
        return Err(IrError::module("the tensors of `ann.observe` do not fit together"));
    }
    Ok(counts
        .chunks(bins)
        .zip(origin.iter().zip(&width))
        .map(|(counts, (&origin, &width))| Distribution::new(counts, origin, width))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{check_calibrated, network};

    const PASS: ChooseThresholds = ChooseThresholds { levels: 4, input_levels: 127 };

    /// Values that came once each.
    fn values(values: &[f64]) -> Distribution {
        let mut all = Distribution::default();
        values.iter().for_each(|&value| all.join(Distribution::new(&[1], value - 0.5, 1.0)));
        all
    }

    fn grid(minimum: f64, maximum: f64, channels: &[&[f64]]) -> (Vec<f64>, i64, i64) {
        let distributions = channels.iter().map(|channel| values(channel)).collect::<Vec<_>>();
        let grid = PASS.grid(&ann::Activation { minimum, maximum }, &distributions).unwrap();
        (grid.steps, grid.low, grid.high)
    }

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn a_relu_gets_a_step_for_each_channel() {
        let channels: [&[f64]; 2] = [&[0.5, 1.0, 2.0], &[3.0, 12.0]];
        assert_eq!(grid(0.0, INFINITY, &channels), (vec![0.5, 3.0], 0, 4));
    }

    #[test]
    fn a_channel_that_was_never_active_takes_the_largest_step() {
        assert_eq!(grid(0.0, INFINITY, &[&[0.5, 2.0], &[], &[4.0, 16.0]]).0, [0.5, 4.0, 4.0]);
        assert_eq!(grid(0.0, INFINITY, &[&[], &[]]).0, [1.0, 1.0]);
    }

    #[test]
    fn a_signed_activation_has_levels_on_both_sides() {
        assert_eq!(grid(-INFINITY, INFINITY, &[&[-2.0, 0.5, 1.0]]), (vec![0.5], -4, 4));
    }

    #[test]
    fn levels_do_not_pass_a_finite_maximum() {
        assert_eq!(grid(0.0, 6.0, &[&[6.5, 6.5], &[1.0, 2.0, 4.0]]), (vec![1.5, 1.0], 0, 4));
    }

    #[test]
    fn bounds_of_both_signs_are_whole_levels_of_one_step() {
        // Four levels reach 3 at most with 0.75 a step, of which −1 is one and a third.
        assert_eq!(grid(-1.0, 3.0, &[&[3.0, 3.0], &[0.75, -1.0]]), (vec![0.75, 0.75], -1, 4));
        assert_eq!(grid(-4.0, 0.0, &[&[-4.0, -1.0]]), (vec![1.0], -4, 0));
    }

    #[test]
    fn an_activation_without_a_silent_state_is_refused() {
        for (minimum, maximum) in [(1.0, 6.0), (-3.0, -1.0), (0.0, 0.0), (f64::NAN, 1.0)] {
            assert!(
                PASS.grid(&ann::Activation { minimum, maximum }, &[values(&[1.0])]).is_err(),
                "{minimum} {maximum}"
            );
        }
    }

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
        // The largest value is 31.75, 127 steps of the lattice.
        assert_eq!(scale("31.5", true), "2.500000e-01");
        // Half a step more is still the same bin; beyond, values do not fit and the lattice does not help.
        assert_eq!(scale("31.625", true), "2.500000e-01");
        assert_eq!(scale("63.25", true), "5.000000e-01");
        // Real samples lie on no lattice.
        assert_eq!(scale("15.625", false), "1.250000e-01");
    }
}

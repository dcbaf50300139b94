//! `choose-thresholds`: puts each activation on a grid of integer levels.
//!
//! ```mlir
//! %2 = "ann.activation"(%1) {minimum = 0.0, maximum = inf} : …                       // before
//! %2 = "ann.fake_quantize"(%1) {scale = dense<…>, low = 0, high = 31} : …            // after
//! ```
//!
//! The step of the grid is chosen for each channel, or for the channels together that a reshape or a permutation brings into one
//! ([`Sharing`]), by least squares on the histograms of `calibrate` ([`Distribution::best_step`]); the `ann.observe` ops stay for `correct-bias`. The network input gets one step for all
//! channels: the exact one where samples are integers that fit, else the largest magnitude over `input-levels`.

use crate::{
    analysis::{histogram::Distribution, sharing::Sharing},
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
    claim: Claim::Layerwise,
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
        let mut sites = Vec::new();
        for operation in mlir::operations(mlir::network_block(module)?) {
            sites.extend(self.site(operation, integers)?);
        }
        let sharing = Sharing::of(module, |operation| {
            Ok(sites.iter().any(|site| site.operation == operation && site.range.whole))
        })?;
        let members = sites.iter().map(|site| {
            sharing
                .of_value(mlir::result(site.operation)?)
                .ok_or_else(|| IrError::at(site.operation, "the activation is not part of the network"))
        });
        let groups = members.collect::<IrResult<Vec<_>>>()?;
        let channels =
            sites.iter().zip(&groups).map(|(site, &groups)| Channels { site, groups }).collect::<Vec<_>>();
        let steps = steps(&channels, sharing.count());
        for (Site { operation, range, .. }, groups) in sites.iter().zip(&groups) {
            let steps = groups.iter().map(|&group| steps[group]).collect::<Vec<_>>();
            let (low, high) = range.levels(&steps);
            let hint = format!("{}.scale", mlir::layer(*operation));
            let view = ann::FakeQuantize {
                scale: TensorAttr::new(context, &hint, &Tensor::reals(steps))?,
                low,
                high,
            };
            let (value, r#type) = (mlir::operand(*operation)?, mlir::result(*operation)?.r#type());
            let quantized = mlir::insert_before(*operation, &view, &[value], r#type)?;
            mlir::replace(*operation, quantized)?;
        }
        Ok(())
    }
}

/// An activation and what was seen of it.
struct Site<'c, 'a> {
    operation: OperationRef<'c, 'a>,
    range: Range,
    distributions: Vec<Distribution>,
    /// The step of the network's input, which calibration does not choose.
    input_step: Option<f64>,
}

/// Which levels an activation has.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: i64,
    high: i64,
    /// Largest step: `levels` steps must not pass a finite bound.
    cap: f64,
    /// Whether the channels share a grid: bounds of both signs are whole levels only then.
    whole: bool,
    /// The bounds as real values.
    bounds: [f64; 2],
}

impl Range {
    /// Lowest and highest level that a channel reaches with one of `steps`.
    fn levels(&self, steps: &[f64]) -> (i64, i64) {
        let finest = steps.iter().copied().fold(f64::INFINITY, f64::min);
        // A cast limits what is infinite.
        let level = |bound: f64| (bound / finest + 0.5).floor() as i64;
        (level(self.bounds[0]).max(self.low), level(self.bounds[1]).min(self.high))
    }
}

const UNLIMITED: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// The channels of an activation and the group of each.
struct Channels<'s, 'c, 'a> {
    site: &'s Site<'c, 'a>,
    groups: &'s [usize],
}

/// The step of each group. One that was never seen active takes the largest step of its neighbours, so that it stays silent unless it
/// is driven hard.
fn steps(activations: &[Channels], count: usize) -> Vec<f64> {
    struct Group {
        joined: Distribution,
        low: i64,
        high: i64,
        cap: f64,
        least: f64,
        whole: bool,
    }
    let empty = |_| Group {
        joined: Distribution::default(),
        low: 0,
        high: 0,
        cap: f64::INFINITY,
        least: 0.0,
        whole: false,
    };
    let mut groups = (0..count).map(empty).collect::<Vec<_>>();
    for Channels { site, groups: members } in activations {
        for (&group, distribution) in members.iter().zip(&site.distributions) {
            let group = &mut groups[group];
            match site.input_step {
                Some(step) => group.least = group.least.max(step),
                None => {
                    group.joined.join(distribution.clone());
                    (group.low, group.high) =
                        (group.low.min(site.range.low), group.high.max(site.range.high));
                    group.cap = group.cap.min(site.range.cap);
                    group.whole |= site.range.whole;
                }
            }
        }
    }
    let best =
        groups.par_iter().map(|group| group.joined.best_step(group.low, group.high)).collect::<Vec<_>>();
    let mut neighbours = vec![0.0f64; count];
    for Channels { groups: members, .. } in activations {
        let largest = members.iter().filter_map(|&group| best[group]).fold(0.0, f64::max);
        members.iter().for_each(|&group| neighbours[group] = neighbours[group].max(largest));
    }
    let step = |(index, group): (usize, &Group)| {
        let fallback = match neighbours[index] {
            largest if largest > 0.0 => largest,
            _ if group.least > 0.0 => group.least,
            _ if group.whole && group.cap.is_finite() => group.cap,
            _ => 1.0,
        };
        best[index].unwrap_or(fallback).min(group.cap).max(group.least)
    };
    groups.iter().enumerate().map(step).collect()
}

impl ChooseThresholds {
    /// `None` if `operation` is no activation.
    fn site<'c, 'a>(
        &self,
        operation: OperationRef<'c, 'a>,
        integers: bool,
    ) -> IrResult<'c, Option<Site<'c, 'a>>> {
        let Some(activation) = mlir::view::<ann::Activation>(operation)? else { return Ok(None) };
        let value = mlir::operand(operation)?;
        let observe = mlir::users(value)
            .into_iter()
            .find_map(|user| mlir::view::<ann::Observe>(user).transpose())
            .ok_or_else(|| {
                IrError::at(operation, "no observation of this activation: run `calibrate` first")
            })??;
        let distributions = distributions(&observe)?;
        if Some(distributions.len()) != mlir::sample_shape(value)?.first().copied() {
            return Err(IrError::at(
                operation,
                "the observation of this activation has another number of channels",
            ));
        }
        let (normalize, curve) = match mlir::definition(value) {
            Some(definition) => {
                (mlir::view::<ann::Normalize>(definition)?, mlir::view::<ann::Curve>(definition)?)
            }
            None => (None, None),
        };
        Ok(Some(match normalize {
            Some(normalize) => {
                let (low, high) = (-self.input_levels, self.input_levels);
                let range = Range { low, high, cap: f64::INFINITY, whole: true, bounds: UNLIMITED };
                let input_step = Some(self.input_step(&normalize, &distributions, integers)?);
                Site { operation, range, distributions, input_step }
            }
            None => {
                let range = match curve {
                    Some(_) => Ok(self.curve_range(&activation)),
                    None => self.range(&activation),
                };
                let range = range.map_err(|message| IrError::at(operation, message))?;
                Site { operation, range, distributions, input_step: None }
            }
        }))
    }

    fn range(&self, activation: &ann::Activation) -> Result<Range, String> {
        let ann::Activation { minimum, maximum } = *activation;
        if !(minimum <= 0.0 && maximum >= 0.0 && minimum < maximum) {
            return Err(format!(
                "an activation limited to [{minimum}, {maximum}] has no silent state: 0 must lie in the range; \
                 shift the values with `add` first"
            ));
        }
        let low = if minimum < 0.0 { -self.levels } else { 0 };
        let high = if maximum > 0.0 { self.levels } else { 0 };
        let bounds = [minimum, maximum];
        if minimum == 0.0 || bounds == UNLIMITED {
            return Ok(Range { low, high, cap: maximum / self.levels as f64, whole: false, bounds });
        }
        let widest = minimum.abs().min(f64::MAX).max(if maximum.is_finite() { maximum } else { 0.0 });
        Ok(Range { low, high, cap: widest / self.levels as f64, whole: true, bounds })
    }

    /// The curve keeps its range by itself, so each channel has a step of its own, and there are no levels where it never goes.
    fn curve_range(&self, activation: &ann::Activation) -> Range {
        let ann::Activation { minimum, maximum } = *activation;
        let low = if minimum < 0.0 { -self.levels } else { 0 };
        let cap = maximum.max(-minimum) / self.levels as f64;
        Range { low, high: self.levels, cap, whole: false, bounds: [minimum, maximum] }
    }

    fn input_step<'c>(
        &self,
        normalize: &ann::Normalize<'c>,
        distributions: &[Distribution],
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
    use crate::passes::testing::{check_calibrated, network, on_module, operation};

    const PASS: ChooseThresholds = ChooseThresholds { levels: 4, input_levels: 127 };

    /// Values that came once each.
    fn values(values: &[f64]) -> Distribution {
        let mut all = Distribution::default();
        values.iter().for_each(|&value| all.join(Distribution::new(&[1], value - 0.5, 1.0)));
        all
    }

    /// Steps and levels of an activation whose channels meet nowhere.
    fn grid(minimum: f64, maximum: f64, channels: &[&[f64]]) -> (Vec<f64>, i64, i64) {
        let distributions = channels.iter().map(|channel| values(channel)).collect::<Vec<_>>();
        let range = PASS.range(&ann::Activation { minimum, maximum }).unwrap();
        let observe =
            (0..channels.len()).map(|index| if range.whole { 0 } else { index }).collect::<Vec<_>>();
        let steps = on_module(&network("tensor<?x1xf32>", IDENTITY, "tensor<?x1xf32>"), |module| {
            let operation = mlir::operations(mlir::network_block(operation(module)).unwrap())[0];
            let site = Site { operation, range, distributions, input_step: None };
            steps(&[Channels { site: &site, groups: &observe }], observe.iter().max().unwrap() + 1)
        });
        let (low, high) = range.levels(&steps);
        (observe.iter().map(|&group| steps[group]).collect(), low, high)
    }

    const IDENTITY: &str = "%r = \"ann.reshape\"(%x) : (tensor<?x1xf32>) -> tensor<?x1xf32>";
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
            assert!(PASS.range(&ann::Activation { minimum, maximum }).is_err(), "{minimum} {maximum}");
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

//! Grids of integer levels for the activations of a calibrated network: for each channel, or for the channels together that a reshape
//! or a permutation brings into one ([`Sharing`]), the step that is best for its histogram.

use super::{histogram::Distribution, observation::observed, sharing::Sharing};
use crate::mlir::{self, IrError, IrResult};
use melior::ir::{OperationRef, attribute::IntegerAttribute, operation::OperationLike};
use neurocuda_dialects::ann;
use rayon::prelude::*;

/// Name of the attribute by which `choose-levels` gives an activation a number of levels of its own.
pub const LEVELS: &str = "levels";

/// The grid of an activation.
pub struct Grid<'c, 'a> {
    /// The activation.
    pub operation: OperationRef<'c, 'a>,
    /// The step of each channel.
    pub steps: Vec<f64>,
    /// Lowest level.
    pub low: i64,
    /// Highest level.
    pub high: i64,
    /// The group of each channel: those of one group have one step, in this activation and in others.
    pub groups: Vec<usize>,
    /// What calibration saw of each channel, in front of the grid.
    pub distributions: Vec<Distribution>,
}

/// What is free to choose about grids.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Largest count of an activation without [`LEVELS`].
    pub levels: i64,
    /// Largest magnitude of a code of the network input.
    pub input_levels: i64,
    /// Whether samples are integers.
    pub integers: bool,
}

impl Choice {
    /// The grids of all activations of `module`, in their order.
    ///
    /// # Errors
    ///
    /// If calibration has not seen an activation, an activation has no silent state, or an op is malformed.
    pub fn grids<'c, 'a>(&self, module: OperationRef<'c, 'a>) -> IrResult<'c, Vec<Grid<'c, 'a>>> {
        let mut sites = Vec::new();
        for operation in mlir::operations(mlir::network_block(module)?) {
            sites.extend(self.site(operation)?);
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
        let grid = |(site, groups): (Site<'c, 'a>, &[usize])| {
            let steps = groups.iter().map(|&group| steps[group]).collect::<Vec<_>>();
            let (low, high) = site.range.levels(&steps);
            let Site { operation, distributions, .. } = site;
            Grid { operation, steps, low, high, groups: groups.to_vec(), distributions }
        };
        Ok(sites.into_iter().zip(groups).map(grid).collect())
    }
}

/// Largest count that an activation may have.
pub const MOST_LEVELS: i64 = 32_767;

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

impl Choice {
    /// `None` if `operation` is no activation.
    fn site<'c, 'a>(&self, operation: OperationRef<'c, 'a>) -> IrResult<'c, Option<Site<'c, 'a>>> {
        let Some(activation) = mlir::view::<ann::Activation>(operation)? else { return Ok(None) };
        let value = mlir::operand(operation)?;
        let observe = mlir::users(value)
            .into_iter()
            .find_map(|user| mlir::view::<ann::Observe>(user).transpose())
            .ok_or_else(|| {
                IrError::at(operation, "no observation of this activation: run `calibrate` first")
            })??;
        let distributions = observed(&observe)?;
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
                let input_step = Some(self.input_step(&normalize, &distributions)?);
                Site { operation, range, distributions, input_step }
            }
            None => {
                let levels = self.levels_of(operation);
                let range = match curve {
                    Some(_) => Ok(Self::curve_range(levels, &activation)),
                    None => Self::range(levels, &activation),
                };
                let range = range.map_err(|message| IrError::at(operation, message))?;
                Site { operation, range, distributions, input_step: None }
            }
        }))
    }

    /// The number of levels that the activation is to have.
    fn levels_of(&self, operation: OperationRef) -> i64 {
        let own = operation.attribute(LEVELS).ok().and_then(|own| IntegerAttribute::try_from(own).ok());
        own.map(|own| own.value()).filter(|own| (1..=MOST_LEVELS).contains(own)).unwrap_or(self.levels)
    }

    fn range(levels: i64, activation: &ann::Activation) -> Result<Range, String> {
        let ann::Activation { minimum, maximum } = *activation;
        if !(minimum <= 0.0 && maximum >= 0.0 && minimum < maximum) {
            return Err(format!(
                "an activation limited to [{minimum}, {maximum}] has no silent state: 0 must lie in the range; \
                 shift the values with `add` first"
            ));
        }
        let low = if minimum < 0.0 { -levels } else { 0 };
        let high = if maximum > 0.0 { levels } else { 0 };
        let bounds = [minimum, maximum];
        if minimum == 0.0 || bounds == UNLIMITED {
            return Ok(Range { low, high, cap: maximum / levels as f64, whole: false, bounds });
        }
        let widest = minimum.abs().min(f64::MAX).max(if maximum.is_finite() { maximum } else { 0.0 });
        Ok(Range { low, high, cap: widest / levels as f64, whole: true, bounds })
    }

    /// The curve keeps its range by itself, so each channel has a step of its own, and there are no levels where it never goes.
    fn curve_range(levels: i64, activation: &ann::Activation) -> Range {
        let ann::Activation { minimum, maximum } = *activation;
        let low = if minimum < 0.0 { -levels } else { 0 };
        let cap = maximum.max(-minimum) / levels as f64;
        Range { low, high: levels, cap, whole: false, bounds: [minimum, maximum] }
    }

    fn input_step<'c>(
        &self,
        normalize: &ann::Normalize<'c>,
        distributions: &[Distribution],
    ) -> IrResult<'c, f64> {
        let largest = distributions.iter().map(Distribution::largest).fold(0.0, f64::max);
        let multiplier = normalize.multiplier.read()?.to_f64();
        let offset = normalize.offset.read()?.to_f64();
        let exact = multiplier.first().copied().unwrap_or(0.0).abs();
        let on_lattice = self.integers
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{network, on_module, operation};

    /// Values that came once each.
    fn values(values: &[f64]) -> Distribution {
        let mut all = Distribution::default();
        values.iter().for_each(|&value| all.join(Distribution::new(&[1], value - 0.5, 1.0)));
        all
    }

    /// Steps and levels of an activation whose channels meet nowhere.
    fn grid(minimum: f64, maximum: f64, channels: &[&[f64]]) -> (Vec<f64>, i64, i64) {
        let distributions = channels.iter().map(|channel| values(channel)).collect::<Vec<_>>();
        let range = Choice::range(4, &ann::Activation { minimum, maximum }).unwrap();
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
            assert!(Choice::range(4, &ann::Activation { minimum, maximum }).is_err(), "{minimum} {maximum}");
        }
    }
}

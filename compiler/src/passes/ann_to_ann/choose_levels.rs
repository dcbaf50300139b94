//! `choose-levels`: gives each layer of activations its own number of levels, as few as the error of the outputs allows.
//!
//! ```mlir
//! %2 = "ann.activation"(%1) {minimum = 0.0, maximum = inf} : …                       // before
//! %2 = "ann.activation"(%1) {levels = 15 : i64, minimum = 0.0, maximum = inf} : …    // after
//! ```
//!
//! For each layer and each candidate, the pass measures the error that the outputs get when this layer alone is put on its grid
//! (module `sensitivity`). Such errors add in squares, near enough, so the cheapest choice whose sum of squares stays within a bound is a
//! knapsack (`budget`); what a layer costs is the synaptic operations of its spikes (`cost`). The bound is relative: `budget` times
//! the error of `levels` in every layer. Both sides are then measured with all layers on their grids, and the bound is tightened
//! until the measured errors keep to it. Layers whose channels must share steps get the same number.
//!
//! Sensitivities per layer under an additive model of the error: Zhou et al. 2018, "Adaptive quantization for deep neural network",
//! §3, there for weights and with a Lagrangian.

mod budget;
mod cost;
mod sensitivity;

use crate::{
    analysis::grid::{Choice, Grid, LEVELS, MOST_LEVELS},
    interpret::Network,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use budget::Offer;
use melior::ir::{OperationRef, attribute::IntegerAttribute, r#type::IntegerType};
use neurocuda_dialects::{ann, stage::Stage};
use petgraph::unionfind::UnionFind;
use sensitivity::{Sensitivity, Setting};
use std::collections::BTreeMap;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "choose-levels",
    summary: "gives each layer its own number of levels, for few synaptic operations within an error budget",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[
        OptionInfo {
            name: "levels",
            default: "31",
            summary: "largest count of an activation in the network that the error is compared with",
        },
        OptionInfo {
            name: "candidates",
            default: "auto",
            summary: "numbers of levels to choose from, as in 7,15,31,63; auto: seven from a quarter to twice of levels",
        },
        OptionInfo {
            name: "budget",
            default: "1",
            summary: "error of the outputs that is allowed, in multiples of that of levels everywhere",
        },
        OptionInfo {
            name: "samples",
            default: "16",
            summary: "number of calibration samples to measure errors on",
        },
    ],
};

/// Rounds of tightening the bound until the measured error keeps to it.
const ROUNDS: usize = 6;

/// Marks activations with their numbers of levels.
pub struct ChooseLevels {
    levels: i64,
    /// In ascending order.
    candidates: Vec<i64>,
    budget: f64,
    samples: usize,
}

/// Makes the pass.
///
/// # Errors
///
/// If an option is not of the kind that it has to be.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let refuse = |option: &str, problem: String| OptionError {
        pass: INFO.name.to_owned(),
        option: option.to_owned(),
        problem,
    };
    let in_range = |option: &str, value: i64| match value {
        1..=MOST_LEVELS => Ok(value),
        _ => Err(refuse(option, format!("{value} is not between 1 and {MOST_LEVELS}"))),
    };
    let levels = in_range("levels", options.get("levels")?)?;
    let text = options.get::<String>("candidates")?;
    let mut candidates = match text.as_str() {
        "auto" => automatic(levels),
        list => list
            .split(',')
            .map(|part| {
                let value = part
                    .trim()
                    .parse()
                    .map_err(|_| refuse("candidates", format!("`{part}` is no number")))?;
                in_range("candidates", value)
            })
            .collect::<Result<Vec<_>, _>>()?,
    };
    candidates.sort_unstable();
    candidates.dedup();
    let budget = options.get::<f64>("budget")?;
    if !(budget.is_finite() && budget > 0.0) {
        return Err(refuse("budget", format!("{budget} is no positive number")));
    }
    let samples = options.get::<usize>("samples")?;
    if samples == 0 {
        return Err(refuse("samples", "at least one sample is needed".to_owned()));
    }
    Ok(Box::new(ChooseLevels { levels, candidates, budget, samples }))
}

/// From a quarter to twice of `levels`, as one less than multiples of an eighth: 7, 11, 15, 23, 31, 47 and 63 of 31.
fn automatic(levels: i64) -> Vec<i64> {
    [2, 3, 4, 6, 8, 12, 16]
        .into_iter()
        .map(|eighths| (levels + 1) * eighths / 8 - 1)
        .chain([levels])
        .filter(|candidate| (1..=MOST_LEVELS).contains(candidate))
        .collect()
}

impl Pass for ChooseLevels {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let samples = session.calibration.clone().ok_or_else(|| {
            IrError::module("choose-levels needs calibration samples: give a data file with --calibrate")
        })?;
        // The network's input keeps the codes that it has.
        let grids_of = |levels: i64| -> IrResult<'c, Vec<Grid>> {
            let choice = Choice { levels, input_levels: MOST_LEVELS, integers: false };
            let mut grids = choice.grids(module)?;
            grids.retain(|grid| !reads_input(grid.operation));
            Ok(grids)
        };
        let uniform = grids_of(self.levels)?;
        let offered = self.candidates.iter().map(|&levels| grids_of(levels)).collect::<IrResult<Vec<_>>>()?;
        let layers = layers(&uniform);
        let network = Network::new(module)?;
        let operations = mlir::operations(mlir::network_block(module)?);
        let sensitivity = Sensitivity::new(&network, &operations, &samples, self.samples, &session.progress)?;
        let settings = |choice: &[usize]| {
            let of_layer = |(layer, &candidate): (&Vec<usize>, &usize)| {
                layer.iter().map(|&site| (site, candidate)).collect::<Vec<_>>()
            };
            layers.iter().zip(choice).flat_map(of_layer).collect::<Vec<_>>()
        };
        // One layer on its grid at a time, then all of them.
        let alone = layers.iter().flat_map(|layer| {
            offered
                .iter()
                .map(|grids| layer.iter().map(|&site| Setting::of(&grids[site], &operations)).collect())
        });
        let mut trials = alone.collect::<Vec<Vec<_>>>();
        trials.push(uniform.iter().map(|grid| Setting::of(grid, &operations)).collect());
        let mut errors = sensitivity.errors(&trials)?;
        let of_uniform = errors.pop().unwrap_or_default();
        let costs = cost::Costs::of(&operations, &network, &sensitivity.magnitudes()?)?;
        let offers = layers
            .iter()
            .zip(errors.chunks(self.candidates.len().max(1)))
            .map(|(layer, errors)| {
                let offer = |(grids, &error): (&Vec<Grid>, &f64)| Offer {
                    cost: layer.iter().map(|&site| costs.of_grid(&grids[site])).sum(),
                    error,
                };
                offered.iter().zip(errors).map(offer).collect::<Vec<_>>()
            })
            .collect::<Vec<_>>();
        let allowed = self.budget * self.budget * of_uniform;
        // Where the additive model is off, it is off for both networks.
        let predicted = |levels: i64| {
            let candidate = self.candidates.iter().position(|&candidate| candidate == levels)?;
            Some(
                offers
                    .iter()
                    .filter_map(|offers| offers.get(candidate))
                    .map(|offer| offer.error)
                    .sum::<f64>(),
            )
        };
        let mut bound = self.budget * self.budget * predicted(self.levels).unwrap_or(of_uniform);
        let mut chosen = None;
        for _ in 0..ROUNDS {
            let Some(choice) = budget::cheapest(&offers, bound) else { break };
            let setting =
                |(site, candidate): (usize, usize)| Setting::of(&offered[candidate][site], &operations);
            let trial = settings(&choice).into_iter().map(setting).collect();
            let found = sensitivity.errors(&[trial])?.pop().unwrap_or_default();
            if found <= allowed {
                chosen = Some(choice);
                break;
            }
            bound *= 0.95 * allowed / found;
        }
        let context = mlir::context(module);
        let mark = |operation: OperationRef<'c, '_>, levels: i64| {
            let levels = IntegerAttribute::new(IntegerType::new(context, 64).into(), levels).into();
            mlir::set_attribute(operation, LEVELS, levels);
        };
        match chosen {
            Some(choice) => {
                for (site, candidate) in settings(&choice) {
                    mark(uniform[site].operation, self.candidates[candidate]);
                }
            }
            // The network that the error is compared with keeps to the budget by definition.
            None if self.budget >= 1.0 => uniform.iter().for_each(|grid| mark(grid.operation, self.levels)),
            None => {
                return Err(IrError::module(format!(
                    "levels-budget: no choice among {:?} levels keeps the error of the outputs within {} times that of {} levels \
                     everywhere: allow more, or name larger candidates",
                    self.candidates, self.budget, self.levels
                )));
            }
        }
        Ok(())
    }
}

/// Whether the activation is the code of the network's input.
fn reads_input<'c>(activation: OperationRef<'c, '_>) -> bool {
    mlir::operand(activation).ok().and_then(mlir::definition).is_some_and(|definition| {
        mlir::has_name(definition, <ann::Normalize as neurocuda_dialects::View>::NAME)
    })
}

/// Activations that must have one number of levels, because some of their channels share their steps: as indices of `grids`.
fn layers(grids: &[Grid]) -> Vec<Vec<usize>> {
    let mut sets = UnionFind::<usize>::new(grids.len());
    let mut first = BTreeMap::new();
    for (site, grid) in grids.iter().enumerate() {
        for &group in &grid.groups {
            sets.union(*first.entry(group).or_insert(site), site);
        }
    }
    let mut layers = BTreeMap::<usize, Vec<usize>>::new();
    for site in 0..grids.len() {
        // By the first member, so that the order is that of the network.
        let leader = (0..=site).find(|&other| sets.equiv(other, site)).unwrap_or(site);
        layers.entry(leader).or_default().push(site);
    }
    layers.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{check_calibrated, network};

    /// Two activations: one of whole values up to 3, and one of values that lie on no coarse grid.
    fn text(end: &str, result: &str) -> String {
        let body = format!(
            r#"
    %0 = "ann.normalize"(%x) {{multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.linear"(%0) {{weight = dense<[[1.0, 0.0]]> : tensor<1x2xf32>, bias = dense<0.0> : tensor<1xf32>}}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    "ann.observe"(%1) {{counts = dense<[[0, 1, 1, 1]]> : tensor<1x4xi32>, origin = dense<-0.5> : tensor<1xf64>,
      width = dense<1.0> : tensor<1xf64>, mean = dense<1.5> : tensor<1xf64>}} : (tensor<?x1xf32>) -> ()
    %a = "ann.activation"(%1) {{minimum = 0.0, maximum = 0x7FF0000000000000 : f64}} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %2 = "ann.linear"(%0) {{weight = dense<[[0.0, 1.0]]> : tensor<1x2xf32>, bias = dense<0.0> : tensor<1xf32>}}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    "ann.observe"(%2) {{counts = dense<1> : tensor<1x12xi32>, origin = dense<0.0> : tensor<1xf64>,
      width = dense<0.3> : tensor<1xf64>, mean = dense<1.8> : tensor<1xf64>}} : (tensor<?x1xf32>) -> ()
    %b = "ann.activation"(%2) {{minimum = 0.0, maximum = 0x7FF0000000000000 : f64}} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %c = "ann.concat"(%a, %b) {{axis = 1}} : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
    {end}"#
        );
        network("tensor<?x2xf32>", &body, result)
    }

    fn levels(text: &str, options: &[(&str, &str)]) -> Vec<String> {
        let samples = (0..12).map(|k| [f64::from(k % 4), f64::from(k) * 0.3 + 0.11]).collect::<Vec<_>>();
        let samples = samples.iter().map(<[f64; 2]>::as_slice).collect::<Vec<_>>();
        let module = check_calibrated("choose-levels", options, text, &samples, false);
        module
            .split("levels = ")
            .skip(1)
            .map(|rest| rest.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn a_layer_gets_no_more_levels_than_it_needs() {
        let apart =
            text(r#"%r = "ann.reshape"(%c) : (tensor<?x2xf32>) -> tensor<?x2xf32>"#, "tensor<?x2xf32>");
        assert_eq!(levels(&apart, &[("levels", "15"), ("candidates", "15,3")]), ["3", "15"]);
        // More error, fewer levels; and the same for any number of threads.
        let coarse = [("levels", "15"), ("candidates", "3,15"), ("budget", "20")];
        assert_eq!(levels(&apart, &coarse), ["3", "3"]);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| levels(&apart, &coarse)), ["3", "3"]);
    }

    #[test]
    fn layers_whose_channels_meet_get_the_same_levels() {
        let joined =
            text(r#"%r = "ann.reshape"(%c) : (tensor<?x2xf32>) -> tensor<?x1x2xf32>"#, "tensor<?x1x2xf32>");
        assert_eq!(levels(&joined, &[("levels", "15"), ("candidates", "3,15")]), ["15", "15"]);
    }

    #[test]
    fn options_are_checked() {
        let problem = |option: (&str, &str)| {
            let values = [(option.0.to_owned(), option.1.to_owned())];
            build(&Options::new(&INFO, values.into()).unwrap()).err().map(|error| error.problem)
        };
        for (option, value) in
            [("levels", "0"), ("candidates", "7,0"), ("budget", "-1"), ("budget", "NaN"), ("samples", "0")]
        {
            assert!(problem((option, value)).is_some(), "{option} {value}");
        }
        assert_eq!(problem(("candidates", "7, 15")), None);
        assert_eq!(automatic(31), [7, 11, 15, 23, 31, 47, 63, 31]);
        assert_eq!(automatic(1), [1, 2, 3, 1]);
    }
}

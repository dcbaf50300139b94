//! The `loihi` dialect: what each op does in one timestep. Built-in programs of schedules are known by name: the neurons are those of
//! `snn`. Others are run as they read.

use super::{
    ann,
    decode::{Action, Problem, Site, Weight, channels, integers, read, size},
    kernels::{Geometry, Kernel, add, conv, linear, reshape, unary},
    snn::{self, Neuron, Programmed, Rule, Spiking, Target, expand},
};
use crate::{mlir::Number, passes::loihi_to_loihi::microcode::Programs};
use neurocuda_dialects::{TensorAttr, loihi::Op, snn as neurons};
use neurocuda_runtime::loihi::{Population, Program, Settings, builtin};
use std::collections::BTreeMap;

/// Decodes an op of the dialect; `None` for those that say where something is and do nothing.
pub(super) fn decode(op: &Op, site: &Site, programs: &Programs) -> Result<Option<Action>, Problem> {
    let spiking = match op {
        Op::Chip(_) | Op::Core(_) | Op::Route(_) => return Ok(None),
        Op::Input(op) => {
            let encode = neurons::Encode {
                multiplier: op.multiplier,
                offset: op.offset,
                minimum: op.minimum,
                maximum: op.maximum,
                scale: op.scale,
                low: op.low,
                high: op.high,
                every_step: op.every_step,
            };
            return snn::decode(&neurons::Op::Encode(encode), site).map(Some);
        }
        Op::InputEvents(op) => {
            let events = neurons::EncodeEvents { frames: op.frames, high: op.high };
            return snn::decode(&neurons::Op::EncodeEvents(events), site).map(Some);
        }
        Op::Readout(op) => {
            let readout = neurons::Readout {
                initial: op.initial,
                bias: op.bias,
                gain: op.gain,
                scale: op.scale,
                average: op.average,
                start: op.start,
            };
            return snn::decode(&neurons::Op::Readout(readout), site).map(Some);
        }
        Op::Head(op) => {
            let head = neurons::Head { function: op.function.clone(), axis: op.axis, keepdim: op.keepdim };
            return snn::decode(&neurons::Op::Head(head), site).map(Some);
        }
        _ => {
            site.convert(Number::Integer, Number::Integer)?;
            spiking(op, site, programs)?
        }
    };
    Ok(Some(Action::Spiking(spiking)))
}

fn spiking(op: &Op, site: &Site, programs: &Programs) -> Result<Spiking, Problem> {
    Ok(match op {
        Op::Axon(op) => {
            Spiking::Axon { kernel: reshape(site.input()?, site.output()?)?, delay: snn::delay(op.delay)? }
        }
        Op::AxonMap(op) => {
            let pairs = pairs(op.pairs, site)?;
            let weights = vec![1.0; pairs.len()];
            Spiking::Axon { kernel: sparse(site.output()?, pairs, weights)?, delay: snn::delay(op.delay)? }
        }
        Op::Merge(_) | Op::Accumulate(_) => Spiking::Synapse(add(&site.shapes())?),
        Op::Dense(op) => {
            let kernel = linear(site.input()?, &site.weight(op.weight, 2)?, None)?;
            Spiking::Synapse(scaled(kernel, op.exponent)?)
        }
        Op::Conv(op) => {
            let geometry = Geometry::new(&op.stride, &op.padding, &op.dilation, op.groups, false)?;
            let weight = site.weight(op.weight, geometry.weight_rank())?;
            Spiking::Synapse(scaled(
                conv(site.input()?, &weight, None, &geometry, site.output()?)?,
                op.exponent,
            )?)
        }
        Op::Identity(op) => {
            let channels = channels(site.input()?)?;
            let weight = site.vector(op.weight, "weight", channels)?;
            Spiking::Synapse(scaled(ann::scale(site, weight, vec![0.0; channels])?, op.exponent)?)
        }
        Op::Sparse(op) => {
            let pairs = pairs(op.pairs, site)?;
            let weights = integers(op.weight, "weight", &[pairs.len()])?;
            Spiking::Synapse(scaled(sparse(site.output()?, pairs, weights)?, op.exponent)?)
        }
        Op::Neurons(op) => {
            let parameters = Parameters::read(&op.parameter_names, op.parameters, site.input()?)?;
            match programs.get(&op.program).filter(|program| !is_built_in(program)) {
                Some(program) => Spiking::Program(Box::new(parameters.programmed(program, site)?)),
                None => Spiking::Neuron(population(&op.program, &parameters, site)?),
            }
        }
        _ => return Err("the op does nothing in a timestep".into()),
    })
}

/// A table's sums times a power of two, rounded down.
fn scaled(kernel: Kernel, exponent: i64) -> Result<Kernel, Problem> {
    if !(-32..=32).contains(&exponent) {
        return Err(format!("`exponent` is {exponent}; one from -32 to 32 is needed").into());
    }
    let factor = 2f64.powi(exponent as i32);
    let (shape, gain) = (kernel.shape.clone(), kernel.gain);
    unary(shape, gain, move |input, output| {
        kernel.run(&[input], output);
        output.iter_mut().for_each(|sum| *sum = (*sum * factor).floor());
    })
}

/// Pairs of an element of the operand and one of the result.
fn pairs(attribute: TensorAttr, site: &Site) -> Result<Vec<(usize, usize)>, Problem> {
    let Weight { shape, values } = read(attribute, "pairs")?;
    let &[_, 2] = shape.as_slice() else {
        return Err(format!("`pairs` has shape {shape:?}; a list of pairs is needed").into());
    };
    let (inputs, outputs) =
        (site.input()?.iter().product::<usize>(), site.output()?.iter().product::<usize>());
    let within = |value: f64, size: usize| {
        let index = value as usize;
        (index as f64 == value && index < size).then_some(index)
    };
    let pair = |pair: &[f64; 2]| Some((within(pair[0], inputs)?, within(pair[1], outputs)?));
    let found = values.as_chunks::<2>().0.iter().map(pair).collect::<Option<Vec<_>>>();
    found.ok_or_else(|| "`pairs` names an element that operand or result do not have".into())
}

fn sparse(shape: &[usize], pairs: Vec<(usize, usize)>, weights: Vec<f64>) -> Result<Kernel, Problem> {
    let mut gains = vec![0.0; shape.iter().product()];
    for (&(_, to), weight) in pairs.iter().zip(&weights) {
        gains[to] += weight.abs();
    }
    unary(shape.to_vec(), gains.into_iter().fold(0.0, f64::max), move |input, output| {
        output.fill(0.0);
        for (&(from, to), weight) in pairs.iter().zip(&weights) {
            output[to] += weight * input[from];
        }
    })
}

/// The parameters of a population: a number for each neuron.
struct Parameters(BTreeMap<String, Vec<f64>>);

impl Parameters {
    fn read(names: &[String], attribute: TensorAttr, shape: &[usize]) -> Result<Self, Problem> {
        let neurons = shape.iter().product::<usize>();
        let length = if attribute.shape() == [names.len(), neurons] { neurons } else { channels(shape)? };
        let values = integers(attribute, "parameters", &[names.len(), length])?;
        let rows = names.iter().zip(values.chunks_exact(length)).map(|(name, row)| {
            let row = if length == neurons { row.to_vec() } else { expand(row.to_vec(), shape) };
            (name.clone(), row)
        });
        Ok(Self(rows.collect()))
    }

    /// Neurons that run a program.
    fn programmed(&self, program: &Program, site: &Site) -> Result<Programmed, Problem> {
        let shape = site.input()?.to_vec();
        let mut settings = Settings::default();
        for (name, row) in &self.0 {
            settings = settings.row(name, row.iter().map(|&value| value as i64));
        }
        let neurons = Population::new(program, shape.iter().product(), &settings);
        let neurons = neurons.map_err(|error| error.to_string())?;
        Ok(Programmed { shape, program: program.clone(), neurons })
    }

    fn each(&self, name: &str) -> Result<Vec<f64>, Problem> {
        self.0.get(name).cloned().ok_or_else(|| format!("the program needs parameter `{name}`").into())
    }

    fn shared(&self, name: &str) -> Result<f64, Problem> {
        let values = self.each(name)?;
        let first = values.first().copied().unwrap_or(0.0);
        if values.iter().any(|&value| value != first) {
            return Err(format!("parameter `{name}` is one number for all neurons").into());
        }
        Ok(first)
    }
}

/// Whether a program is the one of its name that comes with the simulator.
fn is_built_in(program: &Program) -> bool {
    builtin::program(program.name()).is_some_and(|own| own.as_ref() == Ok(program))
}

fn population(program: &str, parameters: &Parameters, site: &Site) -> Result<Neuron, Problem> {
    let range = || snn::tracer_range(parameters.shared("low")? as i64, parameters.shared("high")? as i64);
    let threshold = || parameters.each("threshold");
    let (resets, rule) = match program {
        "st_bif" => {
            let (low, high) = range()?;
            (threshold()?, Rule::StBif { low, high })
        }
        "level_sigma_delta" => {
            let (low, high) = range()?;
            let target = Target::Quotient { thresholds: threshold()?, low, high };
            (vec![0.0; site.input()?.iter().product()], Rule::Follow { target, graded: true })
        }
        "hold_and_fire" => {
            let release = size(parameters.shared("release")? as i64, "release", 0)? as u64;
            let levels = size(parameters.shared("levels")? as i64, "levels", 0)? as u64;
            let hold = parameters.shared("hold")?;
            (threshold()?, Rule::HoldAndFire { hold, release, close: release.saturating_add(levels) })
        }
        "if_soft_reset" => {
            let rule = Rule::If { gain: parameters.shared("gain")?, bias: parameters.each("bias")? };
            (threshold()?, rule)
        }
        _ => {
            return Err(format!(
                "the interpreter knows the programs st_bif, level_sigma_delta, hold_and_fire and if_soft_reset, and not `{program}`"
            )
            .into());
        }
    };
    super::decode::all_positive(&threshold()?, "threshold")?;
    Ok(Neuron::of(site.input()?.to_vec(), resets, parameters.each("initial")?, rule))
}

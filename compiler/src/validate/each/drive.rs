//! The charge that drives neurons, as `lower-to-rate` arranges it.
//!
//! Schedule `rate` approximates, because charge comes unevenly; the charge itself is exact. Over a run of `T` steps each membrane and
//! each readout must get `T` times what flows in the integer network where every layer holds the count that its spikes stand for,
//! `n · L / T`: in integers and to the last one. And under a charge that comes evenly, a neuron's spikes must stand for the real quotient
//! of charge and threshold, to half a spike.

use super::{layers::Around, trace};
use crate::{
    analysis::charge,
    interpret::{Network, Sample, StepLimit},
    mlir::{self, IrError, IrResult},
    passes::ann_to_snn::{
        lower_to_rate::SPIKE_VALUE,
        synapses::{DELAY, LEVELS, STEPS},
    },
};
use melior::ir::{OperationRef, attribute::IntegerAttribute, operation::OperationLike};
use neurocuda_dialects::{Field, TensorAttr, ann, snn};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Slack for half a spike, in spikes.
const SLACK: f64 = 1e-6;

/// Most numbers of spikes whose charges are tried.
const COUNTS: u32 = 32;

/// A layer whose spikes stand for counts.
struct Layer {
    name: String,
    /// The op of the integer network, and the value that flows in.
    integer: usize,
    charge: Option<usize>,
    /// Ops of the spiking network that send: spikes, and those that count negative.
    senders: Vec<(Sender, f64)>,
}

/// Neurons, or the encoder, which has no current.
struct Sender {
    op: usize,
    current: Option<Current>,
}

/// What a neuron or a readout makes of what flows in.
struct Current {
    /// The op that the current comes from.
    source: usize,
    gain: f64,
    /// Charge of each element, in each step and at the start.
    bias: Sample,
    initial: Sample,
}

struct Sides {
    integer: Network,
    spiking: Network,
    layers: Vec<Layer>,
    /// Value of the integer network, readout of the spiking one.
    outputs: Vec<(usize, Current)>,
    /// Steps until what an op of the spiking network sends arrives.
    delays: Vec<u32>,
    steps: u32,
    levels: f64,
}

pub(super) fn check(around: &Around) -> Result<(), String> {
    let sides = sides(around).map_err(|error| error.message)?;
    around.samples.par_iter().map(|sample| sides.conserves_charge(sample)).collect()
}

impl Sides {
    fn conserves_charge(&self, sample: &Sample) -> Result<(), String> {
        let mut sums = vec![Sample::zeros(vec![0]); self.spiking.ops().len()];
        let mut probe = |step: u32, op: usize, sent: &Sample| {
            if sums[op].shape() != sent.shape() {
                sums[op] = Sample::zeros(sent.shape());
            }
            // What is under way at the end drives nobody. A readout shows its sum instead of what it sends; nobody reads that.
            if step.saturating_add(self.delays[op]) < self.steps {
                sums[op] += sent;
            }
        };
        let fail = |error: crate::interpret::InterpretError| error.to_string();
        self.spiking.simulate(sample, StepLimit::Exactly(self.steps), &mut probe).map_err(fail)?;
        let steps = f64::from(self.steps);
        // `T` times the count that the spikes of each layer stand for.
        let counts = self.layers.iter().map(|layer| {
            let mut counts = Sample::zeros(self.spiking_shape(layer));
            for (sender, sign) in &layer.senders {
                let worth = if sender.current.is_some() { self.levels } else { 1.0 };
                counts.scaled_add(sign * worth, &sums[sender.op]);
            }
            (layer.integer, counts)
        });
        let counts = counts.collect::<BTreeMap<_, _>>();
        let silence = counts.iter().map(|(op, counts)| (*op, Sample::zeros(counts.shape()))).collect();
        // What does not fit 32 bits here did not fit a membrane either: `prove-bounds` refuses it.
        let Ok(driven) = trace::run(&self.integer, sample, &counts) else { return Ok(()) };
        let biases = trace::run(&self.integer, sample, &silence).map_err(fail)?;
        // Linear but for the biases, which come in each step.
        let wanted = |value: usize| &driven.values[value] + &(&biases.values[value] * (steps - 1.0));
        for layer in &self.layers {
            let Some(charge) = layer.charge else { continue };
            for (sender, sign) in &layer.senders {
                if let Some(current) = &sender.current {
                    let found = current.over(&sums[current.source], steps);
                    same_charge(&layer.name, &(wanted(charge) * *sign), &found)?;
                }
            }
        }
        for (index, (value, readout)) in self.outputs.iter().enumerate() {
            let found = readout.over(&sums[readout.source], steps) + &readout.initial;
            same_charge(&format!("output {index}"), &wanted(*value), &found)?;
        }
        Ok(())
    }

    fn spiking_shape(&self, layer: &Layer) -> Vec<usize> {
        let output = self.integer.ops()[layer.integer].output.unwrap_or(0);
        self.integer.value_shape(output).unwrap_or_default().to_vec()
    }
}

impl Current {
    /// The charge of a whole run, of which `sum` flowed in.
    fn over(&self, sum: &Sample, steps: f64) -> Sample {
        if sum.shape() == self.bias.shape() {
            sum * self.gain + &self.bias * steps
        } else {
            // Nothing was ever sent.
            &self.bias * steps
        }
    }
}

fn same_charge(layer: &str, wanted: &Sample, found: &Sample) -> Result<(), String> {
    if wanted.shape() != found.shape() {
        return Err(format!("layer `{layer}`: {:?} neurons stand for {:?}", found.shape(), wanted.shape()));
    }
    match wanted.iter().zip(found).enumerate().find(|(_, (wanted, found))| wanted != found) {
        Some((index, (wanted, found))) => {
            Err(format!("layer `{layer}`: neuron {index} gets a charge of {found}, not {wanted}"))
        }
        None => Ok(()),
    }
}

fn sides<'c>(around: &Around<'c, '_>) -> IrResult<'c, Sides> {
    let [integer, spiking] = [around.before, around.after].map(Network::new);
    let (integer, spiking) = (integer?, spiking?);
    let function = mlir::network(around.after)?;
    let number = |key: &str| {
        let attribute = function.attribute(key).ok().and_then(|value| IntegerAttribute::try_from(value).ok());
        let attribute =
            attribute.ok_or_else(|| IrError::at(function, format!("the network does not state `{key}`")));
        attribute.map(|attribute| attribute.value())
    };
    let (steps, levels) = (number(STEPS)?, number(LEVELS)? as f64);
    let mut sides = Sides {
        steps: steps.clamp(1, u32::MAX.into()) as u32,
        levels,
        delays: vec![0; spiking.ops().len()],
        integer,
        spiking,
        layers: vec![],
        outputs: vec![],
    };
    let asked = around.options.get::<i64>(DELAY.name).map_err(|error| IrError::module(error.to_string()))?;
    let operations = mlir::operations(mlir::network_block(around.after)?);
    let mut senders = HashMap::<String, VecDeque<(usize, OperationRef)>>::new();
    for (op, &operation) in operations.iter().enumerate() {
        let view = snn::Op::read(operation)?;
        if let (Some(snn::Op::If(neuron)), Some(delay)) = (&view, sides.delays.get_mut(op)) {
            if neuron.delay != asked {
                let layer = mlir::layer(operation);
                let message =
                    format!("layer `{layer}` sends spikes that take {} steps, not {asked}", neuron.delay);
                return Err(IrError::at(operation, message));
            }
            *delay = u32::try_from(neuron.delay).unwrap_or(u32::MAX);
        }
        match view {
            Some(snn::Op::Encode(_) | snn::Op::If(_)) => {
                senders
                    .entry(mlir::location_layer(operation.location()))
                    .or_default()
                    .push_back((op, operation));
            }
            Some(snn::Op::Readout(view)) => {
                let shape = mlir::sample_shape(mlir::operand(operation)?)?;
                let source = source(&sides.spiking, operation, op)?;
                let (bias, initial) = (charge::read(view.bias, &shape)?, charge::read(view.initial, &shape)?);
                let value = sides.integer.logit_values().get(sides.outputs.len()).copied();
                let value = value.and_then(|value| dequantized(&sides.integer, value));
                let value =
                    value.ok_or_else(|| IrError::at(operation, "the integer network has no such output"))?;
                sides.outputs.push((value, Current { source, gain: view.gain as f64, bias, initial }));
            }
            _ => {}
        }
    }
    for (op, operation) in mlir::operations(mlir::network_block(around.before)?).into_iter().enumerate() {
        let view = match ann::Op::read(operation)? {
            Some(ann::Op::Encode(_)) => None,
            Some(ann::Op::Requantize(view)) => Some(view),
            _ => continue,
        };
        let name = mlir::layer(operation);
        let charge = view.as_ref().map(|_| sides.integer.ops()[op].inputs[0]);
        let mut layer = Layer { name: name.clone(), integer: op, charge, senders: vec![] };
        let signed = view.as_ref().is_some_and(|view| view.low != 0);
        // Neurons always have a name, the encoder one of the user's or none.
        let own = if view.is_some() { name.clone() } else { mlir::location_layer(operation.location()) };
        for (sender, sign) in [(own, 1.0), (format!("{name}.negative"), -1.0)] {
            if sign < 0.0 && !signed {
                continue;
            }
            let next = senders.get_mut(&sender).and_then(VecDeque::pop_front);
            let (index, sender) =
                next.ok_or_else(|| IrError::at(operation, format!("layer `{name}` has no neurons")))?;
            let current = match (mlir::view::<snn::If>(sender)?, &view) {
                (Some(neuron), Some(view)) => {
                    states_its_value(sender, view, levels / f64::from(sides.steps))?;
                    rounds_to_half_a_spike(sender, &neuron, view, (sides.steps, levels), sign)?;
                    let shape = mlir::sample_shape(mlir::result(sender)?)?;
                    let source = source(&sides.spiking, sender, index)?;
                    let (bias, initial) =
                        (charge::read(neuron.bias, &shape)?, charge::read(neuron.initial, &shape)?);
                    Some(Current { source, gain: neuron.gain as f64, bias, initial })
                }
                (None, None) => None,
                _ => return Err(IrError::at(sender, format!("layer `{name}` has become something else"))),
            };
            layer.senders.push((Sender { op: index, current }, sign));
        }
        sides.layers.push(layer);
    }
    match senders.into_iter().find(|(_, left)| !left.is_empty()) {
        Some((name, _)) => Err(IrError::module(format!("layer `{name}` stands for nothing"))),
        None => Ok(sides),
    }
}

/// The op that computes what `operation` reads.
fn source<'c>(network: &Network, operation: OperationRef<'c, '_>, index: usize) -> IrResult<'c, usize> {
    let value = network.ops()[index].inputs.first();
    let source = network.ops().iter().position(|op| op.output.as_ref() == value);
    source.ok_or_else(|| IrError::at(operation, "the op reads the network's input"))
}

/// The integers of a dequantised value.
fn dequantized(integer: &Network, value: usize) -> Option<usize> {
    integer.ops().iter().find(|op| op.output == Some(value))?.inputs.first().copied()
}

/// What the neurons state of a spike's real value is what a count stands for, times `counts`.
fn states_its_value<'c>(
    operation: OperationRef<'c, '_>,
    activation: &ann::Requantize<'c>,
    counts: f64,
) -> IrResult<'c, ()> {
    let Some(stated) = operation.attribute(SPIKE_VALUE).ok().and_then(TensorAttr::get) else { return Ok(()) };
    let (stated, scale) = (stated.read()?.to_f64(), activation.scale.read()?.to_f64());
    let wanted = scale.iter().map(|scale| scale * counts).collect::<Vec<_>>();
    if stated.iter().zip(&wanted).all(|(stated, wanted)| (stated - wanted).abs() <= SLACK * wanted) {
        return Ok(());
    }
    let layer = mlir::layer(operation);
    Err(IrError::at(operation, format!("layer `{layer}`: a spike is worth {wanted:?}, and not {stated:?}")))
}

/// Even charges give the spikes that the integer activation's real quotient stands for.
fn rounds_to_half_a_spike<'c>(
    operation: OperationRef<'c, '_>,
    neuron: &snn::If<'c>,
    activation: &ann::Requantize<'c>,
    (steps, levels): (u32, f64),
    sign: f64,
) -> IrResult<'c, ()> {
    let shape = mlir::sample_shape(mlir::result(operation)?)?;
    let (thresholds, initial) =
        (charge::read(neuron.threshold, &shape)?, charge::read(neuron.initial, &shape)?);
    let wanted = charge::read(activation.threshold, &shape)?;
    let (steps, highest) =
        (f64::from(steps), if sign < 0.0 { -activation.low } else { activation.high } as f64);
    let mut known = None;
    for ((&threshold, &initial), &theta) in thresholds.iter().zip(&initial).zip(&wanted) {
        // Neurons of a channel are all alike.
        if known.replace((threshold, initial, theta)) == Some((threshold, initial, theta)) {
            continue;
        }
        // Where a spike more begins, and right before; far below all, and far above.
        let most = (highest * steps / levels).floor();
        let counts = (1..=COUNTS).map(|part| (most * f64::from(part) / f64::from(COUNTS)).ceil());
        let edges = counts.map(|count| ((count - 0.5) * levels * theta / steps).ceil());
        let charges =
            edges.flat_map(|edge| [edge, edge - 1.0]).chain([-highest * theta, 1.5 * highest * theta]);
        for charge in charges {
            let spikes = ((initial + steps * charge) / threshold).floor().clamp(0.0, steps);
            // A neuron that fires in each step is at the largest count of all.
            let exact = (charge / theta).clamp(0.0, levels) * steps / levels;
            if (spikes - exact).abs() > 0.5 + SLACK + 1.0 / threshold {
                let layer = mlir::layer(operation);
                let message = format!(
                    "layer `{layer}`: of a charge of {charge} in each step a neuron makes {spikes} spikes; {exact:.2} stand for it"
                );
                return Err(IrError::at(operation, message));
            }
        }
    }
    Ok(())
}

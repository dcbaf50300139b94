//! Integers in place of reals, as `quantize` writes them.
//!
//! The counts of all layers are chosen here: those that the integer network computes of the samples, and probes. In the real network a
//! count stands for itself times its scale. What then flows into a membrane, over its unit, may differ from the integer one by half for
//! each count that a rounded weight multiplies, and half for each rounded bias: a third network, the integer one with every weight and
//! bias 1, adds these up. Nothing is estimated, so that no honest quantiser is refused.
//!
//! A threshold may differ from the step that was asked for by half a unit, but for steps that are shared and those below one unit.

use super::{
    layers::Around,
    trace::{self, PROBES, Trace},
};
use crate::{
    analysis::sharing::Sharing,
    interpret::{Network, Sample},
    mlir::{self, IrError, IrResult},
};
use melior::ir::{Attribute, OperationRef, operation::OperationLike};
use neurocuda_dialects::{TensorAttr, View, ann};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Slack for products and quotients of reals, in units of a membrane and as a share of the rounding.
const SLACK: f64 = 1e-6;

/// A membrane: the value that flows in, before the pass and after, and the real value of 1 in each channel.
struct Membrane {
    layer: String,
    values: [usize; 2],
    unit: Vec<f64>,
}

/// A layer that holds counts.
struct Layer {
    name: String,
    /// Its op before the pass, and after.
    ops: [usize; 2],
    /// Real value of a count.
    scale: Vec<f64>,
    range: (i64, i64),
    /// What flows in; `None` at the network's input.
    membrane: Option<Membrane>,
    /// The function that its table stands for, before the pass.
    curve: Option<usize>,
    /// Whether the scale is the step of the real grid: one that is shared may have been raised.
    kept: bool,
    shape: Vec<usize>,
}

/// The networks side by side.
struct Sides {
    real: Network,
    integer: Network,
    /// The integer network with every weight and bias 1.
    counting: Network,
    layers: Vec<Layer>,
    outputs: Vec<Membrane>,
}

pub(super) fn check(around: &Around) -> Result<(), String> {
    let sides = Sides::new(around)?;
    around.samples.par_iter().map(|sample| sides.sample(sample)).collect::<Result<(), _>>()?;
    let Some(sample) = around.samples.first() else { return Ok(()) };
    (0..PROBES).into_par_iter().map(|number| sides.probe(sample, number)).collect()
}

impl Sides {
    fn new(around: &Around) -> Result<Self, String> {
        let message = |error: IrError| error.message;
        let real = Network::new(around.before).map_err(message)?;
        let integer = Network::new(around.after).map_err(message)?;
        let layers = layers(around, &real, &integer).map_err(message)?;
        let outputs = outputs(around, &real, &integer).map_err(message)?;
        let counting = counting(around.after).map_err(message)?;
        Ok(Self { real, integer, counting, layers, outputs })
    }

    /// Runs a sample; each layer sees the counts that the integer network gives it.
    fn sample(&self, sample: &Sample) -> Result<(), String> {
        let natural =
            trace::run(&self.integer, sample, &BTreeMap::new()).map_err(|error| error.to_string())?;
        let counts = self
            .layers
            .iter()
            .map(|layer| natural.values[self.integer.ops()[layer.ops[1]].output.unwrap_or(0)].clone());
        let counts = counts.collect::<Vec<_>>();
        let real = self.compare(sample, &counts, &natural)?;
        for (layer, counts) in self.layers.iter().zip(&counts) {
            // The codes of the input are computed from the same reals.
            if layer.membrane.is_none() {
                layer.equals(&real.replaced[&layer.ops[0]], counts)?;
            }
        }
        Ok(())
    }

    /// Gives each layer the counts of a probe.
    fn probe(&self, sample: &Sample, number: u64) -> Result<(), String> {
        let counts = self
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| trace::probe(number, index as u64, &layer.shape, layer.range));
        let counts = counts.collect::<Vec<_>>();
        let replace = self.layers.iter().zip(&counts).map(|(layer, counts)| (layer.ops[1], counts.clone()));
        // What overflows here need not overflow in use: `prove-bounds` decides.
        let Ok(integer) = trace::run(&self.integer, sample, &replace.collect()) else { return Ok(()) };
        self.compare(sample, &counts, &integer).map(drop)
    }

    /// Compares what flows into each membrane of `integer` with what flows in the real network, where layers hold `counts`. Gives the
    /// run of the real network.
    fn compare(&self, sample: &Sample, counts: &[Sample], integer: &Trace) -> Result<Trace, String> {
        let fail = |error: crate::interpret::InterpretError| error.to_string();
        let layers = || self.layers.iter().zip(counts);
        let reals = layers().map(|(layer, counts)| (layer.ops[0], trace::scaled(counts, &layer.scale)));
        let real = trace::run(&self.real, sample, &reals.collect()).map_err(fail)?;
        let magnitudes = layers().map(|(layer, counts)| (layer.ops[1], counts.mapv(f64::abs)));
        // Ones overflow only where there is more than half of the range to round away.
        let Ok(roundings) = trace::run(&self.counting, sample, &magnitudes.collect()) else {
            return Ok(real);
        };
        let membranes = self.layers.iter().filter_map(|layer| layer.membrane.as_ref()).chain(&self.outputs);
        for membrane in membranes {
            let [before, after] = membrane.values;
            membrane.equals(&real.values[before], &integer.values[after], &roundings.values[after])?;
        }
        for (layer, _) in layers() {
            if let (Some(curve), Some(membrane)) = (layer.curve, &layer.membrane) {
                self.table(layer, curve, membrane, &integer.values[membrane.values[1]])?;
            }
        }
        Ok(real)
    }

    /// A table gives the level of the real function at what the membrane stands for.
    fn table(&self, layer: &Layer, curve: usize, membrane: &Membrane, charge: &Sample) -> Result<(), String> {
        let evaluate = |network: &Network, op: usize, operand: &Sample| {
            network.evaluate(op, &[operand]).map_err(|error| error.to_string())
        };
        let level = evaluate(&self.integer, layer.ops[1], charge)?;
        let curved = evaluate(&self.real, curve, &trace::scaled(charge, &membrane.unit))?;
        layer.equals(&evaluate(&self.real, layer.ops[0], &curved)?, &level)
    }
}

impl Layer {
    /// Reals on the grid are these counts.
    fn equals(&self, real: &Sample, counts: &Sample) -> Result<(), String> {
        let channel = trace::channel(counts, self.scale.len());
        for (index, (&real, &count)) in real.iter().zip(counts).enumerate().filter(|_| self.kept) {
            let scale = self.scale[channel(index)];
            if (real / scale - count).abs() > SLACK * count.abs().max(1.0) {
                return Err(format!(
                    "layer `{}`: {real:.4} is count {:.3} in channel {}, not {count}",
                    self.name,
                    real / scale,
                    channel(index)
                ));
            }
        }
        Ok(())
    }
}

impl Membrane {
    fn equals(&self, real: &Sample, integer: &Sample, roundings: &Sample) -> Result<(), String> {
        let channel = trace::channel(integer, self.unit.len());
        let elements = real.iter().zip(integer).zip(roundings).enumerate();
        for (index, ((&real, &integer), &roundings)) in elements {
            let (wanted, allowed) =
                (real / self.unit[channel(index)], 0.5 * roundings * (1.0 + SLACK) + SLACK);
            if (wanted - integer).abs() > allowed || wanted.is_nan() {
                return Err(format!(
                    "layer `{}`: {integer} flows into a membrane of channel {}, where rounding allows {wanted:.2} ± {allowed:.2}",
                    self.layer,
                    channel(index)
                ));
            }
        }
        Ok(())
    }
}

/// The layers of counts, in order: for each grid of the real network its integer form.
fn layers<'c>(around: &Around<'c, '_>, real: &Network, integer: &Network) -> IrResult<'c, Vec<Layer>> {
    let sharing = Sharing::of(around.before, |_| Ok(false))?;
    let sizes = sharing.sizes();
    let mut grids = Vec::new();
    for (op, operation) in mlir::operations(mlir::network_block(around.before)?).into_iter().enumerate() {
        if let Some(view) = mlir::view::<ann::FakeQuantize>(operation)? {
            grids.push((op, operation, view));
        }
    }
    let mut grids = grids.into_iter();
    let mut layers = Vec::new();
    for (after, operation) in mlir::operations(mlir::network_block(around.after)?).into_iter().enumerate() {
        let (scale, unit, low, high) = match ann::Op::read(operation)? {
            Some(ann::Op::Encode(view)) => (
                vec![view.scale; view.multiplier.shape().first().copied().unwrap_or(1)],
                None,
                view.low,
                view.high,
            ),
            Some(ann::Op::Requantize(view)) => {
                let (scale, thresholds) = (view.scale.read()?.to_f64(), view.threshold.read()?.to_f64());
                let unit =
                    scale.iter().zip(&thresholds).map(|(scale, threshold)| scale / threshold).collect();
                (scale, Some(unit), view.low, view.high)
            }
            Some(ann::Op::RequantizeTable(view)) => {
                (view.scale.read()?.to_f64(), Some(view.unit.read()?.to_f64()), view.low, view.high)
            }
            _ => continue,
        };
        let name = mlir::layer(operation);
        let Some((op, grid, view)) = grids.next().filter(|(_, grid, _)| same_layer(*grid, operation)) else {
            return Err(IrError::at(operation, format!("layer `{name}` had no grid at its place")));
        };
        if (view.low, view.high) != (low, high) {
            let (was, is) = ((view.low, view.high), (low, high));
            return Err(IrError::at(
                operation,
                format!("layer `{name}`: counts in {was:?} have become counts in {is:?}"),
            ));
        }
        let groups = sharing.of_value(mlir::result(grid)?).unwrap_or_default();
        let shared = groups.iter().map(|&group| sizes[group] > 1).collect::<Vec<_>>();
        let curve = curve(grid)?.and_then(|curve| position(real, curve));
        let wanted = view.scale.read()?.to_f64();
        steps(&name, &wanted, &scale, unit.as_deref().filter(|_| curve.is_none()), &shared)
            .map_err(IrError::module)?;
        let source = curve.unwrap_or(op);
        let values = [real.ops()[source].inputs[0], integer.ops()[after].inputs[0]];
        let membrane = unit.map(|unit| Membrane { layer: name.clone(), values, unit });
        let shape = mlir::sample_shape(mlir::result(operation)?)?;
        let kept =
            scale.iter().zip(&wanted).all(|(scale, wanted)| (scale - wanted).abs() <= SLACK * SLACK * wanted);
        layers.push(Layer {
            name,
            ops: [op, after],
            scale,
            range: (low, high),
            membrane,
            curve,
            kept,
            shape,
        });
    }
    match grids.next() {
        Some((_, grid, _)) => {
            Err(IrError::at(grid, format!("layer `{}` has no counts at its place", mlir::layer(grid))))
        }
        None => Ok(layers),
    }
}

/// Whether two ops belong to one layer of the user's.
fn same_layer<'c>(one: OperationRef<'c, '_>, other: OperationRef<'c, '_>) -> bool {
    mlir::location_layer(one.location()) == mlir::location_layer(other.location())
}

/// The curve whose result a grid reads.
fn curve<'c, 'a>(grid: OperationRef<'c, 'a>) -> IrResult<'c, Option<OperationRef<'c, 'a>>> {
    let definition = mlir::definition(mlir::operand(grid)?);
    Ok(definition.filter(|definition| mlir::has_name(*definition, ann::Curve::NAME)))
}

/// Index of an op.
fn position(network: &Network, operation: OperationRef) -> Option<usize> {
    let block = operation.block()?;
    let index = mlir::operations(block).into_iter().position(|other| other == operation)?;
    (index < network.ops().len()).then_some(index)
}

/// Holds the scales of counts to the steps that were asked for.
fn steps(
    layer: &str,
    wanted: &[f64],
    found: &[f64],
    unit: Option<&[f64]>,
    shared: &[bool],
) -> Result<(), String> {
    for (channel, (&wanted, &found)) in wanted.iter().zip(found).enumerate() {
        let unit = unit.and_then(|unit| unit.get(channel)).copied().unwrap_or(0.0);
        let raised = shared.get(channel) == Some(&true) || found <= unit * (1.0 + SLACK);
        let fits = (found - wanted).abs() <= unit * (0.5 + SLACK) + SLACK * wanted;
        if !(fits || raised && found >= wanted * (1.0 - SLACK)) {
            return Err(format!(
                "layer `{layer}`: a count of channel {channel} stands for {found:.4e}, not {wanted:.4e}; rounding the threshold \
                 explains {:.1e}",
                unit / 2.0
            ));
        }
    }
    Ok(())
}

/// The values that become outputs.
fn outputs<'c>(around: &Around<'c, '_>, real: &Network, integer: &Network) -> IrResult<'c, Vec<Membrane>> {
    let operations = mlir::operations(mlir::network_block(around.after)?);
    let pairs = real.logit_values().into_iter().zip(integer.logit_values()).enumerate();
    let mut outputs = Vec::new();
    for (index, (before, after)) in pairs {
        let producer = integer.ops().iter().position(|op| op.output == Some(after));
        let operation = producer.and_then(|producer| operations.get(producer)).copied();
        let dequantize = operation.map(mlir::view::<ann::Dequantize>).transpose()?.flatten();
        let (Some(producer), Some(dequantize)) = (producer, dequantize) else {
            return Err(IrError::module(format!("output {index} is not dequantised")));
        };
        let (values, unit) = ([before, integer.ops()[producer].inputs[0]], dequantize.scale.read()?.to_f64());
        outputs.push(Membrane { layer: format!("output {index}"), values, unit });
    }
    Ok(outputs)
}

/// The integer network with every weight and bias 1: of magnitudes it gives, for each sum, how many roundings came in.
fn counting<'c>(integer: OperationRef<'c, '_>) -> IrResult<'c, Network> {
    let module = mlir::duplicate(integer).ok_or_else(|| IrError::module("the module cannot be copied"))?;
    let context = mlir::context(integer);
    for operation in mlir::operations(mlir::network_block(module.as_operation())?) {
        if !matches!(
            ann::Op::read(operation)?,
            Some(ann::Op::Conv(_) | ann::Op::Linear(_) | ann::Op::Scale(_))
        ) {
            continue;
        }
        for key in ["weight", "bias"] {
            let Some(tensor) = operation.attribute(key).ok().and_then(TensorAttr::from_attribute) else {
                continue;
            };
            let sizes = tensor.shape().iter().map(|size| format!("{size}x")).collect::<String>();
            if let Some(ones) = Attribute::parse(context, &format!("dense<1> : tensor<{sizes}i8>")) {
                mlir::set_attribute(operation, key, ones);
            }
        }
    }
    Network::new(module.as_operation()).map_err(|error| IrError::module(error.message))
}

//! Activations of a network at any stage, as real numbers, by layer.

use super::each::{EachValidator, step_limit};
use crate::{
    backend::cpu,
    interpret::{Network, Sample},
    mlir,
    passes::ann_to_snn::lower_to_rate::SPIKE_VALUE,
};
use melior::ir::{Module, OperationRef, operation::OperationLike};
use neurocuda_dialects::{Field, TensorAttr, View, ann, torch};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Ops of real and integer networks whose results are activations.
const ACTIVATIONS: &[&str] = &[
    torch::Relu::NAME,
    torch::Clamp::NAME,
    torch::LeakyRelu::NAME,
    torch::Prelu::NAME,
    torch::Elu::NAME,
    torch::Hardsigmoid::NAME,
    torch::Hardswish::NAME,
    torch::Silu::NAME,
    torch::Gelu::NAME,
    torch::Sigmoid::NAME,
    torch::Tanh::NAME,
    torch::Softplus::NAME,
    torch::Mish::NAME,
    ann::Activation::NAME,
    ann::FakeQuantize::NAME,
    ann::Encode::NAME,
    ann::Requantize::NAME,
    ann::RequantizeTable::NAME,
];

/// Whether the op called `name` holds activations of a layer.
pub fn holds_activations(name: &str) -> bool {
    ACTIVATIONS.contains(&name)
}

/// Real value of a count of each layer, for each channel: the integer network states it, the spiking one does not.
#[derive(Clone, Debug, Default)]
pub struct Scales(BTreeMap<String, Vec<f64>>);

impl Scales {
    /// Takes what an integer network states.
    pub fn read(&mut self, module: OperationRef) {
        let Ok(block) = mlir::network_block(module) else { return };
        for operation in mlir::operations(block) {
            if let Some(scale) = scale(operation) {
                self.0.insert(mlir::layer(operation), scale);
            }
        }
    }
}

fn scale(operation: OperationRef) -> Option<Vec<f64>> {
    match ann::Op::read(operation).ok()?? {
        ann::Op::Encode(view) => Some(vec![view.scale; view.multiplier.shape().first().copied()?]),
        ann::Op::Requantize(view) => Some(view.scale.read().ok()?.to_f64()),
        ann::Op::RequantizeTable(view) => Some(view.scale.read().ok()?.to_f64()),
        _ => None,
    }
}

/// The activations of all samples, by layer.
pub struct LayerValues(Vec<(String, Vec<Sample>)>);

/// What an op adds to a layer: the layer's index and the worth of 1 in each channel, empty for one of all.
struct Part {
    layer: usize,
    worth: Vec<f64>,
}

impl LayerValues {
    /// Runs `network`, that of `module`, on the samples of `validator`.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn of(
        module: &Module,
        network: &Network,
        validator: &EachValidator,
        scales: &Scales,
    ) -> Result<Self, String> {
        let (names, parts) = parts(module, network, scales).map_err(|error| error.message)?;
        let samples = validator.samples();
        let limit = step_limit(module).filter(|_| network.is_spiking());
        let per_sample = samples.par_iter().map(|sample| {
            let mut layers = vec![Sample::zeros(vec![0]); names.len()];
            let mut add = |op: usize, result: &Sample| {
                let Some(part) = parts.get(&op) else { return };
                let real = real(result, &part.worth);
                let sum = &mut layers[part.layer];
                if sum.shape() == real.shape() { *sum += &real } else { *sum = real }
            };
            match limit {
                Some(limit) => network.simulate(sample, limit, &mut |_, op, sent| add(op, sent)).map(drop),
                None => network.forward(sample, &mut add).map(drop),
            }
            .map_err(|error| error.to_string())?;
            Ok(layers)
        });
        let per_sample = per_sample.collect::<Result<Vec<_>, String>>()?;
        let mut layers = names.into_iter().map(|name| (name, vec![])).collect::<Vec<_>>();
        for sample in per_sample {
            layers.iter_mut().zip(sample).for_each(|((_, values), value)| values.push(value));
        }
        Ok(Self(layers))
    }

    /// Layers in the order of the network, with the activations of each sample.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Sample])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// How far `found` is from the activations of `layer`: root mean square of the difference over that of these; `None` if there is no
    /// such layer, or one of another shape.
    pub fn error(&self, layer: &str, found: &[Sample]) -> Option<f64> {
        let (_, wanted) = self.0.iter().find(|(name, _)| name == layer)?;
        let (mut difference, mut whole) = (0.0, 0.0);
        for (wanted, found) in wanted.iter().zip(found) {
            if wanted.shape() != found.shape() {
                return None;
            }
            for (wanted, found) in wanted.iter().zip(found) {
                difference += (found - wanted).powi(2);
                whole += wanted * wanted;
            }
        }
        Some(if difference == 0.0 { 0.0 } else { (difference / whole).sqrt() })
    }
}

/// Names of the layers, and what each op adds to one.
fn parts<'c>(
    module: &Module<'c>,
    network: &Network,
    scales: &Scales,
) -> mlir::IrResult<'c, (Vec<String>, BTreeMap<usize, Part>)> {
    let block = mlir::network_block(module.as_operation())?;
    let (mut names, mut parts) = (Vec::<String>::new(), BTreeMap::new());
    for (op, operation) in mlir::operations(block).into_iter().enumerate().take(network.ops().len()) {
        let neuron = cpu::is_neuron(operation)?;
        if !neuron && !holds_activations(&network.ops()[op].name) {
            continue;
        }
        let name = mlir::layer(operation);
        // A signed value is a pair of layers, whose difference counts.
        let (name, sign) = name
            .strip_suffix(".negative")
            .filter(|_| neuron)
            .map_or((name.as_str(), 1.0), |name| (name, -1.0));
        let stated = operation.attribute(SPIKE_VALUE).ok().and_then(TensorAttr::get);
        let stated = stated.and_then(|value| value.read().ok()).map(|value| value.to_f64());
        let known = stated.or_else(|| scales.0.get(name).cloned()).filter(|_| neuron);
        let Some(worth) = known.or_else(|| scale(operation)).or((!neuron).then(Vec::new)) else { continue };
        let worth = worth.iter().map(|worth| sign * worth).collect();
        let known = names.iter().position(|known| known == name);
        if known.is_some() && !neuron {
            continue;
        }
        let layer = known.unwrap_or(names.len());
        if known.is_none() {
            names.push(name.to_owned());
        }
        parts.insert(op, Part { layer, worth });
    }
    Ok((names, parts))
}

/// Each element times the worth of its channel.
fn real(result: &Sample, worth: &[f64]) -> Sample {
    let mut real = result.clone();
    let plane = (real.len() / worth.len().max(1)).max(1);
    for (index, x) in real.iter_mut().enumerate() {
        *x *= worth.get(index / plane).copied().unwrap_or(1.0);
    }
    real
}

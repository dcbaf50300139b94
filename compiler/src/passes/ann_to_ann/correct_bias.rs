//! `correct-bias`: shifts integer biases so that every accumulator has the mean that it has in the real network.
//!
//! ```mlir
//! %1 = "ann.conv"(%0) {bias = dense<[12, -7]>, …} : …     // before
//! "ann.observe"(%1) {mean = …, …} : …
//! %1 = "ann.conv"(%0) {bias = dense<[14, -7]>, …} : …     // after
//! ```
//!
//! Rounding weights and activations shifts means, layer after layer. The pass goes through the network once, with all samples abreast:
//! what a layer receives is already corrected when its own shift is measured (sequential bias correction; Nagel et al. 2019,
//! "Data-free quantization through weight equalization and bias correction", §4.2, here against measured means). The `ann.observe`
//! ops have served then and go.

use crate::{
    analysis::{
        charge,
        flow::{self, Flow},
        magnitude::window_gains,
    },
    interpret::{InterpretError, Network, Sample},
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, Value, operation::OperationLike};
use neurocuda_dialects::{Tensor, TensorAttr, ann, stage::Stage};
use rayon::prelude::*;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "correct-bias",
    summary: "shifts integer biases so that accumulators keep the means of the real network",
    from: Some(Stage::AnnInteger),
    to: None,
    claim: Claim::Layerwise,
    options: &[],
};

/// Number of samples that means are compared on: the first ones. `calibrate` takes its means of as many.
pub const SAMPLES: usize = 256;

/// Corrects biases and removes the observations.
pub struct CorrectBias;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(CorrectBias))
}

impl Pass for CorrectBias {
    fn run<'c>(&self, module: OperationRef<'c, '_>, session: &mut Session) -> IrResult<'c, ()> {
        let samples = session.calibration.clone().ok_or_else(|| {
            IrError::module("correct-bias needs calibration samples: give a data file with --calibrate")
        })?;
        let count = samples.count.min(SAMPLES);
        let network = Network::new(module)?;
        let operations = mlir::operations(mlir::network_block(module)?);
        let fail = |error: InterpretError| IrError::module(error.to_string());
        let last_reads = last_reads(&network);
        let chains = Chains { network: &network, operations: &operations };
        let mut values = vec![Vec::<Sample>::new(); network.ops().len() + 1];
        values[0] = (0..count).map(|index| (samples.fetch)(index)).collect();
        for (index, (summary, &operation)) in network.ops().iter().zip(&operations).enumerate() {
            (session.progress)("correct-bias", index + 1, operations.len());
            if let Some(output) = summary.output {
                let results = (0..count)
                    .into_par_iter()
                    .map(|sample| {
                        let inputs =
                            summary.inputs.iter().map(|&input| &values[input][sample]).collect::<Vec<_>>();
                        network.evaluate(index, &inputs)
                    })
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(fail)?;
                values[output] = results;
            } else if let Some(observe) = mlir::view::<ann::Observe>(operation)? {
                correct(&chains, operation, &observe, &mut values[summary.inputs[0]])?;
            }
            for &input in summary.inputs.iter().filter(|&&input| last_reads[input] == index) {
                values[input] = vec![];
            }
        }
        for &operation in &operations {
            if mlir::view::<ann::Observe>(operation)?.is_some() {
                mlir::erase(operation);
            }
        }
        Ok(())
    }
}

/// The last op that reads each value.
fn last_reads(network: &Network) -> Vec<usize> {
    let mut last = vec![0; network.ops().len() + 1];
    for (index, summary) in network.ops().iter().enumerate() {
        for &input in &summary.inputs {
            last[input] = index;
        }
    }
    last
}

fn correct<'c>(
    chains: &Chains<'c, '_>,
    operation: OperationRef<'c, '_>,
    observe: &ann::Observe<'c>,
    samples: &mut [Sample],
) -> IrResult<'c, ()> {
    let value = mlir::operand(operation)?;
    let Some(alpha) = unit(value)? else { return Ok(()) };
    let target = observe.mean.read()?.to_f64();
    let channels = alpha.len().min(target.len());
    let mut mean = vec![0.0; channels];
    for sample in samples.iter() {
        for (mean, channel) in mean.iter_mut().zip(sample.outer_iter()) {
            *mean += channel.sum() / channel.len().max(1) as f64;
        }
    }
    let count = samples.len().max(1) as f64;
    let shift = (0..channels)
        .map(|channel| (target[channel] / alpha[channel] - mean[channel] / count).round())
        .collect::<Vec<_>>();
    if let Some(applied) = chains.apply(value, &shift)? {
        samples.iter_mut().for_each(|sample| *sample += &applied);
    }
    Ok(())
}

/// Real value of 1 in each channel of an accumulator: its activation's scale over its threshold, the unit
/// of its table, or the scale of the output.
fn unit<'c>(value: Value<'c, '_>) -> IrResult<'c, Option<Vec<f64>>> {
    for user in mlir::users(value) {
        if let Some(requantize) = mlir::view::<ann::Requantize>(user)? {
            let (scale, threshold) =
                (requantize.scale.read()?.to_f64(), requantize.threshold.read()?.to_f64());
            return Ok(Some(
                scale.iter().zip(&threshold).map(|(scale, threshold)| scale / threshold).collect(),
            ));
        }
        if let Some(table) = mlir::view::<ann::RequantizeTable>(user)? {
            return Ok(Some(table.unit.read()?.to_f64()));
        }
        if let Some(dequantize) = mlir::view::<ann::Dequantize>(user)? {
            return Ok(Some(dequantize.scale.read()?.to_f64()));
        }
    }
    Ok(None)
}

/// The weightless ops between biases and what they flow into.
struct Chains<'c, 'a> {
    network: &'a Network,
    operations: &'a [OperationRef<'c, 'a>],
}

impl<'c> Chains<'c, '_> {
    /// Shifts `value` by way of a bias that flows into it, a number for each channel; returns what becomes of each element, `None` if no
    /// bias flows in.
    fn apply(&self, value: Value<'c, '_>, shift: &[f64]) -> IrResult<'c, Option<Sample>> {
        let Some(operation) = mlir::definition(value) else { return Ok(None) };
        let op = ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        match op {
            Some(
                ann::Op::Conv(ann::Conv { bias, .. })
                | ann::Op::Linear(ann::Linear { bias, .. })
                | ann::Op::Scale(ann::Scale { bias, .. }),
            ) => {
                let shifted = bias
                    .read()?
                    .to_i32()?
                    .iter()
                    .zip(shift)
                    .map(|(bias, shift)| bias.saturating_add(*shift as i32))
                    .collect();
                let context = mlir::context(operation);
                let hint = format!("{}.bias", mlir::layer(operation));
                let bias = TensorAttr::new(context, &hint, &Tensor::integers(shifted))?;
                mlir::set_attribute(operation, "bias", bias.attribute());
                Ok(Some(charge::spread(shift, &mlir::sample_shape(value)?)))
            }
            Some(ann::Op::Add(_)) => {
                for operand in operation.operands() {
                    if let Some(applied) = self.apply(operand, shift)? {
                        return Ok(Some(applied));
                    }
                }
                Ok(None)
            }
            Some(ann::Op::SumPool2d(pool)) => {
                let Some(gain) = even_gain(&pool)? else { return Ok(None) };
                let inner = shift.iter().map(|shift| (shift / gain).round()).collect::<Vec<_>>();
                match self.apply(mlir::operand(operation)?, &inner)? {
                    Some(applied) => self.through(operation, &[applied]).map(Some),
                    None => Ok(None),
                }
            }
            Some(ann::Op::Concat(_) | ann::Op::Gather(_) | ann::Op::Permute(_) | ann::Op::Reshape(_)) => {
                let flow = Flow::of(operation)?;
                let mut applied = Vec::new();
                for (operand, shift) in operation.operands().zip(flow.backward(shift, 0.0, flow::mean)) {
                    // A mean of several features is no whole number, and a bias is one.
                    let shift = shift.iter().map(|shift| shift.round()).collect::<Vec<_>>();
                    let silent = Sample::zeros(mlir::sample_shape(operand)?);
                    applied.push(self.apply(operand, &shift)?.unwrap_or(silent));
                }
                self.through(operation, &applied).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What a weightless op makes of its operands.
    fn through(&self, operation: OperationRef<'c, '_>, operands: &[Sample]) -> IrResult<'c, Sample> {
        let index = self.operations.iter().position(|other| *other == operation);
        let index = index.ok_or_else(|| IrError::at(operation, "the op is not part of the network"))?;
        let result = self.network.evaluate(index, &operands.iter().collect::<Vec<_>>());
        result.map_err(|error| IrError::at(operation, error.to_string()))
    }
}

/// What a constant is multiplied by, if every window of the pool multiplies it alike.
fn even_gain<'c>(pool: &ann::SumPool2d<'c>) -> IrResult<'c, Option<f64>> {
    let gains = window_gains(&pool.rows, &pool.columns, &pool.multiplier.read()?.to_f64());
    Ok(gains.first().copied().filter(|first| *first > 0.0 && gains.iter().all(|gain| gain == first)))
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check_calibrated, encoder, network};

    /// A network of one layer, whose accumulator is wanted to have the mean `mean` and goes through `between`.
    fn text(between: &str, shape: &str, mean: &str) -> String {
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{encoder}}} : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xi32>
    %1 = "ann.conv"(%0) {{weight = dense<[[[[1]], [[0]]], [[[0]], [[3]]]]> : tensor<2x2x1x1xi8>,
      bias = dense<[10, 20]> : tensor<2xi32>, stride = array<i64: 1, 1>, padding = array<i64: 0, 0>,
      dilation = array<i64: 1, 1>, groups = 1, transposed = false}} : (tensor<?x2x1x4xi32>) -> tensor<?x2x1x4xi32>
    {between}
    "ann.observe"(%v) {{counts = dense<0> : tensor<2x1xi32>, origin = dense<0.0> : tensor<2xf64>,
      width = dense<0.0> : tensor<2xf64>, mean = dense<{mean}> : tensor<2xf64>}} : ({shape}) -> ()
    %r = "ann.dequantize"(%v) {{scale = dense<[0.5, 0.25]> : tensor<2xf64>}} : ({shape}) -> {result}"#,
            encoder = encoder(2),
            result = shape.replace("i32", "f32"),
        );
        network("tensor<?x2x1x4xf32>", &body, &shape.replace("i32", "f32"))
    }

    /// Codes are twice the values: 2, 4, 6, 8 with mean 5, and −4.
    fn corrected(text: &str) -> String {
        let sample = [1.0, 2.0, 3.0, 4.0, -2.0, -2.0, -2.0, -2.0];
        let module = check_calibrated("correct-bias", &[], text, &[&sample], false);
        assert!(!module.contains("ann.observe"), "{module}");
        let bias = module.split("bias = dense<").nth(1).unwrap_or(&module);
        bias.split('>').next().unwrap().to_owned()
    }

    #[test]
    fn means_are_met_to_half_a_unit() {
        // The means are 15 and 8 units; 16.4 and 4.4 are wanted.
        let identity = r#"%v = "ann.reshape"(%1) : (tensor<?x2x1x4xi32>) -> tensor<?x2x1x4xi32>"#;
        assert_eq!(corrected(&text(identity, "tensor<?x2x1x4xi32>", "[8.2, 1.1]")), "[11, 16]");
    }

    #[test]
    fn a_pool_passes_on_what_its_windows_multiply() {
        // Windows of 2 times 3: the means are 90 and 48 units; 99.5 and 30.4 are wanted, shifts of 2 and −3 before the pool.
        let pool = r#"%v = "ann.sum_pool2d"(%1) {rows = array<i64: 0, 1>, columns = array<i64: 0, 2, 2, 4>,
            multiplier = dense<3> : tensor<1x2xi32>} : (tensor<?x2x1x4xi32>) -> tensor<?x2x1x2xi32>"#;
        assert_eq!(corrected(&text(pool, "tensor<?x2x1x2xi32>", "[49.75, 7.6]")), "[12, 17]");
        // Where windows differ there is no one shift.
        let uneven = pool.replace("0, 2, 2, 4", "0, 1, 1, 4");
        assert_eq!(corrected(&text(&uneven, "tensor<?x2x1x2xi32>", "[45.5, 11.2]")), "[10, 20]");
    }

    #[test]
    fn a_flattened_channel_is_shifted_by_the_mean_of_its_features() {
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x2x1x1xf32>) -> tensor<?x2x1x1xi32>
    %1 = "ann.reshape"(%0) : (tensor<?x2x1x1xi32>) -> tensor<?x1x2xi32>
    %2 = "ann.scale"(%1) {{weight = dense<1> : tensor<1xi16>, bias = dense<10> : tensor<1xi32>}}
      : (tensor<?x1x2xi32>) -> tensor<?x1x2xi32>
    %3 = "ann.reshape"(%2) : (tensor<?x1x2xi32>) -> tensor<?x2xi32>
    "ann.observe"(%3) {{counts = dense<0> : tensor<2x1xi32>, origin = dense<0.0> : tensor<2xf64>,
      width = dense<0.0> : tensor<2xf64>, mean = dense<[13.0, 7.0]> : tensor<2xf64>}} : (tensor<?x2xi32>) -> ()
    %r = "ann.dequantize"(%3) {{scale = dense<1.0> : tensor<2xf64>}} : (tensor<?x2xi32>) -> tensor<?x2xf32>"#,
            encoder(2),
        );
        // 10 and 10 are found, 13 and 7 wanted: no shift serves both.
        let text = network("tensor<?x2x1x1xf32>", &body, "tensor<?x2xf32>");
        let module = check_calibrated("correct-bias", &[], &text, &[&[0.0, 0.0]], false);
        assert!(module.contains("bias = dense<10>"), "{module}");
    }

    #[test]
    fn a_shift_downwards_is_known_to_what_follows() {
        // Through a gather the biases fall by 10 and 1; the second layer is then met as it is.
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "ann.scale"(%0) {{weight = dense<8> : tensor<2xi16>, bias = dense<[30, 40]> : tensor<2xi32>}}
      : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "ann.gather"(%1) {{axis = 1, indices = array<i64: 1, 0>}} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    "ann.observe"(%2) {{counts = dense<0> : tensor<2x1xi32>, origin = dense<0.0> : tensor<2xf64>,
      width = dense<0.0> : tensor<2xf64>, mean = dense<[39.0, 20.0]> : tensor<2xf64>}} : (tensor<?x2xi32>) -> ()
    %3 = "ann.requantize"(%2) {{threshold = dense<10> : tensor<2xi32>, scale = dense<10.0> : tensor<2xf64>, low = 0, high = 7}}
      : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "ann.linear"(%3) {{weight = dense<100> : tensor<1x2xi8>, bias = dense<5> : tensor<1xi32>}}
      : (tensor<?x2xi32>) -> tensor<?x1xi32>
    "ann.observe"(%4) {{counts = dense<0> : tensor<1x1xi32>, origin = dense<0.0> : tensor<1xf64>,
      width = dense<0.0> : tensor<1xf64>, mean = dense<607.0> : tensor<1xf64>}} : (tensor<?x1xi32>) -> ()
    %r = "ann.dequantize"(%4) {{scale = dense<1.0> : tensor<1xf64>}} : (tensor<?x1xi32>) -> tensor<?x1xf32>"#,
            encoder(2),
        );
        let text = network("tensor<?x2xf32>", &body, "tensor<?x1xf32>");
        let module = check_calibrated("correct-bias", &[], &text, &[&[0.0, 0.0]], false);
        assert!(module.contains("bias = dense<[20, 39]>"), "{module}");
        // Counts of 4 and 2 give 600 and the bias.
        assert!(module.contains("bias = dense<7>"), "{module}");
    }

    #[test]
    fn joined_channels_are_corrected_where_they_come_from() {
        let join = r#"%a = "ann.gather"(%1) {axis = 1, indices = array<i64: 0>} : (tensor<?x2x1x4xi32>) -> tensor<?x1x1x4xi32>
            %b = "ann.gather"(%0) {axis = 1, indices = array<i64: 0>} : (tensor<?x2x1x4xi32>) -> tensor<?x1x1x4xi32>
            %v = "ann.concat"(%b, %a) {axis = 1} : (tensor<?x1x1x4xi32>, tensor<?x1x1x4xi32>) -> tensor<?x2x1x4xi32>"#;
        // Codes have no bias: the first channel stays. The second is the first of the layer, with 15 units where 14 are wanted.
        assert_eq!(corrected(&text(join, "tensor<?x2x1x4xi32>", "[2.0, 3.5]")), "[9, 20]");
    }
}

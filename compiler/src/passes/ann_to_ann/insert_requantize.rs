//! `insert-requantize`: every place where a sum must become a count of spikes gets an activation.
//!
//! ```mlir
//! %1 = "ann.conv"(%0) … : …                                          // before
//! %2 = "ann.conv"(%1) … : …
//! %1 = "ann.conv"(%0) … : …                                          // after
//! %q = "ann.activation"(%1) {minimum = -inf, maximum = inf} : …
//! %2 = "ann.conv"(%q) … : …
//! ```
//!
//! The activation changes no number here; it becomes a neuron that fires with both signs. *Level* values are what will be counts:
//! results of activations, max pools of levels, and weightless linear ops (average pool, concat of channels, gather, permute, pad,
//! reshape) of levels only. *Accumulator* values are what will be sums in membranes: results of conv, linear and scale, of add, and
//! of weightless linear ops that take one. Afterwards
//!
//! - the network input is read by one activation only;
//! - conv, linear, scale and max_pool2d read levels;
//! - an accumulator has one reader: an activation, a weightless linear op, or the return;
//! - a curve has one reader, an activation;
//! - levels that meet in a channel, as in a reshape that joins channels, were averaged over equally many elements: `quantize`
//!   makes sums of averages, and a step can be shared only where it stands for the same value.

use crate::{
    analysis::flow::Flow,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::located,
    session::Session,
};
use melior::ir::{BlockLike, OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{View, ann, ann::Op, stage::Stage};
use std::collections::{HashMap, HashSet};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "insert-requantize",
    summary: "puts activations without limits where sums must become counts",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Inserts `ann.activation` without limits.
pub struct InsertRequantize;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(InsertRequantize))
}

impl Pass for InsertRequantize {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let operations = mlir::operations(mlir::network_block(module)?);
        let layers = operations.iter().map(|operation| mlir::layer(*operation)).collect();
        let mut walk = Walk { kinds: HashMap::new(), multiples: HashMap::new(), layers };
        operations.iter().try_for_each(|operation| walk.visit(*operation))
    }
}

/// What a value will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A count of spikes.
    Level,
    /// A sum in a membrane.
    Accumulator,
}

/// What the pass knows on its way through the network.
struct Walk {
    kinds: HashMap<usize, Kind>,
    /// How many times a level each channel of a level value will be, after averages; 1 where nothing is stated.
    multiples: HashMap<usize, Vec<f64>>,
    /// Names of layers that are taken.
    layers: HashSet<String>,
}

impl Walk {
    fn visit<'c>(&mut self, operation: OperationRef<'c, '_>) -> IrResult<'c, ()> {
        let Some(op) = located(operation, Op::read(operation))? else {
            // Returned values need a kind, so that a network that returns its argument as it is does not pass.
            let is_head = |value| {
                mlir::definition(value).is_some_and(|operation| mlir::has_name(operation, ann::Head::NAME))
            };
            return operation
                .operands()
                .filter(|value| !is_head(*value))
                .try_for_each(|value| self.kind(operation, value).map(drop));
        };
        let kind = match op {
            Op::Normalize(_) => return self.input(operation),
            Op::Observe(_) => return Ok(()),
            Op::Conv(_) | Op::Linear(_) | Op::Scale(_) => {
                self.kind(operation, mlir::operand(operation)?)?;
                Kind::Accumulator
            }
            Op::Activation(_) => {
                self.kind(operation, mlir::operand(operation)?)?;
                Kind::Level
            }
            Op::Head(head) => {
                self.kind(operation, mlir::operand(operation)?)?;
                return ends_network(operation, &head.function);
            }
            // The activation behind a curve is the place where both become a neuron.
            Op::Curve(_) => {
                self.kind(operation, mlir::operand(operation)?)?;
                Kind::Accumulator
            }
            Op::MaxPool2d(_) => {
                self.weightless(operation)?;
                Kind::Level
            }
            // Where scales of operands meet in one channel, only a membrane can bring them together.
            Op::Add(_) => self.joined(operation)?,
            Op::Concat(ann::Concat { axis }) if axis != 1 => self.joined(operation)?,
            Op::AvgPool2d(_)
            | Op::Concat(_)
            | Op::Gather(_)
            | Op::Permute(_)
            | Op::Pad(_)
            | Op::Reshape(_) => self.weightless(operation)?,
            Op::SumPool2d(_)
            | Op::FakeQuantize(_)
            | Op::Encode(_)
            | Op::EncodeEvents(_)
            | Op::Requantize(_)
            | Op::RequantizeTable(_)
            | Op::Dequantize(_) => {
                let message = format!(
                    "`{}` is quantised already: run this pass before `calibrate`",
                    mlir::name(operation)
                );
                return Err(IrError::at(operation, message));
            }
        };
        let value = mlir::result(operation)?;
        let becomes_levels = match op {
            Op::Curve(_) => !has_activation(value)?,
            _ => kind == Kind::Accumulator && must_become_levels(operation, value)?,
        };
        if becomes_levels {
            let name = self.unique(&format!("{}.requantize", mlir::layer(operation)));
            return self.insert(operation, value, &name);
        }
        self.kinds.insert(key(value), kind);
        Ok(())
    }

    /// What a weightless linear op makes of its operands.
    fn weightless<'c>(&mut self, operation: OperationRef<'c, '_>) -> IrResult<'c, Kind> {
        // What `quantize` would refuse is refused here, where `check` sees it.
        let flow = Flow::of(operation)?;
        let operands = operation.operands().collect::<Vec<_>>();
        let kinds =
            operands.iter().map(|value| self.kind(operation, *value)).collect::<IrResult<Vec<_>>>()?;
        if kinds.contains(&Kind::Accumulator) {
            return Ok(Kind::Accumulator);
        }
        let mut multiples = Vec::with_capacity(operands.len());
        for (value, parts) in operands.iter().zip(flow.operand_parts()) {
            let own = self.multiples.get(&key(*value)).cloned();
            multiples.push(own.unwrap_or_else(|| vec![1.0; parts.len()]));
        }
        if !agree(&flow, &multiples) {
            for (index, value) in operands.into_iter().enumerate() {
                let name = self.unique(&format!("{}.requantize", mlir::layer(operation)));
                let location = mlir::named_location(mlir::context(operation), &name, operation.location());
                let level =
                    mlir::insert_before_at(operation, &UNLIMITED, &[value], value.r#type(), location)?;
                mlir::set_operand(operation, index, level);
                self.kinds.insert(key(level), Kind::Level);
            }
            return Ok(Kind::Level);
        }
        let mut multiples = flow.forward(&multiples, 1.0);
        multiples.iter_mut().for_each(|multiple| *multiple *= flow.multiple as f64);
        self.multiples.insert(key(mlir::result(operation)?), multiples);
        Ok(Kind::Level)
    }

    /// A sum, whatever its operands are.
    fn joined<'c>(&self, operation: OperationRef<'c, '_>) -> IrResult<'c, Kind> {
        operation.operands().try_for_each(|value| self.kind(operation, value).map(drop))?;
        Ok(Kind::Accumulator)
    }

    /// The network input goes through one activation of its own.
    fn input<'c>(&mut self, normalize: OperationRef<'c, '_>) -> IrResult<'c, ()> {
        if mlir::definition(mlir::operand(normalize)?).is_some() {
            let message =
                "`ann.normalize` is for the network's input alone: use `ann.scale` inside the network";
            return Err(IrError::at(normalize, message));
        }
        let value = mlir::result(normalize)?;
        if let [user] = mlir::users(value)[..]
            && mlir::view::<ann::Activation>(user)?.is_some_and(|limits| limits == UNLIMITED)
        {
            self.kinds.insert(key(value), Kind::Accumulator);
            return Ok(());
        }
        let name = self.unique("input");
        self.insert(normalize, value, &name)
    }

    /// Lets all that read `value`, which `operation` computes, read it through an activation called `name`.
    fn insert<'c>(
        &mut self,
        operation: OperationRef<'c, '_>,
        value: Value<'c, '_>,
        name: &str,
    ) -> IrResult<'c, ()> {
        let location = mlir::named_location(mlir::context(operation), name, operation.location());
        let built = UNLIMITED.build(mlir::context(operation), &[value], &[value.r#type()], location)?;
        let block = operation.block().ok_or_else(|| IrError::at(operation, "the op stands in no block"))?;
        let activation = block.insert_operation_after(operation, built);
        let level = mlir::result(activation)?;
        mlir::replace_uses_except(value, level, activation);
        self.kinds.insert(key(level), Kind::Level);
        Ok(())
    }

    /// The kind of an operand of `reader`.
    fn kind<'c>(&self, reader: OperationRef<'c, '_>, value: Value<'c, '_>) -> IrResult<'c, Kind> {
        self.kinds.get(&key(value)).copied().ok_or_else(|| {
            IrError::at(
                reader,
                "reads the network's input as it is; `lower-torch-to-ann` puts an `ann.normalize` there",
            )
        })
    }

    /// `name`, or with a number behind it if a layer is called that already.
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.layers.insert(unique.clone()) {
            unique = format!("{name}.{number}");
            number += 1;
        }
        unique
    }
}

/// An activation that changes nothing.
const UNLIMITED: ann::Activation = ann::Activation { minimum: f64::NEG_INFINITY, maximum: f64::INFINITY };

/// Identity of a value, to look it up.
fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

/// Demands that the result of a head is returned and nothing else.
fn ends_network<'c>(head: OperationRef<'c, '_>, function: &str) -> IrResult<'c, ()> {
    let users = mlir::users(mlir::result(head)?);
    match users.into_iter().find(|user| !mlir::has_name(*user, "func.return")) {
        None => Ok(()),
        Some(user) => Err(IrError::at(
            head,
            format!(
                "unsupported: `{function}` inside the network: layer `{}` reads it, and no neuron divides or compares; spikes can \
                 carry it only where its result is returned, so attention and gates by softmax have to go, or to be a network of \
                 their own",
                mlir::layer(user)
            ),
        )),
    }
}

/// Whether one activation, and nothing else, reads `value`.
fn has_activation<'c>(value: Value<'c, '_>) -> IrResult<'c, bool> {
    match mlir::users(value)[..] {
        [user] => Ok(mlir::view::<ann::Activation>(user)?.is_some()),
        _ => Ok(false),
    }
}

/// Whether the accumulator `value`, which `operation` computes, is read in a way that only levels may be.
fn must_become_levels<'c>(operation: OperationRef<'c, '_>, value: Value<'c, '_>) -> IrResult<'c, bool> {
    let users = mlir::users(value);
    let user = match users[..] {
        [] => return Ok(false),
        [user] => user,
        _ => return Ok(true),
    };
    Ok(match located(user, Op::read(user))? {
        Some(Op::Conv(_) | Op::Linear(_) | Op::Scale(_) | Op::MaxPool2d(_)) => true,
        // Before elements are added, fewer neurons do the same, and before channels are split they have one step.
        Some(Op::Pad(_) | Op::Reshape(_) | Op::Permute(_) | Op::Gather(_)) => {
            let result = mlir::result(user)?;
            let sizes = [value, result].map(mlir::sample_shape);
            let [from, to] = sizes.map(|shape| shape.map(|shape| shape.iter().product::<usize>()));
            let keeps = from.map_err(|error| IrError::at(operation, error.message))?
                <= to.map_err(|error| IrError::at(operation, error.message))?;
            keeps && !Flow::of(user)?.mixes() && must_become_levels(user, result)?
        }
        _ => false,
    })
}

/// Whether the channels that meet are equal multiples of levels.
fn agree(flow: &Flow, multiples: &[Vec<f64>]) -> bool {
    let mut parts = vec![None; flow.parts()];
    let channels =
        flow.operand_parts().iter().zip(multiples).flat_map(|(parts, multiples)| parts.iter().zip(multiples));
    channels
        .filter_map(|(part, multiple)| Some((part.as_ref()?, multiple)))
        .all(|(&part, &multiple)| *parts[part].get_or_insert(multiple) == multiple)
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, locations, network, twice};

    const NORMALIZE: &str = r#"
        %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
          minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
          : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>"#;
    const IMAGE: &str = "tensor<?x2x4x4xf32>";
    const CONV: &str = r#"{weight = dense<1.0> : tensor<2x2x3x3xf32>, bias = dense<0.0> : tensor<2xf32>,
        stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64, transposed = false}
        : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>"#;
    const POOL: &str = r#"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>,
        dilation = array<i64: 1, 1>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>"#;
    const RELU: &str = "{minimum = 0.0, maximum = 0x7FF0000000000000 : f64}";

    fn result(body: &str, r#type: &str) -> String {
        let text = network(IMAGE, &format!("{NORMALIZE}{body}"), r#type);
        assert_eq!(
            twice("insert-requantize", &text),
            check("insert-requantize", &[], &text),
            "runs twice as once"
        );
        check("insert-requantize", &[], &text)
    }

    #[test]
    fn a_linear_bottleneck_and_a_maximum_of_sums_are_requantised() {
        let body = format!(
            r#"
            %1 = "ann.conv"(%0) {CONV}
            %2 = "ann.activation"(%1) {RELU} : ({IMAGE}) -> {IMAGE}
            %3 = "ann.conv"(%2) {CONV}
            %4 = "ann.conv"(%3) {CONV}
            %r = "ann.max_pool2d"(%4) {POOL}"#
        );
        insta::assert_snapshot!(result(&body, "tensor<?x2x2x2xf32>"), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.activation"(%0) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %2 = "ann.conv"(%1) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %3 = "ann.activation"(%2) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %4 = "ann.conv"(%3) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %5 = "ann.activation"(%4) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %6 = "ann.conv"(%5) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %7 = "ann.activation"(%6) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %8 = "ann.max_pool2d"(%7) {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
            return %8 : tensor<?x2x2x2xf32>
          }
        }
        "#);
    }

    #[test]
    fn a_sum_that_two_ops_read_is_requantised_once_and_sums_may_meet_levels() {
        let body = format!(
            r#"
            %1 = "ann.conv"(%0) {CONV}
            %2 = "ann.activation"(%1) {RELU} : ({IMAGE}) -> {IMAGE}
            %3 = "ann.conv"(%2) {CONV}
            %4 = "ann.add"(%3, %2) : ({IMAGE}, {IMAGE}) -> {IMAGE}
            %5 = "ann.activation"(%4) {RELU} : ({IMAGE}) -> {IMAGE}
            %6 = "ann.conv"(%5) {CONV}
            %7 = "ann.add"(%6, %4) : ({IMAGE}, {IMAGE}) -> {IMAGE}
            %r = "ann.concat"(%7, %5) {{axis = 1 : i64}} : ({IMAGE}, {IMAGE}) -> tensor<?x4x4x4xf32>"#
        );
        insta::assert_snapshot!(result(&body, "tensor<?x4x4x4xf32>"), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x4x4xf32>) -> tensor<?x4x4x4xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.activation"(%0) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %2 = "ann.conv"(%1) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %3 = "ann.activation"(%2) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %4 = "ann.conv"(%3) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %5 = "ann.add"(%4, %3) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %6 = "ann.activation"(%5) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %7 = "ann.activation"(%6) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %8 = "ann.conv"(%7) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %9 = "ann.add"(%8, %6) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %10 = "ann.concat"(%9, %7) {axis = 1 : i64} : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x4x4x4xf32>
            return %10 : tensor<?x4x4x4xf32>
          }
        }
        "#);
    }

    #[test]
    fn averages_that_meet_levels_in_a_channel_are_requantised() {
        let body = format!(
            r#"
            %1 = "ann.conv"(%0) {CONV}
            %2 = "ann.activation"(%1) {RELU} : ({IMAGE}) -> {IMAGE}
            %3 = "ann.avg_pool2d"(%2) {{rows = array<i64: 0, 1, 1, 2, 2, 3, 3, 4>, columns = array<i64: 0, 2, 0, 2, 2, 4, 2, 4>,
              divisor = dense<2> : tensor<4x4xi32>}} : ({IMAGE}) -> {IMAGE}
            %4 = "ann.concat"(%3, %2) {{axis = 1 : i64}} : ({IMAGE}, {IMAGE}) -> tensor<?x4x4x4xf32>
            %5 = "ann.reshape"(%4) : (tensor<?x4x4x4xf32>) -> tensor<?x2x32xf32>
            %r = "ann.permute"(%5) {{axes = array<i64: 0, 2, 1>}} : (tensor<?x2x32xf32>) -> tensor<?x32x2xf32>"#
        );
        let text = result(&body, "tensor<?x32x2xf32>");
        let ops = text.lines().filter_map(|line| line.split('"').nth(1)).collect::<Vec<_>>();
        // Pairs of averages and pairs of levels share steps, a pair of both cannot.
        assert_eq!(ops[5..], ["ann.concat", "ann.reshape", "ann.activation", "ann.permute"]);
    }

    #[test]
    fn sums_that_become_levels_do_so_before_they_are_split_into_features() {
        let body = format!(
            r#"
            %1 = "ann.conv"(%0) {CONV}
            %2 = "ann.reshape"(%1) : ({IMAGE}) -> tensor<?x32xf32>
            %3 = "ann.linear"(%2) {{weight = dense<1.0> : tensor<6x32xf32>, bias = dense<0.0> : tensor<6xf32>}}
              : (tensor<?x32xf32>) -> tensor<?x6xf32>
            %4 = "ann.reshape"(%3) : (tensor<?x6xf32>) -> tensor<?x6x1x1xf32>
            %r = "ann.activation"(%4) {RELU} : (tensor<?x6x1x1xf32>) -> tensor<?x6x1x1xf32>"#
        );
        insta::assert_snapshot!(result(&body, "tensor<?x6x1x1xf32>"), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x4x4xf32>) -> tensor<?x6x1x1xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.activation"(%0) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %2 = "ann.conv"(%1) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %3 = "ann.activation"(%2) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %4 = "ann.reshape"(%3) : (tensor<?x2x4x4xf32>) -> tensor<?x32xf32>
            %5 = "ann.linear"(%4) {bias = dense<0.000000e+00> : tensor<6xf32>, weight = dense<1.000000e+00> : tensor<6x32xf32>} : (tensor<?x32xf32>) -> tensor<?x6xf32>
            %6 = "ann.reshape"(%5) : (tensor<?x6xf32>) -> tensor<?x6x1x1xf32>
            %7 = "ann.activation"(%6) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x6x1x1xf32>) -> tensor<?x6x1x1xf32>
            return %7 : tensor<?x6x1x1xf32>
          }
        }
        "#);
    }

    #[test]
    fn sums_are_requantised_before_padding() {
        let body = format!(
            r#"
            %1 = "ann.conv"(%0) {CONV}
            %2 = "ann.gather"(%1) {{axis = 2 : i64, indices = array<i64: 1, 2, 3>}} : ({IMAGE}) -> tensor<?x2x3x4xf32>
            %3 = "ann.pad"(%2) {{before = array<i64: 0, 0, 1, 0>, after = array<i64: 0, 0, 0, 0>}} : (tensor<?x2x3x4xf32>) -> {IMAGE}
            %r = "ann.max_pool2d"(%3) {POOL}"#
        );
        insta::assert_snapshot!(result(&body, "tensor<?x2x2x2xf32>"), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.activation"(%0) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %2 = "ann.conv"(%1) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %3 = "ann.gather"(%2) {axis = 2 : i64, indices = array<i64: 1, 2, 3>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x3x4xf32>
            %4 = "ann.activation"(%3) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x3x4xf32>) -> tensor<?x2x3x4xf32>
            %5 = "ann.pad"(%4) {after = array<i64: 0, 0, 0, 0>, before = array<i64: 0, 0, 1, 0>} : (tensor<?x2x3x4xf32>) -> tensor<?x2x4x4xf32>
            %6 = "ann.max_pool2d"(%5) {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
            return %6 : tensor<?x2x2x2xf32>
          }
        }
        "#);
    }

    #[test]
    fn a_sum_added_to_itself_has_two_readers() {
        let body = format!(
            r#"
            %1 = "ann.conv"(%0) {CONV}
            %r = "ann.add"(%1, %1) : ({IMAGE}, {IMAGE}) -> {IMAGE}"#
        );
        insta::assert_snapshot!(result(&body, IMAGE), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.activation"(%0) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %2 = "ann.conv"(%1) {bias = dense<0.000000e+00> : tensor<2xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>, transposed = false, weight = dense<1.000000e+00> : tensor<2x2x3x3xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %3 = "ann.activation"(%2) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %4 = "ann.add"(%3, %3) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            return %4 : tensor<?x2x4x4xf32>
          }
        }
        "#);
    }

    #[test]
    fn names_of_new_layers_are_unique() {
        let body = format!(
            r#"{NORMALIZE}
            %1 = "ann.conv"(%0) {CONV} loc("input"("net.ncg":1:1))
            %2 = "ann.conv"(%1) {CONV} loc("input"("net.ncg":2:1))
            %r = "ann.max_pool2d"(%2) {POOL} loc("pool"("net.ncg":3:1))"#
        );
        let text = network(IMAGE, &body, "tensor<?x2x2x2xf32>");
        insta::assert_snapshot!(locations("insert-requantize", &text), @r#"
        ann.normalize ann.normalize -:4:14
        ann.activation input.2 -:4:14
        ann.conv input net.ncg:1:1
        ann.activation input.requantize net.ncg:1:1
        ann.conv input net.ncg:2:1
        ann.activation input.requantize.2 net.ncg:2:1
        ann.max_pool2d pool net.ncg:3:1
        func.return func.return -:15:5
        "#);
    }

    #[test]
    fn networks_of_another_stage_are_errors() {
        let raw = format!("%r = \"ann.conv\"(%x) {CONV} loc(\"conv\"(\"net.ncg\":4:2))");
        insta::assert_snapshot!(check("insert-requantize", &[], &network(IMAGE, &raw, IMAGE)), @"net.ncg:4:2: error: reads the network's input as it is; `lower-torch-to-ann` puts an `ann.normalize` there");
        let quantized = format!(
            r#"{NORMALIZE}
            %r = "ann.fake_quantize"(%0) {{scale = dense<1.0> : tensor<2xf64>, low = 0 : i64, high = 7 : i64}}
              : ({IMAGE}) -> {IMAGE} loc("relu"("net.ncg":5:2))"#
        );
        insta::assert_snapshot!(check("insert-requantize", &[], &network(IMAGE, &quantized, IMAGE)), @"net.ncg:5:2: error: `ann.fake_quantize` is quantised already: run this pass before `calibrate`");
    }
}

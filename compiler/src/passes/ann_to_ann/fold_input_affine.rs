//! `fold-input-affine`: what is done to the network's input before anything else becomes part of its normalisation.
//!
//! ```mlir
//! %1 = "ann.normalize"(%x) {multiplier = 2, offset = 0, minimum = -inf, maximum = inf} : …  // before
//! %2 = "ann.scale"(%1) {weight = -3, bias = 1} : …
//! %3 = "ann.activation"(%2) {minimum = 0.0, maximum = inf} : …
//! %3 = "ann.normalize"(%x) {multiplier = -6, offset = 1, minimum = 0, maximum = inf} : …    // after
//! ```
//!
//! The chain begins at the `ann.normalize` and goes on while a value has one reader, an `ann.scale` or an `ann.activation`: a
//! batch norm on the input and a limit of it (even a ReLU) are then part of how pixels are encoded, and cost no neurons. An
//! activation without limits stays: it marks where a value must become integer.

use crate::{
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::located,
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{Tensor, TensorAttr, View, ann, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "fold-input-affine",
    summary: "folds factors, biases and limits at the network's input into its normalisation",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Rounding,
    options: &[],
};

/// Folds `ann.scale` and `ann.activation` into `ann.normalize`.
pub struct FoldInputAffine;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(FoldInputAffine))
}

impl Pass for FoldInputAffine {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        // Folding erases later ops, so that only the inputs are kept.
        let mut operations = mlir::operations(mlir::network_block(module)?);
        operations.retain(|operation| mlir::has_name(*operation, ann::Normalize::NAME));
        operations.into_iter().try_for_each(fold)
    }
}

fn fold<'c>(normalize: OperationRef<'c, '_>) -> IrResult<'c, ()> {
    let view = located(normalize, ann::Normalize::read(normalize))?;
    let mut input = Input::read(normalize, &view)?;
    let mut chain = vec![normalize];
    let mut value: Value = mlir::result(normalize)?;
    while let [user] = mlir::users(value)[..] {
        if let Some(scale) = mlir::view::<ann::Scale>(user)? {
            let (weight, bias) =
                (located(user, scale.weight.read())?.to_f64(), located(user, scale.bias.read())?.to_f64());
            if weight.len() != input.channels.len() || bias.len() != input.channels.len() {
                let message =
                    format!("needs {} factors and biases, one for each channel", input.channels.len());
                return Err(IrError::at(user, message));
            }
            for (channel, (weight, bias)) in input.channels.iter_mut().zip(weight.into_iter().zip(bias)) {
                channel.scale(weight, bias);
            }
        } else if let Some(limits) = mlir::view::<ann::Activation>(user)? {
            if !limits.minimum.is_finite() && !limits.maximum.is_finite() {
                break;
            }
            input.channels.iter_mut().for_each(|channel| channel.limit(limits.minimum, limits.maximum));
        } else {
            break;
        }
        chain.push(user);
        value = mlir::result(user)?;
    }
    let Some(&last) = chain.last().filter(|_| chain.len() > 1) else { return Ok(()) };
    let locations = chain.iter().map(|operation| operation.location()).collect::<Vec<_>>();
    let location = mlir::fused_location(mlir::context(normalize), &locations);
    let operands = [mlir::operand(normalize)?];
    let folded = mlir::insert_before_at(last, &input.write(normalize)?, &operands, value.r#type(), location)?;
    mlir::replace(last, folded)?;
    chain.iter().rev().skip(1).for_each(|operation| mlir::erase(*operation));
    Ok(())
}

/// What `ann.normalize` does to each channel.
struct Input {
    channels: Vec<Channel>,
}

/// `clip(x · multiplier + offset, minimum, maximum)`
#[derive(Clone, Copy, Debug, PartialEq)]
struct Channel {
    multiplier: f64,
    offset: f64,
    minimum: f64,
    maximum: f64,
}

impl Channel {
    /// A factor and a bias afterwards.
    fn scale(&mut self, weight: f64, bias: f64) {
        // A limit times 0 is 0 even where there is no limit: nothing infinite reaches this place.
        let moved = |bound: f64| if weight == 0.0 { bias } else { bound * weight + bias };
        let (minimum, maximum) = (moved(self.minimum), moved(self.maximum));
        *self = Self {
            multiplier: self.multiplier * weight,
            offset: self.offset * weight + bias,
            minimum: minimum.min(maximum),
            maximum: minimum.max(maximum),
        };
    }

    /// A limit afterwards.
    fn limit(&mut self, minimum: f64, maximum: f64) {
        self.minimum = self.minimum.max(minimum).min(maximum);
        self.maximum = self.maximum.max(minimum).min(maximum);
    }
}

impl Input {
    fn read<'c>(operation: OperationRef<'c, '_>, view: &ann::Normalize<'c>) -> IrResult<'c, Self> {
        let read = |tensor: TensorAttr<'c>| located(operation, tensor.read()).map(|tensor| tensor.to_f64());
        let (multiplier, offset) = (read(view.multiplier)?, read(view.offset)?);
        let (minimum, maximum) = (read(view.minimum)?, read(view.maximum)?);
        let channels = multiplier.len();
        if [&offset, &minimum, &maximum].iter().any(|values| values.len() != channels) {
            return Err(IrError::at(operation, "the parameters must have one element for each channel"));
        }
        let channel = |index: usize| Channel {
            multiplier: multiplier[index],
            offset: offset[index],
            minimum: minimum[index],
            maximum: maximum[index],
        };
        Ok(Self { channels: (0..channels).map(channel).collect() })
    }

    fn write<'c>(&self, operation: OperationRef<'c, '_>) -> IrResult<'c, ann::Normalize<'c>> {
        if self.channels.iter().any(|channel| !channel.multiplier.is_finite() || !channel.offset.is_finite())
        {
            return Err(IrError::at(
                operation,
                "the factors and biases at the input are too large to be multiplied out",
            ));
        }
        let vector = |name: &str, part: fn(&Channel) -> f64| {
            let tensor = Tensor::reals(self.channels.iter().map(part).collect());
            located(operation, TensorAttr::new(mlir::context(operation), &format!("input.{name}"), &tensor))
        };
        Ok(ann::Normalize {
            multiplier: vector("multiplier", |channel| channel.multiplier)?,
            offset: vector("offset", |channel| channel.offset)?,
            minimum: vector("minimum", |channel| channel.minimum)?,
            maximum: vector("maximum", |channel| channel.maximum)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Channel;
    use crate::passes::testing::{check, locations, network};
    use proptest::prelude::*;

    const IMAGE: &str = "tensor<?x2x3x3xf32>";
    const NORMALIZE: &str = r#"
        %0 = "ann.normalize"(%x) {multiplier = dense<[2.0, 4.0]> : tensor<2xf64>, offset = dense<[0.0, 1.0]> : tensor<2xf64>,
          minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
          : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32> loc("input.normalize"("net.ncg":1:1))"#;
    const SCALE: &str = r#"
        %1 = "ann.scale"(%0) {weight = dense<[-3.0, 0.0]> : tensor<2xf32>, bias = dense<[1.0, 0.5]> : tensor<2xf32>}
          : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32> loc("bn"("net.ncg":2:3))"#;

    #[test]
    fn scales_and_limits_at_the_input_are_folded() {
        let body = format!(
            r#"{NORMALIZE}{SCALE}
            %2 = "ann.activation"(%1) {{minimum = -6.0, maximum = 6.0}} : ({IMAGE}) -> {IMAGE}
            %3 = "ann.scale"(%2) {{weight = dense<2.0> : tensor<2xf32>, bias = dense<0.0> : tensor<2xf32>}} : ({IMAGE}) -> {IMAGE}
            %r = "ann.pad"(%3) {{before = array<i64: 0, 0, 1, 1>, after = array<i64: 0, 0, 0, 0>}} : ({IMAGE}) -> tensor<?x2x4x4xf32>"#
        );
        let text = network(IMAGE, &body, "tensor<?x2x4x4xf32>");
        insta::assert_snapshot!(check("fold-input-affine", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x3x3xf32>) -> tensor<?x2x4x4xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<[1.200000e+01, 1.000000e+00]> : tensor<2xf64>, minimum = dense<[-1.200000e+01, 1.000000e+00]> : tensor<2xf64>, multiplier = dense<[-1.200000e+01, 0.000000e+00]> : tensor<2xf64>, offset = dense<[2.000000e+00, 1.000000e+00]> : tensor<2xf64>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %1 = "ann.pad"(%0) {after = array<i64: 0, 0, 0, 0>, before = array<i64: 0, 0, 1, 1>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x4x4xf32>
            return %1 : tensor<?x2x4x4xf32>
          }
        }
        "#);
        insta::assert_snapshot!(locations("fold-input-affine", &text), @r#"
        ann.normalize input.normalize net.ncg:1:1
        ann.pad ann.pad -:11:18
        func.return func.return -:12:5
        "#);
    }

    #[test]
    fn values_that_others_read_and_marks_stay() {
        let body = format!(
            r#"{NORMALIZE}
            %1 = "ann.activation"(%0) {{minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}} : ({IMAGE}) -> {IMAGE}
            %2 = "ann.scale"(%1) {{weight = dense<2.0> : tensor<2xf32>, bias = dense<0.0> : tensor<2xf32>}} : ({IMAGE}) -> {IMAGE}
            %r = "ann.add"(%1, %2) : ({IMAGE}, {IMAGE}) -> {IMAGE}"#
        );
        let text = network(IMAGE, &body, IMAGE);
        insta::assert_snapshot!(check("fold-input-affine", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf64>, offset = dense<[0.000000e+00, 1.000000e+00]> : tensor<2xf64>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %1 = "ann.activation"(%0) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %2 = "ann.scale"(%1) {bias = dense<0.000000e+00> : tensor<2xf32>, weight = dense<2.000000e+00> : tensor<2xf32>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %3 = "ann.add"(%1, %2) : (tensor<?x2x3x3xf32>, tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            return %3 : tensor<?x2x3x3xf32>
          }
        }
        "#);
        let body = format!("{NORMALIZE}{SCALE}\n%r = \"ann.add\"(%0, %1) : ({IMAGE}, {IMAGE}) -> {IMAGE}");
        insta::assert_snapshot!(check("fold-input-affine", &[], &network(IMAGE, &body, IMAGE)), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32> {
            %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf64>, offset = dense<[0.000000e+00, 1.000000e+00]> : tensor<2xf64>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %1 = "ann.scale"(%0) {bias = dense<[1.000000e+00, 5.000000e-01]> : tensor<2xf32>, weight = dense<[-3.000000e+00, 0.000000e+00]> : tensor<2xf32>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %2 = "ann.add"(%0, %1) : (tensor<?x2x3x3xf32>, tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            return %2 : tensor<?x2x3x3xf32>
          }
        }
        "#);
    }

    #[test]
    fn parameters_of_another_length_are_an_error() {
        let body = format!(
            r#"{NORMALIZE}
            %r = "ann.scale"(%0) {{weight = dense<2.0> : tensor<3xf32>, bias = dense<0.0> : tensor<3xf32>}}
              : ({IMAGE}) -> {IMAGE} loc("bn"("net.ncg":2:3))"#
        );
        insta::assert_snapshot!(check("fold-input-affine", &[], &network(IMAGE, &body, IMAGE)), @"net.ncg:2:3: error: needs 2 factors and biases, one for each channel");
    }

    proptest! {
        #[test]
        fn folding_a_channel_changes_no_value(
            x in -4.0..4.0, steps in prop::collection::vec((-2..3i32, -3..4i32, any::<bool>()), 0..6),
        ) {
            let mut channel =
                Channel { multiplier: 1.0, offset: 0.0, minimum: f64::NEG_INFINITY, maximum: f64::INFINITY };
            let mut expected: f64 = x;
            for (a, b, limits) in steps {
                let (a, b) = (f64::from(a), f64::from(b));
                if limits {
                    let (minimum, maximum) = (a.min(b), a.max(b));
                    channel.limit(minimum, maximum);
                    expected = expected.max(minimum).min(maximum);
                } else {
                    channel.scale(a, b);
                    expected = expected * a + b;
                }
            }
            let found = (x * channel.multiplier + channel.offset).max(channel.minimum).min(channel.maximum);
            prop_assert!((found - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

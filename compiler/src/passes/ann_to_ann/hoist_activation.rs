//! `hoist-activation`: activations move to right behind the sums that they limit.
//!
//! ```mlir
//! %1 = "ann.max_pool2d"(%0) … : …4x4 → …2x2                        // before
//! %2 = "ann.activation"(%1) {minimum = 0.0, maximum = inf} : …2x2
//! %1 = "ann.activation"(%0) {minimum = 0.0, maximum = inf} : …4x4  // after
//! %2 = "ann.max_pool2d"(%1) … : …4x4 → …2x2
//! ```
//!
//! An activation is monotone, so it commutes with a maximum; it works on each element, so it commutes with a reshape; and with
//! zeros around the input, if it leaves zero as it is. Afterwards a maximum is one of spike counts and not of sums, and a
//! sum need not be requantised for it.
//!
//! Only ops move that are the one reader of their operand and have the activation as their one reader: anything else
//! would need a second activation. Slices (gathers) stay where they are, because an activation before one would compute what is
//! thrown away.

use crate::{
    mlir::{self, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::located,
    session::Session,
};
use melior::ir::{OperationRef, ValueLike, operation::OperationLike};
use neurocuda_dialects::{ann, ann::Op, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "hoist-activation",
    summary: "moves activations before max pools, reshapes and paddings",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Moves `ann.activation` upwards.
pub struct HoistActivation;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(HoistActivation))
}

impl Pass for HoistActivation {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        for operation in mlir::operations(mlir::network_block(module)?) {
            let mut next = Some(operation);
            while let Some(activation) = next {
                next = hoist(activation)?;
            }
        }
        Ok(())
    }
}

/// Exchanges the activation with the op before it, if they commute; gives the activation in its new place.
fn hoist<'c, 'a>(activation: OperationRef<'c, 'a>) -> IrResult<'c, Option<OperationRef<'c, 'a>>> {
    let Some(limits) = mlir::view::<ann::Activation>(activation)? else { return Ok(None) };
    let value = mlir::operand(activation)?;
    let Some(moved) = mlir::definition(value) else { return Ok(None) };
    let op = located(moved, Op::read(moved))?;
    let commutes = match &op {
        Some(Op::MaxPool2d(_) | Op::Reshape(_)) => true,
        Some(Op::Pad(_)) => limits.minimum <= 0.0 && limits.maximum >= 0.0,
        _ => false,
    };
    let Some(op) = op.filter(|_| commutes) else { return Ok(None) };
    let input = mlir::operand(moved)?;
    if mlir::users(value).len() != 1 || mlir::users(input).len() != 1 {
        return Ok(None);
    }
    let limited =
        mlir::insert_before_at(activation, &limits, &[input], input.r#type(), activation.location())?;
    let result = mlir::result(activation)?.r#type();
    let repeated = match op {
        Op::MaxPool2d(view) => {
            mlir::insert_before_at(activation, &view, &[limited], result, moved.location())?
        }
        Op::Pad(view) => mlir::insert_before_at(activation, &view, &[limited], result, moved.location())?,
        _ => mlir::insert_before_at(activation, &ann::Reshape {}, &[limited], result, moved.location())?,
    };
    mlir::replace(activation, repeated)?;
    mlir::erase(moved);
    Ok(mlir::definition(limited))
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, locations, network};

    const IMAGE: &str = "tensor<?x2x4x4xf32>";
    const POOL: &str = r#"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>,
        dilation = array<i64: 1, 1>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>"#;
    const RELU: &str = "{minimum = 0.0, maximum = 0x7FF0000000000000 : f64}";

    #[test]
    fn activations_pass_pools_reshapes_and_paddings() {
        let body = format!(
            r#"
            %0 = "ann.pad"(%x) {{before = array<i64: 0, 0, 1, 1>, after = array<i64: 0, 0, 0, 0>}} : (tensor<?x2x3x3xf32>) -> {IMAGE}
            %1 = "ann.max_pool2d"(%0) {POOL} loc("pool"("net.ncg":3:1))
            %2 = "ann.reshape"(%1) : (tensor<?x2x2x2xf32>) -> tensor<?x8xf32> loc("flatten"("net.ncg":4:1))
            %r = "ann.activation"(%2) {RELU} : (tensor<?x8xf32>) -> tensor<?x8xf32> loc("relu"("net.ncg":5:1))"#
        );
        let text = network("tensor<?x2x3x3xf32>", &body, "tensor<?x8xf32>");
        insta::assert_snapshot!(check("hoist-activation", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x3x3xf32>) -> tensor<?x8xf32> {
            %0 = "ann.activation"(%arg0) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x3x3xf32>) -> tensor<?x2x3x3xf32>
            %1 = "ann.pad"(%0) {after = array<i64: 0, 0, 0, 0>, before = array<i64: 0, 0, 1, 1>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x4x4xf32>
            %2 = "ann.max_pool2d"(%1) {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
            %3 = "ann.reshape"(%2) : (tensor<?x2x2x2xf32>) -> tensor<?x8xf32>
            return %3 : tensor<?x8xf32>
          }
        }
        "#);
        insta::assert_snapshot!(locations("hoist-activation", &text), @r#"
        ann.activation relu net.ncg:5:1
        ann.pad ann.pad -:4:18
        ann.max_pool2d pool net.ncg:3:1
        ann.reshape flatten net.ncg:4:1
        func.return func.return -:9:5
        "#);
    }

    #[test]
    fn an_activation_that_moves_zero_stays_behind_padding() {
        let body = format!(
            r#"
            %0 = "ann.pad"(%x) {{before = array<i64: 0, 0, 1, 1>, after = array<i64: 0, 0, 0, 0>}} : (tensor<?x2x3x3xf32>) -> {IMAGE}
            %r = "ann.activation"(%0) {{minimum = 1.0, maximum = 6.0}} : ({IMAGE}) -> {IMAGE}"#
        );
        insta::assert_snapshot!(check("hoist-activation", &[], &network("tensor<?x2x3x3xf32>", &body, IMAGE)), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x3x3xf32>) -> tensor<?x2x4x4xf32> {
            %0 = "ann.pad"(%arg0) {after = array<i64: 0, 0, 0, 0>, before = array<i64: 0, 0, 1, 1>} : (tensor<?x2x3x3xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.activation"(%0) {maximum = 6.000000e+00 : f64, minimum = 1.000000e+00 : f64} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            return %1 : tensor<?x2x4x4xf32>
          }
        }
        "#);
    }

    #[test]
    fn what_others_read_and_slices_stay() {
        let body = format!(
            r#"
            %0 = "ann.reshape"(%x) : ({IMAGE}) -> {IMAGE}
            %1 = "ann.max_pool2d"(%0) {POOL}
            %2 = "ann.activation"(%1) {RELU} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %3 = "ann.gather"(%0) {{axis = 2 : i64, indices = array<i64: 0, 2>}} : ({IMAGE}) -> tensor<?x2x2x4xf32>
            %4 = "ann.activation"(%3) {RELU} : (tensor<?x2x2x4xf32>) -> tensor<?x2x2x4xf32>
            %5 = "ann.max_pool2d"(%4) {{kernel = array<i64: 1, 2>, stride = array<i64: 1, 2>, padding = array<i64: 0, 0>,
              dilation = array<i64: 1, 1>}} : (tensor<?x2x2x4xf32>) -> tensor<?x2x2x2xf32>
            %6 = "ann.activation"(%5) {RELU} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %7 = "ann.add"(%5, %2) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %r = "ann.add"(%6, %7) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>"#
        );
        let text = network(IMAGE, &body, "tensor<?x2x2x2xf32>");
        insta::assert_snapshot!(check("hoist-activation", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32> {
            %0 = "ann.reshape"(%arg0) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
            %1 = "ann.max_pool2d"(%0) {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
            %2 = "ann.activation"(%1) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %3 = "ann.gather"(%0) {axis = 2 : i64, indices = array<i64: 0, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>
            %4 = "ann.activation"(%3) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x2x4xf32>) -> tensor<?x2x2x4xf32>
            %5 = "ann.max_pool2d"(%4) {dilation = array<i64: 1, 1>, kernel = array<i64: 1, 2>, padding = array<i64: 0, 0>, stride = array<i64: 1, 2>} : (tensor<?x2x2x4xf32>) -> tensor<?x2x2x2xf32>
            %6 = "ann.activation"(%5) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %7 = "ann.add"(%5, %2) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %8 = "ann.add"(%6, %7) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            return %8 : tensor<?x2x2x2xf32>
          }
        }
        "#);
    }
}

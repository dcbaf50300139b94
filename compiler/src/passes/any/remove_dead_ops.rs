//! `remove-dead-ops`: ops whose results nobody reads go.
//!
//! ```mlir
//! %1 = "ann.conv"(%0) … : …     // before
//! %2 = "ann.reshape"(%0) : …
//! return %2 : …
//! %2 = "ann.reshape"(%0) : …      // after
//! return %2 : …
//! ```
//!
//! Only ops that their IRDL definition marks `pure` go: one that stands for itself, such as `ann.observe`, stays. MLIR's own
//! dead-code elimination cannot do this, because ops defined in IRDL have no traits.

use crate::{
    mlir::{self, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, operation::OperationLike};
use neurocuda_dialects::op_info;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "remove-dead-ops",
    summary: "removes pure ops whose results are unused",
    from: None,
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Removes unused ops.
pub struct RemoveDeadOps;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(RemoveDeadOps))
}

impl Pass for RemoveDeadOps {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        // In straight-line code every reader stands after what it reads, so once backwards finds them all.
        for operation in mlir::operations(mlir::network_block(module)?).into_iter().rev() {
            let pure = op_info(&mlir::name(operation)).is_some_and(|info| info.pure);
            if pure && operation.results().all(|result| mlir::users(result.into()).is_empty()) {
                mlir::erase(operation);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network, text};

    #[test]
    fn dead_chains_go_and_observations_keep_what_they_see() {
        let body = r#"
            %a = "ann.reshape"(%x) : (tensor<?x4xf32>) -> tensor<?x2x2xf32>
            %b = "ann.reshape"(%a) : (tensor<?x2x2xf32>) -> tensor<?x4xf32>
            %c = "ann.activation"(%x) {minimum = 0.0, maximum = 1.0} : (tensor<?x4xf32>) -> tensor<?x4xf32>
            "ann.observe"(%c) {counts = dense<0> : tensor<1x1xi32>, origin = dense<0.0> : tensor<1xf64>,
              width = dense<1.0> : tensor<1xf64>, mean = dense<0.0> : tensor<1xf64>} : (tensor<?x4xf32>) -> ()
            %r = "ann.add"(%x, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>"#;
        insta::assert_snapshot!(check("remove-dead-ops", &[], &network("tensor<?x4xf32>", body, "tensor<?x4xf32>")), @r#"
        module {
          func.func @net(%arg0: tensor<?x4xf32>) -> tensor<?x4xf32> {
            %0 = "ann.activation"(%arg0) {maximum = 1.000000e+00 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
            "ann.observe"(%0) {counts = dense<0> : tensor<1x1xi32>, mean = dense<0.000000e+00> : tensor<1xf64>, origin = dense<0.000000e+00> : tensor<1xf64>, width = dense<1.000000e+00> : tensor<1xf64>} : (tensor<?x4xf32>) -> ()
            %1 = "ann.add"(%arg0, %arg0) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
            return %1 : tensor<?x4xf32>
          }
        }
        "#);
    }

    #[test]
    fn unused_ops_that_nobody_calls_pure_stay() {
        let body = r#"
            %c = arith.constant 1 : i32
            %r = "torch.relu"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>"#;
        insta::assert_snapshot!(text("remove-dead-ops", &network("tensor<?x4xf32>", body, "tensor<?x4xf32>")), @r#"
        module {
          func.func @net(%arg0: tensor<?x4xf32>) -> tensor<?x4xf32> {
            %c1_i32 = arith.constant 1 : i32
            %0 = "torch.relu"(%arg0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
            return %0 : tensor<?x4xf32>
          }
        }
        "#);
    }
}

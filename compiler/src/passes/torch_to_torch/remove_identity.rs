//! `remove-identity`: ops that do nothing at inference go.
//!
//! ```mlir
//! %1 = "torch.dropout"(%0) {p = 0.5} : …   // before
//! %2 = "torch.relu"(%1) : …
//! %2 = "torch.relu"(%0) : …                // after
//! ```

use crate::{
    mlir::{self, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::OperationRef;
use neurocuda_dialects::{View, stage::Stage, torch};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "remove-identity",
    summary: "removes dropout and identity",
    from: Some(Stage::Torch),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Removes `torch.dropout` and `torch.identity`.
pub struct RemoveIdentity;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(RemoveIdentity))
}

impl Pass for RemoveIdentity {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        for operation in mlir::operations(mlir::network_block(module)?) {
            if [torch::Dropout::NAME, torch::Identity::NAME]
                .iter()
                .any(|name| mlir::has_name(operation, name))
            {
                mlir::replace(operation, mlir::operand(operation)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network};

    #[test]
    fn what_does_nothing_goes_even_in_chains_and_at_the_end() {
        let body = r#"
            %0 = "torch.dropout"(%x) {p = 0.5} : (tensor<?x4xf32>) -> tensor<?x4xf32>
            %1 = "torch.identity"(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
            %2 = "torch.relu"(%1) : (tensor<?x4xf32>) -> tensor<?x4xf32>
            %3 = "torch.add"(%2, %0) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
            %r = "torch.identity"(%3) : (tensor<?x4xf32>) -> tensor<?x4xf32>"#;
        let text = network("tensor<?x4xf32>", body, "tensor<?x4xf32>");
        insta::assert_snapshot!(check("remove-identity", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x4xf32>) -> tensor<?x4xf32> {
            %0 = "torch.relu"(%arg0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
            %1 = "torch.add"(%0, %arg0) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
            return %1 : tensor<?x4xf32>
          }
        }
        "#);
    }
}

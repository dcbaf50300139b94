//! `merge-reshapes`: a reshape of a reshape is one, and a reshape to the same shape is none.
//!
//! ```mlir
//! %1 = "ann.reshape"(%0) : …6x1x1 → …2x3     // before
//! %2 = "ann.reshape"(%1) : …2x3 → …6
//! %2 = "ann.reshape"(%0) : …6x1x1 → …6       // after
//! ```
//!
//! Scales belong to channels, and a reshape that mixes channels mixes scales. Two in a row often undo each other, as where a
//! dense layer that works at several positions is flattened afterwards.

use crate::{
    mlir::{self, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, ValueLike};
use neurocuda_dialects::{View, ann, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "merge-reshapes",
    summary: "merges successive reshapes and removes those that change nothing",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Merges `ann.reshape`.
pub struct MergeReshapes;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(MergeReshapes))
}

impl Pass for MergeReshapes {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        for operation in mlir::operations(mlir::network_block(module)?) {
            if mlir::has_name(operation, ann::Reshape::NAME) {
                merge(operation)?;
            }
        }
        Ok(())
    }
}

fn merge<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, ()> {
    let (operand, r#type) = (mlir::operand(operation)?, mlir::result(operation)?.r#type());
    // Earlier reshapes have been merged already, so there is at most one before this one.
    let before =
        mlir::definition(operand).filter(|definition| mlir::has_name(*definition, ann::Reshape::NAME));
    let input = before.map_or(Ok(operand), mlir::operand)?;
    if input.r#type() == r#type {
        mlir::replace(operation, input)?;
    } else if before.is_some() {
        let merged = mlir::insert_before(operation, &ann::Reshape {}, &[input], r#type)?;
        mlir::replace(operation, merged)?;
    }
    if let Some(before) = before
        && mlir::users(operand).is_empty()
    {
        mlir::erase(before);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network};

    #[test]
    fn chains_become_one_and_those_that_others_read_stay() {
        let body = r#"
            %0 = "ann.reshape"(%x) : (tensor<?x6x1x1xf32>) -> tensor<?x2x3xf32>
            %1 = "ann.reshape"(%0) : (tensor<?x2x3xf32>) -> tensor<?x3x2xf32>
            %2 = "ann.reshape"(%1) : (tensor<?x3x2xf32>) -> tensor<?x6xf32>
            %3 = "ann.reshape"(%1) : (tensor<?x3x2xf32>) -> tensor<?x6x1x1xf32>
            %4 = "ann.add"(%3, %x) : (tensor<?x6x1x1xf32>, tensor<?x6x1x1xf32>) -> tensor<?x6x1x1xf32>
            %5 = "ann.reshape"(%4) : (tensor<?x6x1x1xf32>) -> tensor<?x6xf32>
            %r = "ann.add"(%2, %5) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>"#;
        let text = network("tensor<?x6x1x1xf32>", body, "tensor<?x6xf32>");
        insta::assert_snapshot!(check("merge-reshapes", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x6x1x1xf32>) -> tensor<?x6xf32> {
            %0 = "ann.reshape"(%arg0) : (tensor<?x6x1x1xf32>) -> tensor<?x6xf32>
            %1 = "ann.add"(%arg0, %arg0) : (tensor<?x6x1x1xf32>, tensor<?x6x1x1xf32>) -> tensor<?x6x1x1xf32>
            %2 = "ann.reshape"(%1) : (tensor<?x6x1x1xf32>) -> tensor<?x6xf32>
            %3 = "ann.add"(%0, %2) : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
            return %3 : tensor<?x6xf32>
          }
        }
        "#);
    }
}

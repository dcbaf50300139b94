//! `sink-head`: softmax, log-softmax and argmax move behind the reshapes that follow them.
//!
//! ```mlir
//! %1 = "ann.head"(%0) {function = "softmax", axis = 1} : …10x1x1 → …10x1x1   // before
//! %2 = "ann.reshape"(%1) : …10x1x1 → …10
//! %1 = "ann.reshape"(%0) : …10x1x1 → …10                                     // after
//! %2 = "ann.head"(%1) {function = "softmax", axis = 1} : …10 → …10
//! ```
//!
//! A head belongs to an output and not to the network: what is in front of it are the logits, which all that follows compares bit
//! for bit. A reshape that cuts the head's axis, or joins it with another, stays.

use crate::{
    mlir::{self, IrError, IrResult, Number},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, ValueLike, operation::OperationLike};
use neurocuda_dialects::{View, ann, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "sink-head",
    summary: "moves softmax, log-softmax and argmax behind the reshapes that follow them",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Moves `ann.head` downwards.
pub struct SinkHead;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(SinkHead))
}

impl Pass for SinkHead {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        for operation in mlir::operations(mlir::network_block(module)?) {
            if mlir::has_name(operation, ann::Reshape::NAME) {
                sink(operation)?;
            }
        }
        Ok(())
    }
}

/// Exchanges a reshape with the head that it alone reads. Heads in front of later reshapes come there as these are visited.
fn sink<'c>(reshape: OperationRef<'c, '_>) -> IrResult<'c, ()> {
    let value = mlir::operand(reshape)?;
    let Some(operation) = mlir::definition(value) else { return Ok(()) };
    let Some(head) = mlir::view::<ann::Head>(operation)? else { return Ok(()) };
    if mlir::users(value).len() != 1 {
        return Ok(());
    }
    let logits = mlir::operand(operation)?;
    let (from, to) = (mlir::sample_shape(logits)?, mlir::sample_shape(mlir::result(reshape)?)?);
    let axis = usize::try_from(head.axis - 1).ok().filter(|&axis| axis < from.len());
    let axis = axis.ok_or_else(|| IrError::at(operation, format!("there is no axis {}", head.axis)))?;
    let keeps_axis = head.function != "argmax";
    let outer = from[..axis].iter().product::<usize>();
    let joined = |axis: &usize| to[..*axis].iter().product::<usize>() == outer;
    let position = if keeps_axis {
        (0..to.len()).find(|position| joined(position) && to[*position] == from[axis])
    } else {
        (0..=to.len()).find(joined)
    };
    let Some(position) = position else { return Ok(()) };
    let mut shape = to.clone();
    if !keeps_axis {
        shape.insert(position, from[axis]);
    }
    let context = mlir::context(reshape);
    let r#type = mlir::batch_type(context, &shape, Number::Real);
    let moved = mlir::insert_before(reshape, &ann::Reshape {}, &[logits], r#type)?;
    let view = ann::Head { axis: position as i64 + 1, keepdim: false, ..head };
    let result = mlir::result(reshape)?.r#type();
    let sunk = mlir::insert_before_at(reshape, &view, &[moved], result, operation.location())?;
    mlir::replace(reshape, sunk)?;
    mlir::erase(operation);
    Ok(())
}

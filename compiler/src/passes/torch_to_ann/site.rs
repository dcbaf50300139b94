//! An op that is being lowered: what it reads, what its result looks like, and how to put ops in its place.

use crate::mlir::{self, IrError, IrResult, Number};
use melior::{
    Context,
    ir::{OperationRef, Value, operation::OperationLike},
};
use neurocuda_dialects::View;

/// An op that is being lowered.
pub struct Site<'c, 'a> {
    /// The op.
    pub operation: OperationRef<'c, 'a>,
    /// The context it lives in.
    pub context: &'c Context,
    /// Its operands.
    pub inputs: Vec<Value<'c, 'a>>,
    /// Sample shape of its first operand.
    pub input_shape: Vec<usize>,
    /// Sample shape of its result.
    pub output_shape: Vec<usize>,
}

impl<'c, 'a> Site<'c, 'a> {
    /// The site of `operation`, which has operands and one result.
    ///
    /// # Errors
    ///
    /// If it has not, or one is no tensor with a static sample shape.
    pub fn new(operation: OperationRef<'c, 'a>) -> IrResult<'c, Self> {
        let shape = |value| mlir::sample_shape(value).map_err(|error| IrError::at(operation, error.message));
        Ok(Self {
            operation,
            context: mlir::context(operation),
            inputs: operation.operands().collect(),
            input_shape: shape(mlir::operand(operation)?)?,
            output_shape: shape(mlir::result(operation)?)?,
        })
    }

    /// An error at the op, which is named first.
    pub fn error(&self, message: impl AsRef<str>) -> IrError<'c> {
        IrError::at(self.operation, format!("`{}` {}", mlir::name(self.operation), message.as_ref()))
    }

    /// Puts `view` before the op, with its operands and a result of its shape.
    ///
    /// # Errors
    ///
    /// If MLIR cannot build it.
    pub fn emit<V: View<'c>>(&self, view: &V) -> IrResult<'c, Value<'c, 'a>> {
        let r#type = mlir::batch_type(self.context, &self.output_shape, Number::Real);
        mlir::insert_before(self.operation, view, &self.inputs, r#type)
    }

    /// Puts `view` before the op, with the operand `input` and a result of sample shape `shape`.
    ///
    /// # Errors
    ///
    /// If MLIR cannot build it.
    pub fn then<V: View<'c>>(
        &self,
        view: &V,
        input: Value<'c, 'a>,
        shape: &[usize],
    ) -> IrResult<'c, Value<'c, 'a>> {
        mlir::insert_before(
            self.operation,
            view,
            &[input],
            mlir::batch_type(self.context, shape, Number::Real),
        )
    }

    /// Checks that the result has the sample shape that the attributes and the operand ask for. What only shows in the shape
    /// afterwards would otherwise be lost.
    ///
    /// # Errors
    ///
    /// If it has another one.
    pub fn expect_output(&self, expected: &[usize]) -> IrResult<'c, ()> {
        if self.output_shape == expected {
            return Ok(());
        }
        Err(self.error(format!(
            "makes samples of shape {expected:?} of {:?}, but its result type says {:?}",
            self.input_shape, self.output_shape
        )))
    }
}

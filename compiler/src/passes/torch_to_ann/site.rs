//! An op that is being lowered: what it reads, what its result looks like, and how to put ops in its place.

use crate::mlir::{self, IrError, IrResult, Number};
use melior::{
    Context,
    ir::{OperationRef, Value, operation::OperationLike},
};
use neurocuda_dialects::View;

/// Most elements of a sample: what an op may ask for before anything is allocated.
const MOST_ELEMENTS: usize = 1 << 28;

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

    /// The only operand.
    ///
    /// # Errors
    ///
    /// If there are several.
    pub fn input(&self) -> IrResult<'c, Value<'c, 'a>> {
        match self.inputs[..] {
            [input] => Ok(input),
            _ => Err(self.error("needs one operand")),
        }
    }

    /// Number of channels and sizes of the `axes` axes behind them.
    ///
    /// # Errors
    ///
    /// If samples have another number of axes, or it is not 1 to 3.
    pub fn image(&self, axes: usize) -> IrResult<'c, (usize, &[usize])> {
        match self.input_shape.as_slice() {
            [channels, sizes @ ..] if sizes.len() == axes && (1..=3).contains(&axes) => {
                Ok((*channels, sizes))
            }
            shape => Err(self.error(format!(
                "of {axes} spatial axes, which must be 1 to 3, does not fit samples of shape {shape:?}"
            ))),
        }
    }

    /// For each axis of a sample whether `dims` names it; checks the result's shape, too.
    ///
    /// # Errors
    ///
    /// If an axis is not one, or nothing is left of the axes.
    pub fn reduced(&self, dims: &[i64], keepdim: bool) -> IrResult<'c, Vec<bool>> {
        let shape = &self.input_shape;
        if dims.is_empty() || dims.iter().any(|&dim| dim < 1 || dim > shape.len() as i64) {
            return Err(
                self.error(format!("has `dims` {dims:?}: they must be among the axes 1 to {}", shape.len()))
            );
        }
        let named = (1..=shape.len() as i64).map(|axis| dims.contains(&axis)).collect::<Vec<_>>();
        let kept = shape.iter().zip(&named).filter_map(|(&size, named)| match named {
            true => keepdim.then_some(1),
            false => Some(size),
        });
        self.expect_output(&kept.collect::<Vec<_>>())?;
        if self.output_shape.is_empty() {
            return Err(self.error("over all axes leaves no channel axis: set `keepdim`"));
        }
        if shape.contains(&0) {
            return Err(self.error("has nothing to work on in an empty tensor"));
        }
        Ok(named)
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

    /// Number of elements of samples of `shape`.
    ///
    /// # Errors
    ///
    /// If it is so large that only a mistake or malice explains it.
    pub fn elements(&self, shape: &[usize]) -> IrResult<'c, usize> {
        let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        count
            .filter(|&count| count <= MOST_ELEMENTS)
            .ok_or_else(|| self.error(format!("has samples {shape:?} of more than {MOST_ELEMENTS} elements")))
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

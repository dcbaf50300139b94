//! Functions that are no clamps: exact tables over the integers of their membranes. Not a pass.

use super::{Lowering, fit::Unit};
use crate::{
    analysis::{curve::Curve, table::Table},
    interpret::round_half_up,
    mlir::{self, IrError, IrResult},
};
use melior::ir::{OperationRef, Value};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, ann};
use rayon::prelude::*;

/// The curve whose result `activation` reads, with what it reads itself; `None` if there is no curve.
///
/// # Errors
///
/// If the curve is malformed.
pub(super) fn before<'c, 'a>(
    activation: OperationRef<'c, 'a>,
) -> IrResult<'c, Option<(Curve, Value<'c, 'a>)>> {
    let value = mlir::operand(activation)?;
    let Some(operation) = mlir::definition(value) else { return Ok(None) };
    let Some(view) = mlir::view::<ann::Curve>(operation)? else { return Ok(None) };
    let channels = mlir::sample_shape(value)?.first().copied().unwrap_or(1);
    let curve = Curve::read(&view, channels).map_err(|problem| IrError::at(operation, problem))?;
    Ok(Some((curve, mlir::operand(operation)?)))
}

impl<'c, 'a> Lowering<'_, 'c, 'a> {
    /// Builds the integer form of `curve` on `input` and of the activation `operation` behind it, whose scales are `wanted`: the levels
    /// `clip(floor(f(α · X) / s + 1/2), low, high)` for every integer `X`. Gives its integers.
    pub(super) fn table(
        &mut self,
        operation: OperationRef<'c, 'a>,
        curve: &Curve,
        input: Value<'c, 'a>,
        wanted: &[f64],
        (low, high): (i64, i64),
    ) -> IrResult<'c, Value<'c, 'a>> {
        let Unit { real: alpha, ratio } = self.unit(input, wanted)?;
        let integer = self.membrane(operation, input, &alpha, &ratio)?;
        let tables = wanted
            .par_iter()
            .zip(&alpha)
            .enumerate()
            .map(|(channel, (scale, alpha))| {
                let (function, parameter) = (curve.function, curve.parameter(channel));
                let level = |x: f64| {
                    let level = round_half_up(function.at(alpha * x, parameter) / scale);
                    level.clamp(low as f64, high as f64) as i32
                };
                Table::of(level, function.turn(parameter).map(|turn| turn / alpha))
            })
            .collect::<Vec<_>>();
        let length = tables.iter().map(|table| table.steps.len()).max().unwrap_or(0).max(1);
        let shape = vec![tables.len(), length];
        let padded = || {
            tables.iter().flat_map(|table| {
                table.steps.iter().copied().chain(std::iter::repeat((i32::MAX, 0))).take(length)
            })
        };
        let layer = mlir::layer(operation);
        let attribute =
            |name: &str, tensor: Tensor| TensorAttr::new(self.context, &format!("{layer}.{name}"), &tensor);
        let breakpoints = Elements::I32(padded().map(|(breakpoint, _)| breakpoint).collect());
        let steps = Elements::I8(padded().map(|(_, step)| step).collect());
        let view = ann::RequantizeTable {
            breakpoints: attribute("breakpoints", Tensor { shape: shape.clone(), elements: breakpoints })?,
            steps: attribute("steps", Tensor { shape, elements: steps })?,
            start: attribute("start", Tensor::integers(tables.iter().map(|table| table.start).collect()))?,
            unit: attribute("unit", Tensor::reals(alpha))?,
            scale: attribute("scale", Tensor::reals(wanted.to_vec()))?,
            low,
            high,
        };
        mlir::insert_before(operation, &view, &[integer], self.integer_type(mlir::result(operation)?)?)
    }
}

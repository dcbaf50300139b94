//! Integer forms: synapses, identity paths and weightless ops, built for a given unit of the accumulator. Not a pass.

use super::{Lowering, key, rounding, units::Weighted};
use crate::{
    analysis::flow::{self, Flow},
    mlir::{self, IrError, IrResult, Number},
};
use melior::ir::{OperationRef, Type, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, ann};

impl<'c, 'a> Lowering<'_, 'c, 'a> {
    /// Inserts the integer form of a weightless op before `at`.
    pub(super) fn weightless(
        &self,
        operation: OperationRef<'c, 'a>,
        at: OperationRef<'c, 'a>,
        integers: &[Value<'c, 'a>],
    ) -> IrResult<'c, Value<'c, 'a>> {
        let r#type = self.integer_type(mlir::result(operation)?)?;
        let op = match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
            Some(ann::Op::AvgPool2d(pool)) => {
                let multiplier = flow::multipliers(&pool.divisor.read()?).ok_or_else(|| {
                    IrError::at(operation, "the divisors of the windows have no small common multiple")
                })?;
                let tensor = Tensor {
                    shape: pool.divisor.shape(),
                    elements: Elements::I32(multiplier.iter().map(|&factor| factor as i32).collect()),
                };
                let multiplier = TensorAttr::new(self.context, "multiplier", &tensor)?;
                ann::Op::SumPool2d(ann::SumPool2d { rows: pool.rows, columns: pool.columns, multiplier })
            }
            Some(op) => op,
            None => {
                return Err(IrError::at(operation, format!("`{}` is no op of `ann`", mlir::name(operation))));
            }
        };
        let built = op.build(self.context, integers, &[r#type], operation.location())?;
        insert(at, built)
    }

    /// Builds the integers of an accumulator value, 1 standing for `alpha` in each channel, before `at`; its weights are rounded to
    /// `alpha · ratio`.
    pub(super) fn accumulate(
        &mut self,
        value: Value<'c, 'a>,
        alpha: &[f64],
        ratio: &[f64],
        at: OperationRef<'c, 'a>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let integer = if let Some(level) = self.levels.get(&key(value)).cloned() {
            let weights = level
                .scale
                .iter()
                .zip(alpha)
                .map(|(scale, alpha)| (scale / alpha).round())
                .collect::<Vec<_>>();
            let scale = ann::Scale {
                weight: self.integers("identity.weight", &[weights.len()], &weights, true)?,
                bias: self.charges("identity.bias", &vec![0.0; weights.len()])?,
            };
            mlir::insert_before(at, &scale, &[level.integer], level.integer.r#type())?
        } else {
            let operation = mlir::definition(value)
                .ok_or_else(|| IrError::module("the network input must be quantized first"))?;
            match self.weighted(operation)? {
                Some(weighted) => self.synapses(operation, at, &weighted, alpha, ratio)?,
                None => {
                    let flow = Flow::of(operation)?;
                    let alpha = alpha.iter().map(|alpha| alpha * flow.multiple as f64).collect::<Vec<_>>();
                    let operands = operation.operands().collect::<Vec<_>>();
                    let integers = flow
                        .backward(&alpha, 1.0, flow::largest)
                        .iter()
                        .zip(flow.backward(ratio, 1.0, flow::largest))
                        .zip(operands)
                        .map(|((alpha, ratio), operand)| self.accumulate(operand, alpha, &ratio, at))
                        .collect::<IrResult<Vec<_>>>()?;
                    self.weightless(operation, at, &integers)?
                }
            }
        };
        self.accumulators.insert(key(value), integer);
        Ok(integer)
    }

    fn synapses(
        &self,
        operation: OperationRef<'c, 'a>,
        at: OperationRef<'c, 'a>,
        weighted: &Weighted,
        alpha: &[f64],
        ratio: &[f64],
    ) -> IrResult<'c, Value<'c, 'a>> {
        let row = (weighted.weights.len() / alpha.len().max(1)).max(1);
        let weights = weighted
            .weights
            .chunks(row)
            .zip(alpha.iter().zip(ratio))
            .flat_map(|(weights, (alpha, ratio))| {
                // An identity's weight is no part of what the ratio is of.
                rounding::rounded(weighted, weights, if weighted.clips { alpha * ratio } else { *alpha })
            })
            .collect::<Vec<_>>();
        let bias =
            weighted.bias.iter().zip(alpha).map(|(bias, alpha)| (bias / alpha).round()).collect::<Vec<_>>();
        let layer = mlir::layer(operation);
        let bias = self.charges(&format!("{layer}.bias"), &bias)?;
        let weight =
            |old: TensorAttr, wide| self.integers(&format!("{layer}.weight"), &old.shape(), &weights, wide);
        let op = match ann::Op::read(operation)? {
            Some(ann::Op::Conv(conv)) => {
                ann::Op::Conv(ann::Conv { weight: weight(conv.weight, false)?, bias, ..conv })
            }
            Some(ann::Op::Linear(linear)) => {
                ann::Op::Linear(ann::Linear { weight: weight(linear.weight, false)?, bias })
            }
            Some(ann::Op::Scale(scale)) => {
                ann::Op::Scale(ann::Scale { weight: weight(scale.weight, true)?, bias })
            }
            _ => return Err(IrError::at(operation, "the op has no weights")),
        };
        let input = self.levels.get(&key(mlir::operand(operation)?)).map(|level| level.integer);
        let input = input.ok_or_else(|| IrError::at(operation, "the input is not quantized"))?;
        let r#type = self.integer_type(mlir::result(operation)?)?;
        insert(at, op.build(self.context, &[input], &[r#type], operation.location())?)
    }

    fn integers(
        &self,
        hint: &str,
        shape: &[usize],
        values: &[f64],
        wide: bool,
    ) -> IrResult<'c, TensorAttr<'c>> {
        let elements = if wide {
            Elements::I16(values.iter().map(|&value| value as i16).collect())
        } else {
            Elements::I8(values.iter().map(|&value| value as i8).collect())
        };
        Ok(TensorAttr::new(self.context, hint, &Tensor { shape: shape.to_vec(), elements })?)
    }

    fn charges(&self, hint: &str, values: &[f64]) -> IrResult<'c, TensorAttr<'c>> {
        let values = values.iter().map(|&value| value as i32).collect();
        Ok(TensorAttr::new(self.context, hint, &Tensor::integers(values))?)
    }

    pub(super) fn integer_type(&self, real: Value<'c, 'a>) -> IrResult<'c, Type<'c>> {
        Ok(mlir::batch_type(self.context, &mlir::sample_shape(real)?, Number::Integer))
    }
}

fn insert<'c, 'a>(at: OperationRef<'c, 'a>, built: melior::ir::Operation<'c>) -> IrResult<'c, Value<'c, 'a>> {
    mlir::result(mlir::insert_operation(at, built)?)
}

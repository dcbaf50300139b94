//! What is connected with what, and what limits it.

use super::{
    Kind,
    change::{attribute, first, view},
};
use crate::mlir::{self, Number};
use melior::ir::{OperationRef, operation::OperationLike};
use neurocuda_dialects::{View, ann, snn, torch};

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::before("channel-order", "the first flatten takes positions before channels", |module| {
        first(module, positions_first);
    }),
    Kind::after("concat-order", "the first concat joins its operands in the other order", |module| {
        first(module, |operation| {
            let joins = [torch::Cat::NAME, ann::Concat::NAME, snn::Concat::NAME];
            let (lhs, rhs) = (operation.operand(0).ok()?, operation.operand(1).ok()?);
            joins.iter().find(|name| mlir::has_name(operation, name))?;
            mlir::set_operand(operation, 0, rhs);
            mlir::set_operand(operation, 1, lhs);
            Some(())
        });
    }),
    Kind::after("residual-lost", "of the first sum only the first branch is left", |module| {
        first(module, |operation| {
            let sums = [torch::Add::NAME, ann::Add::NAME, snn::Add::NAME];
            sums.iter().find(|name| mlir::has_name(operation, name))?;
            mlir::replace(operation, operation.operand(0).ok()?).ok()
        });
    }),
    Kind::after(
        "clamp-missing",
        "the first activation does not limit, or its counts go as far below zero",
        |module| {
            first(module, unlimited);
        },
    ),
];

fn positions_first(operation: OperationRef) -> Option<()> {
    view::<torch::Flatten>(operation)?;
    let input = operation.operand(0).ok()?;
    let [channels, height, width] = *mlir::sample_shape(input).ok()?.as_slice() else { return None };
    if channels == 1 || height * width == 1 {
        return None;
    }
    let permute = torch::Permute { dims: vec![0, 2, 3, 1] };
    let r#type = mlir::batch_type(mlir::context(operation), &[height, width, channels], Number::Real);
    let permuted = mlir::insert_before(operation, &permute, &[input], r#type).ok()?;
    mlir::set_operand(operation, 0, permuted);
    Some(())
}

fn unlimited(operation: OperationRef) -> Option<()> {
    if mlir::has_name(operation, torch::Relu::NAME) {
        return mlir::replace(operation, operation.operand(0).ok()?).ok();
    }
    if let Some(activation) = view::<ann::Activation>(operation) {
        let limits = activation.minimum.is_finite() || activation.maximum.is_finite();
        return limits.then(|| {
            let unlimited = ann::Activation { minimum: f64::NEG_INFINITY, maximum: f64::INFINITY };
            super::change::write(operation, &unlimited);
        });
    }
    let high = [
        view::<ann::FakeQuantize>(operation).map(|view| view.high),
        view::<ann::Requantize>(operation).map(|view| view.high),
        view::<snn::StBif>(operation).map(|view| view.high),
        view::<snn::SigmaDelta>(operation).map(|view| view.high),
    ];
    let high = high.into_iter().flatten().next()?;
    attribute(operation, "low", |low: i64| (low == 0).then_some(-high))
}

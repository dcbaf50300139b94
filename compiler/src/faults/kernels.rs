//! Kernels of a GPU.

use super::{Kind, change::attribute};
use crate::{backend::ptx::KERNELS, mlir};
use melior::ir::{BlockLike, OperationRef, RegionLike, ValueLike, operation::OperationLike};

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::after(
        "kernel-comparison",
        "the first kernel of neurons fires above its threshold, not at it",
        |module| {
            first(module, |operation| {
                // 5 is `sge`, 4 is `sgt`; the threshold is no constant.
                let threshold = operation.operand(1).ok()?;
                let is_read = mlir::has_name(mlir::definition(threshold)?, "llvm.load");
                is_read.then(|| attribute(operation, "predicate", |kind: i64| (kind == 5).then_some(4)))?
            });
        },
    ),
    Kind::after("kernel-fragment", "of the first product two words of a factor are swapped", |module| {
        first(module, |operation| {
            let (a, b) = (operation.operand(0).ok()?, operation.operand(2).ok()?);
            mlir::has_name(operation, "nvvm.mma.sync").then(|| mlir::swap_operands(operation, (0, a), (2, b)))
        });
    }),
    Kind::after("kernel-store-lost", "the first pair of spikes is not written", |module| {
        first(module, |operation| {
            let is_pair = mlir::has_name(operation, "llvm.store")
                && operation.operand(0).ok()?.r#type().to_string() == "i16";
            is_pair.then(|| mlir::erase(operation))
        });
    }),
];

/// Applies `change` to the first op of the kernels that it changes, in the order of the text.
fn first<'c, 'a>(module: OperationRef<'c, 'a>, change: impl Fn(OperationRef<'c, 'a>) -> Option<()>) {
    let kernels = mlir::functions(module).into_iter().find(|operation| mlir::has_name(*operation, KERNELS));
    if let Some(kernels) = kernels {
        inside(kernels, &change);
    }
}

fn inside<'c, 'a>(
    operation: OperationRef<'c, 'a>,
    change: &impl Fn(OperationRef<'c, 'a>) -> Option<()>,
) -> Option<()> {
    for region in operation.regions() {
        let mut next = region.first_block();
        while let Some(block) = next {
            for operation in mlir::operations(block) {
                if change(operation).or_else(|| inside(operation, change)).is_some() {
                    return Some(());
                }
            }
            next = block.next_in_region();
        }
    }
    None
}

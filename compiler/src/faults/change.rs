//! How faults change ops.

use crate::mlir;
use melior::ir::{Attribute, OperationRef, operation::OperationLike};
use neurocuda_dialects::{Elements, Field, Tensor, TensorAttr, View};

/// Applies `change` to the first op that it changes.
pub fn first<'c, 'a>(module: OperationRef<'c, 'a>, change: impl Fn(OperationRef<'c, 'a>) -> Option<()>) {
    operations(module).into_iter().find_map(change);
}

/// Applies `change` to every op.
pub fn every<'c, 'a>(module: OperationRef<'c, 'a>, change: impl Fn(OperationRef<'c, 'a>) -> Option<()>) {
    for operation in operations(module) {
        let _ = change(operation);
    }
}

fn operations<'c, 'a>(module: OperationRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    mlir::network_block(module).map(mlir::operations).unwrap_or_default()
}

/// The op as `V`, if it is one.
pub fn view<'c, V: View<'c>>(operation: OperationRef<'c, '_>) -> Option<V> {
    mlir::view::<V>(operation).ok()?
}

/// Writes all attributes of `view`.
pub fn write<'c, V: View<'c>>(operation: OperationRef<'c, '_>, view: &V) {
    for (key, attribute) in view.attributes(mlir::context(operation)) {
        mlir::set_attribute(operation, &mlir::text(key.as_string_ref()), attribute);
    }
}

/// Changes attribute `key`, if the op has it.
pub fn attribute<'c, F: Field<'c>>(
    operation: OperationRef<'c, '_>,
    key: &str,
    change: impl Fn(F) -> Option<F>,
) -> Option<()> {
    let value = F::get(operation.attribute(key).ok()?)?;
    mlir::set_attribute(operation, key, change(value)?.put(mlir::context(operation)));
    Some(())
}

/// The tensor in attribute `key`.
pub fn read(operation: OperationRef, key: &str) -> Option<Tensor> {
    TensorAttr::get(operation.attribute(key).ok()?)?.read().ok()
}

/// Changes the elements of the tensor in attribute `key`, if that changes any; the type of the elements stays.
pub fn tensor(
    operation: OperationRef,
    key: &str,
    change: impl FnOnce(&Tensor) -> Option<Vec<f64>>,
) -> Option<()> {
    let tensor = read(operation, key)?;
    let values = change(&tensor)?;
    if values == tensor.to_f64() {
        return None;
    }
    store(operation, key, tensor.shape, &tensor.elements, &values)
}

/// Writes a tensor of elements of the type of `like`.
pub fn store(
    operation: OperationRef,
    key: &str,
    shape: Vec<usize>,
    like: &Elements,
    values: &[f64],
) -> Option<()> {
    let elements = match like {
        Elements::F32(_) => Elements::F32(values.iter().map(|&value| value as f32).collect()),
        Elements::F64(_) => Elements::F64(values.to_vec()),
        Elements::I8(_) => Elements::I8(values.iter().map(|&value| value as i8).collect()),
        Elements::I16(_) => Elements::I16(values.iter().map(|&value| value as i16).collect()),
        Elements::I32(_) => Elements::I32(values.iter().map(|&value| value as i32).collect()),
        Elements::I64(_) => Elements::I64(values.iter().map(|&value| value as i64).collect()),
    };
    let tensor = TensorAttr::new(mlir::context(operation), "fault", &Tensor { shape, elements }).ok()?;
    let attribute: Attribute = tensor.attribute();
    mlir::set_attribute(operation, key, attribute);
    Some(())
}

/// The values with those of the next channel in the place of each, where a channel is a row of equal length.
pub fn next_channel(values: &[f64]) -> Vec<f64> {
    let mut rotated = values.to_vec();
    if !rotated.is_empty() {
        rotated.rotate_left(1);
    }
    rotated
}

//! Faults to plant beside a pass, so that tests can see validation catch them.
//!
//! A fault changes IR right before or right after a pass runs, inside the span that `--validate-each` holds the pass to account for: it
//! stands for a defect of that pass.

use crate::mlir;
use melior::ir::{
    OperationRef,
    attribute::{DenseI64ArrayAttribute, FloatAttribute},
    operation::OperationLike,
};
use neurocuda_dialects::{Elements, Field, Tensor, TensorAttr};
use std::str::FromStr;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first bias that is not zero becomes zero; in a spiking network, the first initial charge.
    BiasDropped,
    /// The first batch norm forgets its `eps`.
    EpsIgnored,
    /// The first strided convolution or pool loses its stride.
    StrideIgnored,
    /// The rows and columns of the first convolution kernel are swapped.
    KernelTransposed,
    /// The first threshold, or the breakpoints of the first table, are one too large.
    ThresholdOffByOne,
    /// The first padded convolution pads with something other than zero.
    WrongPadding,
}

impl Kind {
    /// All kinds with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("bias-dropped", Self::BiasDropped),
        ("eps-ignored", Self::EpsIgnored),
        ("stride-ignored", Self::StrideIgnored),
        ("kernel-transposed", Self::KernelTransposed),
        ("threshold-off-by-one", Self::ThresholdOffByOne),
        ("wrong-padding", Self::WrongPadding),
    ];
}

/// A fault of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of the pass that is to blame.
    pub pass: String,
    /// What goes wrong.
    pub kind: Kind,
}

/// `PASS=KIND`.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pass, kind) = text.split_once('=').ok_or("expected PASS=KIND")?;
        let kind = Kind::ALL
            .iter()
            .find(|(name, _)| *name == kind)
            .ok_or_else(|| format!("no fault is called `{kind}`"))?
            .1;
        Ok(Self { pass: pass.to_owned(), kind })
    }
}

impl Fault {
    /// Faults in how a pass reads its input.
    pub fn before(&self, module: OperationRef) {
        match self.kind {
            Kind::EpsIgnored => change(module, |operation| set_float(operation, "eps", 0.0)),
            Kind::WrongPadding => change(module, pad_with_value),
            _ => {}
        }
    }

    /// Faults in what a pass writes.
    pub fn after(&self, module: OperationRef) {
        match self.kind {
            Kind::BiasDropped => change(module, |operation| {
                change_tensor(operation, "bias", zeroed)
                    .or_else(|| change_tensor(operation, "initial", zeroed))
            }),
            Kind::StrideIgnored => change(module, unit_stride),
            Kind::KernelTransposed => {
                change(module, |operation| change_tensor(operation, "weight", transposed))
            }
            Kind::ThresholdOffByOne => change(module, |operation| {
                change_tensor(operation, "threshold", increased)
                    .or_else(|| change_tensor(operation, "breakpoints", increased))
            }),
            Kind::EpsIgnored | Kind::WrongPadding => {}
        }
    }
}

/// Applies `change` to the first op that it changes.
fn change<'c>(module: OperationRef<'c, '_>, change: impl Fn(OperationRef<'c, '_>) -> Option<()>) {
    if let Ok(block) = mlir::network_block(module) {
        mlir::operations(block).into_iter().find_map(change);
    }
}

fn set_float(operation: OperationRef, key: &str, value: f64) -> Option<()> {
    let r#type = FloatAttribute::try_from(operation.attribute(key).ok()?)
        .ok()
        .map(|_| melior::ir::Type::float64(mlir::context(operation)))?;
    mlir::set_attribute(operation, key, FloatAttribute::new(mlir::context(operation), r#type, value).into());
    Some(())
}

fn change_tensor(
    operation: OperationRef,
    key: &str,
    change: impl Fn(Tensor) -> Option<Tensor>,
) -> Option<()> {
    let tensor = TensorAttr::get(operation.attribute(key).ok()?)?.read().ok()?;
    let changed = change(tensor)?;
    let attribute = TensorAttr::new(mlir::context(operation), "fault", &changed).ok()?;
    mlir::set_attribute(operation, key, attribute.attribute());
    Some(())
}

fn zeroed(mut tensor: Tensor) -> Option<Tensor> {
    if tensor.to_f64().iter().all(|&value| value == 0.0) {
        return None;
    }
    match &mut tensor.elements {
        Elements::F32(values) => values.fill(0.0),
        Elements::I32(values) => values.fill(0),
        _ => return None,
    }
    Some(tensor)
}

fn increased(mut tensor: Tensor) -> Option<Tensor> {
    let Elements::I32(values) = &mut tensor.elements else { return None };
    values.iter_mut().for_each(|value| *value = value.saturating_add(1));
    Some(tensor)
}

fn transposed(mut tensor: Tensor) -> Option<Tensor> {
    let [_, _, height, width] = *tensor.shape.as_slice() else { return None };
    if height != width || height == 1 {
        return None;
    }
    fn swap<T: Copy>(values: &mut [T], size: usize) {
        for kernel in values.chunks_mut(size * size) {
            for row in 0..size {
                for column in 0..row {
                    kernel.swap(row * size + column, column * size + row);
                }
            }
        }
    }
    match &mut tensor.elements {
        Elements::F32(values) => swap(values, height),
        Elements::I8(values) => swap(values, height),
        Elements::I16(values) => swap(values, height),
        _ => return None,
    }
    Some(tensor)
}

fn unit_stride(operation: OperationRef) -> Option<()> {
    let stride = <Vec<i64>>::get(operation.attribute("stride").ok()?)?;
    if stride.iter().all(|&stride| stride == 1) {
        return None;
    }
    mlir::set_attribute(
        operation,
        "stride",
        DenseI64ArrayAttribute::new(mlir::context(operation), &vec![1; stride.len()]).into(),
    );
    Some(())
}

/// Moves the padding of a convolution into a pad op of another value.
fn pad_with_value(operation: OperationRef) -> Option<()> {
    use neurocuda_dialects::{View, torch};
    let conv = mlir::view::<torch::Convolution>(operation).ok()??;
    if conv.transposed || conv.padding.iter().all(|&padding| padding == 0) {
        return None;
    }
    let counts = [&[0, 0], &conv.padding[..]].concat();
    let pad = torch::ConstantPad { before: counts.clone(), after: counts.clone(), value: -0.4 };
    let input = operation.operand(0).ok()?;
    let mut shape = mlir::sample_shape(input).ok()?;
    shape.iter_mut().zip(&counts[1..]).for_each(|(size, padding)| *size += 2 * *padding as usize);
    let r#type = mlir::batch_type(mlir::context(operation), &shape, mlir::Number::Real);
    let padded = mlir::insert_before(operation, &pad, &[input], r#type).ok()?;
    mlir::set_operand(operation, 0, padded);
    let unpadded = torch::Convolution { padding: vec![0; conv.padding.len()], ..conv };
    for (key, attribute) in unpadded.attributes(mlir::context(operation)) {
        mlir::set_attribute(operation, &mlir::text(key.as_string_ref()), attribute);
    }
    Some(())
}

//! Tensors that do not depend on the input: parameters, buffers, constants, and what is computed from them alone.

use std::rc::Rc;

use half::{bf16, f16};

use super::schema::{Size, TensorMeta};
use crate::diagnostic::{Finding, FindingId};

/// Numbers of `torch._export.serde.schema.ScalarType`.
pub(super) mod scalar_type {
    pub(in super::super) const U8: u32 = 1;
    pub(in super::super) const I8: u32 = 2;
    pub(in super::super) const I16: u32 = 3;
    pub(in super::super) const I32: u32 = 4;
    pub(in super::super) const I64: u32 = 5;
    pub(in super::super) const F16: u32 = 6;
    pub(in super::super) const F32: u32 = 7;
    pub(in super::super) const F64: u32 = 8;
    pub(in super::super) const BOOL: u32 = 12;
    pub(in super::super) const BF16: u32 = 13;

    /// The name that PyTorch gives it.
    pub(in super::super) fn name(number: u32) -> String {
        let known = match number {
            U8 => "uint8",
            I8 => "int8",
            I16 => "int16",
            I32 => "int32",
            I64 => "int64",
            F16 => "float16",
            F32 => "float32",
            F64 => "float64",
            BOOL => "bool",
            BF16 => "bfloat16",
            other => return format!("type number {other}"),
        };
        known.to_owned()
    }
}

/// The elements, last axis fastest.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Real(Vec<f32>),
    /// Indices and masks: of use to index with, never in the network itself.
    Integer(Vec<i64>),
}

/// A tensor that does not depend on the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    /// Name in the weights file: the state dict's, or one made for a derived tensor.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Values,
    /// What this is the transpose of, so that transposing it again gives that and its name back.
    pub(super) transpose_of: Option<Rc<Constant>>,
}

impl Constant {
    pub(super) fn new(name: impl Into<String>, shape: Vec<usize>, values: Values) -> Self {
        Self { name: name.into(), shape, values, transpose_of: None }
    }

    pub(super) fn reals(&self) -> Option<&[f32]> {
        match &self.values {
            Values::Real(values) => Some(values),
            Values::Integer(_) => None,
        }
    }

    /// The only element.
    pub(super) fn single(&self) -> Option<f64> {
        match &self.values {
            Values::Real(values) => <[f32; 1]>::try_from(values.as_slice()).ok().map(|[value]| value.into()),
            Values::Integer(values) => {
                <[i64; 1]>::try_from(values.as_slice()).ok().map(|[value]| value as f64)
            }
        }
    }

    /// The same elements in another shape of as many.
    pub(super) fn reshaped(&self, name: String, shape: Vec<usize>) -> Self {
        Self::new(name, shape, self.values.clone())
    }

    /// Axes in another order; `None` where `axes` is no permutation.
    pub(super) fn permuted(&self, name: String, axes: &[usize]) -> Option<Self> {
        let mut seen = vec![false; self.shape.len()];
        for axis in axes {
            let seen = seen.get_mut(*axis)?;
            if std::mem::replace(seen, true) {
                return None;
            }
        }
        if axes.len() != self.shape.len() {
            return None;
        }
        let strides = strides(&self.shape);
        let shape: Vec<usize> = axes.iter().map(|axis| self.shape[*axis]).collect();
        let strides: Vec<usize> = axes.iter().map(|axis| strides[*axis]).collect();
        let order = || Places::new(&shape, &strides, 0);
        let values = match &self.values {
            Values::Real(values) => Values::Real(order().map(|place| values[place]).collect()),
            Values::Integer(values) => Values::Integer(order().map(|place| values[place]).collect()),
        };
        Some(Self::new(name, shape, values))
    }

    /// Elementwise function of two real tensors, broadcast as PyTorch does.
    pub(super) fn combined(
        name: String,
        a: &Self,
        b: &Self,
        shape: Vec<usize>,
        function: impl Fn(f32, f32) -> f32,
    ) -> Option<Self> {
        let (left, right) = (a.reals()?, b.reals()?);
        let places = |constant: &Self| Some(Places::new(&shape, &broadcast(&constant.shape, &shape)?, 0));
        let values = places(a)?.zip(places(b)?).map(|(x, y)| function(left[x], right[y])).collect();
        Some(Self::new(name, shape, Values::Real(values)))
    }
}

/// Strides of a tensor stored last axis fastest.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Strides with which a tensor is read as one of a larger shape; `None` where PyTorch would not broadcast it.
fn broadcast(from: &[usize], to: &[usize]) -> Option<Vec<usize>> {
    let missing = to.len().checked_sub(from.len())?;
    let own = strides(from);
    let mut result = vec![0; missing];
    for ((size, wanted), stride) in from.iter().zip(&to[missing..]).zip(own) {
        match size {
            size if size == wanted => result.push(stride),
            1 => result.push(0),
            _ => return None,
        }
    }
    Some(result)
}

/// Offsets of a strided tensor's elements, last axis fastest.
struct Places<'a> {
    shape: &'a [usize],
    strides: Vec<usize>,
    index: Vec<usize>,
    place: usize,
    left: usize,
}

impl<'a> Places<'a> {
    fn new(shape: &'a [usize], strides: &[usize], offset: usize) -> Self {
        let strides = strides.to_vec();
        Self { shape, strides, index: vec![0; shape.len()], place: offset, left: shape.iter().product() }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.place;
        for (axis, index) in self.index.iter_mut().enumerate().rev() {
            *index += 1;
            self.place += self.strides[axis];
            if *index < self.shape[axis] {
                break;
            }
            self.place -= self.strides[axis] * self.shape[axis];
            *index = 0;
        }
        Some(place)
    }
}

/// How many more values may be made. Strides of 0 would let a small file announce tensors of any size.
pub(super) struct Budget(usize);

impl Budget {
    /// For an archive of so many bytes: every element of a tensor that is stored takes one byte at least.
    pub(super) fn new(bytes: usize) -> Self {
        Self(bytes.saturating_add(1 << 24))
    }

    /// Takes `shape`'s elements; `None` where there are not so many left.
    pub(super) fn take(&mut self, shape: &[usize]) -> Option<usize> {
        let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size))?;
        self.0 = self.0.checked_sub(count)?;
        Some(count)
    }
}

/// Sizes as numbers; `None` where one is symbolic or negative.
pub(super) fn sizes(sizes: &[Size]) -> Option<Vec<usize>> {
    let size = |size: &Size| match size {
        Size::AsInt(size) => usize::try_from(*size).ok(),
        Size::AsExpr(_) => None,
    };
    sizes.iter().map(size).collect()
}

/// Reads a stored tensor: `bytes` is its storage, `meta` says how it lies there.
///
/// # Errors
/// `weight-dtype` for element types that have no exact f32, `weight-shape` where shape and bytes do not fit.
pub(super) fn read(
    name: &str,
    meta: &TensorMeta,
    bytes: &[u8],
    budget: &mut Budget,
) -> Result<Constant, Finding> {
    let misfit = |what: &str| {
        Finding::new(FindingId::WeightShape, format!("the tensor `{name}` of the archive {what}"))
            .help("the archive is damaged: write it again with `torch.export.save`")
    };
    let (Some(shape), Some(strides), Some(offset)) = (
        sizes(&meta.sizes),
        sizes(&meta.strides),
        sizes(std::slice::from_ref(&meta.storage_offset)).and_then(|list| list.first().copied()),
    ) else {
        return Err(misfit("has no fixed shape"));
    };
    if shape.len() != strides.len() || shape.len() > crate::import::graph::MAX_RANK {
        return Err(misfit("has another number of strides than axes, or too many axes"));
    }
    let count = budget.take(&shape).ok_or_else(|| misfit("is larger than the whole archive"))?;
    let last = shape.iter().zip(&strides).try_fold(offset, |last, (size, stride)| {
        last.checked_add(size.saturating_sub(1).checked_mul(*stride)?)
    });
    let width = match meta.dtype {
        scalar_type::U8 | scalar_type::I8 | scalar_type::BOOL => 1,
        scalar_type::I16 | scalar_type::F16 | scalar_type::BF16 => 2,
        scalar_type::I32 | scalar_type::F32 => 4,
        scalar_type::I64 | scalar_type::F64 => 8,
        other => {
            let message = format!("the tensor `{name}` is of {}", scalar_type::name(other));
            let finding = Finding::new(FindingId::WeightDtype, message);
            return Err(finding.help("convert the model first: `model.float()`"));
        }
    };
    let fits =
        last.and_then(|last| last.checked_add(1)?.checked_mul(width)).is_some_and(|end| end <= bytes.len());
    if count > 0 && !fits {
        return Err(misfit(&format!("of shape {shape:?} does not fit its {} bytes", bytes.len())));
    }
    let elements = Places::new(&shape, &strides, offset);
    let values = match meta.dtype {
        scalar_type::F32 => Values::Real(elements.map(|i| f32::from_le_bytes(element(bytes, i))).collect()),
        scalar_type::F16 => {
            Values::Real(elements.map(|i| f16::from_le_bytes(element(bytes, i)).to_f32()).collect())
        }
        scalar_type::BF16 => {
            Values::Real(elements.map(|i| bf16::from_le_bytes(element(bytes, i)).to_f32()).collect())
        }
        scalar_type::F64 => {
            let exact = |i| {
                let wide = f64::from_le_bytes(element(bytes, i));
                let narrow = wide as f32;
                (f64::from(narrow) == wide || wide.is_nan()).then_some(narrow)
            };
            let values = elements.map(exact).collect::<Option<_>>().ok_or_else(|| {
                let message =
                    format!("the tensor `{name}` is of float64 and has values that float32 does not");
                Finding::new(FindingId::WeightDtype, message).help("convert the model first: `model.float()`")
            })?;
            Values::Real(values)
        }
        scalar_type::I64 => {
            Values::Integer(elements.map(|i| i64::from_le_bytes(element(bytes, i))).collect())
        }
        scalar_type::I32 => {
            Values::Integer(elements.map(|i| i32::from_le_bytes(element(bytes, i)).into()).collect())
        }
        scalar_type::I16 => {
            Values::Integer(elements.map(|i| i16::from_le_bytes(element(bytes, i)).into()).collect())
        }
        scalar_type::I8 => {
            Values::Integer(elements.map(|i| i8::from_le_bytes(element(bytes, i)).into()).collect())
        }
        _ => Values::Integer(elements.map(|i| u8::from_le_bytes(element(bytes, i)).into()).collect()),
    };
    Ok(Constant::new(name, shape, values))
}

/// Element `index` of a storage; zeros past the end, which the caller excludes.
fn element<const WIDTH: usize>(bytes: &[u8], index: usize) -> [u8; WIDTH] {
    let (elements, _) = bytes.as_chunks::<WIDTH>();
    elements.get(index).copied().unwrap_or([0; WIDTH])
}

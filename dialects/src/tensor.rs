//! Tensors that stand in attributes: small ones inline (`dense`), large ones as resources (`dense_resource`).

use crate::{Field, ViewError, resource};
use melior::{
    Context,
    ir::{
        Attribute, Type, TypeLike,
        attribute::AttributeLike,
        r#type::{IntegerType, RankedTensorType},
    },
};
use mlir_sys::{
    mlirAttributeGetType, mlirAttributeIsADenseElements, mlirAttributeIsADenseResourceElements,
    mlirDenseDoubleResourceElementsAttrGetValue, mlirDenseElementsAttrGetDoubleValue,
    mlirDenseElementsAttrGetFloatValue, mlirDenseElementsAttrGetInt8Value,
    mlirDenseElementsAttrGetInt16Value, mlirDenseElementsAttrGetInt32Value,
    mlirDenseElementsAttrGetInt64Value, mlirDenseElementsAttrRawBufferGet,
    mlirDenseFloatResourceElementsAttrGetValue, mlirDenseInt8ResourceElementsAttrGetValue,
    mlirDenseInt16ResourceElementsAttrGetValue, mlirDenseInt32ResourceElementsAttrGetValue,
    mlirDenseInt64ResourceElementsAttrGetValue, mlirShapedTypeGetDimSize, mlirShapedTypeGetElementType,
    mlirShapedTypeGetRank, mlirShapedTypeHasStaticShape,
};

/// Computed tensors with more elements than this become resources: MLIR does not hash them and people need not read them.
const LARGEST_INLINE: usize = 256;

/// Tensors with more elements are not read: a splat of any size is a few bytes in a file.
const MOST_ELEMENTS: usize = 1 << 31;

/// Elements of a tensor, in row-major order.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // Each variant is named after its element type.
pub enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

/// Calls `$body` with `$values` bound to the vector of whichever variant `$elements` is.
macro_rules! each {
    ($elements:expr, $values:ident => $body:expr) => {
        match $elements {
            Elements::F32($values) => $body,
            Elements::F64($values) => $body,
            Elements::I8($values) => $body,
            Elements::I16($values) => $body,
            Elements::I32($values) => $body,
            Elements::I64($values) => $body,
        }
    };
}

impl Elements {
    /// Number of elements.
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in little-endian bytes.
    pub fn bytes(&self) -> Vec<u8> {
        each!(self, values => values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }
}

/// A tensor with a static shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Size of each axis.
    pub shape: Vec<usize>,
    /// Elements in row-major order; as many as the shape says.
    pub elements: Elements,
}

impl Tensor {
    /// A vector of reals.
    pub fn reals(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], elements: Elements::F64(values) }
    }

    /// A vector of 32-bit integers.
    pub fn integers(values: Vec<i32>) -> Self {
        Self { shape: vec![values.len()], elements: Elements::I32(values) }
    }

    /// The elements as f64; every element type but i64 fits exactly, and i64 does up to 2⁵³.
    #[allow(clippy::unnecessary_cast, reason = "one of the element types is f64 itself")]
    pub fn to_f64(&self) -> Vec<f64> {
        each!(&self.elements, values => values.iter().map(|&value| value as f64).collect())
    }

    /// The elements as i32.
    ///
    /// # Errors
    ///
    /// If the elements are not integers of at most 32 bits.
    pub fn to_i32(&self) -> Result<Vec<i32>, ViewError> {
        match &self.elements {
            Elements::I8(values) => Ok(values.iter().map(|&value| value.into()).collect()),
            Elements::I16(values) => Ok(values.iter().map(|&value| value.into()).collect()),
            Elements::I32(values) => Ok(values.clone()),
            _ => Err(ViewError::Tensor("expected a tensor of i8, i16 or i32 elements".to_owned())),
        }
    }
}

/// An attribute that holds a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorAttr<'c>(Attribute<'c>);

impl<'c> TensorAttr<'c> {
    /// Stores `tensor`; one of more than 256 elements becomes a resource called after `hint`.
    ///
    /// # Errors
    ///
    /// If the shape and the number of elements disagree.
    pub fn new(context: &'c Context, hint: &str, tensor: &Tensor) -> Result<Self, ViewError> {
        if tensor.shape.iter().product::<usize>() != tensor.elements.len() {
            return Err(ViewError::Tensor(format!(
                "{} elements do not fill the shape {:?}",
                tensor.elements.len(),
                tensor.shape
            )));
        }
        let bytes = tensor.elements.bytes();
        if tensor.elements.len() > LARGEST_INLINE {
            return Ok(Self(resource::owned(tensor_type(context, tensor), hint, bytes)));
        }
        let r#type = tensor_type(context, tensor);
        // SAFETY: `type` lives in `context`, and MLIR copies the buffer, which holds exactly the elements of the shape.
        let raw =
            unsafe { mlirDenseElementsAttrRawBufferGet(r#type.to_raw(), bytes.len(), bytes.as_ptr().cast()) };
        // SAFETY: the attribute was just made in a context that outlives `'c`; a null one is refused below.
        unsafe { Attribute::from_option_raw(raw) }
            .map(Self)
            .ok_or_else(|| ViewError::Tensor(format!("MLIR refuses the tensor `{hint}`")))
    }

    /// A tensor of one value everywhere, which takes no memory to speak of.
    pub fn splat(context: &'c Context, shape: &[usize], value: f64) -> Option<Self> {
        let dims = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        Attribute::parse(context, &format!("dense<{value:.17e}> : tensor<{dims}xf32>")).map(Self)
    }

    /// Takes an attribute that is known to hold a tensor, such as one of [`resource`].
    pub fn from_attribute(attribute: Attribute<'c>) -> Option<Self> {
        <Self as Field>::get(attribute)
    }

    /// The attribute.
    pub fn attribute(self) -> Attribute<'c> {
        self.0
    }

    /// Shape of the tensor.
    pub fn shape(self) -> Vec<usize> {
        let raw = self.0.to_raw();
        // SAFETY: `Field::get` let only elements attributes with a static ranked type in.
        unsafe {
            let r#type = mlirAttributeGetType(raw);
            (0..mlirShapedTypeGetRank(r#type))
                .map(|axis| mlirShapedTypeGetDimSize(r#type, axis as isize) as usize)
                .collect()
        }
    }

    /// Name of the resource, if the tensor is one.
    pub fn resource_name(self) -> Option<String> {
        resource::name(self.0)
    }

    /// Copies the elements out.
    ///
    /// # Errors
    ///
    /// If the element type is none of f32, f64, i8, i16, i32 and i64.
    pub fn read(self) -> Result<Tensor, ViewError> {
        let raw = self.0.to_raw();
        let shape = self.shape();
        let count = shape.iter().try_fold(1, |count: usize, &extent| count.checked_mul(extent));
        let count = count.filter(|&count| count <= MOST_ELEMENTS).ok_or_else(|| {
            ViewError::Tensor(format!("a tensor of shape {shape:?} has more than {MOST_ELEMENTS} elements"))
        })? as isize;
        // SAFETY: the attribute is an elements attribute (see `shape`); the element type decides the getter, and every
        // index is below the number of elements. Resources have their blob and its size checked when they are made or parsed.
        let elements = unsafe {
            let resource = mlirAttributeIsADenseResourceElements(raw);
            let element = Type::from_raw(mlirShapedTypeGetElementType(mlirAttributeGetType(raw)));
            macro_rules! read {
                ($variant:ident, $dense:ident, $blob:ident) => {
                    Elements::$variant(if resource {
                        (0..count).map(|index| $blob(raw, index)).collect()
                    } else {
                        (0..count).map(|index| $dense(raw, index)).collect()
                    })
                };
            }
            match element.to_string().as_str() {
                "f32" => {
                    read!(F32, mlirDenseElementsAttrGetFloatValue, mlirDenseFloatResourceElementsAttrGetValue)
                }
                "f64" => read!(
                    F64,
                    mlirDenseElementsAttrGetDoubleValue,
                    mlirDenseDoubleResourceElementsAttrGetValue
                ),
                "i8" => {
                    read!(I8, mlirDenseElementsAttrGetInt8Value, mlirDenseInt8ResourceElementsAttrGetValue)
                }
                "i16" => {
                    read!(I16, mlirDenseElementsAttrGetInt16Value, mlirDenseInt16ResourceElementsAttrGetValue)
                }
                "i32" => {
                    read!(I32, mlirDenseElementsAttrGetInt32Value, mlirDenseInt32ResourceElementsAttrGetValue)
                }
                "i64" => {
                    read!(I64, mlirDenseElementsAttrGetInt64Value, mlirDenseInt64ResourceElementsAttrGetValue)
                }
                other => return Err(ViewError::Tensor(format!("tensors of `{other}` are not supported"))),
            }
        };
        Ok(Tensor { shape, elements })
    }
}

/// The type `tensor<…>` of `tensor`.
pub fn tensor_type<'c>(context: &'c Context, tensor: &Tensor) -> Type<'c> {
    let element = match &tensor.elements {
        Elements::F32(_) => Type::float32(context),
        Elements::F64(_) => Type::float64(context),
        Elements::I8(_) => IntegerType::new(context, 8).into(),
        Elements::I16(_) => IntegerType::new(context, 16).into(),
        Elements::I32(_) => IntegerType::new(context, 32).into(),
        Elements::I64(_) => IntegerType::new(context, 64).into(),
    };
    let dims = tensor.shape.iter().map(|&size| size as u64).collect::<Vec<_>>();
    RankedTensorType::new(&dims, element, None).into()
}

impl<'c> Field<'c> for TensorAttr<'c> {
    const KIND: &'static str = "a tensor (`dense` or `dense_resource`)";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        let raw = attribute.to_raw();
        // SAFETY: the attribute is alive; the type queries follow only for elements attributes, which have shaped types.
        let fits = unsafe {
            (mlirAttributeIsADenseElements(raw) || mlirAttributeIsADenseResourceElements(raw))
                && mlirShapedTypeHasStaticShape(mlirAttributeGetType(raw))
        };
        fits.then_some(Self(attribute))
    }

    fn put(&self, _: &'c Context) -> Attribute<'c> {
        self.0
    }
}

//! Tensors of an artifact: typed, row-major, little-endian bytes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Element types that an artifact may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// IEEE single.
    F32,
    /// IEEE double.
    F64,
}

impl DType {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// The container's name for it.
    pub(crate) fn to_container(self) -> safetensors::Dtype {
        match self {
            Self::U8 => safetensors::Dtype::U8,
            Self::I8 => safetensors::Dtype::I8,
            Self::I16 => safetensors::Dtype::I16,
            Self::I32 => safetensors::Dtype::I32,
            Self::I64 => safetensors::Dtype::I64,
            Self::F32 => safetensors::Dtype::F32,
            Self::F64 => safetensors::Dtype::F64,
        }
    }

    /// The type that the container names, if an artifact may hold it.
    pub(crate) fn from_container(dtype: safetensors::Dtype) -> Option<Self> {
        [Self::U8, Self::I8, Self::I16, Self::I32, Self::I64, Self::F32, Self::F64]
            .into_iter()
            .find(|own| own.to_container() == dtype)
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// Why a tensor cannot be made or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TensorError {
    /// The number of bytes is not what shape and type ask for.
    #[error("a tensor of shape {shape:?} and type {dtype} does not have {bytes} bytes")]
    Size {
        /// Shape asked for.
        shape: Vec<usize>,
        /// Type asked for.
        dtype: DType,
        /// Bytes given.
        bytes: usize,
    },
    /// Another element type was asked for.
    #[error("the tensor holds {found}, not {wanted}")]
    Type {
        /// Type of the tensor.
        found: DType,
        /// Type or types asked for.
        wanted: &'static str,
    },
}

/// A type that tensors are made of.
pub trait Element: Copy + sealed::Sealed {
    /// Its name in a tensor.
    const DTYPE: DType;
    /// Its name in messages.
    const NAME: &'static str;
}

mod sealed {
    /// Keeps [`super::Element`] to the types of [`super::DType`] and holds its byte conversions.
    pub trait Sealed: Sized {
        /// Appends the little-endian bytes.
        fn write(self, bytes: &mut Vec<u8>);
        /// Reads all elements of little-endian bytes.
        fn read(bytes: &[u8]) -> Vec<Self>;
    }
}

macro_rules! elements {
    ($($rust:ty, $dtype:ident, $name:literal;)*) => {$(
        impl Element for $rust {
            const DTYPE: DType = DType::$dtype;
            const NAME: &'static str = $name;
        }
        impl sealed::Sealed for $rust {
            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|chunk| Self::from_le_bytes(*chunk)).collect()
            }
        }
    )*};
}

elements! {
    u8, U8, "u8";
    i8, I8, "i8";
    i16, I16, "i16";
    i32, I32, "i32";
    i64, I64, "i64";
    f32, F32, "f32";
    f64, F64, "f64";
}

/// A tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor of little-endian, row-major bytes.
    ///
    /// # Errors
    /// [`TensorError::Size`] if the number of bytes does not fit.
    pub fn from_bytes(dtype: DType, shape: Vec<usize>, bytes: Vec<u8>) -> Result<Self, TensorError> {
        let wanted = shape.iter().try_fold(dtype.size(), |size, &extent| size.checked_mul(extent));
        if wanted != Some(bytes.len()) {
            return Err(TensorError::Size { shape, dtype, bytes: bytes.len() });
        }
        Ok(Self { dtype, shape, bytes })
    }

    /// A tensor of row-major values.
    ///
    /// # Errors
    /// [`TensorError::Size`] if the number of values does not fit the shape.
    pub fn from_values<T: Element>(shape: Vec<usize>, values: &[T]) -> Result<Self, TensorError> {
        let mut bytes = Vec::with_capacity(values.len() * T::DTYPE.size());
        for &value in values {
            value.write(&mut bytes);
        }
        Self::from_bytes(T::DTYPE, shape, bytes)
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Little-endian, row-major bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Row-major values.
    ///
    /// # Errors
    /// [`TensorError::Type`] if the tensor holds another type.
    pub fn values<T: Element>(&self) -> Result<Vec<T>, TensorError> {
        if self.dtype != T::DTYPE {
            return Err(TensorError::Type { found: self.dtype, wanted: T::NAME });
        }
        Ok(T::read(&self.bytes))
    }

    /// Row-major values of an i8 or i16 tensor, widened.
    ///
    /// # Errors
    /// [`TensorError::Type`] if the tensor holds another type.
    pub fn weights(&self) -> Result<Vec<i16>, TensorError> {
        match self.dtype {
            DType::I8 => Ok(self.values::<i8>()?.into_iter().map(i16::from).collect()),
            DType::I16 => self.values(),
            found => Err(TensorError::Type { found, wanted: "i8 or i16" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_types_are_told_apart() {
        let tensor = Tensor::from_values(vec![2, 2], &[1i16, -2, i16::MAX, i16::MIN]).unwrap();
        assert_eq!(tensor.values::<i16>().unwrap(), [1, -2, i16::MAX, i16::MIN]);
        assert_eq!(tensor.weights().unwrap(), [1, -2, i16::MAX, i16::MIN]);
        assert!(matches!(tensor.values::<i8>(), Err(TensorError::Type { found: DType::I16, .. })));
        let scale = Tensor::from_values(vec![1], &[f64::NEG_INFINITY]).unwrap();
        assert_eq!(scale.values::<f64>().unwrap(), [f64::NEG_INFINITY]);
        assert!(scale.weights().is_err());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(Tensor::from_values(vec![2, 2], &[1i8, 2, 3]).is_err());
        assert!(Tensor::from_bytes(DType::F64, vec![usize::MAX, 2], vec![]).is_err());
    }
}

//! Resources: tensors that the module names but does not hold, over memory owned by someone else.

use melior::{
    StringRef,
    ir::{Attribute, Type, TypeLike, attribute::AttributeLike},
};
use mlir_sys::{mlirAttributeIsADenseResourceElements, mlirUnmanagedDenseResourceElementsAttrGet};
use std::{any::Any, ffi::c_void, sync::Arc};

/// Alignment of the blobs: enough for every element type.
const ALIGNMENT: usize = 8;

/// Memory behind a resource: bytes, and the owner that keeps them alive.
struct Blob {
    _owner: Arc<dyn Any + Send + Sync>,
}

/// A tensor over a copy-free view of `bytes`, which `owner` keeps alive; MLIR drops its share with the context.
///
/// The caller says that `bytes` belong to `owner`, which is why a raw slice does.
pub fn shared<'c, O: AsRef<[u8]> + Send + Sync + 'static>(
    r#type: Type<'c>,
    name: &str,
    owner: Arc<O>,
    range: std::ops::Range<usize>,
) -> Option<Attribute<'c>> {
    let bytes = (*owner).as_ref().get(range)?;
    if !(bytes.as_ptr() as usize).is_multiple_of(ALIGNMENT) {
        return Some(owned(r#type, name, bytes.to_vec()));
    }
    let (data, length) = (bytes.as_ptr(), bytes.len());
    let blob = Box::new(Blob { _owner: owner });
    Some(attribute(r#type, name, data, length, blob))
}

/// A tensor over bytes that MLIR keeps until the context goes.
pub fn owned<'c>(r#type: Type<'c>, name: &str, bytes: Vec<u8>) -> Attribute<'c> {
    // Words, because a byte vector promises no alignment.
    let length = bytes.len();
    let words = bytes
        .chunks(ALIGNMENT)
        .map(|chunk| {
            let mut word = [0; ALIGNMENT];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect::<Vec<_>>();
    let words = Arc::new(words);
    let data = words.as_ptr().cast();
    attribute(r#type, name, data, length, Box::new(Blob { _owner: words }))
}

fn attribute<'c>(
    r#type: Type<'c>,
    name: &str,
    data: *const u8,
    length: usize,
    blob: Box<Blob>,
) -> Attribute<'c> {
    // SAFETY: `data` is valid for `length` bytes and aligned as long as `blob` lives; MLIR reads it only (`mutable` is
    // false) and hands the blob back to `release` exactly once.
    unsafe {
        Attribute::from_raw(mlirUnmanagedDenseResourceElementsAttrGet(
            r#type.to_raw(),
            StringRef::new(name).to_raw(),
            data as *mut c_void,
            length,
            ALIGNMENT,
            false,
            Some(release),
            Box::into_raw(blob).cast(),
        ))
    }
}

unsafe extern "C" fn release(blob: *mut c_void, _data: *const c_void, _length: usize, _alignment: usize) {
    // SAFETY: MLIR calls this once with the pointer that `attribute` gave it.
    drop(unsafe { Box::from_raw(blob.cast::<Blob>()) });
}

/// Name of the resource that `attribute` refers to; `None` if it is no resource.
pub fn name(attribute: Attribute<'_>) -> Option<String> {
    // SAFETY: the attribute is alive.
    if !unsafe { mlirAttributeIsADenseResourceElements(attribute.to_raw()) } {
        return None;
    }
    // The C API has no getter; the printed form is `dense_resource<NAME> : TYPE`.
    let text = attribute.to_string();
    let inner = text.strip_prefix("dense_resource<")?;
    Some(inner[..inner.rfind("> : ")?].trim_matches('"').to_owned())
}

//! Launches as the caller gives them.

use crate::driver::Failure;
use neurocuda_cuda_abi::{Argument, Launch};

/// A launch in the caller's memory.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub kernel: &'a str,
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub arguments: &'a [Argument],
}

/// Views of a caller's launches.
///
/// # Safety
/// The pointers are valid, as the interface demands, for `'a`.
pub unsafe fn views<'a>(launches: *const Launch, count: usize) -> Result<Vec<View<'a>>, Failure> {
    // SAFETY: demanded of the caller.
    let launches = unsafe { slice(launches, count) };
    let view = |launch: &'a Launch| {
        // SAFETY: demanded of the caller.
        let name = unsafe { slice(launch.kernel, launch.kernel_length) };
        let kernel = std::str::from_utf8(name)
            .map_err(|_| Failure::Failed("the name of a kernel is not UTF-8".into()))?;
        // SAFETY: demanded of the caller.
        let arguments = unsafe { slice(launch.arguments, launch.argument_count) };
        Ok(View { kernel, grid: launch.grid, block: launch.block, arguments })
    };
    launches.iter().map(view).collect()
}

/// A slice of the caller's, whose pointer may be null where it is empty.
///
/// # Safety
/// `data` points to `count` values that live for `'a`.
pub unsafe fn slice<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: demanded of the caller.
    unsafe { std::slice::from_raw_parts(data, count) }
}

/// A launch that is kept.
pub struct Kept {
    kernel: String,
    grid: [u32; 3],
    block: [u32; 3],
    arguments: Vec<Argument>,
}

impl From<&View<'_>> for Kept {
    fn from(view: &View<'_>) -> Self {
        let View { kernel, grid, block, arguments } = *view;
        Self { kernel: kernel.to_owned(), grid, block, arguments: arguments.to_vec() }
    }
}

impl PartialEq<View<'_>> for Kept {
    fn eq(&self, view: &View<'_>) -> bool {
        // The arguments first: lists that differ do so in an address most often.
        self.arguments == view.arguments
            && self.grid == view.grid
            && self.block == view.block
            && self.kernel == view.kernel
    }
}

//! Acts as the CUDA driver in tests: what `libneurocuda_cuda.so` calls of it, with memory on the host.
//!
//! It is as unhelpful as a driver may be. Nothing in a stream happens before somebody waits for it; copies must be of pinned
//! memory; calls fail without a current context, with handles that are gone, and after an access outside what was
//! allocated. Of all kernels it runs one: `increment(pointer, n)` adds 1 to each of n bytes.
//!
//! The variable `NEUROCUDA_FAKE_CUDA`, or [`fake_cuda_configure`], says what it is to be: `devices=2,capability=80,memory=4096,
//! driver=11080` and, for calls that are to fail, their name and status: `cuModuleLoadDataEx=222`.

#![allow(
    non_snake_case,
    clippy::expect_used,
    reason = "a driver has the names it has, and tests fail by panicking"
)]

mod context;
mod memory;
mod module;
mod settings;
mod state;
mod stream;

use settings::Settings;
use state::{State, state};
use std::ffi::{CStr, c_char};

/// Starts anew, with other settings.
///
/// # Safety
/// `text` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fake_cuda_configure(text: *const c_char) {
    // SAFETY: demanded of the caller.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    *state() = State::new(Settings::parse(&text));
}

/// Writes what was called, a line for each, and what is alive; gives the length of it.
///
/// # Safety
/// `text` has `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fake_cuda_log(text: *mut u8, capacity: usize) -> usize {
    let log = state().log();
    assert!(log.len() <= capacity, "the log is longer than the buffer");
    // SAFETY: demanded of the caller.
    unsafe { text.copy_from(log.as_ptr(), log.len()) };
    log.len()
}

//! Memory, of the device and pinned.

use crate::state::{INVALID_VALUE, OUT_OF_MEMORY, Work, call_in_context};
use std::ffi::c_void;

/// Where device memory begins: far from all that a process maps, so that nobody reads it by mistake.
const BASE: u64 = 0x7f00_0000_0000_0000;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> u32 {
    call_in_context("cuMemGetInfo_v2", |state| unsafe {
        *total = state.settings.memory as usize;
        *free = (state.settings.memory - state.used()) as usize;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> u32 {
    call_in_context("cuMemAlloc_v2", |state| unsafe {
        if bytes == 0 {
            return Err(INVALID_VALUE);
        }
        if bytes as u64 > state.settings.memory - state.used() {
            return Err(OUT_OF_MEMORY);
        }
        let end = state.memory.last_key_value().map_or(BASE, |(start, memory)| start + memory.len() as u64);
        // A gap, so that no access runs from one into the next.
        let start = (end + 4096).next_multiple_of(256);
        // Memory is not zero by itself.
        state.memory.insert(start, vec![0xa5; bytes]);
        *address = start;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFree_v2(address: u64) -> u32 {
    call_in_context("cuMemFree_v2", |state| state.memory.remove(&address).map(drop).ok_or(INVALID_VALUE))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAllocHost_v2(pointer: *mut *mut c_void, bytes: usize) -> u32 {
    call_in_context("cuMemAllocHost_v2", |state| unsafe {
        let mut memory = vec![0_u8; bytes];
        *pointer = memory.as_mut_ptr().cast();
        state.pinned.insert(*pointer as usize, memory);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFreeHost(pointer: *mut c_void) -> u32 {
    call_in_context("cuMemFreeHost", |state| {
        state.pinned.remove(&(pointer as usize)).map(drop).ok_or(INVALID_VALUE)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD8Async(to: u64, value: u8, length: usize, stream: *mut c_void) -> u32 {
    call_in_context("cuMemsetD8Async", |state| state.put(stream as usize, Work::Fill { to, value, length }))
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, length: usize, stream: *mut c_void) -> u32 {
    call_in_context("cuMemcpyHtoDAsync_v2", |state| {
        state.put(stream as usize, Work::Upload { to, from: from as usize, length })
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, length: usize, stream: *mut c_void) -> u32 {
    call_in_context("cuMemcpyDtoHAsync_v2", |state| {
        state.put(stream as usize, Work::Download { to: to as usize, from, length })
    })
}

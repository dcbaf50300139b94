//! The interface between the runtime and its CUDA launcher, `libneurocuda_cuda.so`.
//!
//! The launcher is a library of its own because it opens only where a CUDA driver is. It exports one function, [`SYMBOL`],
//! which gives the table of all others. Every function gives a [`Status`] and, where that is not [`Status::Done`], says why
//! in the caller's [`Report`].

use std::{
    mem::size_of,
    os::raw::{c_float, c_void},
};

/// Changes with every change of what is declared here.
pub const VERSION: u32 = 1;

/// The exported function, of type [`Entry`].
pub const SYMBOL: &[u8] = b"neurocuda_cuda_interface\0";

/// Gives the table, which lives as long as the library is loaded.
pub type Entry = unsafe extern "C" fn() -> *const Interface;

/// How a call ended.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As wanted.
    Done = 0,
    /// The driver is too old for what is asked, or drives no GPU.
    Driver = 1,
    /// The kernels were compiled for another architecture.
    Architecture = 2,
    /// There is too little memory: see [`Report::needed`] and [`Report::free`].
    Memory = 3,
    /// Anything else.
    Failed = 4,
}

/// What the launcher says, in memory of the caller.
#[repr(C)]
pub struct Report {
    /// Bytes that were asked for.
    pub needed: u64,
    /// Bytes that there are.
    pub free: u64,
    length: u32,
    text: [u8; 8188],
}

impl Default for Report {
    fn default() -> Self {
        Self { needed: 0, free: 0, length: 0, text: [0; 8188] }
    }
}

impl Report {
    /// Writes a text, shortened if need be.
    pub fn set_text(&mut self, text: &str) {
        let length = text.floor_char_boundary(self.text.len());
        self.text[..length].copy_from_slice(&text.as_bytes()[..length]);
        self.length = length as u32;
    }

    /// The text.
    pub fn text(&self) -> String {
        let length = self.text.len().min(self.length as usize);
        String::from_utf8_lossy(&self.text[..length]).into_owned()
    }
}

/// What an argument is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An address in device memory, 64 bits.
    Pointer = 0,
    /// An integer of 32 bits.
    Word = 1,
}

/// An argument of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its value; a word stands in the lower half.
    pub value: u64,
    /// What it is.
    pub kind: Kind,
}

/// A launch of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    /// Name of the kernel, UTF-8.
    pub kernel: *const u8,
    /// Length of the name in bytes.
    pub kernel_length: usize,
    /// The arguments in the order of the kernel's parameters.
    pub arguments: *const Argument,
    /// Number of arguments.
    pub argument_count: usize,
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
}

/// What a GPU has. A number that the driver does not give is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Bytes of device memory.
    pub memory_bytes: u64,
    /// Compute capability, before the point.
    pub capability_major: u32,
    /// Compute capability, behind the point.
    pub capability_minor: u32,
    /// The CUDA version that the driver supports, before the point.
    pub driver_major: u32,
    /// The CUDA version that the driver supports, behind the point.
    pub driver_minor: u32,
    /// Multiprocessors.
    pub multiprocessors: u32,
    /// Clock of the multiprocessors at its peak, kHz.
    pub clock_khz: u32,
    /// Clock of the memory at its peak, kHz.
    pub memory_clock_khz: u32,
    /// Width of the memory's bus in bits.
    pub memory_bus_bits: u32,
    /// Bytes of the second-level cache.
    pub l2_bytes: u32,
}

/// A GPU that was opened. Calls on one of them must not overlap; any thread may make them.
pub type Handle = *mut c_void;

/// The launcher's functions.
///
/// Pointers must be valid for what they stand for while the call lasts; nothing is kept. `Report` may not be null.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Interface {
    /// [`VERSION`] of what built the launcher. Stays the first field for ever.
    pub version: u32,
    /// Bytes of this table.
    pub size: u32,
    /// Number of GPUs.
    pub count: unsafe extern "C" fn(count: *mut u32, report: *mut Report) -> Status,
    /// Opens the GPU of an index below the count.
    pub open: unsafe extern "C" fn(index: u32, handle: *mut Handle, report: *mut Report) -> Status,
    /// Closes it; memory, kernels and graphs are gone.
    pub close: unsafe extern "C" fn(handle: Handle),
    /// Name of the card, as the report's text.
    pub name: unsafe extern "C" fn(handle: Handle, report: *mut Report) -> Status,
    /// What it has.
    pub properties:
        unsafe extern "C" fn(handle: Handle, properties: *mut Properties, report: *mut Report) -> Status,
    /// Bytes that can still be allocated.
    pub free_memory: unsafe extern "C" fn(handle: Handle, bytes: *mut u64, report: *mut Report) -> Status,
    /// Loads a PTX text in place of the one before.
    pub load:
        unsafe extern "C" fn(handle: Handle, ptx: *const u8, length: usize, report: *mut Report) -> Status,
    /// Allocates memory, aligned to 256 bytes and zeroed.
    pub allocate:
        unsafe extern "C" fn(handle: Handle, bytes: u64, address: *mut u64, report: *mut Report) -> Status,
    /// Frees what `allocate` gave.
    pub free: unsafe extern "C" fn(handle: Handle, address: u64, report: *mut Report) -> Status,
    /// Copies to the device, after all earlier launches.
    pub write: unsafe extern "C" fn(
        handle: Handle,
        to: u64,
        data: *const u8,
        length: usize,
        report: *mut Report,
    ) -> Status,
    /// Copies from the device, after all earlier launches.
    pub read: unsafe extern "C" fn(
        handle: Handle,
        from: u64,
        data: *mut u8,
        length: usize,
        report: *mut Report,
    ) -> Status,
    /// Runs launches in their order; returns before they are done.
    pub run: unsafe extern "C" fn(
        handle: Handle,
        launches: *const Launch,
        count: usize,
        report: *mut Report,
    ) -> Status,
    /// Runs launches in their order, waits, and writes the milliseconds that each one took.
    pub profile: unsafe extern "C" fn(
        handle: Handle,
        launches: *const Launch,
        count: usize,
        milliseconds: *mut c_float,
        report: *mut Report,
    ) -> Status,
    /// Waits until everything is done.
    pub synchronize: unsafe extern "C" fn(handle: Handle, report: *mut Report) -> Status,
}

impl Interface {
    /// What [`Interface::size`] is to be.
    pub const SIZE: u32 = size_of::<Self>() as u32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let mut report = Report::default();
        report.set_text("a short one");
        assert_eq!(report.text(), "a short one");
        report.set_text(&"\u{20ac}".repeat(4000));
        assert_eq!(report.text(), "\u{20ac}".repeat(8188 / 3));
    }
}

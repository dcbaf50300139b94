//! The functions that other programs call.

use crate::{
    driver::Failure,
    gpu::{self, Gpu},
    launch::{slice, views},
};
use neurocuda_cuda_abi::{Handle, Interface, Launch, Properties, Report, Status, VERSION};
use std::os::raw::c_float;

/// All of them.
pub static TABLE: Interface = Interface {
    version: VERSION,
    size: Interface::SIZE,
    count,
    open,
    close,
    name,
    properties,
    free_memory,
    load,
    allocate,
    free,
    write,
    read,
    run,
    profile,
    synchronize,
};

/// Status and report of a result.
///
/// # Safety
/// `report` points to a report.
unsafe fn tell(report: *mut Report, result: Result<(), Failure>) -> Status {
    match result {
        Ok(()) => Status::Done,
        // SAFETY: demanded of the caller.
        Err(failure) => failure.write(unsafe { &mut *report }),
    }
}

/// Does something with an open GPU.
///
/// # Safety
/// The handle is one that `open` gave and `close` did not take, in no other call now; `report` points to a report.
unsafe fn with(
    handle: Handle,
    report: *mut Report,
    act: impl FnOnce(&mut Gpu) -> Result<(), Failure>,
) -> Status {
    // SAFETY: demanded of the caller.
    let gpu = unsafe { &mut *handle.cast::<Gpu>() };
    let result = gpu.enter().and_then(|()| act(gpu));
    // SAFETY: demanded of the caller.
    unsafe { tell(report, result) }
}

unsafe extern "C" fn count(count: *mut u32, report: *mut Report) -> Status {
    // SAFETY: the interface demands that both pointers are valid.
    unsafe { tell(report, gpu::count().map(|number| *count = number)) }
}

unsafe extern "C" fn open(index: u32, handle: *mut Handle, report: *mut Report) -> Status {
    // SAFETY: the interface demands that both pointers are valid.
    unsafe { tell(report, Gpu::open(index).map(|gpu| *handle = Box::into_raw(Box::new(gpu)).cast())) }
}

unsafe extern "C" fn close(handle: Handle) {
    // SAFETY: the interface demands that `open` gave the handle, and that it is not used again.
    drop(unsafe { Box::from_raw(handle.cast::<Gpu>()) });
}

unsafe extern "C" fn name(handle: Handle, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and a valid report.
    unsafe { with(handle, report, |gpu| gpu.name().map(|name| (*report).set_text(&name))) }
}

unsafe extern "C" fn properties(handle: Handle, to: *mut Properties, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe {
        with(handle, report, |gpu| {
            *to = gpu.properties();
            Ok(())
        })
    }
}

unsafe extern "C" fn free_memory(handle: Handle, bytes: *mut u64, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |gpu| gpu.free_memory().map(|free| *bytes = free)) }
}

unsafe extern "C" fn load(handle: Handle, ptx: *const u8, length: usize, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe {
        with(handle, report, |gpu| match std::str::from_utf8(slice(ptx, length)) {
            Ok(text) => gpu.load(text),
            Err(_) => Err(Failure::Failed("the kernels are not UTF-8 text".into())),
        })
    }
}

unsafe extern "C" fn allocate(handle: Handle, bytes: u64, address: *mut u64, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |gpu| gpu.allocate(bytes).map(|given| *address = given)) }
}

unsafe extern "C" fn free(handle: Handle, address: u64, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and a valid report.
    unsafe { with(handle, report, |gpu| gpu.free(address)) }
}

unsafe extern "C" fn write(
    handle: Handle,
    to: u64,
    data: *const u8,
    length: usize,
    report: *mut Report,
) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |gpu| gpu.write(to, slice(data, length))) }
}

unsafe extern "C" fn read(
    handle: Handle,
    from: u64,
    data: *mut u8,
    length: usize,
    report: *mut Report,
) -> Status {
    if length == 0 {
        return Status::Done;
    }
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |gpu| gpu.read(from, std::slice::from_raw_parts_mut(data, length))) }
}

unsafe extern "C" fn run(
    handle: Handle,
    launches: *const Launch,
    count: usize,
    report: *mut Report,
) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |gpu| gpu.run(&views(launches, count)?)) }
}

unsafe extern "C" fn profile(
    handle: Handle,
    launches: *const Launch,
    count: usize,
    milliseconds: *mut c_float,
    report: *mut Report,
) -> Status {
    if count == 0 {
        return Status::Done;
    }
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe {
        with(handle, report, |gpu| {
            gpu.profile(&views(launches, count)?, std::slice::from_raw_parts_mut(milliseconds, count))
        })
    }
}

unsafe extern "C" fn synchronize(handle: Handle, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and a valid report.
    unsafe { with(handle, report, |gpu| gpu.synchronize()) }
}

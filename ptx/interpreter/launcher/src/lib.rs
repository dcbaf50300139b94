//! The PTX interpreter in the place of the CUDA launcher: with `NEUROCUDA_PLUGIN` naming this library, `neurocudac run --backend gpu` runs
//! on a machine without a GPU, and tests see the whole program at work. `NEUROCUDA_LIBCUDA` has to name some library that opens, such
//! as this one again; `NEUROCUDA_INTERPRETERS` says how many GPUs there are, 1 if it is not set.

use neurocuda_cuda_abi::{Handle, Interface, Kind, Launch, Properties, Report, Status, VERSION};
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::gpu::{Argument, Device, DeviceError, KernelLaunch};
use std::{os::raw::c_float, slice};

static TABLE: Interface = Interface {
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

/// The table of this library's functions.
// SAFETY: no other library that is opened beside it has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn neurocuda_cuda_interface() -> *const Interface {
    &TABLE
}

/// Does something with an interpreter.
///
/// # Safety
/// The handle is one that `open` gave and `close` did not take, in no other call now; `report` points to a report.
unsafe fn with(
    handle: Handle,
    report: *mut Report,
    act: impl FnOnce(&mut Interpreter) -> Result<(), DeviceError>,
) -> Status {
    // SAFETY: demanded of the caller.
    let (interpreter, report) = unsafe { (&mut *handle.cast::<Interpreter>(), &mut *report) };
    match act(interpreter) {
        Ok(()) => Status::Done,
        Err(DeviceError::Memory { needed, free }) => {
            (report.needed, report.free) = (needed, free);
            Status::Memory
        }
        Err(error) => {
            report.set_text(&error.to_string());
            Status::Failed
        }
    }
}

/// A slice of the caller's, whose pointer may be null where it is empty.
///
/// # Safety
/// `data` points to `count` values that live for `'a`.
unsafe fn view<'a, T>(data: *const T, count: usize) -> &'a [T] {
    // SAFETY: demanded of the caller.
    if count == 0 { &[] } else { unsafe { slice::from_raw_parts(data, count) } }
}

unsafe extern "C" fn count(count: *mut u32, _: *mut Report) -> Status {
    let asked = std::env::var("NEUROCUDA_INTERPRETERS").ok().and_then(|count| count.parse().ok());
    // SAFETY: the interface demands a valid pointer.
    unsafe { *count = asked.unwrap_or(1) };
    Status::Done
}

unsafe extern "C" fn open(_: u32, handle: *mut Handle, _: *mut Report) -> Status {
    // SAFETY: the interface demands a valid pointer.
    unsafe { *handle = Box::into_raw(Box::new(Interpreter::new())).cast() };
    Status::Done
}

unsafe extern "C" fn close(handle: Handle) {
    // SAFETY: the interface demands that `open` gave the handle, and that it is not used again.
    drop(unsafe { Box::from_raw(handle.cast::<Interpreter>()) });
}

unsafe extern "C" fn name(handle: Handle, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and a valid report.
    unsafe {
        let name = (*handle.cast::<Interpreter>()).describe();
        (*report).set_text(&name);
    }
    Status::Done
}

unsafe extern "C" fn properties(_: Handle, to: *mut Properties, _: *mut Report) -> Status {
    // SAFETY: the interface demands a valid pointer.
    unsafe { *to = Properties::default() };
    Status::Done
}

unsafe extern "C" fn free_memory(handle: Handle, bytes: *mut u64, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |device| device.free_memory().map(|free| *bytes = free)) }
}

unsafe extern "C" fn load(handle: Handle, ptx: *const u8, length: usize, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |device| device.load(&String::from_utf8_lossy(view(ptx, length)))) }
}

unsafe extern "C" fn allocate(handle: Handle, bytes: u64, address: *mut u64, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |device| device.allocate(bytes).map(|given| *address = given)) }
}

unsafe extern "C" fn free(handle: Handle, address: u64, report: *mut Report) -> Status {
    // SAFETY: the interface demands a handle of `open` and a valid report.
    unsafe { with(handle, report, |device| device.free(address)) }
}

unsafe extern "C" fn write(
    handle: Handle,
    to: u64,
    data: *const u8,
    length: usize,
    report: *mut Report,
) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    unsafe { with(handle, report, |device| device.write(to, view(data, length))) }
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
    unsafe { with(handle, report, |device| device.read(from, slice::from_raw_parts_mut(data, length))) }
}

unsafe extern "C" fn run(
    handle: Handle,
    launches: *const Launch,
    count: usize,
    report: *mut Report,
) -> Status {
    // SAFETY: the interface demands a handle of `open` and valid pointers.
    let own = |launch: &Launch| unsafe {
        let argument = |argument: &neurocuda_cuda_abi::Argument| match argument.kind {
            Kind::Pointer => Argument::Pointer(argument.value),
            Kind::Word => Argument::I32(argument.value as u32 as i32),
        };
        KernelLaunch {
            kernel: String::from_utf8_lossy(view(launch.kernel, launch.kernel_length)).into_owned(),
            grid: launch.grid,
            block: launch.block,
            arguments: view(launch.arguments, launch.argument_count).iter().map(argument).collect(),
        }
    };
    // SAFETY: likewise.
    unsafe {
        let launches = view(launches, count).iter().map(own).collect::<Vec<_>>();
        with(handle, report, |device| device.run(&launches))
    }
}

unsafe extern "C" fn profile(
    _: Handle,
    _: *const Launch,
    _: usize,
    _: *mut c_float,
    report: *mut Report,
) -> Status {
    // SAFETY: the interface demands a valid report.
    unsafe { (*report).set_text("an interpreter has no clock") };
    Status::Failed
}

unsafe extern "C" fn synchronize(_: Handle, _: *mut Report) -> Status {
    Status::Done
}

//! The driver itself, its devices, and their contexts.

use crate::state::{CURRENT, INVALID_CONTEXT, INVALID_DEVICE, INVALID_VALUE, NO_DEVICE, call};
use std::ffi::{CStr, c_char, c_int, c_void};

/// What a context's handle is.
const CONTEXT: usize = 0xc0;

#[unsafe(no_mangle)]
extern "C" fn cuInit(flags: u32) -> u32 {
    call("cuInit", |state| {
        if flags != 0 {
            return Err(INVALID_VALUE);
        }
        if state.settings.devices == 0 {
            return Err(NO_DEVICE);
        }
        state.initialised = true;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> u32 {
    call("cuDriverGetVersion", |state| unsafe {
        *version = state.settings.driver as c_int;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> u32 {
    call("cuDeviceGetCount", |state| unsafe {
        *count = state.settings.devices as c_int;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> u32 {
    call("cuDeviceGet", |state| unsafe {
        if ordinal < 0 || ordinal >= state.settings.devices as c_int {
            return Err(INVALID_DEVICE);
        }
        *device = ordinal;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> u32 {
    call("cuDeviceGetName", |_| unsafe {
        let text = format!("Fake {device}\0");
        assert!(text.len() <= length as usize);
        name.cast::<u8>().copy_from(text.as_ptr(), text.len());
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, _device: c_int) -> u32 {
    call("cuDeviceTotalMem_v2", |state| unsafe {
        *bytes = state.settings.memory as usize;
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, _device: c_int) -> u32 {
    call("cuDeviceGetAttribute", |state| unsafe {
        *value = match attribute {
            13 => 1_980_000,                               // CLOCK_RATE
            16 => 132,                                     // MULTIPROCESSOR_COUNT
            36 => 2_619_000,                               // MEMORY_CLOCK_RATE
            37 => 5120,                                    // GLOBAL_MEMORY_BUS_WIDTH
            38 => 50 << 20,                                // L2_CACHE_SIZE
            75 => (state.settings.capability / 10) as i32, // COMPUTE_CAPABILITY_MAJOR
            76 => (state.settings.capability % 10) as i32, // COMPUTE_CAPABILITY_MINOR
            _ => return Err(INVALID_VALUE),
        };
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut *mut c_void, _device: c_int) -> u32 {
    call("cuDevicePrimaryCtxRetain", |state| unsafe {
        state.contexts += 1;
        *context = CONTEXT as *mut c_void;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDevicePrimaryCtxRelease_v2(_device: c_int) -> u32 {
    call("cuDevicePrimaryCtxRelease_v2", |state| {
        state.contexts = state.contexts.checked_sub(1).ok_or(INVALID_CONTEXT)?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSetCurrent(context: *mut c_void) -> u32 {
    call("cuCtxSetCurrent", |state| {
        if context as usize != CONTEXT || state.contexts == 0 {
            return Err(INVALID_CONTEXT);
        }
        CURRENT.set(true);
        Ok(())
    })
}

fn words(status: u32) -> Option<(&'static CStr, &'static CStr)> {
    Some(match status {
        1 => (c"CUDA_ERROR_INVALID_VALUE", c"invalid argument"),
        2 => (c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory"),
        100 => (c"CUDA_ERROR_NO_DEVICE", c"no CUDA-capable device is detected"),
        209 => (c"CUDA_ERROR_NO_BINARY_FOR_GPU", c"no kernel image is available for execution on the device"),
        218 => (c"CUDA_ERROR_INVALID_PTX", c"a PTX JIT compilation failed"),
        222 => (
            c"CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
            c"the provided PTX was compiled with an unsupported toolchain.",
        ),
        700 => (c"CUDA_ERROR_ILLEGAL_ADDRESS", c"an illegal memory access was encountered"),
        // Newer than the bindings.
        721 => (c"CUDA_ERROR_TENSOR_MEMORY_LEAK", c"tensor memory not completely freed"),
        803 => (
            c"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            c"system has unsupported display driver / cuda driver combination",
        ),
        _ => return None,
    })
}

unsafe fn answer(words: Option<&'static CStr>, text: *mut *const c_char) -> u32 {
    unsafe { *text = words.map_or(std::ptr::null(), CStr::as_ptr) };
    if words.is_some() { 0 } else { INVALID_VALUE }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorName(status: u32, text: *mut *const c_char) -> u32 {
    unsafe { answer(words(status).map(|words| words.0), text) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorString(status: u32, text: *mut *const c_char) -> u32 {
    unsafe { answer(words(status).map(|words| words.1), text) }
}

//! Modules, functions and launches.

use crate::state::{
    INVALID_HANDLE, INVALID_PTX, INVALID_VALUE, NOT_FOUND, Parameters, Work, call_in_context,
};
use std::{
    collections::HashMap,
    ffi::{CStr, c_char, c_void},
};

/// What the compiler says of a text that it does not like.
const COMPLAINT: &CStr = c"ptxas fatal : Unresolved extern function 'nowhere'";

/// Kernels of a text, with the sizes of their parameters.
fn entries(ptx: &str) -> Result<HashMap<String, Parameters>, u32> {
    let lines = ptx.lines().filter(|line| !line.trim_start().starts_with("//"));
    let ptx = lines.collect::<Vec<_>>().join("\n");
    if !ptx.trim_start().starts_with(".version") {
        return Err(INVALID_PTX);
    }
    let size = |parameter: &str| match parameter.split_whitespace().nth(1) {
        Some(".u64") => Ok(8),
        Some(".u32") => Ok(4),
        _ => Err(INVALID_PTX),
    };
    let entry = |text: &str| {
        let (name, rest) = text.split_once('(').ok_or(INVALID_PTX)?;
        let (list, _) = rest.split_once(')').ok_or(INVALID_PTX)?;
        let sizes = list.split(',').filter(|parameter| !parameter.trim().is_empty()).map(size);
        Ok((name.trim().to_owned(), sizes.collect::<Result<_, _>>()?))
    };
    ptx.split(".visible .entry").skip(1).map(entry).collect()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleLoadDataEx(
    module: *mut *mut c_void,
    image: *const c_char,
    count: u32,
    options: *const u32,
    values: *const *mut c_void,
) -> u32 {
    let status = call_in_context("cuModuleLoadDataEx", |state| {
        let text = unsafe { CStr::from_ptr(image) }.to_str().map_err(|_| INVALID_PTX)?;
        let entries = entries(text)?;
        let handle = state.handle();
        state.line(format!("load {}", entries.len()));
        state.modules.insert(handle, entries);
        unsafe { *module = handle as *mut c_void };
        Ok(())
    });
    if status == INVALID_PTX {
        let option = |wanted: u32| unsafe {
            let index = (0..count as usize).find(|&index| *options.add(index) == wanted)?;
            Some(*values.add(index))
        };
        if let (Some(buffer), Some(size)) = (option(5), option(6)) {
            let complaint = COMPLAINT.to_bytes_with_nul();
            assert!(complaint.len() <= size as usize);
            unsafe { buffer.cast::<u8>().copy_from(complaint.as_ptr(), complaint.len()) };
        }
    }
    status
}

#[unsafe(no_mangle)]
extern "C" fn cuModuleUnload(module: *mut c_void) -> u32 {
    call_in_context("cuModuleUnload", |state| {
        state.functions.clear();
        state.line("unload");
        state.modules.remove(&(module as usize)).map(drop).ok_or(INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleGetFunction(
    function: *mut *mut c_void,
    module: *mut c_void,
    name: *const c_char,
) -> u32 {
    call_in_context("cuModuleGetFunction", |state| {
        let name = unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| INVALID_VALUE)?.to_owned();
        let module = state.modules.get(&(module as usize)).ok_or(INVALID_HANDLE)?;
        let parameters = module.get(&name).ok_or(NOT_FOUND)?.clone();
        let handle = state.handle();
        state.line(format!("function {name}"));
        state.functions.insert(handle, (name, parameters));
        unsafe { *function = handle as *mut c_void };
        Ok(())
    })
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn cuLaunchKernel(
    function: *mut c_void,
    grid_x: u32,
    grid_y: u32,
    grid_z: u32,
    block_x: u32,
    block_y: u32,
    block_z: u32,
    shared: u32,
    stream: *mut c_void,
    parameters: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> u32 {
    call_in_context("cuLaunchKernel", |state| {
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let threads = block.iter().map(|&count| u64::from(count)).product::<u64>();
        if grid.contains(&0) || threads == 0 || threads > 1024 || shared != 0 || !extra.is_null() {
            return Err(INVALID_VALUE);
        }
        let (name, sizes) = state.functions.get(&(function as usize)).ok_or(INVALID_HANDLE)?.clone();
        let argument = |(index, &size): (usize, &usize)| unsafe {
            let pointer = *parameters.add(index);
            if size == 8 {
                pointer.cast::<u64>().read_unaligned()
            } else {
                u64::from(pointer.cast::<u32>().read_unaligned())
            }
        };
        let arguments = sizes.iter().enumerate().map(argument).collect::<Vec<_>>();
        let captured = state.streams.get(&(stream as usize)).is_some_and(|stream| stream.capture.is_some());
        let how = if captured { "capture" } else { "launch" };
        state.line(format!("{how} {name} {grid:?} {block:?} {arguments:x?}"));
        state.put(stream as usize, Work::Launch { kernel: name, blocks: grid, arguments })
    })
}

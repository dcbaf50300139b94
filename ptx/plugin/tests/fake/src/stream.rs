//! Streams, events and graphs.

use crate::state::{
    CAPTURE_UNSUPPORTED, INVALID_HANDLE, INVALID_VALUE, NOT_READY, State, Stream, Work, call_in_context,
};
use std::ffi::{c_int, c_void};

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamCreateWithPriority(
    stream: *mut *mut c_void,
    _flags: u32,
    _priority: c_int,
) -> u32 {
    call_in_context("cuStreamCreateWithPriority", |state| {
        let handle = state.handle();
        state.streams.insert(handle, Stream::default());
        unsafe { *stream = handle as *mut c_void };
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamDestroy_v2(stream: *mut c_void) -> u32 {
    call_in_context("cuStreamDestroy_v2", |state| {
        state.streams.remove(&(stream as usize)).map(drop).ok_or(INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamSynchronize(stream: *mut c_void) -> u32 {
    call_in_context("cuStreamSynchronize", |state| {
        let known = state.streams.get(&(stream as usize)).ok_or(INVALID_HANDLE)?;
        if known.capture.is_some() {
            return Err(CAPTURE_UNSUPPORTED);
        }
        state.happen(stream as usize, None)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamBeginCapture_v2(stream: *mut c_void, _mode: u32) -> u32 {
    call_in_context("cuStreamBeginCapture_v2", |state| {
        let stream = state.streams.get_mut(&(stream as usize)).ok_or(INVALID_HANDLE)?;
        stream.capture = Some(Vec::new());
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamEndCapture(stream: *mut c_void, graph: *mut *mut c_void) -> u32 {
    // A capture that fails ends nevertheless, as it does in the driver.
    let mut captured = None;
    call_in_context("", |state| {
        captured = state.streams.get_mut(&(stream as usize)).and_then(|stream| stream.capture.take());
        Ok(())
    });
    call_in_context("cuStreamEndCapture", |state| {
        let handle = state.handle();
        state.graphs.insert(handle, captured.ok_or(INVALID_VALUE)?);
        unsafe { *graph = handle as *mut c_void };
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuGraphInstantiateWithFlags(
    executable: *mut *mut c_void,
    graph: *mut c_void,
    flags: u64,
) -> u32 {
    call_in_context("cuGraphInstantiateWithFlags", |state| {
        if flags != 0 {
            return Err(INVALID_VALUE);
        }
        let work = state.graphs.get(&(graph as usize)).ok_or(INVALID_HANDLE)?.clone();
        let handle = state.handle();
        state.line(format!("graph {}", work.len()));
        state.executables.insert(handle, work);
        unsafe { *executable = handle as *mut c_void };
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphDestroy(graph: *mut c_void) -> u32 {
    call_in_context("cuGraphDestroy", |state| {
        state.graphs.remove(&(graph as usize)).map(drop).ok_or(INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphLaunch(executable: *mut c_void, stream: *mut c_void) -> u32 {
    call_in_context("cuGraphLaunch", |state| {
        let work = state.executables.get(&(executable as usize)).ok_or(INVALID_HANDLE)?.clone();
        state.line(format!("replay {}", work.len()));
        work.into_iter().try_for_each(|work| state.put(stream as usize, work))
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGraphExecDestroy(executable: *mut c_void) -> u32 {
    call_in_context("cuGraphExecDestroy", |state| {
        state.executables.remove(&(executable as usize)).map(drop).ok_or(INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuEventCreate(event: *mut *mut c_void, _flags: u32) -> u32 {
    call_in_context("cuEventCreate", |state| {
        let handle = state.handle();
        state.events.insert(handle, None);
        unsafe { *event = handle as *mut c_void };
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuEventDestroy_v2(event: *mut c_void) -> u32 {
    call_in_context("cuEventDestroy_v2", |state| {
        state.events.remove(&(event as usize)).map(drop).ok_or(INVALID_HANDLE)
    })
}

fn record(state: &mut State, event: *mut c_void, stream: *mut c_void) -> Result<(), u32> {
    let event = event as usize;
    *state.events.get_mut(&event).ok_or(INVALID_HANDLE)? = None;
    state.put(stream as usize, Work::Record { event })
}

#[unsafe(no_mangle)]
extern "C" fn cuEventRecord(event: *mut c_void, stream: *mut c_void) -> u32 {
    call_in_context("cuEventRecord", |state| record(state, event, stream))
}

#[unsafe(no_mangle)]
extern "C" fn cuEventRecordWithFlags(event: *mut c_void, stream: *mut c_void, flags: u32) -> u32 {
    call_in_context("cuEventRecordWithFlags", |state| {
        // An external record makes sense in a graph only.
        let capturing = state.streams.get(&(stream as usize)).is_some_and(|stream| stream.capture.is_some());
        if flags != 1 || !capturing {
            return Err(INVALID_VALUE);
        }
        record(state, event, stream)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuEventSynchronize(event: *mut c_void) -> u32 {
    call_in_context("cuEventSynchronize", |state| {
        let event = event as usize;
        state.events.get(&event).ok_or(INVALID_HANDLE)?;
        let recorded = |work: &Work| matches!(work, Work::Record { event: other } if *other == event);
        // All of its records: the last one counts.
        while let Some((&stream, _)) =
            state.streams.iter().find(|(_, stream)| stream.waiting.iter().any(recorded))
        {
            state.happen(stream, Some(event))?;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuEventElapsedTime_v2(
    milliseconds: *mut f32,
    start: *mut c_void,
    end: *mut c_void,
) -> u32 {
    call_in_context("cuEventElapsedTime_v2", |state| {
        let time =
            |event: *mut c_void| state.events.get(&(event as usize)).ok_or(INVALID_HANDLE)?.ok_or(NOT_READY);
        let (start, end) = (time(start)?, time(end)?);
        unsafe { *milliseconds = end - start };
        Ok(())
    })
}

//! Points in a stream.

use crate::driver::{Code, call};
use cust::{
    stream::Stream,
    sys::{CUevent, CUevent_flags, CUevent_record_flags},
};
use std::{os::raw::c_float, ptr};

/// A point in a stream that can be waited for. `cust` has these too, but not their records inside a graph.
pub struct Event(CUevent);

impl Event {
    /// An event to wait for.
    pub fn new() -> Result<Self, Code> {
        Self::with(CUevent_flags::CU_EVENT_DISABLE_TIMING as u32)
    }

    /// An event that also takes the time.
    pub fn timed() -> Result<Self, Code> {
        Self::with(CUevent_flags::CU_EVENT_DEFAULT as u32)
    }

    fn with(flags: u32) -> Result<Self, Code> {
        let mut event = ptr::null_mut();
        // SAFETY: the event is written.
        unsafe { call!(cuEventCreate(&mut event, flags)) }?;
        Ok(Self(event))
    }

    /// Puts it behind what is in the stream.
    pub fn record(&self, stream: &Stream) -> Result<(), Code> {
        // SAFETY: both are alive and of the same context.
        unsafe { call!(cuEventRecord(self.0, stream.as_inner())) }
    }

    /// Puts a node into the graph being captured that records the event whenever the graph runs.
    pub fn record_in_graph(&self, stream: &Stream) -> Result<(), Code> {
        let flags = CUevent_record_flags::CU_EVENT_RECORD_EXTERNAL as u32;
        // SAFETY: both are alive and of the same context.
        unsafe { call!(cuEventRecordWithFlags(self.0, stream.as_inner(), flags)) }
    }

    /// Waits for it. One that was never recorded is waited for in no time.
    pub fn wait(&self) -> Result<(), Code> {
        // SAFETY: the event is alive.
        unsafe { call!(cuEventSynchronize(self.0)) }
    }

    /// Milliseconds from an earlier event to this one; both are over.
    pub fn since(&self, earlier: &Self, clock: Clock) -> Result<f32, Code> {
        let mut milliseconds = 0.0;
        // SAFETY: both events are alive, the number is written, and the function is what its name says.
        crate::driver::check(unsafe { (clock.0)(&mut milliseconds, earlier.0, self.0) })?;
        Ok(milliseconds)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event is alive, and gone after this. Nobody can be told of a failure.
        let _ = unsafe { call!(cuEventDestroy_v2(self.0)) };
    }
}

type Elapsed = unsafe extern "C" fn(*mut c_float, CUevent, CUevent) -> u32;

/// The driver's function for the time between two events.
#[derive(Clone, Copy)]
pub struct Clock(Elapsed);

impl Clock {
    /// Finds it by name: the header of CUDA 13 has another version of it than that of CUDA 11, and all symbols that this
    /// library is linked to must be there for it to open.
    pub fn find() -> Option<Self> {
        let process = libloading::os::unix::Library::this();
        ["cuEventElapsedTime_v2", "cuEventElapsedTime"].iter().find_map(|name| {
            // SAFETY: both versions have this signature, and the driver is never unloaded.
            unsafe { process.get::<Elapsed>(*name) }.ok().map(|function| Self(*function))
        })
    }
}

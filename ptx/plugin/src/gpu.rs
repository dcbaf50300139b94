//! A GPU that was opened: its context, and the memory on it.

use crate::{
    driver::{Code, Failure, call},
    graphs::Graphs,
    kernels::Kernels,
    launch::View,
    profile,
    staging::Staging,
};
use cust::{
    CudaApiVersion,
    device::{Device, DeviceAttribute},
    stream::{Stream, StreamFlags},
    sys::{CUcontext, CUdevice},
};
use neurocuda_cuda_abi::Properties;
use std::{collections::HashSet, ptr};

/// Everything of one GPU. The order of the fields is the order in which they go: the context last.
pub struct Gpu {
    graphs: Graphs,
    kernels: Option<Kernels>,
    /// Addresses of what is allocated.
    allocated: HashSet<u64>,
    staging: Staging,
    stream: Stream,
    device: Device,
    context: Context,
}

/// The primary context of a GPU, which all CUDA libraries of a process share.
struct Context {
    context: CUcontext,
    device: CUdevice,
}

impl Context {
    /// Retains it. `cust` does so too, and loses what a driver says of a card that is taken or in a mode of its own.
    fn retain(device: Device) -> Result<Self, Code> {
        let device = device.as_raw();
        let mut context = ptr::null_mut();
        // SAFETY: the device is one of the driver's, and the context is written.
        unsafe { call!(cuDevicePrimaryCtxRetain(&mut context, device)) }?;
        Ok(Self { context, device })
    }

    /// Makes it that of this thread.
    fn enter(&self) -> Result<(), Code> {
        // SAFETY: the context is retained.
        unsafe { call!(cuCtxSetCurrent(self.context)) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was retained once. Nobody can be told of a failure.
        let _ = unsafe { call!(cuDevicePrimaryCtxRelease_v2(self.device)) };
    }
}

/// Starts the driver and gives the number of its GPUs.
pub fn count() -> Result<u32, Failure> {
    // SAFETY: the call takes a number that must be 0, and may be made many times.
    unsafe { call!(cuInit(0)) }.map_err(|code| code.during("the CUDA driver does not start"))?;
    Device::num_devices().map_err(|error| Code::from(error).during("the CUDA driver does not count its GPUs"))
}

impl Gpu {
    /// Opens the GPU of an index.
    pub fn open(index: u32) -> Result<Self, Failure> {
        let count = count()?;
        if count == 0 {
            return Err(Failure::Driver("the CUDA driver finds no GPU".into()));
        }
        if index >= count {
            let text = format!("there is no GPU {index}; the CUDA driver finds {count}, counted from 0");
            return Err(Failure::Failed(text));
        }
        let during = |code| match code {
            Code::OUT_OF_MEMORY => Failure::Failed(format!(
                "GPU {index} has no memory left for a context; end other programs on it, or run with --backend cpu"
            )),
            code => code.during(&format!("GPU {index} does not open")),
        };
        let device = Device::get_device(index).map_err(|error| during(error.into()))?;
        let context = Context::retain(device).map_err(during)?;
        context.enter().map_err(during)?;
        let stream = Stream::new(StreamFlags::DEFAULT, None).map_err(|error| during(error.into()))?;
        let staging = Staging::new()?;
        Ok(Self {
            graphs: Graphs::default(),
            kernels: None,
            allocated: HashSet::new(),
            staging,
            stream,
            device,
            context,
        })
    }

    /// To be done before anything else of a call, which may come from any thread.
    pub fn enter(&self) -> Result<(), Failure> {
        self.context.enter().map_err(|code| code.during("the GPU's context cannot be used"))
    }

    /// The card's name.
    pub fn name(&self) -> Result<String, Failure> {
        self.device.name().map_err(|error| Code::from(error).during("the GPU does not tell its name"))
    }

    /// What it has.
    pub fn properties(&self) -> Properties {
        let number = |attribute| {
            self.device.get_attribute(attribute).ok().and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
        };
        let (major, minor) =
            CudaApiVersion::get().map(|version| (version.major(), version.minor())).unwrap_or_default();
        Properties {
            memory_bytes: self.device.total_memory().map(|bytes| bytes as u64).unwrap_or(0),
            capability_major: number(DeviceAttribute::ComputeCapabilityMajor),
            capability_minor: number(DeviceAttribute::ComputeCapabilityMinor),
            driver_major: u32::try_from(major).unwrap_or(0),
            driver_minor: u32::try_from(minor).unwrap_or(0),
            multiprocessors: number(DeviceAttribute::MultiprocessorCount),
            clock_khz: number(DeviceAttribute::ClockRate),
            memory_clock_khz: number(DeviceAttribute::MemoryClockRate),
            memory_bus_bits: number(DeviceAttribute::GlobalMemoryBusWidth),
            l2_bytes: number(DeviceAttribute::L2CacheSize),
        }
    }

    /// Bytes that can still be allocated.
    pub fn free_memory(&self) -> Result<u64, Failure> {
        let (mut free, mut total) = (0, 0);
        // SAFETY: both are written.
        unsafe { call!(cuMemGetInfo_v2(&mut free, &mut total)) }
            .map_err(|code| code.during("the GPU does not tell its free memory"))?;
        Ok(free as u64)
    }

    /// Loads a PTX text in place of the one before.
    pub fn load(&mut self, ptx: &str) -> Result<(), Failure> {
        self.synchronize()?;
        self.graphs.clear();
        self.kernels = None;
        self.kernels = Some(Kernels::load(ptx, &self.properties())?);
        Ok(())
    }

    /// Allocates zeroed memory.
    pub fn allocate(&mut self, bytes: u64) -> Result<u64, Failure> {
        // The driver refuses to allocate nothing.
        let size = usize::try_from(bytes.max(1)).unwrap_or(usize::MAX);
        let mut address = 0;
        // SAFETY: the address is written.
        match unsafe { call!(cuMemAlloc_v2(&mut address, size)) } {
            Ok(()) => {}
            Err(Code::OUT_OF_MEMORY) => {
                return Err(Failure::Memory { needed: bytes, free: self.free_memory().unwrap_or(0) });
            }
            Err(code) => return Err(code.during(&format!("{bytes} bytes cannot be allocated"))),
        }
        self.allocated.insert(address);
        // SAFETY: that memory was allocated just now, and the stream belongs to the context that is current.
        let zeroed = unsafe { call!(cuMemsetD8Async(address, 0, size, self.stream.as_inner())) };
        if let Err(code) = zeroed {
            // The failure to report is the first.
            let _ = self.free(address);
            return Err(code.during("memory cannot be zeroed"));
        }
        Ok(address)
    }

    /// Frees what [`Self::allocate`] gave.
    pub fn free(&mut self, address: u64) -> Result<(), Failure> {
        // What still runs may use it. Drivers wait here by themselves, but only some promise it.
        let waited = self.synchronize();
        self.allocated.remove(&address);
        // SAFETY: the driver refuses an address that it did not give.
        unsafe { call!(cuMemFree_v2(address)) }.map_err(|code| code.during("memory cannot be freed"))?;
        waited
    }

    /// Copies to the device.
    pub fn write(&mut self, to: u64, data: &[u8]) -> Result<(), Failure> {
        self.staging.write(&self.stream, to, data)
    }

    /// Copies from the device.
    pub fn read(&mut self, from: u64, data: &mut [u8]) -> Result<(), Failure> {
        self.staging.read(&self.stream, from, data)
    }

    /// Runs launches in their order; returns before they are done.
    pub fn run(&mut self, launches: &[View<'_>]) -> Result<(), Failure> {
        let kernels = self.kernels.as_mut().ok_or_else(nothing_loaded)?;
        self.graphs.run(kernels, &self.stream, launches)
    }

    /// Runs launches in their order and measures each one.
    pub fn profile(&mut self, launches: &[View<'_>], milliseconds: &mut [f32]) -> Result<(), Failure> {
        let kernels = self.kernels.as_mut().ok_or_else(nothing_loaded)?;
        profile::run(kernels, &self.stream, launches, milliseconds)
    }

    /// Waits until everything is done.
    pub fn synchronize(&self) -> Result<(), Failure> {
        wait(&self.stream)
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // Nobody can be told of a failure here.
        let _ = self.enter();
        let _ = self.synchronize();
        // The context goes with its last user, who may be another.
        for address in self.allocated.drain() {
            // SAFETY: the driver gave the address, and nothing runs.
            let _ = unsafe { call!(cuMemFree_v2(address)) };
        }
    }
}

fn nothing_loaded() -> Failure {
    Failure::Failed("no kernels are loaded".into())
}

/// Waits until everything in a stream is done.
pub fn wait(stream: &Stream) -> Result<(), Failure> {
    // SAFETY: the stream is alive.
    unsafe { call!(cuStreamSynchronize(stream.as_inner())) }
        .map_err(|code| code.during("an earlier launch or copy failed"))
}

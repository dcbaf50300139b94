//! What the executor needs of a GPU, or of something that acts as one.

use thiserror::Error;

/// An address in device memory.
pub type Address = u64;

/// An argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    /// A pointer to global memory, 64 bits.
    Pointer(Address),
    /// An integer, 32 bits.
    I32(i32),
}

/// A launch of a kernel of the loaded module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KernelLaunch {
    /// Name of the kernel.
    pub kernel: String,
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
    /// Arguments in the order of the kernel's parameters.
    pub arguments: Vec<Argument>,
}

/// A device that runs kernels, one after the other.
pub trait Device: Send {
    /// What the device is, for people: card, architecture, driver.
    fn describe(&self) -> String;

    /// Bytes of memory that can still be allocated.
    ///
    /// # Errors
    /// `gpu-failed`.
    fn free_memory(&self) -> Result<u64, DeviceError>;

    /// Loads the kernels of a PTX text, in place of those loaded before.
    ///
    /// # Errors
    /// `gpu-arch`, `gpu-driver` or `gpu-failed`.
    fn load(&mut self, ptx: &str) -> Result<(), DeviceError>;

    /// Allocates memory, aligned to 256 bytes and zeroed.
    ///
    /// # Errors
    /// `gpu-memory`.
    fn allocate(&mut self, bytes: u64) -> Result<Address, DeviceError>;

    /// Frees what [`Device::allocate`] gave.
    ///
    /// # Errors
    /// `gpu-failed`.
    fn free(&mut self, address: Address) -> Result<(), DeviceError>;

    /// Copies to the device, after all earlier launches.
    ///
    /// # Errors
    /// `gpu-failed`.
    fn write(&mut self, to: Address, data: &[u8]) -> Result<(), DeviceError>;

    /// Copies from the device, after all earlier launches.
    ///
    /// # Errors
    /// `gpu-failed`, also for what went wrong in an earlier launch.
    fn read(&mut self, from: Address, data: &mut [u8]) -> Result<(), DeviceError>;

    /// Runs launches in their order. Returns before they are done; the same list given again may be replayed as one graph.
    ///
    /// # Errors
    /// `gpu-failed`.
    fn run(&mut self, launches: &[KernelLaunch]) -> Result<(), DeviceError>;

    /// Runs launches in their order, waits for them, and gives the milliseconds that each one took.
    ///
    /// # Errors
    /// `gpu-failed`, also where the device has no clock.
    fn profile(&mut self, launches: &[KernelLaunch]) -> Result<Vec<f32>, DeviceError> {
        let _ = launches;
        Err(DeviceError::Failed("it has no clock".into()))
    }
}

/// Why a GPU does not do what it is asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// There is no CUDA driver, or no launcher for it.
    #[error("gpu-no-driver: {0}; run with --backend cpu")]
    NoDriver(String),
    /// The driver is older than the kernels need.
    #[error("gpu-driver: {0}; update the driver, or run with --backend cpu")]
    Driver(String),
    /// The card is none that the kernels were compiled for.
    #[error("gpu-arch: {0}; compile with a lower --gpu-arch, or run with --backend cpu")]
    Architecture(String),
    /// There is not enough memory on the card.
    #[error(
        "gpu-memory: {needed} bytes are needed and {free} are free; give a smaller --batch, or run with --backend cpu"
    )]
    Memory {
        /// Bytes asked for.
        needed: u64,
        /// Bytes there are.
        free: u64,
    },
    /// The driver reports a failure.
    #[error("gpu-failed: {0}")]
    Failed(String),
}

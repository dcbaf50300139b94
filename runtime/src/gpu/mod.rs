//! Runs the kernels of an artifact on a GPU.

mod cards;
mod device;
mod executor;
mod memory;
mod plugin;

pub use cards::Cards;
pub use device::{Address, Argument, Device, DeviceError, KernelLaunch};
pub use executor::{Executor, GpuError};
pub use memory::Room;
pub use plugin::{Cuda, Libraries, Properties};

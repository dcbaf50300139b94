//! Runs the kernels of an artifact on a GPU.

mod device;
mod plugin;

pub use device::{Address, Argument, Device, DeviceError, KernelLaunch};
pub use plugin::{Cuda, Libraries, Properties};

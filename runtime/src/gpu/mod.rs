//! Runs the kernels of an artifact on a GPU.

mod device;

pub use device::{Address, Argument, Device, DeviceError, KernelLaunch};

//! From the spiking network to kernels of a GPU.

pub mod lower_to_gpu;

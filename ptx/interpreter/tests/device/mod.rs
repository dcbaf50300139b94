//! A device with what tests need around it.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub mod bench;

use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::gpu::{Argument, Device, DeviceError, KernelLaunch};

/// A device with a text loaded.
pub fn device(ptx: &str) -> Interpreter {
    let mut device = Interpreter::new();
    device.parse(ptx).unwrap();
    device
}

/// Memory with these bytes.
pub fn upload(device: &mut Interpreter, bytes: &[u8]) -> u64 {
    let address = device.allocate(bytes.len() as u64).unwrap();
    device.write(address, bytes).unwrap();
    address
}

/// Bytes of memory.
pub fn download(device: &mut Interpreter, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    device.read(address, &mut bytes).unwrap();
    bytes
}

/// 32-bit words as bytes.
pub fn bytes(words: &[i32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Bytes as 32-bit words.
pub fn words(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap())).collect()
}

/// Runs one kernel.
pub fn launch(
    device: &mut Interpreter,
    kernel: &str,
    grid: u32,
    block: u32,
    arguments: &[Argument],
) -> Result<(), DeviceError> {
    let (grid, block, arguments) = ([grid, 1, 1], [block, 1, 1], arguments.to_vec());
    device.run(&[KernelLaunch { kernel: kernel.to_owned(), grid, block, arguments }])
}

/// A sequence of numbers that look random.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    pub fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }
}

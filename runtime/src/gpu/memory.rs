//! Device memory of a network, planned before the first launch.

use super::{Address, Device, DeviceError};
use crate::artifact::{
    Artifact, ArtifactError,
    gpu_program::{Content, GpuProgram},
};

/// How many images and steps the device has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Images of a batch.
    pub images: usize,
    /// Steps of a chunk.
    pub steps: u32,
    /// Whether what each layer sends outlives the chunk's launches.
    pub keeps_events: bool,
}

/// Where each buffer lies.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) addresses: Vec<Address>,
    allocated: Vec<Address>,
}

/// Memory that buffers of steps share, one after the other.
#[derive(Clone, Debug)]
struct Slot {
    bytes: u64,
    /// Last launch that needs it.
    last: usize,
    buffers: Vec<usize>,
}

/// Slots for the buffers of steps, in the order of their first launch.
fn slots(program: &GpuProgram, room: Room) -> Vec<Slot> {
    let mut steps: Vec<(usize, usize, u64, usize)> = vec![];
    for (index, buffer) in program.buffers.iter().enumerate() {
        if let Content::Step { bytes, first, last } = buffer.content {
            let bytes = bytes.saturating_mul(room.images as u64).saturating_mul(room.steps.into());
            steps.push((first, if room.keeps_events { usize::MAX } else { last }, bytes, index));
        }
    }
    steps.sort_unstable();
    let mut slots: Vec<Slot> = vec![];
    for (first, last, bytes, index) in steps {
        // The smallest that is large enough, else the largest.
        let free = slots.iter_mut().filter(|slot| slot.last < first);
        match free.min_by_key(|slot| (slot.bytes < bytes, slot.bytes.abs_diff(bytes))) {
            Some(slot) => {
                slot.bytes = slot.bytes.max(bytes);
                slot.last = last;
                slot.buffers.push(index);
            }
            None => slots.push(Slot { bytes, last, buffers: vec![index] }),
        }
    }
    slots
}

/// Bytes of device memory that a network needs.
pub(super) fn needed(artifact: &Artifact, program: &GpuProgram, room: Room) -> u64 {
    let fixed = program.buffers.iter().map(|buffer| match &buffer.content {
        Content::Constant { tensor } => {
            artifact.tensors.get(tensor).map_or(0, |tensor| tensor.bytes().len() as u64)
        }
        Content::Once { bytes } => *bytes,
        Content::Image { bytes } => bytes.saturating_mul(room.images as u64),
        Content::Step { .. } => 0,
    });
    let shared = slots(program, room);
    fixed.chain(shared.iter().map(|slot| slot.bytes)).fold(0, u64::saturating_add)
}

impl Memory {
    /// Allocates all buffers and writes the constants.
    pub(super) fn new(
        device: &mut dyn Device,
        artifact: &Artifact,
        program: &GpuProgram,
        room: Room,
    ) -> Result<Self, super::GpuError> {
        let (needed, free) = (needed(artifact, program, room), device.free_memory()?);
        if needed > free {
            return Err(DeviceError::Memory { needed, free }.into());
        }
        let mut memory = Self { addresses: vec![0; program.buffers.len()], allocated: vec![] };
        let made = memory.fill(device, artifact, program, room);
        if let Err(error) = made {
            memory.free(device);
            return Err(error);
        }
        Ok(memory)
    }

    fn fill(
        &mut self,
        device: &mut dyn Device,
        artifact: &Artifact,
        program: &GpuProgram,
        room: Room,
    ) -> Result<(), super::GpuError> {
        for (index, buffer) in program.buffers.iter().enumerate() {
            let bytes = match &buffer.content {
                Content::Constant { tensor } => {
                    let tensor = artifact.tensors.get(tensor).ok_or_else(|| {
                        ArtifactError::invalid("gpu", format!("there is no tensor `{tensor}`"))
                    })?;
                    let address = self.allocate(device, tensor.bytes().len() as u64)?;
                    device.write(address, tensor.bytes())?;
                    self.addresses[index] = address;
                    continue;
                }
                Content::Once { bytes } => *bytes,
                Content::Image { bytes } => bytes * room.images as u64,
                Content::Step { .. } => continue,
            };
            self.addresses[index] = self.allocate(device, bytes)?;
        }
        for slot in slots(program, room) {
            let address = self.allocate(device, slot.bytes)?;
            slot.buffers.iter().for_each(|&buffer| self.addresses[buffer] = address);
        }
        Ok(())
    }

    fn allocate(&mut self, device: &mut dyn Device, bytes: u64) -> Result<Address, DeviceError> {
        let address = device.allocate(bytes.max(1))?;
        self.allocated.push(address);
        Ok(address)
    }

    /// Gives all memory back.
    pub(super) fn free(&mut self, device: &mut dyn Device) {
        for address in self.allocated.drain(..) {
            // What cannot be given back is gone with the process.
            let _ = device.free(address);
        }
    }
}

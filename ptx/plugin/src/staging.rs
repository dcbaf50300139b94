//! Copies between pageable and device memory, through pinned memory: the processor fills or empties one part of it while the
//! card's copy engine works on the others.

use crate::{
    driver::{Code, Failure, call},
    events::Event,
};
use cust::{memory::LockedBuffer, stream::Stream};

/// Bytes of a part: enough for the copy engine to be at its full rate, few enough for the second-level cache.
const PART: usize = 1 << 20;

/// Parts.
const PARTS: usize = 4;

struct Part {
    memory: LockedBuffer<u8>,
    /// When the copy engine is done with it.
    done: Event,
}

/// Pinned memory.
pub struct Staging {
    parts: Vec<Part>,
    next: usize,
}

impl Staging {
    /// Allocates it, in the current context.
    pub fn new() -> Result<Self, Failure> {
        let part = || -> Result<Part, Code> {
            Ok(Part { memory: LockedBuffer::new(&0, PART)?, done: Event::new()? })
        };
        let parts = (0..PARTS).map(|_| part()).collect::<Result<_, _>>();
        Ok(Self { parts: parts.map_err(|code| code.during("pinned memory cannot be allocated"))?, next: 0 })
    }

    /// Copies to the device; the copy engine may be at it still when this returns.
    pub fn write(&mut self, stream: &Stream, to: u64, data: &[u8]) -> Result<(), Failure> {
        for (index, chunk) in data.chunks(PART).enumerate() {
            let to = to.wrapping_add((index * PART) as u64);
            let part = &mut self.parts[self.next];
            self.next = (self.next + 1) % PARTS;
            let copy = |part: &mut Part| -> Result<(), Code> {
                part.done.wait()?;
                part.memory[..chunk.len()].copy_from_slice(chunk);
                // SAFETY: the memory is changed and freed only after the event behind this copy.
                unsafe {
                    call!(cuMemcpyHtoDAsync_v2(
                        to,
                        part.memory.as_ptr().cast(),
                        chunk.len(),
                        stream.as_inner()
                    ))
                }?;
                part.done.record(stream)
            };
            copy(part).map_err(|code| code.during("a copy to the GPU failed"))?;
        }
        Ok(())
    }

    /// Copies from the device.
    pub fn read(&mut self, stream: &Stream, from: u64, data: &mut [u8]) -> Result<(), Failure> {
        let count = data.len().div_ceil(PART);
        let length = |index: usize| PART.min(data.len() - index * PART);
        let lengths = (0..count).map(length).collect::<Vec<_>>();
        // Each part is emptied just before it is used again, so the copy engine is ahead by all but one.
        for step in 0..count + PARTS {
            if let Some(index) = step.checked_sub(PARTS).filter(|&index| index < count) {
                self.finish(index, &mut data[index * PART..][..lengths[index]])?;
            }
            if step < count {
                self.start(stream, step, from.wrapping_add((step * PART) as u64), lengths[step])?;
            }
        }
        Ok(())
    }

    fn start(&mut self, stream: &Stream, index: usize, from: u64, length: usize) -> Result<(), Failure> {
        let part = &mut self.parts[index % PARTS];
        // SAFETY: the memory is read and freed only after the event behind this copy, and the stream is one with copies to
        // the device that are still to come from the same memory.
        unsafe {
            call!(cuMemcpyDtoHAsync_v2(part.memory.as_mut_ptr().cast(), from, length, stream.as_inner()))
        }
        .and_then(|()| part.done.record(stream))
        .map_err(|code| code.during("a copy from the GPU failed"))
    }

    fn finish(&mut self, index: usize, data: &mut [u8]) -> Result<(), Failure> {
        let part = &self.parts[index % PARTS];
        part.done.wait().map_err(|code| code.during("a copy from the GPU, or a launch before it, failed"))?;
        data.copy_from_slice(&part.memory[..data.len()]);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        for part in &self.parts {
            // A copy that still runs must not see the memory go. Nobody can be told of a failure.
            let _ = part.done.wait();
        }
    }
}

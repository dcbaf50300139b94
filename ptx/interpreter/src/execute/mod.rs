//! Runs kernels: the blocks of a grid one after the other, the warps of a block in turn between barriers.

mod access;
mod atomic;
mod collective;
mod compute;
mod convert;
mod fault;
mod float;
mod integer;
mod lanes;
mod mma;
mod warp;

use crate::memory::Memory;
use crate::program::Kernel;
pub(crate) use fault::{Fault, FaultKind};
use warp::{Stop, Warp};

/// All lanes of a warp.
const ALL: u32 = u32::MAX;
/// Lanes of a warp.
const LANES: u32 = 32;
/// Shared memory and registers that are not written to hold what no kernel should count on; on a card it is anything.
const NOISE: u8 = 0xa5;

/// What a kernel runs on.
pub(crate) struct Env<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) global: &'a mut Memory,
    pub(crate) constants: &'a mut Memory,
    /// Addresses of the module's variables.
    pub(crate) variables: &'a [u64],
    pub(crate) parameters: &'a [u8],
    /// Blocks of the grid.
    pub(crate) blocks: [u32; 3],
    /// Threads of a block.
    pub(crate) threads: [u32; 3],
    /// The block that runs.
    pub(crate) block: [u32; 3],
    /// Shared memory of the block that runs.
    pub(crate) shared: Vec<u8>,
    /// The allocation that each instruction accessed last.
    pub(crate) hints: Vec<usize>,
    /// Bytes that were loaded from global memory, by all lanes.
    pub(crate) loaded: u64,
    /// Warp instructions that may still be run.
    pub(crate) budget: u64,
}

/// A fault and the thread it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) kind: FaultKind,
    pub(crate) line: u32,
    pub(crate) block: [u32; 3],
    pub(crate) thread: [u32; 3],
}

impl Env<'_> {
    /// Runs all blocks.
    pub(crate) fn run(&mut self) -> Result<(), Located> {
        let threads = self.threads.iter().product::<u32>();
        let mut warps = Vec::new();
        for first in (0..threads).step_by(LANES as usize) {
            let number = first / LANES;
            let count = (threads - first).min(LANES);
            warps.push(Warp::new(self.kernel, self.variables, number, ALL >> (LANES - count)));
        }
        for z in 0..self.blocks[2] {
            for y in 0..self.blocks[1] {
                for x in 0..self.blocks[0] {
                    self.block = [x, y, z];
                    self.run_block(&mut warps)?;
                }
            }
        }
        Ok(())
    }

    fn run_block(&mut self, warps: &mut [Warp]) -> Result<(), Located> {
        self.shared.fill(NOISE);
        for warp in &mut *warps {
            warp.restart(self.kernel.entry);
        }
        loop {
            let mut waiting = None;
            let mut finished = false;
            for warp in &mut *warps {
                match warp.run(self) {
                    Ok(Stop::Barrier) => waiting = Some((warp.number(), warp.line(self.kernel))),
                    Ok(Stop::End) => finished = true,
                    Err(fault) => return Err(self.located(fault, warp.number(), warp.line(self.kernel))),
                }
            }
            match waiting {
                None => return Ok(()),
                Some((number, line)) if finished => {
                    let fault = Fault { kind: FaultKind::BarrierExited, lane: 0 };
                    return Err(self.located(fault, number, line));
                }
                Some(_) => {}
            }
        }
    }

    fn located(&self, fault: Fault, warp: u32, line: u32) -> Located {
        let thread = thread(self.threads, warp * LANES + fault.lane);
        Located { kind: fault.kind, line, block: self.block, thread }
    }
}

/// The thread of a number in its block.
fn thread(threads: [u32; 3], number: u32) -> [u32; 3] {
    let [x, y, _] = threads.map(|n| n.max(1));
    [number % x, number / x % y, number / x / y]
}

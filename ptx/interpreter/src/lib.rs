//! Runs the PTX text that LLVM's NVPTX back end emits for integer kernels, on the CPU.
//!
//! [`Interpreter`] is a [`Device`](neurocuda_runtime::gpu::Device): where there is no GPU, tests run the same text that a
//! card would get and compare every result. For that, a wrong instruction must not pass: an opcode, modifier, type or
//! directive that is not known is a [`PtxError`] with its line, and whatever PTX leaves open (a division by zero, a
//! warp-wide instruction that only some lanes reach) is a fault with kernel, line, block and thread.
//!
//! What there is:
//! - integers of 16, 32 and 64 bits, bytes in memory and conversions, floats with a rounding that is named;
//! - global, constant and shared memory and parameters, vectors of two and four, natural alignment, bounds;
//! - atomic operations on integers, shuffles, votes, reductions, barriers;
//! - `mma.sync` of `u8` and `s8` with `m16n8k16` and `m16n8k32`.
//!
//! There are no calls, no local memory, no generic addresses and no textures. `add.f32` without a rounding is refused:
//! it may be fused with a product, so that its result is not one value.
//!
//! A warp runs in lock step; lanes that have gone different ways meet again at the first instruction that all of them
//! can reach. Blocks run one after the other, and a block's warps in turn from barrier to barrier, so that a result is
//! always the same, also where one of a card would depend on timing.

#![forbid(unsafe_code)]

mod decode;
mod device;
mod error;
mod execute;
mod layout;
mod memory;
mod op;
mod parse;
mod program;

pub use device::Interpreter;
pub use error::{PtxError, PtxErrorKind};

//! What goes wrong in a kernel.

use thiserror::Error;

use crate::op::Space;

/// A fault and the lane it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) lane: u32,
}

/// What goes wrong in a kernel.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum FaultKind {
    #[error("{bytes} bytes at {address:#x} are in no allocation of {space} memory")]
    OutOfBounds { space: Space, address: u64, bytes: usize },
    #[error("{bytes} bytes at {address:#x} are not aligned")]
    Misaligned { address: u64, bytes: usize },
    #[error("the divisor is zero")]
    DivideByZero,
    #[error("the quotient overflows")]
    DivideOverflow,
    #[error("the mode of the permutation is not 0 in bits that are not used: {0:#x}")]
    Permutation(u32),
    #[error("not all lanes of {members:#010x} are at this instruction, but {active:#010x}")]
    Members { members: u32, active: u32 },
    #[error("the lane takes from lane {0}, which is not at this instruction")]
    Inactive(u32),
    #[error("there is no target {0} to branch to")]
    NoTarget(u32),
    #[error("a thread of the block has ended before the barrier")]
    BarrierExited,
    #[error("trap")]
    Trap,
    #[error("the kernel has run as many instructions as it may")]
    Budget,
}

impl FaultKind {
    /// The fault in a lane.
    #[cold]
    pub(crate) fn at(self, lane: u32) -> Fault {
        Fault { kind: self, lane }
    }
}

impl std::fmt::Display for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Space::Global => "global",
            Space::Const => "constant",
            Space::Shared => "shared",
        })
    }
}

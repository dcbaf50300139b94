//! Modules and kernels, decoded.

use std::collections::HashMap;

use crate::op::{Inst, Slot};

/// A parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Offset in the parameters' bytes.
    pub(crate) offset: u32,
    /// Bytes: 1, 2, 4 or 8.
    pub(crate) bytes: u32,
}

/// A kernel, decoded.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) parameters: Vec<Parameter>,
    /// Most threads of a block along x, y and z, together.
    pub(crate) max_threads: Option<u64>,
    /// Exactly the threads of a block.
    pub(crate) threads: Option<[u32; 3]>,
    /// Instructions, with the blocks in an order in which lanes that are behind others come to the same instruction.
    pub(crate) instructions: Vec<Inst>,
    /// Targets of `brx.idx`.
    pub(crate) tables: Vec<Vec<u32>>,
    pub(crate) entry: u32,
    /// Slots of the register files, constants included.
    pub(crate) slots32: usize,
    pub(crate) slots64: usize,
    pub(crate) predicates: usize,
    pub(crate) constants32: Vec<(Slot, u32)>,
    pub(crate) constants64: Vec<(Slot, u64)>,
    /// Slots that hold the address of a module's variable.
    pub(crate) addresses: Vec<(Slot, usize)>,
    /// Bytes of shared memory of a block.
    pub(crate) shared: usize,
}

/// A variable of a module.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) bytes: Vec<u8>,
    /// Whether it is in constant memory.
    pub(crate) constant: bool,
}

/// A module, decoded.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) kernels: HashMap<String, Kernel>,
    pub(crate) variables: Vec<Variable>,
    /// `.target` of the text.
    pub(crate) target: String,
}

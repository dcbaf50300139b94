//! Values of the recorded graph, and which of them share memory.

use std::rc::Rc;

use super::constant::Constant;
use crate::diagnostic::Finding;

/// A value of the written graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Input(usize),
    Statement(usize),
}

/// A value that depends on the network's input.
#[derive(Clone, Debug)]
pub(super) struct Activation {
    pub(super) id: Id,
    /// Sizes of axes 1 and up.
    pub(super) shape: Vec<i64>,
    /// Number of a `ScalarType`.
    pub(super) dtype: u32,
    /// The memory that it lies in.
    pub(super) storage: usize,
    /// How often that had been written into when this value was made.
    pub(super) generation: u32,
    /// Whether it is all of that memory, in order, so that it is known what it holds after a write.
    pub(super) whole: bool,
}

impl Activation {
    /// Number of axes, the batch included.
    pub(super) fn rank(&self) -> usize {
        self.shape.len() + 1
    }
}

/// Memory that activations lie in. PyTorch's in-place ops change what other names show.
#[derive(Debug)]
pub(super) struct Storage {
    /// What all of it holds; `None` after a write through a part of it.
    pub(super) holds: Option<Id>,
    pub(super) generation: u32,
}

/// What a name of the recorded graph stands for.
#[derive(Clone)]
pub(super) enum Value {
    Activation(Activation),
    Constant(Rc<Constant>),
    /// Whatever reads it is refused with this.
    Unavailable(Rc<Finding>),
    /// A result of a node that was refused, of unknown shape.
    Refused,
}

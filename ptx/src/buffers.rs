//! The buffers of a network on the device, and the tensors that they start with.

use neurocuda_runtime::artifact::{
    Tensor,
    gpu_program::{Buffer, BufferId, Content},
    program::{OpKind, Program, Schedule, ValueId},
};
use std::collections::BTreeMap;

use crate::{
    LowerError,
    layout::GRANULE,
    plan::{Plan, Time},
};

/// The last step in which a gate moves or a frame comes in.
fn last_gate(program: &Program) -> u32 {
    let of_op = |kind: &OpKind| match *kind {
        OpKind::HoldAndFire { release, levels, .. } => release.saturating_add(levels),
        OpKind::EncodeEvents { frames, .. } => frames.saturating_sub(1),
        _ => 0,
    };
    program.ops.iter().map(|op| of_op(&op.kind)).max().unwrap_or(0)
}

/// All buffers of a network.
#[derive(Debug)]
pub(crate) struct Buffers<'p> {
    pub(crate) program: &'p Program,
    /// Tensors of the network.
    pub(crate) tensors: &'p BTreeMap<String, Tensor>,
    /// Tensors that the kernels read.
    pub(crate) constants: BTreeMap<String, Tensor>,
    pub(crate) list: Vec<Buffer>,
    pub(crate) clock: BufferId,
    pub(crate) active: BufferId,
    pub(crate) operations: BufferId,
    pub(crate) constant_operations: BufferId,
    /// In an exact schedule the step from which on silence is final.
    pub(crate) last_gate: Option<u32>,
    /// Buffer of each stored value.
    values: Vec<Option<BufferId>>,
}

impl<'p> Buffers<'p> {
    /// The buffers that every network has, and those of stored values.
    pub(crate) fn new(program: &'p Program, tensors: &'p BTreeMap<String, Tensor>, plan: &Plan<'_>) -> Self {
        let mut buffers = Self {
            program,
            tensors,
            constants: BTreeMap::new(),
            list: vec![],
            clock: 0,
            active: 0,
            operations: 0,
            constant_operations: 0,
            last_gate: (program.schedule != Schedule::Rate).then(|| last_gate(program)),
            values: vec![None; plan.stored.len()],
        };
        buffers.clock = buffers.add("clock", Content::Once { bytes: 4 });
        buffers.active = buffers.add("active", Content::Image { bytes: 4 });
        buffers.operations = buffers.add("operations", Content::Image { bytes: 8 });
        buffers.constant_operations = buffers.add("constant operations", Content::Image { bytes: 8 });
        for op in &program.ops {
            let Some(stored) = plan.stored.get(op.output).copied().flatten() else { continue };
            let bytes = (stored.layout.stored() * stored.element.bytes()) as u64;
            let content = match stored.time {
                Time::Each => Content::Step { bytes, first: 0, last: 0 },
                // They are written in the first chunk and read in all.
                Time::First | Time::Constant => Content::Image { bytes },
            };
            buffers.values[op.output] = Some(buffers.add(&op.name, content));
        }
        buffers
    }

    /// A new buffer.
    pub(crate) fn add(&mut self, name: &str, content: Content) -> BufferId {
        self.list.push(Buffer { name: name.to_owned(), content });
        self.list.len() - 1
    }

    /// A buffer of i32 for each padded element of a layer, for each image.
    pub(crate) fn state(&mut self, op: &str, what: &str, elements: usize) -> BufferId {
        self.add(&format!("{op}.{what}"), Content::Image { bytes: 4 * elements as u64 })
    }

    /// The buffer of a stored value.
    pub(crate) fn value(&self, value: ValueId) -> Result<BufferId, LowerError> {
        self.values
            .get(value)
            .copied()
            .flatten()
            .ok_or(LowerError::Defect("a value is read that is not stored"))
    }

    /// The buffer of a tensor: one that holds the same already, or a new one.
    pub(crate) fn constant(&mut self, op: &str, what: &str, tensor: Tensor) -> BufferId {
        let same = |buffer: &Buffer| matches!(&buffer.content, Content::Constant { tensor: name } if self.constants.get(name) == Some(&tensor));
        if let Some(known) = self.list.iter().position(same) {
            return known;
        }
        let name = format!("gpu.{op}.{what}");
        let mut unique = name.clone();
        let mut suffix = 1;
        while self.constants.contains_key(&unique) {
            unique = format!("{name}.{suffix}");
            suffix += 1;
        }
        self.constants.insert(unique.clone(), tensor);
        self.add(&unique, Content::Constant { tensor: unique.clone() })
    }

    /// A granule of zeros, which is read in place of what lies outside.
    pub(crate) fn zeros(&mut self) -> BufferId {
        let zeros = Tensor::from_values(vec![GRANULE], &[0i8; GRANULE]);
        match zeros {
            Ok(zeros) => self.constant("zeros", "granule", zeros),
            // Sixteen bytes are a tensor of sixteen bytes.
            Err(_) => self.add("zeros", Content::Once { bytes: GRANULE as u64 }),
        }
    }
}

//! A kernel under construction, and the buffers that it is passed.

use neurocuda_runtime::artifact::{
    Tensor,
    gpu_program::{BufferId, Element},
};
use std::{collections::HashMap, convert::Infallible};

use crate::{
    buffers::Buffers,
    plan::{Stored, Time},
    text::{Kernel, Type, Value},
};

/// A kernel, its arguments, and the network's buffers.
#[derive(Debug)]
pub(crate) struct Scope<'a, 'p> {
    pub(crate) kernel: Kernel,
    pub(crate) buffers: &'a mut Buffers<'p>,
    /// Buffers passed, in order.
    arguments: Vec<BufferId>,
    pointers: HashMap<BufferId, Value>,
    /// Number of images.
    pub(crate) batch: Value,
    /// Number of steps.
    pub(crate) steps: Value,
    /// What constants are named after.
    pub(crate) op: &'p str,
}

impl<'a, 'p> Scope<'a, 'p> {
    /// An empty kernel for the op called `op`.
    pub(crate) fn new(buffers: &'a mut Buffers<'p>, op: &'p str) -> Self {
        let mut kernel = Kernel::new();
        let (batch, steps) = (kernel.scalar(), kernel.scalar());
        Self { kernel, buffers, arguments: vec![], pointers: HashMap::new(), batch, steps, op }
    }

    /// The pointer to a buffer.
    pub(crate) fn pointer(&mut self, buffer: BufferId) -> Value {
        if let Some(&pointer) = self.pointers.get(&buffer) {
            return pointer;
        }
        let pointer = self.kernel.pointer();
        self.arguments.push(buffer);
        self.pointers.insert(buffer, pointer);
        pointer
    }

    /// The pointer to a tensor of the artifact.
    pub(crate) fn constant(&mut self, what: &str, tensor: Tensor) -> Value {
        let buffer = self.buffers.constant(self.op, what, tensor);
        self.pointer(buffer)
    }

    /// The pointer to what a stored value is in step `step` of a chunk.
    pub(crate) fn slot(&mut self, buffer: BufferId, stored: &Stored, step: Value) -> Value {
        let pointer = self.pointer(buffer);
        if stored.time != Time::Each {
            return pointer;
        }
        let kernel = &mut self.kernel;
        let images = kernel.wide(self.batch);
        let step = kernel.wide(step);
        let stride = kernel.times(images, stored.layout.stored() as i64);
        let offset = kernel.mul(step, stride);
        kernel.at(pointer, offset, type_of(stored.element))
    }

    /// Steps made before this chunk.
    pub(crate) fn clock(&mut self) -> Value {
        let clock = self.pointer(self.buffers.clock);
        self.kernel.load(clock, Type::I32)
    }

    /// Steps of this chunk in which a value changes: all, or one in the first chunk for what is made once.
    pub(crate) fn steps_of(&mut self, time: Time, clock: Value) -> Value {
        if time == Time::Each {
            return self.steps;
        }
        let (zero, one) = (self.kernel.i32(0), self.kernel.i32(1));
        let is_first = self.kernel.compare("eq", clock, zero);
        self.kernel.select(is_first, one, zero)
    }

    /// `for i in from..to` with values carried from one iteration to the next; gives what the last one leaves.
    pub(crate) fn repeat(
        &mut self,
        from: Value,
        to: Value,
        carried: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let left = self.try_repeat(from, to, carried, |scope, index, before| {
            Ok::<_, Infallible>(body(scope, index, before))
        });
        left.unwrap_or_else(|never| match never {})
    }

    /// The same with a body that can fail.
    pub(crate) fn try_repeat<E>(
        &mut self,
        from: Value,
        to: Value,
        carried: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Result<Vec<Value>, E>,
    ) -> Result<Vec<Value>, E> {
        let open = self.kernel.open_repeat(from, to, carried);
        let left = body(self, open.index, &open.inside)?;
        Ok(self.kernel.close_repeat(&open, &left))
    }

    /// The kernel, and the buffers that it is passed.
    pub(crate) fn finish(self) -> (Kernel, Vec<BufferId>) {
        (self.kernel, self.arguments)
    }

    /// What `then` gives where the condition holds, and `otherwise` where not.
    pub(crate) fn choose<E>(
        &mut self,
        condition: Value,
        otherwise: &[Value],
        then: impl FnOnce(&mut Self) -> Result<Vec<Value>, E>,
    ) -> Result<Vec<Value>, E> {
        let name = self.kernel.open_if(condition, otherwise);
        let left = then(self)?;
        Ok(self.kernel.close_if(name, &left, otherwise))
    }

    /// Does something where the condition holds.
    pub(crate) fn when(&mut self, condition: Value, then: impl FnOnce(&mut Self)) {
        self.kernel.open_when(condition);
        then(self);
        self.kernel.close();
    }

    /// The element of a stored value at an address, as 32 bits.
    pub(crate) fn read(&mut self, address: Value, element: Element) -> Value {
        let value = self.kernel.load(address, type_of(element));
        let extend = if element == Element::U8 { "arith.extui" } else { "arith.extsi" };
        self.kernel.cast(extend, value, Type::I32)
    }

    /// Two neighbouring elements; the address of the first is a multiple of the pair's size.
    pub(crate) fn read_pair(&mut self, [address, second]: [Value; 2], element: Element) -> [Value; 2] {
        if element.bytes() != 1 {
            return [self.read(address, element), self.read(second, element)];
        }
        let kernel = &mut self.kernel;
        let both = kernel.load(address, Type::I16);
        let extend = if element == Element::U8 { "arith.extui" } else { "arith.extsi" };
        let low = kernel.cast("arith.trunci", both, Type::I8);
        let low = kernel.cast(extend, low, Type::I32);
        let both = kernel.cast(extend, both, Type::I32);
        let eight = kernel.i32(8);
        [low, kernel.binary("arith.shrsi", both, eight)]
    }

    /// Writes an element.
    pub(crate) fn write(&mut self, value: Value, address: Value, element: Element) {
        let value = self.kernel.cast("arith.trunci", value, type_of(element));
        self.kernel.store(value, address);
    }

    /// Writes two neighbouring elements; the address of the first is a multiple of the pair's size.
    pub(crate) fn write_pair(&mut self, pair: [Value; 2], [address, second]: [Value; 2], element: Element) {
        if element.bytes() != 1 {
            self.write(pair[0], address, element);
            self.write(pair[1], second, element);
            return;
        }
        let kernel = &mut self.kernel;
        let mask = kernel.i32(0xff);
        let low = kernel.binary("arith.andi", pair[0], mask);
        let eight = kernel.i32(8);
        let high = kernel.binary("arith.shli", pair[1], eight);
        let both = kernel.binary("arith.ori", low, high);
        let both = kernel.cast("arith.trunci", both, Type::I16);
        kernel.store(both, address);
    }
}

/// The type of an element in a kernel.
pub(crate) fn type_of(element: Element) -> Type {
    match element {
        Element::U8 | Element::I8 => Type::I8,
        Element::I16 => Type::I16,
        Element::I32 => Type::I32,
    }
}

//! From a program to kernels and the plan of their launches.

use neurocuda_runtime::artifact::{
    Tensor,
    gpu_program::{
        BufferId, Content, GpuProgram, HostBuffers, Kernel, Launch, LayerBuffers, Tensor as Place,
    },
    program::{Op, OpKind, Program},
};
use std::collections::{BTreeMap, HashMap};

use crate::{
    LowerError,
    buffers::Buffers,
    encode,
    layer::{self, Made},
    layout::Layout,
    plan::{Plan, Stored},
    range,
    scope::Scope,
    text::Type,
    tile::{Shape, THREADS},
};

/// Name of the tensor with the PTX text.
const PTX: &str = "gpu.ptx";

/// Kernels and launches of a program.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// An MLIR module with one `gpu.module`.
    pub module: String,
    /// Buffers and launches.
    pub program: GpuProgram,
    /// Tensors that the kernels read, by the names that the buffers have for them.
    pub constants: BTreeMap<String, Tensor>,
}

/// Writes kernels for GPUs from `arch` on, such as `sm_80`.
///
/// # Errors
///
/// If the program has something that kernels cannot do.
pub fn lower(
    program: &Program,
    tensors: &BTreeMap<String, Tensor>,
    arch: &str,
) -> Result<Lowered, LowerError> {
    if let Some(op) = program.ops.iter().find(|op| op.kind.delay().is_some_and(|delay| delay > 0)) {
        let what = "its spikes arrive later than they are sent, which only `--backend cpu` and the chip have"
            .to_owned();
        return Err(LowerError::Unsupported { op: op.name.clone(), what });
    }
    let ranges = range::ranges(program, tensors)?;
    let plan = Plan::new(program, &ranges)?;
    let buffers = Buffers::new(program, tensors, &plan);
    let mut lowering = Lowering {
        buffers,
        plan: &plan,
        texts: vec![],
        kernels: vec![],
        names: HashMap::new(),
        chunk: vec![],
        reset: vec![],
        layers: vec![],
        readouts: vec![],
        input: None,
    };
    for group in &plan.groups {
        lowering.group(group)?;
    }
    lowering.advance();
    lowering.find_lives();
    lowering.finish(arch)
}

struct Lowering<'p> {
    buffers: Buffers<'p>,
    plan: &'p Plan<'p>,
    texts: Vec<String>,
    kernels: Vec<Kernel>,
    /// Kernels by their text under no name, so that equal layers share one.
    names: HashMap<String, String>,
    chunk: Vec<Launch>,
    reset: Vec<Launch>,
    layers: Vec<LayerBuffers>,
    readouts: Vec<Place>,
    input: Option<BufferId>,
}

impl<'p> Lowering<'p> {
    fn group(&mut self, group: &crate::plan::Group<'p>) -> Result<(), LowerError> {
        let (op, plan) = (group.op, self.plan);
        match &op.kind {
            OpKind::Encode { .. } | OpKind::EncodeEvents { .. } => {
                let elements = self.buffers.program.values[op.output].iter().product();
                let bytes = encode::input_bytes(op, elements);
                let input =
                    *self.input.get_or_insert_with(|| self.buffers.add("input", Content::Image { bytes }));
                let mut scope = Scope::new(&mut self.buffers, &op.name);
                let shape = encode::encoder(&mut scope, plan, op, input)?;
                let written = scope.finish();
                let launch = self.kernel(&op.name, "encode", written, shape);
                self.chunk.push(launch);
            }
            OpKind::MaxPool2d { .. } => {
                let mut scope = Scope::new(&mut self.buffers, &op.name);
                let (made, sums, of) = layer::running_sums(&mut scope, plan, group)?;
                let written = scope.finish();
                let launch = self.kernel(&op.name, "sums", written, made.shape);
                self.chunk.push(launch);
                self.begin(op, made)?;
                let mut scope = Scope::new(&mut self.buffers, &op.name);
                let made = layer::differences(&mut scope, plan, op, sums, of)?;
                let written = scope.finish();
                let launch = self.kernel(&op.name, "maxima", written, made.shape);
                self.chunk.push(launch);
                self.begin(op, made)?;
            }
            _ => {
                let mut scope = Scope::new(&mut self.buffers, &op.name);
                let made = layer::layer(&mut scope, plan, group)?;
                let written = scope.finish();
                let kind = if op.kind.is_neuron() { "neurons" } else { "sum" };
                let launch = self.kernel(&op.name, kind, written, made.shape);
                self.chunk.push(launch);
                self.host(op, &made)?;
                self.begin(op, made)?;
            }
        }
        Ok(())
    }

    /// What the host reads of a layer.
    fn host(&mut self, op: &Op, made: &Made) -> Result<(), LowerError> {
        let layout = Layout::new(&self.buffers.program.values[op.output]);
        let place = |buffer, element| Place {
            buffer,
            element,
            positions: layout.positions,
            channels: layout.channels,
            padded: layout.padded,
        };
        let Some(Stored { element, .. }) = self.plan.stored[op.output] else { return Ok(()) };
        let sent = place(self.buffers.value(op.output)?, element);
        match made.counts {
            Some(counts) => self.layers.push(LayerBuffers { counts, events: sent }),
            None if matches!(op.kind, OpKind::Readout { .. }) => self.readouts.push(sent),
            None => {}
        }
        Ok(())
    }

    /// Launches that bring the states of a layer to before the first step.
    fn begin(&mut self, op: &'p Op, made: Made) -> Result<(), LowerError> {
        let Some((states, begin)) = made.update else { return Ok(()) };
        for (number, &state) in states.iter().enumerate() {
            let Content::Image { bytes } = self.buffers.list[state].content else { continue };
            let words = bytes / 4;
            let begin = begin.as_ref().filter(|_| number == 0);
            let mut scope = Scope::new(&mut self.buffers, &op.name);
            let to = scope.pointer(state);
            let thread = scope.kernel.special("tid.x");
            let block = scope.kernel.special("ctaid.x");
            let first = scope.kernel.times(block, THREADS.into());
            let index = scope.kernel.add(first, thread);
            let total = scope.kernel.times(scope.batch, words as i64);
            let is_there = scope.kernel.compare("slt", index, total);
            let value = begin.map(|tensor| scope.constant("begin", tensor.clone()));
            scope.when(is_there, |scope| {
                let value = match value {
                    Some(begin) => {
                        let element = scope.kernel.modulo(index, words as i64);
                        scope.kernel.load_at(begin, element, Type::I32)
                    }
                    None => scope.kernel.i32(0),
                };
                let pointer = scope.kernel.at(to, index, Type::I32);
                scope.kernel.store(value, pointer);
            });
            let written = scope.finish();
            let shape =
                Shape { rows: words, rows_per_block: THREADS, columns: 1, threads: THREADS, registers: 32 };
            let launch = self.kernel(&op.name, "begin", written, shape);
            self.reset.push(launch);
        }
        Ok(())
    }

    /// The launch that counts the steps of a chunk.
    fn advance(&mut self) {
        let mut scope = Scope::new(&mut self.buffers, "clock");
        let clock = scope.clock();
        let to = scope.pointer(scope.buffers.clock);
        let after = scope.kernel.add(clock, scope.steps);
        scope.kernel.store(after, to);
        let written = scope.finish();
        let shape = Shape { rows: 0, rows_per_block: 1, columns: 1, threads: 1, registers: 32 };
        let launch = self.kernel("clock", "advance", written, shape);
        self.chunk.push(Launch { op: String::new(), ..launch });
    }

    /// A launch of a kernel that does the work of `op`.
    fn kernel(
        &mut self,
        op: &str,
        what: &str,
        (kernel, buffers): (crate::text::Kernel, Vec<BufferId>),
        shape: Shape,
    ) -> Launch {
        let Shape { rows, rows_per_block, columns, threads, .. } = shape;
        let kernel = self.name(op, what, kernel, shape);
        Launch { kernel, op: op.to_owned(), buffers, rows, rows_per_block, columns, threads }
    }

    /// The name of a kernel, which is written unless there is the same already.
    fn name(&mut self, op: &str, what: &str, kernel: crate::text::Kernel, shape: Shape) -> String {
        let body = kernel.finish("_", shape.threads, shape.registers);
        if let Some(name) = self.names.get(&body) {
            return name.clone();
        }
        let plain: String =
            op.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        let name = format!("{plain}_{what}_{}", self.texts.len());
        self.texts.push(body.replacen("gpu.func @_(", &format!("gpu.func @{name}("), 1));
        self.kernels.push(Kernel {
            name: name.clone(),
            threads: shape.threads,
            registers: shape.registers,
            shared: 0,
        });
        self.names.insert(body, name.clone());
        name
    }

    /// Notes from when to when each buffer of steps is needed.
    fn find_lives(&mut self) {
        for (number, launch) in self.chunk.iter().enumerate() {
            for &buffer in &launch.buffers {
                if let Content::Step { first, last, .. } = &mut self.buffers.list[buffer].content {
                    if *last == 0 {
                        *first = number;
                    }
                    *last = number;
                }
            }
        }
        // The host reads them when the chunk is over.
        for readout in &self.readouts {
            if let Content::Step { last, .. } = &mut self.buffers.list[readout.buffer].content {
                *last = self.chunk.len();
            }
        }
    }

    fn finish(self, arch: &str) -> Result<Lowered, LowerError> {
        let Buffers { list, clock, active, operations, constant_operations, constants, .. } = self.buffers;
        let host = HostBuffers {
            clock,
            input: self.input.ok_or(LowerError::Defect("there is no encoder"))?,
            active,
            operations,
            constant_operations,
            layers: self.layers,
            readouts: self.readouts,
        };
        let module = format!(
            "module attributes {{gpu.container_module}} {{\ngpu.module @kernels [#nvvm.target<chip = \"{arch}\">] {{\n{}}}\n}}\n",
            self.texts.concat()
        );
        let program = GpuProgram {
            arch: arch.to_owned(),
            ptx: PTX.to_owned(),
            kernels: self.kernels,
            buffers: list,
            reset: self.reset,
            chunk: self.chunk,
            host,
        };
        Ok(Lowered { module, program, constants })
    }
}

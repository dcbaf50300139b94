//! The execution plan: a checked program with every lookup made and every destination chosen.
//!
//! A value is either *events* (a list of non-zero elements) or *absorbed*: what a linear op computes for a single
//! reader that only adds it up goes straight into that reader's accumulator, a membrane or a readout, without ever
//! existing on its own. An add whose result is absorbed disappears this way.

use super::{
    encoder::Encoder,
    layout::Layout,
    neuron::Neurons,
    pool::{MaxPool, SumPool},
    readout::Readout,
    remap::Remap,
    synapse::Synapses,
    tensors::Parameters,
};
use crate::artifact::{
    Artifact, ArtifactError,
    program::{Op, OpKind, Program, ValueId},
};

/// Index of a dense i32 buffer.
pub(super) type BufferId = usize;

/// Where a linear op puts its result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Destination {
    /// Buffer that is added to.
    pub(super) buffer: BufferId,
    /// Whether the buffer is turned into the value's events afterwards.
    pub(super) harvest: bool,
}

/// An op, ready to run.
#[derive(Debug)]
pub(super) enum PlannedOp {
    Encode {
        encoder: Encoder,
        output: ValueId,
    },
    EncodeEvents {
        layout: Layout,
        output: ValueId,
    },
    Synapses {
        synapses: Synapses,
        input: ValueId,
        output: ValueId,
        to: Destination,
        constant: Option<BufferId>,
    },
    Scale {
        weights: Vec<i32>,
        input: ValueId,
        output: ValueId,
        absorbed: Option<BufferId>,
    },
    SumPool {
        pool: SumPool,
        input: ValueId,
        output: ValueId,
        to: Destination,
    },
    Add {
        inputs: Vec<ValueId>,
        output: ValueId,
        to: Destination,
    },
    Remap {
        remap: Remap,
        inputs: Vec<ValueId>,
        output: ValueId,
    },
    MaxPool {
        pool: MaxPool,
        input: ValueId,
        output: ValueId,
        state: usize,
    },
    Neurons {
        neurons: Neurons,
        state: usize,
        membranes: BufferId,
        current: Option<BufferId>,
    },
    Readout {
        readout: Readout,
        sums: BufferId,
        current: Option<BufferId>,
    },
}

/// The execution plan of a program.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) ops: Vec<PlannedOp>,
    /// Whether each value is absorbed, so that it has no events.
    pub(super) absorbed: Vec<bool>,
    /// Whether each value is the same in every step and need not be computed again.
    pub(super) constant: Vec<bool>,
    /// Number of elements of each buffer.
    pub(super) buffers: Vec<usize>,
    /// Input and output elements of each max pool.
    pub(super) max_pools: Vec<(usize, usize)>,
    /// Elements of scratch memory for synapses.
    pub(super) scratch: usize,
    /// Step from which on silence is final.
    pub(super) last_gate: u32,
}

impl Plan {
    /// Plans a checked artifact.
    pub(super) fn new(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let program = artifact.program();
        let mut planner = Planner::new(program);
        // Backwards, because a reader's accumulator has to exist before what writes into it.
        let sinks: Vec<Sink> = program.ops.iter().rev().map(|op| planner.sink(op)).collect();
        let mut plan = Self {
            ops: vec![],
            absorbed: vec![false; program.values.len()],
            constant: vec![false; program.values.len()],
            buffers: vec![],
            max_pools: vec![],
            scratch: 0,
            last_gate: 0,
        };
        for (op, sink) in program.ops.iter().zip(sinks.into_iter().rev()) {
            let Some(planned) = plan.op(op, sink, program, &Parameters(&artifact.tensors), &mut planner)?
            else {
                return Err(ArtifactError::invalid(format!("op `{}`", op.name), "its shapes do not fit"));
            };
            plan.ops.push(planned);
        }
        plan.buffers = planner.buffers;
        Ok(plan)
    }

    /// Plans one op; `None` if its shapes do not fit.
    fn op(
        &mut self,
        op: &Op,
        sink: Sink,
        program: &Program,
        parameters: &Parameters<'_>,
        planner: &mut Planner<'_>,
    ) -> Result<Option<PlannedOp>, ArtifactError> {
        let shape = |value: ValueId| program.values.get(value).map(Vec::as_slice).unwrap_or_default();
        let (kind, output) = (&op.kind, op.output);
        let input = op.inputs.first().copied().unwrap_or_default();
        let (from, to) = (shape(input), shape(output));
        let constant = !op.inputs.is_empty() && op.inputs.iter().all(|&input| self.constant[input]);
        let destination = sink.destination();
        let absorbed = destination.map(|to| to.buffer).filter(|_| destination.is_some_and(|to| !to.harvest));
        if !kind.is_neuron() && !matches!(kind, OpKind::MaxPool2d { .. } | OpKind::Readout { .. }) {
            self.constant[output] = constant;
            self.absorbed[output] = absorbed.is_some();
        }
        let planned = match kind {
            OpKind::Encode { .. } => Encoder::new(kind, to, parameters)?.map(|encoder| {
                self.constant[output] = encoder.every_step;
                PlannedOp::Encode { encoder, output }
            }),
            OpKind::EncodeEvents { .. } => Some(PlannedOp::EncodeEvents { layout: Layout::new(to), output }),
            OpKind::Conv { .. } | OpKind::Linear { .. } => {
                let synapses = Synapses::new(kind, from, to, parameters)?;
                synapses.zip(destination).map(|(synapses, to)| {
                    self.scratch = self.scratch.max(synapses.scratch());
                    let elements = planner.elements(output);
                    let constant = (constant && !to.harvest).then(|| planner.buffer(elements));
                    PlannedOp::Synapses { synapses, input, output, to, constant }
                })
            }
            OpKind::Scale { weight } => {
                let weights: Vec<i32> = parameters.weights(weight)?.into_iter().map(i32::from).collect();
                let weights = Layout::new(to).expand(&weights);
                Some(PlannedOp::Scale { weights, input, output, absorbed })
            }
            OpKind::SumPool2d { .. } => {
                let pool = SumPool::new(kind, from, to, parameters)?;
                pool.zip(destination).map(|(pool, to)| PlannedOp::SumPool { pool, input, output, to })
            }
            OpKind::Add => destination.map(|to| PlannedOp::Add { inputs: op.inputs.clone(), output, to }),
            OpKind::Concat { .. }
            | OpKind::Gather { .. }
            | OpKind::Permute { .. }
            | OpKind::Pad { .. }
            | OpKind::Reshape => {
                let inputs: Vec<&[usize]> = op.inputs.iter().map(|&input| shape(input)).collect();
                let inputs_of = op.inputs.clone();
                Remap::new(kind, &inputs, to).map(|remap| PlannedOp::Remap {
                    remap,
                    inputs: inputs_of,
                    output,
                })
            }
            OpKind::MaxPool2d { .. } => MaxPool::new(kind, from, to).map(|pool| {
                self.max_pools.push((planner.elements(input), planner.elements(output)));
                PlannedOp::MaxPool { pool, input, output, state: self.max_pools.len() - 1 }
            }),
            OpKind::StBif { .. }
            | OpKind::StBifTable { .. }
            | OpKind::SigmaDelta { .. }
            | OpKind::SigmaDeltaTable { .. }
            | OpKind::HoldAndFire { .. }
            | OpKind::If { .. } => {
                let neurons = Neurons::new(kind, input, output, to, parameters)?;
                neurons.zip(sink.accumulator()).map(|(neurons, (membranes, current))| {
                    self.last_gate = self.last_gate.max(neurons.last_gate());
                    let state = self.ops.iter().filter(|op| matches!(op, PlannedOp::Neurons { .. })).count();
                    PlannedOp::Neurons { neurons, state, membranes, current }
                })
            }
            OpKind::Readout { .. } => {
                let readout = Readout::new(kind, input, to, parameters)?;
                readout.zip(sink.accumulator()).map(|(readout, (sums, current))| PlannedOp::Readout {
                    readout,
                    sums,
                    current,
                })
            }
        };
        Ok(planned)
    }
}

/// What an op writes into.
#[derive(Clone, Copy, Debug)]
enum Sink {
    /// Events, whatever the readers are.
    Events,
    /// A linear op that adds into a buffer.
    Buffer(Destination),
    /// Neurons or a readout: their state, and a buffer for the current where it has a gain.
    Accumulator(BufferId, Option<BufferId>),
}

impl Sink {
    fn destination(self) -> Option<Destination> {
        if let Self::Buffer(destination) = self { Some(destination) } else { None }
    }

    fn accumulator(self) -> Option<(BufferId, Option<BufferId>)> {
        if let Self::Accumulator(state, current) = self { Some((state, current)) } else { None }
    }
}

/// Chooses destinations.
struct Planner<'a> {
    program: &'a Program,
    buffers: Vec<usize>,
    /// How often each value is read.
    uses: Vec<usize>,
    /// Accumulator of a value's only reader.
    absorbers: Vec<Option<BufferId>>,
}

impl<'a> Planner<'a> {
    fn new(program: &'a Program) -> Self {
        let mut uses = vec![0; program.values.len()];
        for &input in program.ops.iter().flat_map(|op| &op.inputs) {
            uses[input] += 1;
        }
        Self { program, buffers: vec![], uses, absorbers: vec![None; program.values.len()] }
    }

    fn elements(&self, value: ValueId) -> usize {
        self.program.values.get(value).map_or(0, |shape| shape.iter().product())
    }

    fn buffer(&mut self, elements: usize) -> BufferId {
        self.buffers.push(elements);
        self.buffers.len() - 1
    }

    /// Chooses what an op writes into, given that all its readers were asked before.
    fn sink(&mut self, op: &Op) -> Sink {
        let elements = self.elements(op.output);
        match &op.kind {
            OpKind::Conv { .. } | OpKind::Linear { .. } | OpKind::SumPool2d { .. } | OpKind::Add => {
                let absorber = self.absorbers[op.output];
                let buffer = absorber.unwrap_or_else(|| self.buffer(elements));
                if let OpKind::Add = op.kind {
                    self.absorb(&op.inputs, buffer);
                }
                Sink::Buffer(Destination { buffer, harvest: absorber.is_none() })
            }
            // Without an absorber, a scale writes its events directly.
            OpKind::Scale { .. } => match self.absorbers[op.output] {
                Some(buffer) => Sink::Buffer(Destination { buffer, harvest: false }),
                None => Sink::Events,
            },
            OpKind::If { gain, .. } | OpKind::Readout { gain, .. } => self.accumulator(op, elements, *gain),
            kind if kind.is_neuron() => self.accumulator(op, elements, 1),
            _ => Sink::Events,
        }
    }

    fn accumulator(&mut self, op: &Op, elements: usize, gain: i32) -> Sink {
        let state = self.buffer(elements);
        let current = (gain != 1).then(|| self.buffer(elements));
        self.absorb(&op.inputs, current.unwrap_or(state));
        Sink::Accumulator(state, current)
    }

    /// Lets inputs that nobody else reads be added into a buffer where they are made.
    fn absorb(&mut self, inputs: &[ValueId], buffer: BufferId) {
        for &input in inputs {
            if self.uses[input] == 1 {
                self.absorbers[input] = Some(buffer);
            }
        }
    }
}

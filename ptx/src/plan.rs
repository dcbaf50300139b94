//! Which ops share a kernel, and how the values between kernels are stored.
//!
//! A linear op whose result a single accumulator reads (neurons, a readout, a max pool, a sum) does not exist on its own: it is a *term*
//! of that accumulator's current, added up in registers. All other values are *stored*.

use neurocuda_runtime::artifact::{
    gpu_program::Element,
    program::{Op, OpKind, Program, ValueId},
};

use crate::{LowerError, layout::Layout, range::Range};

/// When a stored value changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// In every step.
    Each,
    /// It is something in step 0, and nothing afterwards.
    First,
    /// It is the same in every step.
    Constant,
}

/// A value in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) layout: Layout,
    pub(crate) element: Element,
    pub(crate) time: Time,
}

/// Something that is added to a current: the op that does it and which of its inputs is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term<'a> {
    /// `None` for the value itself.
    pub(crate) op: Option<&'a Op>,
    pub(crate) input_number: usize,
    pub(crate) input: ValueId,
}

/// A kernel's worth of ops.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    /// The op whose result the kernel is for.
    pub(crate) op: &'a Op,
    /// What flows into it.
    pub(crate) terms: Vec<Term<'a>>,
}

/// The plan of a program.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) groups: Vec<Group<'a>>,
    /// How each value is stored; `None` for those that are not.
    pub(crate) stored: Vec<Option<Stored>>,
    /// Ops that read each value.
    pub(crate) readers: Vec<Vec<&'a Op>>,
}

/// Whether the op only adds up and moves what it reads.
fn is_linear(kind: &OpKind) -> bool {
    !kind.has_population() && !matches!(kind, OpKind::MaxPool2d { .. })
}

fn is_accumulator(kind: &OpKind) -> bool {
    kind.is_neuron() || matches!(kind, OpKind::Readout { .. } | OpKind::MaxPool2d { .. } | OpKind::Add)
}

impl<'a> Plan<'a> {
    /// Plans a checked program whose values lie in `ranges`.
    pub(crate) fn new(program: &'a Program, ranges: &[Range]) -> Result<Self, LowerError> {
        let mut readers: Vec<Vec<&Op>> = vec![vec![]; program.values.len()];
        let mut producers: Vec<Option<&Op>> = vec![None; program.values.len()];
        for op in &program.ops {
            op.inputs.iter().for_each(|&input| readers[input].push(op));
            producers[op.output] = Some(op);
        }
        let is_term = |value: ValueId| {
            let producer = producers[value].filter(|op| is_linear(&op.kind));
            producer.filter(|_| matches!(readers[value].as_slice(), [reader] if is_accumulator(&reader.kind)))
        };
        let mut plan = Self { groups: vec![], stored: vec![None; program.values.len()], readers: vec![] };
        for op in &program.ops {
            let is_read = !readers[op.output].is_empty();
            if is_linear(&op.kind) && (!is_read || is_term(op.output).is_some()) {
                continue;
            }
            let terms = match &op.kind {
                OpKind::Encode { .. } | OpKind::EncodeEvents { .. } => vec![],
                kind if is_linear(kind) => terms_of_op(op, &is_term),
                _ => op.inputs.iter().flat_map(|&input| terms_of_value(input, &is_term)).collect(),
            };
            let time = plan.time(&op.kind, &terms);
            let Range { low, high } = ranges[op.output];
            let element = Element::holding(low, high).ok_or_else(|| LowerError::Wide(op.name.clone()))?;
            let layout = Layout::new(&program.values[op.output]);
            plan.stored[op.output] = Some(Stored { layout, element, time });
            plan.groups.push(Group { op, terms });
        }
        plan.readers = readers;
        Ok(plan)
    }

    fn time(&self, kind: &OpKind, terms: &[Term<'_>]) -> Time {
        match kind {
            OpKind::Encode { every_step: true, .. } => Time::Constant,
            OpKind::Encode { .. } => Time::First,
            kind if is_linear(kind) => {
                let mut times = terms.iter().filter_map(|term| Some(self.stored[term.input]?.time));
                let first = times.next().unwrap_or(Time::Each);
                if times.all(|time| time == first) { first } else { Time::Each }
            }
            _ => Time::Each,
        }
    }
}

fn terms_of_value<'a>(value: ValueId, is_term: &impl Fn(ValueId) -> Option<&'a Op>) -> Vec<Term<'a>> {
    match is_term(value) {
        Some(op) => terms_of_op(op, is_term),
        None => vec![Term { op: None, input_number: 0, input: value }],
    }
}

fn terms_of_op<'a>(op: &'a Op, is_term: &impl Fn(ValueId) -> Option<&'a Op>) -> Vec<Term<'a>> {
    if matches!(op.kind, OpKind::Add) {
        return op.inputs.iter().flat_map(|&input| terms_of_value(input, is_term)).collect();
    }
    let numbered = op.inputs.iter().enumerate();
    numbered.map(|(input_number, &input)| Term { op: Some(op), input_number, input }).collect()
}

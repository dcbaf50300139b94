//! Neuron programs, and how they print.

use std::fmt;

use super::{
    error::{MicrocodeError, MicrocodeErrorKind, Place},
    expression::Expression,
    instruction::{Binary, Comparison, Instruction, Operand, Register, Rounding},
};

/// What a read-only value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// One number for all neurons of a population; the default, if there is one.
    Shared(Option<i32>),
    /// A number for each neuron; the default, if there is one.
    PerNeuron(Option<i32>),
    /// Worked out from others before the first step.
    Derived(Expression),
}

/// A read-only value: a parameter, or what is derived from parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: ValueKind,
}

/// A state word, which a neuron keeps from step to step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateWord {
    /// Name.
    pub name: String,
    /// Before the first step.
    pub initial: Expression,
}

/// What the registers of a program are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterKind {
    /// Holds a state word, by its position.
    State(usize),
    /// Holds what an accumulator had, by its position.
    Port(usize),
    /// Forgets its content after each step.
    Temporary,
}

/// A label: a name for the instruction behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Name.
    pub name: String,
    /// Position of the instruction; that behind the last one for the end.
    pub target: usize,
}

/// A neuron program. [`Program::parse`] makes one of a text, [`fmt::Display`] a text of one.
///
/// Programs can be run when [`super::verify::verify`] accepts them.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) ports: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) values: Vec<Value>,
    pub(super) states: Vec<StateWord>,
    /// Names of all registers.
    pub(super) registers: Vec<String>,
    pub(super) probes: Vec<String>,
    pub(super) labels: Vec<Label>,
    pub(super) code: Vec<Instruction>,
    /// Of each instruction.
    pub(super) places: Vec<Place>,
}

/// Places and files apart, which say nothing about what a program does.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        let key = |program: &Self| {
            let Self { name, ports, outputs, values, states, registers, probes, labels, code, .. } =
                program.clone();
            (name, ports, outputs, values, states, registers, probes, labels, code)
        };
        key(self) == key(other)
    }
}

impl Program {
    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Accumulators that synapses add to.
    pub fn ports(&self) -> &[String] {
        &self.ports
    }

    /// Outputs that spikes are sent on.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Parameters and what is derived from them.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// State words.
    pub fn states(&self) -> &[StateWord] {
        &self.states
    }

    /// Names of the registers: of state words, of ports, and of others.
    pub fn registers(&self) -> &[String] {
        &self.registers
    }

    /// Names of what probes show.
    pub fn probes(&self) -> &[String] {
        &self.probes
    }

    /// Labels.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Instructions.
    pub fn code(&self) -> &[Instruction] {
        &self.code
    }

    /// What a register holds.
    pub fn register_kind(&self, register: Register) -> RegisterKind {
        let states = self.states.len();
        match register.0 {
            index if index < states => RegisterKind::State(index),
            index if index < states + self.ports.len() => RegisterKind::Port(index - states),
            _ => RegisterKind::Temporary,
        }
    }

    /// Whether a value can differ from neuron to neuron.
    pub fn varies(&self, value: usize) -> bool {
        self.follows(value, &|_| true)
    }

    /// Whether a value is, or is worked out from, a parameter for each neuron that `differs` names.
    fn follows(&self, value: usize, differs: &dyn Fn(&str) -> bool) -> bool {
        match self.values.get(value).map(|value| (&value.kind, &value.name)) {
            None | Some((ValueKind::Shared(_), _)) => false,
            Some((ValueKind::PerNeuron(_), name)) => differs(name),
            Some((ValueKind::Derived(expression), _)) => {
                let mut follows = false;
                // A derived value reads only values in front of it, so this ends.
                expression.for_each_value(&mut |of| follows |= of < value && self.follows(of, differs));
                follows
            }
        }
    }

    /// 32-bit words that each neuron takes: its state, and those of the values in instructions that differ from neuron to neuron.
    pub fn words_per_neuron(&self) -> usize {
        self.states.len() + self.value_words(|_| true)
    }

    /// 32-bit words of the values in instructions that differ from neuron to neuron, if those parameters do that `differs` names.
    pub fn value_words(&self, differs: impl Fn(&str) -> bool) -> usize {
        let operands = self.code.iter().flat_map(Instruction::operands);
        let read = operands.filter_map(|operand| match operand {
            Operand::Value(value) => Some(value),
            _ => None,
        });
        let mut read: Vec<usize> = read.collect();
        read.sort_unstable();
        read.dedup();
        read.into_iter().filter(|&value| self.follows(value, &differs)).count()
    }

    pub(super) fn error(
        &self,
        kind: MicrocodeErrorKind,
        at: Option<usize>,
        message: String,
    ) -> MicrocodeError {
        let place = at.and_then(|at| self.places.get(at)).copied();
        MicrocodeError::new(kind, &self.file, place, message)
    }

    pub(super) fn register_name(&self, register: Register) -> &str {
        self.registers.get(register.0).map_or("?", String::as_str)
    }

    fn value_name(&self, value: usize) -> &str {
        self.values.get(value).map_or("?", |value| &value.name)
    }

    fn operand(&self, operand: Operand) -> String {
        match operand {
            Operand::Register(register) => self.register_name(register).to_owned(),
            Operand::Value(value) => self.value_name(value).to_owned(),
            Operand::Immediate(integer) => integer.to_string(),
        }
    }

    /// An instruction as it is written.
    pub fn instruction_text(&self, instruction: &Instruction) -> String {
        let operand = |operand: Operand| self.operand(operand);
        let register = |register: Register| self.register_name(register);
        let sense = |sense: bool| if sense { "" } else { ".not" };
        match *instruction {
            Instruction::Rmw(word) => format!("rmw {}", register(word)),
            Instruction::Rdc(port) => format!("rdc {}", register(port)),
            Instruction::Mov { to, from } => format!("mov {}, {}", register(to), operand(from)),
            Instruction::Sel { to, from } => format!("sel {}, {}", register(to), operand(from)),
            Instruction::Neg { to, from } => format!("neg {}, {}", register(to), operand(from)),
            Instruction::Binary { operation, to, a, b } => {
                format!("{} {}, {}, {}", operation.mnemonic(), register(to), operand(a), operand(b))
            }
            Instruction::MulShr { to, a, b, shift, rounding } => {
                let mode = if rounding == Rounding::Floor { ".floor" } else { "" };
                format!("mul_shr{mode} {}, {}, {}, {}", register(to), operand(a), operand(b), operand(shift))
            }
            Instruction::Compare { comparison, a, b } => {
                format!("{} {}, {}", comparison.mnemonic(), operand(a), operand(b))
            }
            Instruction::Skip { sense: on, count } => format!("skp_c{} {count}", sense(on)),
            Instruction::Jump { sense: on, label } => {
                let label = self.labels.get(label).map_or("?", |label| &label.name);
                format!("jmp_c{} {label}", sense(on))
            }
            Instruction::Spike { payload, output } => match self.outputs.as_slice() {
                [_] => format!("spike {}", operand(payload)),
                outputs => {
                    format!("spike {}, {}", operand(payload), outputs.get(output).map_or("?", |name| name))
                }
            },
            Instruction::Probe { value, probe } => {
                format!("probe {}, {}", operand(value), self.probes.get(probe).map_or("?", |name| name))
            }
        }
    }
}

impl Binary {
    /// Every operation.
    pub const ALL: [Self; 5] = [Self::And, Self::Or, Self::Shl, Self::Add, Self::Min];

    /// How it is written.
    pub fn mnemonic(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Shl => "shl",
            Self::Add => "add",
            Self::Min => "min",
        }
    }
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 3] = [Self::Less, Self::GreaterEqual, Self::Equal];

    /// How it is written.
    pub fn mnemonic(self) -> &'static str {
        match self {
            Self::Less => "lt",
            Self::GreaterEqual => "ge",
            Self::Equal => "eq",
        }
    }
}

/// The program as text that [`Program::parse`] reads.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program {}", self.name)?;
        for port in &self.ports {
            writeln!(f, "port {port}")?;
        }
        for output in &self.outputs {
            writeln!(f, "out {output}")?;
        }
        let name = |value: usize| self.value_name(value).to_owned();
        for Value { name: own, kind } in &self.values {
            match kind {
                ValueKind::Shared(default) | ValueKind::PerNeuron(default) => {
                    let keyword = if matches!(kind, ValueKind::Shared(_)) { "shared" } else { "param" };
                    write!(f, "{keyword} {own}")?;
                    default.map_or(Ok(()), |default| write!(f, " = {default}"))?;
                }
                ValueKind::Derived(expression) => {
                    write!(f, "let {own} = ")?;
                    expression.write(f, &name, false)?;
                }
            }
            writeln!(f)?;
        }
        for StateWord { name: own, initial } in &self.states {
            write!(f, "state {own} = ")?;
            initial.write(f, &name, false)?;
            writeln!(f)?;
        }
        writeln!(f, "code")?;
        for (at, instruction) in self.code.iter().enumerate() {
            self.write_labels(f, at)?;
            writeln!(f, "    {}", self.instruction_text(instruction))?;
        }
        self.write_labels(f, self.code.len())
    }
}

impl Program {
    fn write_labels(&self, f: &mut fmt::Formatter<'_>, at: usize) -> fmt::Result {
        for label in self.labels.iter().filter(|label| label.target == at) {
            writeln!(f, "{}:", label.name)?;
        }
        Ok(())
    }
}

//! Which programs may run: they end, they read nothing that is not there, and they fit.
//!
//! Jumps go forward only, so a program of `n` instructions takes at most `n` in a step, and one pass over it finds what is set on
//! every path and what may have happened on some path.

use super::{
    error::{MicrocodeError, MicrocodeErrorKind as Kind},
    instruction::{Instruction, Operand, Register},
    program::{Program, RegisterKind},
};

/// What a core has for a program and its neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most instructions of a program, which is the most that it takes in a step.
    pub instructions: usize,
    /// Most 32-bit words of state and parameters that a neuron keeps.
    pub words: usize,
}

/// A neuron of Loihi 2 has up to 4096 bytes of state, as published; the length of programs is not, and 256 is our choice.
impl Default for Limits {
    fn default() -> Self {
        Self { instructions: 256, words: 1024 }
    }
}

/// What is known in front of an instruction.
#[derive(Clone)]
struct Facts {
    /// Registers that are set on every path.
    set: Vec<bool>,
    /// State words and ports that are opened on some path.
    opened: Vec<bool>,
    /// Outputs that have sent on some path.
    sent: Vec<bool>,
    /// Whether the flag is set on every path.
    flag: bool,
}

impl Facts {
    fn meet(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let zip = |a: &[bool], b: &[bool], join: fn(bool, bool) -> bool| {
            a.iter().zip(b).map(|(&a, &b)| join(a, b)).collect::<Vec<_>>()
        };
        Self {
            set: zip(&self.set, &other.set, |a, b| a & b),
            opened: zip(&self.opened, &other.opened, |a, b| a | b),
            sent: zip(&self.sent, &other.sent, |a, b| a | b),
            flag: self.flag & other.flag,
        }
    }
}

/// Whether a program may run on a core of [`Limits::default`].
///
/// # Errors
/// The first that [`verify`] finds.
pub fn accept(program: &Program) -> Result<(), MicrocodeError> {
    verify(program, &Limits::default()).or_else(|errors| errors.into_iter().next().map_or(Ok(()), Err))
}

/// Says everything that keeps a program from running; one error an instruction at most.
///
/// # Errors
/// `microcode-budget`, `microcode-unset`, `microcode-state`, `microcode-jump`, `microcode-loop` and `microcode-spike`, in the order of
/// the text.
pub fn verify(program: &Program, limits: &Limits) -> Result<(), Vec<MicrocodeError>> {
    let mut errors = budget(program, limits);
    let registers = program.registers.len();
    let start = Facts {
        set: vec![false; registers],
        opened: vec![false; registers],
        sent: vec![false; program.outputs.len()],
        flag: false,
    };
    let length = program.code.len();
    let mut before: Vec<Option<Facts>> = vec![None; length + 1];
    if let Some(first) = before.first_mut() {
        *first = Some(start);
    }
    for (at, instruction) in program.code.iter().enumerate() {
        // All jumps are conditional, so that every instruction can be reached.
        let Some(mut facts) = before.get_mut(at).and_then(Option::take) else { continue };
        let mut targets = vec![at + 1];
        match step(program, instruction, at, &mut facts) {
            Ok(target) => targets.extend(target),
            Err((kind, message)) => errors.push(program.error(kind, Some(at), message)),
        }
        for target in targets {
            if let Some(slot) = before.get_mut(target) {
                *slot = Some(facts.clone().meet(slot.take()));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn budget(program: &Program, limits: &Limits) -> Vec<MicrocodeError> {
    let mut errors = vec![];
    if program.code.len() > limits.instructions {
        let message = format!(
            "the program takes up to {} instructions in a step and a core has {}; shorten it, or raise the limit of the chip file",
            program.code.len(),
            limits.instructions
        );
        errors.push(program.error(Kind::Budget, Some(limits.instructions), message));
    }
    let words = program.words_per_neuron();
    if words > limits.words {
        let message = format!(
            "a neuron keeps {words} words of state and parameters and has room for {}; drop state words",
            limits.words
        );
        errors.push(program.error(Kind::Budget, None, message));
    }
    errors
}

/// Applies an instruction to what is known; gives the other place it can go to.
fn step(
    program: &Program,
    instruction: &Instruction,
    at: usize,
    facts: &mut Facts,
) -> Result<Option<usize>, (Kind, String)> {
    let name = |register: Register| program.register_name(register);
    if instruction.reads_flag() && !facts.flag {
        let message = "the flag is read and no comparison in front of it sets it on every path";
        return Err((Kind::Unset, message.to_owned()));
    }
    let result = instruction.result();
    for operand in instruction.operands() {
        let Operand::Register(register) = operand else { continue };
        if facts.set.get(register.0).copied().unwrap_or(true) {
            continue;
        }
        // Report it once, and go on as if it were set.
        set(&mut facts.set, register);
        return Err(match program.register_kind(register) {
            RegisterKind::State(_) => {
                (Kind::State, format!("state word `{0}` is not opened here; `rmw {0}` first", name(register)))
            }
            RegisterKind::Port(_) => {
                (Kind::State, format!("port `{0}` is not read here; `rdc {0}` first", name(register)))
            }
            RegisterKind::Temporary => (
                Kind::Unset,
                format!("register `{}` is read and not every path here has set it", name(register)),
            ),
        });
    }
    if let Some(register) = result {
        let opened = facts.set.get(register.0).copied().unwrap_or(true);
        set(&mut facts.set, register);
        match program.register_kind(register) {
            RegisterKind::State(_) if !opened => {
                return Err((
                    Kind::State,
                    format!(
                        "state word `{0}` is written and not opened here; `rmw {0}` first",
                        name(register)
                    ),
                ));
            }
            RegisterKind::Port(_) if !opened => {
                return Err((
                    Kind::State,
                    format!("port `{0}` is written and not read here; `rdc {0}` first", name(register)),
                ));
            }
            _ => {}
        }
    }
    let length = program.code.len();
    match *instruction {
        Instruction::Rmw(register) | Instruction::Rdc(register) => {
            set(&mut facts.set, register);
            if facts.opened.get(register.0).copied().unwrap_or_default() {
                let message = format!("`{}` is opened twice on some path; once is enough", name(register));
                return Err((Kind::State, message));
            }
            set(&mut facts.opened, register);
            Ok(None)
        }
        Instruction::Compare { .. } => {
            facts.flag = true;
            Ok(None)
        }
        Instruction::Spike { output, .. } => {
            if facts.sent.get(output).copied().unwrap_or_default() {
                let message = "the output has sent already on some path; a neuron sends once a step on each";
                return Err((Kind::Spike, message.to_owned()));
            }
            if let Some(sent) = facts.sent.get_mut(output) {
                *sent = true;
            }
            Ok(None)
        }
        Instruction::Skip { count, .. } => {
            let target = at.saturating_add(1).saturating_add(count);
            if target > length {
                let message = format!("{count} instructions are skipped and {} follow", length - at - 1);
                return Err((Kind::Jump, message));
            }
            Ok(Some(target))
        }
        Instruction::Jump { label, .. } => match program.labels.get(label) {
            Some(label) if label.target > at => Ok(Some(label.target)),
            Some(label) => Err((
                Kind::Loop,
                format!(
                    "the jump goes back to `{}`, and nothing says that the program ends; write the repetitions out",
                    label.name
                ),
            )),
            None => Err((Kind::Jump, "there is no such label".to_owned())),
        },
        _ => Ok(None),
    }
}

fn set(of: &mut [bool], register: Register) {
    if let Some(slot) = of.get_mut(register.0) {
        *slot = true;
    }
}

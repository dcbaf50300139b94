//! The executor: a program decoded once and run instruction by instruction over blocks of neurons, so that each instruction is one
//! loop over a block that the compiler vectorises.
//!
//! Jumps go forward only. A neuron that jumps sleeps until the executor comes to its target; instructions that no jump can leave out
//! do not look at who sleeps.

use multiversion::multiversion;

use super::{
    error::{MicrocodeError, MicrocodeErrorKind as Kind},
    instruction::{Binary, Comparison, Instruction, Operand, Rounding, mul_shr, shl},
    population::{Column, Population},
    program::{Program, RegisterKind},
};

/// Neurons in a block.
const LANES: usize = 256;

/// Neurons that are computed together at least.
const STRIDE: usize = 64;

type Lanes = [i32; LANES];

static ZEROS: Lanes = [0; LANES];

/// Where an operand is.
#[derive(Clone, Copy, Debug)]
enum Source {
    Register(usize),
    /// The same for all neurons.
    Uniform(usize),
    /// A column of its own.
    Column(usize),
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Rdc {
        to: usize,
        port: usize,
    },
    Mov {
        to: usize,
        from: Source,
    },
    Sel {
        to: usize,
        from: Source,
    },
    Binary {
        operation: Binary,
        to: usize,
        a: Source,
        b: Source,
    },
    /// By the same amount for all.
    Shift {
        to: usize,
        from: Source,
        amount: i32,
    },
    Neg {
        to: usize,
        from: Source,
    },
    MulShr {
        rounding: Rounding,
        to: usize,
        a: Source,
        b: Source,
        shift: Source,
    },
    /// A product that is not shifted: its lower half is that of the factors as they are.
    Mul {
        to: usize,
        a: Source,
        b: Source,
    },
    /// By the same amount for all.
    MulShift {
        rounding: Rounding,
        to: usize,
        a: Source,
        b: Source,
        shift: i32,
    },
    Compare {
        comparison: Comparison,
        a: Source,
        b: Source,
    },
    Jump {
        sense: bool,
        target: usize,
    },
    Spike {
        payload: Source,
        output: usize,
    },
    Probe {
        value: Source,
        probe: usize,
    },
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Decoded {
    operation: Operation,
    /// Whether some neurons may leave it out.
    masked: bool,
}

/// A program decoded for one population.
#[derive(Clone, Debug)]
pub struct Executor {
    code: Vec<Decoded>,
    states: usize,
    // A result takes the place of its register by exchange of the boxes.
    #[expect(clippy::vec_box, reason = "exchanged without a copy")]
    registers: Vec<Box<Lanes>>,
    uniform: Vec<Lanes>,
    /// Values that differ, block by block.
    columns: Vec<Vec<Lanes>>,
    scratch: Box<Lanes>,
    flag: Box<Lanes>,
    /// Where each neuron goes on.
    wakes: Box<Lanes>,
}

impl Executor {
    /// Decodes a program that [`super::verify::verify`] accepted, for a population of it.
    ///
    /// # Errors
    /// `microcode-loop` or `microcode-jump` where the verifier was not asked.
    pub fn new(program: &Program, population: &Population) -> Result<Self, MicrocodeError> {
        let mut decoder = Decoder { population, uniform: vec![], columns: vec![] };
        let mut code = vec![];
        let mut reached = 0;
        for (at, instruction) in program.code().iter().enumerate() {
            let operation = decoder.decode(program, instruction, at);
            if let Operation::Jump { target, .. } = operation
                && !(at + 1..=program.code().len()).contains(&target)
            {
                let kind = if target <= at { Kind::Loop } else { Kind::Jump };
                return Err(program.error(kind, Some(at), "the jump does not go forward".to_owned()));
            }
            code.push(Decoded { operation, masked: at < reached });
            if let Operation::Jump { target, .. } = operation {
                reached = reached.max(target);
            }
        }
        let lanes = || Box::new(ZEROS);
        let blocks = |values: &Vec<i32>| {
            let block = |chunk: &[i32]| {
                let mut lanes = ZEROS;
                lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = *value);
                lanes
            };
            values.chunks(LANES).map(block).collect()
        };
        Ok(Self {
            code,
            states: program.states().len(),
            registers: (0..program.registers().len()).map(|_| lanes()).collect(),
            uniform: decoder.uniform.iter().map(|&value| [value; LANES]).collect(),
            columns: decoder.columns.into_iter().map(blocks).collect(),
            scratch: lanes(),
            flag: lanes(),
            wakes: lanes(),
        })
    }

    /// Runs one step of all neurons of the population that the program was decoded for.
    pub fn step(&mut self, population: &mut Population) {
        for start in (0..population.neurons).step_by(LANES) {
            run_block(self, population, start);
        }
    }
}

struct Decoder<'a> {
    population: &'a Population,
    uniform: Vec<i32>,
    columns: Vec<&'a Vec<i32>>,
}

impl<'a> Decoder<'a> {
    fn source(&mut self, operand: Operand) -> Source {
        let value = match operand {
            Operand::Register(register) => return Source::Register(register.index()),
            Operand::Immediate(value) => value,
            Operand::Value(value) => match self.population.values.get(value) {
                Some(Column::Each(values)) => {
                    self.columns.push(values);
                    return Source::Column(self.columns.len() - 1);
                }
                Some(Column::Uniform(value)) => *value,
                None => 0,
            },
        };
        let known = self.uniform.iter().position(|&uniform| uniform == value);
        Source::Uniform(known.unwrap_or_else(|| {
            self.uniform.push(value);
            self.uniform.len() - 1
        }))
    }

    /// What a source is for all neurons, if it is the same.
    fn number(&self, source: Source) -> Option<i32> {
        match source {
            Source::Uniform(index) => self.uniform.get(index).copied(),
            _ => None,
        }
    }

    fn decode(&mut self, program: &Program, instruction: &Instruction, at: usize) -> Operation {
        match *instruction {
            // States are in their registers while a block runs.
            Instruction::Rmw(_) => Operation::Nothing,
            Instruction::Rdc(register) => match program.register_kind(register) {
                RegisterKind::Port(port) => Operation::Rdc { to: register.index(), port },
                _ => Operation::Nothing,
            },
            Instruction::Mov { to, from } => Operation::Mov { to: to.index(), from: self.source(from) },
            Instruction::Sel { to, from } => Operation::Sel { to: to.index(), from: self.source(from) },
            Instruction::Neg { to, from } => Operation::Neg { to: to.index(), from: self.source(from) },
            Instruction::Binary { operation, to, a, b } => {
                let (to, a, b) = (to.index(), self.source(a), self.source(b));
                match (operation, self.number(b)) {
                    (Binary::Shl, Some(amount)) => Operation::Shift { to, from: a, amount },
                    _ => Operation::Binary { operation, to, a, b },
                }
            }
            Instruction::MulShr { to, a, b, shift, rounding } => {
                let (to, a, b) = (to.index(), self.source(a), self.source(b));
                let shift = self.source(shift);
                match self.number(shift).map(|shift| shift.clamp(0, 63)) {
                    Some(0) => Operation::Mul { to, a, b },
                    Some(shift) => Operation::MulShift { rounding, to, a, b, shift },
                    None => Operation::MulShr { rounding, to, a, b, shift },
                }
            }
            Instruction::Compare { comparison, a, b } => {
                Operation::Compare { comparison, a: self.source(a), b: self.source(b) }
            }
            Instruction::Skip { sense, count } => {
                Operation::Jump { sense, target: (at + 1).saturating_add(count) }
            }
            Instruction::Jump { sense, label } => {
                let target = program.labels().get(label).map_or(usize::MAX, |label| label.target);
                Operation::Jump { sense, target }
            }
            Instruction::Spike { payload, output } => {
                Operation::Spike { payload: self.source(payload), output }
            }
            Instruction::Probe { value, probe } => Operation::Probe { value: self.source(value), probe },
        }
    }
}

/// Computes one instruction of the first `width` neurons of a block into `out`, which then takes the place of the register.
#[inline(always)]
fn lanes(
    width: usize,
    out: &mut Lanes,
    old: &Lanes,
    awake: Option<(&Lanes, i32)>,
    result: impl Fn(usize) -> i32,
) {
    let width = width.min(LANES);
    match awake {
        None => (0..width).for_each(|lane| out[lane] = result(lane)),
        Some((wakes, at)) => {
            for lane in 0..width {
                let new = result(lane);
                out[lane] = if wakes[lane] <= at { new } else { old[lane] };
            }
        }
    }
}

#[inline(always)]
fn source<'a>(
    source: Source,
    registers: &'a [Box<Lanes>],
    uniform: &'a [Lanes],
    columns: &'a [Vec<Lanes>],
    block: usize,
) -> &'a Lanes {
    match source {
        Source::Register(index) => registers.get(index).map_or(&ZEROS, |lanes| lanes),
        Source::Uniform(index) => uniform.get(index).unwrap_or(&ZEROS),
        Source::Column(index) => columns.get(index).and_then(|column| column.get(block)).unwrap_or(&ZEROS),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn run_block(executor: &mut Executor, population: &mut Population, start: usize) {
    let Executor { code, states, registers, uniform, columns, scratch, flag, wakes } = executor;
    let block = start / LANES;
    let length = LANES.min(population.neurons - start);
    // The last block is hardly ever full; who is not there gets results that nobody reads.
    let width = length.next_multiple_of(STRIDE);
    for (register, state) in registers.iter_mut().zip(&population.states).take(*states) {
        register[..length].copy_from_slice(&state[start..start + length]);
    }
    population.outputs.iter_mut().for_each(|output| output[start..start + length].fill(0));
    // Boxes apart, the compiler knows what overlaps nothing.
    let (scratch, flag, wakes) = (scratch, flag, &mut **wakes);
    wakes[..length].fill(0);
    wakes[length..].fill(i32::MAX);
    let mut at = 0;
    while let Some(&Decoded { operation, masked }) = code.get(at) {
        let here = at as i32;
        at += 1;
        let awake = if masked { Some((&*wakes, here)) } else { None };
        let get = |from: Source| source(from, registers, uniform, columns, block);
        let old = |to: usize| get(Source::Register(to));
        let result =
            match operation {
                Operation::Nothing => None,
                Operation::Mov { to, from } => {
                    let from = get(from);
                    lanes(width, scratch, old(to), awake, |lane| from[lane]);
                    Some(to)
                }
                Operation::Sel { to, from } => {
                    let (from, before) = (get(from), old(to));
                    lanes(width, scratch, before, awake, |lane| {
                        if flag[lane] != 0 { from[lane] } else { before[lane] }
                    });
                    Some(to)
                }
                Operation::Neg { to, from } => {
                    let from = get(from);
                    lanes(width, scratch, old(to), awake, |lane| from[lane].wrapping_neg());
                    Some(to)
                }
                Operation::Shift { to, from, amount } => {
                    let from = get(from);
                    if amount >= 0 {
                        lanes(width, scratch, old(to), awake, |lane| shl(from[lane], amount));
                    } else {
                        let amount = amount.max(-31).wrapping_neg();
                        lanes(width, scratch, old(to), awake, |lane| from[lane] >> amount);
                    }
                    Some(to)
                }
                Operation::Binary { operation, to, a, b } => {
                    let (a, b, before) = (get(a), get(b), old(to));
                    match operation {
                        Binary::And => lanes(width, scratch, before, awake, |lane| a[lane] & b[lane]),
                        Binary::Or => lanes(width, scratch, before, awake, |lane| a[lane] | b[lane]),
                        Binary::Shl => lanes(width, scratch, before, awake, |lane| shl(a[lane], b[lane])),
                        Binary::Add => {
                            lanes(width, scratch, before, awake, |lane| a[lane].wrapping_add(b[lane]))
                        }
                        Binary::Min => lanes(width, scratch, before, awake, |lane| a[lane].min(b[lane])),
                    }
                    Some(to)
                }
                Operation::Mul { to, a, b } => {
                    let (a, b) = (get(a), get(b));
                    lanes(width, scratch, old(to), awake, |lane| a[lane].wrapping_mul(b[lane]));
                    Some(to)
                }
                Operation::MulShift { rounding, to, a, b, shift } => {
                    let (a, b, before) = (get(a), get(b), old(to));
                    match rounding {
                        Rounding::Floor => {
                            lanes(width, scratch, before, awake, |lane| {
                                mul_shr(a[lane], b[lane], shift, Rounding::Floor)
                            });
                        }
                        Rounding::TowardZero => {
                            lanes(width, scratch, before, awake, |lane| {
                                mul_shr(a[lane], b[lane], shift, Rounding::TowardZero)
                            });
                        }
                    }
                    Some(to)
                }
                Operation::MulShr { rounding, to, a, b, shift } => {
                    let (a, b, shift) = (get(a), get(b), get(shift));
                    lanes(width, scratch, old(to), awake, |lane| {
                        mul_shr(a[lane], b[lane], shift[lane], rounding)
                    });
                    Some(to)
                }
                Operation::Compare { comparison, a, b } => {
                    let (a, b) = (get(a), get(b));
                    // Who sleeps has no use for the flag before it wakes up, but keeps it.
                    match comparison {
                        Comparison::Less => {
                            lanes(width, scratch, flag, awake, |lane| i32::from(a[lane] < b[lane]))
                        }
                        Comparison::GreaterEqual => {
                            lanes(width, scratch, flag, awake, |lane| i32::from(a[lane] >= b[lane]));
                        }
                        Comparison::Equal => {
                            lanes(width, scratch, flag, awake, |lane| i32::from(a[lane] == b[lane]))
                        }
                    }
                    std::mem::swap(scratch, flag);
                    None
                }
                Operation::Jump { sense, target } => {
                    let (sense, target) = (i32::from(sense), target as i32);
                    let mut first = i32::MAX;
                    for (wake, &flag) in wakes[..width].iter_mut().zip(&flag[..width]) {
                        let jumps = (*wake <= here) & (flag == sense);
                        *wake = if jumps { target } else { *wake };
                        first = first.min(*wake);
                    }
                    // Nobody is awake before the first one wakes up.
                    at = at.max(first as usize);
                    None
                }
                Operation::Rdc { to, port } => {
                    let before = old(to);
                    scratch[..width].copy_from_slice(&before[..width]);
                    if let Some(accumulator) = population.accumulators.get_mut(port) {
                        let sums = accumulator[start..start + length].iter_mut();
                        for ((sum, read), &wake) in sums.zip(&mut scratch[..]).zip(&wakes[..]) {
                            let awake = wake <= here;
                            *read = if awake { *sum } else { *read };
                            *sum = if awake { 0 } else { *sum };
                        }
                    }
                    Some(to)
                }
                Operation::Spike { payload, output } => {
                    let payload = get(payload);
                    if let Some(output) = population.outputs.get_mut(output) {
                        show(&mut output[start..start + length], payload, wakes, here);
                    }
                    None
                }
                Operation::Probe { value, probe } => {
                    let value = get(value);
                    if let Some(probe) = population.probes.get_mut(probe) {
                        show(&mut probe[start..start + length], value, wakes, here);
                    }
                    None
                }
            };
        if let Some(register) = result.and_then(|to| registers.get_mut(to)) {
            std::mem::swap(scratch, register);
        }
    }
    for (register, state) in registers.iter().zip(&mut population.states).take(*states) {
        state[start..start + length].copy_from_slice(&register[..length]);
    }
}

/// Hands the values of those who are awake out of a block.
#[inline(always)]
fn show(to: &mut [i32], values: &Lanes, wakes: &Lanes, here: i32) {
    for ((to, &value), &wake) in to.iter_mut().zip(values).zip(wakes) {
        *to = if wake <= here { value } else { *to };
    }
}

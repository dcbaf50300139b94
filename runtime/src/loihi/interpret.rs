//! The plain interpreter: neuron by neuron, instruction by instruction, as a program reads. It is what the executor is compared with.

use super::{
    instruction::{Instruction, Operand, mul_shr},
    population::Population,
    program::{Program, RegisterKind},
};

/// Runs one step of all neurons of a program that [`super::verify::verify`] accepted.
pub fn step(program: &Program, population: &mut Population) {
    population.outputs.iter_mut().for_each(|output| output.fill(0));
    for neuron in 0..population.neurons {
        run(program, population, neuron);
    }
}

fn run(program: &Program, population: &mut Population, neuron: usize) {
    let mut registers = vec![0; program.registers().len()];
    let mut opened = vec![];
    let mut flag = false;
    let mut at = 0;
    while let Some(instruction) = program.code().get(at) {
        at += 1;
        let read = |operand: Operand| match operand {
            Operand::Register(register) => registers.get(register.index()).copied().unwrap_or_default(),
            Operand::Value(value) => population.values.get(value).map_or(0, |column| column.get(neuron)),
            Operand::Immediate(number) => number,
        };
        let result = match *instruction {
            Instruction::Rmw(register) => {
                opened.push(register);
                Some((register, population.states.get(register.index()).map_or(0, |word| word[neuron])))
            }
            Instruction::Rdc(register) => {
                let RegisterKind::Port(port) = program.register_kind(register) else { continue };
                let accumulator = population.accumulators.get_mut(port);
                Some((
                    register,
                    accumulator.map_or(0, |accumulator| std::mem::take(&mut accumulator[neuron])),
                ))
            }
            Instruction::Mov { to, from } => Some((to, read(from))),
            Instruction::Sel { to, from } => flag.then(|| (to, read(from))),
            Instruction::Binary { operation, to, a, b } => Some((to, operation.apply(read(a), read(b)))),
            Instruction::Neg { to, from } => Some((to, read(from).wrapping_neg())),
            Instruction::MulShr { to, a, b, shift, rounding } => {
                Some((to, mul_shr(read(a), read(b), read(shift), rounding)))
            }
            Instruction::Compare { comparison, a, b } => {
                flag = comparison.apply(read(a), read(b));
                None
            }
            Instruction::Skip { sense, count } => {
                at += if flag == sense { count } else { 0 };
                None
            }
            Instruction::Jump { sense, label } => {
                // A label that is not there ends the program; the verifier lets none through.
                let target = program.labels().get(label).map_or(usize::MAX, |label| label.target);
                at = if flag == sense { target } else { at };
                None
            }
            Instruction::Spike { payload, output } => {
                let payload = read(payload);
                if let Some(output) = population.outputs.get_mut(output) {
                    output[neuron] = payload;
                }
                None
            }
            Instruction::Probe { value, probe } => {
                let value = read(value);
                if let Some(probe) = population.probes.get_mut(probe) {
                    probe[neuron] = value;
                }
                None
            }
        };
        if let Some((register, value)) = result
            && let Some(slot) = registers.get_mut(register.index())
        {
            *slot = value;
        }
    }
    for register in opened {
        if let (Some(word), Some(value)) =
            (population.states.get_mut(register.index()), registers.get(register.index()))
        {
            word[neuron] = *value;
        }
    }
}

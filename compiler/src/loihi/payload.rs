//! How much a neuron program can send in one spike, by its text alone.

use neurocuda_runtime::loihi::{
    Program,
    instruction::{Binary, Instruction, Operand, Register},
};

/// Rounds after which a register that still grows is taken to have no bound.
const ROUNDS: usize = 16;

/// Largest magnitude that `program` can send; `None` if its text shows no bound. `value` is that of a parameter.
///
/// Registers are bounded by everything that is ever written to them, whatever the order; states and accumulators by nothing.
pub fn largest(program: &Program, value: impl Fn(usize) -> Option<i64>) -> Option<i64> {
    let temporary = |register: usize| register >= program.states().len() + program.ports().len();
    let mut bounds =
        (0..program.registers().len()).map(|index| temporary(index).then_some(0)).collect::<Vec<_>>();
    let read = |bounds: &[Option<i64>], operand: Operand| match operand {
        Operand::Register(register) => bounds.get(register.index()).copied().flatten(),
        Operand::Value(index) => value(index),
        Operand::Immediate(number) => Some(i64::from(number).abs()),
    };
    for round in 0.. {
        let mut grew = false;
        for instruction in program.code() {
            let Some((to, written)) = written(instruction, |operand| read(&bounds, operand)) else {
                continue;
            };
            let Some(bound) = bounds.get_mut(to.index()) else { continue };
            // What has no bound gets none.
            let wider = written.filter(|&written| i32::try_from(written).is_ok()).zip(*bound);
            let wider = wider.map(|(written, bound)| written.max(bound));
            if wider != *bound {
                *bound = wider.filter(|_| round < ROUNDS);
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    let mut largest = 0;
    for instruction in program.code() {
        if let Instruction::Spike { payload, .. } = *instruction {
            largest = largest.max(read(&bounds, payload)?);
        }
    }
    Some(largest)
}

/// The register that an instruction writes, and the magnitude of what; `None` if it writes none.
fn written(
    instruction: &Instruction,
    of: impl Fn(Operand) -> Option<i64>,
) -> Option<(Register, Option<i64>)> {
    Some(match *instruction {
        Instruction::Mov { to, from } | Instruction::Sel { to, from } | Instruction::Neg { to, from } => {
            (to, of(from))
        }
        Instruction::Binary { operation, to, a, b } => {
            let both = of(a).zip(of(b));
            let bound = match (operation, a, b) {
                (Binary::And, Operand::Immediate(mask @ 0..), _)
                | (Binary::And, _, Operand::Immediate(mask @ 0..)) => Some(mask.into()),
                (Binary::Add, ..) => both.map(|(a, b)| a + b),
                (Binary::Min, ..) => both.map(|(a, b)| a.max(b)),
                (Binary::Shl, _, Operand::Immediate(..=0)) => of(a),
                _ => None,
            };
            (to, bound)
        }
        Instruction::MulShr { to, a, b, .. } => (to, of(a).zip(of(b)).and_then(|(a, b)| a.checked_mul(b))),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurocuda_runtime::loihi::builtin;

    fn sent(text: &str) -> Option<i64> {
        let text = format!("program p\nport a\nout s\nparam g = 9\nstate v\ncode\n{text}");
        largest(&Program::parse(&text, "p.ncm").unwrap(), |_| Some(9))
    }

    #[test]
    fn what_is_selected_from_numbers_is_bounded() {
        assert_eq!(sent("spike 1\n"), Some(1));
        assert_eq!(sent("rdc a\nmov x, 0\nlt a, 3\nsel x, -2\nspike x\n"), Some(2));
        assert_eq!(sent("mov x, g\nadd x, x, 3\nneg y, x\nspike y\n"), None, "x adds to itself");
        assert_eq!(sent("mov x, g\nadd y, x, 3\nneg z, y\nspike z\n"), Some(12));
        assert_eq!(sent("rdc a\nand x, a, 7\nmul_shr y, x, g, 1\nspike y\n"), Some(63));
    }

    #[test]
    fn what_comes_in_is_not() {
        assert_eq!(sent("rdc a\nspike a\n"), None);
        assert_eq!(sent("rmw v\nmov v, 1\nspike v\n"), None);
        assert_eq!(sent("rdc a\nmin x, a, 7\nspike x\n"), None, "negative ones have no bound");
    }

    #[test]
    fn spiking_families_send_one() {
        let of = |name: &str| largest(&builtin::program(name).unwrap().unwrap(), |_| None);
        for name in ["lif", "lif_reset", "st_bif", "hold_and_fire", "if_soft_reset", "ternary_lif"] {
            assert_eq!(of(name), Some(1), "{name}");
        }
        assert_eq!(of("sigma_delta"), None);
    }
}

//! Random programs: the executor does what the interpreter does, and programs print and parse back.

use std::fmt::Write;

use proptest::prelude::*;

use crate::loihi::{
    Program,
    execute::Executor,
    interpret,
    population::{Population, Settings},
    verify::{Limits, verify},
};

const REGISTERS: [&str; 8] = ["u", "v", "a", "b", "r0", "r1", "r2", "r3"];
const OPERANDS: [&str; 16] =
    ["u", "v", "a", "b", "r0", "r1", "r2", "r3", "k", "p", "q", "0", "1", "-7", "2147483647", "-2147483648"];

/// The text of a program that the verifier accepts, from numbers.
fn text(choices: &[u32]) -> String {
    let mut choices = choices.iter();
    let mut next = |end: usize| choices.next().map_or(0, |&choice| choice as usize % end);
    let length = 1 + next(40);
    let mut text =
        "program random\nport a, b\nout s, t\nshared k\nparam p, q\nlet unused = (k & 1)\n".to_owned();
    text = text.replace("let unused = (k & 1)\n", "let h = (p >> 1) + log2(5) * 3 - (-7 / 2)\n");
    text += "state u = 3, v = h % 11\ncode\n    rmw u\n    rmw v\n    rdc a\n    eq u, 0\n";
    // Opened by some neurons only, so that what stays in the accumulator is seen; set before by all.
    text += "    mov r0, k\n    mov r1, p\n    mov r2, 5\n    mov r3, h\n    rdc b\n";
    let mut labels: Vec<usize> = vec![];
    let spikes = [next(length), next(length)];
    for at in 0..length {
        for label in labels.iter().filter(|&&label| label == at) {
            writeln!(text, "l{label}:").unwrap();
        }
        labels.retain(|&label| label > at);
        let mut operand = || OPERANDS[next(OPERANDS.len())];
        let (x, y, z) = (operand(), operand(), operand());
        let to = REGISTERS[next(REGISTERS.len())];
        let sense = ["", ".not"][next(2)];
        for (output, _) in ["s", "t"].iter().zip(spikes).filter(|(_, spike)| *spike == at) {
            writeln!(text, "    spike {x}, {output}").unwrap();
        }
        match next(16) {
            0 => writeln!(text, "    mov {to}, {x}"),
            1 => writeln!(text, "    sel {to}, {x}"),
            2 => writeln!(text, "    and {to}, {x}, {y}"),
            3 => writeln!(text, "    or {to}, {x}, {y}"),
            4 => writeln!(text, "    shl {to}, {x}, {y}"),
            5 => writeln!(text, "    shl {to}, {x}, {}", next(80) as i32 - 40),
            6 => writeln!(text, "    add {to}, {x}, {y}"),
            7 => writeln!(text, "    neg {to}, {x}"),
            8 => writeln!(text, "    min {to}, {x}, {y}"),
            9 => writeln!(text, "    mul_shr {to}, {x}, {y}, {z}"),
            10 => writeln!(text, "    mul_shr.floor {to}, {x}, {y}, {}", next(66)),
            11 => writeln!(text, "    lt {x}, {y}"),
            12 => writeln!(text, "    ge {x}, {y}"),
            13 => writeln!(text, "    eq {x}, {y}"),
            14 => {
                let target = at + 1 + next(length - at);
                if !labels.contains(&target) {
                    labels.push(target);
                }
                writeln!(text, "    jmp_c{sense} l{target}")
            }
            _ => writeln!(text, "    probe {x}, seen"),
        }
        .unwrap();
    }
    for label in labels {
        writeln!(text, "l{label}:").unwrap();
    }
    // The end is something to skip.
    text + "    lt u, v\n    skp_c 1\n    add v, v, u\n"
}

fn number() -> impl Strategy<Value = i32> {
    prop_oneof![any::<i32>(), -300..300, Just(0), Just(i32::MIN), Just(i32::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_executor_equals_the_interpreter(
        choices in prop::collection::vec(any::<u32>(), 400),
        neurons in prop_oneof![1..40_usize, 250..600_usize],
        values in prop::collection::vec(number(), 64),
        uniform in any::<bool>(),
    ) {
        let text = text(&choices);
        let program = Program::parse(&text, "random").unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(verify(&program, &Limits::default()), Ok(()), "{}", text);
        let printed = program.to_string();
        prop_assert_eq!(&Program::parse(&printed, "printed").unwrap(), &program, "{}", printed);

        let value = |neuron: usize, salt: usize| values[(neuron * 7 + neuron / 5 + salt) % values.len()];
        let each = |salt: usize| (0..neurons).map(|neuron| value(neuron, salt)).collect::<Vec<_>>();
        let settings = Settings::default().all("k", value(0, 3).into());
        let settings = if uniform {
            settings.all("p", value(1, 1).into()).all("q", value(2, 2).into())
        } else {
            settings.each("p", each(1)).each("q", each(2))
        };
        let mut plain = Population::new(&program, neurons, &settings).unwrap();
        let mut fast = plain.clone();
        let mut executor = Executor::new(&program, &plain).unwrap();
        for step in 0..4 {
            for (port, salt) in [(0, 5), (1, 9)] {
                plain.accumulator(port).copy_from_slice(&each(salt + step));
                fast.accumulator(port).copy_from_slice(&each(salt + step));
            }
            interpret::step(&program, &mut plain);
            executor.step(&mut fast);
            prop_assert_eq!(&plain, &fast, "step {}\n{}", step, text);
        }
        plain.reset();
        fast = Population::new(&program, neurons, &settings).unwrap();
        prop_assert_eq!(plain, fast);
    }
}

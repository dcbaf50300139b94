//! Programs that are refused, each with its own id, line and column.

use crate::loihi::{
    MicrocodeError, Program,
    population::{Population, Settings},
    verify::{Limits, verify},
};

fn refused(text: &str) -> String {
    let errors = match Program::parse(text, "p.ncm") {
        Err(error) => vec![error],
        Ok(program) => verify(&program, &Limits { instructions: 8, words: 3 }).expect_err(text),
    };
    errors.iter().map(MicrocodeError::to_string).collect::<Vec<_>>().join("\n")
}

const HEAD: &str = "program p\nport a\nout s\nshared k\nparam w\nstate v\nlet d = k + 1\ncode\n";

#[test]
fn programs_are_refused_where_they_are_wrong() {
    let after_head = [
        (
            "add x, y, 1",
            "microcode-name: p.ncm:9:8: `y` is neither declared nor the result of an instruction",
        ),
        (
            "add x, x, 1",
            "microcode-unset: p.ncm:9:1: register `x` is read and not every path here has set it",
        ),
        (
            "sel v, 1",
            "microcode-unset: p.ncm:9:1: the flag is read and no comparison in front of it sets it on every path",
        ),
        (
            "add v, 1, 1",
            "microcode-state: p.ncm:9:1: state word `v` is written and not opened here; `rmw v` first",
        ),
        ("mov x, v", "microcode-state: p.ncm:9:1: state word `v` is not opened here; `rmw v` first"),
        ("mov x, a", "microcode-state: p.ncm:9:1: port `a` is not read here; `rdc a` first"),
        ("rmw v\nrmw v", "microcode-state: p.ncm:10:1: `v` is opened twice on some path; once is enough"),
        ("rmw a", "microcode-name: p.ncm:9:5: `a` is no state word"),
        ("rdc v", "microcode-name: p.ncm:9:5: `v` is no port"),
        (
            "mov k, 1",
            "microcode-name: p.ncm:9:5: `k` is no register and cannot be written; use another name, or declare a state word",
        ),
        (
            "mov d, 1",
            "microcode-name: p.ncm:9:5: `d` is no register and cannot be written; use another name, or declare a state word",
        ),
        ("mov x, s", "microcode-name: p.ncm:9:8: `s` is an output and has no value"),
        ("eq 1, 1\nskp_c 1", "microcode-jump: p.ncm:10:1: 1 instructions are skipped and 0 follow"),
        ("eq 1, 1\nskp_c 0", "microcode-jump: p.ncm:10:7: a number of instructions from 1 is skipped"),
        ("eq 1, 1\nskp_c -1", "microcode-jump: p.ncm:10:7: a number of instructions from 1 is skipped"),
        ("eq 1, 1\njmp_c end", "microcode-jump: p.ncm:10:7: there is no label `end`"),
        (
            "again:\neq 1, 1\njmp_c again",
            "microcode-loop: p.ncm:11:1: the jump goes back to `again`, and nothing says that the program ends; write the repetitions out",
        ),
        (
            "eq 1, 1\nhere: jmp_c here",
            "microcode-loop: p.ncm:10:7: the jump goes back to `here`, and nothing says that the program ends; write the repetitions out",
        ),
        ("here:\nhere:", "microcode-name: p.ncm:10:1: label `here` is set twice"),
        (
            "spike 1\nspike 1",
            "microcode-spike: p.ncm:10:1: the output has sent already on some path; a neuron sends once a step on each",
        ),
        ("spike 1, v", "microcode-name: p.ncm:9:10: `v` is no output"),
        ("mov x, 99999999999", "microcode-operands: p.ncm:9:8: the number does not fit 32 bits"),
        ("mov x", "microcode-operands: p.ncm:9:1: `mov` takes a register and an operand, as in `mov x, 1`"),
        ("mov 1, 2", "microcode-operands: p.ncm:9:5: `1` stands where a result goes"),
        ("lt 1", "microcode-operands: p.ncm:9:1: `lt` takes two operands, as in `lt x, 1`"),
        (
            "mov x, 1 2",
            "microcode-syntax: p.ncm:9:10: expected `,`, the end of the line or the end of the text, found `2`",
        ),
        ("mov x,", "microcode-syntax: p.ncm:9:7: expected a name or an integer, found the end of the text"),
    ];
    for (code, message) in after_head {
        assert_eq!(refused(&format!("{HEAD}{code}")), message, "{code}");
    }
    let whole = [
        ("", "microcode-syntax: p.ncm:1:1: expected `program NAME`, found the end of the text"),
        (
            "program p\nport a, a\ncode\n",
            "microcode-name: p.ncm:2:9: `a` is declared twice; call one of them something else",
        ),
        (
            "program p\nlet x = y\ncode\n",
            "microcode-name: p.ncm:2:9: `y` is not declared; declare it in front of what uses it",
        ),
        ("program p\nstate v\nlet x = v\ncode\n", "microcode-name: p.ncm:3:9: `v` changes from step to step"),
        (
            "program p\ncode\nspike 1\n",
            "microcode-name: p.ncm:3:1: the program has no output; declare one: `out s`",
        ),
        (
            "program p\nout s, t\ncode\nspike 1\n",
            "microcode-operands: p.ncm:4:1: the program has several outputs; say which one",
        ),
        (
            "program p\nstate a, b, c\nparam w\ncode\nmov x, w\n",
            "microcode-budget: p.ncm: a neuron keeps 4 words of state and parameters and has room for 3; drop state words",
        ),
    ];
    for (text, message) in whole {
        assert_eq!(refused(text), message, "{text}");
    }
    let long = format!("{HEAD}{}", "mov x, 1\n".repeat(9));
    assert_eq!(
        refused(&long),
        "microcode-budget: p.ncm:17:1: the program takes up to 9 instructions in a step and a core has 8; shorten it, or raise the limit of the chip file"
    );
    let unknown = refused(&format!("{HEAD}mul x, 1, 2"));
    assert!(
        unknown.starts_with("microcode-operands: p.ncm:9:1: there is no instruction `mul`; there are rmw"),
        "{unknown}"
    );
}

/// A register that is set on one of two ways only.
#[test]
fn every_path_counts() {
    let some = "eq k, 1\nskp_c 1\nmov x, 1\nspike x";
    assert!(refused(&format!("{HEAD}{some}")).starts_with("microcode-unset: p.ncm:12:1"));
    let state = "eq k, 1\nskp_c 1\nrmw v\nmov x, v";
    assert!(refused(&format!("{HEAD}{state}")).starts_with("microcode-state: p.ncm:12:1"));
    let flag = "eq k, 1\njmp_c over\nlt k, 3\nover:\nskp_c 1\nspike 1";
    assert!(verify(&Program::parse(&format!("{HEAD}{flag}"), "p").unwrap(), &Limits::default()).is_ok());
}

#[test]
fn parameters_are_checked() {
    let program = Program::parse(&format!("{HEAD}mov x, w\n"), "p.ncm").unwrap();
    let refused = |settings: Settings| Population::new(&program, 2, &settings).unwrap_err().to_string();
    let all = Settings::default().all("k", 1).all("w", 1);
    assert!(Population::new(&program, 2, &all).is_ok());
    assert_eq!(
        refused(Settings::default().all("k", 1)),
        "microcode-parameter: p.ncm: parameter `w` is not set and has no default"
    );
    assert_eq!(
        refused(all.clone().each("k", [1, 2])),
        "microcode-parameter: p.ncm: `k` is one number for all neurons; declare it as `param` to give each its own"
    );
    assert_eq!(
        refused(all.clone().each("w", [1, 2, 3])),
        "microcode-parameter: p.ncm: `w` has 3 values for 2 neurons"
    );
    assert_eq!(
        refused(all.clone().all("k", i32::MAX.into())),
        "microcode-parameter: p.ncm: `d` is 2147483648, which does not fit 32 bits"
    );
    assert_eq!(
        refused(all.clone().all("d", 1)),
        "microcode-parameter: p.ncm: the program has no parameter `d`"
    );
    assert_eq!(
        refused(all.state("w", [1, 1])),
        "microcode-parameter: p.ncm: the program has no state word `w`"
    );
    let divides = Program::parse("program p\nshared k\nlet x = 1 / k\ncode\n", "p.ncm").unwrap();
    let error = Population::new(&divides, 1, &Settings::default().all("k", 0)).unwrap_err();
    assert_eq!(error.to_string(), "microcode-parameter: p.ncm: `x` divides 1 by 0");
}

/// Nothing that is written exhausts the stack or panics.
#[test]
fn no_text_is_too_strange() {
    let nested = format!("program p\nlet x = {}1{}\ncode\n", "(".repeat(100_000), ")".repeat(100_000));
    assert!(refused(&nested).contains("nested deeper than 16"));
    let long = format!("program p\nlet x = 1{}\ncode\n", " + 1".repeat(50_000));
    assert!(refused(&long).contains("more than 64 operators"));
    assert!(refused(&"x".repeat(2 << 20)).contains("more than 1048576 bytes"));
    assert!(
        refused(&format!("program p\nlet x = {}1\ncode\n", "-".repeat(10_000)))
            .starts_with("microcode-syntax")
    );
    for cut in 0..HEAD.len() {
        let _ = Program::parse(&HEAD[..cut], "p");
        let _ = Program::parse(&format!("{}\u{fffd}{}", &HEAD[..cut], &HEAD[cut..]), "p");
    }
}

//! Deliberate errors in programs, each of which the excerpt of vectors must show.

use std::collections::BTreeMap;

use super::excerpt;
use crate::loihi::{Program, builtin, replay::replay_families};

/// Family, what is wrong, and the change: text and what stands in its place (`""`: nothing).
type Mutant = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SATURATE_U: &str = "    min u, u, limit\n    neg u, u\n    min u, u, limit\n    neg u, u\n    rmw v\n";

const MUTANTS: &[Mutant] = &[
    ("lif", "u decays rounding down", &[("mul_shr u,", "mul_shr.floor u,")]),
    ("lif", "v decays rounding down", &[("mul_shr v,", "mul_shr.floor v,")]),
    (
        "lif",
        "v decays rounding to nearest",
        &[("mul_shr v, v, fv, 12", "mul_shr v, v, fv, 11\n    add v, v, 1\n    shl v, v, -1")],
    ),
    ("lif", "the hidden 1 of du is missing", &[("4095 - du", "4096 - du")]),
    ("lif", "a hidden 1 of dv", &[("4096 - dv", "4095 - dv")]),
    (
        "lif",
        "u saturates",
        &[("    rmw v\n", SATURATE_U), ("lt top, u", "lt u, u"), ("lt u, bottom", "lt u, u")],
    ),
    (
        "lif",
        "u wraps to two's complement",
        &[
            ("lt top, u", "lt limit, u"),
            ("lt u, bottom", "lt u, low"),
            ("let limit", "let low = -top\nlet limit"),
        ],
    ),
    ("lif", "u does not wrap", &[("sel u, t", "mov t, 0")]),
    (
        "lif",
        "v wraps",
        &[(
            "    min v, v, limit\n    neg v, v\n    min v, v, limit\n    neg v, v\n",
            "    shl v, v, 8\n    shl v, v, -8\n",
        )],
    ),
    (
        "lif",
        "v does not saturate",
        &[("    min v, v, limit\n    neg v, v\n    min v, v, limit\n    neg v, v\n", "")],
    ),
    (
        "lif",
        "v saturates at -2^23",
        &[(
            "    neg v, v\n    min v, v, limit\n    neg v, v\n",
            "    neg v, v\n    min v, v, top\n    neg v, v\n",
        )],
    ),
    ("lif", "v >= threshold", &[("lt theta, v", "ge v, theta")]),
    (
        "lif",
        "v uses the old u",
        &[("    rmw u\n", "    rmw u\n    mov old, u\n"), ("add v, v, u", "add v, v, old")],
    ),
    ("lif", "soft reset", &[("mov v, 0", "neg t, theta\n    add v, v, t"), ("skp_c.not 2", "skp_c.not 3")]),
    ("lif", "no reset", &[("mov v, 0", "mov t, 0")]),
    ("lif", "u is reset too", &[("mov v, 0", "mov v, 0\n    mov u, 0"), ("skp_c.not 2", "skp_c.not 3")]),
    ("lif", "the threshold is not shifted", &[("vth << 6", "vth")]),
    ("lif", "the input is not shifted", &[("shl a_in, a_in, 6", "shl a_in, a_in, 0")]),
    ("lif", "the bias is not shifted", &[("bias_mant << bias_exp", "bias_mant + 0 * bias_exp")]),
    ("lif_reset", "the reset is a step late", &[("(reset_offset - 1)", "reset_offset")]),
    ("lif_reset", "the reset clears v only", &[("    sel u, 0\n", "")]),
    ("ternary_lif", "no negative spikes", &[("sel x, -1", "sel x, 0")]),
    ("ternary_lif", "v >= upper threshold", &[("lt theta_hi, v", "ge v, theta_hi")]),
    ("lif_refractory_derived", "it rests a step more", &[("lt left, 1", "lt left, 0")]),
    (
        "lif_refractory_derived",
        "u rests too",
        &[
            ("    mov left, refractory_period\n", "    mov left, refractory_period\n    mov u, 0\n"),
            ("skp_c.not 3", "skp_c.not 4"),
        ],
    ),
    ("atrlif", "r does not decay", &[("mul_shr r, r, fr, 12", "mul_shr r, r, 1, 0")]),
    (
        "atrlif",
        "theta grows before r takes it",
        &[
            ("    shl t, theta, 1\n", "    add theta, theta, increment\n    shl t, theta, 1\n"),
            ("    add r, r, t\n    add theta, theta, increment\n", "    add r, r, t\n"),
        ],
    ),
    ("rf", "products round down", &[("mul_shr ", "mul_shr.floor ")]),
    ("rf_iz", "no reset", &[("mov imag, reset", "mov t, reset")]),
    ("rf_zero", "products round towards zero", &[("mul_shr.floor", "mul_shr")]),
    ("sigma", "only the change is sent", &[("spike sigma", "spike a_in")]),
    ("delta", "> for >=", &[("ge y, threshold", "lt threshold, y")]),
    ("delta", "the error is not cleared", &[("mov error, 0", "mov t, 0")]),
    ("sigma_delta", "the payload rounds towards zero", &[("shl o, o, down", "let_one")]),
    ("sigma_delta", "the residue is forgotten", &[("add residue, d, t", "mov residue, 0")]),
    (
        "sigma_delta_corrected",
        "it remembers the change and not what it sent",
        &[("mov o, 0", "mov o, 0\n    mov act, x\n    mov z, 0"), ("add act, act, o", "add z, act, o")],
    ),
    ("graded_vec", "negative values are silent", &[("neg t, t", "mov t, a_in")]),
    ("graded_relu_vec", "negative values pass", &[("lt vth, a_in", "lt a_in, vth")]),
    ("norm_vec_delay", "no delay", &[("mul_shr x, before, a_in2", "mul_shr x, a_in1, a_in2")]),
    ("prod_neuron", "the product rounds towards zero", &[("mul_shr.floor", "mul_shr")]),
    ("inv_sqrt", "a step of Newton's less", &[("three = 3", "three = 2")]),
];

/// Rounding towards zero instead of down: of magnitudes, with the sign put back.
const ROUND_TO_ZERO: &str = "mul_shr o, o, 1, state_exp";

#[test]
fn every_deliberate_error_is_caught() {
    let mut missed = vec![];
    for (family, what, changes) in MUTANTS {
        let mut text = builtin::text(family).unwrap().to_owned();
        for (from, to) in *changes {
            assert!(text.contains(from), "{family}, {what}: the program has no `{from}`");
            text = text.replace(from, if *to == "let_one" { ROUND_TO_ZERO } else { to });
        }
        let program = Program::parse(&text, what).unwrap_or_else(|error| panic!("{error}"));
        let programs = BTreeMap::from([((*family).to_owned(), program)]);
        let report = replay_families(&excerpt(), None, &programs, &|name| name == *family)
            .unwrap_or_else(|error| panic!("{family}, {what}: {error}"));
        let tallies = report.families.values().flat_map(BTreeMap::values);
        let (plain, fast) =
            tallies.fold((0, 0), |(p, f), tally| (p + tally.mismatches_plain, f + tally.mismatches_fast));
        if plain == 0 || fast == 0 {
            missed.push(format!("{family}: {what}: {plain}, {fast}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

//! The programs that come with the simulator, as texts.

use super::{error::MicrocodeError, program::Program};

/// Names and texts: first the families that Lava publishes, then the neurons of this project's schedules.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("lif", include_str!("programs/lif.ncm")),
    ("lif_reset", include_str!("programs/lif_reset.ncm")),
    ("ternary_lif", include_str!("programs/ternary_lif.ncm")),
    ("lif_refractory_derived", include_str!("programs/lif_refractory_derived.ncm")),
    ("atrlif", include_str!("programs/atrlif.ncm")),
    ("rf", include_str!("programs/rf.ncm")),
    ("rf_iz", include_str!("programs/rf_iz.ncm")),
    ("rf_zero", include_str!("programs/rf_zero.ncm")),
    ("sigma", include_str!("programs/sigma.ncm")),
    ("delta", include_str!("programs/delta.ncm")),
    ("sigma_delta", include_str!("programs/sigma_delta.ncm")),
    ("sigma_delta_corrected", include_str!("programs/sigma_delta_corrected.ncm")),
    ("graded_vec", include_str!("programs/graded_vec.ncm")),
    ("graded_relu_vec", include_str!("programs/graded_relu_vec.ncm")),
    ("norm_vec_delay", include_str!("programs/norm_vec_delay.ncm")),
    ("prod_neuron", include_str!("programs/prod_neuron.ncm")),
    ("inv_sqrt", include_str!("programs/inv_sqrt.ncm")),
    ("if_soft_reset", include_str!("programs/if_soft_reset.ncm")),
    ("st_bif", include_str!("programs/st_bif.ncm")),
    ("hold_and_fire", include_str!("programs/hold_and_fire.ncm")),
    ("level_sigma_delta", include_str!("programs/level_sigma_delta.ncm")),
    ("readout", include_str!("programs/readout.ncm")),
];

/// The text of a built-in program.
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}

/// A built-in program; `None` if there is none of this name.
///
/// # Errors
/// Those of [`Program::parse`], which no built-in program has.
pub fn program(name: &str) -> Option<Result<Program, MicrocodeError>> {
    text(name).map(|text| Program::parse(text, &format!("{name}.ncm")))
}

/// The built-in program of this name; if there is none, the one in the file of this name.
///
/// # Errors
/// Those of [`Program::read`].
pub fn or_read(name: &str) -> Result<Program, MicrocodeError> {
    program(name).unwrap_or_else(|| Program::read(name.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loihi::verify::{Limits, verify};

    #[test]
    fn built_in_programs_are_accepted_and_print_what_they_are() {
        for (name, text) in BUILT_IN {
            let program = Program::parse(text, name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(program.name(), *name);
            if let Err(errors) = verify(&program, &Limits::default()) {
                panic!("{errors:?}");
            }
            let printed = program.to_string();
            let again = Program::parse(&printed, name).unwrap_or_else(|error| panic!("{error}\n{printed}"));
            assert_eq!(program, again);
            assert_eq!(printed, again.to_string());
        }
    }
}

//! What the built-in programs keep of each neuron, for counting memory.

/// Words of a neuron of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// State that is kept from step to step.
    pub state: u64,
    /// Parameters that are read in each step, with what is derived from them, where they differ from neuron to neuron.
    pub parameters: &'static [(&'static str, u64)],
}

/// The words of a program's neurons; `None` if it is not known.
///
/// A parameter that only sets the first state, such as `initial`, takes no memory of its own.
pub fn words(program: &str) -> Option<Words> {
    Some(match program {
        // v and tracer; the threshold and its negative.
        "st_bif" => Words { state: 2, parameters: &[("threshold", 2)] },
        // v and level; the threshold, its negative, its reciprocal and the shift of that.
        "level_sigma_delta" => Words { state: 2, parameters: &[("threshold", 4)] },
        // v and step.
        "hold_and_fire" => Words { state: 2, parameters: &[("threshold", 2)] },
        "if_soft_reset" => Words { state: 1, parameters: &[("threshold", 2), ("bias", 1)] },
        // y and step.
        "readout" => Words { state: 2, parameters: &[("initial", 1), ("bias", 1)] },
        _ => return None,
    })
}

//! Cases of synapses and of quantisers.

use super::{
    OptimizedWeights, Quantisers, SignMode,
    arrays::{Array, Arrays},
    error::ReplayError,
    manifest::Case,
    outcome::{By, Outcome},
};
use crate::loihi::synapse::{ConvolutionShape, Mode, Synapse, Synapses};

/// `[outputs, inputs]` of a matrix.
fn matrix(case: &Case, array: &Array, name: &str) -> Result<(usize, usize), ReplayError> {
    match array.shape.as_slice() {
        [outputs, inputs] => Ok((*outputs, *inputs)),
        shape => Err(case.refuse(format!("`{name}` has shape {shape:?} and is no matrix"))),
    }
}

fn bits(case: &Case, name: &str) -> Result<u32, ReplayError> {
    u32::try_from(case.need(name)?)
        .ok()
        .filter(|bits| *bits <= 32)
        .ok_or_else(|| case.refuse(format!("`{name}` is no number of bits")))
}

/// Dense and sparse synapses, with and without delays.
pub(super) fn run(
    case: &Case,
    arrays: &mut Arrays<'_>,
    quantisers: Quantisers,
) -> Result<Outcome, ReplayError> {
    let weights = arrays.get(case, "weights")?;
    let (outputs, inputs) = matrix(case, &weights, "weights")?;
    let weight_bits = bits(case, "num_weight_bits")?;
    let given = weights.narrow(case, "weights")?;
    let effective = (quantisers.truncate)(&given, case.sign_mode()?, weight_bits);
    let mut outcome = Outcome::default();
    if let Some(wanted) = arrays.optional(case, "weights_effective")? {
        outcome.compared += wanted.values.len() as u64;
        outcome.compare(By::Plain, "weights_effective", 0, &effective, &wanted.values);
    }
    let weight_exponent = i32::try_from(case.need("weight_exp")?).unwrap_or(i32::MAX);
    let mode = Mode { weight_exponent, graded: bits(case, "num_message_bits")? > 0 };
    let delays = match arrays.optional(case, "delays")? {
        Some(delays) if delays.values.len() != given.len() => {
            return Err(case.refuse("it has more or fewer delays than weights".to_owned()));
        }
        delays => delays.map(|delays| delays.values),
    };
    let synapses = if case.family == "dense" {
        Synapses::dense(&effective, outputs, inputs, mode)
    } else {
        let delay = |index: usize| match delays.as_ref().and_then(|delays| delays.get(index)) {
            None => 0,
            Some(&delay) => usize::try_from(delay).unwrap_or(usize::MAX),
        };
        let listed = effective.iter().enumerate().filter(|(_, weight)| **weight != 0);
        let synapse = |(index, &weight): (usize, &i32)| {
            (index % inputs, Synapse { target: index / inputs, weight, delay: delay(index) })
        };
        Synapses::sparse(listed.map(synapse), outputs, inputs, mode)
    };
    drive(case, arrays, &mut synapses.map_err(|reason| case.refuse(reason))?, outcome)
}

/// Convolutions.
pub(super) fn convolution(case: &Case, arrays: &mut Arrays<'_>) -> Result<Outcome, ReplayError> {
    let list = |name: &str| -> Result<Vec<usize>, ReplayError> {
        let values = case.params.get(name).and_then(|value| value.as_array());
        let sizes = values.map(|values| values.iter().map(|v| v.as_u64().map(|v| v as usize)).collect());
        sizes.flatten().ok_or_else(|| case.refuse(format!("`{name}` is no list of sizes")))
    };
    let pair = |name: &str| match list(name)?.as_slice() {
        [x, y] => Ok([*x, *y]),
        _ => Err(case.refuse(format!("`{name}` has not two sizes"))),
    };
    let triple = |name: &str| match list(name)?.as_slice() {
        [x, y, c] => Ok([*x, *y, *c]),
        _ => Err(case.refuse(format!("`{name}` has not three sizes"))),
    };
    let weights = arrays.get(case, "weight")?;
    let [_, kernel_x, kernel_y, _] = *weights.shape else {
        return Err(case.refuse("`weight` has not four axes".to_owned()));
    };
    let shape = ConvolutionShape {
        input: triple("input_shape")?,
        output: triple("output_shape")?,
        kernel: [kernel_x, kernel_y],
        stride: pair("stride")?,
        padding: pair("padding")?,
        dilation: pair("dilation")?,
        groups: case.size("groups")?,
    };
    let graded = bits(case, "num_message_bits")? > 0;
    let synapses = Synapses::convolution(&weights.narrow(case, "weight")?, shape, graded);
    drive(case, arrays, &mut synapses.map_err(|reason| case.refuse(reason))?, Outcome::default())
}

/// Feeds `s_in` and compares with `a_out`.
fn drive(
    case: &Case,
    arrays: &mut Arrays<'_>,
    synapses: &mut Synapses,
    mut outcome: Outcome,
) -> Result<Outcome, ReplayError> {
    let steps = case.size("steps")?;
    let (inputs, outputs) = (synapses.inputs(), synapses.outputs());
    let spikes = arrays.get(case, "s_in")?.narrow(case, "s_in")?;
    let wanted = arrays.get(case, "a_out")?.values;
    if Some(spikes.len()) != inputs.checked_mul(steps) || Some(wanted.len()) != outputs.checked_mul(steps) {
        return Err(case.refuse(format!("`s_in` or `a_out` is not of {steps} steps")));
    }
    for step in 0..steps {
        let mut found = vec![0; outputs];
        synapses.send(&mut found);
        synapses.accept(spikes.get(step * inputs..(step + 1) * inputs).unwrap_or_default());
        let row = wanted.get(step * outputs..(step + 1) * outputs).unwrap_or_default();
        outcome.compared += outputs as u64;
        outcome.compare(By::Plain, "a_out", step, &found, row);
    }
    Ok(outcome)
}

/// Weights cut to each number of bits.
pub(super) fn truncate(
    case: &Case,
    arrays: &mut Arrays<'_>,
    quantisers: Quantisers,
) -> Result<Outcome, ReplayError> {
    let weights = arrays.get(case, "w")?.narrow(case, "w")?;
    let wanted = arrays.get(case, "out")?.values;
    let mut outcome = Outcome::default();
    for (bits, row) in (0..).zip(wanted.chunks(weights.len().max(1))) {
        let found = (quantisers.truncate)(&weights, case.sign_mode()?, bits);
        outcome.compared += row.len() as u64;
        outcome.compare(By::Plain, "out", bits as usize, &found, row);
    }
    Ok(outcome)
}

/// Weights, bits and exponent together.
pub(super) fn optimize(
    case: &Case,
    arrays: &mut Arrays<'_>,
    quantisers: Quantisers,
) -> Result<Outcome, ReplayError> {
    let weights = arrays.get(case, "w")?.narrow(case, "w")?;
    let wanted = arrays.get(case, "out")?.values;
    let sign = case.sign_mode()?.unwrap_or(SignMode::Mixed);
    let OptimizedWeights { weights: found, weight_bits, weight_exponent } =
        (quantisers.optimize)(&weights, sign, case.need("loihi2")? != 0);
    let mut outcome = Outcome { compared: wanted.len() as u64 + 2, ..Outcome::default() };
    outcome.compare(By::Plain, "out", 0, &found, &wanted);
    outcome.compare(By::Plain, "num_weight_bits", 0, &[weight_bits], &[case.need("num_weight_bits")?]);
    outcome.compare(By::Plain, "weight_exp", 0, &[weight_exponent], &[case.need("weight_exp")?]);
    Ok(outcome)
}

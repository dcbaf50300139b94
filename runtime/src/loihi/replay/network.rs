//! Cases of networks: dense synapses and LIF neurons, layer after layer, also recurrent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Quantisers,
    arrays::{Array, Arrays},
    error::ReplayError,
    manifest::Case,
    neurons::Pair,
    outcome::{By, Outcome},
    random::digest,
    sign_mode,
};
use crate::loihi::{
    population::{Population, Settings},
    program::Program,
    synapse::{Mode, Synapses},
};

struct Layer {
    forward: Synapses,
    recurrent: Option<Synapses>,
    neurons: Pair,
    /// Of each step and neuron.
    wanted: Vec<i64>,
}

fn layer(
    case: &Case,
    arrays: &mut Arrays<'_>,
    quantisers: Quantisers,
    lif: &Program,
    (number, entry): (usize, &Value),
) -> Result<Layer, ReplayError> {
    let prefix = format!("l{number}");
    let refuse = |what: &str| case.refuse(format!("layer {number} {what}"));
    let number_of = |name: &str| {
        entry.get(name).and_then(Value::as_i64).ok_or_else(|| refuse(&format!("has no integer `{name}`")))
    };
    let sign = sign_mode(entry.get("sign_mode")).ok_or_else(|| refuse("has no known `sign_mode`"))?;
    let bits = u32::try_from(number_of("num_weight_bits")?).unwrap_or(u32::MAX).min(32);
    let mode =
        Mode { weight_exponent: i32::try_from(number_of("weight_exp")?).unwrap_or(i32::MAX), graded: false };
    let dense = |weights: &Array| {
        let [outputs, inputs] = *weights.shape else { return Err(refuse("has weights that are no matrix")) };
        let effective = (quantisers.truncate)(&weights.narrow(case, "weights")?, sign, bits);
        Synapses::dense(&effective, outputs, inputs, mode).map_err(|reason| case.refuse(reason))
    };
    let forward = dense(&arrays.get(case, &format!("{prefix}.weights"))?)?;
    let recurrent = arrays.optional(case, &format!("{prefix}.rec_weights"))?;
    let recurrent = recurrent.map(|weights| dense(&weights)).transpose()?;
    let count = forward.outputs();
    if recurrent.as_ref().is_some_and(|recurrent| (recurrent.inputs(), recurrent.outputs()) != (count, count))
    {
        return Err(refuse("has recurrent weights of another size"));
    }
    let settings = Settings::default()
        .all("du", number_of("du")?)
        .all("dv", number_of("dv")?)
        .all("vth", number_of("vth")?)
        .each("bias_mant", arrays.get(case, &format!("{prefix}.bias_mant"))?.values)
        .each("bias_exp", arrays.get(case, &format!("{prefix}.bias_exp"))?.values);
    let wanted = arrays.get(case, &format!("{prefix}.s_bits"))?.unpack(count);
    Ok(Layer { forward, recurrent, neurons: Pair::new(lif, count, &settings)?, wanted })
}

pub(super) fn run(
    case: &Case,
    arrays: &mut Arrays<'_>,
    quantisers: Quantisers,
    lif: &Program,
) -> Result<Outcome, ReplayError> {
    let steps = case.size("steps")?;
    let entries = case.params.get("layers").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| case.refuse("it has no list `layers`".to_owned()))?;
    let mut layers = vec![];
    for entry in (1..).zip(entries) {
        layers.push(layer(case, arrays, quantisers, lif, entry)?);
    }
    let inputs = layers.first().map_or(0, |layer: &Layer| layer.forward.inputs());
    for pair in layers.windows(2) {
        if let [from, to] = pair
            && from.forward.outputs() != to.forward.inputs()
        {
            return Err(case.refuse("its layers do not fit together".to_owned()));
        }
    }
    let total: usize = layers.iter().map(|layer| layer.forward.outputs()).sum();
    case.check_neuron_steps(total, steps)?;
    let spikes = arrays.get(case, "s_in_bits")?.unpack(inputs);
    let digests: BTreeMap<&str, Vec<i64>> =
        BTreeMap::from([("u", arrays.get(case, "d_u")?.values), ("v", arrays.get(case, "d_v")?.values)]);
    let word = |name: &str| lif.states().iter().position(|state| state.name == name).unwrap_or(usize::MAX);
    let words = [("u", word("u")), ("v", word("v"))];
    let mut outcome = Outcome::default();
    for step in 0..steps {
        let row = spikes.get(step * inputs..(step + 1) * inputs).unwrap_or_default();
        let mut payloads: Vec<i32> = row.iter().map(|&spike| spike as i32).collect();
        let layer_count = layers.len();
        for (index, layer) in layers.iter_mut().enumerate() {
            let Layer { forward, recurrent, neurons, wanted } = layer;
            let count = forward.outputs();
            let mut charge = vec![0; count];
            forward.send(&mut charge);
            if let Some(recurrent) = recurrent {
                recurrent.send(&mut charge);
            }
            for population in [&mut neurons.plain, &mut neurons.fast] {
                for (slot, charge) in population.accumulator(0).iter_mut().zip(&charge) {
                    *slot = *charge;
                }
            }
            neurons.step();
            outcome.compared += 3 * count as u64;
            for (by, population) in neurons.each() {
                let row = wanted.get(step * count..(step + 1) * count).unwrap_or_default();
                outcome.compare(by, &format!("l{}.s", index + 1), step, population.output(0), row);
                for (name, word) in words {
                    let digests = digests.get(name);
                    let wanted = digests.and_then(|all| all.get(step * layer_count + index)).copied();
                    compare_digest(&mut outcome, by, population, (name, word), wanted, step);
                }
            }
            forward.accept(&payloads);
            payloads = neurons.plain.output(0).to_vec();
            if let Some(recurrent) = recurrent {
                recurrent.accept(&payloads);
            }
        }
    }
    Ok(outcome)
}

fn compare_digest(
    outcome: &mut Outcome,
    by: By,
    population: &Population,
    (name, word): (&str, usize),
    wanted: Option<i64>,
    step: usize,
) {
    if wanted.map(|wanted| wanted as u64) != Some(digest(population.state(word))) {
        outcome.differs(by, || format!("the digest of {name} in step {step} differs"));
    }
}

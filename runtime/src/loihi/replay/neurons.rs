//! Cases of neurons: the program of the family, fed with the case's inputs.
//!
//! Names do the binding. A parameter of the program is the parameter of its name, or the array where it is one number a neuron; `x_3`
//! may also be element 3 of array `x`. A port is fed from the array of its name, a state word begins as `word0` says, and whatever
//! state word or output has an array of its name is compared with it after every step.

use super::{
    arrays::{Array, Arrays},
    error::ReplayError,
    manifest::{Case, Mode},
    outcome::{By, Outcome},
    random::{Inputs, digest},
};
use crate::loihi::{
    execute::Executor,
    interpret,
    population::{Population, Settings},
    program::{Program, ValueKind},
};

/// Where a compared value is in a population.
#[derive(Clone, Copy)]
enum Part {
    State(usize),
    Output(usize),
}

impl Part {
    fn of(self, population: &Population) -> &[i32] {
        match self {
            Self::State(word) => population.state(word),
            Self::Output(output) => population.output(output),
        }
    }
}

enum Feed {
    Stored(Vec<i32>),
    Random(Inputs),
}

/// Both ways to run a program.
pub(super) struct Pair {
    program: Program,
    pub(super) plain: Population,
    pub(super) fast: Population,
    executor: Executor,
}

impl Pair {
    pub(super) fn new(program: &Program, neurons: usize, settings: &Settings) -> Result<Self, ReplayError> {
        let plain = Population::new(program, neurons, settings)?;
        let executor = Executor::new(program, &plain)?;
        Ok(Self { program: program.clone(), fast: plain.clone(), plain, executor })
    }

    pub(super) fn step(&mut self) {
        interpret::step(&self.program, &mut self.plain);
        self.executor.step(&mut self.fast);
    }

    pub(super) fn each(&self) -> [(By, &Population); 2] {
        [(By::Plain, &self.plain), (By::Fast, &self.fast)]
    }
}

pub(super) fn run(case: &Case, arrays: &mut Arrays<'_>, program: &Program) -> Result<Outcome, ReplayError> {
    let steps = case.size("steps")?;
    let neurons = match case.number("n") {
        Some(_) => case.size("n")?,
        None => {
            let shape =
                program.ports().first().and_then(|port| case.arrays.get(port)).map(|array| &array.shape);
            shape.and_then(|shape| shape.get(1)).copied().unwrap_or(1)
        }
    };
    case.check_neuron_steps(neurons, steps)?;
    let mut pair = Pair::new(program, neurons, &settings(case, arrays, program)?)?;
    let feeds = program
        .ports()
        .iter()
        .map(|port| feed(case, arrays, port, neurons, steps))
        .collect::<Result<Vec<_>, _>>()?;
    let states = program.states().iter().enumerate().map(|(i, state)| (state.name.as_str(), Part::State(i)));
    let outputs = program.outputs().iter().enumerate().map(|(i, name)| (name.as_str(), Part::Output(i)));
    let mut wanted = vec![];
    for (name, part) in states.chain(outputs) {
        if let Some(rows) = rows(case, arrays, name, neurons, steps)? {
            wanted.push((name, part, rows));
        }
    }
    let counts = arrays.optional(case, "spike_count")?;
    let mut outcome = Outcome::default();
    for step in 0..steps {
        for (port, feed) in feeds.iter().enumerate() {
            for population in [&mut pair.plain, &mut pair.fast] {
                fill(population.accumulator(port), feed, step);
            }
        }
        pair.step();
        if let Some(count) = counts.as_ref().map(|counts| counts.values.get(step)) {
            for (by, population) in pair.each() {
                let spikes = population.output(0).iter().filter(|&&payload| payload != 0).count() as i64;
                if count != Some(&spikes) {
                    outcome.differs(by, || format!("there are {spikes} spikes in step {step}"));
                }
            }
        }
        for (name, part, rows) in &wanted {
            outcome.compared += neurons as u64;
            for (by, population) in pair.each() {
                let found = part.of(population);
                match case.mode {
                    Mode::Full => {
                        let row = rows.get(step * neurons..(step + 1) * neurons).unwrap_or_default();
                        outcome.compare(by, name, step, found, row);
                    }
                    Mode::Digest => {
                        if rows.get(step).map(|&digest| digest as u64) != Some(digest(found)) {
                            outcome.differs(by, || format!("the digest of {name} in step {step} differs"));
                        }
                    }
                }
            }
        }
    }
    // What the digests say anyway, in plain numbers.
    for (name, part, _) in &wanted {
        if let Some(last) = arrays.optional(case, &format!("{name}_last"))? {
            for (by, population) in pair.each() {
                outcome.compare(by, &format!("{name}_last"), steps, part.of(population), &last.values);
            }
        }
    }
    Ok(outcome)
}

fn settings(case: &Case, arrays: &mut Arrays<'_>, program: &Program) -> Result<Settings, ReplayError> {
    let mut settings = Settings::default();
    for value in program.values() {
        let name = value.name.as_str();
        settings = match value.kind {
            ValueKind::Derived(_) => settings,
            ValueKind::PerNeuron(_) if case.arrays.contains_key(name) => {
                settings.each(name, arrays.get(case, name)?.values)
            }
            _ => match parameter(case, arrays, name)? {
                Some(number) => settings.all(name, number),
                // The program's default, or its complaint.
                None => settings,
            },
        };
    }
    for state in program.states() {
        if let Some(begin) = arrays.optional(case, &format!("{}0", state.name))? {
            settings = settings.state(&state.name, begin.values);
        }
    }
    Ok(settings)
}

fn parameter(case: &Case, arrays: &mut Arrays<'_>, name: &str) -> Result<Option<i64>, ReplayError> {
    if let Some(number) = case.number(name) {
        return Ok(Some(number));
    }
    match case.params.get(name).and_then(|value| value.as_str()) {
        Some("RELU") => return Ok(Some(1)),
        Some("UNIT") => return Ok(Some(0)),
        Some(other) => return Err(case.refuse(format!("`{name}` is {other:?}, which means nothing"))),
        None => {}
    }
    let element =
        name.rsplit_once('_').and_then(|(array, index)| Some((array, index.parse::<usize>().ok()?)));
    let Some((array, index)) = element else { return Ok(None) };
    Ok(arrays.optional(case, array)?.and_then(|array| array.values.get(index).copied()))
}

fn feed(
    case: &Case,
    arrays: &mut Arrays<'_>,
    port: &str,
    neurons: usize,
    steps: usize,
) -> Result<Feed, ReplayError> {
    if let Some(stored) = arrays.optional(case, port)? {
        if stored.values.len() != neurons * steps {
            return Err(case.refuse(format!("`{port}` is no input of {steps} steps of {neurons} neurons")));
        }
        return Ok(Feed::Stored(stored.narrow(case, port)?));
    }
    let seed = case.params.get("prng_seed").and_then(|seed| seed.as_str()).and_then(|seed| seed.parse().ok());
    let size = |name: &str| case.number(name).and_then(|number| u64::try_from(number).ok());
    match (seed, size("prng_amp"), size("prng_density")) {
        (Some(seed), Some(amplitude), Some(density)) if amplitude < 1 << 31 => {
            Ok(Feed::Random(Inputs { seed, amplitude, density }))
        }
        _ => Err(case.refuse(format!("it says nothing about the input `{port}`"))),
    }
}

fn fill(accumulator: &mut [i32], feed: &Feed, step: usize) {
    let first = step * accumulator.len();
    for (neuron, slot) in accumulator.iter_mut().enumerate() {
        *slot = match feed {
            Feed::Stored(values) => values.get(first + neuron).copied().unwrap_or_default(),
            Feed::Random(inputs) => inputs.get((first + neuron) as u64) as i32,
        };
    }
}

/// What is stored of a state word or an output: values, or a digest a step.
fn rows(
    case: &Case,
    arrays: &mut Arrays<'_>,
    name: &str,
    neurons: usize,
    steps: usize,
) -> Result<Option<Vec<i64>>, ReplayError> {
    let (rows, length) = match case.mode {
        Mode::Digest => (arrays.optional(case, &format!("d_{name}"))?.map(|array| array.values), steps),
        Mode::Full => match arrays.optional(case, name)? {
            Some(Array { values, .. }) => (Some(values), neurons * steps),
            None => {
                let bits = arrays.optional(case, &format!("{name}_bits"))?;
                (bits.map(|bits| bits.unpack(neurons)), neurons * steps)
            }
        },
    };
    match rows {
        Some(rows) if rows.len() != length => {
            Err(case.refuse(format!("`{name}` has {} values and not {length}", rows.len())))
        }
        rows => Ok(rows),
    }
}

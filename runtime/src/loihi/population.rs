//! Neurons of one program: parameters, states, accumulators and what they send.

use std::collections::BTreeMap;

use super::{
    error::{MicrocodeError, MicrocodeErrorKind as Kind},
    program::{Program, ValueKind},
};

/// Most neurons of a population.
pub const MAX_NEURONS: usize = 1 << 24;

/// Numbers for the parameters of a program, and states to begin with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    parameters: BTreeMap<String, Setting>,
    states: BTreeMap<String, Vec<i64>>,
}

#[derive(Clone, Debug)]
enum Setting {
    All(i64),
    Each(Vec<i64>),
}

impl Settings {
    /// One number for all neurons.
    #[must_use]
    pub fn all(mut self, name: &str, value: i64) -> Self {
        self.parameters.insert(name.to_owned(), Setting::All(value));
        self
    }

    /// A number for each neuron.
    #[must_use]
    pub fn each(mut self, name: &str, values: impl IntoIterator<Item = impl Into<i64>>) -> Self {
        self.parameters.insert(name.to_owned(), Setting::Each(values.into_iter().map(Into::into).collect()));
        self
    }

    /// Numbers of the neurons, as one where they are the same.
    #[must_use]
    pub fn row(self, name: &str, values: impl IntoIterator<Item = impl Into<i64>>) -> Self {
        let values = values.into_iter().map(Into::into).collect::<Vec<i64>>();
        match values.first() {
            Some(&first) if values.iter().all(|&value| value == first) => self.all(name, first),
            _ => self.each(name, values),
        }
    }

    /// What each neuron has in a state word before the first step, in place of what the program says.
    #[must_use]
    pub fn state(mut self, name: &str, values: impl IntoIterator<Item = impl Into<i64>>) -> Self {
        self.states.insert(name.to_owned(), values.into_iter().map(Into::into).collect());
        self
    }
}

/// A read-only value of all neurons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The same for all.
    Uniform(i32),
    /// One a neuron.
    Each(Vec<i32>),
}

impl Column {
    pub(super) fn get(&self, neuron: usize) -> i32 {
        match self {
            Self::Uniform(value) => *value,
            Self::Each(values) => values.get(neuron).copied().unwrap_or_default(),
        }
    }
}

/// Neurons of one program, structure of arrays. [`super::interpret::step`] and [`super::execute::Executor::step`] run them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    pub(super) neurons: usize,
    pub(super) values: Vec<Column>,
    /// State words before the first step.
    initial: Vec<Vec<i32>>,
    pub(super) states: Vec<Vec<i32>>,
    pub(super) accumulators: Vec<Vec<i32>>,
    pub(super) outputs: Vec<Vec<i32>>,
    pub(super) probes: Vec<Vec<i32>>,
}

impl Population {
    /// Neurons before their first step.
    ///
    /// # Errors
    /// `microcode-parameter`: a parameter is missing or unknown, has the wrong number of values, or a value does not fit 32 bits.
    pub fn new(program: &Program, neurons: usize, settings: &Settings) -> Result<Self, MicrocodeError> {
        let refuse = |message: String| program.error(Kind::Parameter, None, message);
        if neurons > MAX_NEURONS {
            return Err(refuse(format!("{neurons} neurons; a population has at most {MAX_NEURONS}")));
        }
        for name in settings.parameters.keys() {
            let is_parameter = |value: &&super::program::Value| {
                value.name == *name && !matches!(value.kind, ValueKind::Derived(_))
            };
            if !program.values.iter().any(|value| is_parameter(&value)) {
                return Err(refuse(format!("the program has no parameter `{name}`")));
            }
        }
        let mut values: Vec<Column> = vec![];
        for (index, value) in program.values.iter().enumerate() {
            let column = match (&value.kind, settings.parameters.get(&value.name)) {
                (ValueKind::Derived(expression), _) => {
                    let of = |neuron: usize| {
                        let read = |value: usize| {
                            values.get(value).map_or(0, |column: &Column| column.get(neuron).into())
                        };
                        narrow(expression.evaluate(&read), &value.name).map_err(refuse)
                    };
                    if program.varies(index) {
                        Column::Each((0..neurons).map(of).collect::<Result<_, _>>()?)
                    } else {
                        Column::Uniform(of(0)?)
                    }
                }
                (ValueKind::Shared(_) | ValueKind::PerNeuron(_), Some(Setting::All(number))) => {
                    Column::Uniform(narrow(Ok(*number), &value.name).map_err(refuse)?)
                }
                (ValueKind::PerNeuron(_), Some(Setting::Each(numbers))) => {
                    Column::Each(per_neuron(numbers, neurons, &value.name).map_err(refuse)?)
                }
                (ValueKind::Shared(_), Some(Setting::Each(_))) => {
                    let message = format!(
                        "`{}` is one number for all neurons; declare it as `param` to give each its own",
                        value.name
                    );
                    return Err(refuse(message));
                }
                (ValueKind::Shared(default) | ValueKind::PerNeuron(default), None) => {
                    let missing =
                        || refuse(format!("parameter `{}` is not set and has no default", value.name));
                    Column::Uniform(default.ok_or_else(missing)?)
                }
            };
            values.push(column);
        }
        let mut initial = vec![];
        for word in &program.states {
            let column = match settings.states.get(&word.name) {
                Some(given) => per_neuron(given, neurons, &word.name).map_err(refuse)?,
                None => {
                    let of = |neuron: usize| {
                        let read = |value: usize| {
                            values.get(value).map_or(0, |column: &Column| column.get(neuron).into())
                        };
                        narrow(word.initial.evaluate(&read), &word.name).map_err(refuse)
                    };
                    (0..neurons).map(of).collect::<Result<_, _>>()?
                }
            };
            initial.push(column);
        }
        if let Some(name) =
            settings.states.keys().find(|name| program.states.iter().all(|s| s.name != **name))
        {
            return Err(refuse(format!("the program has no state word `{name}`")));
        }
        let zeros = |count: usize| vec![vec![0; neurons]; count];
        Ok(Self {
            neurons,
            values,
            states: initial.clone(),
            initial,
            accumulators: zeros(program.ports.len()),
            outputs: zeros(program.outputs.len()),
            probes: zeros(program.probes.len()),
        })
    }

    /// Number of neurons.
    pub fn len(&self) -> usize {
        self.neurons
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.neurons == 0
    }

    /// Back to before the first step.
    pub fn reset(&mut self) {
        for (state, initial) in self.states.iter_mut().zip(&self.initial) {
            state.copy_from_slice(initial);
        }
        for column in self.accumulators.iter_mut().chain(&mut self.outputs).chain(&mut self.probes) {
            column.fill(0);
        }
    }

    /// The accumulator of a port, which synapses add to and the next step reads; empty if there is none.
    pub fn accumulator(&mut self, port: usize) -> &mut [i32] {
        self.accumulators.get_mut(port).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Payloads that the last step sent on an output, 0 for neurons that were silent; empty if there is none.
    pub fn output(&self, output: usize) -> &[i32] {
        self.outputs.get(output).map_or(&[], Vec::as_slice)
    }

    /// Number of state words of a neuron.
    pub fn state_words(&self) -> usize {
        self.states.len()
    }

    /// A state word of all neurons; empty if there is none.
    pub fn state(&self, word: usize) -> &[i32] {
        self.states.get(word).map_or(&[], Vec::as_slice)
    }

    /// What a probe showed last, neuron by neuron; empty if there is none.
    pub fn probe(&self, probe: usize) -> &[i32] {
        self.probes.get(probe).map_or(&[], Vec::as_slice)
    }
}

fn narrow(value: Result<i64, String>, name: &str) -> Result<i32, String> {
    let value = value.map_err(|reason| format!("`{name}` {reason}"))?;
    i32::try_from(value).map_err(|_| format!("`{name}` is {value}, which does not fit 32 bits"))
}

fn per_neuron(values: &[i64], neurons: usize, name: &str) -> Result<Vec<i32>, String> {
    if values.len() != neurons {
        return Err(format!("`{name}` has {} values for {neurons} neurons", values.len()));
    }
    values.iter().map(|&value| narrow(Ok(value), name)).collect()
}

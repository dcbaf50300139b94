//! One core: a slice of a population, the synapses that end on it, and a step of both.

use std::collections::BTreeMap;

use super::{Counts, Sent, rows::Rows, table::Table};
use crate::loihi::{Population, execute::Executor};

/// Axons in front of a table of synapses.
#[derive(Clone, Debug)]
pub(super) struct Axon {
    /// The population that sends.
    pub population: usize,
    /// Steps until it arrives.
    pub delay: usize,
    /// Elements of the synapses' input that each element of the population is; `None` where it is itself.
    pub moved: Option<Rows<u32>>,
}

impl Axon {
    /// Adds spikes of `elements` to `sums` over a table. Returns how many reach a neuron there, and over how many synapses.
    fn add(&self, table: &Table, elements: &[u32], payloads: &[i32], sums: &mut [i32]) -> (u64, u64) {
        let Some(moved) = &self.moved else { return table.add(elements, payloads, sums) };
        let (mut messages, mut synapses) = (0, 0);
        for (&element, &payload) in elements.iter().zip(payloads) {
            let mut reached = 0;
            for &to in moved.of(element as usize) {
                reached += table.add(&[to], &[payload], sums).1;
            }
            messages += u64::from(reached > 0);
            synapses += reached;
        }
        (messages, synapses)
    }
}

/// A table of synapses with its axons, which all cores of a population share.
#[derive(Debug)]
pub(super) struct Projection {
    pub axons: Vec<Axon>,
    pub exponent: i32,
}

/// What a core is loaded with.
#[derive(Debug)]
pub(super) struct Core {
    pub population: usize,
    /// Its part of each projection of the population.
    pub tables: Vec<Table>,
    /// Element of the population that each neuron is.
    pub elements: Vec<u32>,
    /// Cores that have a route here, ascending, and the hops of a message.
    pub routes: Vec<(usize, u32)>,
    /// Neurons before the first step, and what runs them.
    pub neurons: Population,
    pub executor: Executor,
}

/// What the host injected last over one axon, and what that added up to: networks of `rate` inject the same in every step.
#[derive(Clone, Debug, Default)]
struct Injected {
    elements: Vec<u32>,
    payloads: Vec<i32>,
    sums: Vec<i32>,
    arrived: (u64, u64),
}

impl Injected {
    /// Adds what is injected to `sums`; `add` works it out where it is something else than the last time.
    fn add(
        &mut self,
        (elements, payloads): (&[u32], &[i32]),
        sums: &mut [i32],
        add: impl FnOnce(&mut [i32]) -> (u64, u64),
    ) -> (u64, u64) {
        if self.elements != elements || self.payloads != payloads {
            elements.clone_into(&mut self.elements);
            payloads.clone_into(&mut self.payloads);
            self.sums.clear();
            self.sums.resize(sums.len(), 0);
            self.arrived = add(&mut self.sums);
        }
        sums.iter_mut().zip(&self.sums).for_each(|(sum, own)| *sum = sum.wrapping_add(*own));
        self.arrived
    }
}

/// What a core remembers in a run.
#[derive(Clone, Debug)]
pub(super) struct CoreState {
    pub neurons: Population,
    executor: Executor,
    /// Sums of one table, where its exponent is not 0.
    sums: Vec<i32>,
    /// By table and axon, those of the host.
    injected: BTreeMap<(usize, usize), Injected>,
    /// States before a step in which nothing arrives, to see whether they change.
    before: Vec<i32>,
    /// Whether nothing will happen until something arrives.
    resting: bool,
    /// What it sent in the last step.
    pub elements: Vec<u32>,
    pub payloads: Vec<i32>,
    pub counts: Counts,
}

impl CoreState {
    pub fn new(core: &Core) -> Self {
        Self {
            neurons: core.neurons.clone(),
            executor: core.executor.clone(),
            sums: vec![0; core.neurons.len()],
            injected: BTreeMap::new(),
            before: vec![],
            resting: false,
            elements: vec![],
            payloads: vec![],
            counts: Counts::default(),
        }
    }

    pub fn reset(&mut self) {
        self.neurons.reset();
        self.resting = false;
        self.elements.clear();
        self.payloads.clear();
        self.counts = Counts::default();
    }

    /// One step: what arrives is added up, the program runs, what it sends is kept.
    pub fn step(
        &mut self,
        core: &Core,
        projections: &[Projection],
        history: &[Vec<Sent>],
        step: usize,
        (accumulator_bits, payload_bits): (u32, u32),
    ) {
        let mut arrived = false;
        for (number, projection) in projections.iter().enumerate() {
            arrived |= self.receive(core, projection, number, history, step);
        }
        self.elements.clear();
        self.payloads.clear();
        self.counts.updates += self.neurons.len() as u64;
        if !arrived && self.resting {
            return;
        }
        if arrived {
            let shift = i32::BITS - accumulator_bits;
            self.neurons.accumulator(0).iter_mut().for_each(|sum| *sum = (*sum << shift) >> shift);
        } else {
            self.before.clear();
            (0..self.neurons.state_words()).for_each(|word| self.before.extend(self.neurons.state(word)));
        }
        self.executor.step(&mut self.neurons);
        let shift = i32::BITS - payload_bits;
        for (&payload, &element) in self.neurons.output(0).iter().zip(&core.elements) {
            if payload != 0 {
                self.elements.push(element);
                self.payloads.push((payload << shift) >> shift);
            }
        }
        self.counts.spikes += self.elements.len() as u64;
        // A program sees its states and what arrives, and nothing else: if it changes nothing once, it never will.
        self.resting = !arrived && self.elements.is_empty() && {
            let after = (0..self.neurons.state_words()).flat_map(|word| self.neurons.state(word));
            after.eq(&self.before)
        };
    }

    /// Adds what arrives over one table; whether anything does.
    fn receive(
        &mut self,
        core: &Core,
        projection: &Projection,
        number: usize,
        history: &[Vec<Sent>],
        step: usize,
    ) -> bool {
        let mut arrived = false;
        let direct = projection.exponent == 0;
        let Some(table) = core.tables.get(number) else { return false };
        for (at, axon) in projection.axons.iter().enumerate() {
            let Some(sent) = (step.checked_sub(axon.delay)).and_then(|at| {
                history.get(axon.population).and_then(|ring| ring.get(at % ring.len().max(1)))
            }) else {
                continue;
            };
            for part in &sent.parts {
                let hops = match part.core {
                    Some(from) => match core.routes.binary_search_by_key(&from, |route| route.0) {
                        Ok(route) => core.routes[route].1,
                        Err(_) => continue,
                    },
                    None => 0,
                };
                let (elements, payloads) =
                    (&sent.elements[part.range.clone()], &sent.payloads[part.range.clone()]);
                let sums = if direct { self.neurons.accumulator(0) } else { &mut self.sums[..] };
                let add = |sums: &mut [i32]| axon.add(table, elements, payloads, sums);
                let (messages, synapses) = match part.core {
                    Some(_) => add(sums),
                    None => {
                        let injected = self.injected.entry((number, at)).or_default();
                        injected.add((elements, payloads), sums, add)
                    }
                };
                arrived |= messages > 0;
                self.counts.messages += messages;
                self.counts.hops += messages * u64::from(hops);
                self.counts.synaptic_operations += synapses;
            }
        }
        if arrived && !direct {
            let (left, right) = (projection.exponent.max(0), (-projection.exponent).max(0));
            for (arrives, sum) in self.neurons.accumulator(0).iter_mut().zip(&mut self.sums) {
                *arrives = arrives.wrapping_add((std::mem::take(sum) << left) >> right);
            }
        }
        arrived
    }
}

//! What a layer of neurons still sends once nothing arrives on it any more: its own state says it.

use super::{
    events::Events,
    layout::{CHUNK, Pattern},
    neuron::{Dynamics, NeuronState, Neurons},
};

/// What one neuron still sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ToCome {
    /// Its final count less the present one.
    count: i64,
    /// Steps until it sends for the last time; 0 if it sends nothing.
    steps: i64,
}

impl ToCome {
    /// A spike in every step, until the count is the final one.
    fn one_by_one(count: i64) -> Self {
        Self { count, steps: count.abs() }
    }

    /// The whole change in one event.
    fn at_once(count: i64) -> Self {
        Self { count, steps: i64::from(count != 0) }
    }
}

impl Neurons {
    /// Puts together all that arrives after `step` from a layer whose input is final: what is under way, and what its neurons still
    /// send.
    pub(super) fn to_come(&self, step: u32, membranes: &[i32], state: &NeuronState, sent: &mut Events) {
        let mut sums = vec![0; self.len()];
        for slot in &state.delayed {
            slot.add_to(&mut sums);
        }
        self.for_each(step, membranes, state, |index, to_come| {
            if let Some(sum) = sums.get_mut(index) {
                *sum = sum.wrapping_add(to_come.count as i32);
            }
        });
        sent.harvest(&mut sums);
    }

    /// The step in which something arrives for the last time from a layer whose input is final after `step`; `step` itself if nothing
    /// is to come.
    pub(super) fn last_arrival(&self, step: u32, membranes: &[i32], state: &NeuronState) -> u32 {
        let mut left = 0;
        self.for_each(step, membranes, state, |_, to_come| left = left.max(to_come.steps));
        let arrival =
            |sent_in: i64| u32::try_from(sent_in.saturating_add(self.delay as i64)).unwrap_or(u32::MAX);
        if left > 0 {
            return arrival(i64::from(step).saturating_add(left));
        }
        // Slot `t mod delay` holds what was sent in step `t`: the latest that holds something arrives last.
        let under_way = (0..self.delay as u32).filter_map(|age| step.checked_sub(age)).find(|&sent_in| {
            let slot = state.delayed.get(sent_in as usize % self.delay.max(1));
            slot.is_some_and(|slot| !slot.is_empty())
        });
        under_way.map_or(step, |sent_in| arrival(sent_in.into()))
    }

    /// Calls `found` for every neuron that still sends something after `step`, given that nothing arrives on it.
    fn for_each(
        &self,
        step: u32,
        membranes: &[i32],
        state: &NeuronState,
        mut found: impl FnMut(usize, ToCome),
    ) {
        let tracer = |index: usize| i64::from(state.tracers.get(index).copied().unwrap_or_default());
        let mut note = |index, to_come: ToCome| {
            if to_come.steps > 0 {
                found(index, to_come);
            }
        };
        match &self.dynamics {
            Dynamics::StBif { threshold, low, high } => {
                let (low, high) = (i64::from(*low), i64::from(*high));
                with_thresholds(membranes, threshold, |index, membrane, threshold| {
                    // Most neurons are at rest, which needs no division to see.
                    if !(0..threshold).contains(&membrane) {
                        let tracer = tracer(index);
                        let last = (tracer + membrane.div_euclid(threshold)).clamp(low, high);
                        note(index, ToCome::one_by_one(last - tracer));
                    }
                });
            }
            Dynamics::SigmaDelta { threshold, low, high } => {
                let (low, high) = (i64::from(*low), i64::from(*high));
                with_thresholds(membranes, threshold, |index, membrane, threshold| {
                    let last = membrane.div_euclid(threshold).clamp(low, high);
                    note(index, ToCome::at_once(last - tracer(index)));
                });
            }
            Dynamics::Table { tables, graded } => {
                let to_come = if *graded { ToCome::at_once } else { ToCome::one_by_one };
                for (index, &membrane) in membranes.iter().enumerate() {
                    let last = i64::from(tables.level_of(index, membrane));
                    note(index, to_come(last - tracer(index)));
                }
            }
            &Dynamics::HoldAndFire { ref threshold, hold, open, close } => {
                let gate = Gate { hold: hold.into(), open: open.into(), close: close.into() };
                with_thresholds(membranes, threshold, |index, membrane, threshold| {
                    note(index, gate.to_come(i64::from(step), membrane, threshold));
                });
            }
            // Without a gate and with a bias in every step there is no end; `rate` has no early exit.
            Dynamics::If { .. } => {}
        }
    }
}

/// When a neuron of `hold-and-fire` may fire.
#[derive(Clone, Copy, Debug)]
struct Gate {
    hold: i64,
    open: i64,
    close: i64,
}

impl Gate {
    /// What a neuron sends after `step`, in which it has this membrane: before the gate opens, while it is open, and after that.
    /// In the first and the last phase it is nothing where the charge of the gate is as large as it has to be.
    fn to_come(self, step: i64, mut membrane: i64, threshold: i64) -> ToCome {
        let mut to_come = ToCome::default();
        let phases = [
            (i64::MIN, self.open, 0),
            (self.open, self.close, self.hold),
            (self.close, i64::MAX, -self.hold),
        ];
        for (start, end, charge) in phases {
            if start > step {
                membrane += charge;
            }
            let first = start.max(step + 1);
            let fires = membrane.div_euclid(threshold).clamp(0, end.saturating_sub(first).max(0));
            if fires > 0 {
                membrane -= fires * threshold;
                to_come = ToCome { count: to_come.count + fires, steps: first + fires - 1 - step };
            }
        }
        to_come
    }
}

/// Calls `each` with every membrane and its threshold, which is at least 1.
fn with_thresholds(membranes: &[i32], threshold: &Pattern, mut each: impl FnMut(usize, i64, i64)) {
    for (chunk, membranes) in membranes.chunks(CHUNK).enumerate() {
        let start = chunk * CHUNK;
        let thresholds = threshold.chunk(start, membranes.len());
        for (offset, (&membrane, &threshold)) in membranes.iter().zip(thresholds).enumerate() {
            each(start + offset, membrane.into(), threshold.max(1).into());
        }
    }
}

//! Layers of neurons: one dense pass a step, which sends events.

use super::{
    events::Events,
    layout::{Layout, Pattern},
    neuron_kernel,
    table::Tables,
    tensors::Parameters,
};
use crate::artifact::{
    ArtifactError,
    program::{OpKind, ValueId},
};

/// What neurons do besides integrating.
#[derive(Debug)]
pub(super) enum Dynamics {
    StBif {
        threshold: Pattern,
        low: i32,
        high: i32,
    },
    SigmaDelta {
        threshold: Pattern,
        low: i32,
        high: i32,
    },
    /// The tracer follows a table: at once if `graded`, else by one level a step.
    Table {
        tables: Tables,
        graded: bool,
    },
    HoldAndFire {
        threshold: Pattern,
        hold: i32,
        open: u32,
        close: u32,
    },
    /// Plain integrate-and-fire; the bias is absent where it is zero everywhere.
    If {
        threshold: Pattern,
        gain: i32,
        bias: Option<Pattern>,
    },
}

/// A layer of neurons.
#[derive(Debug)]
pub(super) struct Neurons {
    pub(super) input: ValueId,
    pub(super) output: ValueId,
    pub(super) dynamics: Dynamics,
    /// Membranes before the first step.
    initial: Vec<i32>,
    pub(super) delay: usize,
}

/// What a layer of neurons remembers besides its membranes.
#[derive(Clone, Debug)]
pub(super) struct NeuronState {
    /// Sum of what each neuron has sent, for those that follow a target: `st-bif` and `sigma-delta`.
    pub(super) tracers: Vec<i32>,
    /// Events under way; slot `t mod delay` holds what was sent in step `t`.
    pub(super) delayed: Vec<Events>,
    /// Events under way, counted.
    pub(super) in_flight: usize,
    /// Whether the layer does nothing until its membranes are touched.
    quiet: bool,
    /// Spikes of the run.
    pub(super) spikes: u64,
    /// Spikes of this step.
    pub(super) sent: usize,
    /// Delayed events that arrive in this step.
    pub(super) delivered: usize,
}

impl NeuronState {
    /// Counts what was sent in a step, when `delivered` is known.
    pub(super) fn count(&mut self, sent: usize, delay: usize) {
        self.sent = sent;
        self.spikes += sent as u64;
        if delay > 0 {
            self.in_flight = (self.in_flight + sent).saturating_sub(self.delivered);
        }
    }
}

impl Neurons {
    /// A layer from a checked op; `None` if the op is another one.
    pub(super) fn new(
        kind: &OpKind,
        input: ValueId,
        output: ValueId,
        shape: &[usize],
        parameters: &Parameters<'_>,
    ) -> Result<Option<Self>, ArtifactError> {
        let layout = Layout::new(shape);
        let pattern = |name: &String| Ok::<_, ArtifactError>(Pattern::new(&parameters.values(name)?, layout));
        let (dynamics, initial, delay) = match kind {
            OpKind::StBif { threshold, initial, low, high, delay } => {
                let threshold = pattern(threshold)?;
                (Dynamics::StBif { threshold, low: *low, high: *high }, initial, *delay)
            }
            OpKind::SigmaDelta { threshold, initial, low, high, delay } => {
                let threshold = pattern(threshold)?;
                (Dynamics::SigmaDelta { threshold, low: *low, high: *high }, initial, *delay)
            }
            OpKind::StBifTable { breakpoints, steps, start, initial, delay, .. }
            | OpKind::SigmaDeltaTable { breakpoints, steps, start, initial, delay, .. } => {
                let tables = Tables::new(
                    layout,
                    parameters.values(breakpoints)?,
                    &parameters.values(steps)?,
                    &parameters.values(start)?,
                );
                let graded = matches!(kind, OpKind::SigmaDeltaTable { .. });
                (Dynamics::Table { tables, graded }, initial, *delay)
            }
            OpKind::HoldAndFire { threshold, initial, hold, release, levels, delay } => {
                let close = release.saturating_add(*levels);
                let threshold = pattern(threshold)?;
                (Dynamics::HoldAndFire { threshold, hold: *hold, open: *release, close }, initial, *delay)
            }
            OpKind::If { threshold, initial, bias, gain, delay } => {
                let bias = Some(pattern(bias)?).filter(|bias| !bias.is_zero());
                (Dynamics::If { threshold: pattern(threshold)?, gain: *gain, bias }, initial, *delay)
            }
            _ => return Ok(None),
        };
        let mut initial = layout.expand(&parameters.values(initial)?);
        if let Dynamics::HoldAndFire { hold, .. } = dynamics {
            initial.iter_mut().for_each(|membrane| *membrane = membrane.wrapping_sub(hold));
        }
        Ok(Some(Self { input, output, dynamics, initial, delay: delay as usize }))
    }

    /// Number of neurons.
    pub(super) fn len(&self) -> usize {
        self.initial.len()
    }

    /// Factor of the incoming current.
    pub(super) fn gain(&self) -> i32 {
        if let Dynamics::If { gain, .. } = self.dynamics { gain } else { 1 }
    }

    /// First step in which the layer can be certified silent: no gate moves after it.
    pub(super) fn last_gate(&self) -> u32 {
        if let Dynamics::HoldAndFire { close, .. } = self.dynamics { close } else { 0 }
    }

    /// The state before the first step.
    pub(super) fn state(&self) -> NeuronState {
        let has_tracer = !matches!(self.dynamics, Dynamics::HoldAndFire { .. } | Dynamics::If { .. });
        NeuronState {
            tracers: vec![0; if has_tracer { self.len() } else { 0 }],
            delayed: vec![Events::default(); self.delay],
            in_flight: 0,
            quiet: false,
            spikes: 0,
            sent: 0,
            delivered: 0,
        }
    }

    /// Back to before the first step.
    pub(super) fn reset(&self, state: &mut NeuronState, membranes: &mut [i32]) {
        membranes.copy_from_slice(&self.initial);
        state.tracers.fill(0);
        state.delayed.iter_mut().for_each(Events::clear);
        (state.in_flight, state.sent, state.delivered, state.spikes, state.quiet) = (0, 0, 0, 0, false);
    }

    /// Runs one step on membranes that have the incoming current already. `touched` says whether there was any;
    /// `arriving` gets the events that arrive in this step.
    pub(super) fn run(
        &self,
        step: u32,
        membranes: &mut [i32],
        mut touched: bool,
        state: &mut NeuronState,
        arriving: &mut Events,
    ) {
        if let Dynamics::HoldAndFire { hold, open, close, .. } = self.dynamics {
            let charge = if step == open { hold } else { hold.wrapping_neg() };
            if step == open || step == close {
                membranes.iter_mut().for_each(|membrane| *membrane = membrane.wrapping_add(charge));
                touched = true;
            }
        }
        // What was sent `delay` steps ago comes out of the slot that this step's events go into.
        let slot = step as usize % self.delay.max(1);
        if let Some(slot) = state.delayed.get_mut(slot) {
            std::mem::swap(slot, arriving);
            state.delivered = arriving.len();
        }
        let sent = match state.delayed.get_mut(slot) {
            Some(slot) => slot,
            None => &mut *arriving,
        };
        sent.clear();
        if touched || !state.quiet {
            match &self.dynamics {
                Dynamics::StBif { threshold, low, high } => {
                    let range = (*low, *high);
                    neuron_kernel::st_bif(membranes, &mut state.tracers, threshold, range, sent);
                }
                Dynamics::SigmaDelta { threshold, low, high } => {
                    let range = (*low, *high);
                    neuron_kernel::sigma_delta(membranes, &mut state.tracers, threshold, range, sent);
                }
                Dynamics::Table { tables, graded } => {
                    tables.fire(membranes, &mut state.tracers, *graded, sent);
                }
                Dynamics::HoldAndFire { threshold, .. } => {
                    neuron_kernel::fire(membranes, threshold, None, sent)
                }
                Dynamics::If { threshold, bias, .. } => {
                    neuron_kernel::fire(membranes, threshold, bias.as_ref(), sent)
                }
            }
            state.quiet = match &self.dynamics {
                Dynamics::If { bias: Some(_), .. } => false,
                // They have sent all there was to send.
                Dynamics::SigmaDelta { .. } | Dynamics::Table { graded: true, .. } => true,
                // Who did not fire now will not fire before something arrives: nobody was enabled.
                _ => sent.is_empty(),
            };
        }
        let sent = sent.len();
        state.count(sent, self.delay);
    }

    /// What the neurons sent in a step that has just run, wherever it is.
    pub(super) fn sent<'a>(&self, step: u32, state: &'a NeuronState, arriving: &'a Events) -> &'a Events {
        state.delayed.get(step as usize % self.delay.max(1)).unwrap_or(arriving)
    }
}

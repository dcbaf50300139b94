//! What the neurons of a tile do with their current in one step, as `docs/src/numeric-contract.md` has it.

use neurocuda_runtime::artifact::{
    Tensor,
    gpu_program::BufferId,
    program::{Op, OpKind},
};

use crate::{
    LowerError,
    current::words,
    integers,
    layout::Layout,
    scope::Scope,
    text::{Type, Value},
    tile::Tile,
};

/// What becomes of the current of a tile.
#[derive(Debug)]
pub(crate) struct Update<'p> {
    op: &'p Op,
    /// Of each element.
    threshold: Vec<Value>,
    bias: Option<Vec<Value>>,
    /// Where an output begins again before its first step.
    initial: Vec<Value>,
    table: Option<Table>,
    /// Buffers of what the layer remembers, one i32 for each padded element.
    pub(crate) states: Vec<BufferId>,
    /// The tensor that the first of them begins with, if not with zeros.
    pub(crate) begin: Option<Tensor>,
}

#[derive(Clone, Copy, Debug)]
struct Table {
    breakpoints: Value,
    steps: Value,
    start: Value,
    entries: usize,
}

impl<'p> Update<'p> {
    /// Puts the parameters of a layer on the device, and makes room for its state.
    pub(crate) fn new(scope: &mut Scope<'_, 'p>, tile: &Tile, op: &'p Op) -> Result<Self, LowerError> {
        let mut update = Self {
            op,
            threshold: vec![],
            bias: None,
            initial: vec![],
            table: None,
            states: vec![],
            begin: None,
        };
        let elements = tile.layout.stored();
        let membrane = scope.buffers.state(&op.name, "membrane", elements);
        update.states.push(membrane);
        match &op.kind {
            OpKind::StBif { threshold, initial, .. } | OpKind::SigmaDelta { threshold, initial, .. } => {
                update.threshold = self::threshold(scope, tile, threshold)?;
                update.begin = Some(spread(scope, tile.layout, initial, 0)?);
            }
            OpKind::StBifTable { breakpoints, steps, start, initial, .. }
            | OpKind::SigmaDeltaTable { breakpoints, steps, start, initial, .. } => {
                let (rows, steps) =
                    (integers(scope.buffers.tensors, breakpoints)?, integers(scope.buffers.tensors, steps)?);
                let start = integers(scope.buffers.tensors, start)?;
                let entries = rows.len() / tile.layout.channels.max(1);
                let pad = |mut values: Vec<i32>, row: usize| {
                    values.resize(tile.layout.padded * row, 0);
                    words(&values)
                };
                update.table = Some(Table {
                    breakpoints: scope.constant("breakpoints", pad(rows, entries)?),
                    steps: scope.constant("steps", pad(steps, entries)?),
                    start: scope.constant("start", pad(start, 1)?),
                    entries,
                });
                update.begin = Some(spread(scope, tile.layout, initial, 0)?);
            }
            OpKind::HoldAndFire { threshold, initial, hold, .. } => {
                update.threshold = parameter(scope, tile, "threshold", threshold)?;
                update.begin = Some(spread(scope, tile.layout, initial, *hold)?);
            }
            OpKind::If { threshold, initial, bias, .. } => {
                update.threshold = parameter(scope, tile, "threshold", threshold)?;
                update.bias = bias_of(scope, tile, bias)?;
                update.begin = Some(spread(scope, tile.layout, initial, 0)?);
            }
            OpKind::Readout { initial, bias, start, .. } => {
                update.bias = bias_of(scope, tile, bias)?;
                if *start > 0 {
                    update.initial = parameter(scope, tile, "initial", initial)?;
                }
                update.begin = Some(spread(scope, tile.layout, initial, 0)?);
            }
            // Running sums of a max pool begin at 0.
            _ => {}
        }
        if has_tracer(&op.kind) {
            let tracer = scope.buffers.state(&op.name, "tracer", elements);
            update.states.push(tracer);
        }
        Ok(update)
    }

    /// Whether all that is sent is 1, 0 or −1.
    pub(crate) fn sends_ones(&self) -> bool {
        use OpKind::{HoldAndFire, If, StBif, StBifTable};
        matches!(self.op.kind, StBif { .. } | StBifTable { .. } | HoldAndFire { .. } | If { .. })
    }

    /// Runs one step: from states and currents, element by element, to new states and what is sent. `states` holds the membranes of
    /// all elements, then their tracers.
    pub(crate) fn step(
        &self,
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        step: Value,
        states: &[Value],
        currents: &[Value],
    ) -> Result<(Vec<Value>, Vec<Value>), LowerError> {
        let gate = self.gate(scope, step);
        let (membranes, tracers) = states.split_at(tile.len());
        let (mut new_membranes, mut new_tracers, mut sent) = (vec![], vec![], vec![]);
        for (index, (&membrane, &current)) in membranes.iter().zip(currents).enumerate() {
            let channel = &tile.channels[index % tile.channels.len()];
            let tracer = tracers.get(index).copied();
            let mut charged = self.charge(scope, membrane, current, index);
            if let Some(gate) = gate {
                charged = scope.kernel.add(charged, gate);
            }
            let (membrane, tracer, event) = match (&self.op.kind, tracer) {
                (OpKind::StBif { low, high, .. }, Some(tracer)) => {
                    self.signed(scope, charged, tracer, index, (*low, *high))
                }
                (OpKind::SigmaDelta { low, high, .. }, Some(tracer)) => {
                    let level = floor_of_quotient(scope, charged, self.threshold[index]);
                    let (low, high) = (scope.kernel.i32(*low), scope.kernel.i32(*high));
                    let level = scope.kernel.binary("arith.maxsi", level, low);
                    let level = scope.kernel.binary("arith.minsi", level, high);
                    (charged, Some(level), scope.kernel.sub(level, tracer))
                }
                (OpKind::StBifTable { .. }, Some(tracer)) => {
                    let target = self.target(scope, channel.index, charged);
                    let change = scope.kernel.sub(target, tracer);
                    let (one, minus) = (scope.kernel.i32(1), scope.kernel.i32(-1));
                    let event = scope.kernel.binary("arith.minsi", change, one);
                    let event = scope.kernel.binary("arith.maxsi", event, minus);
                    (charged, Some(scope.kernel.add(tracer, event)), event)
                }
                (OpKind::SigmaDeltaTable { .. }, Some(tracer)) => {
                    let target = self.target(scope, channel.index, charged);
                    (charged, Some(target), scope.kernel.sub(target, tracer))
                }
                (OpKind::HoldAndFire { .. } | OpKind::If { .. }, _) => {
                    let threshold = self.threshold[index];
                    let fires = scope.kernel.compare("sge", charged, threshold);
                    let (zero, one) = (scope.kernel.i32(0), scope.kernel.i32(1));
                    let taken = scope.kernel.select(fires, threshold, zero);
                    (scope.kernel.sub(charged, taken), None, scope.kernel.select(fires, one, zero))
                }
                (OpKind::Readout { start, .. }, _) => {
                    let mut sum = charged;
                    if let Some(&initial) = self.initial.get(index) {
                        let start = scope.kernel.i32(*start as i32);
                        let is_early = scope.kernel.compare("slt", step, start);
                        sum = scope.kernel.select(is_early, initial, sum);
                    }
                    (sum, None, sum)
                }
                (OpKind::MaxPool2d { .. }, _) => (charged, None, charged),
                _ => return Err(LowerError::Defect("an op that accumulates nothing")),
            };
            new_membranes.push(membrane);
            new_tracers.extend(tracer);
            sent.push(event);
        }
        new_membranes.extend(new_tracers);
        Ok((new_membranes, sent))
    }

    /// What the gate of `hold-and-fire` adds in this step.
    fn gate(&self, scope: &mut Scope<'_, '_>, step: Value) -> Option<Value> {
        let OpKind::HoldAndFire { hold, release, levels, .. } = self.op.kind else { return None };
        let kernel = &mut scope.kernel;
        let (zero, up, down) = (kernel.i32(0), kernel.i32(hold), kernel.i32(hold.wrapping_neg()));
        let (open, close) = (kernel.i32(release as i32), kernel.i32(release.saturating_add(levels) as i32));
        let (opens, closes) = (kernel.compare("eq", step, open), kernel.compare("eq", step, close));
        let closing = kernel.select(closes, down, zero);
        Some(kernel.select(opens, up, closing))
    }

    /// The membrane with the current, its gain and the bias.
    fn charge(&self, scope: &mut Scope<'_, '_>, membrane: Value, current: Value, index: usize) -> Value {
        let gain = match self.op.kind {
            OpKind::If { gain, .. } | OpKind::Readout { gain, .. } => gain,
            _ => 1,
        };
        let current = scope.kernel.times(current, gain.into());
        let charged = scope.kernel.add(membrane, current);
        match &self.bias {
            Some(bias) => scope.kernel.add(charged, bias[index]),
            None => charged,
        }
    }

    fn signed(
        &self,
        scope: &mut Scope<'_, '_>,
        charged: Value,
        tracer: Value,
        index: usize,
        (low, high): (i32, i32),
    ) -> (Value, Option<Value>, Value) {
        let threshold = self.threshold[index];
        let kernel = &mut scope.kernel;
        let (zero, one, minus) = (kernel.i32(0), kernel.i32(1), kernel.i32(-1));
        let (low, high) = (kernel.i32(low), kernel.i32(high));
        let reaches = kernel.compare("sge", charged, threshold);
        let may_rise = kernel.compare("slt", tracer, high);
        let rises = kernel.binary("arith.andi", reaches, may_rise);
        let is_below = kernel.compare("slt", charged, zero);
        let may_fall = kernel.compare("sgt", tracer, low);
        let falls = kernel.binary("arith.andi", is_below, may_fall);
        let down = kernel.select(falls, minus, zero);
        let event = kernel.select(rises, one, down);
        let taken = kernel.mul(event, threshold);
        (kernel.sub(charged, taken), Some(kernel.add(tracer, event)), event)
    }

    /// The level that the table gives for a membrane.
    fn target(&self, scope: &mut Scope<'_, '_>, channel: Value, membrane: Value) -> Value {
        let Some(table) = self.table else { return membrane };
        let start = scope.kernel.load_at(table.start, channel, Type::I32);
        let (zero, end) = (scope.kernel.i32(0), scope.kernel.i32(table.entries as i32));
        let row = scope.kernel.times(channel, table.entries as i64);
        let target = scope.repeat(zero, end, &[start], |scope, entry, target| {
            let kernel = &mut scope.kernel;
            let entry = kernel.add(row, entry);
            let breakpoint = kernel.load_at(table.breakpoints, entry, Type::I32);
            let step = kernel.load_at(table.steps, entry, Type::I32);
            let is_reached = kernel.compare("sle", breakpoint, membrane);
            let step = kernel.select(is_reached, step, zero);
            vec![kernel.add(target[0], step)]
        });
        target[0]
    }
}

/// Whether neurons of this kind remember the sum of what they sent.
fn has_tracer(kind: &OpKind) -> bool {
    matches!(
        kind,
        OpKind::StBif { .. }
            | OpKind::StBifTable { .. }
            | OpKind::SigmaDelta { .. }
            | OpKind::SigmaDeltaTable { .. }
    )
}

/// `⌊a / b⌋` for positive `b`.
fn floor_of_quotient(scope: &mut Scope<'_, '_>, a: Value, b: Value) -> Value {
    let kernel = &mut scope.kernel;
    let quotient = kernel.binary("arith.divsi", a, b);
    let product = kernel.mul(quotient, b);
    let rest = kernel.sub(a, product);
    let (zero, one) = (kernel.i32(0), kernel.i32(1));
    let is_negative = kernel.compare("slt", rest, zero);
    let less = kernel.select(is_negative, one, zero);
    kernel.sub(quotient, less)
}

/// The threshold of each element of the tile, which is 1 in the padding: levels are quotients.
fn threshold(scope: &mut Scope<'_, '_>, tile: &Tile, name: &str) -> Result<Vec<Value>, LowerError> {
    let values = integers(scope.buffers.tensors, name)?;
    let spread = tile.layout.spread(&values).ok_or(LowerError::Defect("a parameter has another shape"))?;
    let values = spread.values.iter().map(|&threshold| threshold.max(1)).collect::<Vec<_>>();
    let pointer = scope.constant("threshold", words(&values)?);
    Ok(tile.parameter(scope, pointer, spread.by_position))
}

/// The parameter of each element of the tile.
fn parameter(
    scope: &mut Scope<'_, '_>,
    tile: &Tile,
    what: &str,
    name: &str,
) -> Result<Vec<Value>, LowerError> {
    let values = integers(scope.buffers.tensors, name)?;
    let spread = tile.layout.spread(&values).ok_or(LowerError::Defect("a parameter has another shape"))?;
    let pointer = scope.constant(what, words(&spread.values)?);
    Ok(tile.parameter(scope, pointer, spread.by_position))
}

fn bias_of(scope: &mut Scope<'_, '_>, tile: &Tile, name: &str) -> Result<Option<Vec<Value>>, LowerError> {
    let is_zero = integers(scope.buffers.tensors, name)?.iter().all(|&bias| bias == 0);
    if is_zero { Ok(None) } else { parameter(scope, tile, "bias", name).map(Some) }
}

/// A parameter for each padded element, less a charge.
fn spread(scope: &Scope<'_, '_>, layout: Layout, name: &str, less: i32) -> Result<Tensor, LowerError> {
    let values = integers(scope.buffers.tensors, name)?;
    let spread = layout.spread(&values).ok_or(LowerError::Defect("a parameter has another shape"))?;
    let mut values = spread.values;
    if !spread.by_position {
        values = values.repeat(layout.positions);
    }
    words(&values.iter().map(|value| value.wrapping_sub(less)).collect::<Vec<_>>())
}

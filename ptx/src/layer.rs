//! The kernel of a group: all steps of a chunk for one layer, with its state in registers.

use neurocuda_runtime::artifact::{
    gpu_program::{BufferId, Content, Element},
    program::{Op, OpKind},
};

use crate::{
    LowerError,
    current::{Source, is_product, maxima},
    layout::Layout,
    neuron::Update,
    plan::{Group, Plan, Stored, Time},
    scope::{Scope, type_of},
    tally::tally,
    text::{Type, Value},
    tile::{STEPS, Tile},
};

/// Where products are over after so few slices, more warps at a time do more than more registers each: measured on an H100.
const FEW_SLICES: usize = 12;
/// Registers that let three blocks of warps share a multiprocessor.
const FEW_REGISTERS: u32 = 168;

/// What a kernel is for, besides its launch.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) shape: crate::tile::Shape,
    /// States and what the first of them begins with.
    pub(crate) update: Option<(Vec<BufferId>, Option<neurocuda_runtime::artifact::Tensor>)>,
    /// i32 an image: events sent.
    pub(crate) counts: Option<BufferId>,
}

/// Where a kernel gets its current from.
enum Current<'g> {
    Terms(Vec<Source>),
    /// The largest of running sums, for the op; less what it was before.
    Maxima {
        op: &'g Op,
        sums: BufferId,
        of: Stored,
    },
}

/// Where a kernel leaves what it sends.
#[derive(Clone, Copy)]
struct Sink {
    buffer: BufferId,
    stored: Stored,
}

/// Writes the kernel of neurons, a readout, or a stored linear value.
pub(crate) fn layer<'p>(
    scope: &mut Scope<'_, 'p>,
    plan: &Plan<'p>,
    group: &Group<'p>,
) -> Result<Made, LowerError> {
    let op = group.op;
    let layout = Layout::new(&scope.buffers.program.values[op.output]);
    let sink = plan.stored[op.output]
        .map(|stored| Ok::<_, LowerError>(Sink { buffer: scope.buffers.value(op.output)?, stored }))
        .transpose()?;
    let (mut tile, sources) = sources(scope, plan, group, layout)?;
    if tile.lane.is_some() && sources.iter().map(Source::slices).sum::<usize>() <= FEW_SLICES {
        tile.launch.registers = FEW_REGISTERS;
    }
    let is_update = op.kind.is_neuron() || matches!(op.kind, OpKind::Readout { .. });
    let update = is_update.then(|| Update::new(scope, &tile, op)).transpose()?;
    steps(scope, Some(plan), op, &tile, &Current::Terms(sources), update, sink)
}

/// Writes the first kernel of a max pool: running sums of its input, into a buffer of their own, which it gives.
pub(crate) fn running_sums<'p>(
    scope: &mut Scope<'_, 'p>,
    plan: &Plan<'p>,
    group: &Group<'p>,
) -> Result<(Made, BufferId, Stored), LowerError> {
    let layout = Layout::new(&scope.buffers.program.values[group.op.inputs[0]]);
    let stored = Stored { layout, element: Element::I32, time: Time::Each };
    let bytes = 4 * layout.stored() as u64;
    let buffer =
        scope.buffers.add(&format!("{}.sums", group.op.name), Content::Step { bytes, first: 0, last: 0 });
    let (tile, sources) = sources(scope, plan, group, layout)?;
    let update = Update::new(scope, &tile, group.op)?;
    let sink = Some(Sink { buffer, stored });
    let made = steps(scope, None, group.op, &tile, &Current::Terms(sources), Some(update), sink)?;
    Ok((made, buffer, stored))
}

/// Writes the second kernel of a max pool: by how much the largest sum of each window has changed.
pub(crate) fn differences<'p>(
    scope: &mut Scope<'_, 'p>,
    plan: &Plan<'p>,
    op: &'p Op,
    sums: BufferId,
    of: Stored,
) -> Result<Made, LowerError> {
    let stored = plan.stored[op.output].ok_or(LowerError::Defect("a pool that is not stored"))?;
    let sink = Sink { buffer: scope.buffers.value(op.output)?, stored };
    let tile = Tile::of_threads(scope, stored.layout);
    let update = Update::new(scope, &tile, op)?;
    steps(scope, Some(plan), op, &tile, &Current::Maxima { op, sums, of }, Some(update), Some(sink))
}

fn sources(
    scope: &mut Scope<'_, '_>,
    plan: &Plan<'_>,
    group: &Group<'_>,
    layout: Layout,
) -> Result<(Tile, Vec<Source>), LowerError> {
    let stored = |value: usize| plan.stored[value].ok_or(LowerError::Defect("a term that is not stored"));
    let terms = group
        .terms
        .iter()
        .map(|term| Ok((term, stored(term.input)?)))
        .collect::<Result<Vec<_>, LowerError>>()?;
    let tile = if terms.iter().any(|(term, stored)| is_product(scope, term, stored)) {
        Tile::of_warps(scope, layout)
    } else {
        Tile::of_threads(scope, layout)
    };
    let sources = terms.iter().map(|(term, stored)| Source::new(scope, &tile, term, *stored));
    let sources = sources.collect::<Result<Vec<_>, LowerError>>()?;
    Ok((tile, sources))
}

/// Writes the loop over the steps of a chunk; without a plan nothing of what is sent is counted.
fn steps<'p>(
    scope: &mut Scope<'_, 'p>,
    plan: Option<&Plan<'p>>,
    op: &'p Op,
    tile: &Tile,
    current: &Current<'_>,
    update: Option<Update<'p>>,
    sink: Option<Sink>,
) -> Result<Made, LowerError> {
    let (zero, clock) = (scope.kernel.i32(0), scope.clock());
    let time = sink.map_or(Time::Each, |sink| sink.stored.time);
    let is_each = time == Time::Each;
    let mut end = scope.steps_of(time, clock);
    let mut settled = None;
    if is_each {
        (end, settled) = while_unsettled(scope, tile, clock, end);
    }
    let mut constant = vec![zero; tile.len()];
    if let (Current::Terms(sources), true) = (current, is_each) {
        for source in sources.iter().filter(|source| source.time() == Time::Constant) {
            constant = source.add(scope, tile, &[zero], vec![constant])?.concat();
        }
    }
    let states: Vec<BufferId> = update.iter().flat_map(|update| update.states.clone()).collect();
    let mut carried = vec![];
    for &state in &states {
        let pointer = scope.pointer(state);
        let addresses = tile.addresses(scope, pointer, Type::I32);
        carried.extend(addresses.iter().map(|&address| scope.kernel.load(address, Type::I32)));
    }
    let state_count = carried.len();
    let rows = tile.rows.len();
    // Of each row: events sent, and the step after the last one with any.
    carried.extend(std::iter::repeat_n(zero, 2 * rows));
    // Products are made for several steps at once.
    let at_once = if is_each && tile.lane.is_some() { STEPS } else { 1 };
    let rounds = scope.kernel.plus(end, at_once as i64 - 1);
    let rounds = scope.kernel.over(rounds, at_once as i64);
    let layer = Steps {
        tile,
        current,
        update: update.as_ref(),
        sink,
        clock,
        end,
        settled,
        constant: &constant,
        is_each,
    };
    let left = scope.try_repeat(zero, rounds, &carried, |scope, round, before| {
        let first = scope.kernel.times(round, at_once as i64);
        layer.round(scope, first, at_once, before)
    })?;
    let (states_left, tallies) = left.split_at(state_count);
    for (&state, values) in states.iter().zip(states_left.chunks(tile.len().max(1))) {
        let pointer = scope.pointer(state);
        write(scope, tile, pointer, Element::I32, values);
    }
    let counts = op
        .kind
        .is_neuron()
        .then(|| scope.buffers.add(&format!("{}.counts", op.name), Content::Image { bytes: 4 }));
    if let (Some(plan), Some(sink)) = (plan, sink) {
        tally(scope, plan, op, tile, (counts, sink.stored.time), tallies.split_at(rows))?;
    }
    let update = update.map(|update| (update.states, update.begin));
    Ok(Made { shape: tile.launch, update, counts })
}

/// No steps where all images of a tile have settled before this chunk, else `end`: in a settled image nothing changes any more, and nobody
/// reads what its layers would send. Where a tile can hold settled images beside others, also which rows are of settled ones: what
/// other kernels have left out for them is not there to be read.
fn while_unsettled(
    scope: &mut Scope<'_, '_>,
    tile: &Tile,
    clock: Value,
    end: Value,
) -> (Value, Option<Vec<Value>>) {
    let Some(last_gate) = scope.buffers.last_gate else { return (end, None) };
    let active = scope.pointer(scope.buffers.active);
    let kernel = &mut scope.kernel;
    let last_gate = kernel.i32(last_gate.min(i32::MAX as u32) as i32);
    let is_open = kernel.compare("sgt", clock, last_gate);
    let mut settled = vec![];
    for row in &tile.rows {
        let active = kernel.load_at(active, row.image, Type::I32);
        let is_quiet = kernel.compare("slt", active, clock);
        settled.push(kernel.binary("arith.andi", is_open, is_quiet));
    }
    let mut all = settled[0];
    for &row in &settled[1..] {
        all = kernel.binary("arith.andi", all, row);
    }
    if tile.lane.is_some() {
        all = kernel.all(all);
    }
    let zero = kernel.i32(0);
    (kernel.select(all, zero, end), tile.mixes_images().then_some(settled))
}

/// What the steps of a tile depend on.
struct Steps<'s, 'p> {
    tile: &'s Tile,
    current: &'s Current<'s>,
    update: Option<&'s Update<'p>>,
    sink: Option<Sink>,
    /// Steps before this chunk.
    clock: Value,
    /// Steps of this chunk.
    end: Value,
    /// Which rows are of images that have settled; absent where none is, unless all are.
    settled: Option<Vec<Value>>,
    /// The current that is the same in every step.
    constant: &'s [Value],
    /// Whether the kernel's value is another one in each step.
    is_each: bool,
}

impl<'p> Steps<'_, 'p> {
    /// Some steps of the chunk, from `first` on: what is carried on to the next.
    fn round(
        &self,
        scope: &mut Scope<'_, 'p>,
        first: Value,
        count: usize,
        before: &[Value],
    ) -> Result<Vec<Value>, LowerError> {
        let mut indices = vec![first];
        for later in 1..count {
            // Of steps behind the end the current is of no consequence, but it is read from somewhere.
            let last = scope.kernel.plus(self.end, -1);
            let index = scope.kernel.plus(first, later as i64);
            indices.push(scope.kernel.binary("arith.minsi", index, last));
        }
        let currents = self.currents(scope, &indices)?;
        let mut carried = self.step(scope, first, &currents[0], before)?;
        for (number, current) in (1..).zip(&currents[1..]) {
            let index = scope.kernel.plus(first, number);
            let is_step = scope.kernel.compare("slt", index, self.end);
            let otherwise = carried.clone();
            carried =
                scope.choose(is_step, &otherwise, |scope| self.step(scope, index, current, &otherwise))?;
        }
        Ok(carried)
    }

    /// The current of the tile in each of some steps; none where it is no sum of terms.
    fn currents(&self, scope: &mut Scope<'_, 'p>, indices: &[Value]) -> Result<Vec<Vec<Value>>, LowerError> {
        let mut sums = vec![self.constant.to_vec(); indices.len()];
        let Current::Terms(sources) = self.current else { return Ok(sums) };
        for source in sources {
            match source.time() {
                Time::Constant if self.is_each => {}
                Time::First if self.is_each => {
                    let zero = scope.kernel.i32(0);
                    let step = scope.kernel.add(self.clock, indices[0]);
                    let is_first = scope.kernel.compare("eq", step, zero);
                    let first = sums[0].clone();
                    sums[0] = scope.choose(is_first, &first, |scope| {
                        Ok::<_, LowerError>(
                            source.add(scope, self.tile, &indices[..1], vec![first.clone()])?.concat(),
                        )
                    })?;
                }
                _ => sums = source.add(scope, self.tile, indices, sums)?,
            }
        }
        let Some(settled) = &self.settled else { return Ok(sums) };
        let zero = scope.kernel.i32(0);
        for sums in &mut sums {
            for (sums, &settled) in sums.chunks_mut(self.tile.channels.len()).zip(settled) {
                sums.iter_mut().for_each(|sum| *sum = scope.kernel.select(settled, zero, *sum));
            }
        }
        Ok(sums)
    }

    /// One step.
    fn step(
        &self,
        scope: &mut Scope<'_, 'p>,
        index: Value,
        sums: &[Value],
        before: &[Value],
    ) -> Result<Vec<Value>, LowerError> {
        let (tile, width) = (self.tile, self.tile.channels.len());
        let (states, tallies) = before.split_at(before.len() - 2 * tile.rows.len());
        let (step, zero) = (scope.kernel.add(self.clock, index), scope.kernel.i32(0));
        let (states, mut sent) = match self.current {
            Current::Maxima { op, sums, of } => {
                let sums = scope.slot(*sums, of, index);
                let maxima = maxima(scope, tile, op, sums, *of)?;
                let pairs = maxima.iter().zip(states);
                let sent = pairs.map(|(&maximum, &before)| scope.kernel.sub(maximum, before)).collect();
                (maxima, sent)
            }
            Current::Terms(_) => match self.update {
                Some(update) => update.step(scope, tile, step, states, sums)?,
                None => (vec![], sums.to_vec()),
            },
        };
        for (index, event) in sent.iter_mut().enumerate() {
            if let Some(is_channel) = tile.channels[index % width].is_channel {
                *event = scope.kernel.select(is_channel, *event, zero);
            }
        }
        let mut carried = states;
        let Some(sink) = self.sink else {
            carried.extend(tallies);
            return Ok(carried);
        };
        let pointer = scope.slot(sink.buffer, &sink.stored, index);
        write(scope, tile, pointer, sink.stored.element, &sent);
        let (counts, last) = tallies.split_at(tile.rows.len());
        let after = scope.kernel.plus(step, 1);
        let mut new_last = vec![];
        for ((events, &count), &last) in sent.chunks(width).zip(counts).zip(last) {
            let mut in_step = zero;
            for &event in events {
                let one = self.is_sent(scope, event);
                in_step = scope.kernel.add(in_step, one);
            }
            carried.push(scope.kernel.add(count, in_step));
            let any = scope.kernel.compare("ne", in_step, zero);
            new_last.push(scope.kernel.select(any, after, last));
        }
        carried.extend(new_last);
        Ok(carried)
    }

    /// 1 if the event is not zero.
    fn is_sent(&self, scope: &mut Scope<'_, 'p>, event: Value) -> Value {
        if self.update.is_some_and(Update::sends_ones) {
            let one = scope.kernel.i32(1);
            return scope.kernel.binary("arith.andi", event, one);
        }
        let zero = scope.kernel.i32(0);
        let is_sent = scope.kernel.compare("ne", event, zero);
        scope.kernel.cast("arith.extui", is_sent, Type::I32)
    }
}

/// Writes the elements of the tile to a tensor of its layout.
fn write(scope: &mut Scope<'_, '_>, tile: &Tile, pointer: Value, element: Element, values: &[Value]) {
    let addresses = tile.addresses(scope, pointer, type_of(element));
    let width = tile.channels.len();
    for (number, row) in tile.rows.iter().enumerate() {
        let (addresses, values) = (&addresses[number * width..][..width], &values[number * width..][..width]);
        scope.when(row.live, |scope| {
            if tile.lane.is_none() {
                scope.write(values[0], addresses[0], element);
                return;
            }
            let (addresses, values) = (addresses.as_chunks::<2>().0, values.as_chunks::<2>().0);
            let pairs = addresses.iter().zip(values).zip(tile.channels.chunks(2));
            for ((&addresses, &pair), channels) in pairs {
                match channels[0].is_own {
                    Some(is_own) => scope.when(is_own, |scope| scope.write_pair(pair, addresses, element)),
                    None => scope.write_pair(pair, addresses, element),
                }
            }
        });
    }
}

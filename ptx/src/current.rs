//! What flows into the neurons of a tile in one step: the sum of its terms.

use neurocuda_runtime::artifact::{
    DType, Tensor,
    gpu_program::Element,
    program::{Op, OpKind},
};

use crate::{
    LowerError, integers,
    layout::{self, Layout, Taps},
    plan::{Stored, Term, Time},
    product,
    scope::{Scope, type_of},
    text::{Type, Value},
    tile::{Channel, Row, Tile},
};

/// A term, ready to be added in any step: its tables are on the device.
#[derive(Debug)]
pub(crate) struct Source {
    stored: Stored,
    input: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// By matrix products.
    Tiles(product::Weights),
    /// One product at a time: taps, weights `[tap, input channel of a group, output]`.
    Scalars {
        taps: Value,
        count: usize,
        weights: Value,
        r#type: Type,
        group_inputs: usize,
        group_outputs: usize,
    },
    /// Sums of windows, times a factor of each position.
    Windows { taps: Value, count: usize, factors: Option<Value> },
    /// A weight for each channel.
    Scale { weights: Vec<Value> },
    /// The value itself.
    Itself,
    /// Elements from elsewhere; `[position, channel]`, −1 for nowhere.
    Moved { from: Value },
}

/// Whether a term is computed by matrix products.
pub(crate) fn is_product(scope: &Scope<'_, '_>, term: &Term<'_>, stored: &Stored) -> bool {
    let weight = match term.op.map(|op| &op.kind) {
        Some(OpKind::Conv { weight, groups: 1, .. } | OpKind::Linear { weight }) => weight,
        _ => return false,
    };
    layout::is_byte(stored.element)
        && scope.buffers.tensors.get(weight).is_some_and(|weight| weight.dtype() == DType::I8)
}

impl Source {
    /// Puts the tables of a term on the device.
    pub(crate) fn new(
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        term: &Term<'_>,
        stored: Stored,
    ) -> Result<Self, LowerError> {
        let Some(op) = term.op else { return Ok(Self { stored, input: term.input, kind: Kind::Itself }) };
        let shapes = |value: usize| scope.buffers.program.values[value].as_slice();
        let inputs: Vec<&[usize]> = op.inputs.iter().map(|&input| shapes(input)).collect();
        let output = shapes(op.output);
        let kind = match &op.kind {
            OpKind::Conv { .. } | OpKind::Linear { .. } => {
                return Self::synapses(scope, tile, term, op, stored);
            }
            OpKind::SumPool2d { multiplier, .. } => {
                let taps = Taps::of_pool(&op.kind, inputs[0], output).ok_or(LowerError::shape(op))?;
                let factors =
                    multiplier.as_ref().map(|name| integers(scope.buffers.tensors, name)).transpose()?;
                let count = taps.taps;
                let taps = scope.constant("windows", words(&taps.offsets)?);
                let factors =
                    factors.map(|factors| Ok::<_, LowerError>(scope.constant("factors", words(&factors)?)));
                Kind::Windows { taps, count, factors: factors.transpose()? }
            }
            OpKind::Scale { weight } => {
                let weights = integers(scope.buffers.tensors, weight)?;
                let weights = Layout::new(output).spread(&weights).ok_or(LowerError::shape(op))?;
                let pointer = scope.constant("weights", words(&weights.values)?);
                Kind::Scale { weights: tile.parameter(scope, pointer, weights.by_position) }
            }
            kind => {
                let mut tables = layout::moved(kind, &inputs, output).ok_or(LowerError::shape(op))?;
                let table = tables.swap_remove(term.input_number);
                Kind::Moved { from: scope.constant("from", words(&table)?) }
            }
        };
        Ok(Self { stored, input: term.input, kind })
    }

    fn synapses(
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        term: &Term<'_>,
        op: &Op,
        stored: Stored,
    ) -> Result<Self, LowerError> {
        let (input, output) =
            (&scope.buffers.program.values[op.inputs[0]], &scope.buffers.program.values[op.output]);
        let (weight, groups) = match &op.kind {
            OpKind::Conv { weight, groups, .. } => (weight, *groups),
            OpKind::Linear { weight } => (weight, 1),
            _ => return Err(LowerError::shape(op)),
        };
        let tensor = scope.buffers.tensors.get(weight).ok_or(LowerError::shape(op))?;
        let kernel_shape = tensor.shape().get(2..).unwrap_or_default().to_vec();
        let taps = match &op.kind {
            OpKind::Conv { .. } => {
                Taps::of_convolution(&op.kind, &kernel_shape, input, output).ok_or(LowerError::shape(op))?
            }
            _ => Taps { offsets: vec![0], taps: 1 },
        };
        let (outputs, group_inputs) = (output[0], input[0] / groups);
        if tile.lane.is_some() && is_product(scope, term, &stored) {
            let weights = product::Weights::new(scope, tensor, &taps, stored, outputs)?;
            return Ok(Self { stored, input: term.input, kind: Kind::Tiles(weights) });
        }
        let (packed, r#type) = match tensor.dtype() {
            DType::I8 => {
                let weights = tensor.values::<i8>().map_err(|_| LowerError::shape(op))?;
                let packed = layout::pack_scalars(&weights, outputs, group_inputs, taps.taps);
                (Tensor::from_values(vec![packed.len()], &packed), Type::I8)
            }
            _ => {
                let weights = tensor.values::<i16>().map_err(|_| LowerError::shape(op))?;
                let packed = layout::pack_scalars(&weights, outputs, group_inputs, taps.taps);
                (Tensor::from_values(vec![packed.len()], &packed), Type::I16)
            }
        };
        let packed = packed.map_err(|_| LowerError::shape(op))?;
        let (count, taps) = (taps.taps, scope.constant("taps", words(&taps.offsets)?));
        let weights = scope.constant("weights", packed);
        let kind =
            Kind::Scalars { taps, count, weights, r#type, group_inputs, group_outputs: outputs / groups };
        Ok(Self { stored, input: term.input, kind })
    }

    /// Slices of the inner axis that matrix products of the term go through in a step.
    pub(crate) fn slices(&self) -> usize {
        if let Kind::Tiles(weights) = &self.kind { weights.slices } else { 0 }
    }

    /// When the term changes.
    pub(crate) fn time(&self) -> Time {
        self.stored.time
    }

    /// Adds the term, as it is in each of some steps of the chunk, to the sums of these steps.
    pub(crate) fn add(
        &self,
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        steps: &[Value],
        sums: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>, LowerError> {
        let buffer = scope.buffers.value(self.input)?;
        let from: Vec<Value> = steps.iter().map(|&step| scope.slot(buffer, &self.stored, step)).collect();
        if let Kind::Tiles(weights) = &self.kind {
            return Ok(weights.add(scope, tile, &from, &self.stored, sums));
        }
        Ok(from.iter().zip(sums).map(|(&from, sums)| self.add_once(scope, tile, from, sums)).collect())
    }

    /// Adds the term, of what is at `from`, to `sums`.
    fn add_once(&self, scope: &mut Scope<'_, '_>, tile: &Tile, from: Value, sums: Vec<Value>) -> Vec<Value> {
        match &self.kind {
            Kind::Tiles(_) => sums,
            Kind::Scalars { .. } => self.add_scalars(scope, tile, from, sums),
            Kind::Windows { taps, count, factors } => {
                let windows = self.windows(scope, tile, from, (*taps, *count));
                let mut factored = vec![];
                for (row, windows) in tile.rows.iter().zip(windows.chunks(tile.channels.len())) {
                    let factor =
                        factors.map(|factors| scope.kernel.load_at(factors, row.position, Type::I32));
                    for &window in windows {
                        factored.push(factor.map_or(window, |factor| scope.kernel.mul(window, factor)));
                    }
                }
                sum(scope, &sums, &factored)
            }
            Kind::Scale { weights } => {
                let values = self.own(scope, tile, from);
                let scaled: Vec<Value> = values
                    .iter()
                    .zip(weights)
                    .map(|(&value, &weight)| scope.kernel.mul(value, weight))
                    .collect();
                sum(scope, &sums, &scaled)
            }
            Kind::Itself => {
                let values = self.own(scope, tile, from);
                sum(scope, &sums, &values)
            }
            Kind::Moved { from: table } => {
                let mut moved = vec![];
                for row in &tile.rows {
                    let image = scope.kernel.times(row.image, self.stored.layout.stored() as i64);
                    let position = scope.kernel.times(row.position, tile.layout.padded as i64);
                    for channel in &tile.channels {
                        let element = scope.kernel.add(position, channel.index);
                        let offset = scope.kernel.load_at(*table, element, Type::I32);
                        moved.push(self.read_if_there(scope, from, image, offset, None));
                    }
                }
                sum(scope, &sums, &moved)
            }
        }
    }

    /// The elements of the tile itself, of a value of the tile's layout.
    fn own(&self, scope: &mut Scope<'_, '_>, tile: &Tile, from: Value) -> Vec<Value> {
        let element = self.stored.element;
        let addresses = tile.addresses(scope, from, type_of(element));
        if tile.lane.is_none() {
            return addresses.iter().map(|&address| scope.read(address, element)).collect();
        }
        let pairs = addresses.as_chunks::<2>().0.iter().flat_map(|&pair| scope.read_pair(pair, element));
        pairs.collect()
    }

    /// The element at `image + offset + channel`, or 0 where the offset is −1.
    fn read_if_there(
        &self,
        scope: &mut Scope<'_, '_>,
        from: Value,
        image: Value,
        offset: Value,
        channel: Option<Value>,
    ) -> Value {
        let zero = scope.kernel.i32(0);
        let is_there = scope.kernel.compare("sge", offset, zero);
        let offset = scope.kernel.binary("arith.maxsi", offset, zero);
        let mut element = scope.kernel.add(image, offset);
        if let Some(channel) = channel {
            element = scope.kernel.add(element, channel);
        }
        let address = scope.kernel.at(from, element, type_of(self.stored.element));
        let value = scope.read(address, self.stored.element);
        scope.kernel.select(is_there, value, zero)
    }

    /// The sum over the window of each element of the tile.
    fn windows(
        &self,
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        from: Value,
        (taps, count): (Value, usize),
    ) -> Vec<Value> {
        let zero = scope.kernel.i32(0);
        let start = vec![zero; tile.len()];
        each_tap(scope, tile, (taps, count), &start, |scope, row, channel, offset, before| {
            let image = scope.kernel.times(row.image, self.stored.layout.stored() as i64);
            let value = self.read_if_there(scope, from, image, offset, Some(channel.index));
            scope.kernel.add(before, value)
        })
    }

    fn add_scalars(
        &self,
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        from: Value,
        sums: Vec<Value>,
    ) -> Vec<Value> {
        let Kind::Scalars { taps, count, weights, r#type, group_inputs, group_outputs } = self.kind else {
            return sums;
        };
        let (zero, end) = (scope.kernel.i32(0), scope.kernel.i32(count as i32));
        let inputs = scope.kernel.i32(group_inputs as i32);
        let last_group = scope.kernel.i32((tile.layout.channels / group_outputs) as i32 - 1);
        scope.repeat(zero, end, &sums, |scope, tap, sums| {
            scope.repeat(zero, inputs, sums, |scope, input, sums| {
                let kernel = &mut scope.kernel;
                let weight_row = kernel.times(tap, group_inputs as i64);
                let weight_row = kernel.add(weight_row, input);
                let weight_row = kernel.times(weight_row, tile.layout.padded as i64);
                let mut after = vec![];
                for (row, sums) in tile.rows.iter().zip(sums.chunks(tile.channels.len())) {
                    let image = scope.kernel.times(row.image, self.stored.layout.stored() as i64);
                    let first = scope.kernel.times(row.position, count as i64);
                    let entry = scope.kernel.add(first, tap);
                    let offset = scope.kernel.load_at(taps, entry, Type::I32);
                    for (channel, &sum) in tile.channels.iter().zip(sums) {
                        let mut group = scope.kernel.over(channel.index, group_outputs as i64);
                        if channel.is_channel.is_some() {
                            // What only fills up a tile is of no group.
                            group = scope.kernel.binary("arith.minsi", group, last_group);
                        }
                        let first = scope.kernel.times(group, group_inputs as i64);
                        let channel_in = scope.kernel.add(first, input);
                        let value = self.read_if_there(scope, from, image, offset, Some(channel_in));
                        let weight = scope.kernel.add(weight_row, channel.index);
                        let weight = scope.kernel.load_at(weights, weight, r#type);
                        let weight = scope.kernel.cast("arith.extsi", weight, Type::I32);
                        let product = scope.kernel.mul(value, weight);
                        after.push(scope.kernel.add(sum, product));
                    }
                }
                after
            })
        })
    }
}

/// The largest of what is in each window, of running sums in a buffer.
pub(crate) fn maxima(
    scope: &mut Scope<'_, '_>,
    tile: &Tile,
    op: &Op,
    sums: Value,
    of: Stored,
) -> Result<Vec<Value>, LowerError> {
    let (input, output) =
        (&scope.buffers.program.values[op.inputs[0]], &scope.buffers.program.values[op.output]);
    let taps = Taps::of_pool(&op.kind, input, output).ok_or(LowerError::shape(op))?;
    let count = taps.taps;
    let least = scope.kernel.i32(i32::MIN);
    let taps = scope.constant("windows", words(&taps.offsets)?);
    let source = Source { stored: of, input: 0, kind: Kind::Itself };
    let start = vec![least; tile.len()];
    Ok(each_tap(scope, tile, (taps, count), &start, |scope, row, channel, offset, before| {
        let zero = scope.kernel.i32(0);
        let is_there = scope.kernel.compare("sge", offset, zero);
        let image = scope.kernel.times(row.image, of.layout.stored() as i64);
        let value = source.read_if_there(scope, sums, image, offset, Some(channel.index));
        let value = scope.kernel.select(is_there, value, least);
        scope.kernel.binary("arith.maxsi", before, value)
    }))
}

/// Goes through the windows of all elements of a tile, tap by tap, from values `start`.
fn each_tap<'a, 'p>(
    scope: &mut Scope<'a, 'p>,
    tile: &Tile,
    (taps, count): (Value, usize),
    start: &[Value],
    next: impl Fn(&mut Scope<'a, 'p>, &Row, &Channel, Value, Value) -> Value,
) -> Vec<Value> {
    let (zero, end) = (scope.kernel.i32(0), scope.kernel.i32(count as i32));
    scope.repeat(zero, end, start, |scope, tap, before| {
        let mut after = vec![];
        for (row, before) in tile.rows.iter().zip(before.chunks(tile.channels.len())) {
            let first = scope.kernel.times(row.position, count as i64);
            let entry = scope.kernel.add(first, tap);
            let offset = scope.kernel.load_at(taps, entry, Type::I32);
            for (channel, &before) in tile.channels.iter().zip(before) {
                after.push(next(scope, row, channel, offset, before));
            }
        }
        after
    })
}

fn sum(scope: &mut Scope<'_, '_>, a: &[Value], b: &[Value]) -> Vec<Value> {
    a.iter().zip(b).map(|(&a, &b)| scope.kernel.add(a, b)).collect()
}

/// A tensor of 32-bit integers.
pub(crate) fn words(values: &[i32]) -> Result<Tensor, LowerError> {
    Tensor::from_values(vec![values.len()], values).map_err(|_| LowerError::Defect("a table has no size"))
}

/// Whether elements of a stored value are bytes without a sign.
pub(crate) fn is_unsigned(stored: &Stored) -> bool {
    stored.element == Element::U8
}

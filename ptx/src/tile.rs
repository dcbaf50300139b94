//! Which elements of a layer a thread computes.

use crate::{
    layout::{Layout, TILE_CHANNELS},
    scope::Scope,
    text::{Type, Value},
};

/// Threads of a block whose threads compute one element each.
pub(crate) const THREADS: u32 = 256;
/// Warps of a block whose warps compute tiles.
const WARPS: u32 = 4;
/// Rows that a warp computes: those of a matrix product.
const WARP_ROWS: u32 = 16;
/// Steps that a warp computes at once: what it reads of the weights serves all of them.
pub(crate) const STEPS: usize = 2;

/// A position of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) image: Value,
    pub(crate) position: Value,
    /// Whether there is such an image; if not, the numbers are those of the last one.
    pub(crate) live: Value,
}

/// A channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    /// Its number, below the padded number of channels.
    pub(crate) index: Value,
    /// Whether it is a channel of the layer; absent where all are.
    pub(crate) is_channel: Option<Value>,
    /// Whether it is this thread that writes it; absent where it always is.
    pub(crate) is_own: Option<Value>,
    /// By how much its number is above that of the thread's first channel, where that is the same for all threads.
    pub(crate) distance: Option<i64>,
}

/// Where a thread stands in the tile of its warp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    /// Row of a half of the tile, 0 to 7.
    pub(crate) row: Value,
    /// Which of the four threads of a row, 0 to 3.
    pub(crate) quarter: Value,
    /// First channel of the tile.
    pub(crate) first_channel: Value,
}

/// The elements of a thread: all channels of all its rows, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    pub(crate) layout: Layout,
    pub(crate) rows: Vec<Row>,
    /// In pairs of neighbours, unless there is one.
    pub(crate) channels: Vec<Channel>,
    /// Absent where a thread computes one element.
    pub(crate) lane: Option<Lane>,
    pub(crate) launch: Shape,
}

/// What a launch of such threads looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) rows: u64,
    pub(crate) rows_per_block: u32,
    pub(crate) columns: u32,
    pub(crate) threads: u32,
    /// Most registers of a thread.
    pub(crate) registers: u32,
}

impl Tile {
    /// A thread for each element.
    pub(crate) fn of_threads(scope: &mut Scope<'_, '_>, layout: Layout) -> Self {
        let elements = layout.channels * layout.positions;
        let index = first_row(scope, THREADS);
        let thread = scope.kernel.special("tid.x");
        let index = scope.kernel.add(index, thread);
        let total = scope.kernel.times(scope.batch, elements as i64);
        let (index, live) = clamp(scope, index, total);
        let kernel = &mut scope.kernel;
        let image = kernel.over(index, elements as i64);
        let element = kernel.modulo(index, elements as i64);
        let position = kernel.over(element, layout.channels as i64);
        let channel = kernel.modulo(element, layout.channels as i64);
        Self {
            layout,
            rows: vec![Row { image, position, live }],
            channels: vec![Channel { index: channel, is_channel: None, is_own: None, distance: Some(0) }],
            lane: None,
            launch: Shape {
                rows: elements as u64,
                rows_per_block: THREADS,
                columns: 1,
                threads: THREADS,
                registers: 64,
            },
        }
    }

    /// A tile of 16 rows and 32 channels for each warp, spread over its threads as matrix products leave it: a thread has rows `r` and
    /// `r + 8` and two neighbouring channels of each eight.
    pub(crate) fn of_warps(scope: &mut Scope<'_, '_>, layout: Layout) -> Self {
        let rows_per_block = WARPS * WARP_ROWS;
        let first = first_row(scope, rows_per_block);
        let total = scope.kernel.times(scope.batch, layout.positions as i64);
        let kernel = &mut scope.kernel;
        let thread = kernel.special("tid.x");
        let warp = kernel.over(thread, 32);
        let lane = kernel.modulo(thread, 32);
        let (row, quarter) = (kernel.over(lane, 4), kernel.modulo(lane, 4));
        let of_warp = kernel.times(warp, WARP_ROWS.into());
        let first = kernel.add(first, of_warp);
        let first = kernel.add(first, row);
        let block = kernel.special("ctaid.y");
        let first_channel = kernel.times(block, TILE_CHANNELS as i64);
        let mut rows = vec![];
        for half in 0..2 {
            let index = scope.kernel.plus(first, 8 * half);
            let (index, live) = clamp(scope, index, total);
            let image = scope.kernel.over(index, layout.positions as i64);
            let position = scope.kernel.modulo(index, layout.positions as i64);
            rows.push(Row { image, position, live });
        }
        let kernel = &mut scope.kernel;
        let offset = kernel.times(quarter, 2);
        let own = kernel.add(first_channel, offset);
        let mut channels = vec![];
        for eight in 0..4 {
            let mut pair = kernel.plus(own, 8 * eight);
            let first = pair;
            let mut is_own = None;
            if !layout.padded.is_multiple_of(TILE_CHANNELS) {
                let last = kernel.i32(layout.padded as i32 - 2);
                is_own = Some(kernel.compare("sle", pair, last));
                pair = kernel.binary("arith.minsi", pair, last);
            }
            for second in 0..2 {
                let is_channel = (!layout.channels.is_multiple_of(TILE_CHANNELS)).then(|| {
                    let (channel, channels) =
                        (kernel.plus(first, second), kernel.i32(layout.channels as i32));
                    kernel.compare("slt", channel, channels)
                });
                let distance = is_own.is_none().then_some(8 * eight + second);
                channels.push(Channel { index: kernel.plus(pair, second), is_channel, is_own, distance });
            }
        }
        Self {
            layout,
            rows,
            channels,
            lane: Some(Lane { row, quarter, first_channel }),
            launch: Shape {
                rows: layout.positions as u64,
                rows_per_block,
                columns: layout.padded.div_ceil(TILE_CHANNELS) as u32,
                threads: 32 * WARPS,
                registers: 255,
            },
        }
    }

    /// Whether the rows of a warp can be of several images.
    pub(crate) fn mixes_images(&self) -> bool {
        self.lane.is_some() && !self.layout.positions.is_multiple_of(WARP_ROWS as usize)
    }

    /// Elements of the thread.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() * self.channels.len()
    }

    /// The address of each element in a tensor of the tile's layout. Those of a row are at fixed distances wherever they can be, so that
    /// a thread keeps one address for all of them.
    pub(crate) fn addresses(&self, scope: &mut Scope<'_, '_>, pointer: Value, r#type: Type) -> Vec<Value> {
        let (layout, kernel) = (self.layout, &mut scope.kernel);
        let mut addresses = vec![];
        for row in &self.rows {
            let image = kernel.times(row.image, layout.stored() as i64);
            let position = kernel.times(row.position, layout.padded as i64);
            let row = kernel.add(image, position);
            let first = kernel.add(row, self.channels[0].index);
            let first = kernel.at(pointer, first, r#type);
            for channel in &self.channels {
                addresses.push(match channel.distance {
                    Some(0) => first,
                    Some(distance) => {
                        let distance = kernel.i32(distance as i32);
                        kernel.at(first, distance, r#type)
                    }
                    None => {
                        let offset = kernel.add(row, channel.index);
                        kernel.at(pointer, offset, r#type)
                    }
                });
            }
        }
        addresses
    }

    /// The parameter of each element: `[channel]`, or `[position, channel]`.
    pub(crate) fn parameter(
        &self,
        scope: &mut Scope<'_, '_>,
        pointer: Value,
        by_position: bool,
    ) -> Vec<Value> {
        if !by_position {
            let of_channel = |channel: &Channel| scope.kernel.load_at(pointer, channel.index, Type::I32);
            let values: Vec<Value> = self.channels.iter().map(of_channel).collect();
            return values.repeat(self.rows.len());
        }
        let mut values = vec![];
        for row in &self.rows {
            let position = scope.kernel.times(row.position, self.layout.padded as i64);
            for channel in &self.channels {
                let offset = scope.kernel.add(position, channel.index);
                values.push(scope.kernel.load_at(pointer, offset, Type::I32));
            }
        }
        values
    }
}

/// First row of the thread's block.
fn first_row(scope: &mut Scope<'_, '_>, rows_per_block: u32) -> Value {
    let block = scope.kernel.special("ctaid.x");
    scope.kernel.times(block, rows_per_block.into())
}

/// `index`, or the last one, and whether it is below `total`.
fn clamp(scope: &mut Scope<'_, '_>, index: Value, total: Value) -> (Value, Value) {
    let live = scope.kernel.compare("slt", index, total);
    let last = scope.kernel.plus(total, -1);
    (scope.kernel.select(live, index, last), live)
}

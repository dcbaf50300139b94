//! Synapses by matrix products of bytes: an implicit GEMM on `mma.sync.m16n8k32`.
//!
//! Rows are positions of images, columns output channels, and the inner axis runs over taps and input channels. Its order does not matter
//! as long as both factors have the same, so each thread reads sixteen neighbouring bytes of a row at once, where the instruction's own
//! order would have it read four words from four places. The four threads of a row together read 64 bytes, and every 64 bytes of
//! the inner axis are two instructions.

use neurocuda_runtime::artifact::Tensor;

use crate::{
    LowerError,
    current::{is_unsigned, words},
    layout::{GRANULE, SLICE, TILE_CHANNELS, Taps, pack_tiles},
    plan::Stored,
    scope::Scope,
    text::{Signedness, Type, Value},
    tile::Tile,
};

/// Weights and taps on the device.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `[position, tap]`, with taps that read nothing at the end.
    taps: Value,
    taps_of_row: usize,
    /// Granules of a tap.
    granules: usize,
    weights: Value,
    /// Slices of the inner axis.
    pub(crate) slices: usize,
    zeros: Value,
}

impl Weights {
    /// Puts weights `[output, input channel, tap]` and taps on the device.
    pub(crate) fn new(
        scope: &mut Scope<'_, '_>,
        weight: &Tensor,
        taps: &Taps,
        stored: Stored,
        outputs: usize,
    ) -> Result<Self, LowerError> {
        let values = weight.values::<i8>().map_err(|_| LowerError::Defect("weights are no bytes"))?;
        let packed = pack_tiles(&values, outputs, stored.layout.channels, taps.taps);
        let granules = stored.layout.padded / GRANULE;
        let slices = (taps.taps * stored.layout.padded).div_ceil(SLICE);
        let taps = taps.fill((slices * SLICE / GRANULE).div_ceil(granules));
        let packed = Tensor::from_values(vec![packed.len()], &packed)
            .map_err(|_| LowerError::Defect("packed weights have no size"))?;
        let zeros = scope.buffers.zeros();
        Ok(Self {
            taps_of_row: taps.taps,
            granules,
            slices,
            taps: scope.constant("taps", words(&taps.offsets)?),
            weights: scope.constant("weights", packed),
            zeros: scope.pointer(zeros),
        })
    }

    /// Adds the products of what is at each of `from`, one for each of several steps, to the sums of these steps.
    pub(crate) fn add(
        &self,
        scope: &mut Scope<'_, '_>,
        tile: &Tile,
        from: &[Value],
        stored: &Stored,
        sums: Vec<Vec<Value>>,
    ) -> Vec<Vec<Value>> {
        let Some(lane) = tile.lane else { return sums };
        let signedness = if is_unsigned(stored) { Signedness::Unsigned } else { Signedness::Signed };
        let kernel = &mut scope.kernel;
        // Where each step's image begins, for each row, and the row's taps.
        let mut images = vec![vec![]; from.len()];
        let mut taps = vec![];
        for row in &tile.rows {
            let image = kernel.times(row.image, stored.layout.stored() as i64);
            for (images, &from) in images.iter_mut().zip(from) {
                images.push(kernel.at(from, image, Type::I8));
            }
            let first = kernel.times(row.position, self.taps_of_row as i64);
            taps.push(kernel.at(self.taps, first, Type::I32));
        }
        let of_quarter = kernel.times(lane.quarter, GRANULE as i64);
        let column = kernel.add(lane.first_channel, lane.row);
        let column = kernel.times(column, (self.slices * SLICE) as i64);
        let column = kernel.add(column, of_quarter);
        let columns = kernel.at(self.weights, column, Type::I8);
        let (zero, end) = (kernel.i32(0), kernel.i32(self.slices as i32));
        let flat: Vec<Value> = sums.concat();
        let left = scope.repeat(zero, end, &flat, |scope, slice, sums| {
            let kernel = &mut scope.kernel;
            let granule = kernel.times(slice, (SLICE / GRANULE) as i64);
            let granule = kernel.add(granule, lane.quarter);
            let tap = kernel.over(granule, self.granules as i64);
            let channel = kernel.modulo(granule, self.granules as i64);
            let channel = kernel.times(channel, GRANULE as i64);
            let mut inputs = vec![vec![]; images.len()];
            for (row, &taps) in taps.iter().enumerate() {
                let offset = kernel.load_at(taps, tap, Type::I32);
                let is_there = kernel.compare("sge", offset, zero);
                let offset = kernel.add(offset, channel);
                for (inputs, images) in inputs.iter_mut().zip(&images) {
                    let pointer = kernel.at(images[row], offset, Type::I8);
                    let pointer = kernel.select(is_there, pointer, self.zeros);
                    let words = kernel.load(pointer, Type::Words4);
                    inputs.push([0, 1, 2, 3].map(|word| kernel.word(words, word)));
                }
            }
            let of_slice = kernel.times(slice, SLICE as i64);
            let weights = kernel.at(columns, of_slice, Type::I8);
            let mut after = sums.to_vec();
            for eight in 0..TILE_CHANNELS / 8 {
                let distance = kernel.i32((8 * eight * self.slices * SLICE) as i32);
                let pointer = kernel.at(weights, distance, Type::I8);
                let words = kernel.load(pointer, Type::Words4);
                let weights = [0, 1, 2, 3].map(|word| kernel.word(words, word));
                for (step, inputs) in inputs.iter().enumerate() {
                    // A pair of neighbouring channels in each of two rows.
                    let width = tile.channels.len();
                    let first = step * tile.len() + 2 * eight;
                    let places = [first, first + 1, first + width, first + width + 1];
                    for word in [0, 2] {
                        let (upper, lower) = (inputs[0], inputs[1]);
                        let a = [upper[word], lower[word], upper[word + 1], lower[word + 1]];
                        let b = [weights[word], weights[word + 1]];
                        let product =
                            kernel.matrix_product(signedness, a, b, places.map(|place| after[place]));
                        places.iter().zip(product).for_each(|(&place, value)| after[place] = value);
                    }
                }
            }
            after
        });
        left.chunks(tile.len()).map(<[Value]>::to_vec).collect()
    }
}

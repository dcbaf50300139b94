//! Shapes of populations, and the slice of one that a core holds.

use std::ops::Range;

/// Extent of a population or of the input of synapses, whose elements are numbered in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Channels, or neurons of a dense layer.
    pub channels: usize,
    /// All axes between the channels and the last one, as one.
    pub rows: usize,
    /// The last axis; 1 for a dense layer.
    pub columns: usize,
}

impl Extent {
    /// Of a checked shape.
    pub fn of(shape: &[usize]) -> Self {
        match shape {
            [] => Self { channels: 1, rows: 1, columns: 1 },
            [channels] => Self { channels: *channels, rows: 1, columns: 1 },
            [channels, rows @ .., columns] => {
                Self { channels: *channels, rows: rows.iter().product(), columns: *columns }
            }
        }
    }

    /// Elements of a channel.
    pub fn plane(self) -> usize {
        self.rows * self.columns
    }

    /// Number of elements.
    pub fn elements(self) -> usize {
        self.channels * self.plane()
    }
}

/// The slice of a population on one core. Its neurons are numbered with the channels innermost, so that what a spike adds at one place
/// lies in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    /// The population.
    pub whole: Extent,
    /// Channels on this core.
    pub channels: Range<usize>,
    /// Places along the last axis on this core.
    pub columns: Range<usize>,
}

impl Slice {
    /// Number of neurons.
    pub fn neurons(&self) -> usize {
        self.channels.len() * self.whole.rows * self.columns.len()
    }

    /// First neuron of a place.
    pub fn place(&self, row: usize, column: usize) -> usize {
        (row * self.columns.len() + column) * self.channels.len()
    }

    /// Element of the population that each neuron is.
    pub fn elements(&self) -> Vec<u32> {
        let mut elements = Vec::with_capacity(self.neurons());
        for row in 0..self.whole.rows {
            for column in self.columns.clone() {
                let place = row * self.whole.columns + column;
                elements.extend(
                    self.channels.clone().map(|channel| (channel * self.whole.plane() + place) as u32),
                );
            }
        }
        elements
    }

    /// Neuron that an element of the population is, if it is on this core.
    pub fn neuron(&self, element: usize) -> Option<usize> {
        let (channel, place) = (element / self.whole.plane().max(1), element % self.whole.plane().max(1));
        let (row, column) = (place / self.whole.columns.max(1), place % self.whole.columns.max(1));
        let here = self.channels.contains(&channel) && self.columns.contains(&column);
        here.then(|| self.place(row, column - self.columns.start) + channel - self.channels.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neurons_of_a_slice_are_numbered_with_channels_innermost() {
        let slice = Slice { whole: Extent::of(&[4, 2, 3]), channels: 1..3, columns: 1..3 };
        assert_eq!(slice.elements(), [7, 13, 8, 14, 10, 16, 11, 17]);
        for (neuron, &element) in slice.elements().iter().enumerate() {
            assert_eq!(slice.neuron(element as usize), Some(neuron));
        }
        assert_eq!(slice.neuron(6), None);
        assert_eq!(slice.neuron(19), None);
    }
}

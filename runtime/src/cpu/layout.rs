//! How elements of a value lie in memory.
//!
//! Programs number elements row-major, `[C, H, W]`. The engine keeps channels innermost, `[H, W, C]`: what one event
//! adds to one output position is then one contiguous row. It is the same for every number of axes.

/// Neurons handled together; parameters are laid out so that a chunk never wraps around.
pub(super) const CHUNK: usize = 64;

/// Order of the elements of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) channels: usize,
    pub(super) elements: usize,
}

impl Layout {
    /// The layout of a checked shape.
    pub(super) fn new(shape: &[usize]) -> Self {
        let channels = shape.first().copied().unwrap_or(1).max(1);
        Self { channels, elements: shape.iter().product() }
    }

    /// Elements of one channel.
    fn positions(&self) -> usize {
        (self.elements / self.channels).max(1)
    }

    /// Where the engine keeps an element.
    pub(super) fn index_of(&self, row_major: usize) -> usize {
        let (channel, position) = (row_major / self.positions(), row_major % self.positions());
        position * self.channels + channel
    }

    /// The element that the engine keeps at an index.
    pub(super) fn row_major_of(&self, index: usize) -> usize {
        let (position, channel) = (index / self.channels, index % self.channels);
        channel * self.positions() + position
    }

    /// Channel of the element that the engine keeps at an index.
    pub(super) fn channel_of(&self, index: usize) -> usize {
        index % self.channels
    }

    /// A parameter with one value a channel or one an element, for every element in the engine's order.
    pub(super) fn expand(&self, parameter: &[i32]) -> Vec<i32> {
        let per_element = parameter.len() == self.elements;
        let source = |index| if per_element { self.row_major_of(index) } else { self.channel_of(index) };
        (0..self.elements).map(|index| parameter.get(source(index)).copied().unwrap_or_default()).collect()
    }
}

/// A parameter in the engine's order, stored once where it repeats with the channels.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Length is a multiple of [`CHUNK`], or the number of elements.
    values: Vec<i32>,
}

impl Pattern {
    /// Lays out a parameter with one value a channel or one an element.
    pub(super) fn new(parameter: &[i32], layout: Layout) -> Self {
        let mut values = layout.expand(parameter);
        let repeats = parameter.len() == layout.channels;
        let period = layout.channels * (CHUNK / gcd(layout.channels, CHUNK));
        if repeats && period < values.len() {
            values.truncate(period);
            values.shrink_to_fit();
        }
        Self { values }
    }

    /// The parameters of a chunk that starts at a multiple of [`CHUNK`] and is not longer.
    pub(super) fn chunk(&self, start: usize, length: usize) -> &[i32] {
        let start = start % self.values.len().max(1);
        self.values.get(start..start + length).unwrap_or_default()
    }

    /// Whether the parameter is zero everywhere.
    pub(super) fn is_zero(&self) -> bool {
        self.values.iter().all(|&value| value == 0)
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_kept_channel_last() {
        let layout = Layout::new(&[2, 2, 3]);
        let order: Vec<usize> = (0..12).map(|index| layout.row_major_of(index)).collect();
        assert_eq!(order, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
        assert!((0..12).all(|element| layout.row_major_of(layout.index_of(element)) == element));
        assert_eq!(layout.expand(&[7, 8])[..4], [7, 8, 7, 8]);
        assert_eq!(Layout::new(&[2, 3]).expand(&[7, 8]), [7, 8, 7, 8, 7, 8]);
        assert_eq!(Layout::new(&[2]).expand(&[7, 8]), [7, 8]);
    }

    #[test]
    fn patterns_give_every_chunk_its_parameters() {
        for shape in [vec![3, 9, 9], vec![16, 5, 5], vec![100, 1, 1], vec![130], vec![4, 40], vec![1, 1, 1]] {
            let layout = Layout::new(&shape);
            for length in [layout.channels, layout.elements] {
                let parameter: Vec<i32> = (0..length as i32).map(|i| 100 + i).collect();
                let pattern = Pattern::new(&parameter, layout);
                let expanded = layout.expand(&parameter);
                for (chunk, expected) in expanded.chunks(CHUNK).enumerate() {
                    assert_eq!(pattern.chunk(chunk * CHUNK, expected.len()), expected, "{shape:?}");
                }
            }
        }
    }
}

//! What a value sends in one step.

use super::layout::CHUNK;

/// The non-zero elements of a value, each once, in any order.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    /// Elements, in the engine's order of that value.
    pub(super) indices: Vec<u32>,
    /// What each sends; never zero.
    pub(super) values: Vec<i32>,
}

impl Events {
    pub(super) fn len(&self) -> usize {
        self.indices.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.indices.clear();
        self.values.clear();
    }

    /// Appends an event unless it sends nothing.
    #[inline]
    pub(super) fn push(&mut self, index: u32, value: i32) {
        if value != 0 {
            self.indices.push(index);
            self.values.push(value);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, i32)> + '_ {
        self.indices.iter().map(|&index| index as usize).zip(self.values.iter().copied())
    }

    /// Appends the non-zero elements of a chunk whose first element is `start`.
    #[inline]
    pub(super) fn push_chunk(&mut self, start: usize, chunk: &[i32]) {
        let old = self.indices.len();
        // Written without a branch on the data, which a spike train would make the processor guess wrong.
        self.indices.resize(old + CHUNK, 0);
        self.values.resize(old + CHUNK, 0);
        let mut count = 0;
        if let (Some(indices), Some(values)) =
            (self.indices.last_chunk_mut::<CHUNK>(), self.values.last_chunk_mut::<CHUNK>())
        {
            for (offset, &value) in chunk.iter().enumerate().take(CHUNK) {
                indices[count % CHUNK] = (start + offset) as u32;
                values[count % CHUNK] = value;
                count += usize::from(value != 0);
            }
        }
        self.indices.truncate(old + count);
        self.values.truncate(old + count);
    }

    /// Adds every event to a dense buffer; returns whether there was one.
    pub(super) fn add_to(&self, buffer: &mut [i32]) -> bool {
        for (index, value) in self.iter() {
            if let Some(slot) = buffer.get_mut(index) {
                *slot = slot.wrapping_add(value);
            }
        }
        !self.is_empty()
    }

    /// Takes the non-zero elements out of a dense buffer, which is zero afterwards.
    pub(super) fn harvest(&mut self, buffer: &mut [i32]) {
        self.clear();
        for (chunk_index, chunk) in buffer.chunks_mut(CHUNK).enumerate() {
            if chunk.iter().fold(0, |any, &value| any | value) != 0 {
                self.push_chunk(chunk_index * CHUNK, chunk);
                chunk.fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harvest_takes_every_event_once_and_leaves_zeros() {
        let mut buffer = vec![0; 300];
        let expected = [(0, 5), (63, -1), (64, 2), (128, 7), (129, -7), (299, i32::MIN)];
        expected.iter().for_each(|&(index, value)| buffer[index] = value);
        let mut events = Events::default();
        events.push(1, 1);
        events.harvest(&mut buffer);
        assert_eq!(events.iter().collect::<Vec<_>>(), expected);
        assert!(buffer.iter().all(|&value| value == 0));
        assert!(events.add_to(&mut buffer));
        assert_eq!((buffer[63], buffer[299]), (-1, i32::MIN));
    }

    #[test]
    fn a_full_chunk_fits() {
        let mut events = Events::default();
        events.push_chunk(64, &[3; CHUNK]);
        assert_eq!(events.len(), CHUNK);
        assert_eq!(events.iter().last(), Some((127, 3)));
    }
}

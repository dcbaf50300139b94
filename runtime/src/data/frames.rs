//! The events of one sample, frame after frame.

/// The events of one sample, frame after frame: an event is counted at its element, row-major in the sample shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Counts of each element over all frames.
    totals: Vec<u64>,
    /// One after the last of a frame's entries, for each frame.
    ends: Vec<usize>,
    /// Element and count, where the count is not 0; elements ascend in each frame.
    entries: Vec<(u32, u32)>,
}

impl Frames {
    /// No frame yet, of samples of so many elements.
    pub(super) fn empty(elements: usize) -> Self {
        Self { totals: vec![0; elements], ends: vec![], entries: vec![] }
    }

    /// Frames in memory, of the counts of every element, row-major. All frames are of one length.
    pub fn from_counts(frames: &[Vec<u16>]) -> Self {
        let mut all = Self::empty(frames.first().map_or(0, Vec::len));
        frames.iter().for_each(|frame| all.push(frame.iter().map(|&count| count.into())));
        all
    }

    pub(super) fn push(&mut self, counts: impl Iterator<Item = u32>) {
        let counted = counts.zip(0u32..).zip(&mut self.totals).filter(|((count, _), _)| *count > 0);
        for ((count, element), total) in counted {
            *total += u64::from(count);
            self.entries.push((element, count));
        }
        self.ends.push(self.entries.len());
    }

    /// Number of frames.
    #[allow(clippy::len_without_is_empty, reason = "a sample has at least one frame")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Elements with events in a frame, ascending, and how many; none past the last frame.
    pub fn frame(&self, index: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let entries = self.ends.get(index).and_then(|&end| self.entries.get(start..end));
        entries.unwrap_or_default().iter().map(|&(element, count)| (element as usize, count))
    }

    /// Events of each element in all frames together, row-major.
    pub fn totals(&self) -> &[u64] {
        &self.totals
    }

    /// The most events that an element has in a frame.
    pub fn largest(&self) -> u32 {
        self.entries.iter().map(|entry| entry.1).max().unwrap_or(0)
    }

    /// Frames of so many elements, from the frame and element of each event.
    pub(super) fn from_events(elements: usize, frames: usize, mut events: Vec<(u64, u32)>) -> Self {
        events.sort_unstable();
        let mut all = Self::empty(elements);
        for group in events.chunk_by(|a, b| a == b) {
            let [(frame, element), ..] = *group else { continue };
            all.ends.resize(frame as usize, all.entries.len());
            all.entries.push((element, u32::try_from(group.len()).unwrap_or(u32::MAX)));
            if let Some(total) = all.totals.get_mut(element as usize) {
                *total += group.len() as u64;
            }
        }
        all.ends.resize(frames, all.entries.len());
        all
    }
}

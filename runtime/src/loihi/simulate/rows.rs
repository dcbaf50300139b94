//! A list of lists, one after the other in memory.

/// For each index, some items.
#[derive(Clone, Debug)]
pub(super) struct Rows<T> {
    /// Where the items of each index begin, and where the last ones end.
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T> Rows<T> {
    /// Those that `of` gives for the first `count` indices.
    pub fn new<I: IntoIterator<Item = T>>(count: usize, of: impl FnMut(usize) -> I) -> Self {
        let mut rows = Self { starts: vec![0], items: vec![] };
        for row in (0..count).map(of) {
            rows.items.extend(row);
            rows.starts.push(rows.items.len() as u32);
        }
        rows
    }

    /// Items that each say whose they are; of one index they stay in their order.
    pub fn sorted(count: usize, mut items: Vec<(u32, T)>) -> Self {
        items.sort_by_key(|(index, _)| *index);
        let start = |index: usize| items.partition_point(|(own, _)| (*own as usize) < index) as u32;
        let starts = (0..=count).map(start).collect();
        Self { starts, items: items.into_iter().map(|(_, item)| item).collect() }
    }

    /// Those of an index; none if there is no such.
    pub fn of(&self, index: usize) -> &[T] {
        let (Some(&start), Some(&end)) = (self.starts.get(index), self.starts.get(index + 1)) else {
            return &[];
        };
        self.items.get(start as usize..end as usize).unwrap_or_default()
    }
}

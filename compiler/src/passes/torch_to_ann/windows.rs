//! Windows of pools, one axis at a time, by PyTorch's rules.
//!
//! Windows over several axes are products of these, and so are the numbers that PyTorch divides by.

/// No axis, kernel or stride is larger, so that products of two fit i64.
const LARGEST: i64 = i32::MAX as i64;

/// Windows along one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// First element and one past the last, within the input.
    pub bounds: Vec<[i64; 2]>,
    /// How many elements each window counts for in the divisor.
    pub counts: Vec<i64>,
}

/// How a pool goes along one axis.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Elements of a window.
    pub kernel: i64,
    /// From one window to the next.
    pub stride: i64,
    /// On either side of the input.
    pub padding: i64,
    /// From one element of a window to the next.
    pub dilation: i64,
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
}

impl Pool {
    /// Each element by itself.
    pub const SINGLE: Self = Self { kernel: 1, stride: 1, padding: 0, dilation: 1, ceil_mode: false };

    /// Windows of `size` elements that do not overlap.
    pub fn whole(size: usize) -> Self {
        // A size beyond i64 is one that `count` refuses.
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Self { kernel: size, stride: size, ..Self::SINGLE }
    }

    /// Whether each element is taken by itself.
    pub fn is_single(self) -> bool {
        (self.kernel, self.stride, self.padding) == (1, 1, 0)
    }

    /// The pools along each axis; none if the lists differ in length.
    pub fn of(
        kernel: &[i64],
        stride: &[i64],
        padding: &[i64],
        dilation: &[i64],
        ceil_mode: bool,
    ) -> Vec<Self> {
        if [stride, padding, dilation].iter().any(|list| list.len() != kernel.len()) {
            return vec![];
        }
        let pool = |axis: usize| Self {
            kernel: kernel[axis],
            stride: stride[axis],
            padding: padding[axis],
            dilation: dilation[axis],
            ceil_mode,
        };
        (0..kernel.len()).map(pool).collect()
    }

    /// Number of windows on an axis of `size` elements; `None` where PyTorch refuses the pool or there is no window.
    pub fn count(self, size: usize) -> Option<usize> {
        let Self { kernel, stride, padding, dilation, ceil_mode } = self;
        let size = i64::try_from(size).ok().filter(|size| *size <= LARGEST)?;
        let in_range = |value: i64, least: i64| (least..=LARGEST).contains(&value);
        if !(in_range(kernel, 1) && in_range(stride, 1) && in_range(dilation, 1) && in_range(padding, 0)) {
            return None;
        }
        let reach = dilation * (kernel - 1) + 1;
        if padding > reach / 2 {
            return None;
        }
        let slack = size + 2 * padding - reach;
        if slack < 0 && !ceil_mode {
            return None;
        }
        let rounding = if ceil_mode { stride - 1 } else { 0 };
        let mut count = (slack + rounding).div_euclid(stride) + 1;
        // The last window must begin inside the input or the padding before it.
        if ceil_mode && (count - 1) * stride >= size + padding {
            count -= 1;
        }
        usize::try_from(count).ok().filter(|count| *count > 0)
    }

    /// The windows of an average pool on an axis of `size` elements; padding counts in the divisor if `include_padding`,
    /// but not what lies beyond it.
    pub fn windows(self, size: usize, include_padding: bool) -> Option<Windows> {
        let (count, size) = (self.count(size)?, size as i64);
        let starts = (0..count as i64).map(|index| index * self.stride - self.padding);
        let windows = starts.map(|start| {
            let end = (start + self.kernel).min(size + self.padding);
            let bounds = [start.max(0), end.min(size)];
            (bounds, if include_padding { end - start } else { bounds[1] - bounds[0] })
        });
        let (bounds, counts): (Vec<_>, Vec<_>) = windows.unzip();
        let filled = bounds.iter().all(|[start, end]| start < end) && counts.iter().all(|count| *count > 0);
        filled.then_some(Windows { bounds, counts })
    }
}

impl Windows {
    /// `parts` windows that cover an axis of `size` elements, as adaptive pools divide it. Both are at least 1.
    pub fn adaptive(size: usize, parts: usize) -> Self {
        // In u128, where no product of two sizes overflows; the results are at most `size`.
        let bound = |product: u128, up: u128| ((product + up) / parts as u128) as i64;
        let (size, last) = (size as u128, parts as u128 - 1);
        Self::of(
            (0..parts as u128).map(|part| [bound(part * size, 0), bound((part + 1) * size, last)]).collect(),
        )
    }

    /// One window for each element.
    pub fn single(size: usize) -> Self {
        Self::of((0..size as i64).map(|index| [index, index + 1]).collect())
    }

    /// One window of all elements.
    pub fn whole(size: usize) -> Self {
        Self::of(vec![[0, size as i64]])
    }

    /// The same windows for each of `times` axes of `size` elements that are laid out one behind the other.
    pub fn repeated(&self, times: usize, size: usize) -> Self {
        let shifted = |time: usize| {
            let shift = (time * size) as i64;
            self.bounds.iter().map(move |[start, end]| [start + shift, end + shift])
        };
        Self { bounds: (0..times).flat_map(shifted).collect(), counts: self.counts.repeat(times) }
    }

    /// Whether each of `size` elements is a window by itself, which counts once.
    pub fn is_single(&self, size: usize) -> bool {
        self.bounds.len() == size && *self == Self::single(size)
    }

    fn of(bounds: Vec<[i64; 2]>) -> Self {
        Self { counts: bounds.iter().map(|[start, end]| end - start).collect(), bounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// PyTorch's rule in words: pad the input, lay windows from its first cell on at every stride, and count cells. Windows
    /// that fit are kept; in ceil mode also one that stands out, if it begins less than a stride behind the last place where
    /// one would fit, and not in the padding behind the input.
    fn by_counting(pool: Pool, size: i64, include_padding: bool) -> Windows {
        let Pool { kernel, stride, padding, ceil_mode, .. } = pool;
        let (first, last) = (-padding, size + padding);
        let mut windows = Windows { bounds: vec![], counts: vec![] };
        for start in (first..last).step_by(stride as usize) {
            let fits = start <= last - kernel;
            if !(fits || (ceil_mode && start < last - kernel + stride && start < size)) {
                continue;
            }
            let cells = (start..start + kernel).filter(|cell| *cell < last).collect::<Vec<_>>();
            let real = cells.iter().copied().filter(|cell| (0..size).contains(cell)).collect::<Vec<_>>();
            windows.bounds.push([real[0], real[real.len() - 1] + 1]);
            windows.counts.push(if include_padding { cells.len() } else { real.len() } as i64);
        }
        windows
    }

    proptest! {
        #[test]
        fn average_windows_are_those_that_counting_gives(
            size in 1..20i64, kernel in 1..7i64, stride in 1..6i64, share in 0..4i64,
            ceil_mode: bool, include_padding: bool,
        ) {
            let pool = Pool { kernel, stride, padding: share.min(kernel / 2), dilation: 1, ceil_mode };
            let expected = by_counting(pool, size, include_padding);
            let found = pool.windows(size as usize, include_padding);
            prop_assert_eq!(found.unwrap_or(Windows { bounds: vec![], counts: vec![] }), expected);
        }

        #[test]
        fn adaptive_windows_are_floor_to_ceiling(size in 1..40usize, parts in 1..40usize) {
            let windows = Windows::adaptive(size, parts);
            for (part, [start, end]) in windows.bounds.iter().enumerate() {
                prop_assert_eq!(*start, (part as f64 * size as f64 / parts as f64).floor() as i64);
                prop_assert_eq!(*end, ((part + 1) as f64 * size as f64 / parts as f64).ceil() as i64);
            }
            prop_assert_eq!(windows.bounds.len(), parts);
        }
    }

    /// (kernel, stride, padding, ceil mode, include padding, size) → divisors, as PyTorch 2.11 divides.
    #[test]
    fn divisors_are_pytorchs() {
        let divisors = |kernel, stride, padding, ceil_mode, include, size| {
            Pool { kernel, stride, padding, dilation: 1, ceil_mode }
                .windows(size, include)
                .map(|windows| windows.counts)
        };
        assert_eq!(divisors(3, 2, 1, false, true, 7), Some(vec![3, 3, 3, 3]));
        assert_eq!(divisors(3, 2, 1, false, false, 7), Some(vec![2, 3, 3, 2]));
        assert_eq!(divisors(3, 2, 1, true, true, 8), Some(vec![3, 3, 3, 3, 2]));
        assert_eq!(divisors(3, 2, 0, true, true, 6), Some(vec![3, 3, 2]));
        assert_eq!(divisors(4, 4, 0, true, true, 5), Some(vec![4, 1]));
    }

    #[test]
    fn what_pytorch_refuses_has_no_windows() {
        let pool = Pool { kernel: 3, stride: 2, padding: 1, dilation: 1, ceil_mode: false };
        assert!(pool.count(7).is_some());
        assert_eq!(Pool { padding: 2, ..pool }.count(7), None);
        assert_eq!(Pool { stride: 0, ..pool }.count(7), None);
        assert_eq!(Pool { kernel: i64::MAX, ..pool }.count(7), None);
        assert_eq!(Pool { dilation: i64::MIN, ..pool }.count(7), None);
        assert_eq!(Pool { kernel: 9, ..pool }.count(4), None);
        assert_eq!(pool.count(usize::MAX), None);
    }
}

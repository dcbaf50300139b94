//! Sliding windows along one axis.

/// The largest window parameter; keeps all arithmetic on positions within i64.
const MAX_PARAMETER: usize = 1 << 24;

/// A sliding window along one axis: output `o`, tap `k` reads input `o · stride + k · dilation − padding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    input: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Window {
    /// A window over `input` elements; `None` where a parameter is zero or absurdly large.
    pub(crate) fn new(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
    ) -> Option<Self> {
        let positive =
            [input, kernel, stride, dilation].into_iter().all(|x| (1..=MAX_PARAMETER).contains(&x));
        (positive && padding <= MAX_PARAMETER).then_some(Self { input, kernel, stride, padding, dilation })
    }

    /// Number of windows that lie within input and padding; zero if not even one does.
    pub(crate) fn outputs_floor(&self) -> usize {
        self.span().map_or(0, |span| span / self.stride + 1)
    }

    /// The same, counting a last window that reaches over the end.
    pub(crate) fn outputs_ceil(&self) -> usize {
        self.span().map_or(0, |span| span.div_ceil(self.stride) + 1)
    }

    /// Whether a transposed convolution of `inputs` elements makes an axis of this many: the last of its windows ends inside,
    /// and less than a stride or dilation of output padding follows.
    pub(crate) fn is_made_of(&self, inputs: usize) -> bool {
        let least = inputs.checked_sub(1).and_then(|last| last.checked_mul(self.stride));
        let spare = self.span().zip(least).and_then(|(span, least)| span.checked_sub(least));
        spare.is_some_and(|spare| spare < self.stride.max(self.dilation))
    }

    /// How far the first window can move.
    fn span(&self) -> Option<usize> {
        (self.input + 2 * self.padding).checked_sub(self.dilation * (self.kernel - 1) + 1)
    }

    /// Input read by a tap of an output, unless it lies in the padding.
    pub(crate) fn input_of(&self, output: usize, tap: usize) -> Option<usize> {
        (output * self.stride + tap * self.dilation).checked_sub(self.padding).filter(|&i| i < self.input)
    }

    /// Residue of a tap: the taps that read one input, for any outputs, all have the same.
    pub(crate) fn tap_phase(&self, tap: usize) -> usize {
        (tap * self.dilation) % self.stride
    }

    /// Taps of an output that lie within the input.
    pub(crate) fn taps(&self, output: usize) -> std::ops::Range<usize> {
        let start = self.padding.saturating_sub(output * self.stride).div_ceil(self.dilation);
        let end = (self.input + self.padding).saturating_sub(output * self.stride).div_ceil(self.dilation);
        start.min(self.kernel)..end.min(self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_are_those_that_read_the_input() {
        for input in 1..9 {
            for (kernel, stride, padding, dilation) in
                [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (2, 3, 1, 2), (3, 1, 4, 2), (5, 2, 2, 1)]
            {
                let window = Window::new(input, kernel, stride, padding, dilation).unwrap();
                for output in 0..12 {
                    let naive: Vec<usize> =
                        (0..kernel).filter(|&k| window.input_of(output, k).is_some()).collect();
                    assert_eq!(window.taps(output).collect::<Vec<_>>(), naive, "{window:?} {output}");
                }
            }
        }
    }

    #[test]
    fn output_sizes_are_those_of_pytorch() {
        let outputs = |input, kernel, stride, padding, dilation| {
            let window = Window::new(input, kernel, stride, padding, dilation).unwrap();
            (window.outputs_floor(), window.outputs_ceil())
        };
        assert_eq!(outputs(28, 3, 1, 1, 1), (28, 28));
        assert_eq!(outputs(28, 3, 2, 1, 1), (14, 15));
        assert_eq!(outputs(5, 2, 2, 0, 1), (2, 3));
        assert_eq!(outputs(7, 3, 1, 0, 2), (3, 3));
        assert_eq!(outputs(2, 3, 1, 0, 1), (0, 0));
        assert_eq!(Window::new(4, 0, 1, 0, 1), None);
        assert_eq!(Window::new(4, 1, 1, usize::MAX, 1), None);
    }
}

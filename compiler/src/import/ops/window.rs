//! Windows of convolutions and pools, over one to three spatial axes.

use super::Call;
use crate::diagnostic::Reported;

/// The windows of a convolution or pool, one entry for each spatial axis.
#[derive(Clone, Copy, Debug)]
pub struct Window<const AXES: usize> {
    /// At least 1.
    pub kernel: [i64; AXES],
    /// At least 1.
    pub stride: [i64; AXES],
    /// On either side, at least 0.
    pub padding: [i64; AXES],
    /// At least 1.
    pub dilation: [i64; AXES],
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
}

impl<const AXES: usize> Window<AXES> {
    /// Number of windows along spatial axis `axis` of `size` values: PyTorch's `pooling_output_shape`. Below 1
    /// where none fits. Every field is below 2^31, so nothing overflows.
    fn count(&self, axis: usize, size: i64) -> i64 {
        let [kernel, stride, padding, dilation] =
            [self.kernel, self.stride, self.padding, self.dilation].map(|list| list[axis]);
        let slack = size + 2 * padding - dilation * (kernel - 1) - 1;
        if !self.ceil_mode {
            return slack.div_euclid(stride) + 1;
        }
        let count = (slack + stride - 1).div_euclid(stride) + 1;
        // A window that would begin in the padding behind the input sees none of it and is left out.
        if (count - 1) * stride >= size + padding { count - 1 } else { count }
    }

    /// Whether a window along `axis` has none of its taps in an input of `size` values.
    pub fn misses_input(&self, axis: usize, size: i64) -> bool {
        let [kernel, stride, padding, dilation] =
            [self.kernel, self.stride, self.padding, self.dilation].map(|list| list[axis]);
        // With padding of at most half the kernel only windows that begin before an input narrower than one dilation
        // step can, and such a kernel has two taps, so this looks at one window.
        dilation > size
            && (0..self.count(axis, size))
                .map(|window| window * stride - padding)
                .take_while(|start| *start < 0)
                .any(|start| {
                    let first = start.rem_euclid(dilation);
                    first >= size || (first - start) / dilation >= kernel
                })
    }
}

/// Sizes of what the windows make of an input, or `shape-mismatch`.
pub fn window_sizes<const AXES: usize>(
    call: &mut Call<'_>,
    window: &Window<AXES>,
    input: [i64; AXES],
) -> Result<[i64; AXES], Reported> {
    let sizes = std::array::from_fn(|axis| window.count(axis, input[axis]));
    if sizes.iter().all(|size| *size >= 1) {
        return Ok(sizes);
    }
    let dilated = if window.dilation == [1; AXES] { "" } else { ", dilated," };
    let message = format!(
        "has a kernel of {}{dilated} that does not fit into an input of {} with padding {}",
        product(&window.kernel),
        product(&input),
        product(&window.padding)
    );
    Err(call.mismatch(message))
}

/// Sizes as people write them, such as `3×3`.
fn product(sizes: &[i64]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// How the axes of an input with so many spatial ones are called.
pub const fn layout(axes: usize) -> &'static str {
    match axes {
        1 => "[N, C, L]",
        2 => "[N, C, H, W]",
        _ => "[N, C, D, H, W]",
    }
}

/// Channels and spatial sizes of the input, or `shape-mismatch`.
pub fn spatial<const AXES: usize>(call: &mut Call<'_>) -> Result<(i64, [i64; AXES]), Reported> {
    let input = call.input_of_rank(AXES + 2, layout(AXES))?;
    let sizes =
        input.sample().split_first().and_then(|(channels, sizes)| Some((*channels, sizes.try_into().ok()?)));
    sizes.ok_or_else(|| call.mismatch(format!("needs an input {}", layout(AXES))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (kernel, stride, padding, dilation, ceil mode, size) → windows, as PyTorch 2.11 gives them.
    #[test]
    fn window_counts_are_pytorchs() {
        let cases = [
            ((2, 2, 0, 1, false, 7), 3),
            ((2, 2, 0, 1, true, 7), 4),
            ((3, 2, 1, 1, false, 7), 4),
            ((3, 2, 1, 1, true, 8), 5),
            ((2, 3, 1, 1, true, 5), 2),
            ((1, 2, 0, 1, true, 4), 2),
            ((3, 1, 1, 2, false, 7), 5),
            ((3, 1, 0, 1, false, 2), 0),
            ((3, 2, 0, 1, false, 1), -1 + 1),
        ];
        for ((kernel, stride, padding, dilation, ceil_mode, size), expected) in cases {
            let window = Window {
                kernel: [kernel; 2],
                stride: [stride; 2],
                padding: [padding; 2],
                dilation: [dilation; 2],
                ceil_mode,
            };
            assert_eq!(window.count(1, size), expected, "{window:?} on {size}");
        }
    }

    #[test]
    fn windows_that_miss_the_input_are_those_a_search_finds() {
        for kernel in 1..5_i64 {
            for (stride, dilation, size, ceil) in (1..4_i64).flat_map(|s| {
                (1..6_i64)
                    .flat_map(move |d| (1..7_i64).flat_map(move |n| [(s, d, n, false), (s, d, n, true)]))
            }) {
                for padding in 0..=kernel / 2 {
                    let window = Window {
                        kernel: [kernel; 2],
                        stride: [stride; 2],
                        padding: [padding; 2],
                        dilation: [dilation; 2],
                        ceil_mode: ceil,
                    };
                    let sees = |o: i64| {
                        (0..kernel).any(|tap| (0..size).contains(&(o * stride - padding + tap * dilation)))
                    };
                    let found = (0..window.count(0, size)).any(|o| !sees(o));
                    assert_eq!(window.misses_input(0, size), found, "{window:?} on {size}");
                }
            }
        }
    }
}

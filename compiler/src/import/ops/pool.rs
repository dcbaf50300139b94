//! Windows and averages.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::Shape;

/// The windows of a convolution or pool, height before width.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// At least 1.
    pub kernel: [i64; 2],
    /// At least 1.
    pub stride: [i64; 2],
    /// On either side, at least 0.
    pub padding: [i64; 2],
    /// At least 1.
    pub dilation: [i64; 2],
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
}

impl Window {
    /// Number of windows along an axis (0 height, 1 width) of `size` values: PyTorch's `pooling_output_shape`. Below 1
    /// where none fits. Every field is below 2^31, so nothing overflows.
    fn count(&self, axis: usize, size: i64) -> i64 {
        let [kernel, stride, padding, dilation] =
            [self.kernel, self.stride, self.padding, self.dilation].map(|pair| pair[axis]);
        let slack = size + 2 * padding - dilation * (kernel - 1) - 1;
        if !self.ceil_mode {
            return slack.div_euclid(stride) + 1;
        }
        let count = (slack + stride - 1).div_euclid(stride) + 1;
        // A window that would begin in the padding behind the input sees none of it and is left out.
        if (count - 1) * stride >= size + padding { count - 1 } else { count }
    }

    /// Whether a window along `axis` has none of its taps in an input of `size` values.
    fn misses_input(&self, axis: usize, size: i64) -> bool {
        let [kernel, stride, padding, dilation] =
            [self.kernel, self.stride, self.padding, self.dilation].map(|pair| pair[axis]);
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

/// Height and width of what the windows make of an input, or `shape-mismatch`.
pub fn window_sizes(call: &mut Call<'_>, window: &Window, input: [i64; 2]) -> Result<[i64; 2], Reported> {
    let sizes = [0, 1].map(|axis| window.count(axis, input[axis]));
    if sizes.iter().all(|size| *size >= 1) {
        return Ok(sizes);
    }
    let [kernel, padding] =
        [window.kernel, window.padding].map(|[height, width]| format!("{height}×{width}"));
    let dilated = if window.dilation == [1, 1] { "" } else { ", dilated," };
    let message = format!(
        "has a kernel of {kernel}{dilated} that does not fit into an input of {}×{} with padding {padding}",
        input[0], input[1]
    );
    Err(call.mismatch(message))
}

/// Checks a pool's window against PyTorch's rules and infers the result's shape.
fn pool(call: &mut Call<'_>, window: &Window) -> Result<Shape, Reported> {
    for axis in [0, 1] {
        let (padding, kernel) = (window.padding[axis], window.kernel[axis]);
        if padding > kernel / 2 {
            let message = format!("is {padding}, more than half of the kernel's {kernel}");
            return Err(call.fail_at(FindingId::ArgumentValue, "padding", message));
        }
    }
    let input = call.input_of_rank(4, "[N, C, H, W]")?;
    let &[channels, height, width] = input.sample() else {
        return Err(call.mismatch("needs an input [N, C, H, W]"));
    };
    let [out_height, out_width] = window_sizes(call, window, [height, width])?;
    if window.misses_input(0, height) || window.misses_input(1, width) {
        return Err(call.mismatch(format!("has a window that lies in the padding of {input} altogether")));
    }
    call.shape(vec![channels, out_height, out_width])
}

/// Largest value of each window of `[N, C, H, W]`; padding never wins.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxPool2d {
    /// Height, width.
    pub kernel: [i64; 2],
    /// Height, width.
    pub stride: [i64; 2],
    /// On either side, at most half of the kernel.
    pub padding: [i64; 2],
    /// Height, width.
    pub dilation: [i64; 2],
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
}

impl Operation for MaxPool2d {
    const SIGNATURE: Signature = Signature {
        name: "max_pool2d",
        summary: "largest value of each window of [N, C, H, W]; padding never wins",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("kernel", Kind::Pair).at_least(1),
            Param::new("stride", Kind::Pair).or(Default::SameAs("kernel")).at_least(1),
            Param::new("padding", Kind::Pair).or(Default::Int(0)).at_least(0),
            Param::new("dilation", Kind::Pair).or(Default::Int(1)).at_least(1),
            Param::new("ceil_mode", Kind::Bool).or(Default::Bool(false)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            kernel: call.pair("kernel")?,
            stride: call.pair("stride")?,
            padding: call.pair("padding")?,
            dilation: call.pair("dilation")?,
            ceil_mode: call.bool("ceil_mode")?,
        };
        let Self { kernel, stride, padding, dilation, ceil_mode } = op;
        let shape = pool(call, &Window { kernel, stride, padding, dilation, ceil_mode })?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("kernel", self.kernel.into()),
            ("stride", self.stride.into()),
            ("padding", self.padding.into()),
            ("dilation", self.dilation.into()),
            ("ceil_mode", Argument::Bool(self.ceil_mode)),
        ]
    }
}

/// Mean of each window of `[N, C, H, W]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AvgPool2d {
    /// Height, width.
    pub kernel: [i64; 2],
    /// Height, width.
    pub stride: [i64; 2],
    /// Zeros on either side, at most half of the kernel.
    pub padding: [i64; 2],
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
    /// Whether the divisor counts padding.
    pub count_include_pad: bool,
}

impl Operation for AvgPool2d {
    const SIGNATURE: Signature = Signature {
        name: "avg_pool2d",
        summary: "mean of each window of [N, C, H, W]",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("kernel", Kind::Pair).at_least(1),
            Param::new("stride", Kind::Pair).or(Default::SameAs("kernel")).at_least(1),
            Param::new("padding", Kind::Pair).or(Default::Int(0)).at_least(0),
            Param::new("ceil_mode", Kind::Bool).or(Default::Bool(false)),
            Param::new("count_include_pad", Kind::Bool).or(Default::Bool(true)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            kernel: call.pair("kernel")?,
            stride: call.pair("stride")?,
            padding: call.pair("padding")?,
            ceil_mode: call.bool("ceil_mode")?,
            count_include_pad: call.bool("count_include_pad")?,
        };
        let Self { kernel, stride, padding, ceil_mode, .. } = op;
        let shape = pool(call, &Window { kernel, stride, padding, dilation: [1, 1], ceil_mode })?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("kernel", self.kernel.into()),
            ("stride", self.stride.into()),
            ("padding", self.padding.into()),
            ("ceil_mode", Argument::Bool(self.ceil_mode)),
            ("count_include_pad", Argument::Bool(self.count_include_pad)),
        ]
    }
}

/// Mean over windows that divide `[N, C, H, W]` into the wanted number of parts: part `i` of `n` of an axis of `s` values
/// is `⌊i·s/n⌋ .. ⌈(i+1)·s/n⌉`.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveAvgPool2d {
    /// Height, width.
    pub output_size: [i64; 2],
}

impl Operation for AdaptiveAvgPool2d {
    const SIGNATURE: Signature = Signature {
        name: "adaptive_avg_pool2d",
        summary: "mean over windows that divide [N, C, H, W] into output_size parts",
        params: &[Param::new("x", Kind::Tensor), Param::new("output_size", Kind::Pair).at_least(1)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let output_size = call.pair("output_size")?;
        let input = call.input_of_rank(4, "[N, C, H, W]")?;
        let channels = input.sample().iter().take(1).copied();
        let shape = call.shape(channels.chain(output_size).collect())?;
        Ok((Self { output_size }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("output_size", self.output_size.into())]
    }
}

/// Mean over whole axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    /// Axis numbers, ascending, none of them 0.
    pub dims: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keepdim: bool,
}

impl Operation for Mean {
    const SIGNATURE: Signature = Signature {
        name: "mean",
        summary: "mean over the axes dims, which stay with size 1 if keepdim",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("dims", Kind::Ints),
            Param::new("keepdim", Kind::Bool).or(Default::Bool(false)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (written, keepdim) = (call.ints("dims")?, call.bool("keepdim")?);
        let input = call.input()?;
        if written.is_empty() {
            return Err(call.fail_at(FindingId::ArgumentValue, "dims", "is empty"));
        }
        let mut dims = Vec::with_capacity(written.len());
        for dim in written {
            let dim = call.axis("dims", dim, input.rank())?;
            if dims.contains(&dim) {
                return Err(call.fail_at(FindingId::ArgumentValue, "dims", format!("has axis {dim} twice")));
            }
            dims.push(dim);
        }
        dims.sort_unstable();
        let axes = input.sample().iter().zip(1..).filter_map(|(size, axis)| match dims.contains(&axis) {
            true if keepdim => Some(1),
            true => None,
            false => Some(*size),
        });
        let shape = call.shape(axes.collect())?;
        Ok((Self { dims, keepdim }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let dims = self.dims.iter().map(|dim| *dim as i64).collect();
        vec![("dims", Argument::Ints(dims)), ("keepdim", Argument::Bool(self.keepdim))]
    }
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

//! Pools over one to three spatial axes.

use super::window::{Window, layout, spatial, window_sizes};
use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::Shape;

/// Checks a pool's window against PyTorch's rules and infers the result's shape.
fn pool<const AXES: usize>(call: &mut Call<'_>, window: &Window<AXES>) -> Result<Shape, Reported> {
    for (padding, kernel) in window.padding.iter().zip(&window.kernel) {
        if *padding > kernel / 2 {
            let message = format!("is {padding}, more than half of the kernel's {kernel}");
            return Err(call.fail_at(FindingId::ArgumentValue, "padding", message));
        }
    }
    let (channels, sizes) = spatial::<AXES>(call)?;
    let result = window_sizes(call, window, sizes)?;
    if sizes.iter().enumerate().any(|(axis, size)| window.misses_input(axis, *size)) {
        let input = call.input()?;
        return Err(call.mismatch(format!("has a window that lies in the padding of {input} altogether")));
    }
    call.shape([&[channels], &result[..]].concat())
}

/// Largest value of each window; padding never wins.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxPool<const AXES: usize> {
    /// For each spatial axis, as all that follows.
    pub kernel: [i64; AXES],
    /// From one window to the next.
    pub stride: [i64; AXES],
    /// On either side, at most half of the kernel.
    pub padding: [i64; AXES],
    /// From one element of a window to the next.
    pub dilation: [i64; AXES],
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
}

impl<const AXES: usize> Operation for MaxPool<AXES> {
    const SIGNATURE: Signature = Signature {
        name: match AXES {
            1 => "max_pool1d",
            2 => "max_pool2d",
            _ => "max_pool3d",
        },
        summary: match AXES {
            1 => "largest value of each window of [N, C, L]; padding never wins",
            2 => "largest value of each window of [N, C, H, W]; padding never wins",
            _ => "largest value of each window of [N, C, D, H, W]; padding never wins",
        },
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("kernel", Kind::Sizes(AXES)).at_least(1),
            Param::new("stride", Kind::Sizes(AXES)).or(Default::SameAs("kernel")).at_least(1),
            Param::new("padding", Kind::Sizes(AXES)).or(Default::Int(0)).at_least(0),
            Param::new("dilation", Kind::Sizes(AXES)).or(Default::Int(1)).at_least(1),
            Param::new("ceil_mode", Kind::Bool).or(Default::Bool(false)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            kernel: call.sizes("kernel")?,
            stride: call.sizes("stride")?,
            padding: call.sizes("padding")?,
            dilation: call.sizes("dilation")?,
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

/// Mean of each window, or its sum over a divisor of one's choice.
#[derive(Clone, Debug, PartialEq)]
pub struct AvgPool<const AXES: usize> {
    /// For each spatial axis, as all that follows.
    pub kernel: [i64; AXES],
    /// From one window to the next.
    pub stride: [i64; AXES],
    /// Zeros on either side, at most half of the kernel.
    pub padding: [i64; AXES],
    /// Whether a last window may reach past the padded input.
    pub ceil_mode: bool,
    /// Whether the divisor counts padding.
    pub count_include_pad: bool,
    /// What every sum is divided by, instead of the number of elements.
    pub divisor_override: Option<i64>,
}

impl<const AXES: usize> AvgPool<AXES> {
    const PARAMS: &'static [Param] = &[
        Param::new("x", Kind::Tensor),
        Param::new("kernel", Kind::Sizes(AXES)).at_least(1),
        Param::new("stride", Kind::Sizes(AXES)).or(Default::SameAs("kernel")).at_least(1),
        Param::new("padding", Kind::Sizes(AXES)).or(Default::Int(0)).at_least(0),
        Param::new("ceil_mode", Kind::Bool).or(Default::Bool(false)),
        Param::new("count_include_pad", Kind::Bool).or(Default::Bool(true)),
        Param::new("divisor_override", Kind::Int).or(Default::Absent).at_least(1),
    ];
}

impl<const AXES: usize> Operation for AvgPool<AXES> {
    const SIGNATURE: Signature = Signature {
        name: match AXES {
            1 => "avg_pool1d",
            2 => "avg_pool2d",
            _ => "avg_pool3d",
        },
        summary: match AXES {
            1 => "mean of each window of [N, C, L]",
            2 => "mean of each window of [N, C, H, W], or its sum over divisor_override",
            _ => "mean of each window of [N, C, D, H, W], or its sum over divisor_override",
        },
        params: {
            // PyTorch's pool over one axis has no such parameter.
            if AXES == 1 { Self::PARAMS.split_at(6).0 } else { Self::PARAMS }
        },
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            kernel: call.sizes("kernel")?,
            stride: call.sizes("stride")?,
            padding: call.sizes("padding")?,
            ceil_mode: call.bool("ceil_mode")?,
            count_include_pad: call.bool("count_include_pad")?,
            divisor_override: call.optional_int("divisor_override")?,
        };
        let Self { kernel, stride, padding, ceil_mode, .. } = op;
        let shape = pool(call, &Window { kernel, stride, padding, dilation: [1; AXES], ceil_mode })?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let mut arguments = vec![
            ("kernel", self.kernel.into()),
            ("stride", self.stride.into()),
            ("padding", self.padding.into()),
            ("ceil_mode", Argument::Bool(self.ceil_mode)),
            ("count_include_pad", Argument::Bool(self.count_include_pad)),
        ];
        arguments.extend(self.divisor_override.map(|divisor| ("divisor_override", Argument::Int(divisor))));
        arguments
    }
}

/// Shape of an adaptive pool's result.
fn adaptive<const AXES: usize>(call: &mut Call<'_>) -> Result<([i64; AXES], Shape), Reported> {
    let output_size = call.sizes("output_size")?;
    let input = call.input_of_rank(AXES + 2, layout(AXES))?;
    let channels = input.sample().iter().take(1).copied();
    let shape = call.shape(channels.chain(output_size).collect())?;
    Ok((output_size, shape))
}

/// Mean over windows that divide the input into the wanted number of parts: part `i` of `n` of an axis of `s` values
/// is `⌊i·s/n⌋ .. ⌈(i+1)·s/n⌉`.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveAvgPool<const AXES: usize> {
    /// For each spatial axis.
    pub output_size: [i64; AXES],
}

impl<const AXES: usize> Operation for AdaptiveAvgPool<AXES> {
    const SIGNATURE: Signature = Signature {
        name: match AXES {
            1 => "adaptive_avg_pool1d",
            2 => "adaptive_avg_pool2d",
            _ => "adaptive_avg_pool3d",
        },
        summary: match AXES {
            1 => "mean over windows that divide [N, C, L] into output_size parts",
            2 => "mean over windows that divide [N, C, H, W] into output_size parts",
            _ => "mean over windows that divide [N, C, D, H, W] into output_size parts",
        },
        params: &[Param::new("x", Kind::Tensor), Param::new("output_size", Kind::Sizes(AXES)).at_least(1)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (output_size, shape) = adaptive(call)?;
        Ok((Self { output_size }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("output_size", self.output_size.into())]
    }
}

/// Largest value of windows that divide the input as those of [`AdaptiveAvgPool`] do.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveMaxPool<const AXES: usize> {
    /// For each spatial axis.
    pub output_size: [i64; AXES],
}

impl<const AXES: usize> Operation for AdaptiveMaxPool<AXES> {
    const SIGNATURE: Signature = Signature {
        name: match AXES {
            1 => "adaptive_max_pool1d",
            2 => "adaptive_max_pool2d",
            _ => "adaptive_max_pool3d",
        },
        summary: match AXES {
            1 => "largest value of windows that divide [N, C, L] into output_size parts",
            2 => "largest value of windows that divide [N, C, H, W] into output_size parts",
            _ => "largest value of windows that divide [N, C, D, H, W] into output_size parts",
        },
        params: &[Param::new("x", Kind::Tensor), Param::new("output_size", Kind::Sizes(AXES)).at_least(1)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (output_size, shape) = adaptive(call)?;
        Ok((Self { output_size }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("output_size", self.output_size.into())]
    }
}

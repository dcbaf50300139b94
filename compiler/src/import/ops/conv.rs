//! Convolutions and transposed convolutions over one to three spatial axes.

use super::window::{Window, spatial, window_sizes};
use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::{Shape, WeightRef};

/// Cross-correlation with zero padding: `[N, C, …]` to `[N, O, …]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv<const AXES: usize> {
    /// Kernels, `[O, C / groups, kernel sizes]`.
    pub weight: WeightRef,
    /// `[O]`
    pub bias: Option<WeightRef>,
    /// For each spatial axis, as all that follows.
    pub stride: [i64; AXES],
    /// Zeros on either side.
    pub padding: [i64; AXES],
    /// From one tap of the kernel to the next.
    pub dilation: [i64; AXES],
    /// Channel groups that do not see each other.
    pub groups: i64,
}

impl<const AXES: usize> Operation for Conv<AXES> {
    const SIGNATURE: Signature = Signature {
        name: match AXES {
            1 => "conv1d",
            2 => "conv2d",
            _ => "conv3d",
        },
        summary: match AXES {
            1 => "1-D cross-correlation of [N, C, L] with zero padding; weight [O, C / groups, kL], bias [O]",
            2 => {
                "2-D cross-correlation of [N, C, H, W] with zero padding; weight [O, C / groups, kH, kW], bias [O]"
            }
            _ => {
                "3-D cross-correlation of [N, C, D, H, W] with zero padding; weight [O, C / groups, kD, kH, kW], bias [O]"
            }
        },
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("weight", Kind::Weight),
            Param::new("bias", Kind::Weight).or(Default::Absent),
            Param::new("stride", Kind::Sizes(AXES)).or(Default::Int(1)).at_least(1),
            Param::new("padding", Kind::Sizes(AXES)).or(Default::Int(0)).at_least(0),
            Param::new("dilation", Kind::Sizes(AXES)).or(Default::Int(1)).at_least(1),
            Param::new("groups", Kind::Int).or(Default::Int(1)).at_least(1),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            weight: call.weight("weight")?,
            bias: call.optional_weight("bias")?,
            stride: call.sizes("stride")?,
            padding: call.sizes("padding")?,
            dilation: call.sizes("dilation")?,
            groups: call.int("groups")?,
        };
        let (channels, sizes) = spatial::<AXES>(call)?;
        let (outputs, _, kernel) = kernel::<AXES>(call, &op.weight, "[O, C")?;
        divide(call, op.groups, channels, outputs)?;
        let wanted = [&[outputs, channels / op.groups], &kernel[..]].concat();
        let weight = call.expect_shape("weight", &op.weight, &wanted);
        let bias = op.bias.as_ref().map_or(Ok(()), |bias| call.expect_shape("bias", bias, &[outputs]));
        weight.and(bias)?;
        let Self { stride, padding, dilation, .. } = op;
        let window = Window { kernel, stride, padding, dilation, ceil_mode: false };
        let result = window_sizes(call, &window, sizes)?;
        let shape = call.shape([&[outputs], &result[..]].concat())?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let mut arguments = vec![("weight", self.weight.clone().into())];
        arguments.extend(self.bias.clone().map(|bias| ("bias", bias.into())));
        arguments.extend([
            ("stride", self.stride.into()),
            ("padding", self.padding.into()),
            ("dilation", self.dilation.into()),
            ("groups", Argument::Int(self.groups)),
        ]);
        arguments
    }
}

/// Transposed convolution: tap `k` of input `i` adds to output `i · stride + k · dilation − padding`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose<const AXES: usize> {
    /// Kernels, `[C, O / groups, kernel sizes]`.
    pub weight: WeightRef,
    /// `[O]`
    pub bias: Option<WeightRef>,
    /// For each spatial axis, as all that follows.
    pub stride: [i64; AXES],
    /// Outputs cut off on either side.
    pub padding: [i64; AXES],
    /// Outputs added at the end; fewer than the stride or the dilation.
    pub output_padding: [i64; AXES],
    /// Channel groups that do not see each other.
    pub groups: i64,
    /// From one tap of the kernel to the next.
    pub dilation: [i64; AXES],
}

impl<const AXES: usize> Operation for ConvTranspose<AXES> {
    const SIGNATURE: Signature = Signature {
        name: match AXES {
            1 => "conv_transpose1d",
            2 => "conv_transpose2d",
            _ => "conv_transpose3d",
        },
        summary: match AXES {
            1 => "transposed 1-D convolution of [N, C, L]; weight [C, O / groups, kL], bias [O]",
            2 => "transposed 2-D convolution of [N, C, H, W]; weight [C, O / groups, kH, kW], bias [O]",
            _ => {
                "transposed 3-D convolution of [N, C, D, H, W]; weight [C, O / groups, kD, kH, kW], bias [O]"
            }
        },
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("weight", Kind::Weight),
            Param::new("bias", Kind::Weight).or(Default::Absent),
            Param::new("stride", Kind::Sizes(AXES)).or(Default::Int(1)).at_least(1),
            Param::new("padding", Kind::Sizes(AXES)).or(Default::Int(0)).at_least(0),
            Param::new("output_padding", Kind::Sizes(AXES)).or(Default::Int(0)).at_least(0),
            Param::new("groups", Kind::Int).or(Default::Int(1)).at_least(1),
            Param::new("dilation", Kind::Sizes(AXES)).or(Default::Int(1)).at_least(1),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            weight: call.weight("weight")?,
            bias: call.optional_weight("bias")?,
            stride: call.sizes("stride")?,
            padding: call.sizes("padding")?,
            output_padding: call.sizes("output_padding")?,
            groups: call.int("groups")?,
            dilation: call.sizes("dilation")?,
        };
        let (channels, sizes) = spatial::<AXES>(call)?;
        let (_, outputs, kernel) = kernel::<AXES>(call, &op.weight, "[C, O")?;
        let wanted = [&[channels, outputs], &kernel[..]].concat();
        call.expect_shape("weight", &op.weight, &wanted)?;
        // A weight's size bounds `outputs`, and a group takes a channel of its own.
        divide(call, op.groups, channels, op.groups)?;
        let outputs = outputs * op.groups;
        op.bias.as_ref().map_or(Ok(()), |bias| call.expect_shape("bias", bias, &[outputs]))?;
        let mut shape = vec![outputs];
        for axis in 0..AXES {
            let (stride, dilation, spare) = (op.stride[axis], op.dilation[axis], op.output_padding[axis]);
            if spare >= stride.max(dilation) {
                let message = format!("is {spare}, which is not less than the stride or the dilation");
                return Err(call.fail_at(FindingId::ArgumentValue, "output_padding", message));
            }
            // Every factor is below 2^31.
            let reach = (sizes[axis] - 1) * stride + dilation * (kernel[axis] - 1) + 1 + spare;
            shape.push(reach - 2 * op.padding[axis]);
        }
        let shape = call.shape(shape)?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let mut arguments = vec![("weight", self.weight.clone().into())];
        arguments.extend(self.bias.clone().map(|bias| ("bias", bias.into())));
        arguments.extend([
            ("stride", self.stride.into()),
            ("padding", self.padding.into()),
            ("output_padding", self.output_padding.into()),
            ("groups", Argument::Int(self.groups)),
            ("dilation", self.dilation.into()),
        ]);
        arguments
    }
}

/// First and second axis of a weight and its kernel sizes; `first` is how the first two are called.
fn kernel<const AXES: usize>(
    call: &mut Call<'_>,
    weight: &WeightRef,
    first: &str,
) -> Result<(i64, i64, [i64; AXES]), Reported> {
    if let &[rows, columns, ref kernel @ ..] = weight.shape.as_slice()
        && let Ok(kernel) = kernel.try_into()
    {
        return Ok((rows, columns, kernel));
    }
    let sizes = ["kD", "kH", "kW"];
    let sizes = if AXES == 1 { "kL".to_owned() } else { sizes[3 - AXES.min(3)..].join(", ") };
    let message = format!("is {}, of shape {:?}; it must be {first}, {sizes}]", weight.key, weight.shape);
    Err(call.fail_at(FindingId::WeightShape, "weight", message))
}

/// Checks that groups divide the channels on both sides.
fn divide(call: &mut Call<'_>, groups: i64, channels: i64, outputs: i64) -> Result<(), Reported> {
    if channels % groups == 0 && outputs % groups == 0 {
        return Ok(());
    }
    let message = format!("is {groups}, which does not divide {channels} channels in and {outputs} out");
    Err(call.fail_at(FindingId::ArgumentValue, "groups", message))
}

//! Layers with weights: conv2d and linear.

use super::pool::{Window, window_sizes};
use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::{Shape, WeightRef};

/// 2-D cross-correlation with zero padding: `[N, C, H, W]` to `[N, O, H', W']`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d {
    /// Kernels, `[O, C / groups, kernel height, kernel width]`.
    pub weight: WeightRef,
    /// `[O]`
    pub bias: Option<WeightRef>,
    /// Height, width.
    pub stride: [i64; 2],
    /// Zeros on either side: top and bottom, left and right.
    pub padding: [i64; 2],
    /// Height, width.
    pub dilation: [i64; 2],
    /// Channel groups that do not see each other.
    pub groups: i64,
}

impl Operation for Conv2d {
    const SIGNATURE: Signature = Signature {
        name: "conv2d",
        summary: "2-D cross-correlation of [N, C, H, W] with zero padding; weight [O, C / groups, kH, kW], bias [O]",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("weight", Kind::Weight),
            Param::new("bias", Kind::Weight).or(Default::Absent),
            Param::new("stride", Kind::Pair).or(Default::Int(1)).at_least(1),
            Param::new("padding", Kind::Pair).or(Default::Int(0)).at_least(0),
            Param::new("dilation", Kind::Pair).or(Default::Int(1)).at_least(1),
            Param::new("groups", Kind::Int).or(Default::Int(1)).at_least(1),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            weight: call.weight("weight")?,
            bias: call.optional_weight("bias")?,
            stride: call.pair("stride")?,
            padding: call.pair("padding")?,
            dilation: call.pair("dilation")?,
            groups: call.int("groups")?,
        };
        let input = call.input_of_rank(4, "[N, C, H, W]")?;
        let &[channels, height, width] = input.sample() else {
            return Err(call.mismatch("needs an input [N, C, H, W]"));
        };
        let &[out_channels, _, kernel_height, kernel_width] = op.weight.shape.as_slice() else {
            let message =
                format!("is {}, of shape {:?}; it must be [O, C, kH, kW]", op.weight.key, op.weight.shape);
            return Err(call.fail_at(FindingId::WeightShape, "weight", message));
        };
        let groups = op.groups;
        if channels % groups != 0 || out_channels % groups != 0 {
            let message =
                format!("is {groups}, which does not divide {channels} channels in and {out_channels} out");
            return Err(call.fail_at(FindingId::ArgumentValue, "groups", message));
        }
        let wanted = [out_channels, channels / groups, kernel_height, kernel_width];
        let weight = call.expect_shape("weight", &op.weight, &wanted);
        let bias = op.bias.as_ref().map_or(Ok(()), |bias| call.expect_shape("bias", bias, &[out_channels]));
        weight.and(bias)?;
        let window = Window {
            kernel: [kernel_height, kernel_width],
            stride: op.stride,
            padding: op.padding,
            dilation: op.dilation,
            ceil_mode: false,
        };
        let [height, width] = window_sizes(call, &window, [height, width])?;
        let shape = call.shape(vec![out_channels, height, width])?;
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

/// Dense layer on the last axis: `y = x weightᵀ + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weight: WeightRef,
    /// `[outputs]`
    pub bias: Option<WeightRef>,
}

impl Operation for Linear {
    const SIGNATURE: Signature = Signature {
        name: "linear",
        summary: "dense layer on the last axis; weight [outputs, inputs], bias [outputs]",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("weight", Kind::Weight),
            Param::new("bias", Kind::Weight).or(Default::Absent),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self { weight: call.weight("weight")?, bias: call.optional_weight("bias")? };
        let input = call.input()?;
        let Some((&inputs, outer)) = input.sample().split_last() else {
            return Err(call.mismatch(format!("needs an input of 2 axes or more, not {input}")));
        };
        let &[outputs, expected] = op.weight.shape.as_slice() else {
            let message =
                format!("is {}, of shape {:?}; it must be [outputs, inputs]", op.weight.key, op.weight.shape);
            return Err(call.fail_at(FindingId::WeightShape, "weight", message));
        };
        if expected != inputs && input.rank() > 2 && expected == input.values() {
            let message = format!(
                "takes {expected} values, and its input {input} is not flat: put `flatten` before it"
            );
            return Err(call.mismatch(message));
        }
        let weight = call.expect_shape("weight", &op.weight, &[outputs, inputs]);
        let bias = op.bias.as_ref().map_or(Ok(()), |bias| call.expect_shape("bias", bias, &[outputs]));
        weight.and(bias)?;
        let shape = call.shape([outer, &[outputs]].concat())?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let mut arguments = vec![("weight", self.weight.clone().into())];
        arguments.extend(self.bias.clone().map(|bias| ("bias", bias.into())));
        arguments
    }
}

//! Dense layers.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::{Shape, WeightRef};

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

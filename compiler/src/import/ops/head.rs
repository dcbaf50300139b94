//! Ends of networks behind the logits.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::Reported;
use crate::import::graph::Shape;

/// Functions that keep the shape.
macro_rules! along_axis {
    ($($op:ident = $name:literal, $summary:literal;)+) => { $(
        #[doc = concat!("`", $summary, "`")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $op {
            /// At least 1.
            pub dim: usize,
        }

        impl Operation for $op {
            const SIGNATURE: Signature = Signature {
                name: $name,
                summary: $summary,
                params: &[Param::new("x", Kind::Tensor), Param::new("dim", Kind::Int)],
            };

            fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
                let dim = call.int("dim")?;
                let input = call.input()?;
                Ok((Self { dim: call.axis("dim", dim, input.rank())? }, input))
            }

            fn arguments(&self) -> Vec<(&'static str, Argument)> {
                vec![("dim", Argument::Int(self.dim as i64))]
            }
        }
    )+ };
}

along_axis! {
    Softmax = "softmax", "exp(x) / sum(exp(x)) along the axis dim; only of what the network returns";
    LogSoftmax = "log_softmax", "log(softmax(x)) along the axis dim; only of what the network returns";
}

/// Index of the largest value along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Argmax {
    /// At least 1.
    pub dim: usize,
    /// Keep the axis, with size 1.
    pub keepdim: bool,
}

impl Operation for Argmax {
    const SIGNATURE: Signature = Signature {
        name: "argmax",
        summary: "index of the largest value along the axis dim, of the first where several are; only of what the network returns",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("dim", Kind::Int),
            Param::new("keepdim", Kind::Bool).or(Default::Bool(false)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (dim, keepdim) = (call.int("dim")?, call.bool("keepdim")?);
        let input = call.input()?;
        let dim = call.axis("dim", dim, input.rank())?;
        let mut sizes = input.sample().to_vec();
        if keepdim {
            sizes[dim - 1] = 1;
        } else {
            sizes.remove(dim - 1);
        }
        Ok((Self { dim, keepdim }, call.shape(sizes)?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("dim", Argument::Int(self.dim as i64)), ("keepdim", Argument::Bool(self.keepdim))]
    }
}

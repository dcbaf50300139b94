//! Activations other than `relu` and `clamp`.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::{Shape, WeightRef};

/// Ops of one tensor and nothing else.
macro_rules! plain {
    ($($op:ident = $name:literal, $summary:literal;)+) => { $(
        #[doc = concat!("`", $summary, "`")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $op;

        impl Operation for $op {
            const SIGNATURE: Signature =
                Signature { name: $name, summary: $summary, params: &[Param::new("x", Kind::Tensor)] };

            fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
                Ok((Self, call.input()?))
            }

            fn arguments(&self) -> Vec<(&'static str, Argument)> {
                Vec::new()
            }
        }
    )+ };
}

plain! {
    Relu6 = "relu6", "x limited to [0, 6]";
    Hardsigmoid = "hardsigmoid", "x / 6 + 1 / 2 limited to [0, 1]";
    Hardswish = "hardswish", "x * hardsigmoid(x)";
    Silu = "silu", "x * sigmoid(x)";
    Sigmoid = "sigmoid", "1 / (1 + exp(-x))";
    Tanh = "tanh", "hyperbolic tangent";
    Mish = "mish", "x * tanh(softplus(x))";
}

/// Ops of one tensor and a number.
macro_rules! with_number {
    ($($op:ident { $field:ident = $default:literal, $doc:literal } = $name:literal, $summary:literal;)+) => { $(
        #[doc = concat!("`", $summary, "`")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $op {
            #[doc = $doc]
            pub $field: f64,
        }

        impl Operation for $op {
            const SIGNATURE: Signature = Signature {
                name: $name,
                summary: $summary,
                params: &[
                    Param::new("x", Kind::Tensor),
                    Param::new(stringify!($field), Kind::Float).or(Default::Float($default)),
                ],
            };

            fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
                let $field = call.float(stringify!($field))?;
                Self::check($field).map_err(|problem| {
                    call.fail_at(FindingId::ArgumentValue, stringify!($field), problem)
                })?;
                Ok((Self { $field }, call.input()?))
            }

            fn arguments(&self) -> Vec<(&'static str, Argument)> {
                vec![(stringify!($field), Argument::Float(self.$field))]
            }
        }
    )+ };
}

with_number! {
    LeakyRelu { negative_slope = 0.01, "Finite." } = "leaky_relu", "x, or negative_slope * x where x is negative";
    Elu { alpha = 1.0, "Finite." } = "elu", "x, or alpha * (exp(x) - 1) where x is negative";
    Softplus { beta = 1.0, "Positive." } = "softplus", "log(1 + exp(beta * x)) / beta";
}

impl LeakyRelu {
    fn check(_: f64) -> Result<(), String> {
        Ok(())
    }
}

impl Elu {
    fn check(_: f64) -> Result<(), String> {
        Ok(())
    }
}

impl Softplus {
    fn check(beta: f64) -> Result<(), String> {
        if beta > 0.0 { Ok(()) } else { Err(format!("is {beta:?}; it must be positive")) }
    }
}

/// `x · Φ(x)`, Φ the normal distribution function or its approximation.
#[derive(Clone, Debug, PartialEq)]
pub struct Gelu {
    /// PyTorch's `approximate = "tanh"`.
    pub approximate_tanh: bool,
}

impl Operation for Gelu {
    const SIGNATURE: Signature = Signature {
        name: "gelu",
        summary: "x times the normal distribution function of x; approximate_tanh for approximate = \"tanh\"",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("approximate_tanh", Kind::Bool).or(Default::Bool(false)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        Ok((Self { approximate_tanh: call.bool("approximate_tanh")? }, call.input()?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("approximate_tanh", Argument::Bool(self.approximate_tanh))]
    }
}

/// `x`, or `weight · x` where it is negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Prelu {
    /// `[1]`, or `[C]` for axis 1.
    pub weight: WeightRef,
}

impl Operation for Prelu {
    const SIGNATURE: Signature = Signature {
        name: "prelu",
        summary: "x, or weight * x where x is negative; weight is [1], or [C] for the channels of axis 1",
        params: &[Param::new("x", Kind::Tensor), Param::new("weight", Kind::Weight)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let weight = call.weight("weight")?;
        let shape = call.input()?;
        if weight.shape != [1] {
            let Some(channels) = shape.axis(1) else {
                return Err(call.mismatch(format!("needs an input of 2 axes or more, not {shape}")));
            };
            call.expect_shape("weight", &weight, &[channels])?;
        }
        Ok((Self { weight }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("weight", self.weight.clone().into())]
    }
}

/// `x` limited to `[min_val, max_val]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hardtanh {
    /// Finite.
    pub min_val: f64,
    /// Finite, above `min_val`.
    pub max_val: f64,
}

impl Operation for Hardtanh {
    const SIGNATURE: Signature = Signature {
        name: "hardtanh",
        summary: "x limited to [min_val, max_val]",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("min_val", Kind::Float).or(Default::Float(-1.0)),
            Param::new("max_val", Kind::Float).or(Default::Float(1.0)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let (min_val, max_val) = (call.float("min_val")?, call.float("max_val")?);
        if min_val >= max_val {
            let message = format!("is {max_val:?}, not above `min_val` = {min_val:?}");
            return Err(call.fail_at(FindingId::ArgumentValue, "max_val", message));
        }
        Ok((Self { min_val, max_val }, call.input()?))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("min_val", Argument::Float(self.min_val)), ("max_val", Argument::Float(self.max_val))]
    }
}

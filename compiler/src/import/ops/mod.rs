//! The ops that a graph file can use, PyTorch's semantics and defaults.
//!
//! An op is one `impl Operation`: its signature, what it needs of its inputs and weights, the shape it makes, and how it
//! is written back. The table at the end of this file lists them all.

mod activation;
mod arithmetic;
mod call;
mod conv;
mod head;
mod layout;
mod linear;
mod norm;
mod pointwise;
mod pool;
mod reduce;
mod shape;
mod signature;
mod window;

pub use activation::{
    Elu, Gelu, Hardsigmoid, Hardswish, Hardtanh, LeakyRelu, Mish, Prelu, Relu6, Sigmoid, Silu, Softplus, Tanh,
};
pub use arithmetic::{Add, Div, Mul, Operand, Sub};
pub use call::{Bound, Call};
pub use conv::{Conv, ConvTranspose};
pub use head::{Argmax, LogSoftmax, Softmax};
pub use layout::{Permute, Reshape, UpsampleNearest};
pub use linear::Linear;
pub use norm::{BatchNorm, Normalize};
pub use pointwise::{Clamp, Dropout, Identity, Relu};
pub use pool::{AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, MaxPool};
pub use reduce::{Amax, Mean};
pub use shape::{Concat, Flatten, Pad, Slice};
pub use signature::{Argument, Default, Kind, Param, Signature};

use super::graph::{Shape, WeightRef};
use crate::diagnostic::Reported;

/// An op of the graph language.
trait Operation: Sized {
    const SIGNATURE: Signature;

    /// Checks a call against its inputs' shapes and resolves it.
    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported>;

    /// Every argument but the tensors, by parameter name, in the order of the signature; absent ones left out.
    fn arguments(&self) -> Vec<(&'static str, Argument)>;
}

macro_rules! ops {
    ($($op:ident $(= $generic:ident<$axes:literal>)?)+) => {
        $($(
            #[doc = concat!("[`", stringify!($generic), "`] over as many spatial axes.")]
            pub type $op = $generic<$axes>;
        )?)+


        /// What a node does, every field resolved.
        #[derive(Clone, Debug, PartialEq)]
        pub enum TorchOp {
            $(#[doc = concat!("See [`", stringify!($op), "`].")] $op($op),)+
        }

        impl TorchOp {
            /// The op's name and parameters.
            pub fn signature(&self) -> &'static Signature {
                match self { $(Self::$op(_) => &$op::SIGNATURE,)+ }
            }

            /// Every argument but the tensors, by parameter name, in the order of the signature; absent ones left out.
            pub fn arguments(&self) -> Vec<(&'static str, Argument)> {
                match self { $(Self::$op(op) => op.arguments(),)+ }
            }

            /// The weights, by parameter name.
            pub fn weights(&self) -> Vec<(&'static str, WeightRef)> {
                let arguments = self.arguments().into_iter();
                let weights = arguments.filter_map(|(name, argument)| match argument {
                    Argument::Weight(weight) => Some((name, weight)),
                    _ => None,
                });
                weights.collect()
            }
        }

        /// An entry of the list of ops.
        pub struct OpEntry {
            /// The op's name and parameters.
            pub signature: &'static Signature,
            pub(super) build: fn(&mut Call<'_>) -> Result<(TorchOp, Shape), Reported>,
        }

        /// Every op, in the order of the documentation.
        pub const OPS: &[OpEntry] = &[$(OpEntry {
            signature: &$op::SIGNATURE,
            build: |call| $op::build(call).map(|(op, shape)| (TorchOp::$op(op), shape)),
        },)+];
    };
}

ops! {
    Conv1d = Conv<1> Conv2d = Conv<2> Conv3d = Conv<3>
    ConvTranspose1d = ConvTranspose<1> ConvTranspose2d = ConvTranspose<2> ConvTranspose3d = ConvTranspose<3>
    Linear BatchNorm Normalize
    Relu Clamp Relu6 Hardtanh
    LeakyRelu Prelu Elu Hardsigmoid Hardswish Silu Gelu Sigmoid Tanh Softplus Mish
    Add Sub Mul Div Dropout Identity
    MaxPool1d = MaxPool<1> MaxPool2d = MaxPool<2> MaxPool3d = MaxPool<3>
    AvgPool1d = AvgPool<1> AvgPool2d = AvgPool<2> AvgPool3d = AvgPool<3>
    AdaptiveAvgPool1d = AdaptiveAvgPool<1> AdaptiveAvgPool2d = AdaptiveAvgPool<2> AdaptiveAvgPool3d = AdaptiveAvgPool<3>
    AdaptiveMaxPool1d = AdaptiveMaxPool<1> AdaptiveMaxPool2d = AdaptiveMaxPool<2> AdaptiveMaxPool3d = AdaptiveMaxPool<3>
    Mean Amax
    Flatten Reshape Permute Concat Slice Pad UpsampleNearest
    Softmax LogSoftmax Argmax
}

/// Arguments that every op takes: its layer's name, and the line of the program that it was recorded from.
pub const OF_EVERY_OP: &[&str] = &["name", "at"];

const NO_SUCH_CURVE: &str =
    "train the network with another activation: relu, leaky_relu, elu, silu, gelu, mish, tanh";

/// What to write instead of names that PyTorch users reach for.
pub const REMEDIES: &[(&str, &str)] = &[
    ("selu", "write `elu(%x, alpha = 1.6732632423543772)` and `mul(%y, 1.0507009873554805)`"),
    ("celu", NO_SUCH_CURVE),
    ("softsign", NO_SUCH_CURVE),
    ("tanhshrink", NO_SUCH_CURVE),
    ("hardshrink", NO_SUCH_CURVE),
    ("softshrink", NO_SUCH_CURVE),
    ("threshold", NO_SUCH_CURVE),
    ("glu", NO_SUCH_CURVE),
    (
        "rrelu",
        "write `leaky_relu(%x, negative_slope = …)` with the mean of its two slopes, as PyTorch does at inference",
    ),
    ("logsigmoid", "write `mul(%x, -1)`, `softplus(%y)` and `mul(%z, -1)`"),
    ("swish", "write `silu(%x)`"),
    ("cat", "write `concat(%a, %b, dim = 1)`"),
    ("view", "write `reshape(%x, shape = [...])` with the sizes of axes 1 and up"),
    ("squeeze", "write `reshape(%x, shape = [...])` with the sizes of axes 1 and up"),
    ("unsqueeze", "write `reshape(%x, shape = [...])` with the sizes of axes 1 and up"),
    ("transpose", "write `permute(%x, dims = [...])` with all axes"),
    ("interpolate", "write `upsample_nearest(%x, size = [...])`; other modes are not supported"),
    ("softmin", "write `mul(%x, -1)` and `softmax(%y, dim = …)`"),
    ("max", "write `argmax(%x, dim = …)` for the index of the largest value"),
];

/// The op of a name.
pub fn op(name: &str) -> Option<&'static OpEntry> {
    OPS.iter().find(|entry| entry.signature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_consistent() {
        for (position, OpEntry { signature, .. }) in OPS.iter().enumerate() {
            assert!(OPS[..position].iter().all(|other| other.signature.name != signature.name));
            assert!(matches!(signature.params[0].kind, Kind::Tensor | Kind::Tensors), "{signature}");
            for (position, param) in signature.params.iter().enumerate() {
                assert!(!OF_EVERY_OP.contains(&param.name), "{signature}: every op has `{}`", param.name);
                assert_eq!(
                    signature.param(param.name).unwrap().0,
                    position,
                    "{signature}: {} twice",
                    param.name
                );
                if let Default::SameAs(other) = param.default {
                    assert_eq!(signature.param(other).unwrap().1.kind, param.kind, "{signature}");
                }
            }
        }
        for (name, _) in REMEDIES {
            assert!(op(name).is_none(), "{name} is an op");
        }
    }

    #[test]
    fn signatures_read_like_calls() {
        let all: Vec<_> =
            OPS.iter().map(|op| format!("{}\n    {}", op.signature, op.signature.summary)).collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}

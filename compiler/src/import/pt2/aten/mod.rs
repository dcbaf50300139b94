//! ATen's ops, and what each becomes in the graph language: one small function for each op or family.
//!
//! A function reads its arguments by the names of ATen's schema through [`Call`]; an argument that it does not look at refuses
//! the op, so that nothing is dropped in silence. What is not in [`TABLE`] is refused, with a remedy where there is one.

mod arithmetic;
mod constants;
mod dense;
mod movement;
mod pointwise;
mod reduce;
mod refused;
mod split;
mod window;

use super::call::{Call, Outcome, Refusal};
use super::schema::{Argument, Node};

pub(super) use refused::refusal;

/// The op of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op<'p> {
    /// `aten.add_.Tensor`
    pub(super) name: &'p str,
    /// `add`
    pub(super) base: &'p str,
    /// `add_`
    spelled: &'p str,
    /// `Tensor`
    pub(super) overload: &'p str,
    /// Whether the name says that the input is changed.
    pub(super) in_place: bool,
}

impl<'p> Op<'p> {
    pub(super) fn parse(target: &'p str) -> Self {
        let name = target.strip_prefix("torch.ops.").unwrap_or(target);
        let mut parts = name.splitn(3, '.');
        let (space, spelled, overload) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        // Ops of other libraries are none of ours, whatever they are called.
        let spelled = if space == "aten" { spelled } else { name };
        let stripped = spelled.strip_suffix('_').filter(|base| space == "aten" && !base.ends_with('_'));
        Self { name, base: stripped.unwrap_or(spelled), spelled, overload, in_place: stripped.is_some() }
    }
}

type Translate = fn(&mut Call<'_, '_>) -> Result<Outcome, Refusal>;

/// An op that is translated.
pub(super) struct Entry {
    name: &'static str,
    /// What it becomes, for the documentation.
    becomes: &'static str,
    pub(super) translate: Translate,
    /// Whether the form with an underscore means the same, written into the input.
    pub(super) in_place: bool,
}

/// The entry of an op, and whether it changes its input.
pub(super) fn entry(op: &Op<'_>) -> Option<(&'static Entry, bool)> {
    let find = |name: &str| TABLE.iter().find(|entry| entry.name == name);
    match find(op.spelled) {
        Some(entry) => Some((entry, false)),
        None => find(op.base).filter(|_| op.in_place).map(|entry| (entry, true)),
    }
}

/// Every ATen op that is translated, with what it becomes.
pub fn supported() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|entry| (entry.name, entry.becomes))
}

/// Checks that PyTorch adds; they compute nothing that anything reads.
const ASSERTIONS: &[&str] = &[
    "_assert_tensor_metadata",
    "_assert_scalar",
    "_assert_async",
    "sym_constrain_range",
    "sym_constrain_range_for_size",
];

/// Whether a node without tensors as results is a check, or arithmetic on sizes. Sizes of results stand in the archive.
pub(super) fn computes_nothing(op: &Op<'_>, node: &Node) -> bool {
    if op.name.starts_with("aten.") {
        return ASSERTIONS.contains(&op.spelled) || op.base.starts_with("sym_") && !node.outputs.is_empty();
    }
    let is_size = |argument: &Argument| {
        matches!(
            argument,
            Argument::AsSymInt(_)
                | Argument::AsSymBool(_)
                | Argument::AsSymFloat(_)
                | Argument::AsInt(_)
                | Argument::AsBool(_)
                | Argument::AsFloat(_)
        )
    };
    !node.outputs.is_empty()
        && node.outputs.iter().all(is_size)
        && node.inputs.iter().all(|input| is_size(&input.arg))
}

/// Ops whose result is an index, an integer that only an output may be.
pub(super) fn gives_indices(op: &Op<'_>) -> bool {
    op.base == "argmax"
}

macro_rules! table {
    ($($name:literal => $becomes:literal, $translate:path $(, $in_place:ident)?;)+) => {
        const TABLE: &[Entry] = &[$(Entry {
            name: $name,
            becomes: $becomes,
            translate: $translate,
            in_place: table!(@in_place $($in_place)?),
        },)+];
    };
    (@in_place) => { false };
    (@in_place in_place) => { true };
}

table! {
    "conv1d" => "conv1d", dense::convolution;
    "conv2d" => "conv2d", dense::convolution;
    "conv3d" => "conv3d", dense::convolution;
    "conv_transpose1d" => "conv_transpose1d", dense::transposed_convolution;
    "conv_transpose2d" => "conv_transpose2d", dense::transposed_convolution;
    "conv_transpose3d" => "conv_transpose3d", dense::transposed_convolution;
    "convolution" => "conv1d/2d/3d, conv_transpose1d/2d/3d", dense::any_convolution;
    "linear" => "linear", dense::linear;
    "addmm" => "linear", dense::addmm;
    "mm" => "linear", dense::matmul;
    "matmul" => "linear", dense::matmul;
    "batch_norm" => "batch_norm", dense::batch_norm;
    "_native_batch_norm_legit_no_training" => "batch_norm", dense::native_batch_norm;

    "relu" => "relu", pointwise::relu, in_place;
    "relu6" => "clamp", pointwise::relu6, in_place;
    "clamp" => "clamp", pointwise::clamp, in_place;
    "clip" => "clamp", pointwise::clamp, in_place;
    "clamp_min" => "clamp", pointwise::clamp, in_place;
    "clamp_max" => "clamp", pointwise::clamp, in_place;
    "hardtanh" => "clamp", pointwise::hardtanh, in_place;
    "threshold" => "relu", pointwise::threshold, in_place;
    "leaky_relu" => "leaky_relu", pointwise::leaky_relu, in_place;
    "rrelu" => "leaky_relu", pointwise::rrelu, in_place;
    "elu" => "elu", pointwise::elu, in_place;
    "selu" => "elu, mul", pointwise::selu, in_place;
    "celu" => "elu, mul, div", pointwise::celu, in_place;
    "prelu" => "prelu", pointwise::prelu;
    "hardsigmoid" => "hardsigmoid", pointwise::unary, in_place;
    "hardswish" => "hardswish", pointwise::unary, in_place;
    "silu" => "silu", pointwise::unary, in_place;
    "sigmoid" => "sigmoid", pointwise::unary, in_place;
    "tanh" => "tanh", pointwise::unary, in_place;
    "mish" => "mish", pointwise::unary, in_place;
    "gelu" => "gelu", pointwise::gelu, in_place;
    "softplus" => "softplus", pointwise::softplus;
    "dropout" => "(nothing, in inference)", pointwise::dropout, in_place;
    "feature_dropout" => "(nothing, in inference)", pointwise::dropout, in_place;
    "alpha_dropout" => "(nothing, in inference)", pointwise::dropout, in_place;
    "feature_alpha_dropout" => "(nothing, in inference)", pointwise::dropout, in_place;
    "native_dropout" => "(nothing, in inference)", pointwise::native_dropout;

    "add" => "add", arithmetic::add, in_place;
    "sub" => "sub", arithmetic::sub, in_place;
    "rsub" => "mul, add", arithmetic::rsub;
    "mul" => "mul", arithmetic::mul, in_place;
    "div" => "div", arithmetic::div, in_place;
    "neg" => "mul", arithmetic::neg, in_place;

    "max_pool1d" => "max_pool1d", window::max_pool;
    "max_pool2d" => "max_pool2d", window::max_pool;
    "max_pool3d" => "max_pool3d", window::max_pool;
    "max_pool1d_with_indices" => "max_pool1d", window::max_pool;
    "max_pool2d_with_indices" => "max_pool2d", window::max_pool;
    "max_pool3d_with_indices" => "max_pool3d", window::max_pool;
    "avg_pool1d" => "avg_pool1d", window::avg_pool;
    "avg_pool2d" => "avg_pool2d", window::avg_pool;
    "avg_pool3d" => "avg_pool3d", window::avg_pool;
    "adaptive_avg_pool1d" => "adaptive_avg_pool1d", window::adaptive_pool;
    "adaptive_avg_pool2d" => "adaptive_avg_pool2d", window::adaptive_pool;
    "adaptive_avg_pool3d" => "adaptive_avg_pool3d", window::adaptive_pool;
    "_adaptive_avg_pool2d" => "adaptive_avg_pool2d", window::adaptive_pool;
    "_adaptive_avg_pool3d" => "adaptive_avg_pool3d", window::adaptive_pool;
    "adaptive_max_pool1d" => "adaptive_max_pool1d", window::adaptive_pool;
    "adaptive_max_pool2d" => "adaptive_max_pool2d", window::adaptive_pool;
    "adaptive_max_pool3d" => "adaptive_max_pool3d", window::adaptive_pool;
    "upsample_nearest1d" => "upsample_nearest", window::upsample_nearest;
    "upsample_nearest2d" => "upsample_nearest", window::upsample_nearest;
    "upsample_nearest3d" => "upsample_nearest", window::upsample_nearest;

    "mean" => "mean", reduce::mean;
    "sum" => "mean, mul", reduce::sum;
    "amax" => "amax", reduce::amax;
    "max" => "amax", reduce::max;
    "softmax" => "softmax", reduce::softmax;
    "_softmax" => "softmax", reduce::softmax;
    "log_softmax" => "log_softmax", reduce::softmax;
    "_log_softmax" => "log_softmax", reduce::softmax;
    "argmax" => "argmax", reduce::argmax;

    "cat" => "concat", movement::cat;
    "concat" => "concat", movement::cat;
    "concatenate" => "concat", movement::cat;
    "stack" => "reshape, concat", movement::stack;
    "flatten" => "flatten, reshape", movement::reshape;
    "view" => "flatten, reshape", movement::reshape;
    "_unsafe_view" => "flatten, reshape", movement::reshape;
    "reshape" => "flatten, reshape", movement::reshape;
    "view_as" => "flatten, reshape", movement::reshape;
    "reshape_as" => "flatten, reshape", movement::reshape;
    "unflatten" => "reshape", movement::reshape;
    "squeeze" => "flatten, reshape", movement::reshape;
    "unsqueeze" => "reshape", movement::reshape;
    "permute" => "permute", movement::permute;
    "transpose" => "permute", movement::transpose;
    "swapaxes" => "permute", movement::transpose;
    "swapdims" => "permute", movement::transpose;
    "movedim" => "permute", movement::movedim;
    "moveaxis" => "permute", movement::movedim;
    "t" => "(weights only)", movement::t;
    "numpy_T" => "(weights only)", movement::t;
    "pixel_shuffle" => "reshape, permute", movement::pixel_shuffle;
    "pixel_unshuffle" => "reshape, permute", movement::pixel_unshuffle;
    "channel_shuffle" => "reshape, permute", movement::channel_shuffle;
    "native_channel_shuffle" => "reshape, permute", movement::channel_shuffle;
    "pad" => "pad, slice", movement::pad;
    "constant_pad_nd" => "pad, slice", movement::pad;
    "expand" => "(shape unchanged, or constants)", movement::expand;
    "expand_as" => "(shape unchanged, or constants)", movement::expand;

    "slice" => "slice", split::slice;
    "narrow" => "slice", split::narrow;
    "select" => "slice, reshape", split::select;
    "index_select" => "slice, concat", split::index_select;
    "index" => "slice, concat", split::index;
    "split" => "slice", split::split;
    "split_with_sizes" => "slice", split::split;
    "chunk" => "slice", split::split;
    "tensor_split" => "slice", split::split;
    "unbind" => "slice, reshape", split::unbind;

    "alias" => "(nothing)", movement::same;
    "detach" => "(nothing)", movement::same;
    "detach_" => "(nothing)", movement::same;
    "lift_fresh_copy" => "(nothing)", movement::copy;
    "lift_fresh" => "(nothing)", movement::same;
    "clone" => "(nothing)", movement::copy;
    "contiguous" => "(nothing)", movement::maybe_copy;
    "to" => "(nothing; float32 and bytes only)", movement::maybe_copy;
    "type_as" => "(nothing; float32 and bytes only)", movement::maybe_copy;
    "_to_copy" => "(nothing; float32 and bytes only)", movement::copy;

    "zeros" => "(constants)", constants::filled;
    "ones" => "(constants)", constants::filled;
    "full" => "(constants)", constants::filled;
    "scalar_tensor" => "(constants)", constants::filled;
    "zeros_like" => "(constants)", constants::filled;
    "ones_like" => "(constants)", constants::filled;
    "full_like" => "(constants)", constants::filled;
    "arange" => "(constants)", constants::arange;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let op = Op::parse("torch.ops.aten.add_.Tensor");
        assert_eq!((op.name, op.base, op.overload, op.in_place), ("aten.add_.Tensor", "add", "Tensor", true));
        let op = Op::parse("torch.ops.aten.__and__.Tensor");
        assert_eq!((op.base, op.in_place), ("__and__", false));
        let op = Op::parse("torch.ops.quantized.add.default");
        assert_eq!((op.base, op.in_place), ("quantized.add.default", false));
        assert!(entry(&op).is_none());
        assert!(!entry(&Op::parse("torch.ops.aten.detach_.default")).unwrap().1);
        assert!(entry(&Op::parse("torch.ops.aten.relu_.default")).unwrap().1);
    }

    #[test]
    fn every_op_stands_once_in_the_table() {
        let mut seen = std::collections::HashSet::new();
        assert!(TABLE.iter().all(|entry| seen.insert(entry.name)));
    }
}

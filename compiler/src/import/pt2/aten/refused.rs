//! What is not translated, with a remedy where there is one.

use super::super::call::{Call, Refusal};

const RECURRENT: &str = "recurrent layers have no exact spiking form: use convolutions over time (`torch.nn.Conv1d`), or unroll outside \
                         of the network";
const ATTENTION: &str = "attention multiplies activations with each other, which has no exact spiking form: use convolutions, or fixed \
                         mixing layers (MLP-Mixer)";
const NORM: &str = "its statistics depend on the sample, so it cannot be folded into weights: train with `torch.nn.BatchNorm1d/2d/3d`";
const PRODUCT: &str = "a spiking layer weighs its inputs with constants only; train the network without products of activations";
const EMBEDDING: &str = "look the embedding up outside of the network, and export what follows it";
const DATA_DEPENDENT: &str = "control flow and shapes that depend on data cannot be recorded: compute with all values, or decide outside of \
                              the network";
const CONTROL_FLOW: &str = "write both branches out, or decide outside of the network; `torch.no_grad()` belongs around the network, not \
                            into `forward`";
const SMOOTH: &str = "the activations are relu, clamp, leaky_relu, elu, hardsigmoid, hardswish, silu, gelu, sigmoid, tanh, softplus, \
                      mish and prelu: train with one of them";
const INTERPOLATION: &str = "interpolate with `mode=\"nearest\"`, or use a transposed convolution";
const RANDOM: &str = "randomness has no place in inference: call `model.eval()`";
const PADDING: &str = "pad with zeros: `padding_mode=\"zeros\"`, `torch.nn.ZeroPad2d`";
const CONSTANT: &str =
    "compute it in the network's constructor, and keep it: `self.register_buffer(\"name\", tensor)`";
const COMPARISON: &str = "steps and masks have no exact spiking form: use `relu` or `clamp`";
const IN_PLACE: &str =
    "build the tensor with `torch.cat` or `torch.nn.functional.pad` instead of writing into it";

/// Remedies by the op's name, or by what it begins with where that ends in `*`.
const REMEDIES: &[(&str, &str)] = &[
    ("lstm*", RECURRENT),
    ("gru*", RECURRENT),
    ("rnn_*", RECURRENT),
    ("_thnn_fused*", RECURRENT),
    ("mkldnn_rnn_layer", RECURRENT),
    ("scaled_dot_product_attention", ATTENTION),
    ("_scaled_dot_product*", ATTENTION),
    ("_native_multi_head_attention", ATTENTION),
    ("layer_norm", NORM),
    ("native_layer_norm", NORM),
    ("group_norm", NORM),
    ("native_group_norm", NORM),
    ("instance_norm", NORM),
    ("rms_norm", NORM),
    ("_fused_rms_norm", NORM),
    ("local_response_norm", NORM),
    ("native_batch_norm", NORM),
    ("_native_batch_norm_legit", NORM),
    ("_native_batch_norm_legit_functional", NORM),
    ("linalg_vector_norm", NORM),
    ("norm", NORM),
    ("var*", NORM),
    ("std*", NORM),
    ("einsum", PRODUCT),
    ("bmm", PRODUCT),
    ("baddbmm", PRODUCT),
    ("dot", PRODUCT),
    ("outer", PRODUCT),
    ("bilinear", PRODUCT),
    ("glu", PRODUCT),
    ("pow", PRODUCT),
    ("square", PRODUCT),
    ("addcmul", PRODUCT),
    ("addcdiv", PRODUCT),
    ("reciprocal", PRODUCT),
    ("cdist", PRODUCT),
    ("cosine_similarity", PRODUCT),
    ("prod", PRODUCT),
    ("embedding", EMBEDDING),
    ("embedding_bag", EMBEDDING),
    ("_embedding_bag", EMBEDDING),
    ("item", DATA_DEPENDENT),
    ("_local_scalar_dense", DATA_DEPENDENT),
    ("nonzero", DATA_DEPENDENT),
    ("masked_select", DATA_DEPENDENT),
    ("unique*", DATA_DEPENDENT),
    ("higher_order.*", CONTROL_FLOW),
    ("exp*", SMOOTH),
    ("log", SMOOTH),
    ("log1p", SMOOTH),
    ("log_sigmoid*", SMOOTH),
    ("sqrt", SMOOTH),
    ("rsqrt", SMOOTH),
    ("sin", SMOOTH),
    ("cos", SMOOTH),
    ("erf", SMOOTH),
    ("abs", SMOOTH),
    ("hardshrink", SMOOTH),
    ("softshrink", SMOOTH),
    ("softsign", SMOOTH),
    ("upsample_*", INTERPOLATION),
    ("_upsample_*", INTERPOLATION),
    ("grid_sampler*", INTERPOLATION),
    ("affine_grid_generator", INTERPOLATION),
    ("max_unpool*", INTERPOLATION),
    ("rand*", RANDOM),
    ("bernoulli", RANDOM),
    ("normal*", RANDOM),
    ("reflection_pad*", PADDING),
    ("replication_pad*", PADDING),
    ("_pad_circular", PADDING),
    ("new_zeros", CONSTANT),
    ("new_ones", CONSTANT),
    ("new_full", CONSTANT),
    ("empty*", CONSTANT),
    ("linspace", CONSTANT),
    ("eye", CONSTANT),
    ("repeat*", CONSTANT),
    ("where", COMPARISON),
    ("masked_fill", COMPARISON),
    ("gt", COMPARISON),
    ("lt", COMPARISON),
    ("ge", COMPARISON),
    ("le", COMPARISON),
    ("eq", COMPARISON),
    ("ne", COMPARISON),
    ("sign", COMPARISON),
    ("round", COMPARISON),
    ("floor", COMPARISON),
    ("ceil", COMPARISON),
    ("bitwise_*", COMPARISON),
    ("logical_*", COMPARISON),
    ("topk", COMPARISON),
    ("sort", COMPARISON),
    ("maximum", COMPARISON),
    ("minimum", COMPARISON),
    ("copy_", IN_PLACE),
    ("fill_", IN_PLACE),
    ("zero_", IN_PLACE),
    ("index_put*", IN_PLACE),
    ("slice_scatter", IN_PLACE),
    ("select_scatter", IN_PLACE),
    ("max_pool2d_with_indices_backward", COMPARISON),
];

/// The remedy for an op.
pub(super) fn remedy(spelled: &str) -> Option<&'static str> {
    let base = spelled.strip_suffix('_').unwrap_or(spelled);
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => spelled.starts_with(beginning),
        None => pattern == spelled || pattern == base,
    };
    REMEDIES.iter().find(|(pattern, _)| matches(pattern)).map(|(_, remedy)| *remedy)
}

/// The finding on an op that is not translated.
pub(in super::super) fn refusal(call: &Call<'_, '_>) -> Refusal {
    let help = remedy(call.op.spelled)
        .unwrap_or("express it by ops that are: docs/src/reference/aten.md lists them");
    call.unsupported("is not supported", help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_are_found_by_name_and_by_beginning() {
        assert_eq!(remedy("lstm"), Some(RECURRENT));
        assert_eq!(remedy("higher_order.cond"), Some(CONTROL_FLOW));
        assert_eq!(remedy("index_put_"), Some(IN_PLACE));
        assert_eq!(remedy("exp_"), Some(SMOOTH));
        assert_eq!(remedy("conv_depthwise3d"), None);
    }

    #[test]
    fn no_remedy_is_for_an_op_that_is_translated() {
        for (name, _) in super::super::supported() {
            let exact = REMEDIES.iter().find(|(pattern, _)| *pattern == name);
            assert!(exact.is_none(), "{name}");
        }
    }
}

//! Every op's shape inference and resolved fields.

use super::{assert_round_trip, body, graph, weights};
use crate::import::ops::{Clamp, Operand, Pad, Permute, Reshape, Slice};
use crate::import::{Graph, TorchOp, Weights};

fn some_weights() -> Weights {
    weights(&[
        ("c.weight", &[8, 3, 3, 3]),
        ("c.bias", &[8]),
        ("g.weight", &[6, 1, 5, 3]),
        ("one.weight", &[4, 2, 3]),
        ("three.weight", &[4, 2, 3, 1, 2]),
        ("l.weight", &[10, 12]),
        ("l.bias", &[10]),
        ("b.weight", &[3]),
        ("b.bias", &[3]),
        ("b.running_mean", &[3]),
        ("b.running_var", &[3]),
        ("b.num_batches_tracked", &[]),
        ("k.channels", &[3, 1, 1]),
        ("k.batched", &[1, 3, 1, 1]),
        ("k.one", &[1]),
    ])
}

/// Applies one op to `%x` of shape `input`, and checks its result's shape, and that it can be written and read again.
fn apply(input: &str, call: &str, output: &str) -> TorchOp {
    // Tensors that this op does not use would be extra.
    let all = some_weights();
    let used: Vec<_> = all
        .keys()
        .filter(|key| call.contains(&format!("@{key}")))
        .map(|key| (key, all.get(key).unwrap().shape))
        .collect();
    let weights = weights(&used);
    let text = body(&format!("f32[N, {input}]"), &format!("f32[N, {output}]"), &format!("%y = {call}"));
    let graph: Graph = graph(&text, &weights);
    assert_round_trip(&graph, &weights);
    graph.nodes[0].op.clone()
}

#[test]
fn conv2d() {
    apply("3, 32, 32", "conv2d(%x, @c.weight)", "8, 30, 30");
    apply("3, 32, 32", "conv2d(%x, weight = @c.weight, bias = @c.bias, padding = 1)", "8, 32, 32");
    apply("3, 32, 31", "conv2d(%x, @c.weight, padding = [1, 0], stride = 2)", "8, 16, 15");
    apply("3, 9, 9", "conv2d(%x, @c.weight, dilation = [1, 4])", "8, 7, 1");
    apply("6, 5, 3", "conv2d(%x, @g.weight, groups = 6)", "6, 1, 1");
}

#[test]
fn convolutions_over_one_and_three_axes() {
    apply("2, 9", "conv1d(%x, @one.weight)", "4, 7");
    apply("4, 9", "conv1d(%x, @one.weight, stride = [2], padding = 1, dilation = 3, groups = 2)", "4, 3");
    apply("2, 5, 4, 6", "conv3d(%x, @three.weight, stride = [1, 2, 2], padding = [0, 1, 0])", "4, 3, 3, 3");
}

#[test]
fn transposed_convolutions_grow_as_pytorchs_do() {
    apply("4, 9", "conv_transpose1d(%x, @one.weight)", "2, 11");
    apply(
        "4, 9",
        "conv_transpose1d(%x, @one.weight, stride = 3, padding = 2, output_padding = 1, groups = 2)",
        "4, 24",
    );
    apply("8, 4, 5", "conv_transpose2d(%x, @c.weight, bias = @b.bias, stride = 2, padding = 1)", "3, 7, 9");
    apply("8, 4, 5", "conv_transpose2d(%x, @c.weight, dilation = 3, output_padding = [2, 0])", "3, 12, 11");
    apply("4, 3, 2, 2", "conv_transpose3d(%x, @three.weight, stride = [1, 2, 3])", "2, 5, 3, 5");
}

#[test]
fn pools_over_one_and_three_axes() {
    apply("3, 7", "max_pool1d(%x, 2)", "3, 3");
    apply("3, 7", "max_pool1d(%x, [3], stride = 2, padding = 1, dilation = 2, ceil_mode = true)", "3, 3");
    apply("3, 4, 7, 8", "max_pool3d(%x, [1, 2, 3], padding = [0, 1, 1])", "3, 4, 4, 3");
    apply("3, 7", "avg_pool1d(%x, 3, 2, 1)", "3, 4");
    apply("3, 4, 7, 8", "avg_pool3d(%x, 2, ceil_mode = true, divisor_override = 5)", "3, 2, 4, 4");
    apply("3, 7", "adaptive_avg_pool1d(%x, 5)", "3, 5");
    apply("3, 4, 7, 8", "adaptive_avg_pool3d(%x, [2, 1, 9])", "3, 2, 1, 9");
    apply("3, 7", "adaptive_max_pool1d(%x, 5)", "3, 5");
    apply("3, 7, 8", "adaptive_max_pool2d(%x, 2)", "3, 2, 2");
    apply("3, 4, 7, 8", "adaptive_max_pool3d(%x, [2, 1, 9])", "3, 2, 1, 9");
}

#[test]
fn linear_acts_on_the_last_axis() {
    apply("12", "linear(%x, @l.weight, @l.bias)", "10");
    apply("4, 12", "linear(%x, weight = @l.weight)", "4, 10");
}

#[test]
fn batch_norm() {
    let call = "batch_norm(%x, running_mean = @b.running_mean, running_var = @b.running_var";
    apply("3", &format!("{call})"), "3");
    apply("3, 4, 5", &format!("{call}, weight = @b.weight, bias = @b.bias, eps = 0.001)"), "3, 4, 5");
    let TorchOp::BatchNorm(op) = apply("3, 4", &format!("{call}, eps = 0)"), "3, 4") else { panic!() };
    assert_eq!((op.eps, op.weight), (0.0, None));
}

#[test]
fn max_pool2d() {
    let TorchOp::MaxPool2d(op) = apply("3, 7, 8", "max_pool2d(%x, 2)", "3, 3, 4") else { panic!() };
    assert_eq!((op.kernel, op.stride, op.ceil_mode), ([2, 2], [2, 2], false));
    apply("3, 7, 8", "max_pool2d(%x, kernel = 2, ceil_mode = true)", "3, 4, 4");
    apply("3, 7, 8", "max_pool2d(%x, kernel = [3, 2], stride = 1, padding = 1)", "3, 7, 9");
    apply("3, 7, 8", "max_pool2d(%x, 3, 2, 1, 2)", "3, 3, 3");
}

#[test]
fn average_pools() {
    apply("3, 7, 8", "avg_pool2d(%x, 2)", "3, 3, 4");
    // The last window would begin behind the input, so ceil mode drops it.
    apply(
        "3, 5, 4",
        "avg_pool2d(%x, [2, 1], stride = [3, 2], padding = [1, 0], ceil_mode = true)",
        "3, 2, 2",
    );
    apply(
        "3, 7, 8",
        "avg_pool2d(%x, kernel = 3, stride = 2, padding = 1, count_include_pad = false)",
        "3, 4, 4",
    );
    apply("3, 7, 8", "adaptive_avg_pool2d(%x, 1)", "3, 1, 1");
    apply("3, 7, 8", "adaptive_avg_pool2d(%x, output_size = [3, 5])", "3, 3, 5");
}

#[test]
fn mean() {
    apply("3, 7, 8", "mean(%x, dims = [-1, 2])", "3");
    apply("3, 7, 8", "mean(%x, dims = 1, keepdim = true)", "1, 7, 8");
    apply("3, 7, 8", "amax(%x, dims = [-1, 2])", "3");
    apply("3, 7, 8", "amax(%x, dims = 1, keepdim = true)", "1, 7, 8");
}

#[test]
fn values_alone_keep_their_shape() {
    for call in
        ["relu(%x)", "identity(%x)", "dropout(%x)", "dropout(%x, p = 0.25)", "mul(%x, -2)", "add(%x, 1e-3)"]
    {
        apply("2, 3", call, "2, 3");
    }
    for call in [
        "relu6(%x)",
        "hardtanh(%x, max_val = 2)",
        "leaky_relu(%x, negative_slope = 0.2)",
        "prelu(%x, @b.weight)",
        "elu(%x, 0.5)",
        "hardsigmoid(%x)",
        "hardswish(%x)",
        "silu(%x)",
        "gelu(%x, approximate_tanh = true)",
        "sigmoid(%x)",
        "tanh(%x)",
        "softplus(%x, beta = 2)",
        "mish(%x)",
    ] {
        apply("3, 2", call, "3, 2");
    }
    let TorchOp::Add(op) = apply("2, 3", "add(%x, %x)", "2, 3") else { panic!() };
    assert_eq!(op.y, Operand::Tensor);
    let TorchOp::Clamp(op) = apply("2, 3", "clamp(%x, min = -inf, max = 6)", "2, 3") else { panic!() };
    assert_eq!(op, Clamp { min: None, max: Some(6.0) });
    apply("2, 3", "clamp(%x, 0, 1)", "2, 3");
}

#[test]
fn normalize() {
    let TorchOp::Normalize(op) =
        apply("3, 2, 2", "normalize(%x, scale = 0.5, mean = 0.25, std = [1, 2, 3])", "3, 2, 2")
    else {
        panic!()
    };
    assert_eq!((op.scale, op.mean, op.std), (0.5, vec![0.25; 3], vec![1.0, 2.0, 3.0]));
    apply("3, 2, 2", "normalize(%x)", "3, 2, 2");
}

#[test]
fn heads() {
    apply("3, 7", "softmax(%x, dim = -1)", "3, 7");
    apply("3, 7", "log_softmax(%x, 1)", "3, 7");
    apply("3, 7", "argmax(%x, dim = 1)", "7");
    apply("3, 7", "argmax(%x, dim = 2, keepdim = true)", "3, 1");
}

#[test]
fn flatten_and_concat() {
    apply("3, 7, 8", "flatten(%x)", "168");
    apply("3, 7, 8", "flatten(%x, start_dim = -2)", "3, 56");
    apply("3, 7, 8", "flatten(%x, 1, 2)", "21, 8");
    apply("3, 7, 8", "concat(%x, %x, %x)", "9, 7, 8");
    apply("3, 7, 8", "concat(%x, %x, dim = -1)", "3, 7, 16");
}

#[test]
fn layouts() {
    let reshape = |call: &str, output: &str| {
        let TorchOp::Reshape(Reshape { shape }) = apply("3, 4, 2", call, output) else { panic!() };
        shape
    };
    assert_eq!(reshape("reshape(%x, shape = [-1, 6])", "4, 6"), [4, 6]);
    assert_eq!(reshape("reshape(%x, -1)", "24"), [24]);
    assert_eq!(reshape("reshape(%x, [2, 3, 2, 2])", "2, 3, 2, 2"), [2, 3, 2, 2]);
    let TorchOp::Permute(op) = apply("3, 4, 2", "permute(%x, dims = [0, -1, 1, 2])", "2, 3, 4") else {
        panic!()
    };
    assert_eq!(op, Permute { dims: vec![0, 3, 1, 2] });
    apply("3, 4", "permute(%x, [0, 2, 1])", "4, 3");
    apply("3, 4, 2", "upsample_nearest(%x, size = [8, 3])", "3, 8, 3");
    apply("3, 4, 2", "upsample_nearest(%x, 5)", "3, 5, 5");
    apply("3, 4", "upsample_nearest(%x, 8)", "3, 8");
}

#[test]
fn constants_are_repeated_as_pytorch_does() {
    let sample = |input: &str, call: &str| {
        let y = match apply(input, call, input) {
            TorchOp::Add(op) => op.y,
            TorchOp::Sub(op) => op.y,
            TorchOp::Mul(op) => op.y,
            TorchOp::Div(op) => op.y,
            _ => panic!(),
        };
        let Operand::Weight { sample, .. } = y else { panic!() };
        sample
    };
    assert_eq!(sample("3", "add(%x, @b.weight)"), [3]);
    assert_eq!(sample("4, 3", "sub(%x, @b.weight)"), [1, 3]);
    assert_eq!(sample("3, 2, 2", "mul(%x, y = @k.channels)"), [3, 1, 1]);
    assert_eq!(sample("3, 2, 2", "div(%x, @k.batched)"), [3, 1, 1]);
    assert_eq!(sample("2, 2", "mul(%x, @k.one)"), [1, 1]);
    for call in ["sub(%x, 1)", "div(%x, 255)", "sub(%x, %x)"] {
        apply("2, 3", call, "2, 3");
    }
}

#[test]
fn slice_follows_python() {
    let field = |call: &str, output: &str| {
        let TorchOp::Slice(Slice { start, end, step, .. }) = apply("4, 9", call, output) else { panic!() };
        (start, end, step)
    };
    assert_eq!(field("slice(%x, dim = 2, step = 2)", "4, 5"), (0, 9, 2));
    assert_eq!(field("slice(%x, dim = -1, start = -3, end = 9223372036854775807)", "4, 3"), (6, 9, 1));
    assert_eq!(field("slice(%x, 2, 1, -1, 3)", "4, 3"), (1, 8, 3));
    assert_eq!(field("slice(%x, 1, start = -9223372036854775808, end = 1)", "1, 9"), (0, 1, 1));
    assert_eq!(field("slice(%x, 2, step = 9223372036854775807)", "4, 1").2, i64::MAX);
}

#[test]
fn pad_runs_from_the_last_axis() {
    let TorchOp::Pad(op) = apply("4, 9", "pad(%x, padding = [1, 2])", "4, 12") else { panic!() };
    assert_eq!(op, Pad { padding: vec![[0, 0], [1, 2]], value: 0.0 });
    apply("4, 9", "pad(%x, [0, 0, 3, 4], value = -1.5)", "11, 9");
    apply("4, 9", "pad(%x, padding = [0, 0, 3, 4, 0, 0])", "11, 9");
    apply("4, 9", "pad(%x, padding = [])", "4, 9");
}

#[test]
fn every_op_is_applied_here() {
    let tests = include_str!("shapes.rs");
    for entry in crate::import::ops::OPS {
        assert!(tests.contains(&format!("{}(%x", entry.signature.name)), "{}", entry.signature.name);
    }
}

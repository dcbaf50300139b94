//! Each op of `torch` by itself: what it becomes, and that it computes the same.

use crate::passes::testing::{check, dense, locations, network};
use proptest::prelude::*;

const IMAGE: &str = "tensor<?x2x5x6xf32>";

/// The result of the pass on a network of `body`.
fn lowered(argument: &str, body: &str, result: &str) -> String {
    check("lower-torch-to-ann", &[], &network(argument, body, result))
}

/// Names of the ops, without dialect, behind the `ann.normalize` that comes first.
fn ops(text: &str) -> Vec<&str> {
    let names = text.lines().filter_map(|line| line.split('"').nth(1)?.strip_prefix("ann."));
    let mut names = names.collect::<Vec<_>>();
    assert_eq!(names.first(), Some(&"normalize"), "{text}");
    names.remove(0);
    names
}

/// The ops that one op on `%x` becomes.
fn one(op: &str, attributes: &str, argument: &str, result: &str) -> String {
    let body = format!(
        "%r = \"torch.{op}\"(%x) {{{attributes}}} : ({argument}) -> {result} loc(\"layer\"(\"net.ncg\":2:3))"
    );
    lowered(argument, &body, result)
}

fn tensor(shape: &[usize]) -> String {
    format!("tensor<?x{}f32>", shape.iter().map(|size| format!("{size}x")).collect::<String>())
}

#[test]
fn a_network_is_lowered_op_for_op() {
    let body = r#"
        %0 = "torch.normalize"(%x) {scale = 0.5, mean = dense<[0.25]> : tensor<1xf32>, std = dense<[0.5]> : tensor<1xf32>}
          : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32> loc("normalize"("net.ncg":2:3))
        %1 = "torch.convolution"(%0) {weight = dense<2.0> : tensor<1x1x1x1xf32>, bias = dense<1.0> : tensor<1xf32>,
          stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, transposed = false, output_padding = array<i64: 0, 0>}
          : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32> loc("conv"("net.ncg":3:3))
        %2 = "torch.relu"(%1) : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32> loc("relu"("net.ncg":4:3))
        %3 = "torch.batch_norm"(%2) {weight = dense<3.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>,
          running_mean = dense<1.0> : tensor<1xf32>, running_var = dense<3.0> : tensor<1xf32>, eps = 1.0}
          : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32> loc("bn"("net.ncg":5:3))
        %4 = "torch.max_pool"(%3) {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>,
          dilation = array<i64: 1, 1>, ceil_mode = true} : (tensor<?x1x4x4xf32>) -> tensor<?x1x2x2xf32> loc("pool"("net.ncg":6:3))
        %5 = "torch.flatten"(%4) {start_dim = 1 : i64, end_dim = 3 : i64}
          : (tensor<?x1x2x2xf32>) -> tensor<?x4xf32> loc("flatten"("net.ncg":7:3))
        %r = "torch.linear"(%5) {weight = dense<1.0> : tensor<2x4xf32>, bias = dense<0.0> : tensor<2xf32>}
          : (tensor<?x4xf32>) -> tensor<?x2xf32> loc("fc"("net.ncg":8:3))"#;
    let text = network("tensor<?x1x4x4xf32>", body, "tensor<?x2xf32>");
    insta::assert_snapshot!(check("lower-torch-to-ann", &[], &text), @r#"
    module {
      func.func @net(%arg0: tensor<?x1x4x4xf32>) -> tensor<?x2xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<1xf64>, minimum = dense<0xFFF0000000000000> : tensor<1xf64>, multiplier = dense<1.000000e+00> : tensor<1xf64>, offset = dense<-5.000000e-01> : tensor<1xf64>} : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32>
        %1 = "ann.conv"(%0) {bias = dense<1.000000e+00> : tensor<1xf32>, dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>, transposed = false, weight = dense<2.000000e+00> : tensor<1x1x1x1xf32>} : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32>
        %2 = "ann.activation"(%1) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64} : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32>
        %3 = "ann.scale"(%2) {bias = dense<-1.000000e+00> : tensor<1xf32>, weight = dense<1.500000e+00> : tensor<1xf32>} : (tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32>
        %4 = "ann.max_pool2d"(%3) {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : (tensor<?x1x4x4xf32>) -> tensor<?x1x2x2xf32>
        %5 = "ann.reshape"(%4) : (tensor<?x1x2x2xf32>) -> tensor<?x4xf32>
        %6 = "ann.linear"(%5) {bias = dense<0.000000e+00> : tensor<2xf32>, weight = dense<1.000000e+00> : tensor<2x4xf32>} : (tensor<?x4xf32>) -> tensor<?x2xf32>
        return %6 : tensor<?x2xf32>
      }
    }
    "#);
    insta::assert_snapshot!(locations("lower-torch-to-ann", &text), @r#"
    ann.normalize normalize net.ncg:2:3
    ann.conv conv net.ncg:3:3
    ann.activation relu net.ncg:4:3
    ann.scale bn net.ncg:5:3
    ann.max_pool2d pool net.ncg:6:3
    ann.reshape flatten net.ncg:7:3
    ann.linear fc net.ncg:8:3
    func.return func.return -:19:5
    "#);
}

#[test]
fn an_input_with_several_readers_is_normalised_once_by_the_identity() {
    let body = format!(
        r#"
        %0 = "torch.normalize"(%x) {{scale = 0.5, mean = dense<[0.25, 0.5]> : tensor<2xf32>, std = dense<[0.5, 2.0]> : tensor<2xf32>}}
          : ({IMAGE}) -> {IMAGE} loc("norm"("net.ncg":2:3))
        %r = "torch.add"(%0, %x) : ({IMAGE}, {IMAGE}) -> {IMAGE} loc("add"("net.ncg":3:3))"#
    );
    let text = network(&format!("{IMAGE} loc(\"x\"(\"net.ncg\":1:12))"), &body, IMAGE);
    insta::assert_snapshot!(check("lower-torch-to-ann", &[], &text), @r#"
    module {
      func.func @net(%arg0: tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        %1 = "ann.scale"(%0) {bias = dense<[-5.000000e-01, -2.500000e-01]> : tensor<2xf32>, weight = dense<[1.000000e+00, 2.500000e-01]> : tensor<2xf32>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        %2 = "ann.add"(%1, %0) : (tensor<?x2x5x6xf32>, tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        return %2 : tensor<?x2x5x6xf32>
      }
    }
    "#);
    insta::assert_snapshot!(locations("lower-torch-to-ann", &text), @r#"
    ann.normalize input.normalize net.ncg:1:12
    ann.scale norm net.ncg:2:3
    ann.add add net.ncg:3:3
    func.return func.return -:7:5
    "#);
}

#[test]
fn a_network_that_returns_its_input_still_normalises_it() {
    let text = format!("module {{ func.func @net(%x: {IMAGE}) -> {IMAGE} {{ return %x : {IMAGE} }} }}");
    assert!(ops(&check("lower-torch-to-ann", &[], &text)).is_empty());
}

#[test]
fn constants_are_factors_and_biases_of_channels() {
    let add = one("add_scalar", "value = -1.5", "tensor<?x2xf32>", "tensor<?x2xf32>");
    insta::assert_snapshot!(add, @r#"
    module {
      func.func @net(%arg0: tensor<?x2xf32>) -> tensor<?x2xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
        %1 = "ann.scale"(%0) {bias = dense<-1.500000e+00> : tensor<2xf32>, weight = dense<1.000000e+00> : tensor<2xf32>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
        return %1 : tensor<?x2xf32>
      }
    }
    "#);
    let mul = one("mul_scalar", "value = 0.1", "tensor<?x2xf32>", "tensor<?x2xf32>");
    assert_eq!(ops(&mul), ["scale"]);
    assert!(
        mul.contains("bias = dense<0.000000e+00> : tensor<2xf32>, weight = dense<1.000000e-01>"),
        "{mul}"
    );
}

#[test]
fn limits_are_activations() {
    let clamp = one("clamp", "minimum = -1.0, maximum = 6.0", "tensor<?x2xf32>", "tensor<?x2xf32>");
    assert!(
        clamp.contains(
            r#""ann.activation"(%0) {maximum = 6.000000e+00 : f64, minimum = -1.000000e+00 : f64}"#
        ),
        "{clamp}"
    );
    let open = one(
        "clamp",
        "minimum = 0xFFF0000000000000 : f64, maximum = 1.0",
        "tensor<?x2xf32>",
        "tensor<?x2xf32>",
    );
    assert!(open.contains("minimum = 0xFFF0000000000000 : f64"), "{open}");
}

#[test]
fn tensors_are_joined_sliced_and_padded() {
    let body = format!(
        r#"
        %0 = "torch.slice"(%x) {{dim = 2 : i64, start = 1 : i64, end = 5 : i64, step = 3 : i64}} : ({IMAGE}) -> tensor<?x2x2x6xf32>
        %1 = "torch.constant_pad"(%0) {{before = array<i64: 0, 1, 2, 0>, after = array<i64: 0, 0, 1, 0>, value = 0.0}}
          : (tensor<?x2x2x6xf32>) -> tensor<?x3x5x6xf32>
        %r = "torch.cat"(%1, %x) {{dim = 1 : i64}} : (tensor<?x3x5x6xf32>, {IMAGE}) -> tensor<?x5x5x6xf32>"#
    );
    insta::assert_snapshot!(lowered(IMAGE, &body, "tensor<?x5x5x6xf32>"), @r#"
    module {
      func.func @net(%arg0: tensor<?x2x5x6xf32>) -> tensor<?x5x5x6xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        %1 = "ann.gather"(%0) {axis = 2 : i64, indices = array<i64: 1, 4>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x2x6xf32>
        %2 = "ann.pad"(%1) {after = array<i64: 0, 0, 1, 0>, before = array<i64: 0, 1, 2, 0>} : (tensor<?x2x2x6xf32>) -> tensor<?x3x5x6xf32>
        %3 = "ann.concat"(%2, %0) {axis = 1 : i64} : (tensor<?x3x5x6xf32>, tensor<?x2x5x6xf32>) -> tensor<?x5x5x6xf32>
        return %3 : tensor<?x5x5x6xf32>
      }
    }
    "#);
}

#[test]
fn padding_with_another_value_shifts_it_to_zero_and_back() {
    let attributes = "before = array<i64: 0, 1, 0>, after = array<i64: 0, 0, 2>, value = 0.75";
    let pad = one("constant_pad", attributes, "tensor<?x2x3xf32>", "tensor<?x3x5xf32>");
    insta::assert_snapshot!(pad, @r#"
    module {
      func.func @net(%arg0: tensor<?x2x3xf32>) -> tensor<?x3x5xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
        %1 = "ann.scale"(%0) {bias = dense<-7.500000e-01> : tensor<2xf32>, weight = dense<1.000000e+00> : tensor<2xf32>} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
        %2 = "ann.pad"(%1) {after = array<i64: 0, 0, 2>, before = array<i64: 0, 1, 0>} : (tensor<?x2x3xf32>) -> tensor<?x3x5xf32>
        %3 = "ann.scale"(%2) {bias = dense<7.500000e-01> : tensor<3xf32>, weight = dense<1.000000e+00> : tensor<3xf32>} : (tensor<?x3x5xf32>) -> tensor<?x3x5xf32>
        return %3 : tensor<?x3x5xf32>
      }
    }
    "#);
}

#[test]
fn a_dense_layer_on_the_last_axis_is_a_convolution_of_one_tap() {
    let parameters = format!("weight = {}, bias = {}", dense(&[4, 3], 1), dense(&[4], 2));
    let flat = one("linear", &parameters, "tensor<?x3xf32>", "tensor<?x4xf32>");
    assert_eq!(ops(&flat), ["linear"]);
    let rows = one("linear", &parameters, "tensor<?x2x3xf32>", "tensor<?x2x4xf32>");
    assert_eq!(ops(&rows), ["permute", "conv", "permute"]);
    assert!(rows.contains(": tensor<4x3x1xf32>"), "{rows}");
    let image = one("linear", &parameters, "tensor<?x2x5x3xf32>", "tensor<?x2x5x4xf32>");
    assert_eq!(ops(&image), ["permute", "conv", "permute"]);
    let more = one("linear", &parameters, "tensor<?x2x1x2x2x3xf32>", "tensor<?x2x1x2x2x4xf32>");
    assert_eq!(ops(&more), ["permute", "reshape", "conv", "reshape", "permute"]);
}

#[test]
fn layouts_are_gathers_permutations_and_reshapes() {
    let body = r#"
        %0 = "torch.permute"(%x) {dims = array<i64: 0, 2, 1>} : (tensor<?x2x3xf32>) -> tensor<?x3x2xf32>
        %1 = "torch.reshape"(%0) : (tensor<?x3x2xf32>) -> tensor<?x1x3x2xf32>
        %2 = "torch.expand"(%1) : (tensor<?x1x3x2xf32>) -> tensor<?x4x3x2xf32>
        %r = "torch.upsample_nearest"(%2) {output_size = array<i64: 3, 5>} : (tensor<?x4x3x2xf32>) -> tensor<?x4x3x5xf32>"#;
    let text = lowered("tensor<?x2x3xf32>", body, "tensor<?x4x3x5xf32>");
    assert_eq!(ops(&text), ["permute", "reshape", "gather", "gather"]);
    assert!(
        text.contains("indices = array<i64: 0, 0, 0, 0>") && text.contains("array<i64: 0, 0, 0, 1, 1>"),
        "{text}"
    );
}

#[test]
fn constant_tensors_are_factors_and_biases_of_what_differs() {
    let constant = |op: &str, shape: &str, sample: &[usize]| {
        let attributes = format!("value = dense<0.5> : tensor<{shape}xf32>");
        ops(&one(op, &attributes, &tensor(sample), &tensor(sample))).join(" ")
    };
    assert_eq!(constant("add_constant", "3x1x1", &[3, 2, 2]), "scale");
    assert_eq!(constant("mul_constant", "1x1x1", &[3, 2, 2]), "scale");
    assert_eq!(constant("mul_constant", "1x4", &[3, 4]), "permute scale permute");
    assert_eq!(constant("mul_constant", "1x4x1", &[3, 4, 2]), "permute scale permute");
    assert_eq!(constant("add_constant", "3x4", &[3, 4]), "reshape scale reshape");
    let body = r#"%r = "torch.sub"(%x, %x) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>"#;
    assert_eq!(ops(&lowered("tensor<?x2xf32>", body, "tensor<?x2xf32>")), ["scale", "add"]);
}

/// A transposed convolution over one axis, of 4 channels; with its output padding and size.
fn transposed(groups: usize, spare: i64, size: usize) -> String {
    let attributes = format!(
        "weight = {}, bias = {}, stride = array<i64: 3>, padding = array<i64: 1>, dilation = array<i64: 2>, \
         groups = {groups} : i64, transposed = true, output_padding = array<i64: {spare}>",
        dense(&[4, 2, 3], 1),
        dense(&[2 * groups], 2)
    );
    one("convolution", &attributes, "tensor<?x4x5xf32>", &tensor(&[2 * groups, size]))
}

#[test]
fn weights_of_transposed_convolutions_are_turned() {
    for groups in [1, 2, 4] {
        let text = transposed(groups, 2, 17);
        assert_eq!(ops(&text), ["conv"]);
        let shape = format!("tensor<{}x{}x3xf32>", 2 * groups, 4 / groups);
        assert!(text.contains("transposed = true") && text.contains(&shape), "{text}");
    }
    let findings = [transposed(1, 1, 17), transposed(1, 3, 18), transposed(3, 2, 17)];
    insta::assert_snapshot!(findings.join("\n"), @r#"
    net.ncg:2:3: error: `torch.convolution` makes samples of shape [2, 16] of [4, 5], but its result type says [2, 17]
    net.ncg:2:3: error: `torch.convolution` needs a stride and a dilation of 1 or more and an output padding below one of them, not 3, 2 and 3
    net.ncg:2:3: error: `torch.convolution` has a weight [4, 2, 3], which 3 groups do not divide
    "#);
}

#[test]
fn pools_over_one_and_three_axes_are_pools_of_rows_and_columns() {
    let pool = |name: &str, kernel: &[i64], argument: &[usize], result: &[usize]| {
        let list = |value: &dyn Fn(i64) -> i64| {
            kernel.iter().map(|&size| value(size).to_string()).collect::<Vec<_>>().join(", ")
        };
        let (sizes, zeros, ones) = (list(&|size| size), list(&|_| 0), list(&|_| 1));
        let rest = match name {
            "max_pool" => format!("dilation = array<i64: {ones}>"),
            _ => "count_include_pad = true, divisor_override = 0".to_owned(),
        };
        let attributes = format!(
            "kernel = array<i64: {sizes}>, stride = array<i64: {sizes}>, padding = array<i64: {zeros}>, ceil_mode = true, {rest}"
        );
        ops(&one(name, &attributes, &tensor(argument), &tensor(result))).join(" ")
    };
    for (name, op) in [("max_pool", "max_pool2d"), ("avg_pool", "avg_pool2d")] {
        assert_eq!(pool(name, &[2], &[3, 7], &[3, 4]), format!("reshape {op} reshape"));
        let volume = [2, 5, 4, 7];
        assert_eq!(
            pool(name, &[2, 2, 3], &volume, &[2, 3, 2, 3]),
            format!("reshape {op} reshape {op} reshape")
        );
        // An axis that nothing happens to takes no pool.
        assert_eq!(pool(name, &[2, 1, 1], &volume, &[2, 3, 4, 7]), format!("reshape {op} reshape"));
        assert_eq!(pool(name, &[1, 2, 3], &volume, &[2, 5, 2, 3]), format!("reshape {op} reshape"));
    }
}

#[test]
fn maxima_are_pools_of_equal_windows() {
    let adaptive = |parts: &[usize], argument: &[usize]| {
        let list = parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let result = [&argument[..1], parts].concat();
        let attributes = format!("output_size = array<i64: {list}>");
        ops(&one("adaptive_max_pool", &attributes, &tensor(argument), &tensor(&result))).join(" ")
    };
    assert_eq!(adaptive(&[2, 3], &[2, 6, 9]), "max_pool2d");
    assert_eq!(adaptive(&[2, 3], &[2, 5, 9]), "gather max_pool2d");
    assert_eq!(adaptive(&[4, 7], &[2, 6, 3]), "gather gather max_pool2d");
    assert_eq!(adaptive(&[3], &[2, 7]), "gather reshape max_pool2d reshape");
    assert_eq!(
        adaptive(&[2, 3, 2], &[2, 5, 4, 6]),
        "gather gather reshape max_pool2d reshape max_pool2d reshape"
    );

    let amax = |dims: &[usize], keepdim: bool, argument: &[usize]| {
        let kept = argument.iter().zip(1..).filter_map(|(&size, axis)| match dims.contains(&axis) {
            true => keepdim.then_some(1),
            false => Some(size),
        });
        let list = dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let attributes = format!("dims = array<i64: {list}>, keepdim = {keepdim}");
        ops(&one("amax", &attributes, &tensor(argument), &tensor(&kept.collect::<Vec<_>>()))).join(" ")
    };
    assert_eq!(amax(&[2, 3], true, &[3, 4, 5]), "max_pool2d");
    assert_eq!(amax(&[3], false, &[3, 4, 5]), "max_pool2d reshape");
    assert_eq!(amax(&[1], true, &[3, 4, 5]), "reshape max_pool2d reshape");
    assert_eq!(amax(&[1, 3], false, &[3, 4, 5]), "max_pool2d reshape max_pool2d reshape");
    assert_eq!(amax(&[1], true, &[7]), "reshape max_pool2d reshape");
}

#[test]
fn windows_of_averages_are_spelled_out() {
    let attributes = "kernel = array<i64: 3, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, \
                      ceil_mode = true, count_include_pad";
    let with =
        one("avg_pool", &format!("{attributes} = true, divisor_override = 0"), IMAGE, "tensor<?x2x3x4xf32>");
    insta::assert_snapshot!(with, @r#"
    module {
      func.func @net(%arg0: tensor<?x2x5x6xf32>) -> tensor<?x2x3x4xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        %1 = "ann.avg_pool2d"(%0) {columns = array<i64: 0, 1, 1, 3, 3, 5, 5, 6>, divisor = dense<6> : tensor<3x4xi32>, rows = array<i64: 0, 2, 1, 4, 3, 5>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x3x4xf32>
        return %1 : tensor<?x2x3x4xf32>
      }
    }
    "#);
    let without =
        one("avg_pool", &format!("{attributes} = false, divisor_override = 0"), IMAGE, "tensor<?x2x3x4xf32>");
    insta::assert_snapshot!(without, @r#"
    module {
      func.func @net(%arg0: tensor<?x2x5x6xf32>) -> tensor<?x2x3x4xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        %1 = "ann.avg_pool2d"(%0) {columns = array<i64: 0, 1, 1, 3, 3, 5, 5, 6>, divisor = dense<[[2, 4, 4, 2], [3, 6, 6, 3], [2, 4, 4, 2]]> : tensor<3x4xi32>, rows = array<i64: 0, 2, 1, 4, 3, 5>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x3x4xf32>
        return %1 : tensor<?x2x3x4xf32>
      }
    }
    "#);
    let adaptive = one("adaptive_avg_pool", "output_size = array<i64: 2, 4>", IMAGE, "tensor<?x2x2x4xf32>");
    insta::assert_snapshot!(adaptive, @r#"
    module {
      func.func @net(%arg0: tensor<?x2x5x6xf32>) -> tensor<?x2x2x4xf32> {
        %0 = "ann.normalize"(%arg0) {maximum = dense<0x7FF0000000000000> : tensor<2xf64>, minimum = dense<0xFFF0000000000000> : tensor<2xf64>, multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>
        %1 = "ann.avg_pool2d"(%0) {columns = array<i64: 0, 2, 1, 3, 3, 5, 4, 6>, divisor = dense<6> : tensor<2x4xi32>, rows = array<i64: 0, 3, 2, 5>} : (tensor<?x2x5x6xf32>) -> tensor<?x2x2x4xf32>
        return %1 : tensor<?x2x2x4xf32>
      }
    }
    "#);
}

#[test]
fn means_are_pools_and_sums_over_channels() {
    let mean = |dims: &[i64], keepdim: bool, argument: &[usize]| {
        let averaged = |axis: usize| dims.contains(&(axis as i64 + 1));
        let kept = argument.iter().enumerate().filter_map(|(axis, &size)| match averaged(axis) {
            true => keepdim.then_some(1),
            false => Some(size),
        });
        let list = dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let attributes = format!("dims = array<i64: {list}>, keepdim = {keepdim}");
        let text = one("mean", &attributes, &tensor(argument), &tensor(&kept.collect::<Vec<_>>()));
        ops(&text).join(" ")
    };
    assert_eq!(mean(&[2, 3], true, &[3, 4, 5]), "avg_pool2d");
    assert_eq!(mean(&[2, 3], false, &[3, 4, 5]), "avg_pool2d reshape");
    assert_eq!(mean(&[3], true, &[3, 4, 5]), "avg_pool2d");
    assert_eq!(mean(&[2], false, &[3, 4, 5]), "avg_pool2d reshape");
    assert_eq!(mean(&[1], true, &[3, 4, 5]), "conv");
    assert_eq!(mean(&[1], false, &[3, 4, 5]), "conv reshape");
    assert_eq!(mean(&[1, 3], false, &[3, 4, 5]), "avg_pool2d conv reshape");
    assert_eq!(mean(&[3, 1, 2], true, &[3, 4, 5]), "avg_pool2d conv");
    assert_eq!(mean(&[2], false, &[3, 4]), "reshape avg_pool2d reshape");
    assert_eq!(mean(&[1], true, &[3, 4]), "conv");
    assert_eq!(mean(&[3, 4], true, &[3, 4, 5, 6]), "reshape avg_pool2d reshape");
    assert_eq!(mean(&[2, 4], false, &[3, 4, 5, 6]), "reshape avg_pool2d reshape avg_pool2d reshape");
    assert_eq!(
        mean(&[1, 2, 3, 4, 5], true, &[3, 4, 5, 6, 2]),
        "reshape avg_pool2d avg_pool2d avg_pool2d reshape reshape conv reshape"
    );
    assert_eq!(mean(&[1], true, &[300]), "linear");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_pools_average_as_pytorch_does(
        size in (1..12usize, 1..12usize), kernel in (1..5i64, 1..5i64), stride in (1..4i64, 1..4i64),
        share in (0..3i64, 0..3i64), ceil_mode: bool, include: bool,
    ) {
        use crate::passes::torch_to_ann::windows::Pool;
        let padding = (share.0.min(kernel.0 / 2), share.1.min(kernel.1 / 2));
        let pool = |kernel, stride, padding| Pool { kernel, stride, padding, dilation: 1, ceil_mode };
        let rows = pool(kernel.0, stride.0, padding.0).count(size.0);
        let columns = pool(kernel.1, stride.1, padding.1).count(size.1);
        prop_assume!(rows.is_some() && columns.is_some());
        let attributes = format!(
            "kernel = array<i64: {}, {}>, stride = array<i64: {}, {}>, padding = array<i64: {}, {}>, \
             ceil_mode = {ceil_mode}, count_include_pad = {include}, divisor_override = 0",
            kernel.0, kernel.1, stride.0, stride.1, padding.0, padding.1
        );
        let result = tensor(&[2, rows.unwrap_or(0), columns.unwrap_or(0)]);
        let text = one("avg_pool", &attributes, &tensor(&[2, size.0, size.1]), &result);
        prop_assert_eq!(ops(&text), ["avg_pool2d"]);
    }
}

#[test]
fn what_cannot_be_lowered_is_an_error_with_a_way_out() {
    let (vector, column) = ("tensor<?x2xf32>", "tensor<?x1xf32>");
    let image = "tensor<?x2x3x4x5xf32>";
    let mean = "keepdim = false, dims = array<i64";
    let findings = [
        one("dropout", "p = 0.5", vector, vector),
        one("identity", "", vector, vector),
        one("clamp", "minimum = 1.0, maximum = 0.0", vector, vector),
        one(
            "constant_pad",
            "before = array<i64: 0, 1>, after = array<i64: 0, 0>, value = 0xFFF0000000000000 : f64",
            vector,
            "tensor<?x3xf32>",
        ),
        one("mean", &format!("{mean}: 1>"), vector, "tensor<?xf32>"),
        one("mean", &format!("{mean}: 0>"), vector, column),
        one("mean", &format!("{mean}: 5>"), image, "tensor<?x2x3x4xf32>"),
        one("flatten", "start_dim = 1 : i64, end_dim = 2 : i64", "tensor<?x2x3x4xf32>", "tensor<?x24xf32>"),
        one("flatten", "start_dim = 2 : i64, end_dim = 1 : i64", "tensor<?x2x3x4xf32>", "tensor<?x6x4xf32>"),
        one(
            "slice",
            "dim = 1 : i64, start = 0 : i64, end = 3 : i64, step = 1 : i64",
            vector,
            "tensor<?x3xf32>",
        ),
        one("add_scalar", "value = 1.0e300", vector, vector),
        one(
            "normalize",
            "scale = 1.0, mean = dense<0.0> : tensor<2xf32>, std = dense<0.0> : tensor<2xf32>",
            vector,
            vector,
        ),
        one(
            "linear",
            "weight = dense<1.0> : tensor<1x3xf32>, bias = dense<1.0> : tensor<1xf32>",
            vector,
            column,
        ),
        one("permute", "dims = array<i64: 0, 2, 2>", "tensor<?x2x2xf32>", "tensor<?x2x2xf32>"),
        one("reshape", "", vector, column),
        one("expand", "", vector, "tensor<?x4xf32>"),
        one("upsample_nearest", "output_size = array<i64: 4, 0>", IMAGE, IMAGE),
        one("add_constant", "value = dense<1.0> : tensor<3xf32>", vector, vector),
        one("adaptive_avg_pool", "output_size = array<i64: 3, 3>", IMAGE, "tensor<?x2x3x4xf32>"),
        one(
            "adaptive_avg_pool",
            "output_size = array<i64: 100000, 100000>",
            IMAGE,
            "tensor<?x2x100000x100000xf32>",
        ),
        one(
            "max_pool",
            "kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, ceil_mode = false",
            IMAGE,
            "tensor<?x2x3x3xf32>",
        ),
        one(
            "avg_pool",
            "kernel = array<i64: 2, 9>, stride = array<i64: 2, 0>, padding = array<i64: 0, 0>, ceil_mode = false, count_include_pad = true, divisor_override = 0",
            IMAGE,
            "tensor<?x2x3x3xf32>",
        ),
        one("relu", "", "tensor<?x99999999999999xf32>", "tensor<?x99999999999999xf32>"),
        one(
            "constant_pad",
            "before = array<i64: 0, 1>, after = array<i64: 0, 0>, value = 1.0",
            vector,
            "tensor<?x99999999999999xf32>",
        ),
        check(
            "lower-torch-to-ann",
            &[],
            "module { func.func @net(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x2xf32> { return %x : tensor<?x2xf32> } }",
        ),
    ];
    insta::assert_snapshot!(findings.join("\n"), @r#"
    net.ncg:2:3: error: `torch.dropout` does nothing at inference and has no counterpart in `ann`: run `remove-identity` first
    net.ncg:2:3: error: `torch.identity` does nothing at inference and has no counterpart in `ann`: run `remove-identity` first
    net.ncg:2:3: error: `torch.clamp` has bounds [1, 0], which hold no value
    net.ncg:2:3: error: `torch.constant_pad` pads with -inf: only finite values can be spikes; a max pool pads by itself
    net.ncg:2:3: error: `torch.mean` over all axes leaves no channel axis: set `keepdim`
    net.ncg:2:3: error: `torch.mean` has `dims` [0]: they must be among the axes 1 to 1
    net.ncg:2:3: error: `torch.mean` has `dims` [5]: they must be among the axes 1 to 4
    net.ncg:2:3: error: `torch.flatten` makes samples of shape [6, 4] of [2, 3, 4], but its result type says [24]
    net.ncg:2:3: error: `torch.flatten` joins axes 2 to 1: they must be in order and among 1 to 3
    net.ncg:2:3: error: `torch.slice` takes 0..3 in steps of 1 of axis 1, which samples [2] do not have
    net.ncg:2:3: error: element 0 of `layer.bias` would be 1e300, which f32 does not hold
    net.ncg:2:3: error: `mean` and `scale` over `std` must be finite in every channel
    net.ncg:2:3: error: `torch.linear` has a weight [1, 3] and a bias [1], which do not fit samples [2]
    net.ncg:2:3: error: `torch.permute` has `dims` [0, 2, 2]: they must be each axis of samples [2, 2] once, the batch axis 0 first
    net.ncg:2:3: error: `torch.reshape` cannot make samples [1] of [2]: samples keep their elements and have an axis
    net.ncg:2:3: error: `torch.expand` cannot repeat samples [2] to [4]: only axes of size 1 are repeated
    net.ncg:2:3: error: `torch.upsample_nearest` has `output_size` [4, 0], which is none of samples [2, 5, 6]
    net.ncg:2:3: error: `torch.add_constant` has a constant of shape [3], which does not fit samples [2]
    net.ncg:2:3: error: `torch.adaptive_avg_pool` makes samples of shape [2, 3, 3] of [2, 5, 6], but its result type says [2, 3, 4]
    net.ncg:2:3: error: `torch.adaptive_avg_pool` needs more than 16777216 windows
    net.ncg:2:3: error: `torch.max_pool` makes samples of shape [2, 2, 3] of [2, 5, 6], but its result type says [2, 3, 3]
    net.ncg:2:3: error: `torch.avg_pool` has windows that do not fit samples of shape [2, 5, 6]; padding may be at most half of the kernel
    -:2:3: error: 99999999999999 channels are more than 16777216
    net.ncg:2:3: error: 99999999999999 channels are more than 16777216
    -:1:10: error: the network has 2 inputs instead of one
    "#);
}

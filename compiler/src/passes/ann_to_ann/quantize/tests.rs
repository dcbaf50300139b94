//! Tests of `quantize`: the numbers that it chooses.

use crate::{
    mlir,
    passes::testing::{check, network, on_module, run},
    session::Session,
};

/// The input's codes are multiples of ½ in two channels of one row of four.
const INPUT: &str = r#"
%0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
  minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%1 = "ann.fake_quantize"(%0) {scale = dense<0.5> : tensor<2xf64>, low = -8, high = 8}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>"#;

const CONV: &str = "stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 2, transposed = false";

fn quantized(options: &[(&str, &str)], body: &str, output: &str) -> String {
    check("quantize", options, &network("tensor<?x2x1x4xf32>", &format!("{INPUT}{body}"), output))
}

/// What stands after `key = ` in the `index`-th op called `op`, without its type.
fn attribute(module: &str, op: &str, index: usize, key: &str) -> String {
    let line = module.lines().filter(|line| line.contains(&format!("\"{op}\""))).nth(index);
    let line = line.unwrap_or_else(|| panic!("no {op} {index}: {module}"));
    let value = line.split(&format!("{key} = dense<")).nth(1).unwrap_or_else(|| panic!("no {key}: {line}"));
    value.split('>').next().unwrap_or_default().to_owned()
}

/// A depthwise convolution with these weights and biases, and an activation of scale `scale`.
fn depthwise(options: &[(&str, &str)], weights: &str, biases: &str, scale: &str) -> String {
    let body = format!(
        r#"
%2 = "ann.conv"(%1) {{weight = dense<{weights}> : tensor<2x1x1x1xf32>, bias = dense<{biases}> : tensor<2xf32>, {CONV}}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%r = "ann.fake_quantize"(%2) {{scale = dense<{scale}> : tensor<2xf64>, low = 0, high = 31}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>"#
    );
    quantized(options, &body, "tensor<?x2x1x4xf32>")
}

#[test]
fn thresholds_are_rounded_and_scales_follow_them() {
    // α is 1/128 and 1/512; 0.3 · 128 = 38.4, 0.1 · 512 = 51.2.
    let module = depthwise(&[], "[[[[1.984375]]], [[[-0.49609375]]]]", "0.0", "[0.3, 0.1]");
    assert_eq!(attribute(&module, "ann.conv", 0, "weight"), "[[[[127]]], [[[-127]]]]");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "[38, 51]");
    assert_eq!(attribute(&module, "ann.requantize", 0, " scale"), "[2.968750e-01, 0.099609375]");
    // The readout speaks of the scale that is, not of the one that was wanted.
    assert_eq!(attribute(&module, "ann.dequantize", 0, "scale"), "[2.968750e-01, 0.099609375]");
}

#[test]
fn fewer_bits_make_smaller_weights() {
    // Three bits are −3 to 3: α is 1/4.
    let module = depthwise(&[("weight-bits", "3")], "[[[[1.5]]], [[[-0.75]]]]", "0.0", "0.25");
    assert_eq!(attribute(&module, "ann.conv", 0, "weight"), "[[[[3]]], [[[-3]]]]");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "[1, 2]");
}

#[test]
fn biases_are_rounded_half_away_from_zero() {
    let module = depthwise(&[], "1.984375", "[0.01953125, -0.01953125]", "0.25");
    assert_eq!(attribute(&module, "ann.conv", 0, "bias"), "[3, -3]");
}

#[test]
fn a_large_bias_or_an_empty_channel_decides_its_unit() {
    // 2^21 over 2^26 is 1/32, more than the weight's 1/128 needs.
    let module = depthwise(&[], "[[[[1.984375]]], [[[0.0]]]]", "[2097152.0, 0.0]", "[0.25, 4.0]");
    assert_eq!(attribute(&module, "ann.conv", 0, "bias"), "[67108864, 0]");
    assert_eq!(attribute(&module, "ann.conv", 0, "weight"), "[[[[32]]], [[[0]]]]");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "[8, 4]");
}

#[test]
fn what_meets_in_a_membrane_shares_its_unit() {
    // The identity needs ½/32767, the convolution 1/128: so the identity's weight is ½ · 128.
    let body = format!(
        r#"
%2 = "ann.conv"(%1) {{weight = dense<1.984375> : tensor<2x1x1x1xf32>, bias = dense<0.0> : tensor<2xf32>, {CONV}}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%3 = "ann.add"(%2, %1) : (tensor<?x2x1x4xf32>, tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%r = "ann.fake_quantize"(%3) {{scale = dense<0.25> : tensor<2xf64>, low = 0, high = 31}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>"#
    );
    let module = quantized(&[], &body, "tensor<?x2x1x4xf32>");
    assert_eq!(attribute(&module, "ann.scale", 0, "weight"), "64");
    assert!(module.contains("dense<64> : tensor<2xi16>"), "{module}");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "32");
}

#[test]
fn averages_become_sums_times_a_common_multiple() {
    // Divisors 1 and 3: a level stands for a third of what it did, on the way to an accumulator or from a level.
    let pool = |input: &str| {
        format!(
            r#""ann.avg_pool2d"({input}) {{rows = array<i64: 0, 1>, columns = array<i64: 0, 1, 1, 4>,
  divisor = dense<[[1, 3]]> : tensor<1x2xi64>}} : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x2xf32>"#
        )
    };
    let conv = format!(
        r#"weight = dense<1.984375> : tensor<2x1x1x1xf32>, bias = dense<1.0> : tensor<2xf32>, {CONV}}}"#
    );
    let body = format!(
        r#"
%2 = "ann.conv"(%1) {{{conv} : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%3 = {}
%r = "ann.fake_quantize"(%3) {{scale = dense<0.25> : tensor<2xf64>, low = 0, high = 31}}
  : (tensor<?x2x1x2xf32>) -> tensor<?x2x1x2xf32>"#,
        pool("%2"),
    );
    let module = quantized(&[], &body, "tensor<?x2x1x2xf32>");
    assert_eq!(attribute(&module, "ann.sum_pool2d", 0, "multiplier"), "[[3, 1]]");
    // 1/128 before the pool is 1/384 behind it.
    assert_eq!(attribute(&module, "ann.conv", 0, "bias"), "128");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "96");
    let body = format!(
        r#"
%2 = {}
%3 = "ann.conv"(%2) {{{conv} : (tensor<?x2x1x2xf32>) -> tensor<?x2x1x2xf32>
%r = "ann.fake_quantize"(%3) {{scale = dense<0.25> : tensor<2xf64>, low = 0, high = 31}}
  : (tensor<?x2x1x2xf32>) -> tensor<?x2x1x2xf32>"#,
        pool("%1"),
    );
    let module = quantized(&[], &body, "tensor<?x2x1x2xf32>");
    assert_eq!(attribute(&module, "ann.conv", 0, "weight"), "127");
    assert_eq!(attribute(&module, "ann.conv", 0, "bias"), "384");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "96");
}

#[test]
fn features_of_one_channel_share_its_unit() {
    // The dense layer needs 4/127 for the first feature of the first channel, much less for the second; the convolution has one row
    // for both.
    let body = format!(
        r#"
%2 = "ann.conv"(%1) {{weight = dense<1.0> : tensor<2x1x1x1xf32>, bias = dense<0.0> : tensor<2xf32>, {CONV}}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%3 = "ann.reshape"(%2) : (tensor<?x2x1x4xf32>) -> tensor<?x8xf32>
%4 = "ann.reshape"(%1) : (tensor<?x2x1x4xf32>) -> tensor<?x8xf32>
%5 = "ann.linear"(%4) {{weight = {WEIGHTS}, bias = dense<0.0> : tensor<8xf32>}} : (tensor<?x8xf32>) -> tensor<?x8xf32>
%6 = "ann.add"(%3, %5) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
%r = "ann.fake_quantize"(%6) {{scale = dense<0.25> : tensor<8xf64>, low = -31, high = 31}}
  : (tensor<?x8xf32>) -> tensor<?x8xf32>"#
    );
    let module = quantized(&[], &body, "tensor<?x8xf32>");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "[8, 8, 8, 8, 64, 64, 64, 64]");
    // 0.5 · 127/4 is 15.9, and 0.5 · 127/0.5 is 127.
    assert_eq!(attribute(&module, "ann.conv", 0, "weight"), "[[[[16]]], [[[127]]]]");
}

#[test]
fn channels_that_meet_keep_one_step_whatever_their_units_are() {
    // Units are 1/128 and 1/512 at least; a step of 0.3 is 38.4 and 153.6 of them, so the units follow the step.
    let body = format!(
        r#"
%2 = "ann.conv"(%1) {{weight = dense<[[[[1.984375]]], [[[-0.49609375]]]]> : tensor<2x1x1x1xf32>, bias = dense<0.0> : tensor<2xf32>, {CONV}}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%3 = "ann.fake_quantize"(%2) {{scale = dense<0.3> : tensor<2xf64>, low = 0, high = 31}}
  : (tensor<?x2x1x4xf32>) -> tensor<?x2x1x4xf32>
%r = "ann.permute"(%3) {{axes = array<i64: 0, 3, 2, 1>}} : (tensor<?x2x1x4xf32>) -> tensor<?x4x1x2xf32>"#
    );
    let module = quantized(&[], &body, "tensor<?x4x1x2xf32>");
    assert_eq!(attribute(&module, "ann.requantize", 0, "threshold"), "[38, 153]");
    assert_eq!(attribute(&module, "ann.requantize", 0, " scale"), "3.000000e-01");
    assert_eq!(attribute(&module, "ann.dequantize", 0, "scale"), "3.000000e-01");
}

/// What is left of `weights` when the factor that keeps their sum's size has been taken out of `integers`, and that factor.
fn noise(weights: &[f64], integers: &[f64]) -> (f64, f64) {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let factor = product(weights, weights) / product(weights, integers);
    (factor * factor * product(integers, integers) / product(weights, weights) - 1.0, factor)
}

#[test]
fn units_make_less_noise_than_that_of_the_largest_weight_and_keep_the_size_of_sums() {
    let mut finer = 0;
    for (seed, bits) in (0..24).zip([4, 5, 6, 8].into_iter().cycle()) {
        // A row of twenty-four weights, nearly normal.
        let mut state = seed + 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / 2f64.powi(23) - 1.0
        };
        let weights = (0..24).map(|_| f64::from((next() + next() + next()) as f32)).collect::<Vec<_>>();
        let list = weights.iter().map(|weight| format!("{weight:e}")).collect::<Vec<_>>().join(", ");
        let body = format!(
            r#"
%0 = "ann.normalize"(%x) {{multiplier = dense<1.0> : tensor<24xf64>, offset = dense<0.0> : tensor<24xf64>,
  minimum = dense<0xFFF0000000000000> : tensor<24xf64>, maximum = dense<0x7FF0000000000000> : tensor<24xf64>}}
  : (tensor<?x24xf32>) -> tensor<?x24xf32>
%1 = "ann.fake_quantize"(%0) {{scale = dense<0.5> : tensor<24xf64>, low = -8, high = 8}} : (tensor<?x24xf32>) -> tensor<?x24xf32>
%r = "ann.linear"(%1) {{weight = dense<[[{list}]]> : tensor<1x24xf32>, bias = dense<0.0> : tensor<1xf32>}}
  : (tensor<?x24xf32>) -> tensor<?x1xf32>"#
        );
        let text = network("tensor<?x24xf32>", &body, "tensor<?x1xf32>");
        // What four bits lose of a single row is no matter here.
        let module = on_module(&text, |module| {
            run("quantize", &[("weight-bits", &bits.to_string())], module, &mut Session::default()).unwrap();
            mlir::print(module, true)
        });
        let integers = attribute(&module, "ann.linear", 0, "weight");
        let integers =
            integers.trim_matches(['[', ']']).split(", ").map(|weight| weight.parse::<f64>().unwrap());
        let (found, factor) = noise(&weights, &integers.collect::<Vec<_>>());
        let largest = weights.iter().fold(0.0, |largest: f64, weight| largest.max(weight.abs()));
        let unit = largest / f64::from((1 << (bits - 1)) - 1);
        let rounded = weights.iter().map(|weight| (weight / unit).round()).collect::<Vec<_>>();
        let of_largest = noise(&weights, &rounded).0;
        assert!(found <= of_largest + 1e-9, "{bits} bits: {found} is more than {of_largest}");
        finer += u32::from(found < 0.9 * of_largest);
        // A count of the input stands for ½.
        let alpha = attribute(&module, "ann.dequantize", 0, "scale").parse::<f64>().unwrap();
        // With eight bits the unit is that of the largest weight, and sums keep their size without a factor.
        let factor = if bits == 8 { unit } else { factor };
        assert!((alpha / (0.5 * factor) - 1.0).abs() < 1e-5, "{alpha} is not {factor} times ½");
    }
    assert!(finer > 4, "only {finer} of 18 rows got better by a tenth");
}

/// 8 from the first feature to the first, nothing else.
const WEIGHTS: &str = "dense<[[8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], \
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], \
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], \
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<8x8xf32>";

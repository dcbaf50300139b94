use super::*;
use crate::interpret::kernels::concat;
use proptest::prelude::*;

const LIMITS: &str = "multiplier = dense<[0.5, 2.0]> : tensor<2xf64>, offset = dense<[0.25, -1.0]> : tensor<2xf64>, \
     minimum = dense<[0xFFF0000000000000, -0.5]> : tensor<2xf64>, \
     maximum = dense<[2.0, 0x7FF0000000000000]> : tensor<2xf64>";

#[test]
fn normalize_limits_each_channel() {
    let t = batch(&[2, 2], "f32");
    let found = run(&one_op("ann.normalize", LIMITS, &t, &t), &[2, 2], vec![-8.0, 4.0, 0.0, 9.0]);
    assert_eq!(found, [-3.75, 2.0, -0.5, 17.0]);
}

#[test]
fn encode_rounds_half_up_and_clips() {
    let attributes = format!("{LIMITS}, scale = 0.5 : f64, low = -3, high = 15");
    let text = one_op("ann.encode", &attributes, &batch(&[2, 3], "f32"), &batch(&[2, 3], "i32"));
    // (x/2 + 1/4)/0.5 = x + 1/2 up to 4; (2x - 1)/0.5 = 4x - 2 from -1 on.
    let found = run(&text, &[2, 3], vec![-9.0, -2.0, 9.0, 0.25, 0.625, 9.0]);
    assert_eq!(found, [-3.0, -1.0, 4.0, -1.0, 1.0, 15.0]);
}

#[test]
fn activation_pools_and_scales_by_hand() {
    let t = batch(&[1, 2, 3], "f32");
    let x = vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.0];
    let text = one_op("ann.activation", "minimum = 0.0 : f64, maximum = 4.5 : f64", &t, &t);
    assert_eq!(run(&text, &[1, 2, 3], x.clone()), [1.0, 2.0, 3.0, 4.0, 4.5, 0.0]);
    let text =
        one_op("ann.scale", "weight = dense<2.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>", &t, &t);
    assert_eq!(run(&text, &[1, 2, 3], x.clone()), [2.5, 4.5, 6.5, 8.5, 10.5, -11.5]);
    // Rows [0, 2) and [1, 2); columns [0, 1), [0, 3) and none.
    let windows = "rows = array<i64: 0, 2, 1, 2>, columns = array<i64: 0, 1, 0, 3, 3, 3>";
    let attributes =
        format!("{windows}, divisor = dense<[[2.0, 6.0, 1.0], [1.0, 4.0, 1.0]]> : tensor<2x3xf64>");
    let text = one_op("ann.avg_pool2d", &attributes, &t, &batch(&[1, 2, 3], "f32"));
    assert_eq!(run(&text, &[1, 2, 3], x.clone()), [2.5, 1.5, 0.0, 4.0, 0.75, 0.0]);
    let attributes = format!("{windows}, multiplier = dense<[[3, 1, 1], [6, 2, 1]]> : tensor<2x3xi32>");
    let text = one_op("ann.sum_pool2d", &attributes, &batch(&[1, 2, 3], "i32"), &batch(&[1, 2, 3], "i32"));
    assert_eq!(run(&text, &[1, 2, 3], x), [15.0, 9.0, 0.0, 24.0, 6.0, 0.0]);
}

#[test]
fn max_pool_takes_its_size_from_the_result_and_ignores_padding() {
    let attributes = "kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 1, 0>, \
                      dilation = array<i64: 1, 2>";
    let text = one_op("ann.max_pool2d", attributes, &batch(&[1, 3, 4], "f32"), &batch(&[1, 2, 2], "f32"));
    let x = (1..=12).map(|x| -f64::from(x)).collect();
    // Columns 0 and 2, then 2 and 4, of which 4 lies outside.
    assert_eq!(run(&text, &[1, 3, 4], x), [-1.0, -3.0, -5.0, -7.0]);
}

#[test]
fn layout_ops_by_hand() {
    let run = |op: &str, attributes: &str, output: &[usize]| {
        let x = (0..6).map(f64::from).collect();
        run(&one_op(op, attributes, &batch(&[2, 3], "f32"), &batch(output, "f32")), &[2, 3], x)
    };
    assert_eq!(run("ann.gather", "axis = 2, indices = array<i64: 2, 0>", &[2, 2]), [2.0, 0.0, 5.0, 3.0]);
    assert_eq!(
        run("ann.gather", "axis = 1, indices = array<i64: 1, 1>", &[2, 3]),
        [3.0, 4.0, 5.0, 3.0, 4.0, 5.0]
    );
    let turned = run("ann.permute", "axes = array<i64: 0, 2, 1>", &[3, 2]);
    assert_eq!(turned, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    let padded = run("ann.pad", "before = array<i64: 0, 1, 0>, after = array<i64: 0, 0, 1>", &[3, 4]);
    assert_eq!(padded, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 5.0, 0.0]);
    assert_eq!(run("ann.reshape", "", &[3, 2]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let (a, b) = (batch(&[2, 3], "f32"), batch(&[2, 6], "f32"));
    let body = format!(r#"%y = "ann.concat"(%x, %x) {{axis = 2}} : ({a}, {a}) -> {b}"#);
    let found = super::run(&module(&a, &body, &b), &[2, 3], (0..6).map(f64::from).collect());
    assert_eq!(found, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0]);
}

#[test]
fn concat_joins_parts_of_different_sizes() {
    let kernel = concat(&[&[2, 1], &[2, 2]], 1).unwrap();
    let mut joined = [0.0; 6];
    kernel.run(&[&[1.0, 4.0], &[2.0, 3.0, 5.0, 6.0]], &mut joined);
    assert_eq!((kernel.shape.as_slice(), joined), (&[2, 3][..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert!(concat(&[&[2, 1], &[3, 2]], 1).is_err());
    assert!(concat(&[&[2, 1], &[2]], 0).is_err());
    assert!(concat(&[], 0).is_err());
}

#[test]
fn fake_quantize_and_dequantize_by_hand() {
    let t = batch(&[2, 3], "f32");
    let text =
        one_op("ann.fake_quantize", "scale = dense<[0.5, 2.0]> : tensor<2xf64>, low = 0, high = 3", &t, &t);
    assert_eq!(run(&text, &[2, 3], vec![-1.0, 0.25, 9.0, 0.9, 1.0, 3.1]), [0.0, 0.5, 1.5, 0.0, 2.0, 4.0]);
    let text = one_op(
        "ann.dequantize",
        "scale = dense<[0.5, 0.25]> : tensor<2xf64>",
        &batch(&[2], "i32"),
        &batch(&[2], "f32"),
    );
    assert_eq!(run(&text, &[2], vec![3.0, -5.0]), [1.5, -1.25]);
}

#[test]
fn observe_shows_its_operand() {
    let t = batch(&[1], "f32");
    let vectors =
        ["counts", "origin", "width", "mean"].map(|name| format!("{name} = dense<1.0> : tensor<1xf64>"));
    let body = format!(
        r#"%y = "ann.activation"(%x) {{minimum = 0.0 : f64, maximum = 1.0 : f64}} : ({t}) -> {t}
           "ann.observe"(%y) {{{}}} : ({t}) -> ()"#,
        vectors.join(", ")
    );
    let network = network(&module(&t, &body, &t));
    let mut seen = vec![];
    network.forward(&sample(&[1], vec![7.0]), &mut |op, x| seen.push((op, x[[0]]))).unwrap();
    assert_eq!(seen, [(0, 1.0), (1, 1.0)]);
    assert_eq!(network.ops()[1].output, None);
}

#[test]
fn integers_leave_32_bits_with_an_error_that_names_the_layer() {
    let t = batch(&[2], "i32");
    let body = format!(
        r#"%y = "ann.scale"(%x) {{weight = dense<[1, 3]> : tensor<2xi16>, bias = dense<0> : tensor<2xi32>}} : ({t}) -> {t} loc("fc"("f.ncg":7:3))"#
    );
    let text = module(&t, &body, &t);
    assert_eq!(run(&text, &[2], vec![2147483647.0, 715827882.0]), [2147483647.0, 2147483646.0]);
    let error = try_run(&text, &sample(&[2], vec![1.0, 715827883.0])).unwrap_err();
    assert_eq!(error.id(), "overflow");
    assert_eq!(
        error.to_string(),
        "layer `fc` (`ann.scale`, f.ncg:7:3): element 1 is 2147483649, which does not fit 32 bits"
    );
    let error = try_run(&text, &sample(&[2], vec![0.5, 0.0])).unwrap_err();
    assert_eq!(error.id(), "not-integer");
}

#[test]
fn sums_that_f64_would_round_are_refused() {
    let (inputs, t) = (4096, batch(&[1], "i32"));
    let attributes =
        format!("weight = dense<32767> : tensor<1x{inputs}xi16>, bias = dense<0> : tensor<1xi32>");
    let text = one_op("ann.linear", &attributes, &batch(&[inputs], "i32"), &t);
    let alternating =
        |x: f64| sample(&[inputs], (0..inputs).map(|i| if i % 2 == 0 { x } else { -x }).collect());
    assert_eq!(try_run(&text, &alternating(1e6)).unwrap()[[0]], 0.0);
    assert_eq!(try_run(&text, &alternating(2e9)).unwrap_err().id(), "inexact");
}

#[test]
fn a_sample_of_another_shape_is_refused() {
    let t = batch(&[2], "f32");
    let text = one_op("ann.activation", "minimum = 0.0 : f64, maximum = 1.0 : f64", &t, &t);
    let error = try_run(&text, &sample(&[3], vec![0.0; 3])).unwrap_err();
    assert_eq!(error, InterpretError::InputShape { expected: vec![vec![2]], found: vec![vec![3]] });
    let error = network(&text).simulate(
        &sample(&[2], vec![0.0; 2]),
        crate::interpret::StepLimit::Exactly(1),
        &mut |_, _, _| (),
    );
    assert_eq!(error, Err(InterpretError::NotSpiking));
}

#[test]
fn one_op_runs_on_other_operands() {
    let t = batch(&[2], "f32");
    let body = format!(
        r#"%0 = "ann.activation"(%x) {{minimum = 0.0 : f64, maximum = 1.0 : f64}} : ({t}) -> {t}
           %y = "ann.add"(%0, %x) : ({t}, {t}) -> {t}"#
    );
    let network = network(&module(&t, &body, &t));
    let (a, b) = (sample(&[2], vec![1.0, 2.0]), sample(&[2], vec![10.0, 20.0]));
    assert_eq!(network.evaluate(1, &[&a, &b]).unwrap(), sample(&[2], vec![11.0, 22.0]));
    assert_eq!(network.evaluate(0, &[&a, &b]).unwrap_err().id(), "input-shape");
    assert_eq!(network.evaluate(0, &[&sample(&[1, 2], vec![0.0; 2])]).unwrap_err().id(), "input-shape");
    assert_eq!(network.evaluate(2, &[&a]), Err(InterpretError::NoResult { index: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requantize_is_the_floor_rule(
        thresholds in prop::collection::vec(prop_oneof![1..9_i32, 1..=i32::MAX], 3),
        inputs in prop::collection::vec(prop_oneof![-40..40_i32, any::<i32>()], 3 * 8),
        low in -20..=0_i64,
        high in 0..=40_i64,
    ) {
        let attributes = format!(
            "threshold = {}, scale = dense<1.0> : tensor<3xf64>, low = {low}, high = {high}",
            dense(&[3], &thresholds, "i32"),
        );
        let t = batch(&[3, 8], "i32");
        let found = run(&one_op("ann.requantize", &attributes, &t, &t), &[3, 8], inputs.iter().map(|&x| x.into()).collect());
        for (index, (&x, found)) in inputs.iter().zip(found).enumerate() {
            let (x, threshold) = (i64::from(x), i64::from(thresholds[index / 8]));
            let expected = (x + threshold / 2).div_euclid(threshold).clamp(low, high);
            prop_assert_eq!(found, expected as f64, "{} by {}", x, threshold);
        }
    }
}

use super::*;

#[derive(serde::Deserialize)]
struct Vector {
    op: String,
    input: Vec<usize>,
    output: Vec<usize>,
    values: Vec<f64>,
}

/// The inputs of `torch_vectors.py`.
fn ramp(shape: &[usize]) -> Sample {
    let values = (0..shape.iter().product::<usize>()).map(|i| ((i * 37 + 11) % 101) as f64 / 8.0 - 6.25);
    sample(shape, values.collect())
}

#[test]
fn ops_compute_what_pytorch_does() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("torch_vectors.json")).unwrap();
    for vector in &vectors {
        let text = module(&batch(&vector.input, "f32"), &vector.op, &batch(&vector.output, "f32"));
        let found = try_run(&text, &ramp(&vector.input)).unwrap();
        assert_eq!(found.shape(), vector.output);
        for (found, expected) in found.iter().zip(&vector.values) {
            assert!(
                (found - expected).abs() <= 1e-10 * expected.abs().max(1.0),
                "{found} {expected} {}",
                vector.op
            );
        }
    }
    let tested = |op: &&&str| vectors.iter().any(|vector| vector.op.contains(&format!("\"{op}\"")));
    let untested = neurocuda_dialects::torch::OPS.iter().filter(|op| !tested(op)).collect::<Vec<_>>();
    assert!(untested.is_empty(), "no vector for {untested:?}");
}

#[test]
fn values_flow_and_the_probe_sees_each() {
    let t = batch(&[2], "f32");
    let body = format!(
        r#"%0 = "torch.add_scalar"(%x) {{value = 1.0 : f64}} : ({t}) -> {t} loc("a"("f.ncg":3:5))
           %y = "torch.add"(%0, %x) : ({t}, {t}) -> {t}"#
    );
    let network =
        network(&format!("func.func @net(%x: {t}) -> ({t}, {t}) {{\n{body}\nreturn %y, %x : {t}, {t}\n}}"));
    let mut seen = vec![];
    let input = sample(&[2], vec![1.0, 2.0]);
    let outputs = network.forward(&input, &mut |op, result| seen.push((op, result.clone()))).unwrap();
    let (first, second) = (sample(&[2], vec![2.0, 3.0]), sample(&[2], vec![3.0, 5.0]));
    assert_eq!(outputs, [second.clone(), input]);
    assert_eq!(seen, [(0, first), (1, second)]);
    assert_eq!(network.output_shapes(), [&[2], &[2]]);
    let ops = network.ops();
    assert_eq!((ops[0].layer.as_str(), ops[0].source.as_str()), ("a", "f.ncg:3:5"));
    assert_eq!((ops[1].inputs.as_slice(), ops[1].output), (&[1, 0][..], Some(2)));
    assert!(!network.is_spiking());
}

#[test]
fn a_sample_in_any_memory_order_is_read_right() {
    let text =
        one_op("torch.flatten", "start_dim = 1, end_dim = 2", &batch(&[2, 3], "f32"), &batch(&[6], "f32"));
    let transposed = sample(&[3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]).reversed_axes();
    let found = try_run(&text, &transposed).unwrap();
    assert_eq!(found, sample(&[6], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
}

#[test]
fn nan_is_not_swallowed() {
    let pair = |name: &str, size: i64| format!("{name} = array<i64: {size}, {size}>");
    let pool = [pair("kernel", 1), pair("stride", 1), pair("padding", 0), pair("dilation", 1)].join(", ");
    for (op, attributes) in [
        ("relu", ""),
        ("clamp", "minimum = 0.0 : f64, maximum = 1.0 : f64"),
        ("max_pool", &format!("{pool}, ceil_mode = false")),
    ] {
        let t = batch(&[1, 1, 1], "f32");
        assert!(
            run(&one_op(&format!("torch.{op}"), attributes, &t, &t), &[1, 1, 1], vec![f64::NAN])[0].is_nan()
        );
    }
}

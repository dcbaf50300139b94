//! Graphs that do not fit their weights, damaged weights, and files that cannot be read.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::broken::broken;
use super::{body, findings, weights, weights_with};
use crate::diagnostic::FindingId;
use crate::import::{LoadError, Weights, load};

fn image(statements: &str) -> String {
    body("f32[N, 3, 8, 8]", "f32[N, 4, 8, 8]", statements)
}

/// The weights that a text names, some of them bad.
fn named_weights(text: &str) -> Weights {
    let shapes: &[(&str, &[usize])] = &[
        ("conv.weight", &[4, 3, 3, 3]),
        ("conv.bias", &[4]),
        ("up", &[3, 2, 3, 3]),
        ("bn.weight", &[4]),
        ("bn.bias", &[4]),
        ("bn.running_mean", &[4]),
        ("bn.running_var", &[4]),
        ("bn.num_batches_tracked", &[1]),
        ("fc.weight", &[10, 256]),
        ("fc.bias", &[10]),
        ("empty", &[4, 0, 3, 3]),
        ("nan", &[4, 3, 3, 3]),
        ("zero_var", &[4]),
    ];
    let named =
        shapes.iter().filter(|(key, _)| text.contains(&format!("@{key}"))).copied().collect::<Vec<_>>();
    weights_with(&named, |key, values| match key {
        "nan" => (values[40], values[41], values[99]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY),
        "zero_var" => values[2] = -1e-5,
        _ => values.fill(0.5),
    })
}

broken! { named_weights;
    extra_weights: image("%y = conv2d(%x, @conv.weight, padding = 1) # @bn.weight @fc.bias @bn.num_batches_tracked");
    missing_weights: image("%0 = conv2d(%x, @conv.wieght, bias = @module.conv.bias, padding = 1)
        %y = batch_norm(%0, running_mean = @nothing.like.it, running_var = @var)   # bn")
        + "# @conv.weight @conv.bias @bn.running_var";
    conv_shapes: image("%0 = conv2d(%x, @conv.weight, @fc.bias, groups = 2)\n%1 = conv2d(%x, @conv.weight, @fc.bias)
        %2 = conv2d(%x, @fc.weight)\n%3 = conv2d(%x, @conv.weight, groups = 3)\n%y = conv2d(%x, @conv.weight, dilation = 4)");
    transposed_conv_shapes: image("%0 = conv_transpose2d(%x, @conv.weight)\n%1 = conv_transpose2d(%x, @up, @fc.bias)
        %2 = conv_transpose2d(%x, @up, groups = 2)\n%3 = conv_transpose2d(%x, @up, stride = 2, output_padding = 2)
        %4 = conv_transpose1d(%x, @up)\n%5 = conv_transpose3d(%x, @up)\n%y = conv_transpose2d(%x, @up, padding = 9)");
    kernel_of_another_layer: image("%0 = concat(%x, %x)\n%y = conv2d(%0, weight = @conv.weight, padding = 1)   # conv");
    norm_shapes: image("%0 = batch_norm(%x, running_mean = @bn.running_mean, running_var = @bn.running_var)
        %1 = conv2d(%x, @conv.weight, padding = 1)
        %y = batch_norm(%1, @fc.bias, running_mean = @fc.bias, running_var = @bn.running_var, eps = -1)");
    linear_without_flatten: image("%0 = conv2d(%x, @conv.weight, padding = 1)\n%1 = linear(%0, @fc.weight)
        %2 = flatten(%0)\n%3 = linear(%2, @conv.weight)\n%y = linear(%2, @fc.weight, @conv.bias)");
    empty_weight: image("%y = conv2d(%x, weight = @empty, padding = 1)");
    not_finite: image("%0 = conv2d(%x, weight = @nan, padding = 1)\n%y = conv2d(%x, weight = @nan)");
    variance: image("%0 = conv2d(%x, @conv.weight, padding = 1)
        %y = batch_norm(%0, running_mean = @bn.running_mean, running_var = @zero_var, eps = 1e-6)");
}

#[test]
fn weights_of_other_types_are_named_with_the_remedy() {
    let (half, counts) = (vec![0; 2 * 2 * 2], vec![0; 8]);
    let views = [
        ("fc.weight", TensorView::new(Dtype::F16, vec![2, 2], &half).unwrap()),
        ("bn.num_batches_tracked", TensorView::new(Dtype::I64, vec![], &counts).unwrap()),
    ];
    let bytes = safetensors::serialize(views, None).unwrap();
    let weights = Weights::from_bytes(bytes, Path::new("w")).unwrap();
    let text = body("f32[N, 2]", "f32[N, 2]", "%y = linear(%x, @fc.weight)");
    super::broken::check("half_precision", &text, &weights);
}

#[test]
fn a_missing_prefix_is_suggested() {
    let weights = weights(&[("module.conv1.weight", &[2, 2]), ("module.conv2.weight", &[2, 2])]);
    let text =
        body("f32[N, 2]", "f32[N, 2]", "%0 = linear(%x, @conv1.weight)\n%y = linear(%0, @conv2.weight)");
    let findings = findings(&text, &weights);
    let help: Vec<_> = findings
        .iter()
        .filter(|f| f.id == FindingId::MissingWeight)
        .filter_map(|f| f.help.as_deref())
        .collect();
    assert_eq!(help, ["did you mean `module.conv1.weight`?", "did you mean `module.conv2.weight`?"]);
}

#[test]
fn files_that_cannot_be_read_are_reported_together() {
    let dir = tempfile::tempdir().unwrap();
    let (graph, weights) = (dir.path().join("net.ncg"), dir.path().join("net.safetensors"));
    let ids = |error: LoadError| error.findings.iter().map(|finding| finding.id).collect::<Vec<_>>();
    let both = load(&graph, &weights).unwrap_err();
    assert_eq!(ids(both), [FindingId::FileUnreadable, FindingId::WeightsUnreadable]);
    std::fs::write(&graph, "graph @g(").unwrap();
    let syntax = load(&graph, &weights).unwrap_err();
    assert!(syntax.source_file.is_some());
    assert_eq!(ids(syntax), [FindingId::WeightsUnreadable, FindingId::SyntaxError]);
    std::fs::write(&graph, body("f32[N]", "f32[N]", "%y = relu(%x)")).unwrap();
    std::fs::write(&weights, [8, 0, 0, 0, 0, 0, 0, 0, b'{', b'}']).unwrap();
    assert_eq!(ids(load(&graph, &weights).unwrap_err()), [FindingId::WeightsUnreadable]);
}

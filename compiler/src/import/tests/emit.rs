//! What a graph becomes in the `torch` dialect.

use std::path::Path;
use std::sync::Arc;

use melior::Context;
use melior::ir::operation::{OperationLike, OperationPrintingFlags};

use super::{body, graph, weights};
use crate::import::{EmitError, Graph, TorchOp, Weights, emit};
use crate::mlir;

/// The module with locations, as text.
fn emitted(context: &Context, graph: &Graph, weights: Weights) -> String {
    let module = emit(context, graph, &Arc::new(weights), "test.ncg").unwrap();
    module.as_operation().to_string_with_flags(flags()).unwrap()
}

fn flags() -> OperationPrintingFlags {
    let flags =
        OperationPrintingFlags::new().enable_debug_info(true, true).elide_large_elements_attributes(8);
    // SAFETY: the flags are alive.
    unsafe { mlir_sys::mlirOpPrintingFlagsElideLargeResourceString(flags.to_raw(), 8) };
    flags
}

#[test]
fn every_op_has_its_counterpart() {
    let shapes: &[(&str, &[usize])] = &[
        ("conv.weight", &[6, 1, 3, 3]),
        ("conv.bias", &[6]),
        ("bn.running_mean", &[6]),
        ("bn.running_var", &[6]),
        ("act.weight", &[2]),
        ("fc.weight", &[5, 2]),
        ("conv1.weight", &[4, 3, 2]),
        ("conv3.weight", &[2, 1, 1, 2, 3]),
        ("up1.weight", &[4, 2, 3]),
        ("up1.bias", &[4]),
        ("up2.weight", &[3, 2, 2, 2]),
        ("up3.weight", &[2, 1, 1, 2, 2]),
        ("bn.running_mean2", &[5, 1]),
        ("gain", &[1, 2, 1, 1]),
    ];
    let image = body(
        "f32[N, 3, 8, 8]",
        "f32[N, 1, 5, 3]",
        "%a = normalize(%x, scale = 0.5, mean = [0.1, 0.2, 0.3], std = 2)   # preprocess
         %b = concat(%a, %a)
         %c = conv2d(%b, @conv.weight, @conv.bias, stride = [1, 2], padding = [2, 1], dilation = [2, 1], groups = 6)
         %d = batch_norm(%c, running_mean = @bn.running_mean, running_var = @bn.running_var, eps = 0.001)
         %e = relu(%d)
         %f = clamp(%e, max = 6)
         %g = mul(%f, 2)
         %h = add(%g, 0.25)
         %i = add(%h, %g)
         %j = dropout(%i, p = 0.1)
         %k = identity(%j)
         %l = max_pool2d(%k, 3, stride = 2, padding = 1, ceil_mode = true)
         %m = pad(%l, padding = [1, 0, 0, 2], value = -1)
         %n = avg_pool2d(%m, kernel = [2, 1], count_include_pad = false)
         %o = adaptive_avg_pool2d(%n, 2)
         %p = slice(%o, dim = 1, start = 1, end = -1, step = 3)
         %q = mean(%p, dims = 2)
         %r = flatten(%q)
         %s = slice(%r, dim = 1, end = 2)
         %c0 = relu6(%s)
         %c1 = hardtanh(%c0)
         %c2 = leaky_relu(%c1)
         %c3 = prelu(%c2, @act.weight)
         %c4 = elu(%c3)
         %c5 = hardsigmoid(%c4)
         %c6 = hardswish(%c5)
         %c7 = silu(%c6)
         %c8 = gelu(%c7)
         %c9 = sigmoid(%c8)
         %c10 = tanh(%c9)
         %c11 = softplus(%c10)
         %c12 = mish(%c11)
         %t = linear(%c12, @fc.weight)
         %u = reshape(%t, shape = [5, -1, 1])
         %v = upsample_nearest(%u, size = [2, 3])
         %w = permute(%v, dims = [0, 2, 1, 3])
         %z = sub(%w, @bn.running_mean2)
         %aa = div(%z, 3)
         %ab = mul(%aa, @gain)
         %ac = add(%ab, @gain)
         %ad = slice(%ac, dim = 3, end = 1)
         %ae = sub(%ac, %ad)
         %l0 = div(%ae, @gain)
         %l1 = softmax(%l0, dim = 1)
         %l2 = log_softmax(%l1, dim = -1)
         %y = argmax(%l2, dim = 1, keepdim = true)",
    );
    let series = body(
        "f32[N, 3, 20]",
        "f32[N, 4]",
        "%b = conv1d(%x, @conv1.weight, stride = 2, dilation = 3)
         %c = conv_transpose1d(%b, @up1.weight, @up1.bias, stride = 2, output_padding = 1, groups = 2)
         %d = max_pool1d(%c, 2)
         %e = avg_pool1d(%d, 3, stride = 2, padding = 1)
         %f = adaptive_avg_pool1d(%e, 3)
         %g = adaptive_max_pool1d(%f, 2)
         %y = amax(%g, dims = 2)",
    );
    let up = body(
        "f32[N, 3, 4, 5]",
        "f32[N, 2, 3, 2]",
        "%b = conv_transpose2d(%x, @up2.weight, padding = [1, 0], dilation = [1, 2])
         %y = adaptive_max_pool2d(%b, [3, 2])",
    );
    let volume = body(
        "f32[N, 2, 4, 5, 6]",
        "f32[N, 2, 1, 1, 1]",
        "%b = conv3d(%x, @conv3.weight, groups = 2)
         %c = conv_transpose3d(%b, @up3.weight, stride = [1, 2, 1], groups = 2)
         %d = max_pool3d(%c, [1, 2, 2], stride = 1)
         %e = avg_pool3d(%d, 2, stride = [1, 2, 2], divisor_override = 3)
         %f = adaptive_avg_pool3d(%e, [2, 2, 1])
         %y = adaptive_max_pool3d(%f, 1)",
    );
    let context = neurocuda_dialects::new_context().unwrap();
    let (mut names, mut modules) = (std::collections::BTreeSet::new(), vec![]);
    for text in [image, series, up, volume] {
        // Tensors that the graph does not use would be extra.
        let used = shapes.iter().filter(|(key, _)| text.contains(&format!("@{key}"))).copied();
        let weights = weights(&used.collect::<Vec<_>>());
        let graph = graph(&text, &weights);
        names.extend(graph.nodes.iter().map(|node| node.op.signature().name));
        modules.push(emitted(&context, &graph, weights));
    }
    assert_eq!(names.len(), crate::import::ops::OPS.len(), "an op is missing here");
    insta::assert_snapshot!(modules.join("\n"));
}

#[test]
fn weights_are_not_copied_and_shared_ones_are_one_resource() {
    let weights = Arc::new(weights(&[("w", &[20, 20])]));
    let text = body("f32[N, 20]", "f32[N, 20]", "%0 = linear(%x, @w)\n%y = linear(%0, @w)");
    let graph = graph(&text, &weights);
    let context = neurocuda_dialects::new_context().unwrap();
    let module = emit(&context, &graph, &weights, "test.ncg").unwrap();
    let text = module.as_operation().to_string();
    assert_eq!(text.matches("dense_resource<w>").count(), 2, "{text}");
    assert_eq!(Arc::strong_count(&weights), 2, "the context holds the file");
    drop(module);
    drop(context);
    assert_eq!(Arc::strong_count(&weights), 1);
}

#[test]
fn another_weights_file_is_refused() {
    let text = body("f32[N, 2]", "f32[N, 2]", "%y = linear(%x, @w)");
    let graph = graph(&text, &weights(&[("w", &[2, 2])]));
    assert!(matches!(graph.nodes[0].op, TorchOp::Linear(_)));
    let context = neurocuda_dialects::new_context().unwrap();
    for other in [weights(&[("v", &[2, 2])]), weights(&[("w", &[3, 2])])] {
        assert!(matches!(emit(&context, &graph, &Arc::new(other), "t"), Err(EmitError::Weight(_))));
    }
}

#[test]
fn models_are_emitted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seen = 0;
    for name in
        ["mlp_mnist", "cnn3_mnist", "cnn3_nmnist_sim", "vgg_fashion", "resnet18_cifar10", "resnet20_cifar10"]
    {
        let weights = root.join(format!("../shared/data/models/{name}.safetensors"));
        let graph = root.join(format!("tests/models/{name}.ncg"));
        if !weights.exists() {
            println!("skipped: {name}.safetensors is not here");
            continue;
        }
        let loaded = crate::import::load(&graph, &weights).unwrap();
        let context = neurocuda_dialects::new_context().unwrap();
        let module = emit(&context, &loaded.graph, &loaded.weights, "model.ncg").unwrap();
        let operation = module.as_operation();
        // SAFETY: the reference is used while the module lives.
        let operation = unsafe { melior::ir::OperationRef::from_raw(operation.to_raw()) };
        let operations = mlir::operations(mlir::network_block(operation).unwrap());
        assert_eq!(operations.len(), loaded.graph.nodes.len() + 1);
        for (operation, node) in operations.iter().zip(&loaded.graph.nodes) {
            assert_eq!(mlir::layer(*operation), node.layer);
        }
        seen += 1;
    }
    println!("{seen} models emitted");
}

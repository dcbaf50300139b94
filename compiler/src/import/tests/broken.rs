//! Broken graphs and what is said about them. A snapshot has the file in its head and the findings below.

use std::collections::BTreeSet;

use super::{body, findings, weights};
use crate::diagnostic::{FindingId, SourceFile};
use crate::import::Weights;

/// Compares what is said about a graph with the snapshot, and returns the ids.
pub(super) fn check(name: &str, text: &str, weights: &Weights) -> BTreeSet<FindingId> {
    let source = SourceFile::new("test.ncg", text);
    let findings = findings(text, weights);
    insta::with_settings!({ description => text, omit_expression => true }, {
        insta::assert_snapshot!(name, format!("{}\n{}", findings.render(Some(&source), false), findings.summary()));
    });
    findings.iter().map(|finding| finding.id).collect()
}

macro_rules! broken {
    ($weights:expr; $($name:ident: $text:expr;)+) => {
        $(#[test]
        fn $name() {
            $crate::import::tests::broken::check(stringify!($name), &$text, &$weights(&$text));
        })+

        /// All ids that the graphs of this file lead to.
        pub(super) fn ids() -> std::collections::BTreeSet<$crate::diagnostic::FindingId> {
            let mut ids = std::collections::BTreeSet::new();
            $(ids.extend($crate::import::tests::findings(&$text, &$weights(&$text)).iter().map(|finding| finding.id));)+
            ids
        }
    };
}
pub(super) use broken;

fn no_weights(_text: &str) -> Weights {
    weights(&[])
}

/// A graph from and to two values.
fn two(statements: &str) -> String {
    body("f32[N, 2]", "f32[N, 2]", statements)
}

/// A graph from an image to anything.
fn image(statements: &str) -> String {
    body("f32[N, 3, 8, 8]", "f32[N, 3, 8, 8]", statements)
}

broken! { no_weights;
    empty_file: "";
    not_a_graph: "PK\u{3}\u{4}";
    missing_comma: two("%y = clamp(%x min = 0)");
    missing_arrow: "graph @g(%x: f32[N, 2]) f32[N, 2] {\n  %y = relu(%x)\n  return %y\n}\n";
    unfinished: "graph @g(%x: f32[N, 2]) -> f32[N, 2] {\n  %y = relu(%x)\n";
    two_graphs: two("%y = relu(%x)") + "graph";
    huge_integer: two("%y = mul(%x, 99999999999999999999)");
    nested_brackets: two(&format!("%y = relu({}%x{})", "(".repeat(100), ")".repeat(100)));
    empty_graph: "graph @g(%x: f32[N, 2]) -> f32[N, 2] {\n}\n";
    only_return: "graph @g(%x: f32[N, 2]) -> f32[N, 2] {\n  return %x\n}\n";
    missing_return: "graph @g(%x: f32[N, 2]) -> f32[N, 2] {\n  %y = relu(%x)\n}\n";
    return_in_the_middle: "graph @g(%x: f32[N, 2]) -> f32[N, 2] {\n  return %x\n  %y = relu(%x)\n}\n";
    second_return: two("%y = relu(%x)\nreturn %x");
    return_count: two("%0 = relu(%x)\n%y = relu(%0)").replace("-> f32[N, 2]", "-> (f32[N, 2], f32[N, 2])");
    return_shape: body("f32[N, 3, 4]", "f32[N, 13]", "%y = flatten(%x)   # flat");
    return_undefined: two("%y = relu(%x)").replace("return %y", "return %z");
    duplicate_value: two("%0 = relu(%x)\n%0 = relu(%x)\n%y = relu(%0)");
    duplicate_output_name: "graph @g(%x: f32[N]) -> (a: f32[N], a: f32[N], .b: f32[N]) {\n  %y = relu(%x)\n  return %y, %x, %y\n}\n";
    undefined_value: two("%hidden = relu(%x)\n%y = add(%hiden, %hidden)");
    used_before_definition: two("%0 = relu(%1)\n%1 = relu(%x)\n%y = relu(%0)");
    element_types: "graph @g(%x: f16[N, 2], %z: u8[N, 2]) -> f32[N, 2] {\n  %y = add(%x, %z)\n  return %y\n}\n";
    batch_axes: "graph @g(%x: f32[1, 2], %z: f32[N, H], %w: f32[M], %v: f32[]) -> f32[N, 2] {\n  %y = relu(%x)\n  return %y\n}\n";
    several_inputs: "graph @g(%x: f32[N, 2], %z: f32[N, 2]) -> f32[N, 2] {\n  %y = add(%x, %z)\n  return %y\n}\n";
    empty_axis: body("f32[N, 0]", "f32[N, 0]", "%y = relu(%x)");
    too_large: body("f32[N, 65536]", "f32[N, 65536, 65536]", "%y = relu(%x)");
    ops_on_the_batch: image("%0 = flatten(%x, start_dim = 0)\n%1 = mean(%x, dims = [0, 1])\n%2 = concat(%x, %x, dim = -4)
        %y = pad(%x, padding = [0, 0, 0, 0, 0, 0, 1, 0])");
    unknown_ops: two("%0 = rleu(%x)\n%1 = aten.relu.default(%x)\n%2 = sparsemax(%x, dim = 1)\n%y = lstm(%x)");
    unknown_op_hides_what_follows: two("%0 = softsign(%x)   # act\n%1 = add(%0, %x)\n%y = concat(%1, %0, dim = 7, dims = 2)");
    unknown_argument: image("%y = max_pool2d(%x, kernel_size = 2, stridde = 2)   # pool");
    missing_argument: image("%0 = max_pool2d()\n%1 = clamp(%x)\n%y = adaptive_avg_pool2d(%x)");
    duplicate_argument: two("%0 = mul(%x, 2, y = 3)\n%y = relu(%x, %0, %x)");
    wrong_kinds: image("%0 = max_pool2d(%x, [2, 2, 2], ceil_mode = True)\n%1 = relu(relu(%x))\n%2 = mul(%x, %x)
        %3 = conv2d(%x, %x, bias = None)\n%4 = flatten(%x, start_dim = 1.5)\n%y = pad(%x, padding = [1, \"one\"])");
    values_out_of_bounds: image("%0 = max_pool2d(%x, 0, padding = -1)\n%1 = max_pool2d(%x, 2, padding = 2)
        %2 = mul(%x, inf)\n%3 = dropout(%x, p = 1.5)\n%4 = clamp(%x, min = 2, max = 1)\n%5 = slice(%x, dim = 1, start = 3)
        %6 = slice(%x, dim = 4)\n%7 = pad(%x, padding = [1])\n%8 = mean(%x, dims = [1, -3])\n%y = max_pool2d(%x, 2147483648)");
    normalisation: image("%0 = normalize(%x, mean = [1, 2], std = [1, 2, 3, 4])\n%1 = normalize(%x, std = [1, 0, 1])
        %y = normalize(%x, scale = 0)");
    layer_names: two("%0 = relu(%x, name = \"my layer\")\n%1 = relu(%0, name = conv1)\n%y = relu(%1, name = \"a\", name = \"b\")");
    pools_of_other_ranks: image("%0 = max_pool1d(%x, 2)\n%1 = avg_pool3d(%x, [2, 2])\n%2 = avg_pool2d(%x, 2, divisor_override = 0)
        %3 = avg_pool1d(%x, 2, divisor_override = 3)\n%4 = adaptive_max_pool2d(%x, [0, 2])\n%y = amax(%x, dims = [1, 1])");
    shapes_that_do_not_fit: image("%0 = flatten(%x)\n%1 = add(%x, %0)\n%2 = concat(%x, %0)\n%3 = avg_pool2d(%0, 2)
        %4 = avg_pool2d(%x, 9)\n%5 = max_pool2d(%x, 2, padding = 1, dilation = 9)\n%y = pad(%x, padding = [2147483647, 0])");
    layouts_that_do_not_fit: image("%0 = reshape(%x, shape = [-1, -1])\n%1 = reshape(%x, [5, -1])\n%2 = reshape(%x, [0, 3])\n%3 = reshape(%x, [3, 8])
        %4 = permute(%x, dims = [1, 0, 2, 3])\n%5 = permute(%x, [0, 1, 1, 2])\n%6 = permute(%x, [0, 1])\n%7 = upsample_nearest(%x, size = [2, 2, 2])
        %8 = flatten(%x)\n%9 = upsample_nearest(%8, 4)\n%10 = upsample_nearest(%x, 0)\n%11 = upsample_nearest(%x, 100000)\n%y = permute(%x, [0, 1, 2, 7])");
    products_of_activations: image("%0 = mul(%x, %x)\n%1 = div(%x, %x)\n%2 = div(%x, 0)\n%3 = mul(%x)\n%4 = slice(%x, dim = 2, end = 3)\n%y = sub(%x, %4)");
    columns_count_characters: two("%y = mul(%x, \"größe\", relu(%x))   # ä");
}

#[test]
fn every_id_has_a_broken_graph() {
    // These are not reached by text and weights alone.
    let elsewhere = [
        FindingId::FileUnreadable,
        FindingId::FileTooLarge,
        FindingId::WeightsUnreadable,
        FindingId::WeightDtype,
        FindingId::ModelFormat,
        FindingId::ArchiveUnreadable,
        FindingId::ArchiveVersion,
        FindingId::InPlaceAlias,
        FindingId::MutatedState,
        FindingId::TrainingMode,
        FindingId::ExampleInvalid,
        FindingId::ImportFidelity,
        FindingId::InternalError,
    ];
    let seen: BTreeSet<_> = ids().into_iter().chain(super::broken_weights::ids()).chain(elsewhere).collect();
    let missing: Vec<_> = FindingId::ALL.iter().filter(|id| !seen.contains(id)).collect();
    assert!(missing.is_empty(), "no broken graph leads to {missing:?}");
}

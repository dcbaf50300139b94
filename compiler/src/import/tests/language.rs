//! What the language says beside ops: names, comments, outputs, forms of arguments, the printer.

use super::{assert_round_trip, body, graph, weights};
use crate::import::{Graph, Weights};

fn layers(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.layer.as_str()).collect()
}

fn conv_weights() -> Weights {
    weights(&[("a.conv.weight", &[2, 1, 1, 1]), ("a.conv.bias", &[2]), ("b", &[2, 2, 1, 1])])
}

#[test]
fn layers_are_named_by_keyword_comment_keys_or_value() {
    let text = body(
        "f32[N, 1, 2, 2]",
        "f32[N, 2, 2, 2]",
        "%0 = conv2d(%x, @a.conv.weight, @a.conv.bias)
         %1 = conv2d(%0, @b)
         %act = relu(%1) # this is prose, not a name
         %2 = relu(%act)\t#\tfeatures.3
         # alone
         %3 = relu(%2)  # by_comment
         %4 = relu(%3, name = \"by/keyword\")  # ignored
         %5 = relu(  # inside
         %4
         )  #outside
         %6 = relu(%5)   # ----
         %y = relu(%6) return %y }  # after",
    );
    let text = text.strip_suffix("  return %y\n}\n").unwrap();
    let graph = graph(text, &conv_weights());
    let expected = ["a.conv", "1", "act", "features.3", "by_comment", "by/keyword", "outside", "6", "y"];
    assert_eq!(layers(&graph), expected);
    assert_round_trip(&graph, &conv_weights());
}

#[test]
fn equal_layer_names_are_told_apart() {
    let text = body("f32[N, 2]", "f32[N, 2]", "%0 = relu(%x) # r\n%1 = relu(%0) # r.1\n%y = relu(%1) # r");
    let graph = graph(&text, &weights(&[]));
    assert_eq!(layers(&graph), ["r", "r.1", "r.2"]);
    assert_round_trip(&graph, &weights(&[]));
}

#[test]
fn several_outputs() {
    let text = "graph @two(%0: f32[batch, 2]) -> (sum: f32[batch, 2], f32[batch, 2], f32[batch, 2]) {
        %a = add(%0, %0) # act
        %b = relu(%a) # act2
        return %a, %b, %b
    }";
    let graph = graph(text, &weights(&[]));
    let outputs: Vec<_> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs, ["sum", "act2", "act2.1"]);
    assert_eq!(graph.batch, "batch");
    assert_eq!((graph.nodes[1].line, graph.nodes[1].column), (3, 9));
    assert_round_trip(&graph, &weights(&[]));
    insta::assert_snapshot!(graph.to_string());
}

#[test]
fn an_input_may_be_returned_beside_a_result() {
    let text = "graph @g(%x: f32[N, 2]) -> (f32[N, 2], f32[N, 2]) { %y = relu(%x) return %x, %y }";
    let graph = graph(text, &weights(&[]));
    assert_eq!(graph.value_name(graph.outputs[0].value), Some("x"));
    assert_round_trip(&graph, &weights(&[]));
}

#[test]
fn strange_keys_are_quoted() {
    let weights = weights(&[("my net.fc weight", &[3, 2]), ("ä.fc", &[3]), ("a-b/c:d.e", &[1, 3])]);
    let text = body(
        "f32[N, 2]",
        "f32[N, 1]",
        "%0 = linear(%x, @\"my net.fc weight\", @\"ä.fc\")\n%y = linear(%0, @a-b/c:d.e)",
    );
    let graph = graph(&text, &weights);
    // The first has no prefix that could be a name.
    assert_eq!(layers(&graph), ["0", "y"]);
    assert_round_trip(&graph, &weights);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_accepted() {
    let text = "\u{feff}".to_owned()
        + &body("f32[N, 2]", "f32[N, 2]", "%y = relu(%x)   # act").replace('\n', "\r\n");
    assert_eq!(layers(&graph(&text, &weights(&[]))), ["act"]);
}

#[test]
fn unused_values_are_warnings() {
    let text = body("f32[N, 2]", "f32[N, 2]", "%0 = relu(%x)\n%y = relu(%x)");
    let source = crate::diagnostic::SourceFile::new("test.ncg", text);
    let imported = crate::import::import(&source, &weights(&[])).unwrap();
    insta::assert_snapshot!(imported.warnings.render(Some(&source), false));
}

#[test]
fn long_statements_are_broken_and_read_again() {
    let long = "a".repeat(60);
    let keys = ["weight", "bias", "running_mean", "running_var"].map(|name| format!("{long}.{name}"));
    let shapes: Vec<(&str, &[usize])> = keys.iter().map(|key| (key.as_str(), [2].as_slice())).collect();
    let arguments: Vec<_> =
        keys.iter().map(|key| format!("{} = @{key}", key.rsplit('.').next().unwrap())).collect();
    let text = body("f32[N, 2]", "f32[N, 2]", &format!("%y = batch_norm(%x, {})", arguments.join(", ")));
    let weights = weights(&shapes);
    let graph = graph(&text, &weights);
    assert!(graph.to_string().lines().all(|line| line.len() < 180), "{graph}");
    assert_round_trip(&graph, &weights);
}

//! Tests of the import as a whole: text and weights in, graph or rendered findings out.

mod broken;
mod broken_weights;
mod emit;
mod fidelity;
mod hostile;
mod language;
mod models;
mod shapes;

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{Graph, Weights, import};
use crate::diagnostic::{Findings, SourceFile};

/// A weights file in memory: every tensor `f32`, filled with 0.5.
fn weights(shapes: &[(&str, &[usize])]) -> Weights {
    weights_with(shapes, |_, values| values.fill(0.5))
}

/// The same with the values that `fill` writes.
fn weights_with(shapes: &[(&str, &[usize])], fill: impl Fn(&str, &mut [f32])) -> Weights {
    let tensors: BTreeMap<&str, (Vec<usize>, Vec<u8>)> = shapes
        .iter()
        .map(|(key, shape)| {
            let mut values = vec![0.0; shape.iter().product()];
            fill(key, &mut values);
            (*key, (shape.to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(key, (shape, bytes))| (*key, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let bytes = safetensors::serialize(views, None).unwrap();
    Weights::from_bytes(bytes, Path::new("test.safetensors")).unwrap()
}

/// Imports a graph that must be right.
fn graph(text: &str, weights: &Weights) -> Graph {
    let source = SourceFile::new("test.ncg", text);
    match import(&source, weights) {
        Ok(imported) => imported.graph,
        Err(findings) => panic!("{}", findings.render(Some(&source), false)),
    }
}

/// Imports a graph that must be wrong.
fn findings(text: &str, weights: &Weights) -> Findings {
    import(&SourceFile::new("test.ncg", text), weights).map(|imported| imported.graph).unwrap_err()
}

/// A graph of one output around some statements, of which the last defines `%y`.
fn body(input: &str, output: &str, statements: &str) -> String {
    let statements: String = statements.lines().map(|line| format!("  {}\n", line.trim())).collect();
    format!("graph @g(%x: {input}) -> {output} {{\n{statements}  return %y\n}}\n")
}

/// A graph without what only holds the place in the file.
fn without_places(mut graph: Graph) -> Graph {
    graph.inputs.iter_mut().for_each(|input| (input.line, input.column) = (0, 0));
    graph.nodes.iter_mut().for_each(|node| (node.line, node.column) = (0, 0));
    graph
}

/// Printing and reading again must give the same graph.
fn assert_round_trip(graph: &Graph, weights: &Weights) {
    let text = graph.to_string();
    let again = self::graph(&text, weights);
    assert_eq!(without_places(graph.clone()), without_places(again.clone()), "{text}");
    assert_eq!(text, again.to_string());
}

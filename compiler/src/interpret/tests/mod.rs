//! Tests of the interpreter, by MLIR text.

mod ann;
mod batch;
mod convolution;
mod invalid;
mod random;
mod snn;
mod torch;

use super::{InterpretError, Network, Sample};
use melior::ir::Module;
use ndarray::IxDyn;

/// Decodes MLIR text.
fn try_network(text: &str) -> Result<Network, String> {
    let context = neurocuda_dialects::new_context().unwrap();
    let module = Module::parse(&context, text).unwrap_or_else(|| panic!("not parsed: {text}"));
    Network::new(module.as_operation()).map_err(|error| error.to_string())
}

fn network(text: &str) -> Network {
    try_network(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A module whose function takes `%x` of type `input` and returns `%y` of type `output`.
fn module(input: &str, body: &str, output: &str) -> String {
    format!("func.func @net(%x: {input}) -> {output} {{\n{body}\nreturn %y : {output}\n}}")
}

/// A module of one op with one operand.
fn one_op(op: &str, attributes: &str, input: &str, output: &str) -> String {
    module(input, &format!("%y = \"{op}\"(%x) {{{attributes}}} : ({input}) -> {output}"), output)
}

/// The type of a batch of samples.
fn batch(shape: &[usize], element: &str) -> String {
    let dims = shape.iter().map(|size| format!("{size}x")).collect::<String>();
    format!("tensor<?x{dims}{element}>")
}

/// A tensor attribute.
fn dense<T: std::fmt::Debug>(shape: &[usize], values: &[T], element: &str) -> String {
    fn nested<T: std::fmt::Debug>(shape: &[usize], values: &[T]) -> String {
        let [first, rest @ ..] = shape else { return format!("{:?}", values[0]) };
        let parts = values.chunks(values.len() / first).map(|part| nested(rest, part)).collect::<Vec<_>>();
        format!("[{}]", parts.join(", "))
    }
    let dims = shape.iter().map(|size| format!("{size}x")).collect::<String>();
    format!("dense<{}> : tensor<{dims}{element}>", nested(shape, values))
}

fn sample(shape: &[usize], values: Vec<f64>) -> Sample {
    Sample::from_shape_vec(IxDyn(shape), values).unwrap()
}

/// Runs a network of one output.
fn try_run(text: &str, input: &Sample) -> Result<Sample, InterpretError> {
    network(text).forward(input, &mut |_, _| ()).map(|mut outputs| outputs.remove(0))
}

fn run(text: &str, shape: &[usize], values: Vec<f64>) -> Vec<f64> {
    try_run(text, &sample(shape, values)).unwrap().into_iter().collect()
}

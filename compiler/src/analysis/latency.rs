//! When values are final: longest paths through the network, counted in timesteps.
//!
//! A value is *final after f steps* if nothing is sent on it in step f or later. The encoder sends in step 0 only: 1; one of events
//! sends in as many steps as there are frames. What a neuron
//! receives is complete in step f − 1 of its inputs, the neuron updates in that very step, and needs at most `range` updates from
//! there: its output is final after `f − 1 + range` steps, plus the delay until it arrives.

use crate::mlir::{self, IrError, IrResult};
use melior::ir::{OperationRef, ValueLike, operation::OperationLike};
use neurocuda_dialects::{ann, snn};
use petgraph::{algo::toposort, graph::DiGraph, visit::EdgeRef};
use std::collections::HashMap;

/// Steps after which the result of each op of the network's block is final, by index in the block.
///
/// `range` tells of an op how many updates it may need and its delay; `None` for one that keeps no state.
///
/// # Errors
///
/// If an op reads a value that no earlier op computes.
pub fn final_after<'c, 'a>(
    operations: &[OperationRef<'c, 'a>],
    range: impl Fn(usize, OperationRef<'c, 'a>) -> IrResult<'c, Option<(u32, u32)>>,
) -> IrResult<'c, Vec<u32>> {
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes = (0..operations.len()).map(|index| graph.add_node(index)).collect::<Vec<_>>();
    let mut writers = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        for operand in operation.operands() {
            if let Some(&writer) = writers.get(&(operand.to_raw().ptr as usize)) {
                graph.add_edge(nodes[writer], nodes[index], ());
            }
        }
        for result in operation.results() {
            writers.insert(result.to_raw().ptr as usize, index);
        }
    }
    let order = toposort(&graph, None).map_err(|_| IrError::module("the network has a cycle"))?;
    let mut finals = vec![1u32; operations.len()];
    for node in order {
        let index = graph[node];
        let complete = graph
            .edges_directed(node, petgraph::Direction::Incoming)
            .map(|edge| finals[graph[edge.source()]])
            .max()
            .map_or_else(|| frames(operations[index]), Ok)?;
        finals[index] = match range(index, operations[index])? {
            Some((updates, delay)) => complete
                .checked_sub(1)
                .and_then(|start| start.checked_add(updates.max(1)))
                .and_then(|end| end.checked_add(delay))
                .ok_or_else(|| IrError::at(operations[index], "the network takes more than 2^32 steps"))?,
            None => complete,
        };
    }
    Ok(finals)
}

/// Steps in which an op that reads no other sends.
fn frames<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, u32> {
    let frames =
        match (mlir::view::<ann::EncodeEvents>(operation)?, mlir::view::<snn::EncodeEvents>(operation)?) {
            (Some(events), _) => events.frames,
            (_, Some(events)) => events.frames,
            _ => 1,
        };
    u32::try_from(frames).map_err(|_| IrError::at(operation, format!("{frames} is no number of frames")))
}

/// Steps after which every returned value is final.
///
/// # Errors
///
/// If the block has no return.
pub fn steps<'c>(operations: &[OperationRef<'c, '_>], finals: &[u32]) -> IrResult<'c, u32> {
    operations
        .iter()
        .zip(finals)
        .filter(|(operation, _)| mlir::has_name(**operation, "func.return"))
        .map(|(_, &steps)| steps)
        .next()
        .ok_or_else(|| IrError::module("the network returns nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{encoder, network, on_module, operation};

    fn range<'c>(_: usize, operation: OperationRef<'c, '_>) -> IrResult<'c, Option<(u32, u32)>> {
        let neuron = mlir::view::<snn::StBif>(operation)?;
        Ok(neuron.map(|neuron| (neuron.high as u32, neuron.delay as u32)))
    }

    #[test]
    fn the_longest_path_counts() {
        // Two neurons on one side of a sum and a delayed one on the other.
        let neuron = |input: &str, high: u32, delay: u32| {
            format!(
                "\"snn.st_bif\"({input}) {{threshold = dense<1> : tensor<1xi32>, initial = dense<0> : tensor<1xi32>, \
                 low = 0, high = {high}, delay = {delay}}} : (tensor<?x1xi32>) -> tensor<?x1xi32>"
            )
        };
        let body = format!(
            r#"
    %0 = "snn.encode"(%x) {{{}, every_step = false}} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = {}
    %2 = {}
    %3 = {}
    %4 = "snn.add"(%2, %3) : (tensor<?x1xi32>, tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "snn.readout"(%4) {{initial = dense<0> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<1.0> : tensor<1xf64>, average = false, start = 0}} : (tensor<?x1xi32>) -> tensor<?x1xf32>"#,
            encoder(1),
            neuron("%0", 3, 0),
            neuron("%1", 5, 0),
            neuron("%0", 4, 9),
        );
        on_module(&network("tensor<?x1xf32>", &body, "tensor<?x1xf32>"), |module| {
            let operations = mlir::operations(mlir::network_block(operation(module)).unwrap());
            let finals = final_after(&operations, range).unwrap();
            // Codes in step 0; three spikes to step 2; five from there to step 6; four, nine steps later, to step 12.
            assert_eq!(finals, [1, 3, 7, 13, 13, 13, 13]);
            assert_eq!(steps(&operations, &finals).unwrap(), 13);
            // The same with 5 frames, of which the last comes in step 4.
            let events = body
                .replace("snn.encode\"", "snn.encode_events\"")
                .replace(&encoder(1), "frames = 5, high = 9");
            let events = events.replace(", every_step = false", "");
            on_module(&network("tensor<?x1xf32>", &events, "tensor<?x1xf32>"), |module| {
                let operations = mlir::operations(mlir::network_block(operation(module)).unwrap());
                assert_eq!(final_after(&operations, range).unwrap(), [5, 7, 11, 17, 17, 17, 17]);
            });
            let endless = final_after(&operations, |_, _| Ok(Some((u32::MAX, 1))));
            assert!(endless.is_err_and(|error| error.message.contains("2^32 steps")));
        });
    }
}

//! Which channels of activations must have one step, because their levels meet in one channel with no activation in between.

use crate::{
    analysis::flow::Flow,
    mlir::{self, IrError, IrResult},
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::ann;
use petgraph::unionfind::UnionFind;
use std::collections::HashMap;

/// Groups of channels of the activations of a network, before or after `choose-thresholds`.
pub struct Sharing {
    groups: HashMap<usize, Vec<usize>>,
    count: usize,
}

impl Sharing {
    /// Goes through the network of `module`. The channels of an activation that `whole` accepts are one group in any case.
    ///
    /// # Errors
    ///
    /// If an op is malformed.
    pub fn of<'c, 'a>(
        module: OperationRef<'c, 'a>,
        whole: impl Fn(OperationRef<'c, 'a>) -> IrResult<'c, bool>,
    ) -> IrResult<'c, Self> {
        let operations = mlir::operations(mlir::network_block(module)?);
        let mut network = Network::new(&operations)?;
        for &operation in &operations {
            network.visit(operation)?;
            if network.activations.last().is_some_and(|activation| activation.operation == operation)
                && whole(operation)?
            {
                let node = network.node(mlir::result(operation)?)?;
                for channel in 1..node.channels {
                    network.sets.union(node.first, node.first + channel);
                }
            }
        }
        while network.follow_units() {}
        Ok(network.groups())
    }

    /// The group of each channel of the result of an activation; `None` for another value.
    pub fn of_value(&self, value: Value) -> Option<&[usize]> {
        self.groups.get(&key(value)).map(Vec::as_slice)
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many channels each group has.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        self.groups.values().flatten().for_each(|&group| sizes[group] += 1);
        sizes
    }
}

/// Channels of one value among those of all.
#[derive(Clone, Copy)]
struct Node {
    first: usize,
    channels: usize,
    /// Whether the value is one of levels; else it is a sum on its way into a membrane.
    level: bool,
}

struct Activation<'c, 'a> {
    operation: OperationRef<'c, 'a>,
    operand: Node,
    result: Node,
}

/// Channels of all values. Two levels are united where they meet in a channel, two sums where they must have one unit.
struct Network<'c, 'a> {
    nodes: HashMap<usize, Node>,
    sets: UnionFind<usize>,
    activations: Vec<Activation<'c, 'a>>,
}

impl<'c, 'a> Network<'c, 'a> {
    fn new(operations: &[OperationRef<'c, 'a>]) -> IrResult<'c, Self> {
        let (mut nodes, mut first) = (HashMap::new(), 0);
        for value in operations.iter().filter_map(|operation| mlir::result(*operation).ok()) {
            let channels = mlir::sample_shape(value)?.first().copied().unwrap_or(1);
            nodes.insert(key(value), Node { first, channels, level: false });
            first += channels;
        }
        Ok(Self { nodes, sets: UnionFind::new(first), activations: vec![] })
    }

    fn node(&self, value: Value<'c, 'a>) -> IrResult<'c, Node> {
        self.nodes
            .get(&key(value))
            .copied()
            .ok_or_else(|| IrError::module("the network input must be quantized first"))
    }

    fn visit(&mut self, operation: OperationRef<'c, 'a>) -> IrResult<'c, ()> {
        let op = ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let meets = match op {
            Some(ann::Op::Activation(_) | ann::Op::FakeQuantize(_)) => {
                let (operand, result) = (mlir::operand(operation)?, mlir::result(operation)?);
                self.nodes.entry(key(result)).and_modify(|node| node.level = true);
                let (operand, result) = (self.node(operand)?, self.node(result)?);
                self.activations.push(Activation { operation, operand, result });
                return Ok(());
            }
            Some(ann::Op::Add(_)) => true,
            Some(ann::Op::Concat(ann::Concat { axis })) => axis != 1,
            Some(
                ann::Op::AvgPool2d(_)
                | ann::Op::MaxPool2d(_)
                | ann::Op::Gather(_)
                | ann::Op::Permute(_)
                | ann::Op::Pad(_)
                | ann::Op::Reshape(_),
            ) => false,
            _ => return Ok(()),
        };
        let result = mlir::result(operation)?;
        let operands = operation.operands().map(|value| self.node(value)).collect::<IrResult<Vec<_>>>()?;
        // Where scales of operands meet, only a membrane brings them together; a level gets weights of its own on the way there.
        let level = !meets && operands.iter().all(|operand| operand.level);
        self.nodes.entry(key(result)).and_modify(|node| node.level = level);
        let (flow, result) = (Flow::of(operation)?, self.node(result)?);
        let mut parts = vec![None; flow.parts()];
        let same_kind =
            operands.iter().zip(flow.operand_parts()).filter(|(operand, _)| operand.level == level);
        let all = same_kind.map(|(operand, parts)| (operand.first, parts.as_slice()));
        for (first, members) in all.chain([(result.first, flow.result_parts())]) {
            for (channel, part) in members.iter().enumerate() {
                let Some(part) = *part else { continue };
                match parts[part] {
                    Some(other) => {
                        self.sets.union(other, first + channel);
                    }
                    None => parts[part] = Some(first + channel),
                }
            }
        }
        Ok(())
    }

    /// Sums of one unit that flow into an activation have one step if one of them has to share its step: threshold times unit is the
    /// step, and the unit of each follows from it. Gives whether anything was united.
    fn follow_units(&mut self) -> bool {
        let mut members = HashMap::<usize, usize>::new();
        for activation in &self.activations {
            for channel in 0..activation.result.channels {
                *members.entry(self.sets.find(activation.result.first + channel)).or_default() += 1;
            }
        }
        let mut united = false;
        for Activation { operand, result, .. } in
            self.activations.iter().filter(|activation| !activation.operand.level)
        {
            let mut units = HashMap::<usize, Vec<usize>>::new();
            for channel in 0..result.channels {
                units
                    .entry(self.sets.find(operand.first + channel))
                    .or_default()
                    .push(result.first + channel);
            }
            for channels in units.into_values().filter(|channels| channels.len() > 1) {
                if channels
                    .iter()
                    .any(|&channel| members.get(&self.sets.find(channel)).is_some_and(|&count| count > 1))
                {
                    for pair in channels.windows(2) {
                        united |= self.sets.union(pair[0], pair[1]);
                    }
                }
            }
        }
        united
    }

    fn groups(self) -> Sharing {
        let mut numbers = HashMap::new();
        let mut groups = HashMap::new();
        for Activation { operation, result, .. } in &self.activations {
            let own = (0..result.channels).map(|channel| {
                let next = numbers.len();
                *numbers.entry(self.sets.find(result.first + channel)).or_insert(next)
            });
            let own = own.collect();
            if let Ok(value) = mlir::result(*operation) {
                groups.insert(key(value), own);
            }
        }
        Sharing { groups, count: numbers.len() }
    }
}

/// Identity of a value, to look it up.
fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

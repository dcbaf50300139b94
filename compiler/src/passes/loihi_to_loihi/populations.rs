//! The mapper's view of a `loihi` module. Not a pass.

use super::microcode;
use crate::{
    loihi::network::{Home, Kernel, Network, Population, Projection, Shape, Synapses},
    mlir::{self, IrError, IrResult},
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{TensorAttr, loihi};
use neurocuda_runtime::loihi::Program;
use petgraph::graph::NodeIndex;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Name of the program that readouts run.
pub const READOUT: &str = "readout";

/// Reads the populations of a module and their synapses; with the op of each population, by its index.
///
/// # Errors
///
/// If an op does not fit its operands, or names a program that the module does not state.
pub fn read<'c, 'a>(module: OperationRef<'c, 'a>) -> IrResult<'c, (Network, Vec<OperationRef<'c, 'a>>)> {
    let programs = microcode::read(module)?;
    let mut reader =
        Reader { network: Network::new(), ops: vec![], nodes: HashMap::new(), names: Names::default() };
    for operation in mlir::operations(mlir::network_block(module)?) {
        let op = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        match op {
            Some(loihi::Op::Chip(_) | loihi::Op::Core(_) | loihi::Op::Route(_)) => {
                return Err(IrError::at(operation, "the network is on cores already"));
            }
            Some(loihi::Op::Input(_) | loihi::Op::InputEvents(_)) => {
                reader.population(operation, Home::Host, 0, 0)?;
            }
            Some(loihi::Op::Neurons(neurons)) => {
                let program = microcode::named(&programs, &neurons.program, operation)?;
                let (state, parameters) = neuron_words(&program, &neurons)?;
                reader.population(operation, Home::Cores, state, parameters)?;
                reader.charge(mlir::operand(operation)?, operation)?;
            }
            Some(loihi::Op::Readout(readout)) => {
                // The start is forgotten, and then wanted again, if the sum begins later.
                let differ = [
                    ("initial", varies(readout.initial)? && readout.start > 0),
                    ("bias", varies(readout.bias)?),
                ];
                let program = microcode::named(&programs, READOUT, operation)?;
                let (state, parameters) = words(&program, |name| differ.contains(&(name, true)));
                reader.population(operation, Home::Cores, state, parameters)?;
                reader.charge(mlir::operand(operation)?, operation)?;
            }
            _ => {}
        }
    }
    Ok((reader.network, reader.ops))
}

/// Words of state, and of parameters that differ from neuron to neuron.
fn neuron_words<'c>(program: &Program, neurons: &loihi::Neurons<'c>) -> IrResult<'c, (u64, u64)> {
    let values = neurons.parameters.read()?.to_i32()?;
    let columns = values.len() / neurons.parameter_names.len().max(1);
    let rows = neurons.parameter_names.iter().zip(values.chunks(columns.max(1)));
    let differ = rows.filter(|(_, row)| row.iter().any(|value| Some(value) != row.first()));
    let differ = differ.map(|(name, _)| name.as_str()).collect::<HashSet<_>>();
    Ok(words(program, |name| differ.contains(name)))
}

/// The same, given which parameters differ.
fn words(program: &Program, differs: impl Fn(&str) -> bool) -> (u64, u64) {
    (program.states().len() as u64, program.value_words(differs) as u64)
}

fn varies<'c>(tensor: TensorAttr<'c>) -> IrResult<'c, bool> {
    let values = tensor.read()?.to_f64();
    Ok(values.iter().any(|value| Some(value) != values.first()))
}

/// Names of populations: a layer's second one has a suffix.
#[derive(Default)]
pub struct Names(HashSet<String>);

impl Names {
    /// The name of the next population.
    pub fn of<'c>(&mut self, operation: OperationRef<'c, '_>) -> String {
        let layer = mlir::layer(operation);
        let mut name = layer.clone();
        let mut suffix = 1;
        while !self.0.insert(name.clone()) {
            name = format!("{layer}.{suffix}");
            suffix += 1;
        }
        name
    }
}

/// A population's events and the way they take.
struct Axons {
    source: NodeIndex,
    pairs: Option<Arc<[(u32, u32)]>>,
    delay: u32,
}

struct Reader<'c, 'a> {
    network: Network,
    ops: Vec<OperationRef<'c, 'a>>,
    /// Node of each population, by the address of its result.
    nodes: HashMap<usize, NodeIndex>,
    names: Names,
}

impl<'c, 'a> Reader<'c, 'a> {
    fn population(
        &mut self,
        operation: OperationRef<'c, 'a>,
        home: Home,
        state: u64,
        parameters: u64,
    ) -> IrResult<'c, ()> {
        let result = mlir::result(operation)?;
        let name = self.names.of(operation);
        let node = self.network.add_node(Population {
            name,
            source: mlir::source(operation.location()),
            shape: Shape::of(&mlir::sample_shape(result)?),
            state_words: state,
            parameter_words: parameters,
            home,
        });
        self.nodes.insert(result.to_raw().ptr as usize, node);
        self.ops.push(operation);
        Ok(())
    }

    /// Adds the synapses that make `charge`, into the population made last.
    fn charge(&mut self, charge: Value<'c, 'a>, reader: OperationRef<'c, 'a>) -> IrResult<'c, ()> {
        let target = NodeIndex::new(self.network.node_count() - 1);
        let mut tables = Vec::<(Value<'c, 'a>, Synapses, Vec<u32>)>::new();
        let mut pending = vec![charge];
        while let Some(value) = pending.pop() {
            let operation = mlir::definition(value)
                .ok_or_else(|| IrError::at(reader, "the population reads the network input"))?;
            if mlir::has_name(operation, <loihi::Accumulate as neurocuda_dialects::View>::NAME) {
                // Popped in the order of the operands.
                pending.extend(operation.operands().collect::<Vec<_>>().into_iter().rev());
                continue;
            }
            let (synapses, bits) = synapses(operation)?;
            let input = mlir::operand(operation)?;
            // The second table of weights that are too wide for one has the same synapses.
            match tables.last_mut().filter(|last| last.0 == input && same(&last.1, &synapses)) {
                Some(last) => last.2.push(bits),
                None => tables.push((input, synapses, vec![bits])),
            }
        }
        for (input, synapses, bits) in tables {
            let shape = Shape::of(&mlir::sample_shape(input)?);
            let mut sources = Vec::new();
            self.events(input, reader, &mut sources)?;
            for (number, axons) in sources.into_iter().enumerate() {
                // A shared kernel is there once, whoever sends to it.
                let shared = matches!(synapses, Synapses::Shared(_));
                let tables = if shared && number > 0 { vec![] } else { bits.clone() };
                let projection = Projection {
                    input: shape,
                    axons: axons.pairs,
                    synapses: synapses.clone(),
                    tables,
                    delay: axons.delay,
                };
                self.network.add_edge(axons.source, target, projection);
            }
        }
        Ok(())
    }

    /// The axons that bring `value`.
    fn events(
        &self,
        value: Value<'c, 'a>,
        reader: OperationRef<'c, 'a>,
        found: &mut Vec<Axons>,
    ) -> IrResult<'c, ()> {
        let operation = mlir::definition(value)
            .ok_or_else(|| IrError::at(reader, "the population reads the network input"))?;
        let op = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let (delay, pairs) = match op {
            Some(loihi::Op::Merge(_)) => {
                return operation.operands().try_for_each(|value| self.events(value, reader, found));
            }
            Some(loihi::Op::Axon(axon)) => (axon.delay, None),
            Some(loihi::Op::AxonMap(axon)) => (axon.delay, Some(pairs(axon.pairs)?)),
            _ => return Err(IrError::at(operation, "synapses read axons, and this op is none")),
        };
        let source = mlir::operand(operation)?;
        let source = self.nodes.get(&(source.to_raw().ptr as usize)).copied();
        let source = source.ok_or_else(|| IrError::at(operation, "the axons start at no population"))?;
        let delay =
            u32::try_from(delay).map_err(|_| IrError::at(operation, "`delay` is no number of steps"))?;
        let (from, to) =
            (self.network[source].shape.elements(), mlir::sample_shape(value)?.iter().product::<usize>());
        if pairs
            .iter()
            .flat_map(|pairs| pairs.iter())
            .any(|pair| pair.0 as usize >= from || pair.1 as usize >= to)
        {
            return Err(IrError::at(operation, "`pairs` names an element that is not there"));
        }
        if pairs.is_none() && from != to {
            return Err(IrError::at(
                operation,
                "the axons end at another number of elements than they start at",
            ));
        }
        // Under another shape the elements are the same, but their places are not.
        let shape = Shape::of(&mlir::sample_shape(value)?);
        let pairs = match pairs {
            None if shape != self.network[source].shape => {
                Some((0..from as u32).map(|element| (element, element)).collect())
            }
            pairs => pairs,
        };
        found.push(Axons { source, pairs, delay });
        Ok(())
    }
}

/// What a table of synapses connects, and the bits of its weights.
fn synapses<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, (Synapses, u32)> {
    let op = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
    let result = mlir::sample_shape(mlir::result(operation)?)?;
    let (synapses, bits) = match op {
        Some(loihi::Op::Dense(dense)) => (Synapses::Dense, dense.weight_bits),
        Some(loihi::Op::Conv(conv)) => (Synapses::Shared(kernel(operation, &conv)?), conv.weight_bits),
        Some(loihi::Op::Identity(identity)) => {
            let channels = result.first().copied().unwrap_or(1);
            (Synapses::Shared(Kernel::identity(channels)), identity.weight_bits)
        }
        Some(loihi::Op::Sparse(sparse)) => {
            let input = mlir::sample_shape(mlir::operand(operation)?)?.iter().product::<usize>();
            let neurons = result.iter().product::<usize>();
            let pairs = pairs(sparse.pairs)?;
            if pairs.iter().any(|pair| pair.0 as usize >= input || pair.1 as usize >= neurons) {
                return Err(IrError::at(operation, "`pairs` names an element that is not there"));
            }
            (Synapses::Sparse(pairs), sparse.weight_bits)
        }
        _ => return Err(IrError::at(operation, "a population reads synapses, and this op is none")),
    };
    match u32::try_from(bits) {
        Ok(bits @ 1..=8) => Ok((synapses, bits)),
        _ => Err(IrError::at(operation, format!("`weight_bits` is {bits}; 1 to 8 are possible"))),
    }
}

fn kernel<'c>(operation: OperationRef<'c, '_>, conv: &loihi::Conv<'c>) -> IrResult<'c, Kernel> {
    let misfit = || IrError::at(operation, "the kernel's attributes do not fit together");
    let shape = conv.weight.shape();
    let last = |values: &[i64], least: i64| {
        let value = values.last().copied().filter(|&value| value >= least);
        value.and_then(|value| usize::try_from(value).ok()).ok_or_else(misfit)
    };
    let [_, _, rows @ .., columns] = shape.as_slice() else { return Err(misfit()) };
    let groups = usize::try_from(conv.groups).ok().filter(|&groups| groups > 0).ok_or_else(misfit)?;
    Ok(Kernel {
        rows: rows.iter().product(),
        columns: (*columns).max(1),
        stride: last(&conv.stride, 1)?,
        padding: last(&conv.padding, 0)?,
        dilation: last(&conv.dilation, 1)?,
        groups,
    })
}

fn same(a: &Synapses, b: &Synapses) -> bool {
    match (a, b) {
        (Synapses::Dense, Synapses::Dense) => true,
        (Synapses::Shared(a), Synapses::Shared(b)) => a == b,
        (Synapses::Sparse(a), Synapses::Sparse(b)) => a == b,
        _ => false,
    }
}

/// Pairs in ascending order.
fn pairs<'c>(tensor: TensorAttr<'c>) -> IrResult<'c, Arc<[(u32, u32)]>> {
    let values = tensor.read()?.to_i32()?;
    let pair = |pair: &[i32; 2]| Some((u32::try_from(pair[0]).ok()?, u32::try_from(pair[1]).ok()?));
    let mut found = values
        .as_chunks::<2>()
        .0
        .iter()
        .map(pair)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| IrError::module("`pairs` names an element that is not there"))?;
    found.sort_unstable();
    Ok(found.into())
}

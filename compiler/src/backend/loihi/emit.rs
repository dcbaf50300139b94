//! A `loihi` module on cores as the chip program of an artifact.

use crate::{
    backend::cpu::to_runtime,
    mlir::{self, IrError, IrResult},
    passes::loihi_to_loihi::{
        attach_program::ATTACHED,
        microcode::{self, Programs},
        populations::{Names, READOUT},
    },
};
use melior::ir::{Module, OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{TensorAttr, View, loihi};
use neurocuda_runtime::artifact::{
    self, Program,
    chip_program::{
        ChipAxon, ChipCore, ChipLayout, ChipNeurons, ChipPopulation, ChipProgram, ChipRoute, ChipSynapses,
        ChipTable,
    },
    program::OpKind,
};
use std::collections::{BTreeMap, HashMap};

/// Emits `module`, whose spiking network became `program`; with the tensors of the chip program.
///
/// # Errors
///
/// If the module is not on cores, or is not of that network.
pub fn emit<'c>(
    module: &Module<'c>,
    program: &Program,
) -> IrResult<'c, (ChipProgram, BTreeMap<String, artifact::Tensor>)> {
    let named = |wanted: fn(&OpKind) -> bool| {
        let ops = program.ops.iter().filter(|op| wanted(&op.kind)).map(|op| op.name.clone());
        ops.collect::<Vec<_>>().into_iter()
    };
    let mut encoders = named(|kind| matches!(kind, OpKind::Encode { .. } | OpKind::EncodeEvents { .. }));
    let mut neurons = named(OpKind::is_neuron);
    let mut readouts = named(|kind| matches!(kind, OpKind::Readout { .. }));
    let mut emitter = Emitter { stated: microcode::read(module.as_operation())?, ..Emitter::default() };
    let mut chip = None;
    let mut cores = vec![];
    for operation in mlir::operations(mlir::network_block(module.as_operation())?) {
        let op = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        match op {
            Some(loihi::Op::Input(_) | loihi::Op::InputEvents(_)) => {
                emitter.population(operation, encoders.next(), None)?;
            }
            Some(loihi::Op::Neurons(own)) => {
                let name = neurons.next();
                let parameters = emitter.tensor(name.as_deref(), "parameters", to_runtime(own.parameters)?);
                let run = emitter.neurons(operation, own.program, own.parameter_names, parameters)?;
                emitter.population(operation, name, Some(run))?;
            }
            Some(loihi::Op::Readout(own)) => {
                let name = readouts.next();
                let (names, values) = readout_parameters(operation, &own)?;
                let parameters = emitter.tensor(name.as_deref(), "parameters", values);
                let run = emitter.neurons(operation, READOUT.to_owned(), names, parameters)?;
                emitter.population(operation, name, Some(run))?;
            }
            Some(loihi::Op::Chip(own)) => chip = Some(layout(operation, &own)?),
            Some(loihi::Op::Core(own)) => cores.push(emitter.core(operation, &own)?),
            Some(loihi::Op::Route(own)) => route(operation, &own, &mut cores)?,
            _ => {}
        }
    }
    let left = encoders.chain(neurons).chain(readouts).next();
    if let Some(left) = left {
        return Err(IrError::module(format!("`{left}` is no population")));
    }
    let chip = chip.ok_or_else(|| IrError::module("the network is on no cores: run `map-to-cores` first"))?;
    let Emitter { programs, populations, tensors, .. } = emitter;
    Ok((ChipProgram { chip, programs, populations, cores }, tensors))
}

#[derive(Default)]
struct Emitter {
    /// Programs of the module.
    stated: Programs,
    /// Texts of those that populations run.
    programs: BTreeMap<String, String>,
    populations: Vec<ChipPopulation>,
    /// Number of each population, by the address of its result.
    numbers: HashMap<usize, usize>,
    names: Names,
    by_name: HashMap<String, usize>,
    tensors: BTreeMap<String, artifact::Tensor>,
}

impl Emitter {
    fn population<'c>(
        &mut self,
        operation: OperationRef<'c, '_>,
        op: Option<String>,
        neurons: Option<ChipNeurons>,
    ) -> IrResult<'c, ()> {
        let op = op.ok_or_else(|| IrError::at(operation, "the spiking network has no such layer"))?;
        let synapses = match &neurons {
            Some(_) => self.charge(&op, mlir::operand(operation)?, operation)?,
            None => vec![],
        };
        let number = self.populations.len();
        self.numbers.insert(mlir::result(operation)?.to_raw().ptr as usize, number);
        self.by_name.insert(self.names.of(operation), number);
        self.populations.push(ChipPopulation { op, neurons, synapses });
        Ok(())
    }

    /// A tensor under the name of an op and what it is of it.
    fn tensor(&mut self, op: Option<&str>, what: &str, tensor: artifact::Tensor) -> String {
        let wanted = format!("loihi.{}.{what}", op.unwrap_or_default());
        let mut name = wanted.clone();
        let mut suffix = 1;
        while self.tensors.get(&name).is_some_and(|other| *other != tensor) {
            name = format!("{wanted}.{suffix}");
            suffix += 1;
        }
        self.tensors.insert(name.clone(), tensor);
        name
    }

    /// A tensor of the module.
    fn attribute<'c>(&mut self, op: &str, what: &str, tensor: TensorAttr<'c>) -> IrResult<'c, String> {
        Ok(self.tensor(Some(op), what, to_runtime(tensor)?))
    }

    fn neurons<'c>(
        &mut self,
        operation: OperationRef<'c, '_>,
        program: String,
        parameter_names: Vec<String>,
        parameters: String,
    ) -> IrResult<'c, ChipNeurons> {
        let text = microcode::named(&self.stated, &program, operation)?.to_string();
        self.programs.insert(program.clone(), text);
        let attached = operation.has_attribute(ATTACHED);
        Ok(ChipNeurons { program, attached, parameter_names, parameters })
    }

    /// The tables of synapses that make what accumulators hold.
    fn charge<'c>(
        &mut self,
        op: &str,
        charge: Value<'c, '_>,
        reader: OperationRef<'c, '_>,
    ) -> IrResult<'c, Vec<ChipSynapses>> {
        let mut tables = vec![];
        let mut pending = vec![charge];
        while let Some(value) = pending.pop() {
            let operation = mlir::definition(value)
                .ok_or_else(|| IrError::at(reader, "the population reads the network input"))?;
            if mlir::has_name(operation, loihi::Accumulate::NAME) {
                // Popped in the order of the operands.
                pending.extend(operation.operands().collect::<Vec<_>>().into_iter().rev());
                continue;
            }
            let input = mlir::operand(operation)?;
            let mut axons = vec![];
            self.axons(op, input, reader, &mut axons)?;
            let input = mlir::sample_shape(input)?;
            tables.push(self.table(op, operation, axons, input)?);
        }
        Ok(tables)
    }

    fn table<'c>(
        &mut self,
        op: &str,
        operation: OperationRef<'c, '_>,
        axons: Vec<ChipAxon>,
        input: Vec<usize>,
    ) -> IrResult<'c, ChipSynapses> {
        let view = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let size = |value: i64| {
            usize::try_from(value).map_err(|_| IrError::at(operation, format!("{value} is no size")))
        };
        let sizes = |list: &[i64]| list.iter().map(|&value| size(value)).collect::<IrResult<Vec<_>>>();
        let (table, exponent, weight_bits, sign_mode) = match view {
            Some(loihi::Op::Dense(own)) => (
                ChipTable::Dense { weight: self.attribute(op, "synapses", own.weight)? },
                own.exponent,
                own.weight_bits,
                own.sign_mode,
            ),
            Some(loihi::Op::Conv(own)) => {
                let table = ChipTable::Conv {
                    weight: self.attribute(op, "synapses", own.weight)?,
                    stride: sizes(&own.stride)?,
                    padding: sizes(&own.padding)?,
                    dilation: sizes(&own.dilation)?,
                    groups: size(own.groups)?,
                };
                (table, own.exponent, own.weight_bits, own.sign_mode)
            }
            Some(loihi::Op::Identity(own)) => (
                ChipTable::Identity { weight: self.attribute(op, "synapses", own.weight)? },
                own.exponent,
                own.weight_bits,
                own.sign_mode,
            ),
            Some(loihi::Op::Sparse(own)) => {
                let table = ChipTable::Sparse {
                    pairs: self.attribute(op, "pairs", own.pairs)?,
                    weight: self.attribute(op, "synapses", own.weight)?,
                };
                (table, own.exponent, own.weight_bits, own.sign_mode)
            }
            _ => return Err(IrError::at(operation, "a population reads synapses, and this op is none")),
        };
        let exponent =
            i32::try_from(exponent).map_err(|_| IrError::at(operation, "`exponent` is too large"))?;
        let weight_bits =
            u32::try_from(weight_bits).map_err(|_| IrError::at(operation, "`weight_bits` is no width"))?;
        Ok(ChipSynapses { axons, input, table, exponent, weight_bits, sign_mode })
    }

    /// The axons that bring `value`.
    fn axons<'c>(
        &mut self,
        op: &str,
        value: Value<'c, '_>,
        reader: OperationRef<'c, '_>,
        found: &mut Vec<ChipAxon>,
    ) -> IrResult<'c, ()> {
        let operation = mlir::definition(value)
            .ok_or_else(|| IrError::at(reader, "the population reads the network input"))?;
        let view = loihi::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let (delay, pairs) = match view {
            Some(loihi::Op::Merge(_)) => {
                let operands = operation.operands().collect::<Vec<_>>();
                return operands.into_iter().try_for_each(|value| self.axons(op, value, reader, found));
            }
            Some(loihi::Op::Axon(axon)) => (axon.delay, None),
            Some(loihi::Op::AxonMap(axon)) => (axon.delay, Some(self.attribute(op, "axons", axon.pairs)?)),
            _ => return Err(IrError::at(operation, "synapses read axons, and this op is none")),
        };
        let source = mlir::operand(operation)?;
        let population = self.numbers.get(&(source.to_raw().ptr as usize)).copied();
        let population =
            population.ok_or_else(|| IrError::at(operation, "the axons start at no population"))?;
        let delay =
            u32::try_from(delay).map_err(|_| IrError::at(operation, "`delay` is no number of steps"))?;
        found.push(ChipAxon { population, delay, pairs });
        Ok(())
    }

    fn core<'c>(&self, operation: OperationRef<'c, '_>, core: &loihi::Core) -> IrResult<'c, ChipCore> {
        let population = self.by_name.get(&core.population).copied();
        let place = numbers::<u32, 4>(&core.place);
        let (start, end) = (numbers::<usize, 2>(&core.start), numbers::<usize, 2>(&core.end));
        match (population, place, start, end) {
            (Some(population), Some(place), Some(start), Some(end)) => Ok(ChipCore {
                place,
                population,
                channels: [start[0], end[0]],
                columns: [start[1], end[1]],
                routes: vec![],
            }),
            _ => Err(IrError::at(operation, "the core has no population, place or slice")),
        }
    }
}

/// Exactly so many numbers.
fn numbers<T: TryFrom<i64>, const N: usize>(values: &[i64]) -> Option<[T; N]> {
    let values = values.iter().map(|&value| T::try_from(value).ok()).collect::<Option<Vec<_>>>()?;
    values.try_into().ok()
}

/// The routes of a core, which stands before them.
fn route<'c>(
    operation: OperationRef<'c, '_>,
    route: &loihi::Route,
    cores: &mut [ChipCore],
) -> IrResult<'c, ()> {
    let wrong = || IrError::at(operation, "the route starts or ends at no core");
    let from = usize::try_from(route.from).ok().and_then(|from| cores.get_mut(from)).ok_or_else(wrong)?;
    for (&to, &hops) in route.to.iter().zip(&route.hops) {
        let to = usize::try_from(to).map_err(|_| wrong())?;
        let hops = u32::try_from(hops).map_err(|_| wrong())?;
        from.routes.push(ChipRoute { to, hops });
    }
    Ok(())
}

fn layout<'c>(operation: OperationRef<'c, '_>, chip: &loihi::Chip) -> IrResult<'c, ChipLayout> {
    let number = |value: i64| {
        u32::try_from(value).map_err(|_| IrError::at(operation, format!("{value} is no size of a chip")))
    };
    let mesh = numbers(&chip.mesh).ok_or_else(|| IrError::at(operation, "`mesh` has three sizes"))?;
    Ok(ChipLayout {
        name: chip.name.clone(),
        chips: number(chip.chips)?,
        cores: number(chip.cores)?,
        mesh,
        accumulator_bits: number(chip.accumulator_bits)?,
        state_bits: number(chip.state_bits)?,
        payload_bits: number(chip.payload_bits)?,
    })
}

/// Names and values of a readout's parameters, by channel or by neuron.
fn readout_parameters<'c>(
    operation: OperationRef<'c, '_>,
    readout: &loihi::Readout<'c>,
) -> IrResult<'c, (Vec<String>, artifact::Tensor)> {
    let (initial, bias) = (readout.initial.read()?.to_i32()?, readout.bias.read()?.to_i32()?);
    let shape = mlir::sample_shape(mlir::result(operation)?)?;
    let channels = shape.first().copied().unwrap_or(1).max(1);
    let columns = initial.len().max(bias.len());
    let plane = columns / channels;
    let spread = |values: Vec<i32>| -> Vec<i32> {
        let times = if values.len() == columns { 1 } else { plane.max(1) };
        values.into_iter().flat_map(|value| std::iter::repeat_n(value, times)).collect()
    };
    let number = |value: i64| {
        i32::try_from(value).map_err(|_| IrError::at(operation, format!("{value} does not fit 32 bits")))
    };
    let mut values = vec![number(readout.gain)?; columns];
    values.extend(vec![number(readout.start)?; columns]);
    values.extend(spread(initial));
    values.extend(spread(bias));
    let names = ["gain", "start", "initial", "bias"].map(str::to_owned).to_vec();
    let stored = artifact::Tensor::from_values(vec![names.len(), columns], &values);
    Ok((names, stored.map_err(|error| IrError::at(operation, error.to_string()))?))
}

//! Loads the chip program of an artifact, and refuses what does not hold together.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{
    Layer, Simulator,
    core::{Axon, Core, Projection},
    region::{Extent, Slice},
    rows::Rows,
    table::{Axis, KernelWeights, Table},
};
use crate::{
    artifact::{
        Artifact, ArtifactError, Element,
        chip_program::{ChipCore, ChipPopulation, ChipProgram, ChipSynapses, ChipTable},
        limits::MAX_WINDOW_PAIRS,
        program::OpKind,
    },
    loihi::{
        Population, Program, Settings, execute::Executor, program::ValueKind, synapse::MAX_DELAY,
        verify::accept,
    },
};

/// Most cores of a network.
const MAX_CORES: usize = 1 << 14;

/// Most weights of all cores together, where those that share a kernel count once.
const MAX_WEIGHTS: usize = 1 << 29;

/// What is wrong, as a sentence.
type Problem = String;

impl Simulator {
    /// Loads an artifact.
    ///
    /// # Errors
    /// `artifact-invalid`: the artifact was not compiled for Loihi 2, or its chip program does not hold together.
    pub fn new(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let program = artifact.manifest.chips.as_ref().ok_or_else(|| {
            ArtifactError::invalid(
                "manifest",
                "it was not compiled for Loihi 2; compile it with --target loihi",
            )
        })?;
        let chip = &program.chip;
        for (name, bits) in [("accumulator_bits", chip.accumulator_bits), ("payload_bits", chip.payload_bits)]
        {
            if !(2..=32).contains(&bits) {
                return Err(ArtifactError::invalid("chips", format!("`{name}` is {bits}, not 2 to 32")));
            }
        }
        if program.cores.len() > MAX_CORES {
            let problem = format!("{} cores; at most {MAX_CORES} are simulated", program.cores.len());
            return Err(ArtifactError::invalid("chips", problem));
        }
        let routes = routes(program).map_err(|problem| ArtifactError::invalid("chips", problem))?;
        let mut loader = Loader { artifact, program, programs: BTreeMap::new(), routes, weights: 0 };
        let mut layers: Vec<Layer> = vec![];
        let mut tables = vec![];
        for (number, population) in program.populations.iter().enumerate() {
            let place = || format!("chip population `{}`", population.op);
            let (layer, sources) = loader
                .population(number, &layers)
                .map_err(|problem| ArtifactError::invalid(place(), problem))?;
            for axon in layer.projections.iter().flat_map(|projection| &projection.axons) {
                if let Some(source) = layers.get_mut(axon.population) {
                    source.memory = source.memory.max(axon.delay + 1);
                }
            }
            layers.push(layer);
            tables.push(sources);
        }
        let mut cores = vec![];
        for (number, core) in program.cores.iter().enumerate() {
            let place = format!("chip core {number}");
            let core = loader.core(core, number, &mut layers, &mut tables);
            cores.push(core.map_err(|problem| ArtifactError::invalid(place, problem))?);
        }
        for (layer, population) in layers.iter().zip(&program.populations).skip(1) {
            covered(layer, &program.cores).map_err(|problem| {
                ArtifactError::invalid(format!("chip population `{}`", population.op), problem)
            })?;
        }
        Ok(Self { layers, cores, accumulator_bits: chip.accumulator_bits, payload_bits: chip.payload_bits })
    }
}

/// Cores that have a route to each core, ascending, with the hops.
fn routes(program: &ChipProgram) -> Result<Vec<Vec<(usize, u32)>>, Problem> {
    let mut ending = vec![vec![]; program.cores.len()];
    for (from, core) in program.cores.iter().enumerate() {
        for route in &core.routes {
            let ending: &mut Vec<(usize, u32)> = ending
                .get_mut(route.to)
                .ok_or_else(|| format!("core {from} has a route to core {}, which is not there", route.to))?;
            if ending.last().is_some_and(|last| last.0 == from) {
                return Err(format!("core {from} has two routes to core {}", route.to));
            }
            ending.push((from, route.hops));
        }
    }
    Ok(ending)
}

/// Every neuron is on one core.
fn covered(layer: &Layer, cores: &[ChipCore]) -> Result<(), Problem> {
    let mut seen = vec![false; layer.extent.channels * layer.extent.columns];
    for core in layer.cores.iter().filter_map(|&number| cores.get(number)) {
        for channel in range(core.channels) {
            for column in range(core.columns) {
                match seen.get_mut(channel * layer.extent.columns + column) {
                    Some(seen) if !*seen => *seen = true,
                    _ => return Err(format!("channel {channel}, column {column} is on two cores")),
                }
            }
        }
    }
    if seen.iter().all(|&seen| seen) { Ok(()) } else { Err("some of its neurons are on no core".to_owned()) }
}

fn range([start, end]: [usize; 2]) -> Range<usize> {
    start..end
}

/// What the cores of a population share of a table of synapses.
enum Source {
    Kernel {
        input: Extent,
        axes: Vec<Axis>,
        /// Groups, input channels of a group, and taps.
        sizes: [usize; 3],
        weights: Vec<i16>,
        /// By channels of the slice.
        shared: BTreeMap<[usize; 2], Arc<KernelWeights>>,
    },
    Dense {
        inputs: usize,
        weights: Vec<i16>,
    },
    List {
        inputs: usize,
        pairs: Vec<(u32, u32)>,
        weights: Vec<i16>,
    },
}

struct Loader<'a> {
    artifact: &'a Artifact,
    program: &'a ChipProgram,
    programs: BTreeMap<String, Program>,
    /// Routes that end on each core.
    routes: Vec<Vec<(usize, u32)>>,
    weights: usize,
}

impl Loader<'_> {
    fn tensor<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>, Problem> {
        let tensor = self.artifact.tensors.get(name).ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if tensor.shape() != shape {
            return Err(format!("tensor `{name}` has the shape {:?}, not {shape:?}", tensor.shape()));
        }
        tensor.values().map_err(|error| format!("tensor `{name}`: {error}"))
    }

    /// Pairs of an element of the one and of the other.
    fn pairs(&self, name: &str, from: usize, to: usize) -> Result<Vec<(u32, u32)>, Problem> {
        let length = self.artifact.tensors.get(name).and_then(|tensor| tensor.shape().first()).copied();
        let values = self.tensor::<i32>(name, &[length.unwrap_or(0), 2])?;
        let within =
            |index: i32, size: usize| u32::try_from(index).ok().filter(|&index| (index as usize) < size);
        let pair = |pair: &[i32; 2]| Some((within(pair[0], from)?, within(pair[1], to)?));
        let pairs = values.as_chunks().0.iter().map(pair).collect::<Option<Vec<_>>>();
        pairs.ok_or_else(|| format!("tensor `{name}` names an element that is not there"))
    }

    fn shape(&self, op: &str) -> Result<(Vec<usize>, &OpKind), Problem> {
        let program = self.artifact.program();
        let found = program.ops.iter().find(|own| own.name == op);
        let found = found.and_then(|own| Some((program.values.get(own.output)?.clone(), &own.kind)));
        found.ok_or_else(|| "the artifact's program has no such op".to_owned())
    }

    fn population(&mut self, number: usize, before: &[Layer]) -> Result<(Layer, Vec<Source>), Problem> {
        let population: &ChipPopulation = &self.program.populations[number];
        let (shape, kind) = self.shape(&population.op)?;
        let is_input = matches!(kind, OpKind::Encode { .. } | OpKind::EncodeEvents { .. });
        let wanted = match (is_input, population.neurons.is_some(), number) {
            (true, false, 0) => Ok(()),
            (false, true, 1..) if kind.is_neuron() || matches!(kind, OpKind::Readout { .. }) => Ok(()),
            _ => {
                Err("the first population is the encoder, and all others are neurons or readouts".to_owned())
            }
        };
        wanted?;
        let extent = Extent::of(&shape);
        let mut layer = Layer { extent, projections: vec![], cores: vec![], memory: 1, states: vec![] };
        let mut sources = vec![];
        for synapses in &population.synapses {
            layer.projections.push(self.projection(synapses, before)?);
            sources.push(self.source(synapses, &shape)?);
        }
        if let Some(neurons) = &population.neurons {
            let text = self.program.programs.get(&neurons.program);
            let text = text.ok_or_else(|| format!("program `{}` is missing", neurons.program))?;
            if !self.programs.contains_key(&neurons.program) {
                let program = Program::parse(text, &neurons.program).map_err(|error| error.to_string())?;
                accept(&program).map_err(|error| error.to_string())?;
                self.programs.insert(neurons.program.clone(), program);
            }
            let program = self.programs.get(&neurons.program);
            layer.states =
                program.map_or(vec![], |own| own.states().iter().map(|word| word.name.clone()).collect());
        }
        Ok((layer, sources))
    }

    fn projection(&self, synapses: &ChipSynapses, before: &[Layer]) -> Result<Projection, Problem> {
        if !(-24..=24).contains(&synapses.exponent) {
            return Err(format!("exponent {} is not between -24 and 24", synapses.exponent));
        }
        let elements = elements(&synapses.input)?;
        let mut axons = vec![];
        for axon in &synapses.axons {
            let source = before.get(axon.population).ok_or("an axon starts at no earlier population")?;
            let delay = axon.delay as usize;
            if delay > MAX_DELAY || (delay == 0) != (axon.population == 0) {
                return Err(format!(
                    "an axon of population {} has a delay of {delay} steps; the host's is 0, others 1 to {MAX_DELAY}",
                    axon.population
                ));
            }
            let moved = match &axon.pairs {
                None if source.extent.elements() != elements => {
                    return Err(format!(
                        "an axon leads from {} elements to {elements} without pairs",
                        source.extent.elements()
                    ));
                }
                None => None,
                Some(name) => {
                    let mut pairs = self.pairs(name, source.extent.elements(), elements)?;
                    pairs.sort_unstable();
                    Some(Rows::sorted(source.extent.elements(), pairs))
                }
            };
            axons.push(Axon { population: axon.population, delay, moved });
        }
        Ok(Projection { axons, exponent: synapses.exponent })
    }

    fn source(&self, synapses: &ChipSynapses, shape: &[usize]) -> Result<Source, Problem> {
        let (inputs, outputs) = (elements(&synapses.input)?, elements(shape)?);
        let input = Extent::of(&synapses.input);
        Ok(match &synapses.table {
            ChipTable::Dense { weight } => {
                Source::Dense { inputs, weights: self.tensor(weight, &[outputs, inputs])? }
            }
            ChipTable::Sparse { pairs, weight } => {
                let pairs = self.pairs(pairs, inputs, outputs)?;
                let weights = self.tensor(weight, &[pairs.len()])?;
                Source::List { inputs, pairs, weights }
            }
            ChipTable::Identity { weight } => {
                if synapses.input != shape {
                    return Err(format!("identity synapses lead from {:?} to {shape:?}", synapses.input));
                }
                let channels = input.channels;
                let axis = |size: usize| Axis {
                    input: size,
                    output: size,
                    taps: 1,
                    stride: 1,
                    padding: 0,
                    dilation: 1,
                };
                Source::Kernel {
                    input,
                    axes: vec![axis(input.rows), axis(input.columns)],
                    sizes: [channels, 1, 1],
                    weights: self.tensor(weight, &[channels])?,
                    shared: BTreeMap::new(),
                }
            }
            ChipTable::Conv { weight, stride, padding, dilation, groups } => {
                let (&[channels, ref from @ ..], &[out, ref to @ ..]) = (&synapses.input[..], shape) else {
                    return Err("a convolution has no channels".to_owned());
                };
                let axes = from.len();
                let fits = (1..=3).contains(&axes)
                    && [to.len(), stride.len(), padding.len(), dilation.len()] == [axes; 4]
                    && *groups > 0
                    && channels % groups == 0
                    && out % groups == 0;
                let tensor = self
                    .artifact
                    .tensors
                    .get(weight)
                    .ok_or_else(|| format!("tensor `{weight}` is missing"))?;
                let taps = match tensor.shape() {
                    [_, _, taps @ ..] if fits && taps.len() == axes => taps.to_vec(),
                    _ => {
                        return Err(format!(
                            "a convolution of {:?} to {shape:?} does not fit",
                            synapses.input
                        ));
                    }
                };
                let weights = self.tensor(weight, &[&[out, channels / groups], taps.as_slice()].concat())?;
                let axis = |axis: usize| Axis {
                    input: from[axis],
                    output: to[axis],
                    taps: taps[axis],
                    stride: stride[axis],
                    padding: padding[axis],
                    dilation: dilation[axis],
                };
                let list = (0..axes).map(axis).collect::<Vec<_>>();
                let (places, all) = (from.iter().product::<usize>(), taps.iter().product::<usize>());
                if !list.iter().all(Axis::fits) || places.saturating_mul(all) > MAX_WINDOW_PAIRS {
                    return Err(format!("a convolution of {:?} to {shape:?} does not fit", synapses.input));
                }
                Source::Kernel {
                    input,
                    axes: list,
                    sizes: [*groups, channels / groups, all],
                    weights,
                    shared: BTreeMap::new(),
                }
            }
        })
    }

    fn core(
        &mut self,
        core: &ChipCore,
        number: usize,
        layers: &mut [Layer],
        sources: &mut [Vec<Source>],
    ) -> Result<Core, Problem> {
        let population = self.program.populations.get(core.population).filter(|own| own.neurons.is_some());
        let (Some(population), Some(layer), Some(sources)) =
            (population, layers.get_mut(core.population), sources.get_mut(core.population))
        else {
            return Err(format!("it has a slice of population {}, which has no neurons", core.population));
        };
        let whole = layer.extent;
        let (channels, columns) = (range(core.channels), range(core.columns));
        if channels.is_empty()
            || columns.is_empty()
            || channels.end > whole.channels
            || columns.end > whole.columns
        {
            return Err(format!("its slice {channels:?}, {columns:?} is no part of its population"));
        }
        layer.cores.push(number);
        let slice = Slice { whole, channels, columns };
        let mut tables = vec![];
        for source in sources {
            tables.push(self.table(source, &slice)?);
        }
        let elements = slice.elements();
        let (neurons, executor) = self.neurons(population, &elements, whole)?;
        let routes = self.routes.get_mut(number).map(std::mem::take).unwrap_or_default();
        Ok(Core { population: core.population, tables, elements, routes, neurons, executor })
    }

    fn table(&mut self, source: &mut Source, slice: &Slice) -> Result<Table, Problem> {
        let (table, weights) = match source {
            Source::Kernel { input, axes, sizes, weights, shared } => {
                let key = [slice.channels.start, slice.channels.end];
                let new = !shared.contains_key(&key);
                let own = shared
                    .entry(key)
                    .or_insert_with(|| Arc::new(KernelWeights::new(slice, input.channels, *sizes, weights)));
                (Table::kernel(slice, *input, axes, Arc::clone(own)), if new { own.len() } else { 0 })
            }
            Source::Dense { inputs, weights } => {
                (Table::dense(slice, *inputs, weights), slice.neurons() * *inputs)
            }
            Source::List { inputs, pairs, weights } => {
                (Table::list(slice, *inputs, pairs, weights), *inputs + pairs.len())
            }
        };
        self.weights = self.weights.saturating_add(weights);
        if self.weights > MAX_WEIGHTS {
            return Err(format!("the cores have more than {MAX_WEIGHTS} weights together"));
        }
        Ok(table)
    }

    /// Neurons of a core before the first step.
    fn neurons(
        &self,
        population: &ChipPopulation,
        elements: &[u32],
        whole: Extent,
    ) -> Result<(Population, Executor), Problem> {
        let neurons = population.neurons.as_ref().ok_or("it has no neurons")?;
        let program = self.programs.get(&neurons.program).ok_or("its program is missing")?;
        let (_, kind) = self.shape(&population.op)?;
        let ends = if kind.is_neuron() { program.outputs().len() == 1 } else { !program.probes().is_empty() };
        if program.ports().len() != 1 || !ends {
            return Err(format!(
                "program `{}` needs one port, and one output for neurons or a probe for a readout",
                neurons.program
            ));
        }
        let columns =
            self.artifact.tensors.get(&neurons.parameters).and_then(|tensor| tensor.shape().get(1)).copied();
        let columns = columns.filter(|columns| [whole.channels, whole.elements()].contains(columns));
        let columns = columns.ok_or("its parameters are neither by channel nor by neuron")?;
        let values = self.tensor::<i32>(&neurons.parameters, &[neurons.parameter_names.len(), columns])?;
        let by_neuron = columns == whole.elements();
        let mut settings = Settings::default();
        for (name, row) in neurons.parameter_names.iter().zip(values.chunks(columns)) {
            let declared = program.values().iter().find(|value| value.name == *name);
            let value = |element: u32| {
                let at = if by_neuron { element as usize } else { element as usize / whole.plane().max(1) };
                row.get(at).copied().unwrap_or_default()
            };
            let shared = matches!(declared.map(|value| &value.kind), Some(ValueKind::Shared(_)));
            if shared && row.iter().any(|value| Some(value) != row.first()) {
                return Err(format!("parameter `{name}` is one number for all neurons"));
            }
            settings = settings.row(name, elements.iter().map(|&element| value(element)));
        }
        let neurons =
            Population::new(program, elements.len(), &settings).map_err(|error| error.to_string())?;
        let executor = Executor::new(program, &neurons).map_err(|error| error.to_string())?;
        Ok((neurons, executor))
    }
}

fn elements(shape: &[usize]) -> Result<usize, Problem> {
    let product = shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
    let limit = crate::artifact::limits::MAX_ELEMENTS;
    product.filter(|&product| (1..=limit).contains(&product)).ok_or_else(|| format!("{shape:?} is no shape"))
}

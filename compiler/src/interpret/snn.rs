//! The `snn` dialect: what each op does in one timestep.

use super::{
    ann,
    decode::{Action, Problem, Site, all_positive, channels, int32, integers, is_i32, range, reals, size},
    kernels::{Geometry, Kernel, add, conv, linear, reshape},
};
use crate::mlir::Number;
use neurocuda_dialects::{TensorAttr, snn::Op};
use neurocuda_runtime::loihi::{Population, Program, interpret};

/// Longest delay of a layer of neurons, in steps; bounds what is kept in flight.
const MAX_DELAY: usize = 1024;

/// An op of a timestep.
pub(super) enum Spiking {
    /// Linear and without bias: events in, events out, silence to silence.
    Synapse(Kernel),
    /// Codes of the network's input.
    Encode {
        /// Computes them.
        kernel: Kernel,
        /// Whether they are sent in every step instead of the first only.
        every_step: bool,
    },
    /// Events of the network's input, a frame a step.
    EncodeEvents {
        /// Makes integers of the counts of a frame.
        kernel: Kernel,
        /// Most frames of a sample.
        frames: usize,
    },
    /// Difference of maxima of running sums.
    MaxPool(Kernel),
    /// What a layer sends, on its way.
    Axon {
        /// Moves events to where they arrive.
        kernel: Kernel,
        /// Steps that they take.
        delay: usize,
    },
    /// A layer of neurons.
    Neuron(Neuron),
    /// A layer of neurons that run a program.
    Program(Box<Programmed>),
    /// A network output.
    Readout(Readout),
    /// What becomes of the real result of a readout.
    Head(Kernel),
}

impl Spiking {
    /// Shape of the result for one sample.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Synapse(kernel)
            | Self::MaxPool(kernel)
            | Self::Head(kernel)
            | Self::Encode { kernel, .. }
            | Self::Axon { kernel, .. }
            | Self::EncodeEvents { kernel, .. } => &kernel.shape,
            Self::Neuron(neuron) => &neuron.shape,
            Self::Program(neurons) => &neurons.shape,
            Self::Readout(readout) => &readout.shape,
        }
    }
}

/// Decodes an op of the dialect.
pub(super) fn decode(op: &Op, site: &Site) -> Result<Action, Problem> {
    match op {
        Op::Encode(_) | Op::EncodeEvents(_) => site.give(Number::Integer)?,
        // The type of its result is that of the network's output, which may be stated as real.
        Op::Readout(_) => {
            site.convert(Number::Integer, site.result.as_ref().map_or(Number::Real, |result| result.number))?
        }
        Op::Head(_) => site.convert(Number::Real, Number::Real)?,
        _ => site.convert(Number::Integer, Number::Integer)?,
    }
    spiking(op, site).map(Action::Spiking)
}

fn spiking(op: &Op, site: &Site) -> Result<Spiking, Problem> {
    Ok(match op {
        Op::Encode(op) => {
            let limits = ann::Limits::read(site, op.multiplier, op.offset, op.minimum, op.maximum)?;
            let kernel = ann::encode(site, limits, op.scale, (op.low, op.high))?;
            Spiking::Encode { kernel, every_step: op.every_step }
        }
        Op::EncodeEvents(op) => Spiking::EncodeEvents {
            kernel: ann::counts(site, op.frames, op.high)?,
            frames: size(op.frames, "frames", 1)?,
        },
        Op::Conv(op) => {
            let geometry = Geometry::new(&op.stride, &op.padding, &op.dilation, op.groups, op.transposed)?;
            let weight = site.weight(op.weight, geometry.weight_rank())?;
            Spiking::Synapse(conv(site.input()?, &weight, None, &geometry, site.output()?)?)
        }
        Op::Linear(op) => Spiking::Synapse(linear(site.input()?, &site.weight(op.weight, 2)?, None)?),
        Op::Scale(op) => {
            let channels = channels(site.input()?)?;
            let weight = site.vector(op.weight, "weight", channels)?;
            Spiking::Synapse(ann::scale(site, weight, vec![0.0; channels])?)
        }
        Op::SumPool2d(op) => Spiking::Synapse(ann::sum_pool2d(site, &op.rows, &op.columns, op.multiplier)?),
        Op::Add(_) => Spiking::Synapse(add(&site.shapes())?),
        Op::Concat(op) => Spiking::Synapse(ann::join(site, op.axis)?),
        Op::Gather(op) => Spiking::Synapse(ann::gathered(site, op.axis, &op.indices)?),
        Op::Permute(op) => Spiking::Synapse(ann::permuted(site, &op.axes)?),
        Op::Pad(op) => Spiking::Synapse(ann::zero_pad(site, &op.before, &op.after)?),
        Op::Reshape(_) => Spiking::Synapse(reshape(site.input()?, site.output()?)?),
        Op::MaxPool2d(op) => {
            Spiking::MaxPool(ann::max_pool2d(site, op.kernel, op.stride, op.padding, op.dilation)?)
        }
        Op::StBif(op) => {
            let (low, high) = tracer_range(op.low, op.high)?;
            Spiking::Neuron(Neuron::new(site, op.threshold, op.initial, op.delay, Rule::StBif { low, high })?)
        }
        Op::SigmaDelta(op) => {
            let (low, high) = tracer_range(op.low, op.high)?;
            let target = Target::Quotient { thresholds: thresholds(site, op.threshold)?, low, high };
            Spiking::Neuron(Neuron::following(site, target, true, op.initial, op.delay)?)
        }
        Op::StBifTable(op) => {
            let range = tracer_range(op.low, op.high)?;
            let target = Target::table(site, op.breakpoints, op.steps, op.start, range)?;
            Spiking::Neuron(Neuron::following(site, target, false, op.initial, op.delay)?)
        }
        Op::SigmaDeltaTable(op) => {
            let range = tracer_range(op.low, op.high)?;
            let target = Target::table(site, op.breakpoints, op.steps, op.start, range)?;
            Spiking::Neuron(Neuron::following(site, target, true, op.initial, op.delay)?)
        }
        Op::HoldAndFire(op) => {
            let hold = int32(op.hold, "hold")?;
            let release = size(op.release, "release", 0)? as u64;
            let close = release.saturating_add(size(op.levels, "levels", 0)? as u64);
            let rule = Rule::HoldAndFire { hold, release, close };
            Spiking::Neuron(Neuron::new(site, op.threshold, op.initial, op.delay, rule)?)
        }
        Op::If(op) => {
            let rule = Rule::If {
                gain: int32(op.gain, "gain")?,
                bias: per_element(op.bias, "bias", site.input()?)?,
            };
            Spiking::Neuron(Neuron::new(site, op.threshold, op.initial, op.delay, rule)?)
        }
        Op::Head(op) => Spiking::Head(ann::head(site, &op.function, op.axis, op.keepdim)?),
        Op::Readout(op) => {
            let shape = site.input()?;
            let scale = reals(op.scale, "scale", &[channels(shape)?])?;
            Spiking::Readout(Readout {
                shape: shape.to_vec(),
                initial: per_element(op.initial, "initial", shape)?,
                bias: per_element(op.bias, "bias", shape)?,
                gain: int32(op.gain, "gain")?,
                scale: expand(scale, shape),
                average: op.average,
                start: u32::try_from(op.start)
                    .map_err(|_| format!("`start` is {}, which is no step", op.start))?,
            })
        }
    })
}

/// What a tracer may hold.
pub(super) fn tracer_range(low: i64, high: i64) -> Result<(f64, f64), Problem> {
    let (low, high) = range(low, high)?;
    if low > 0.0 || high < 0.0 {
        return Err("the tracer starts at 0, which is not within `low` and `high`".into());
    }
    Ok((low, high))
}

/// A number of steps that events may be under way.
pub(super) fn delay(value: i64) -> Result<usize, Problem> {
    let delay = size(value, "delay", 0)?;
    if delay > MAX_DELAY {
        return Err(format!("`delay` is {delay}, more than {MAX_DELAY} steps").into());
    }
    Ok(delay)
}

/// The threshold of each neuron.
fn thresholds(site: &Site, threshold: TensorAttr) -> Result<Vec<f64>, Problem> {
    let shape = site.input()?;
    let threshold = integers(threshold, "threshold", &[channels(shape)?])?;
    all_positive(&threshold, "threshold")?;
    Ok(expand(threshold, shape))
}

/// A parameter that is given for each channel or for each element, as one for each element.
fn per_element(attribute: TensorAttr, name: &str, shape: &[usize]) -> Result<Vec<f64>, Problem> {
    if attribute.shape() == shape {
        integers(attribute, name, shape)
    } else {
        Ok(expand(integers(attribute, name, &[channels(shape)?])?, shape))
    }
}

/// One value a channel as one value an element.
pub(super) fn expand(values: Vec<f64>, shape: &[usize]) -> Vec<f64> {
    let plane = shape[1..].iter().product();
    values.into_iter().flat_map(|value| std::iter::repeat_n(value, plane)).collect()
}

/// A membrane that left the 32-bit integers.
pub(super) struct MembraneOverflow {
    /// Index of the neuron, in row-major order.
    pub index: usize,
    /// The membrane's value.
    pub value: f64,
}

fn checked(index: usize, value: f64) -> Result<f64, MembraneOverflow> {
    if is_i32(value) { Ok(value) } else { Err(MembraneOverflow { index, value }) }
}

/// When the neurons of a layer fire.
pub(super) enum Rule {
    StBif {
        low: f64,
        high: f64,
    },
    /// The tracer follows the target of a membrane that is never reset: at once if `graded`, else by one a step.
    Follow {
        target: Target,
        graded: bool,
    },
    HoldAndFire {
        hold: f64,
        release: u64,
        close: u64,
    },
    If {
        gain: f64,
        bias: Vec<f64>,
    },
}

/// What a tracer should be, by the membrane.
pub(super) enum Target {
    /// The quotient by a threshold, rounded down and clipped.
    Quotient { thresholds: Vec<f64>, low: f64, high: f64 },
    /// The level of a table; a channel has `plane` neurons.
    Table { tables: ann::Tables, plane: usize },
}

impl Target {
    fn table(
        site: &Site,
        breakpoints: TensorAttr,
        steps: TensorAttr,
        start: TensorAttr,
        range: (f64, f64),
    ) -> Result<Self, Problem> {
        let tables = ann::Tables::read(site, breakpoints, steps, start, range)?;
        Ok(Self::Table { tables, plane: site.input()?[1..].iter().product::<usize>().max(1) })
    }

    /// That of the neuron `index`, whose membrane is `v`.
    fn of(&self, index: usize, v: f64) -> f64 {
        match self {
            // 32-bit integers: f64 rounds their quotient to no other integer than the one that it is.
            Self::Quotient { thresholds, low, high } => (v / thresholds[index]).floor().clamp(*low, *high),
            Self::Table { tables, plane } => tables.level(index / plane, v),
        }
    }
}

/// A layer of neurons; all parameters are per element.
pub(super) struct Neuron {
    /// Shape of the layer.
    pub shape: Vec<usize>,
    /// What a spike takes from the membrane; 0 where a membrane is never reset.
    threshold: Vec<f64>,
    initial: Vec<f64>,
    /// Steps until what is sent arrives.
    pub delay: usize,
    rule: Rule,
}

/// State of a layer of neurons.
pub(super) struct NeuronState {
    membrane: Vec<f64>,
    tracer: Vec<f64>,
}

impl Neuron {
    fn new(
        site: &Site,
        threshold: TensorAttr,
        initial: TensorAttr,
        delay: i64,
        rule: Rule,
    ) -> Result<Self, Problem> {
        Self::with_thresholds(site, thresholds(site, threshold)?, initial, delay, rule)
    }

    /// Neurons whose tracer follows a target and whose membranes are never reset.
    fn following(
        site: &Site,
        target: Target,
        graded: bool,
        initial: TensorAttr,
        delay: i64,
    ) -> Result<Self, Problem> {
        let resets = vec![0.0; site.input()?.iter().product()];
        Self::with_thresholds(site, resets, initial, delay, Rule::Follow { target, graded })
    }

    fn with_thresholds(
        site: &Site,
        threshold: Vec<f64>,
        initial: TensorAttr,
        delay: i64,
        rule: Rule,
    ) -> Result<Self, Problem> {
        let shape = site.input()?;
        let initial = per_element(initial, "initial", shape)?;
        Ok(Self { delay: self::delay(delay)?, ..Self::of(shape.to_vec(), threshold, initial, rule) })
    }

    /// Neurons of known parameters whose spikes arrive at once.
    pub fn of(shape: Vec<usize>, threshold: Vec<f64>, initial: Vec<f64>, rule: Rule) -> Self {
        Self { shape, threshold, initial, delay: 0, rule }
    }

    /// The state before step 0.
    pub fn start(&self) -> NeuronState {
        let hold = if let Rule::HoldAndFire { hold, .. } = self.rule { hold } else { 0.0 };
        NeuronState {
            membrane: self.initial.iter().map(|initial| initial - hold).collect(),
            tracer: vec![0.0; self.initial.len()],
        }
    }

    /// One step: takes the current of each neuron (`None` where there is none) and writes what each sends.
    pub fn step(
        &self,
        step: u32,
        current: Option<&[f64]>,
        state: &mut NeuronState,
        sent: &mut [f64],
    ) -> Result<(), MembraneOverflow> {
        let gate = self.gate(step.into());
        for (index, sent) in sent.iter_mut().enumerate() {
            let current = current.map_or(0.0, |current| current[index]);
            let threshold = self.threshold[index];
            let (v, tracer) = (&mut state.membrane[index], &mut state.tracer[index]);
            let charge = match &self.rule {
                Rule::StBif { .. } | Rule::Follow { .. } => current,
                Rule::HoldAndFire { .. } => current + gate,
                Rule::If { gain, bias } => gain * current + bias[index],
            };
            *v = checked(index, *v + charge)?;
            *sent = match &self.rule {
                Rule::Follow { target, graded } => {
                    let change = target.of(index, *v) - *tracer;
                    if *graded { change } else { change.clamp(-1.0, 1.0) }
                }
                &Rule::StBif { low, .. } if *v < 0.0 && *tracer > low => -1.0,
                &Rule::StBif { high, .. } if *v >= threshold && *tracer < high => 1.0,
                Rule::StBif { .. } => 0.0,
                Rule::HoldAndFire { .. } | Rule::If { .. } => f64::from(*v >= threshold),
            };
            *v -= *sent * threshold;
            *tracer += *sent;
        }
        Ok(())
    }

    /// Charge that the gate adds in `step`.
    fn gate(&self, step: u64) -> f64 {
        let Rule::HoldAndFire { hold, release, close } = self.rule else { return 0.0 };
        let opened = if step == release { hold } else { 0.0 };
        let closed = if step == close { hold } else { 0.0 };
        opened - closed
    }

    /// Whether silence in `step` proves that the layer has sent what it had to send of what it got.
    pub fn is_at_rest_after(&self, step: u32) -> bool {
        match &self.rule {
            Rule::StBif { .. } | Rule::Follow { .. } => true,
            Rule::HoldAndFire { close, .. } => u64::from(step) >= *close,
            Rule::If { .. } => false,
        }
    }
}

/// A layer of neurons that run a program of Loihi 2.
pub(super) struct Programmed {
    /// Shape of the layer.
    pub shape: Vec<usize>,
    /// What they run.
    pub program: Program,
    /// The neurons before step 0.
    pub neurons: Population,
}

impl Programmed {
    /// One step: takes the current of each neuron (`None` where there is none) and writes what each sends.
    pub fn step(&self, current: Option<&[f64]>, neurons: &mut Population, sent: &mut [f64]) {
        for (sum, current) in neurons.accumulator(0).iter_mut().zip(current.unwrap_or_default()) {
            *sum = *current as i64 as i32;
        }
        interpret::step(&self.program, neurons);
        sent.iter_mut().zip(neurons.output(0)).for_each(|(sent, &payload)| *sent = payload.into());
    }
}

/// A network output; all parameters are per element.
pub(super) struct Readout {
    /// Shape of the output.
    pub shape: Vec<usize>,
    /// The integer logits before step 0.
    pub initial: Vec<f64>,
    bias: Vec<f64>,
    gain: f64,
    scale: Vec<f64>,
    average: bool,
    /// Step from which it takes what comes in.
    start: u32,
}

impl Readout {
    /// One step.
    pub fn step(
        &self,
        step: u32,
        current: Option<&[f64]>,
        logits: &mut [f64],
    ) -> Result<(), MembraneOverflow> {
        if step < self.start {
            return Ok(());
        }
        for (index, y) in logits.iter_mut().enumerate() {
            let current = current.map_or(0.0, |current| current[index]);
            *y = checked(index, *y + (self.gain * current + self.bias[index]))?;
        }
        Ok(())
    }

    /// The real logits after `steps` steps.
    pub fn real(&self, logits: &[f64], steps: u32) -> Vec<f64> {
        // Without a step there is no mean; the initial values stand.
        let divisor = if self.average { f64::from(steps.saturating_sub(self.start).max(1)) } else { 1.0 };
        logits.iter().zip(&self.scale).map(|(y, scale)| y * scale / divisor).collect()
    }

    /// Whether only incoming events change the output.
    pub fn is_at_rest(&self) -> bool {
        self.bias.iter().all(|&bias| bias == 0.0)
    }
}

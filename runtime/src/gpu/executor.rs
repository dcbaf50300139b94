//! Runs batches of images on a device, chunk of steps by chunk, and proves what the CPU engine proves.

use super::{Argument, Device, DeviceError, KernelLaunch, Room, memory, memory::Memory};
use crate::{
    artifact::{
        Artifact, ArtifactError,
        gpu_program::{Content, Element, GpuProgram, Launch, Tensor},
        program::Schedule,
    },
    cpu::{Engine, EngineError, ImageOutcome, Logits, RunOptions},
    data::{ImageView, Images},
};
use std::ops::Range;
use thiserror::Error;

/// Why a network does not run on a GPU.
#[derive(Debug, Error)]
pub enum GpuError {
    /// The device refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The artifact has no kernels.
    #[error(
        "gpu-target: the artifact was not compiled for a GPU; compile it with --target ptx, or run it with --backend cpu"
    )]
    Target,
    /// The artifact, the images or the options do not fit.
    #[error("{id}: {0}", id = .0.id())]
    Engine(#[from] EngineError),
}

impl From<ArtifactError> for GpuError {
    fn from(error: ArtifactError) -> Self {
        Self::Engine(error.into())
    }
}

/// Most steps of a chunk of a schedule that runs all its steps.
const LONG_CHUNK: u32 = 32;
/// Most steps of a chunk of an exact schedule: when it is over, the images that have settled are done.
const SHORT_CHUNK: u32 = 8;
/// Most images of a batch.
const MOST_IMAGES: usize = 1 << 16;
/// Images of a batch, unless something else is asked for.
const BATCH: usize = 64;

/// A network on a device.
pub struct Executor {
    device: Box<dyn Device>,
    engine: Engine,
    program: GpuProgram,
    memory: Memory,
    room: Room,
}

impl Executor {
    /// Loads a network's kernels and allocates its memory: for batches of `images`, or as many of the usual number as there is room for.
    /// With `keeps_events` the spikes of every step can be read.
    ///
    /// # Errors
    /// `artifact-invalid`, also if the artifact was not compiled for a GPU, or what the device says, such as `gpu-memory`.
    pub fn new(
        artifact: &Artifact,
        device: Box<dyn Device>,
        images: Option<usize>,
        keeps_events: bool,
    ) -> Result<Self, GpuError> {
        let engine = Engine::new(artifact)?;
        let program = kernels(artifact)?;
        let longest = if engine.schedule() == Schedule::Rate { LONG_CHUNK } else { SHORT_CHUNK };
        let steps = engine.steps().clamp(1, longest);
        let mut room = Room { images: images.unwrap_or(BATCH).clamp(1, MOST_IMAGES), steps, keeps_events };
        let free = device.free_memory()?;
        while memory::needed(artifact, program, room) > free {
            if room.steps > 1 {
                room.steps = room.steps.div_ceil(2);
            } else if images.is_none() && room.images > 1 {
                room.images = room.images.div_ceil(2);
            } else {
                break;
            }
        }
        Self::load(artifact, engine, device, room)
    }

    /// The same for batches of so many images and chunks of so many steps, at least one each.
    ///
    /// # Errors
    /// As [`Executor::new`].
    pub fn with_room(artifact: &Artifact, device: Box<dyn Device>, room: Room) -> Result<Self, GpuError> {
        Self::load(artifact, Engine::new(artifact)?, device, room)
    }

    fn load(
        artifact: &Artifact,
        engine: Engine,
        mut device: Box<dyn Device>,
        room: Room,
    ) -> Result<Self, GpuError> {
        let program = kernels(artifact)?.clone();
        let room = Room { images: room.images.clamp(1, MOST_IMAGES), steps: room.steps.max(1), ..room };
        let ptx = artifact.tensors.get(&program.ptx).and_then(|ptx| std::str::from_utf8(ptx.bytes()).ok());
        let ptx = ptx.ok_or_else(|| ArtifactError::invalid("gpu", "the PTX text is missing"))?;
        device.load(ptx)?;
        let memory = Memory::new(device.as_mut(), artifact, &program, room)?;
        Ok(Self { device, engine, program, memory, room })
    }

    /// The CPU engine of the same network, which knows its shapes.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the network runs on.
    pub fn device(&self) -> &dyn Device {
        self.device.as_ref()
    }

    /// What there is room for.
    pub fn room(&self) -> Room {
        self.room
    }

    /// Runs images, batch by batch, and calls `finished` with the number of images after each. Early exit is none of it, and traces are
    /// only given with room for events.
    ///
    /// # Errors
    /// As [`Engine::run`], or what the device says.
    pub fn run(
        &mut self,
        images: &Images,
        range: Range<usize>,
        options: &RunOptions,
        mut finished: impl FnMut(usize),
    ) -> Result<Vec<ImageOutcome>, GpuError> {
        images.expect_sample_shape(self.engine.input_shape()).map_err(EngineError::from)?;
        let mut outcomes = vec![];
        let mut first = range.start;
        while first < range.end {
            let last = range.end.min(first + self.room.images);
            let fetched: Option<Vec<_>> = (first..last).map(|index| images.fetch(index)).collect();
            let fetched = fetched.ok_or(EngineError::Range {
                start: range.start,
                end: range.end,
                count: images.len(),
            })?;
            let views: Vec<ImageView<'_>> = fetched.iter().map(|image| image.view()).collect();
            outcomes.extend(self.run_batch(&views, first, options)?);
            finished(views.len());
            first = last;
        }
        Ok(outcomes)
    }

    /// Runs one batch, at most [`Room::images`]; `first` is the number of its first image in messages.
    ///
    /// # Errors
    /// As [`Engine::run_image`], or what the device says.
    pub fn run_batch(
        &mut self,
        images: &[ImageView<'_>],
        first: usize,
        options: &RunOptions,
    ) -> Result<Vec<ImageOutcome>, GpuError> {
        let exact = self.engine.schedule() != Schedule::Rate;
        let limit = self.engine.limit(options.timesteps)?;
        for (index, image) in (first..).zip(images) {
            self.engine.check_image(*image, index)?;
        }
        self.begin(images)?;
        let mut run = Run::new(images.len(), options, &self.engine);
        // Without room for them, events do not outlive the launches that need them.
        run.traces = run.traces.filter(|_| self.room.keeps_events);
        // Index of the step in which nothing can change any more, for what has been seen so far.
        let quiet = |active: &[u32]| -> Vec<u32> {
            let shown = images.iter().map(|image| self.engine.last_shown(*image));
            let pairs = active.iter().zip(shown);
            pairs.map(|(&active, shown)| active.max(shown).max(self.engine.last_gate())).collect()
        };
        let mut settled: Vec<Option<u32>> = vec![None; images.len()];
        let mut done = 0;
        while done < limit {
            let steps = self.room.steps.min(limit - done);
            let batch = images.len();
            let launches = launches(&self.program.chunk, &self.memory, batch, steps);
            self.device.run(&launches)?;
            let (program, memory) = (&self.program, &self.memory);
            let running: Vec<bool> = settled.iter().map(Option::is_none).collect();
            run.read(self.device.as_mut(), program, memory, (&running, done, steps), &self.engine)?;
            done += steps;
            if exact {
                let active = numbers::<u32>(self.device.as_mut(), memory, program.host.active, batch)?;
                for ((settled, quiet), active) in settled.iter_mut().zip(quiet(&active)).zip(active) {
                    *settled = (quiet < done).then_some(active);
                }
                if settled.iter().all(Option::is_some) {
                    break;
                }
            }
        }
        let mut outcomes = run.finish(self.device.as_mut(), &self.program, &self.memory)?;
        let last_gate = self.engine.last_gate();
        for ((outcome, settled), image) in outcomes.iter_mut().zip(&settled).zip(images) {
            if let Some(active) = *settled {
                let quiet = active.max(self.engine.last_shown(*image)).max(last_gate);
                outcome.settle(active, quiet + 1);
            }
        }
        if exact && settled.iter().any(Option::is_none) {
            // One more step shows whether the network had settled just in time; it does not count.
            let launches = launches(&self.program.chunk, &self.memory, images.len(), 1);
            self.device.run(&launches)?;
            let active =
                numbers::<u32>(self.device.as_mut(), &self.memory, self.program.host.active, images.len())?;
            let quiet = quiet(&active);
            for (index, (outcome, settled)) in outcomes.iter_mut().zip(&settled).enumerate() {
                if settled.is_some() {
                    continue;
                }
                if quiet[index] <= limit && active[index] <= limit {
                    outcome.settle(active[index], limit);
                } else if limit == self.engine.steps() {
                    let (image, bound) = (first + index, self.engine.steps());
                    return Err(EngineError::BoundViolated { image, bound }.into());
                }
            }
        }
        Ok(outcomes)
    }

    /// Runs the second chunk of steps of a batch and gives the milliseconds of each launch. In the first one not every layer is reached by
    /// anything, and after the second some images have settled.
    ///
    /// # Errors
    /// What the device says.
    pub fn profile(&mut self, images: &[ImageView<'_>]) -> Result<Vec<(Launch, f32)>, GpuError> {
        self.begin(images)?;
        let launches = launches(&self.program.chunk, &self.memory, images.len(), self.room.steps);
        self.device.run(&launches)?;
        let times = self.device.profile(&launches)?;
        Ok(self.program.chunk.iter().cloned().zip(times).collect())
    }

    /// Brings images and states to the device, as they are before the first step.
    fn begin(&mut self, images: &[ImageView<'_>]) -> Result<(), GpuError> {
        let mut input = vec![];
        let frames = self.engine.frames();
        for image in images {
            match (*image, frames) {
                (image, Some(frames)) => {
                    input.extend(
                        self.engine.counts(image, frames).iter().flat_map(|count| count.to_le_bytes()),
                    );
                }
                (ImageView::U8(pixels), None) => {
                    input.extend(pixels.iter().flat_map(|&pixel| f32::from(pixel).to_le_bytes()));
                }
                (ImageView::F32(pixels), None) => {
                    input.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
                }
                (ImageView::Frames(frames), None) => {
                    input.extend(frames.totals().iter().flat_map(|&total| (total as f32).to_le_bytes()));
                }
            }
        }
        let host = &self.program.host;
        let of_images = [host.active, host.operations, host.constant_operations];
        let of_layers = host.layers.iter().map(|layer| layer.counts);
        let address = |buffer: usize| self.memory.addresses[buffer];
        for buffer in of_images.into_iter().chain(of_layers) {
            if let Content::Image { bytes } = self.program.buffers[buffer].content {
                self.device.write(address(buffer), &vec![0; bytes as usize * images.len()])?;
            }
        }
        self.device.write(address(host.clock), &[0; 4])?;
        self.device.write(address(host.input), &input)?;
        let reset = launches(&self.program.reset, &self.memory, images.len(), 0);
        Ok(self.device.run(&reset)?)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.memory.free(self.device.as_mut());
    }
}

/// The kernels of an artifact.
///
/// # Errors
/// `gpu-target` if it has none.
pub(super) fn kernels(artifact: &Artifact) -> Result<&GpuProgram, GpuError> {
    artifact.manifest.gpu.as_ref().ok_or(GpuError::Target)
}

/// Launches with their arguments put in, for a batch and a chunk of a size.
fn launches(launches: &[Launch], memory: &Memory, images: usize, steps: u32) -> Vec<KernelLaunch> {
    let launch = |launch: &Launch| {
        let pointers = launch.buffers.iter().map(|&buffer| Argument::Pointer(memory.addresses[buffer]));
        let sizes = [images as i32, steps as i32].map(Argument::I32);
        let rows = launch.rows * images as u64;
        KernelLaunch {
            kernel: launch.kernel.clone(),
            grid: [blocks(rows.div_ceil(launch.rows_per_block.into())), launch.columns, 1],
            block: [launch.threads, 1, 1],
            arguments: pointers.chain(sizes).collect(),
        }
    };
    launches.iter().map(launch).collect()
}

/// Blocks along x: at least one, and of too many as many as no card takes.
fn blocks(count: u64) -> u32 {
    u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}

/// A number for each image.
fn numbers<T: bytemuck::Pod>(
    device: &mut dyn Device,
    memory: &Memory,
    buffer: usize,
    images: usize,
) -> Result<Vec<T>, DeviceError> {
    let mut values = vec![T::zeroed(); images];
    device.read(memory.addresses[buffer], bytemuck::cast_slice_mut(&mut values))?;
    Ok(values)
}

/// What has been read of a batch so far.
struct Run {
    /// For each image and output, row-major.
    logits: Vec<Vec<Logits>>,
    /// Steps that were read of each image.
    steps: Vec<u32>,
    traces: Option<Vec<Vec<Vec<i16>>>>,
    predictions: Option<Vec<Vec<u32>>>,
}

impl Run {
    fn new(images: usize, options: &RunOptions, engine: &Engine) -> Self {
        let layers = engine.layers().len();
        let has_class = engine.class_output().is_some();
        Self {
            logits: vec![vec![]; images],
            steps: vec![0; images],
            traces: options.trace.then(|| vec![vec![vec![]; layers]; images]),
            predictions: options.predictions.then(|| vec![vec![]; images]).filter(|_| has_class),
        }
    }

    /// Reads what a chunk of `steps` after `done` has left of the images that were running.
    fn read(
        &mut self,
        device: &mut dyn Device,
        program: &GpuProgram,
        memory: &Memory,
        (running, done, steps): (&[bool], u32, u32),
        engine: &Engine,
    ) -> Result<(), GpuError> {
        let images = running.len();
        self.steps
            .iter_mut()
            .zip(running)
            .filter(|(_, running)| **running)
            .for_each(|(read, _)| *read += steps);
        // Without predictions only the last step is of interest.
        let wanted = if self.predictions.is_some() { 0..steps } else { steps.saturating_sub(1)..steps };
        for step in wanted {
            let mut sums = vec![];
            for (readout, name) in program.host.readouts.iter().zip(engine.readouts()) {
                sums.push((name, step_of(device, memory, readout, images, step)?));
            }
            for image in (0..images).filter(|&image| running[image]) {
                let logits = engine.outputs().iter().filter_map(|output| {
                    let (name, sums) = sums.iter().find(|(name, _)| *name == output.name)?;
                    let size = sums.len() / images;
                    let sums = sums.get(image * size..(image + 1) * size)?;
                    engine.answer(name, sums.to_vec(), done + step + 1)
                });
                self.logits[image] = logits.collect();
                if let Some(predictions) = &mut self.predictions {
                    predictions[image].extend(engine.class_of(&self.logits[image]));
                }
            }
        }
        let Some(traces) = &mut self.traces else { return Ok(()) };
        for (number, layer) in program.host.layers.iter().enumerate() {
            for step in 0..steps {
                let events = step_of(device, memory, &layer.events, images, step)?;
                let size = events.len() / images;
                let of_images = traces.iter_mut().zip(events.chunks(size.max(1))).zip(running);
                for ((trace, events), _) in of_images.filter(|(_, running)| **running) {
                    trace[number].extend(events.iter().map(|&event| event as i16));
                }
            }
        }
        Ok(())
    }

    /// What a run came to, as if no image had settled.
    fn finish(
        self,
        device: &mut dyn Device,
        program: &GpuProgram,
        memory: &Memory,
    ) -> Result<Vec<ImageOutcome>, GpuError> {
        let images = self.logits.len();
        let host = &program.host;
        let counts = host.layers.iter().map(|layer| numbers::<u32>(device, memory, layer.counts, images));
        let counts = counts.collect::<Result<Vec<_>, _>>()?;
        let operations = numbers::<u64>(device, memory, host.operations, images)?;
        let constant = numbers::<u64>(device, memory, host.constant_operations, images)?;
        let mut traces = self.traces.map(Vec::into_iter);
        let mut predictions = self.predictions.map(Vec::into_iter);
        let outcomes = self.logits.into_iter().enumerate().map(|(image, outputs)| ImageOutcome {
            outputs,
            spikes: counts.iter().map(|layer| layer[image].into()).collect(),
            sops: operations[image] + constant[image] * u64::from(self.steps[image]),
            cores: vec![],
            steps: self.steps[image],
            certified: false,
            settled_at: None,
            exit: None,
            trace: traces.as_mut().and_then(Iterator::next),
            predictions: predictions.as_mut().and_then(Iterator::next),
        });
        Ok(outcomes.collect())
    }
}

/// What a tensor holds after a step of the chunk, for all images, row-major.
fn step_of(
    device: &mut dyn Device,
    memory: &Memory,
    tensor: &Tensor,
    images: usize,
    step: u32,
) -> Result<Vec<i32>, DeviceError> {
    let width = tensor.element.bytes();
    let bytes = images * tensor.stored() * width;
    let mut data = vec![0; bytes];
    device.read(memory.addresses[tensor.buffer] + u64::from(step) * bytes as u64, &mut data)?;
    let mut values = Vec::with_capacity(images * tensor.positions * tensor.channels);
    for image in data.chunks(tensor.stored().max(1) * width) {
        for channel in 0..tensor.channels {
            for position in 0..tensor.positions {
                let start = (position * tensor.padded + channel) * width;
                values.push(match (tensor.element, image.get(start..start + width).unwrap_or_default()) {
                    (Element::U8, &[byte]) => byte.into(),
                    (Element::I8, &[byte]) => (byte as i8).into(),
                    (Element::I16, &[low, high]) => i16::from_le_bytes([low, high]).into(),
                    (_, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]),
                    _ => 0,
                });
            }
        }
    }
    Ok(values)
}

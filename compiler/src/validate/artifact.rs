//! Validation of an artifact: the float network, the integer network and the spiking one on the same images.
//!
//! The float network is the `torch` module of the user's files, run by the reference interpreter; the integer one is the module that
//! the artifact carries, run likewise; the spiking one is the artifact's program on the CPU engine, or what else runs it, which sends
//! every spike, step by step.

use super::{
    curve::CurveTally,
    exit::ExitTally,
    layers::{Activity, LayerPair, LayerScale, compare},
    meaning::Meaning,
    raster::Raster,
    reference::Answers,
    resume::Journal,
    tally::Tally,
};
use crate::{
    analysis::operations::multiply_accumulates,
    interpret::{Network, Sample},
    mlir::{self, IrError},
};
use melior::ir::Module;
use ndarray::{ArrayD, IxDyn};
use neurocuda_dialects::ann;
use neurocuda_runtime::{
    artifact::{Artifact, Manifest, program::Schedule},
    cpu::{Backend, EarlyExit, Engine, ImageOutcome, RunOptions, Spike},
    data::{ImageView, Images},
    gpu::Cards,
};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

/// Images in a chunk: what is lost at most when a run is interrupted, and what shards are made of.
pub const CHUNK: usize = 250;

/// Images that layers are compared on.
const LAYER_IMAGES: usize = 250;
/// Images of which a GPU's every spike is in memory at once.
const TRACED: usize = 8;

/// What is demanded, and how far to go.
#[derive(Clone, Debug, PartialEq)]
pub struct Demands {
    /// Largest drop of accuracy in percentage points, to which one paired standard error is added.
    pub max_drop: f64,
    /// Number of images; all of them if absent.
    pub limit: Option<usize>,
    /// Number of steps; see [`RunOptions::timesteps`].
    pub timesteps: Option<u32>,
    /// Last layers that an early exit does not wait for; see [`EarlyExit`].
    pub last_layers: u32,
    /// Position of the first image in the whole set, of which this is a part: layers are measured on the whole set's first ones.
    pub first: usize,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// A module does not run.
    #[error("{0}")]
    Module(String),
    /// The model is not the one that the artifact was compiled from.
    #[error("model-mismatch: {0}")]
    Mismatch(String),
    /// The engine refuses the artifact, or its run.
    #[error("{0}")]
    Engine(String),
    /// Ctrl-C; what is done is kept.
    #[error("interrupted after {done} of {all} images; the same command goes on from there")]
    Interrupted {
        /// Images done.
        done: usize,
        /// Images in all.
        all: usize,
    },
}

impl From<IrError<'_>> for ValidateError {
    fn from(error: IrError) -> Self {
        Self::Module(error.message)
    }
}

/// The networks to compare.
pub struct Subjects {
    float: Network,
    /// The float network after the front passes, with the op of each nonlinear layer.
    layered: Network,
    integer: Network,
    engine: Engine,
    /// What runs the spiking network, if not the engine.
    cards: Option<Mutex<Cards>>,
    /// Whether the engine runs it too, for comparison.
    on_both: bool,
    /// For each layer of neurons: op in `layered`, op in `integer`, its scales and largest count.
    layers: Vec<Option<LayerPair>>,
    /// For each layer of neurons: what its spikes mean.
    scales: Vec<LayerScale>,
    /// For each output the op of `integer` whose operand is the integer logits.
    integer_outputs: Vec<usize>,
    /// Multiply-accumulates of the float network for one image.
    macs: u64,
    /// Where the answers of the float network and of the integer one are kept.
    answers: [Answers; 2],
}

/// What the float and the integer network said of an image.
struct Said {
    /// Outputs of the float network.
    float: Vec<Sample>,
    /// Outputs of the integer network, then its integer logits.
    integer: Vec<Sample>,
}

impl Subjects {
    /// Takes the `torch` module, the same after the front passes ([`crate::compile::FRONT`]), the integer module of the artifact, and
    /// the artifact, which is run on `backend`.
    ///
    /// # Errors
    ///
    /// If one of them does not run, or they are not of one model.
    pub fn new(
        torch: &Module,
        front: &Module,
        integer: &Module,
        artifact: &Artifact,
        backend: Backend,
    ) -> Result<Self, ValidateError> {
        let engine =
            Engine::on(artifact, backend).map_err(|error| ValidateError::Engine(error.to_string()))?;
        let mut float_layers = HashMap::<String, usize>::new();
        let mut integer_layers = HashMap::new();
        let mut integer_outputs = Vec::new();
        for (index, operation) in
            mlir::operations(mlir::network_block(front.as_operation())?).into_iter().enumerate()
        {
            if mlir::view::<ann::Activation>(operation)?.is_some() {
                float_layers.entry(mlir::layer(operation)).or_insert(index);
            }
        }
        for (index, operation) in
            mlir::operations(mlir::network_block(integer.as_operation())?).into_iter().enumerate()
        {
            if let Some(requantize) = mlir::view::<ann::Requantize>(operation)? {
                let layer =
                    (index, requantize.scale.read().map_err(IrError::from)?.to_f64(), requantize.high as f64);
                integer_layers.entry(mlir::layer(operation)).or_insert(layer);
            } else if let Some(table) = mlir::view::<ann::RequantizeTable>(operation)? {
                let layer = (index, table.scale.read().map_err(IrError::from)?.to_f64(), table.high as f64);
                integer_layers.entry(mlir::layer(operation)).or_insert(layer);
            } else if mlir::view::<ann::Dequantize>(operation)?.is_some() {
                integer_outputs.push(index);
            }
        }
        let layers = engine
            .layers()
            .iter()
            .map(|layer| {
                let (integer, scale, high) = integer_layers.get(&layer.name)?.clone();
                Some(LayerPair { float: *float_layers.get(&layer.name)?, integer, scale, high })
            })
            .collect();
        let subjects = Self {
            float: Network::new(torch.as_operation())?,
            layered: Network::new(front.as_operation())?,
            integer: Network::new(integer.as_operation())?,
            scales: LayerScale::all(&artifact.manifest),
            macs: multiply_accumulates(torch.as_operation())?,
            engine,
            cards: None,
            on_both: false,
            layers,
            integer_outputs,
            answers: [Answers::default(), Answers::default()],
        };
        subjects.check()?;
        Ok(subjects)
    }

    /// Has GPUs run the spiking network; with `on_both` the CPU engine runs it too, and all that both say is compared. The cards have
    /// to keep events.
    pub fn on_cards(self, cards: Cards, on_both: bool) -> Self {
        Self { cards: Some(Mutex::new(cards)), on_both, ..self }
    }

    /// Keeps the answers of the float network in `float`, and those of the integer one in `integer`.
    pub fn keep(self, float: Answers, integer: Answers) -> Self {
        Self { answers: [float, integer], ..self }
    }

    /// Shapes of what [`Said`] holds of the float and of the integer network.
    fn said_shapes(&self) -> [Vec<Vec<usize>>; 2] {
        let owned = |shapes: Vec<&[usize]>| shapes.into_iter().map(<[usize]>::to_vec).collect::<Vec<_>>();
        let mut integer = owned(self.integer.output_shapes());
        integer.extend(self.engine.logit_shapes().map(<[usize]>::to_vec));
        [owned(self.float.output_shapes()), integer]
    }

    fn check(&self) -> Result<(), ValidateError> {
        let shapes = |network: &Network| (network.input_shape().to_vec(), network.output_shapes().len());
        let (float, integer) = (shapes(&self.float), shapes(&self.integer));
        let outputs = self.engine.outputs().len();
        if float != integer || integer.1 != outputs || self.integer_outputs.len() != outputs {
            return Err(ValidateError::Mismatch(format!(
                "the model takes {:?} and returns {} values, the artifact takes {:?} and returns {}",
                float.0, float.1, integer.0, outputs
            )));
        }
        Ok(())
    }

    /// Runs all three on `images`: one tally for each chunk, in order.
    ///
    /// # Errors
    ///
    /// If a run fails, or `stop` is set meanwhile.
    pub fn count(
        &self,
        artifact: &Artifact,
        images: &Images,
        demands: &Demands,
        journal: (Option<&Path>, &str),
        stop: &AtomicBool,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<Tally>, ValidateError> {
        let count = demands.limit.unwrap_or(images.len()).min(images.len());
        let (mut journal, mut chunks) = Journal::open(journal.0, journal.1);
        let mut done = chunks.iter().map(|chunk| chunk.images).sum::<usize>();
        progress(done, count);
        while done < count {
            if stop.load(Ordering::Relaxed) {
                return Err(ValidateError::Interrupted { done, all: count });
            }
            let range = done..(done + CHUNK).min(count);
            let chunk = self.chunk(&artifact.manifest, images, range, demands, &|done| {
                progress(done, count);
            })?;
            journal.push(&chunk);
            done += chunk.images;
            chunks.push(chunk);
        }
        journal.finish();
        Ok(chunks)
    }

    fn chunk(
        &self,
        manifest: &Manifest,
        images: &Images,
        range: Range<usize>,
        demands: &Demands,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Tally, ValidateError> {
        let start = Instant::now();
        let labelled = self.class_count(images).is_some();
        let options = RunOptions {
            timesteps: demands.timesteps,
            predictions: true,
            early_exit: Some(EarlyExit { last_layers: demands.last_layers, take: false }),
            ..RunOptions::default()
        };
        let done = AtomicUsize::new(range.start);
        let [float_shapes, integer_shapes] = self.said_shapes();
        let known =
            [self.answers[0].load(&range, &float_shapes), self.answers[1].load(&range, &integer_shapes)];
        let of = |network: usize, index: usize| {
            known[network].as_ref().and_then(|images| images.get(index - range.start)).cloned()
        };
        let of_group = |group: Range<usize>| -> Result<Vec<(Tally, Said)>, ValidateError> {
            let mut outcomes = self.run_on_cards(images, group.clone(), demands, &options)?;
            let outcomes = group.clone().map(|_| outcomes.next()).collect::<Vec<_>>();
            let pairs = group.into_par_iter().zip(outcomes);
            pairs
                .map(|(index, outcome)| {
                    let image = images
                        .fetch(index)
                        .ok_or_else(|| ValidateError::Module(format!("there is no image {index}")))?;
                    let ran =
                        Ran { engine: &self.engine, image: image.view(), index, options: &options, outcome };
                    let place = demands.first.saturating_add(index);
                    let (outcome, activity) = if place < LAYER_IMAGES {
                        let (outcome, activity) = Activity::watch(&self.engine, |seen| ran.watch(seen))?;
                        (outcome, Some(activity))
                    } else {
                        (ran.watch(&mut |_| ())?, None)
                    };
                    let known = [of(0, index), of(1, index)];
                    let (mut tally, said) =
                        self.image(manifest, images, index, (activity.as_ref(), labelled), &outcome, known)?;
                    if let (0, Some(activity)) = (place, &activity) {
                        tally.raster = Some(Raster::record(activity, |seen| ran.watch(seen))?);
                    }
                    if ran.outcome.is_some() {
                        tally.without_exits = 1;
                        if self.on_both {
                            tally.on_both = 1;
                            tally.same_on_both = ran.is_same(&outcome)?.into();
                        }
                    }
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                    Ok((tally, said))
                })
                .collect()
        };
        let mut counted = vec![];
        for group in self.groups(range.clone(), demands) {
            counted.extend(of_group(group)?);
        }
        let (tallies, said): (Vec<_>, Vec<_>) = counted.into_iter().unzip();
        let (float, integer): (Vec<_>, Vec<_>) =
            said.into_iter().map(|said: Said| (said.float, said.integer)).unzip();
        for ((answers, known), said) in self.answers.iter().zip(&known).zip([float, integer]) {
            if known.is_none() {
                answers.store(range.start, &said);
            }
        }
        let mut sum = Tally::default();
        // In the order of the images, so that sums of reals have the same bits for every number of threads.
        tallies.iter().for_each(|tally| sum.add(tally));
        sum.seconds = start.elapsed().as_secs_f64();
        Ok(sum)
    }

    /// Images that are run together: all, but for those of a GPU whose every spike is kept.
    fn groups(&self, range: Range<usize>, demands: &Demands) -> Vec<Range<usize>> {
        if self.cards.is_none() {
            return vec![range];
        }
        let traced = range.end.min(LAYER_IMAGES.saturating_sub(demands.first)).max(range.start);
        let small = (range.start..traced).step_by(TRACED);
        let mut groups = small.map(|start| start..traced.min(start + TRACED)).collect::<Vec<_>>();
        if traced < range.end {
            groups.push(traced..range.end);
        }
        groups
    }

    /// What images come to on GPUs; nothing where there are none.
    fn run_on_cards(
        &self,
        images: &Images,
        group: Range<usize>,
        demands: &Demands,
        options: &RunOptions,
    ) -> Result<std::vec::IntoIter<ImageOutcome>, ValidateError> {
        let Some(cards) = &self.cards else { return Ok(vec![].into_iter()) };
        let trace = demands.first.saturating_add(group.start) < LAYER_IMAGES;
        let options = RunOptions { trace, early_exit: None, ..*options };
        let mut cards = cards.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = cards.run(images, group, &options, |_| ());
        Ok(outcomes.map_err(|error| ValidateError::Engine(error.to_string()))?.into_iter())
    }

    /// Number of classes, if the first output tells one class and every label is one.
    pub fn class_count(&self, images: &Images) -> Option<usize> {
        let &[classes] = self.engine.logit_shapes().next()? else { return None };
        let labels = images.labels()?;
        let is_class = |label: &i64| usize::try_from(*label).is_ok_and(|label| label < classes);
        (classes >= 2 && labels.iter().all(is_class)).then_some(classes)
    }

    fn image(
        &self,
        manifest: &Manifest,
        images: &Images,
        index: usize,
        (activity, labelled): (Option<&Activity>, bool),
        outcome: &ImageOutcome,
        [known_float, known_integer]: [Option<Vec<Sample>>; 2],
    ) -> Result<(Tally, Said), ValidateError> {
        let fail = |error: crate::interpret::InterpretError| ValidateError::Module(error.to_string());
        let sample = sample(images, index)
            .ok_or_else(|| ValidateError::Module(format!("there is no image {index}")))?;
        let float = match known_float {
            Some(float) => float,
            None => self.float.forward(&sample, &mut |_, _| ()).map_err(fail)?,
        };
        let mut activations = vec![Sample::zeros(IxDyn(&[0])); activity.map_or(0, |_| self.layers.len())];
        let integer = match known_integer {
            // Activations are not kept.
            Some(integer) if activity.is_none() => integer,
            _ => self.run_integer(&sample, &mut activations).map_err(fail)?,
        };
        let (outputs, integer_logits) = integer.split_at(self.integer.output_shapes().len());
        let mut tally = Tally {
            images: 1,
            spikes: outcome.spikes.clone(),
            sops: outcome.sops,
            macs: self.macs,
            steps: outcome.steps.into(),
            ..Tally::default()
        };
        if let Some(activity) = activity {
            tally.layer_images = 1;
            tally.layers = activity.tallies(&self.scales);
            self.layered
                .forward(&sample, &mut |op, result| {
                    let layers = self.layers.iter().zip(&activations).zip(&mut tally.layers);
                    for (index, ((layer, kept), tally)) in layers.enumerate() {
                        if let Some(layer) = layer.as_ref().filter(|layer| layer.float == op) {
                            let spiking = activity.values(index, &self.scales, manifest);
                            compare(layer, result, kept, &spiking, tally);
                        }
                    }
                })
                .map_err(fail)?;
        }
        if manifest.program.schedule != Schedule::Rate {
            for (logits, outcome) in integer_logits.iter().zip(&outcome.outputs) {
                tally.compared += logits.len() as u64;
                tally.equal +=
                    logits.iter().zip(&outcome.integer).filter(|&(&a, &b)| a == f64::from(b)).count() as u64;
            }
        }
        tally.cores.clone_from(&outcome.cores);
        tally.early_exit = ExitTally::of(outcome, integer_logits);
        if let Some(settled) = outcome.settled_at.filter(|_| outcome.certified) {
            tally.certified = 1;
            tally.settled_max = settled;
            tally.settled_sum = settled.into();
            tally.settled = vec![0; settled as usize];
            tally.settled.push(1);
        }
        let meanings = self.engine.outputs().iter().zip(self.engine.heads());
        let meanings = meanings.map(|(output, head)| Meaning::of(&output.shape, head)).collect::<Vec<_>>();
        let label = images.labels().and_then(|labels| labels.get(index)).copied().filter(|_| labelled);
        if let (Some(predictions), Some(output)) = (&outcome.predictions, self.engine.class_output()) {
            let float = float[output].iter().copied().collect::<Vec<_>>();
            let float = meanings[output].predictions(&float).first().map(|&class| class as u32);
            let label = label.and_then(|label| u32::try_from(label).ok());
            tally.curve = CurveTally::of(predictions, label, float);
        }
        for ((float, outcome), meaning) in float.iter().zip(&outcome.outputs).zip(&meanings) {
            let float = float.iter().copied().collect::<Vec<_>>();
            let snn = outcome.real.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
            tally.outputs.push(meaning.compare(&float, &snn));
        }
        if let (Some(label), Some(meaning)) = (label, meanings.first()) {
            let right = |values: &mut dyn Iterator<Item = f64>| {
                let values = values.collect::<Vec<_>>();
                meaning.predictions(&values).first().is_some_and(|&class| class as i64 == label)
            };
            let float_right = right(&mut float[0].iter().copied());
            let snn = right(&mut outcome.outputs[0].real.iter().map(|&y| f64::from(y)));
            tally.labelled = 1;
            tally.float_right = float_right.into();
            tally.integer_right = right(&mut outputs[0].iter().copied()).into();
            tally.snn_right = snn.into();
            tally.only_float = (float_right && !snn).into();
            tally.only_snn = (snn && !float_right).into();
        }
        Ok((tally, Said { float, integer }))
    }

    /// Outputs and logits of the integer network, and the activations of its layers, as far as there is room for them.
    fn run_integer(
        &self,
        sample: &Sample,
        activations: &mut [Sample],
    ) -> Result<Vec<Sample>, crate::interpret::InterpretError> {
        let mut logits = vec![Sample::zeros(IxDyn(&[0])); self.integer_outputs.len()];
        let logit_values =
            self.integer_outputs.iter().map(|&op| self.integer.ops()[op].inputs[0]).collect::<Vec<_>>();
        let mut outputs = self.integer.forward(sample, &mut |op, result| {
            for (logits, &value) in logits.iter_mut().zip(&logit_values) {
                if self.integer.ops()[op].output == Some(value) {
                    *logits = result.clone();
                }
            }
            for (layer, kept) in self.layers.iter().zip(&mut *activations) {
                if layer.as_ref().is_some_and(|layer| layer.integer == op) {
                    *kept = result.clone();
                }
            }
        })?;
        outputs.extend(logits);
        Ok(outputs)
    }
}

/// An image, and what it came to on a GPU if it was run there.
struct Ran<'r> {
    engine: &'r Engine,
    image: ImageView<'r>,
    index: usize,
    options: &'r RunOptions,
    outcome: Option<ImageOutcome>,
}

impl Ran<'_> {
    /// Runs the image, or tells again what it did.
    fn watch(&self, seen: &mut dyn FnMut(Spike)) -> Result<ImageOutcome, ValidateError> {
        let Some(outcome) = &self.outcome else {
            let outcome = self.engine.watch_image(self.image, self.index, self.options, seen);
            return outcome.map_err(|error| ValidateError::Engine(format!("{}: {error}", error.id())));
        };
        let sizes = self.engine.layer_shapes().iter().map(|shape| shape.iter().product()).collect::<Vec<_>>();
        outcome.replay(&sizes, seen);
        Ok(ImageOutcome { trace: None, ..outcome.clone() })
    }

    /// Whether the engine comes to the same: logits, spikes, operations, steps, certificate, and the class after every step.
    fn is_same(&self, outcome: &ImageOutcome) -> Result<bool, ValidateError> {
        let options = RunOptions {
            trace: self.outcome.as_ref().is_some_and(|outcome| outcome.trace.is_some()),
            early_exit: None,
            ..*self.options
        };
        let engine = self.engine.run_image(self.image, self.index, &options);
        let engine = engine.map_err(|error| ValidateError::Engine(format!("{}: {error}", error.id())))?;
        let trace = self.outcome.as_ref().and_then(|outcome| outcome.trace.as_ref());
        Ok(engine.trace.as_ref() == trace && ImageOutcome { trace: None, ..engine } == *outcome)
    }
}

/// The image as the interpreter takes it; of events the counts over all frames.
pub fn sample(images: &Images, index: usize) -> Option<Sample> {
    let image = images.fetch(index)?;
    let view = image.view();
    let pixels = (0..view.len()).filter_map(|pixel| view.get(pixel)).collect();
    ArrayD::from_shape_vec(IxDyn(images.sample_shape()), pixels).ok()
}

//! A whole compilation: from a `torch` module to an artifact.

use crate::{
    backend::{
        cpu::{self, Emitted},
        loihi::{self, MapReport},
        ptx,
    },
    import::Fidelity,
    mlir::{self, IrError},
    module_text,
    pass::PassInfo,
    passes::{loihi_to_loihi::map_to_cores, snn_to_gpu::lower_to_gpu},
    pipeline::{self, Hooks, PassReport, Pipeline, PipelineError},
    search::SearchReport,
    session::Session,
    validate::each::{cores, kernels},
};
use melior::{Context, ir::Module};
use neurocuda_dialects::{View, ann};
use neurocuda_runtime::{
    artifact::{
        Artifact, ArtifactError, FORMAT_VERSION, Layer, MODULE_TENSOR, Manifest, NetworkInput,
        Nonlinearities, Program, Tensor, chip_program::ChipProgram, program::Schedule,
    },
    loihi::simulate::Simulator,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// What a network is compiled for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The CPU engine.
    #[default]
    Cpu,
    /// Loihi 2, on the chip of the session; spikes arrive a step after they are sent.
    Loihi,
    /// A GPU, in PTX.
    Ptx,
}

/// What a user decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// When neurons fire.
    pub schedule: Schedule,
    /// Largest count of an activation.
    pub levels: u32,
    /// Number of steps; of `rate` only.
    pub timesteps: u32,
    /// Most frames of a sample, if the input is events in frames.
    pub frames: Option<u32>,
    /// Bits of a weight, sign included; identity paths keep their 16.
    pub weight_bits: u32,
    /// Whether layers get levels of their own, and what error that may make: this many times that of `levels` everywhere.
    pub mixed_levels: Option<f64>,
    /// Largest magnitude of a code of the network input; `None` for that of the target.
    pub input_levels: Option<u32>,
    /// What to compile for.
    pub target: Target,
    /// Oldest architecture of a GPU that is compiled for, such as `sm_80`.
    pub gpu_arch: String,
    /// Layers and the programs of one's own that they run: files, or names of built-in ones; on Loihi 2 only.
    pub programs: Vec<(String, String)>,
}

/// Largest magnitude of an input code on Loihi 2, where what arrives in one step has to fit an accumulator.
const INPUT_LEVELS_OF_LOIHI: u32 = 127;

impl Default for Settings {
    fn default() -> Self {
        Self {
            schedule: Schedule::StBif,
            levels: 31,
            timesteps: 32,
            frames: None,
            weight_bits: 8,
            mixed_levels: None,
            input_levels: None,
            target: Target::Cpu,
            gpu_arch: lower_to_gpu::ARCH.to_owned(),
            programs: vec![],
        }
    }
}

/// The passes that make the real network ready for calibration.
pub const FRONT: &str = "remove-identity,fold-batch-norm,lower-torch-to-ann,sink-head,sink-permutes,fold-input-affine,\
                         hoist-activation,merge-reshapes,gather-channels,insert-requantize,remove-dead-ops";

impl Settings {
    /// The passes from the real network to the integer one.
    pub fn integer_pipeline(&self) -> String {
        let Self { levels, weight_bits, .. } = self;
        let choose = self
            .mixed_levels
            .map(|budget| format!("choose-levels{{levels={levels} budget={budget}}},"))
            .unwrap_or_default();
        let of_target = (self.target == Target::Loihi).then_some(INPUT_LEVELS_OF_LOIHI);
        let input = self.input_levels.or(of_target).map(|levels| format!(" input-levels={levels}"));
        let input = input.unwrap_or_default();
        format!(
            "calibrate,{choose}choose-thresholds{{levels={levels}{input}}},quantize{{weight-bits={weight_bits}}},correct-bias"
        )
    }

    /// The passes from the integer network to the spiking one.
    pub fn spiking_pipeline(&self) -> String {
        if self.target == Target::Loihi {
            return loihi::spiking_pipeline(self.schedule, self.frames, self.timesteps, true);
        }
        let input =
            self.frames.map(|frames| format!("stream-events{{frames={frames}}},")).unwrap_or_default();
        let lowering = match self.schedule {
            Schedule::StBif => "lower-to-st-bif,prove-bounds".to_owned(),
            Schedule::HoldAndFire => "lower-to-hold-and-fire,prove-bounds".to_owned(),
            Schedule::SigmaDelta => "lower-to-sigma-delta,prove-bounds".to_owned(),
            Schedule::Rate => {
                format!(
                    "expand-max-pool,lower-to-rate{{timesteps={}}},correct-rate,prove-bounds",
                    self.timesteps
                )
            }
        };
        input + &lowering
    }
}

/// What the compiler is given besides the module.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Name of the graph.
    pub network: String,
    /// Name of the input.
    pub input: String,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Where model and samples come from.
    pub provenance: BTreeMap<String, String>,
    /// How well the import agrees with what PyTorch recorded; `None` where nothing is recorded.
    pub import_fidelity: Option<Fidelity>,
}

/// Why there is no artifact.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A pass failed or was stopped by a check.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The network has no nonlinearity, or one of them did not become neurons.
    #[error("{0}")]
    Unconverted(String),
    /// The back end refused the module.
    #[error("{message}")]
    Backend {
        /// What is wrong.
        message: String,
        /// Where, as `file:line:column`.
        place: String,
    },
    /// The search for levels and schedule found none, or cannot be made.
    #[error("{0}")]
    Search(String),
    /// The artifact does not hold together, which is a defect of the compiler.
    #[error("the artifact is not valid: {0}")]
    Artifact(#[from] ArtifactError),
}

impl From<IrError<'_>> for CompileError {
    fn from(error: IrError) -> Self {
        Self::Backend { place: error.location.map(mlir::source).unwrap_or_default(), message: error.message }
    }
}

/// What the compiler says of its work.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct CompileReport {
    /// Name of the graph.
    pub network: String,
    /// Schedule, by its name on the command line.
    pub schedule: Schedule,
    /// Largest count of an activation.
    pub levels: u32,
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Steps: proved bound of an exact schedule, or the number of `rate`.
    pub steps: u32,
    /// How well the imported network computes the outputs that PyTorch recorded; `null` where it was not checked, because none
    /// are recorded.
    pub import_fidelity: Option<Fidelity>,
    /// Nonlinearities of the real network and how many became neurons.
    pub neurons: NeuronCount,
    /// What each pass did.
    pub passes: Vec<PassReport>,
    /// Proved bound of each layer's membranes.
    pub layers: Vec<LayerReport>,
    /// How levels and schedule were searched; `null` where they were given.
    pub search: Option<SearchReport>,
    /// How the network lies on cores; `null` of other targets.
    pub mapping: Option<MapReport>,
    /// Seconds from the module to the artifact.
    pub seconds: f64,
}

/// Nonlinear elements of the real network, and how many became neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct NeuronCount {
    /// Elements of activations in the real network.
    pub found: u64,
    /// How many of them are neurons.
    pub converted: u64,
}

/// A layer of neurons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LayerReport {
    /// Name of the layer.
    pub name: String,
    /// Number of neurons.
    pub neurons: u64,
    /// Largest count of a neuron.
    pub levels: u32,
    /// Largest magnitude that a membrane can reach, proved.
    pub membrane_bound: i64,
}

impl LayerReport {
    fn of(layer: &Layer, emitted: &Emitted) -> Self {
        let op = emitted.program.ops.iter().find(|op| op.name == layer.name);
        Self {
            name: layer.name.clone(),
            neurons: layer.neurons,
            levels: op.and_then(|op| op.kind.levels()).unwrap_or(emitted.levels),
            membrane_bound: layer.membrane_bound,
        }
    }
}

/// Compiles `module`, which is at stage `torch`.
///
/// # Errors
///
/// If a pass fails or does not keep its claim, nothing or not everything was converted, or the back end refuses the result.
pub fn compile(
    context: &Context,
    module: &mut Module,
    settings: &Settings,
    description: Description,
    session: &mut Session,
    hooks: &Hooks,
) -> Result<(Artifact, CompileReport), CompileError> {
    let start = Instant::now();
    let chip = session.chip(None);
    let mut run = |module: &mut Module, text: &str| -> Result<Vec<PassReport>, PipelineError> {
        pipeline::run(context, module, &Pipeline::parse(text)?, session, hooks)
    };
    let mut passes = run(module, FRONT)?;
    let nonlinear = nonlinear_layers(module)?;
    passes.extend(run(module, &settings.integer_pipeline())?);
    let (text, tensors) = module_text::store(module);
    let integer = tensors
        .into_iter()
        .map(|(name, tensor)| Ok((name, cpu::to_runtime(tensor)?)))
        .collect::<Result<BTreeMap<_, _>, IrError>>()?;
    passes.extend(run(module, &settings.spiking_pipeline())?);
    let mut emitted = cpu::emit(module.as_operation(), &description.outputs)?;
    let neurons = converted(module, &nonlinear)?;
    let mut mapping = None;
    let mut chips = None;
    if settings.target == Target::Loihi {
        heard(&emitted.program)?;
        passes.extend(run(module, "lower-to-loihi")?);
        for (layer, program) in &settings.programs {
            passes.extend(run(module, &format!("attach-program{{layer={layer} program={program}}}"))?);
        }
        // What does not fit is for the pass to say.
        mapping = loihi::map(module, &chip).ok();
        passes.extend(run(module, "map-to-cores")?);
        let (program, tensors) = loihi::emit::emit(module, &emitted.program)?;
        emitted.tensors.extend(tensors);
        chips = Some(program);
    }
    let mut lowered = None;
    if settings.target == Target::Ptx {
        let arch = &settings.gpu_arch;
        passes.extend(run(module, &format!("lower-to-gpu{{arch={arch}}}"))?);
        lowered = Some(ptx::emit(module, &emitted, arch)?);
    }
    let report = CompileReport {
        network: description.network.clone(),
        schedule: settings.schedule,
        levels: emitted.levels,
        weight_bits: settings.weight_bits,
        steps: emitted.program.steps,
        import_fidelity: description.import_fidelity,
        neurons,
        passes,
        layers: emitted.layers.iter().map(|layer| LayerReport::of(layer, &emitted)).collect(),
        search: None,
        mapping,
        seconds: start.elapsed().as_secs_f64(),
    };
    let notes =
        serde_json::json!({ "passes": pass_records(&report.passes), "weight_bits": settings.weight_bits });
    let mut artifact = artifact(description, (emitted, chips), neurons, (text, integer), notes)?;
    if let Some((lowered, text)) = lowered {
        neurocuda_ptx::attach(&mut artifact, lowered, &text)
            .map_err(|error| IrError::module(error.to_string()))?;
        artifact.validate()?;
        if let Some(validator) = hooks.validate_each {
            kernels::hold(&artifact, &validator.samples())
                .map_err(|found| broken(&lower_to_gpu::INFO, found))?;
        }
    }
    if artifact.manifest.chips.is_some() {
        on_cores(&artifact, hooks)?;
    }
    Ok((artifact, report))
}

/// Refuses a network of `rate` whose run ends before its input has come through: of that many steps the outputs hear nothing.
fn heard(program: &Program) -> Result<(), CompileError> {
    let mut latencies = vec![0; program.values.len()];
    let mut fill = 0;
    for op in &program.ops {
        let arrives = op.inputs.iter().filter_map(|&input| latencies.get(input)).max().copied().unwrap_or(0);
        let latency = arrives + op.kind.delay().unwrap_or(0);
        fill = fill.max(latency);
        if let Some(slot) = latencies.get_mut(op.output) {
            *slot = latency;
        }
    }
    if program.schedule != Schedule::Rate || fill < program.steps {
        return Ok(());
    }
    Err(CompileError::Unconverted(format!(
        "unsupported: on Loihi 2 the outputs of this network hear nothing before step {fill}, and its run ends after {}: give --timesteps \
         well above that, or take an exact --schedule",
        program.steps
    )))
}

/// Loads the cores of an artifact, and with `--validate-each` runs them.
fn on_cores(artifact: &Artifact, hooks: &Hooks) -> Result<(), CompileError> {
    let attached = artifact.manifest.chips.as_ref().and_then(ChipProgram::attached);
    // The CPU does not know programs of one's own, so that there is nothing to hold such cores against.
    let Some(validator) = hooks.validate_each.filter(|_| attached.is_none()) else {
        return Ok(Simulator::new(artifact).map(drop)?);
    };
    cores::hold(artifact, &validator.samples()).map_err(|found| broken(&map_to_cores::INFO, found))
}

/// A pass does not keep its claim, which was seen where its work is run.
fn broken(pass: &PassInfo, found: String) -> CompileError {
    let claim = format!("{:?}", pass.claim);
    PipelineError::Claim { pass: pass.name.to_owned(), claim, found }.into()
}

/// Elements of each nonlinear layer of the real network, by layer name.
fn nonlinear_layers(module: &Module) -> Result<BTreeMap<String, u64>, CompileError> {
    let mut layers = BTreeMap::new();
    for operation in mlir::operations(mlir::network_block(module.as_operation())?) {
        let Some(activation) = mlir::view::<ann::Activation>(operation)? else { continue };
        // What only requantises is no nonlinearity of the user's; a curve is, though leaky_relu's activation has no limits.
        let behind_curve = mlir::definition(mlir::operand(operation)?)
            .is_some_and(|definition| mlir::has_name(definition, ann::Curve::NAME));
        if behind_curve || activation.minimum.is_finite() || activation.maximum.is_finite() {
            let elements = mlir::sample_shape(mlir::result(operation)?)?.iter().product::<usize>() as u64;
            *layers.entry(mlir::layer(operation)).or_insert(0) += elements;
        }
    }
    if layers.is_empty() {
        return Err(CompileError::Unconverted(
            "no-neurons: the network has no nonlinearity that could become neurons; nothing would be converted".to_owned(),
        ));
    }
    Ok(layers)
}

fn converted(module: &Module, nonlinear: &BTreeMap<String, u64>) -> Result<NeuronCount, CompileError> {
    let mut seen = BTreeSet::new();
    let mut converted = 0;
    for operation in mlir::operations(mlir::network_block(module.as_operation())?) {
        let layer = mlir::layer(operation);
        if cpu::is_neuron(operation)? && nonlinear.contains_key(&layer) {
            converted += mlir::sample_shape(mlir::result(operation)?)?.iter().product::<usize>() as u64;
            seen.insert(layer);
        }
    }
    let found = nonlinear.values().sum();
    let left = nonlinear.keys().filter(|layer| !seen.contains(*layer)).cloned().collect::<Vec<_>>();
    if !left.is_empty() || found != converted {
        return Err(CompileError::Unconverted(format!(
            "unconverted: {converted} of {found} nonlinear elements became neurons; left over: {}",
            left.join(", ")
        )));
    }
    Ok(NeuronCount { found, converted })
}

/// What passes did, as the artifact keeps it: without their seconds, which would differ each time.
fn pass_records(passes: &[PassReport]) -> serde_json::Value {
    let record =
        |pass: &PassReport| serde_json::json!({ "pass": pass.pass, "ops": pass.ops, "change": pass.change });
    passes.iter().map(record).collect()
}

fn artifact(
    description: Description,
    (emitted, chips): (Emitted, Option<ChipProgram>),
    neurons: NeuronCount,
    (text, integer): (String, BTreeMap<String, Tensor>),
    notes: serde_json::Value,
) -> Result<Artifact, CompileError> {
    let mut tensors = integer;
    // Weights that the spiking program shares with the integer network are the same tensors under the same names.
    tensors.extend(emitted.tensors);
    let bytes = text.into_bytes();
    let module = Tensor::from_values(vec![bytes.len()], &bytes);
    tensors.insert(
        MODULE_TENSOR.to_owned(),
        module.map_err(|error| CompileError::Backend { message: error.to_string(), place: String::new() })?,
    );
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        producer: concat!("neurocudac ", env!("CARGO_PKG_VERSION")).to_owned(),
        network: description.network,
        target: if chips.is_some() { "loihi" } else { "cpu" }.to_owned(),
        levels: emitted.levels,
        input: NetworkInput {
            name: description.input,
            shape: emitted.input_shape,
            dtype: if emitted.frames.is_some() { "counts of events" } else { "u8 or f32" }.to_owned(),
            frames: emitted.frames,
        },
        outputs: emitted.outputs,
        program: emitted.program,
        chips,
        gpu: None,
        layers: emitted.layers,
        nonlinearities: Nonlinearities { found: neurons.found, converted: neurons.converted },
        provenance: description.provenance,
        report: notes,
    };
    let artifact = Artifact { manifest, tensors };
    // What would not be read back is not handed out.
    artifact.validate()?;
    Ok(artifact)
}

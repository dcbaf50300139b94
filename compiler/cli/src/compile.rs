//! `neurocudac compile`: from a model to an artifact.

use crate::{
    data,
    failure::Failure,
    messages,
    model::{self, Normalization},
    output, progress, search_text,
};
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets::NOTHING};
use neurocuda_compiler::{
    compile::{self, CompileError, CompileReport, Description, Settings},
    faults::Fault,
    loihi::chip::Chip,
    module_text,
    passes::snn_to_gpu::lower_to_gpu,
    pipeline::{Hooks, PassReport, PipelineError},
    search::{self, Request},
    session::Session,
    validate::{each::EachValidator, summary::peak_memory_mb},
};
use neurocuda_runtime::artifact::{limits::MAX_FRAMES, program};
use std::{collections::BTreeMap, path::PathBuf};

/// Compile a model into a spiking network.
///
/// Calibrates on unlabelled samples, turns the network into integers (the only step that loses anything) and that into
/// neurons. Example:
///
///   neurocudac compile net.ncg --weights net.safetensors --calibrate train1000.safetensors -o net.ncx
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Archive that torch.export.save wrote, or graph description (.ncg).
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Weights of a graph description.
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,

    /// Samples to calibrate on: a safetensors file with `images` (u8 or f32, N first) or with events, which are counted. Labels are
    /// not looked at.
    #[arg(long, value_name = "C.safetensors")]
    calibrate: PathBuf,

    /// Use at most this many of the samples.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = data::count())]
    samples: usize,

    #[command(flatten)]
    normalization: Normalization,

    /// Search for the cheapest network whose accuracy drops by at most this many percentage points, instead of taking levels,
    /// steps and schedule as given. Needs no labels: half of the samples fit, the other half show how often the network disagrees
    /// with the real one. --schedule, --levels and --timesteps narrow the search down.
    #[arg(long, value_name = "POINTS", value_parser = points)]
    max_drop: Option<f64>,

    /// When neurons fire. Default st-bif; with --max-drop, whichever of st-bif, hold-and-fire and rate costs least.
    #[arg(long, value_enum)]
    schedule: Option<Schedule>,

    /// Largest count of an activation: more levels lose less and take longer. Default 31; for rate, the number of timesteps.
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u32).range(1..=32767))]
    levels: Option<u32>,

    /// Largest magnitude of a code of the network input. Default 255; for --target loihi 127, because what arrives at a neuron in one
    /// step has to fit its accumulator.
    #[arg(long, value_name = "L", value_parser = clap::value_parser!(u32).range(1..=32767))]
    input_levels: Option<u32>,

    /// Bits of a weight, sign included; identity paths of residual networks keep their 16.
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(4..=8))]
    weight_bits: u32,

    /// Give each layer levels of its own, from a quarter to twice of --levels: those with the fewest synaptic operations whose error is
    /// at most FACTOR times that of --levels in every layer. 1 if the option stands without a number.
    #[arg(long, value_name = "FACTOR", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = factor)]
    mixed_levels: Option<f64>,

    /// Number of steps of a rate network. The exact schedules run until they have settled.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=65536))]
    timesteps: Option<u32>,

    /// What the network gets: images, or events in time, whose counts are the image. For events, one event must be code 1:
    /// calibrate on u8 counts.
    #[arg(long, value_enum, default_value_t = Input::Images)]
    input: Input,

    /// Most frames of a sample of events: address events are put into so many windows of equal length. Default 10.
    #[arg(long, value_name = "F", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_FRAMES)))]
    frames: Option<u32>,

    /// What to compile for.
    #[arg(long, value_enum, default_value_t = Target::Cpu)]
    target: Target,

    /// Oldest architecture that --target ptx compiles for, sm_80 by default: the kernels run on it and on all later ones.
    #[arg(long, value_name = "sm_80", value_parser = gpu_arch)]
    gpu_arch: Option<String>,

    /// Chip file of --target loihi; Loihi 2 as it is published by default, which `loihi chip` prints.
    #[arg(long, value_name = "CHIP.toml")]
    chip: Option<PathBuf>,

    /// Let a layer of --target loihi and --schedule rate run a program of your own (.ncm, see `loihi check`), or a built-in one by its
    /// name; may be given several times. Its parameters get the layer's of the same names, others keep their defaults.
    #[arg(long, value_name = "LAYER=PROGRAM", value_parser = neuron_program)]
    neuron_program: Vec<(String, String)>,

    /// Run the network before and after every pass on samples, and stop at the first pass that does not keep what it claims.
    #[arg(long)]
    validate_each: bool,

    /// Number of samples for --validate-each.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = data::count())]
    validate_samples: usize,

    /// Write what the compiler did as JSON.
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,

    /// Print the module after this pass; may be given several times, `*` stands for every pass.
    #[arg(long, value_name = "PASS")]
    print_ir_after: Vec<String>,

    /// Write the module after every pass into this folder.
    #[arg(long, value_name = "DIR")]
    dump_ir_dir: Option<PathBuf>,

    /// Where calibrations are kept, so that other levels or another schedule do not calibrate again.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Calibrate anew, and keep nothing.
    #[arg(long)]
    no_cache: bool,

    /// Plant a fault beside a pass: for tests of validation.
    #[arg(long, hide = true, value_name = "PASS=KIND")]
    plant: Option<Fault>,

    /// The artifact to write.
    #[arg(short, long, value_name = "OUT.ncx")]
    output: PathBuf,
}

/// A number of percentage points.
fn points(text: &str) -> Result<f64, String> {
    let points = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.0..=100.0).contains(&points) {
        Ok(points)
    } else {
        Err(format!("{points} is not between 0 and 100"))
    }
}

/// Schedules by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Schedule {
    /// Signed spikes, exact once settled.
    StBif,
    /// Unsigned spikes, layer after layer, exact.
    HoldAndFire,
    /// Graded events with the change of each activation, exact; the engine settles in one step.
    SigmaDelta,
    /// Plain integrate-and-fire, approximate.
    Rate,
}

impl From<Schedule> for program::Schedule {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::StBif => Self::StBif,
            Schedule::HoldAndFire => Self::HoldAndFire,
            Schedule::SigmaDelta => Self::SigmaDelta,
            Schedule::Rate => Self::Rate,
        }
    }
}

/// Kinds of input by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Pixels, presented at once.
    Images,
    /// Events, frame after frame.
    Events,
}

/// Targets by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The CPU engine of `neurocudac run`.
    Cpu,
    /// Loihi 2: programs, synapses and routes of its cores, which `neurocudac run` simulates. Spikes arrive a step after they are sent.
    Loihi,
    /// A GPU: PTX kernels that `neurocudac run` launches where a CUDA driver is.
    Ptx,
}

/// Levels and steps where they are not given.
const LEVELS: u32 = 31;
const TIMESTEPS: u32 = 32;
/// Frames where they are not given.
const FRAMES: u32 = 10;

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().map_err(|error| error.to_string())?;
    if factor.is_finite() && factor > 0.0 {
        Ok(factor)
    } else {
        Err("a positive number is needed".to_owned())
    }
}

impl Arguments {
    fn settings(&self) -> Result<Settings, Failure> {
        let schedule = self.schedule.unwrap_or(Schedule::StBif);
        if self.mixed_levels.is_some() && schedule == Schedule::Rate {
            return Err(Failure::input(
                "unsupported: --mixed-levels needs an exact schedule, because a spike in every step of a rate network stands for the \
                 same number of levels in all layers; leave it out, or use --schedule st-bif",
            ));
        }
        if self.mixed_levels.is_some() && self.max_drop.is_some() {
            return Err(Failure::input(
                "unsupported: --max-drop compares networks with the same levels in all layers; choose --levels together with \
                 --mixed-levels instead",
            ));
        }
        if self.chip.is_some() && self.target != Target::Loihi {
            return Err(Failure::input("--chip belongs to --target loihi"));
        }
        if self.gpu_arch.is_some() && self.target != Target::Ptx {
            return Err(Failure::input("--gpu-arch belongs to --target ptx"));
        }
        if !self.neuron_program.is_empty() && self.target != Target::Loihi {
            return Err(Failure::input("--neuron-program belongs to --target loihi"));
        }
        if self.max_drop.is_some() && self.target != Target::Cpu {
            return Err(Failure::input(
                "unsupported: --max-drop counts what networks cost on the CPU; search without --target, and compile what it chose",
            ));
        }
        if self.frames.is_some() && self.input != Input::Events {
            return Err(Failure::input("--frames belongs to --input events: images are presented at once"));
        }
        if self.input == Input::Events && schedule == Schedule::Rate {
            return Err(Failure::input(
                "unsupported: schedule rate presents its input in every step, and events come in time; use an exact --schedule, or \
                 leave --input events out: the counts are then an image",
            ));
        }
        if self.input == Input::Events && self.max_drop.is_some() {
            return Err(Failure::input(
                "unsupported: --max-drop counts operations on images, and those of events depend on when they come; choose \
                 --schedule and --levels instead",
            ));
        }
        if self.validate_each && self.weight_bits < 8 {
            return Err(Failure::input(
                "unsupported: --validate-each holds `quantize` to rounding to the nearest weight, and fewer than 8 bits are chosen by \
                 least squares instead; leave --weight-bits out",
            ));
        }
        let frames = (self.input == Input::Events).then(|| self.frames.unwrap_or(FRAMES));
        Ok(Settings {
            frames,
            weight_bits: self.weight_bits,
            mixed_levels: self.mixed_levels,
            input_levels: self.input_levels,
            target: match self.target {
                Target::Cpu => compile::Target::Cpu,
                Target::Loihi => compile::Target::Loihi,
                Target::Ptx => compile::Target::Ptx,
            },
            gpu_arch: self.gpu_arch.clone().unwrap_or_else(|| lower_to_gpu::ARCH.to_owned()),
            programs: self.neuron_program.clone(),
            ..settings(schedule, self.levels, self.timesteps)?
        })
    }

    fn request(&self) -> Option<Request> {
        self.max_drop.map(|max_drop| Request {
            max_drop,
            schedule: self.schedule.map(Into::into),
            levels: self.levels,
            timesteps: self.timesteps,
            weight_bits: self.weight_bits,
        })
    }
}

/// An architecture that the kernels run on.
fn gpu_arch(text: &str) -> Result<String, String> {
    if lower_to_gpu::is_arch(text) {
        Ok(text.to_owned())
    } else {
        Err("expected sm_80 or a later architecture".to_owned())
    }
}

/// A layer and its program.
fn neuron_program(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((layer, program)) if !layer.is_empty() && !program.is_empty() => {
            Ok((layer.to_owned(), program.to_owned()))
        }
        _ => Err("expected LAYER=PROGRAM".to_owned()),
    }
}

/// What `--schedule`, `--levels` and `--timesteps` say together.
pub fn settings(
    schedule: Schedule,
    levels: Option<u32>,
    timesteps: Option<u32>,
) -> Result<Settings, Failure> {
    if timesteps.is_some() && schedule != Schedule::Rate {
        return Err(Failure::input(
            "--timesteps belongs to --schedule rate: the exact schedules run until they have settled, within a proved \
             bound (`run --timesteps` caps a run)",
        ));
    }
    let timesteps = timesteps.unwrap_or(TIMESTEPS);
    let levels = levels.unwrap_or(if schedule == Schedule::Rate { timesteps } else { LEVELS });
    Ok(Settings { schedule: schedule.into(), levels, timesteps, ..Settings::default() })
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.settings()?;
    let model = model::load(&arguments.model, arguments.weights.as_deref())?;
    let import_fidelity = model.replay()?;
    let loaded = &model.loaded;
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let mut module = model.module(&context, &arguments.normalization)?;
    let shape = loaded.graph.inputs[0].shape.sample().iter().map(|&size| size as usize).collect::<Vec<_>>();
    let samples = data::samples(&arguments.calibrate, &shape, arguments.samples)?;
    let model_hash = model.hash(&arguments.normalization);
    let provenance = BTreeMap::from([
        ("model".to_owned(), model_hash.clone()),
        ("calibration".to_owned(), samples.hash.clone()),
    ]);
    let description = Description {
        network: loaded.graph.name.clone(),
        input: loaded.graph.inputs[0].name.clone(),
        outputs: loaded.graph.outputs.iter().map(|output| output.name.clone()).collect(),
        provenance,
        import_fidelity,
    };
    let validator =
        arguments.validate_each.then(|| EachValidator::new(samples.clone(), arguments.validate_samples));
    let print = |text: &str| output::line(text);
    let hooks = Hooks {
        print_after: arguments.print_ir_after.clone(),
        print: Some(&print),
        dump_dir: arguments.dump_ir_dir.clone(),
        stop_after: None,
        validate_each: validator.as_ref(),
        plant: arguments.plant.clone(),
    };
    let mut session = Session {
        calibration: Some(samples),
        model_hash: Some(model_hash),
        cache: model::cache(arguments.cache_dir.as_ref(), arguments.no_cache),
        progress: progress::any(),
        chip: arguments.chip.as_deref().map(Chip::read).transpose().map_err(Failure::input)?,
        ..Session::default()
    };
    let again: Box<search::Model> = Box::new(|context| {
        let module = model.module(context, &arguments.normalization);
        module.map_err(|_| CompileError::Search("the model cannot be imported a second time".to_owned()))
    });
    let (result, messages) = module_text::collecting(&context, || match arguments.request() {
        Some(request) => search::search(&again, &request, &description, &mut session, &hooks),
        None => compile::compile(&context, &mut module, &settings, description, &mut session, &hooks),
    });
    let (artifact, report) = result.map_err(|error| explain(error, &messages))?;
    artifact.write(&arguments.output).map_err(Failure::input)?;
    if let Some(path) = &arguments.report {
        output::json(path, &Written { compile: &report, peak_memory_mb: peak_memory_mb() })?;
    }
    print_summary(arguments, &report);
    Ok(())
}

/// The report as it is written.
#[derive(serde::Serialize)]
struct Written<'r> {
    #[serde(flatten)]
    compile: &'r CompileReport,
    /// Largest resident memory of the process, in MB.
    peak_memory_mb: Option<f64>,
}

/// What an error says to people.
pub fn explain(error: CompileError, messages: &[module_text::Message]) -> Failure {
    match error {
        CompileError::Pipeline(PipelineError::Failed { pass, message, source_place, layer }) => {
            for other in messages.iter().filter(|other| other.text != message) {
                messages::note(other);
            }
            Failure::Refused { message, layer, place: source_place, pass }
        }
        CompileError::Pipeline(error @ PipelineError::Claim { .. }) => {
            messages::note(format!("error: validate-each: {error}"));
            Failure::Gate
        }
        CompileError::Backend { message, place } if !place.is_empty() => {
            Failure::Refused { message, layer: String::new(), place, pass: String::new() }
        }
        error => Failure::input(error),
    }
}

fn print_summary(arguments: &Arguments, report: &CompileReport) {
    if arguments.validate_each {
        output::line(pass_table(&report.passes));
    }
    output::line(match &report.import_fidelity {
        Some(fidelity) => format!("import fidelity: {fidelity}"),
        None => "import fidelity: not checked: no recorded outputs".to_owned(),
    });
    if let Some(search) = &report.search {
        search_text::print(search);
    }
    if arguments.mixed_levels.is_some() {
        let levels =
            report.layers.iter().map(|layer| format!("{} {}", layer.name, layer.levels)).collect::<Vec<_>>();
        output::line(format!("levels of layers: {}", levels.join(", ")));
    }
    let bound = report.layers.iter().map(|layer| layer.membrane_bound).max().unwrap_or(0);
    output::line(format!(
        "{}: {} of {} nonlinear elements are neurons, {} levels, {} {} step{}; membranes stay below {bound} (32 bits: {}). \
         {:.1} s -> {}",
        report.network,
        report.neurons.converted,
        report.neurons.found,
        report.levels,
        if report.schedule == program::Schedule::Rate { "runs" } else { "settles within" },
        report.steps,
        if report.steps == 1 { "" } else { "s" },
        i32::MAX,
        report.seconds,
        arguments.output.display()
    ));
}

/// The table of passes, with what each changed.
pub fn pass_table(passes: &[PassReport]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["pass", "ops", "seconds", "change of the outputs"]);
    for pass in passes {
        table.add_row([
            pass.pass.clone(),
            format!("{} -> {}", pass.ops[0], pass.ops[1]),
            format!("{:.2}", pass.seconds),
            pass.change.map_or_else(String::new, |change| change.to_string()),
        ]);
    }
    table
}

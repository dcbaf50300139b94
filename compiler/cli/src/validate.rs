//! `neurocudac validate`: an artifact against the model it was compiled from.

use crate::{
    data,
    failure::Failure,
    interrupt, messages,
    model::{self, Model, Normalization},
    output, progress, provenance, report_text,
};
use clap::Args;
use neurocuda_compiler::{
    compile::FRONT,
    module_text,
    pipeline::{self, Hooks, Pipeline},
    session::Session,
    validate::{
        artifact::{Demands, Subjects, ValidateError},
        html,
        reference::Answers,
        report::Report,
        shard::{Origin, Shard},
        summary::{peak_memory_mb, summarize},
        tally::Tally,
    },
};
use neurocuda_runtime::artifact::Artifact;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Compare an artifact with the model it came from, on test images.
///
/// Runs the float network, the integer network and the spiking network, spike by spike, and reports accuracy, agreement,
/// equality of logits, spikes and synaptic operations. Exit code 1 if a gate fails. Ctrl-C loses nothing: the same command
/// goes on where it was stopped.
#[derive(Args)]
pub struct Arguments {
    /// The artifact.
    #[arg(value_name = "OUT.ncx")]
    artifact: PathBuf,

    /// Archive or graph description that the artifact was compiled from.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,

    /// Weights of a graph description.
    #[arg(long, value_name = "W.safetensors")]
    weights: Option<PathBuf>,

    /// Test images: a safetensors file with `images` or with events, and, for accuracy, `labels`.
    #[arg(long, value_name = "TEST.safetensors")]
    data: PathBuf,

    #[command(flatten)]
    normalization: Normalization,

    /// What runs the spiking network; by default what it was compiled for. `gpu,cpu` runs both, reports of the GPU, and fails unless
    /// every image does the same on both, to the last spike.
    #[arg(long, value_enum, value_delimiter = ',', num_args = 1)]
    backend: Vec<data::Backend>,

    /// Images that a GPU runs at once; 64 by default, or as many as there is memory for.
    #[arg(long, value_name = "N", value_parser = data::count())]
    batch: Option<usize>,

    /// Run only the first images.
    #[arg(long, value_name = "N", value_parser = data::count())]
    limit: Option<usize>,

    /// Cap the number of steps. An exact network that has not settled by then fails its gate.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    timesteps: Option<u32>,

    /// Last layers of neurons that an early exit does not wait for; see `run --early-exit`.
    #[arg(long, value_name = "LAYERS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    early_exit: u32,

    /// Largest drop of accuracy, in percentage points; a paired standard error is allowed on top.
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    max_drop: f64,

    /// Write the report as JSON.
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,

    /// Write the report as a page with charts: one HTML file that needs nothing else.
    #[arg(long, value_name = "R.html")]
    html: Option<PathBuf>,

    /// Count only, and write the counts: the data are a part of the test set. `neurocudac merge` makes the report of all parts.
    #[arg(long, value_name = "T.json", conflicts_with_all = ["report", "html", "max_drop"])]
    tallies: Option<PathBuf>,

    /// With --tallies: position of the first image in the whole test set, a multiple of 250.
    #[arg(long, value_name = "I", default_value_t = 0, requires = "tallies")]
    first: usize,

    /// Where the state of an interrupted run is kept.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Keep no state: an interrupted run starts over.
    #[arg(long)]
    no_cache: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let artifact = data::artifact(&arguments.artifact)?;
    let input = &artifact.manifest.input;
    let images = data::open(&arguments.data, &input.shape, input.frames)?;
    let model = model::load(&arguments.model, arguments.weights.as_deref())?;
    model.replay()?;
    let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let torch = model.module(&context, &arguments.normalization)?;
    let mut front = model.module(&context, &arguments.normalization)?;
    let pipeline = Pipeline::parse(FRONT).map_err(Failure::input)?;
    pipeline::run(&context, &mut front, &pipeline, &mut Session::default(), &Hooks::default())
        .map_err(Failure::input)?;
    let text = artifact.module_text().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    let integer_hash = RefCell::new(blake3::Hasher::new());
    integer_hash.borrow_mut().update(text.as_bytes());
    let tensor = |name: &str| {
        let bytes = artifact.tensors.get(name)?.bytes();
        integer_hash.borrow_mut().update(bytes);
        Some(bytes)
    };
    // A context of its own: in one that holds tensors of the same names, MLIR renames them.
    let own_context = neurocuda_dialects::new_context().map_err(Failure::input)?;
    let integer = module_text::load(&own_context, text, tensor).map_err(|messages| {
        Failure::input(format!(
            "{}: the artifact's integer network cannot be read: {}",
            arguments.artifact.display(),
            messages.first().map(ToString::to_string).unwrap_or_default()
        ))
    })?;
    if let Some(reason) = images.ignored_labels() {
        messages::note(format_args!("{}: {reason}", arguments.data.display()));
    }
    let demands = Demands {
        max_drop: arguments.max_drop,
        limit: arguments.limit,
        timesteps: arguments.timesteps,
        last_layers: arguments.early_exit,
        first: arguments.first,
    };
    let cache = model::cache(arguments.cache_dir.as_ref(), arguments.no_cache);
    let data_hash = data::hash(&arguments.data)?;
    let answers = |network: &str| Answers::new(cache.as_deref(), &[network, &data_hash]);
    let (backend, on_both) = backends(arguments, &artifact)?;
    let mut subjects =
        Subjects::new(&torch, &front, &integer, &artifact, backend.engine()).map_err(Failure::input)?.keep(
            answers(&model.hash(&arguments.normalization)),
            answers(&integer_hash.borrow().finalize().to_hex()),
        );
    if backend == data::Backend::Gpu {
        subjects = subjects.on_cards(data::cards(&artifact, arguments.batch, true)?, on_both);
    }
    let stop = interrupt::flag()?;
    let count = arguments.limit.unwrap_or(images.len()).min(images.len());
    let bar = progress::bar("validate", count);
    let result = subjects.count(
        &artifact,
        &images,
        &demands,
        (cache.as_deref(), &key(arguments, &model)?),
        &stop,
        &|done, _| {
            bar.set_position(done as u64);
        },
    );
    bar.finish_and_clear();
    let chunks = match result {
        Err(error @ ValidateError::Interrupted { .. }) => {
            return Err(Failure::Interrupted(error.to_string()));
        }
        other => other.map_err(Failure::input)?,
    };
    if let Some(path) = &arguments.tallies {
        let data = data::hash(&arguments.data)?;
        let shard = Shard::new(origin(arguments, &model)?, data, arguments.first, chunks, peak_memory_mb());
        return output::json(path, &shard);
    }
    let mut report = summarize(&artifact, &Tally::sum(&chunks), &demands);
    report.provenance.artifact = data::hash(&arguments.artifact)?;
    report.provenance.data = vec![data::hash(&arguments.data)?];
    report.provenance.command = provenance::command();
    conclude(&report, arguments.report.as_deref(), arguments.html.as_deref())
}

/// What runs the spiking network, and whether the CPU engine does too.
fn backends(arguments: &Arguments, artifact: &Artifact) -> Result<(data::Backend, bool), Failure> {
    use data::Backend::{Cpu, Gpu};
    let (backend, on_both) = match arguments.backend.as_slice() {
        [] => (data::own_backend(artifact), false),
        [backend] => (*backend, false),
        [Gpu, Cpu] | [Cpu, Gpu] => (Gpu, true),
        _ => {
            return Err(Failure::input(
                "unsupported: of back ends side by side there are `gpu,cpu`; for the chip see `loihi compare`",
            ));
        }
    };
    if arguments.batch.is_some() && backend != Gpu {
        return Err(Failure::input("--batch belongs to --backend gpu"));
    }
    Ok((backend, on_both))
}

/// Writes and prints a report; a gate that failed is a failure.
pub fn conclude(report: &Report, json: Option<&Path>, page: Option<&Path>) -> Result<(), Failure> {
    if let Some(path) = json {
        output::json(path, report)?;
    }
    if let Some(path) = page {
        output::file(path, html::page(report).map_err(Failure::input)?.as_bytes())?;
    }
    report_text::print(report);
    if report.passed { Ok(()) } else { Err(Failure::Gate) }
}

/// What the counts are of.
fn origin(arguments: &Arguments, model: &Model) -> Result<Origin, Failure> {
    Ok(Origin {
        producer: env!("CARGO_PKG_VERSION").to_owned(),
        artifact: data::hash(&arguments.artifact)?,
        model: model.hash(&arguments.normalization),
        timesteps: arguments.timesteps,
        last_layers: arguments.early_exit,
    })
}

/// Everything that the counts of a chunk depend on.
fn key(arguments: &Arguments, model: &Model) -> Result<String, Failure> {
    let Origin { producer, artifact, model: network, timesteps, last_layers } = origin(arguments, model)?;
    let range = format!(
        "{:?} {timesteps:?} {last_layers} {} {:?}",
        arguments.limit, arguments.first, arguments.backend
    );
    let parts = [producer, artifact, network, data::hash(&arguments.data)?, range];
    Ok(blake3::hash(parts.join("\n").as_bytes()).to_hex()[..32].to_owned())
}

//! Runs artifacts on a GPU or in the PTX interpreter, compares every logit and every layer's spikes with the CPU engine, and times what
//! it runs.
//!
//! It needs neither MLIR nor network access, so that it can be carried to a machine that has a GPU and little else.

mod compare;
mod report;

use clap::{Parser, ValueEnum};
use compare::{compare, compare_traces};
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::{
    artifact::{Artifact, Tensor},
    cpu::{Engine, RunOptions},
    data::Images,
    gpu::{Cuda, Device, DeviceError, Executor},
    output,
};
use report::{ArtifactReport, KernelTime, Report, Throughput};
use std::{error::Error, io::Write, path::PathBuf, time::Instant};

/// What runs kernels.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The first GPU.
    Cuda,
    /// The PTX interpreter, on one core of the CPU.
    Interpreter,
}

impl Which {
    fn open(self) -> Result<Box<dyn Device>, DeviceError> {
        Ok(match self {
            Self::Cuda => Box::new(Cuda::open(0)?),
            Self::Interpreter => Box::new(Interpreter::new()),
        })
    }
}

/// Run artifacts on a GPU and compare them with the CPU engine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Artifacts that were compiled with --target ptx.
    #[arg(required = true, value_name = "OUT.ncx")]
    artifacts: Vec<PathBuf>,

    /// Images.
    #[arg(long, value_name = "D.safetensors")]
    data: PathBuf,

    /// Run only the first images.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Of these, compare only the first with the CPU engine.
    #[arg(long, value_name = "N")]
    compare: Option<usize>,

    /// Images of a batch; given several times, all sizes are timed, and the last one's results are compared.
    #[arg(long, value_name = "N", default_values_t = [64])]
    batch: Vec<usize>,

    /// Images that the smaller batches are timed on.
    #[arg(long, value_name = "N", default_value_t = 512)]
    timed: usize,

    /// What runs the kernels.
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = Which::Cuda)]
    device: Which,

    /// Also compare what each neuron sends in each step, and the class after each step: runs the compared images once more.
    #[arg(long)]
    trace: bool,

    /// Steps of a rate network.
    #[arg(long, value_name = "T")]
    timesteps: Option<u32>,

    /// Also time each kernel of a chunk.
    #[arg(long)]
    kernels: bool,

    /// Take this PTX text instead of the artifact's.
    #[arg(long, hide = true, value_name = "K.ptx")]
    ptx: Option<PathBuf>,

    /// Where the report goes.
    #[arg(short, long, value_name = "OUT.json")]
    output: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut report = Report { device: String::new(), artifacts: vec![] };
    let mut equal = true;
    for path in &arguments.artifacts {
        let one = check(&arguments, path, &mut report.device)?;
        let compared = &one.compared;
        equal &= compared.outcomes_equal == compared.images;
        report.artifacts.push(one);
        let text = serde_json::to_string_pretty(&report)? + "\n";
        match &arguments.output {
            Some(path) => output::write(path, text.as_bytes())?,
            None => std::io::stdout().write_all(text.as_bytes())?,
        }
    }
    if equal { Ok(()) } else { Err("gpu-differs: the GPU and the CPU engine do not agree".into()) }
}

fn check(
    arguments: &Arguments,
    path: &PathBuf,
    device: &mut String,
) -> Result<ArtifactReport, Box<dyn Error>> {
    let mut artifact = Artifact::read(path)?;
    if let (Some(path), Some(gpu)) = (&arguments.ptx, &artifact.manifest.gpu) {
        let text = std::fs::read(path)?;
        artifact.tensors.insert(gpu.ptx.clone(), Tensor::from_values(vec![text.len()], &text)?);
    }
    let input = &artifact.manifest.input;
    let images =
        Images::open_for(&arguments.data, &input.shape, input.frames.map_or(1, |frames| frames as usize))?;
    let count = arguments.limit.unwrap_or(images.len()).min(images.len());
    let options = RunOptions { timesteps: arguments.timesteps, ..RunOptions::default() };
    let mut throughput = vec![];
    let mut kernels = vec![];
    let mut outcomes = vec![];
    let mut steps_of_chunk = 0;
    for (number, &batch) in arguments.batch.iter().enumerate() {
        let is_last = number + 1 == arguments.batch.len();
        let wanted = if is_last { count } else { count.min(arguments.timed) };
        let mut executor = Executor::new(&artifact, arguments.device.open()?, Some(batch), false)?;
        *device = executor.device().describe();
        steps_of_chunk = executor.room().steps;
        if arguments.device == Which::Cuda {
            // Kernels are compiled and graphs recorded once, which is no part of a run.
            executor.run(&images, 0..batch.min(count), &options, |_| ())?;
            executor.run(&images, 0..batch.min(count), &options, |_| ())?;
        }
        let start = Instant::now();
        outcomes = executor.run(&images, 0..wanted, &options, |_| ())?;
        let seconds = start.elapsed().as_secs_f64();
        let images_per_second = wanted as f64 / seconds;
        eprintln!(
            "{}: batch {batch}: {wanted} images in {seconds:.2} s, {images_per_second:.0} a second",
            path.display()
        );
        throughput.push(Throughput { batch, images: wanted, seconds, images_per_second });
        if arguments.kernels && is_last {
            let fetched: Option<Vec<_>> = (0..batch.min(count)).map(|index| images.fetch(index)).collect();
            let fetched = fetched.ok_or("there are not so many images")?;
            let views: Vec<_> = fetched.iter().map(|image| image.view()).collect();
            for (launch, milliseconds) in executor.profile(&views)? {
                kernels.push(KernelTime { kernel: launch.kernel, op: launch.op, milliseconds });
            }
        }
    }
    let compared = arguments.compare.unwrap_or(count).min(count);
    let compared = if arguments.trace {
        let batch = arguments.batch.last().copied();
        let mut executor = Executor::new(&artifact, arguments.device.open()?, batch, true)?;
        compare_traces(&mut executor, &images, compared, arguments.timesteps)?
    } else {
        let engine = Engine::new(&artifact)?;
        compare(&engine, &images, outcomes.get(..compared).unwrap_or_default(), &options)?
    };
    eprintln!("{}: {compared}", path.display());
    Ok(ArtifactReport {
        network: artifact.manifest.network.clone(),
        schedule: artifact.program().schedule.to_string(),
        images: count,
        steps_of_chunk,
        throughput,
        kernels,
        compared,
    })
}

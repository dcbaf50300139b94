//! A model as commands take it: graph description, weights, and the normalisation that the command line may add.

use crate::{data, failure::Failure};
use clap::Args;
use melior::{Context, ir::Module};
use neurocuda_compiler::import::{self, Loaded};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

/// How pixels become the network's input, where the graph does not say it.
#[derive(Args, Clone, Debug, Default)]
pub struct Normalization {
    /// Mean of each channel; the graph must not normalise itself.
    #[arg(long, value_delimiter = ',', value_name = "M,…", allow_negative_numbers = true)]
    pub mean: Vec<f64>,

    /// Standard deviation of each channel.
    #[arg(long, value_delimiter = ',', value_name = "S,…")]
    pub std: Vec<f64>,

    /// Factor of pixels before mean and deviation: input = (pixel · scale − mean) / std. For bytes 0.00392156862745098, 1/255.
    #[arg(long, value_name = "FACTOR")]
    pub scale: Option<f64>,
}

/// Reads and checks a model; findings go to standard error.
pub fn load(graph: &Path, weights: &Path) -> Result<Loaded, Failure> {
    let color = std::io::stderr().is_terminal();
    match import::load(graph, weights) {
        Ok(loaded) => {
            eprint!("{}", loaded.warnings.render(Some(&loaded.source), color));
            Ok(loaded)
        }
        Err(error) => {
            eprint!("{}", error.findings.render(error.source_file.as_deref(), color));
            eprintln!("{}", error.findings.summary());
            Err(Failure::Reported)
        }
    }
}

impl Normalization {
    /// What distinguishes it in a hash.
    pub fn key(&self) -> String {
        format!("{:?} {:?} {:?}", self.scale, self.mean, self.std)
    }
}

/// The model at stage `torch`.
pub fn module<'c>(
    context: &'c Context,
    loaded: &Loaded,
    normalization: &Normalization,
) -> Result<Module<'c>, Failure> {
    let module = import::emit(context, &loaded.graph, &loaded.weights, loaded.source.name())
        .map_err(Failure::input)?;
    let Normalization { mean, std, scale } = normalization;
    if !mean.is_empty() || !std.is_empty() || scale.is_some() {
        import::normalize_input(&module, scale.unwrap_or(1.0), mean, std).map_err(Failure::input)?;
    }
    Ok(module)
}

/// Hash of everything that decides what the float network computes.
pub fn hash(graph: &Path, weights: &Path, normalization: &Normalization) -> Result<String, Failure> {
    let parts = [data::hash(graph)?, data::hash(weights)?, normalization.key()];
    Ok(blake3::hash(parts.join("\n").as_bytes()).to_hex()[..32].to_owned())
}

/// Folder of calibrations and interrupted validations.
pub fn cache(folder: Option<&PathBuf>, off: bool) -> Option<PathBuf> {
    if off {
        return None;
    }
    folder
        .cloned()
        .or_else(|| Some(directories::ProjectDirs::from("", "", "neurocuda")?.cache_dir().to_owned()))
}

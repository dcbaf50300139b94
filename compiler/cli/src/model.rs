//! A model as commands take it: graph description, weights, and the normalisation that the command line may add.

use crate::{data, failure::Failure, messages};
use clap::Args;
use melior::{Context, ir::Module};
use neurocuda_compiler::{
    diagnostic::{Finding, Findings, SourceFile},
    import::{self, Fidelity, Format, LoadError, Loaded},
};
use std::path::{Path, PathBuf};

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

/// A model as it was read.
pub struct Model {
    /// Graph and weights.
    pub loaded: Loaded,
    /// Hash of graph description and weights: the same for an archive and for what `import` makes of it.
    hash: String,
}

/// Reads and checks a model, which is an archive or a graph description with its weights; findings go to standard error.
pub fn load(model: &Path, weights: Option<&Path>) -> Result<Model, Failure> {
    let model =
        open(model, weights)?.map_err(|error| reported(&error.findings, error.source_file.as_deref()))?;
    messages::findings(&model.loaded.warnings, Some(&model.loaded.source));
    Ok(model)
}

/// The same without a word on the findings.
pub fn open(model: &Path, weights: Option<&Path>) -> Result<Result<Model, LoadError>, Failure> {
    let format = match Format::of(model) {
        Ok(format) => format,
        Err(finding) => return Ok(Err(LoadError { source_file: None, findings: finding.into() })),
    };
    let loaded = match (format, weights) {
        (Format::Archive, Some(_)) => {
            return Err(Failure::input("an archive has its weights in it: leave --weights out"));
        }
        (Format::Graph, None) => {
            return Err(Failure::input(format!(
                "{} is a graph description: give its weights, --weights W.safetensors",
                model.display()
            )));
        }
        (Format::Archive, None) => import::load_archive(model),
        (Format::Graph, Some(weights)) => import::load(model, weights),
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return Ok(Err(error)),
    };
    let text = loaded.source.text().as_bytes();
    let hash = format!("{}\n{}", data::hash_bytes(text), data::hash_bytes((*loaded.weights).as_ref()));
    Ok(Ok(Model { loaded, hash }))
}

/// Reads an archive.
pub fn load_archive(archive: &Path) -> Result<Loaded, Failure> {
    if matches!(Format::of(archive), Ok(Format::Graph)) {
        return Err(Failure::input(format!("{} is no archive of torch.export.save", archive.display())));
    }
    load(archive, None).map(|model| model.loaded)
}

/// Prints findings of which one is an error.
pub fn reported(findings: &Findings, source: Option<&SourceFile>) -> Failure {
    messages::findings(findings, source);
    Failure::Reported(findings.summary())
}

impl Normalization {
    /// What distinguishes it in a hash.
    pub fn key(&self) -> String {
        format!("{:?} {:?} {:?}", self.scale, self.mean, self.std)
    }
}

impl Model {
    /// The model at stage `torch`.
    pub fn module<'c>(
        &self,
        context: &'c Context,
        normalization: &Normalization,
    ) -> Result<Module<'c>, Failure> {
        let Loaded { graph, weights, source, .. } = &self.loaded;
        let module = import::emit(context, graph, weights, source.name()).map_err(Failure::input)?;
        let Normalization { mean, std, scale } = normalization;
        if !mean.is_empty() || !std.is_empty() || scale.is_some() {
            import::normalize_input(&module, scale.unwrap_or(1.0), mean, std).map_err(Failure::input)?;
        }
        Ok(module)
    }

    /// Runs the model on the inputs that PyTorch recorded, if there are any, and compares with its outputs; a finding goes to
    /// standard error.
    pub fn replay(&self) -> Result<Option<Fidelity>, Failure> {
        self.compare()?.map_err(|finding| reported(&finding.into(), Some(&self.loaded.source)))
    }

    /// The same without a word on the finding.
    pub fn compare(&self) -> Result<Result<Option<Fidelity>, Finding>, Failure> {
        let context = neurocuda_dialects::new_context().map_err(Failure::input)?;
        // As it was recorded: without the normalisation that the command line adds.
        let module = self.module(&context, &Normalization::default())?;
        Ok(import::replay(&module, &self.loaded.graph, &self.loaded.weights))
    }

    /// Hash of everything that decides what the float network computes.
    pub fn hash(&self, normalization: &Normalization) -> String {
        data::hash_bytes(format!("{}\n{}", self.hash, normalization.key()).as_bytes())
    }
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

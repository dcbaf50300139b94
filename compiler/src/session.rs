//! What passes may use besides the module: data, caches, and a way to say how far they are.

use crate::{analysis::observation::Observation, interpret::Network, loihi::chip::Chip};
use ndarray::ArrayD;
use std::{collections::HashMap, sync::Arc};

/// Unlabelled samples that calibration and validation run on.
#[derive(Clone)]
pub struct Samples {
    /// Number of samples.
    pub count: usize,
    /// Sample by index, below `count`, as the network's input takes it.
    pub fetch: Arc<dyn Fn(usize) -> ArrayD<f64> + Send + Sync>,
    /// Whether every value is an integer, as in u8 images.
    pub integers: bool,
    /// Hash of the contents, which keys caches.
    pub hash: String,
}

/// The real network that was calibrated, which later passes compare with.
pub struct Reference {
    /// The network at stage `ann`.
    pub network: Network,
    /// Op of the activation of each layer, by the layer's name.
    pub activations: HashMap<String, usize>,
}

/// Says how far a long piece of work is: what, steps done, steps in all.
pub type Progress = Arc<dyn Fn(&str, usize, usize) + Send + Sync>;

/// State of one compilation, beside the module.
#[derive(Clone)]
pub struct Session {
    /// Calibration samples; `None` where none were given, as in `opt` on a hand-written file.
    pub calibration: Option<Samples>,
    /// Hash of the model: graph description, weights and what the command line adds to them.
    pub model_hash: Option<String>,
    /// Folder of cached calibrations; `None` switches the cache off.
    pub cache: Option<std::path::PathBuf>,
    /// Where progress goes.
    pub progress: Progress,
    /// What `calibrate` saw, where the same network is compiled several times on the same samples; `None` if it was not yet run.
    pub observations: Option<Arc<Vec<Observation>>>,
    /// The real network; `calibrate` puts it here.
    pub reference: Option<Arc<Reference>>,
    /// The chip that is compiled for; `None` for Loihi 2 as it is published.
    pub chip: Option<Chip>,
}

impl Session {
    /// The chip that a pass is for: that of its option, else that of the compilation.
    pub fn chip(&self, option: Option<&Chip>) -> Chip {
        option.or(self.chip.as_ref()).cloned().unwrap_or_default()
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            calibration: None,
            model_hash: None,
            cache: None,
            progress: Arc::new(|_, _, _| ()),
            observations: None,
            reference: None,
            chip: None,
        }
    }
}

//! Why a run cannot start or be trusted.

use thiserror::Error;

use crate::{artifact::ArtifactError, artifact::limits::MAX_STEPS, data::DataError};

/// Why a run cannot start or be trusted.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The artifact is invalid.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The images do not fit the network.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Images were asked for that do not exist. `run-range`
    #[error("images {start} to {end} were asked for, and there are {count}")]
    Range {
        /// First image asked for.
        start: usize,
        /// One after the last image asked for.
        end: usize,
        /// Number of images.
        count: usize,
    },
    /// The number of steps is out of range. `run-timesteps`
    #[error("{0} timesteps were asked for; it must be 1 to {MAX_STEPS}")]
    Timesteps(u32),
    /// A layer runs a program of the user's own, which only the cores know. `program-attached`
    #[error(
        "layer `{layer}` runs the program `{program}` of your own, which the CPU engine does not know; use --backend loihi"
    )]
    Attached {
        /// Its op.
        layer: String,
        /// The program.
        program: String,
    },
    /// Cores were asked for, and the engine runs none. `run-no-cores`
    #[error("the network runs on the CPU, which has no cores to look into; compile it with --target loihi")]
    NoCores,
    /// A network did not settle within its proved bound: the compiler made a mistake. `bound-violated`
    #[error(
        "internal error: image {image} did not settle within the proved bound of {bound} steps; \
         the artifact's schedule is wrong, please report it"
    )]
    BoundViolated {
        /// Index of the image in its file.
        image: usize,
        /// The bound.
        bound: u32,
    },
}

impl EngineError {
    /// Stable id of the kind of error.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Artifact(error) => error.id(),
            Self::Data(error) => error.id(),
            Self::Range { .. } => "run-range",
            Self::Timesteps(_) => "run-timesteps",
            Self::NoCores => "run-no-cores",
            Self::Attached { .. } => "program-attached",
            Self::BoundViolated { .. } => "bound-violated",
        }
    }
}

//! Why an artifact cannot be read, written or used.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why an artifact cannot be read, written or used.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// The operating system refused. `artifact-io`
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file ends before what its header announces. `artifact-truncated`
    #[error(
        "the artifact is cut off: it should have at least {expected} bytes and has {found}; copy or compile it again"
    )]
    Truncated {
        /// Bytes that the header asks for, as far as it could be read.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The file is something else. `artifact-not-ours`
    #[error("this is no NeuroCUDA artifact: {reason}")]
    NotOurs {
        /// What gave it away.
        reason: String,
    },
    /// The file was written for another version of the format. `artifact-version`
    #[error("the artifact has format version {found} and this program reads version {supported}; {}", advice(*found, *supported))]
    Version {
        /// Version in the file.
        found: u32,
        /// Version that this program reads.
        supported: u32,
    },
    /// The manifest, the program or a tensor breaks a rule of the format. `artifact-invalid`
    #[error("the artifact is invalid: {place}: {problem}")]
    Invalid {
        /// The op, value or manifest field.
        place: String,
        /// What is wrong there.
        problem: String,
    },
}

impl ArtifactError {
    /// Stable id of the kind of error.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Io { .. } => "artifact-io",
            Self::Truncated { .. } => "artifact-truncated",
            Self::NotOurs { .. } => "artifact-not-ours",
            Self::Version { .. } => "artifact-version",
            Self::Invalid { .. } => "artifact-invalid",
        }
    }

    /// An `artifact-invalid` error.
    pub(crate) fn invalid(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), problem: problem.into() }
    }
}

/// What to do about a version that does not fit.
fn advice(found: u32, supported: u32) -> &'static str {
    if found > supported { "use a newer neurocudac" } else { "compile the model again" }
}

//! Why a vector set cannot be replayed.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::loihi::MicrocodeError;

/// Why a vector set cannot be replayed; messages begin with the stable id.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A file cannot be read.
    #[error("vectors-io: cannot read `{}`: {source}; give the folder with manifest.json and its .npz files", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The manifest is not understood, or says what cannot be.
    #[error("vectors-manifest: `{}`: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is another one than that of the manifest.
    #[error("vectors-hash: `{}` has SHA-256 {found} and the manifest says {expected}; copy the set again", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// Of the manifest.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// An array is missing, damaged, or other than its description.
    #[error("vectors-array: `{}`: array `{array}`: {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// What is wrong.
        reason: String,
    },
    /// A case cannot be run.
    #[error("vectors-case: case `{case}`: {reason}")]
    Case {
        /// The case.
        case: String,
        /// What is wrong.
        reason: String,
    },
    /// A program is refused.
    #[error(transparent)]
    Microcode(#[from] MicrocodeError),
}

impl ReplayError {
    /// The stable id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Io { .. } => "vectors-io",
            Self::Manifest { .. } => "vectors-manifest",
            Self::Hash { .. } => "vectors-hash",
            Self::Array { .. } => "vectors-array",
            Self::Case { .. } => "vectors-case",
            Self::Microcode(error) => error.id(),
        }
    }
}

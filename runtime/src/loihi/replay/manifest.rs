//! What a vector set says about itself.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ReplayError;

/// Format of sets that is read.
const FORMAT: u32 = 1;

/// Largest file of a set, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Most values of an array.
pub(super) const MAX_VALUES: usize = 1 << 28;

/// Most neuron-steps of a case.
const MAX_NEURON_STEPS: u64 = 1 << 32;

/// Where the numbers of a case come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Parameters that the hardware has.
    Hw,
    /// Ours, derived from a float model.
    Derived,
    /// A current of exactly ±2²³.
    Boundary,
    /// Parameters that Lava takes and the hardware does not have.
    LavaEdge,
}

impl Domain {
    /// As sets write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hw => "hw",
            Self::Derived => "derived",
            Self::Boundary => "boundary",
            Self::LavaEdge => "lava-edge",
        }
    }

    /// Whether a difference is an error in any case.
    pub fn is_binding(self) -> bool {
        matches!(self, Self::Hw | Self::Derived)
    }
}

/// How results are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Every value.
    Full,
    /// A digest of all neurons for each step.
    Digest,
}

/// `manifest.json`
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) set: String,
    pub(super) format: u32,
    pub(super) oracle: String,
    files: BTreeMap<String, FileEntry>,
    pub(super) cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct FileEntry {
    sha256: String,
}

/// One run of one model.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) family: String,
    pub(super) file: String,
    pub(super) domain: Domain,
    pub(super) mode: Mode,
    pub(super) params: BTreeMap<String, Value>,
    pub(super) arrays: BTreeMap<String, ArrayEntry>,
    pub(super) neuron_steps: u64,
    pub(super) comparisons: u64,
    #[serde(default)]
    pub(super) note: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ArrayEntry {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
}

/// The bytes of a file, of which there may not be too many.
fn read(path: &Path) -> Result<Vec<u8>, ReplayError> {
    let io = |source| ReplayError::Io { path: path.to_owned(), source };
    let mut bytes = vec![];
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(io)?;
    Ok(bytes)
}

impl Manifest {
    /// Reads the manifest of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, ReplayError> {
        let path = folder.join("manifest.json");
        let bytes = read(&path)?;
        let refuse = |reason: String| ReplayError::Manifest { path: path.clone(), reason };
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(refuse(format!("the set has format {} and {FORMAT} is read", manifest.format)));
        }
        for case in &manifest.cases {
            if !manifest.files.contains_key(&case.file) {
                return Err(refuse(format!("case `{}` is in `{}`, which is not listed", case.id, case.file)));
            }
            if case.neuron_steps > MAX_NEURON_STEPS {
                return Err(refuse(format!("case `{}` has more than 2^32 neuron-steps", case.id)));
            }
            for (name, array) in &case.arrays {
                let values = array.shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
                if values.is_none_or(|values| values > MAX_VALUES) {
                    return Err(refuse(format!("array `{name}` of case `{}` is larger than any", case.id)));
                }
            }
        }
        Ok(manifest)
    }

    /// Names of the files, and what they hold; each is checked against its hash.
    pub(super) fn files(&self, folder: &Path) -> Result<BTreeMap<String, (PathBuf, Vec<u8>)>, ReplayError> {
        let mut files = BTreeMap::new();
        for (name, entry) in &self.files {
            let parts: Vec<_> = Path::new(name).components().collect();
            let path = folder.join(name);
            if !matches!(parts.as_slice(), [Component::Normal(_)]) {
                let reason = format!("{name:?} is no name of a file beside it");
                return Err(ReplayError::Manifest { path: folder.join("manifest.json"), reason });
            }
            let bytes = read(&path)?;
            let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            if found != entry.sha256.to_ascii_lowercase() {
                return Err(ReplayError::Hash { path, expected: entry.sha256.clone(), found });
            }
            files.insert(name.clone(), (path, bytes));
        }
        Ok(files)
    }
}

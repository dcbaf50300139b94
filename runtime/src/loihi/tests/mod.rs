//! Programs that are refused, programs at random, and vectors of Lava's models.

mod hostile;
mod mutants;
mod random;
mod rejected;
mod vectors;

use std::path::{Path, PathBuf};

/// The excerpt of vectors that is in the tree.
fn excerpt() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/loihi")
}

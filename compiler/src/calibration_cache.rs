//! Calibrations on disk, so that another `--levels` or `--schedule` does not calibrate again.
//!
//! The key is a hash of the model, the samples and the version of this program. A cache that cannot be read or written is no
//! error: calibration then runs.

use crate::{
    analysis::{histogram::Histogram, observation::Observation},
    session::Session,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{collections::BTreeMap, io::Write, path::PathBuf};

/// The stored calibration for this session, if there is a whole one.
pub fn load(session: &Session) -> Option<Vec<Observation>> {
    let bytes = std::fs::read(path(session)?).ok()?;
    let file = SafeTensors::deserialize(&bytes).ok()?;
    (0..file.len() / 3).map(|site| read_site(&file, site)).collect()
}

/// Stores a calibration.
pub fn store(session: &Session, observations: &[Observation]) {
    if let Some(path) = path(session) {
        // A missing cache only costs time.
        drop(write(&path, observations));
    }
}

fn path(session: &Session) -> Option<PathBuf> {
    let mut hash = blake3::Hasher::new();
    hash.update(env!("CARGO_PKG_VERSION").as_bytes());
    hash.update(session.model_hash.as_ref()?.as_bytes());
    hash.update(session.calibration.as_ref()?.hash.as_bytes());
    Some(session.cache.as_ref()?.join(format!("calibration-{}.safetensors", &hash.finalize().to_hex()[..32])))
}

/// Exponents and signs of a site's histograms, as `[signed, known, exponent]` rows.
fn header(observation: &Observation) -> Vec<i32> {
    let row = |histogram: &Histogram| {
        [histogram.signed().into(), histogram.exponent().is_some().into(), histogram.exponent().unwrap_or(0)]
    };
    observation.histograms.iter().flat_map(row).collect()
}

fn write(path: &std::path::Path, observations: &[Observation]) -> std::io::Result<()> {
    let mut tensors = BTreeMap::new();
    for (site, observation) in observations.iter().enumerate() {
        let channels = observation.histograms.len();
        let integers =
            |values: Vec<i32>| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let counts =
            observation.histograms.iter().flat_map(|histogram| histogram.counts().to_vec()).collect();
        tensors.insert(
            format!("{site}.counts"),
            (Dtype::I32, vec![channels, Histogram::BINS], integers(counts)),
        );
        tensors
            .insert(format!("{site}.header"), (Dtype::I32, vec![channels, 3], integers(header(observation))));
        let mean = observation.mean.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.insert(format!("{site}.mean"), (Dtype::F64, vec![channels], mean));
    }
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.clone(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(std::io::Error::other)?;
    let bytes = safetensors::serialize(views, None).map_err(std::io::Error::other)?;
    let folder = path.parent().ok_or_else(|| std::io::Error::other("the cache path has no folder"))?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.persist(path)?;
    Ok(())
}

fn read_site(file: &SafeTensors, site: usize) -> Option<Observation> {
    let integers = |name: &str| -> Option<Vec<i32>> {
        let bytes = file.tensor(&format!("{site}.{name}")).ok()?;
        (bytes.dtype() == Dtype::I32)
            .then(|| bytes.data().as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    };
    let (counts, header) = (integers("counts")?, integers("header")?);
    let mean = file.tensor(&format!("{site}.mean")).ok()?;
    let mean =
        mean.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect::<Vec<_>>();
    let histograms = header
        .as_chunks::<3>()
        .0
        .iter()
        .zip(counts.chunks(Histogram::BINS))
        .map(|(&[signed, known, exponent], counts)| {
            Histogram::from_parts(signed != 0, (known != 0).then_some(exponent), counts.to_vec())
        })
        .collect::<Option<Vec<_>>>()?;
    (histograms.len() == mean.len()).then_some(Observation { histograms, mean })
}

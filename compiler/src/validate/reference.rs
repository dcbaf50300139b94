//! What the float and the integer network say of images, kept on disk: other schedules and levels of one model are compared with the
//! same float network, and all exact schedules with the same integer network.
//!
//! A file holds the answers for a run of images, beginning with one. Its name is a hash of the network, the data and the version of
//! this program. A file that cannot be read or written is no error: the network then runs.

use crate::interpret::Sample;
use ndarray::{ArrayD, Axis, IxDyn};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
};

/// Most numbers of one image that are worth keeping: class scores are, whole images are not.
const MOST_NUMBERS: usize = 4096;

/// Answers of one network: for each image its outputs, or whatever tensors the caller wants back.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    folder: Option<PathBuf>,
    key: String,
}

impl Answers {
    /// Answers in `folder`, if there is one, of what `parts` name: the network and the data, by their hashes.
    pub fn new(folder: Option<&Path>, parts: &[&str]) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in [env!("CARGO_PKG_VERSION")].iter().chain(parts) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self { folder: folder.map(Path::to_path_buf), key: hash.finalize().to_hex()[..32].to_owned() }
    }

    fn path(&self, first: usize) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("reference-{}-{first}.safetensors", self.key)))
    }

    /// The stored answers for images `range`, of which each has tensors of `shapes`; `None` unless all are there.
    pub fn load(&self, range: &Range<usize>, shapes: &[Vec<usize>]) -> Option<Vec<Vec<Sample>>> {
        let bytes = std::fs::read(self.path(range.start)?).ok()?;
        let file = SafeTensors::deserialize(&bytes).ok()?;
        let mut images = vec![vec![]; range.len()];
        for (index, shape) in shapes.iter().enumerate() {
            let tensor = file.tensor(&index.to_string()).ok()?;
            let (&count, rest) = tensor.shape().split_first()?;
            if tensor.dtype() != Dtype::F64 || rest != shape.as_slice() || count < range.len() {
                return None;
            }
            let values = tensor.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            let all = ArrayD::from_shape_vec(IxDyn(tensor.shape()), values.collect()).ok()?;
            for (image, values) in images.iter_mut().zip(all.axis_iter(Axis(0))) {
                image.push(values.to_owned());
            }
        }
        Some(images)
    }

    /// Stores the answers for the images from `first` on.
    pub fn store(&self, first: usize, images: &[Vec<Sample>]) {
        let Some((path, one)) = self.path(first).zip(images.first()) else { return };
        if one.iter().map(|values| values.len()).sum::<usize>() <= MOST_NUMBERS {
            // A missing file only costs time.
            drop(write(&path, images, one));
        }
    }
}

fn write(path: &Path, images: &[Vec<Sample>], one: &[Sample]) -> std::io::Result<()> {
    let tensors = one.iter().enumerate().map(|(index, first)| {
        let values = images.iter().filter_map(|image| image.get(index)).flatten();
        let bytes = values.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        (index.to_string(), [&[images.len()], first.shape()].concat(), bytes)
    });
    let tensors = tensors.collect::<Vec<_>>();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F64, shape.clone(), bytes).map(|view| (name.clone(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(std::io::Error::other)?;
    let bytes = safetensors::serialize(views, None).map_err(std::io::Error::other)?;
    let folder = path.parent().ok_or_else(|| std::io::Error::other("the path has no folder"))?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_bit_for_bit_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let image = |seed: f64| {
            vec![
                ndarray::arr1(&[seed / 3.0, f64::NEG_INFINITY, -0.0]).into_dyn(),
                ndarray::arr2(&[[seed], [1e300]]).into_dyn(),
            ]
        };
        let images = (0..5).map(|seed| image(f64::from(seed))).collect::<Vec<_>>();
        let shapes = [vec![3], vec![2, 1]];
        let answers = Answers::new(Some(folder.path()), &["network", "data"]);
        assert!(answers.load(&(250..255), &shapes).is_none());
        answers.store(250, &images);
        assert_eq!(answers.load(&(250..255), &shapes).unwrap(), images);
        assert_eq!(answers.load(&(250..253), &shapes).unwrap(), images[..3]);
        // More images, another place, other shapes, another network: nothing.
        assert!(answers.load(&(250..256), &shapes).is_none());
        assert!(answers.load(&(251..253), &shapes).is_none());
        assert!(answers.load(&(250..255), &[vec![3], vec![1, 2]]).is_none());
        assert!(Answers::new(Some(folder.path()), &["networkd", "ata"]).load(&(250..255), &shapes).is_none());
        let path = answers.path(250).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        assert!(answers.load(&(250..255), &shapes).is_none());
        Answers::new(None, &["network"]).store(0, &images);
    }
}

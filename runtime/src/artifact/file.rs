//! Artifacts as files.

use std::{collections::HashMap, path::Path};

use safetensors::tensor::TensorView;
use serde::Deserialize;

use super::{Artifact, ArtifactError, DType, FORMAT_VERSION, MANIFEST_KEY, Manifest, Tensor};
use crate::{
    container::{Container, ContainerError},
    mapped_file::MappedFile,
    output,
};

/// The one field that every version of the format has.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Artifact {
    /// Reads and checks an artifact.
    ///
    /// # Errors
    /// See [`ArtifactError`]; a file that was cut off or tampered with gives an error, never a panic.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ArtifactError> {
        let path = path.as_ref();
        let file = MappedFile::open(path).map_err(|source| ArtifactError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(file.bytes())
    }

    /// Reads and checks an artifact that is in memory.
    ///
    /// # Errors
    /// As [`Artifact::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let container = Container::parse(bytes).map_err(|error| match error {
            ContainerError::Truncated { expected, found } => ArtifactError::Truncated { expected, found },
            ContainerError::NotSafetensors(reason) => ArtifactError::NotOurs { reason },
        })?;
        let manifest = container.metadata.get(MANIFEST_KEY).ok_or_else(|| ArtifactError::NotOurs {
            reason: format!("it is a safetensors file, but its metadata has no `{MANIFEST_KEY}`"),
        })?;
        let json = |error: serde_json::Error| ArtifactError::invalid("manifest", error.to_string());
        let Version { format_version } = serde_json::from_str(manifest).map_err(json)?;
        if format_version != FORMAT_VERSION {
            return Err(ArtifactError::Version { found: format_version, supported: FORMAT_VERSION });
        }
        let manifest: Manifest = serde_json::from_str(manifest).map_err(json)?;

        let tensors = container.tensors.into_iter().map(|(name, entry)| {
            let invalid = |problem: String| ArtifactError::invalid(format!("tensor `{name}`"), problem);
            let dtype = DType::from_container(entry.dtype)
                .ok_or_else(|| invalid(format!("an artifact does not hold {}", entry.dtype)))?;
            let tensor = Tensor::from_bytes(dtype, entry.shape, entry.bytes.to_vec())
                .map_err(|error| invalid(error.to_string()))?;
            Ok((name, tensor))
        });
        let artifact = Self { manifest, tensors: tensors.collect::<Result<_, ArtifactError>>()? };
        artifact.validate()?;
        Ok(artifact)
    }

    /// The bytes of the file. The same artifact always gives the same bytes.
    ///
    /// # Errors
    /// `artifact-invalid` if the artifact would not be read back.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        self.validate()?;
        let manifest = serde_json::to_string(&self.manifest)
            .map_err(|error| ArtifactError::invalid("manifest", error.to_string()))?;
        let views = self.tensors.iter().map(|(name, tensor)| {
            let view =
                TensorView::new(tensor.dtype().to_container(), tensor.shape().to_vec(), tensor.bytes())
                    .map_err(|error| ArtifactError::invalid(format!("tensor `{name}`"), error.to_string()))?;
            Ok((name, view))
        });
        let views = views.collect::<Result<Vec<_>, ArtifactError>>()?;
        // One key: the container's metadata is a hash map, which has a fixed order only while it is this small.
        let metadata = HashMap::from([(MANIFEST_KEY.to_owned(), manifest)]);
        safetensors::serialize(views, Some(metadata))
            .map_err(|error| ArtifactError::invalid("container", error.to_string()))
    }

    /// Writes the artifact under a temporary name beside `path` and renames it: there is never half an artifact.
    ///
    /// # Errors
    /// `artifact-io`, or `artifact-invalid` if the artifact would not be read back.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ArtifactError> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        output::write(path, &bytes).map_err(|source| ArtifactError::Io {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }
}

//! Tensors of a checked artifact, by name.

use std::collections::BTreeMap;

use crate::artifact::{ArtifactError, Element, Tensor};

/// The tensors that a program names. [`crate::artifact::Artifact::validate`] has seen them all, so the errors here are
/// only what the types ask for.
pub(super) struct Parameters<'a>(pub(super) &'a BTreeMap<String, Tensor>);

impl<'a> Parameters<'a> {
    /// A tensor.
    pub(super) fn tensor(&self, name: &str) -> Result<&'a Tensor, ArtifactError> {
        self.0.get(name).ok_or_else(|| ArtifactError::invalid(format!("tensor `{name}`"), "it is missing"))
    }

    /// A tensor's values.
    pub(super) fn values<T: Element>(&self, name: &str) -> Result<Vec<T>, ArtifactError> {
        self.tensor(name)?.values().map_err(|error| Self::invalid(name, &error))
    }

    /// A tensor's values, of i8 or i16.
    pub(super) fn weights(&self, name: &str) -> Result<Vec<i16>, ArtifactError> {
        self.tensor(name)?.weights().map_err(|error| Self::invalid(name, &error))
    }

    fn invalid(name: &str, error: &dyn std::error::Error) -> ArtifactError {
        ArtifactError::invalid(format!("tensor `{name}`"), error.to_string())
    }
}

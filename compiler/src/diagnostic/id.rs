//! The closed list of finding ids.

/// Whether a finding stops the compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is compiled.
    Error,
    /// Worth a look; compilation goes on.
    Warning,
}

macro_rules! finding_ids {
    ($($(#[doc = $doc:literal])+ $variant:ident = $id:literal, $severity:ident;)+) => {
        /// What kind of remark a finding is. The names are stable: scripts may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FindingId {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl FindingId {
            /// Every id, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The id as users see it, in kebab case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// One sentence on what the id means, for the documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// Whether findings of this kind stop the compilation.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }
        }
    };
}

finding_ids! {
    /// The graph file cannot be read, or is not UTF-8 text.
    FileUnreadable = "file-unreadable", Error;
    /// The graph file is larger than 16 MiB.
    FileTooLarge = "file-too-large", Error;
    /// Brackets are nested deeper than 32 levels.
    NestingTooDeep = "nesting-too-deep", Error;
    /// The graph file does not follow the grammar.
    SyntaxError = "syntax-error", Error;
    /// The graph has no statement besides `return`.
    EmptyGraph = "empty-graph", Error;
    /// The graph does not return anything.
    MissingReturn = "missing-return", Error;
    /// `return` is not the last statement, or stands there twice.
    MisplacedReturn = "misplaced-return", Error;
    /// The number of returned values is not the number of declared outputs.
    ReturnCount = "return-count", Error;
    /// A returned value does not have the declared shape.
    ReturnShape = "return-shape", Error;
    /// The graph has several inputs; one is supported.
    InputCount = "input-count", Error;
    /// Two values, or two outputs, have the same name.
    DuplicateName = "duplicate-name", Error;
    /// A value is used that no earlier statement defines.
    UndefinedValue = "undefined-value", Error;
    /// A value is computed and never used.
    UnusedValue = "unused-value", Warning;
    /// A tensor is declared with an element type other than `f32`.
    UnsupportedDtype = "unsupported-dtype", Error;
    /// The first axis is not the symbolic batch, another axis is, or an op would mix samples.
    BatchAxis = "batch-axis", Error;
    /// A tensor has an axis below 1, more than 16 axes, or more than 2^28 values per sample.
    InvalidShape = "invalid-shape", Error;
    /// The op is not one of those the compiler knows.
    UnsupportedOp = "unsupported-op", Error;
    /// The op has no argument of that name.
    UnknownArgument = "unknown-argument", Error;
    /// A required argument is missing.
    MissingArgument = "missing-argument", Error;
    /// An argument is given twice, or there are too many.
    DuplicateArgument = "duplicate-argument", Error;
    /// An argument is of the wrong kind, a string instead of a number for instance.
    ArgumentKind = "argument-kind", Error;
    /// An argument is of the right kind, and its value is not allowed.
    ArgumentValue = "argument-value", Error;
    /// A layer's name has characters that are not allowed.
    LayerName = "layer-name", Error;
    /// The op cannot be applied to inputs of these shapes.
    ShapeMismatch = "shape-mismatch", Error;
    /// The weights file cannot be read as safetensors.
    WeightsUnreadable = "weights-unreadable", Error;
    /// The graph names a tensor that the weights file does not have.
    MissingWeight = "missing-weight", Error;
    /// The weights file has a tensor that the graph does not use.
    ExtraWeight = "extra-weight", Error;
    /// A weight's element type is not `f32`.
    WeightDtype = "weight-dtype", Error;
    /// A weight's shape is not what its layer needs.
    WeightShape = "weight-shape", Error;
    /// A weight is NaN or infinite.
    WeightNotFinite = "weight-not-finite", Error;
    /// A batch norm would divide by zero or take the root of a negative number: running_var + eps is not positive.
    VarianceNotPositive = "variance-not-positive", Error;
    /// The file is no graph description and no `torch.export` archive: ONNX, a pickled PyTorch file, or something else.
    ModelFormat = "model-format", Error;
    /// A `torch.export` archive (.pt2) is damaged, incomplete, or larger than is read.
    ArchiveUnreadable = "archive-unreadable", Error;
    /// A `torch.export` archive is of a format or schema version that is not read.
    ArchiveVersion = "archive-version", Error;
    /// A view of a tensor is read after an in-place op has changed that tensor.
    InPlaceAlias = "in-place-alias", Error;
    /// The network changes a parameter or buffer while it runs.
    MutatedState = "mutated-state", Error;
    /// A layer was exported in training mode: dropout that drops, or a batch norm that computes its statistics from the batch.
    TrainingMode = "training-mode", Error;
    /// The recorded inputs and outputs cannot be read, or do not belong to the network.
    ExampleInvalid = "example-invalid", Error;
    /// The imported network does not compute the outputs that PyTorch recorded.
    ImportFidelity = "import-fidelity", Error;
    /// The compiler contradicts itself: a bug, worth reporting.
    InternalError = "internal-error", Error;
}

impl std::fmt::Display for FindingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for FindingId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_kebab_case_and_explained() {
        let mut seen = std::collections::HashSet::new();
        for id in FindingId::ALL {
            let text = id.as_str();
            assert!(seen.insert(text), "{text} twice");
            assert!(
                text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
            );
            assert!(
                id.meaning().ends_with('.') && !id.meaning().starts_with(' '),
                "{text}: {}",
                id.meaning()
            );
        }
    }
}

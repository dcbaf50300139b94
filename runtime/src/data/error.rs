//! Why a data file cannot be used.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::container::ContainerError;

/// Why a data file cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// The operating system refused. `data-io`
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is something else. `data-not-safetensors`
    #[error("the data file is no safetensors file: {reason}")]
    NotSafetensors {
        /// What gave it away.
        reason: String,
    },
    /// The file ends before what its header announces. `data-truncated`
    #[error("the data file is cut off: it should have at least {expected} bytes and has {found}")]
    Truncated {
        /// Bytes that the header asks for, as far as it could be read.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// There are no images, nor events. `data-no-images`
    #[error("the data file has no tensor `images` (nor `frames`, nor `offset`, `t_us` and `xyp`); it has {}", if found.is_empty() { "none".into() } else { found.join(", ") })]
    NoImages {
        /// Some of the tensors there are.
        found: Vec<String>,
    },
    /// A tensor has an element type that is not understood. `data-type`
    #[error("`{tensor}` holds {found}; it should hold {wanted}")]
    Type {
        /// The tensor.
        tensor: &'static str,
        /// Its element type.
        found: String,
        /// The types that are understood.
        wanted: &'static str,
    },
    /// The images have no batch axis. `data-rank`
    #[error("`images` has the shape {shape:?}; it should be [N, …] with the samples first")]
    Rank {
        /// Shape found.
        shape: Vec<usize>,
    },
    /// There is no image, or images have no pixels. `data-empty`
    #[error("`images` has the shape {shape:?}: there is nothing in it")]
    Empty {
        /// Shape found.
        shape: Vec<usize>,
    },
    /// There are more or fewer labels than images. `data-labels`
    #[error("there are {labels} labels for {images} images")]
    Labels {
        /// Number of labels.
        labels: usize,
        /// Number of images.
        images: usize,
    },
    /// A pixel is NaN or infinite. `data-not-finite`
    #[error("image {image} holds NaN or infinity")]
    NotFinite {
        /// The first such image.
        image: usize,
    },
    /// The tensors of events do not hold together. `data-events`
    #[error("the events of the data file cannot be used: {problem}")]
    Events {
        /// What is wrong.
        problem: String,
    },
    /// An event lies outside of the samples that the network takes. `data-event-place`
    #[error(
        "event {event}, of sample {sample}, is at x = {}, y = {}, p = {}; the network takes {shape:?}: polarities, rows, columns",
        place[0], place[1], place[2]
    )]
    EventPlace {
        /// The first such event, counted over the whole file.
        event: usize,
        /// Its sample.
        sample: usize,
        /// Column, row, polarity.
        place: [usize; 3],
        /// Polarities, rows, columns.
        shape: [usize; 3],
    },
    /// A sample has more frames than the network was compiled for. `data-frames`
    #[error(
        "sample {sample} has {found} frames, and the network takes {most} at most: compile it with --input events --frames {found}"
    )]
    Frames {
        /// The sample.
        sample: usize,
        /// Its frames.
        found: usize,
        /// Most frames that the network takes.
        most: usize,
    },
    /// A value is no number of events. `data-counts`
    #[error(
        "sample {sample} holds {found}, which is no number of events: whole, from 0 to {most} at one place in one frame"
    )]
    Counts {
        /// The sample.
        sample: usize,
        /// The value.
        found: f64,
        /// The most events at one place in one frame.
        most: u32,
    },
    /// The images are not what the network takes. `data-shape`
    #[error("the images have the shape {found:?}, and {wanted:?} is wanted")]
    Shape {
        /// Shape of a sample in the file.
        found: Vec<usize>,
        /// Shape wanted.
        wanted: Vec<usize>,
    },
}

impl DataError {
    /// Stable id of the kind of error.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Io { .. } => "data-io",
            Self::NotSafetensors { .. } => "data-not-safetensors",
            Self::Truncated { .. } => "data-truncated",
            Self::NoImages { .. } => "data-no-images",
            Self::Type { .. } => "data-type",
            Self::Rank { .. } => "data-rank",
            Self::Empty { .. } => "data-empty",
            Self::Labels { .. } => "data-labels",
            Self::NotFinite { .. } => "data-not-finite",
            Self::Events { .. } => "data-events",
            Self::EventPlace { .. } => "data-event-place",
            Self::Frames { .. } => "data-frames",
            Self::Counts { .. } => "data-counts",
            Self::Shape { .. } => "data-shape",
        }
    }
}

impl From<ContainerError> for DataError {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::Truncated { expected, found } => Self::Truncated { expected, found },
            ContainerError::NotSafetensors(reason) => Self::NotSafetensors { reason },
        }
    }
}

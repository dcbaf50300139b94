//! What can go wrong while a network runs. What is wrong with the network itself is found when it is decoded.

/// An op, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Full name of the op.
    pub op: String,
    /// Layer that it belongs to.
    pub layer: String,
    /// Where it comes from, as `file:line:column`; empty if unknown.
    pub source: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "layer `{}` (`{}`", self.layer, self.op)?;
        if !self.source.is_empty() {
            write!(formatter, ", {}", self.source)?;
        }
        formatter.write_str(")")
    }
}

/// A network could not be run to its end.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum InterpretError {
    /// The sample is not what the network takes, or an operand not what the op takes.
    #[error("samples of shape {expected:?} are needed, found {found:?}")]
    InputShape {
        /// Shape that is needed; one for each operand.
        expected: Vec<Vec<usize>>,
        /// Shape that was given.
        found: Vec<Vec<usize>>,
    },
    /// The sample has no frame, or more than the network takes.
    #[error("a sample of {found} frames; the network takes 1 to {most}")]
    Frames {
        /// Frames that were given.
        found: usize,
        /// Most frames that it takes.
        most: usize,
    },
    /// An integer value does not fit 32 bits.
    #[error("{place}: element {index} is {value}, which does not fit 32 bits")]
    Overflow {
        /// The op that computes it.
        place: Place,
        /// Index of the element, in row-major order.
        index: usize,
        /// The value.
        value: f64,
    },
    /// An integer value has a fraction or is no number.
    #[error("{place}: element {index} is {value}, which is no integer")]
    NotInteger {
        /// The op that computes it.
        place: Place,
        /// Index of the element, in row-major order.
        index: usize,
        /// The value.
        value: f64,
    },
    /// An integer sum may pass 2⁵² on its way, so that this interpreter would round it.
    #[error("{place}: a partial sum may reach {bound:e}, beyond the integers that the interpreter has")]
    Inexact {
        /// The op that sums.
        place: Place,
        /// Largest magnitude that a partial sum can have.
        bound: f64,
    },
    /// There is no such op, or it computes nothing.
    #[error("op {index} of the network has no result")]
    NoResult {
        /// Index of the op.
        index: usize,
    },
    /// A spiking network has to be simulated step by step.
    #[error("the network is a spiking one: it runs in timesteps, not in one pass")]
    Spiking,
    /// A network without neurons has no timesteps.
    #[error("the network is no spiking one: it runs in one pass, not in timesteps")]
    NotSpiking,
}

impl InterpretError {
    /// Stable name of the kind of error.
    pub fn id(&self) -> &'static str {
        match self {
            Self::InputShape { .. } => "input-shape",
            Self::Frames { .. } => "input-frames",
            Self::Overflow { .. } => "overflow",
            Self::NotInteger { .. } => "not-integer",
            Self::Inexact { .. } => "inexact",
            Self::NoResult { .. } => "no-result",
            Self::Spiking => "spiking",
            Self::NotSpiking => "not-spiking",
        }
    }

    /// The op to blame, if one is.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Overflow { place, .. } | Self::NotInteger { place, .. } | Self::Inexact { place, .. } => {
                Some(place)
            }
            Self::InputShape { .. }
            | Self::Frames { .. }
            | Self::NoResult { .. }
            | Self::Spiking
            | Self::NotSpiking => None,
        }
    }
}

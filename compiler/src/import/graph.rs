//! A checked graph: every name resolved, every default filled in, every shape known.
//!
//! Only `check.rs` makes one, so that whoever holds a [`Graph`] need not check it again.

pub use super::ops::TorchOp;
use crate::diagnostic::Origin;

/// A value of a graph: the inputs come first, then one value for each node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(super) usize);

impl ValueId {
    /// Position among inputs and nodes taken together.
    pub fn index(self) -> usize {
        self.0
    }
}

/// The axes of a tensor behind the batch axis, at most 15, each at least 1, with at most 2^28 values together.
///
/// Axis numbers count the batch as PyTorch does: axis 0 is the batch and has no size here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    sample: Vec<i64>,
}

/// Most values a tensor may have per sample.
pub const MAX_VALUES: i64 = 1 << 28;

/// Most axes a tensor may have, the batch included. Networks have up to 5; a file could name millions.
pub const MAX_RANK: usize = 16;

impl Shape {
    /// A shape from the sizes of axes 1 and up; `None` where one is below 1, the product is above
    /// [`MAX_VALUES`], or there are more than [`MAX_RANK`].
    pub fn new(sample: impl Into<Vec<i64>>) -> Option<Self> {
        let sample = sample.into();
        let count = sample
            .iter()
            .try_fold(1_i64, |count, size| count.checked_mul(*size).filter(|n| *n <= MAX_VALUES));
        let positive = sample.iter().all(|size| *size >= 1);
        (positive && count.is_some() && sample.len() < MAX_RANK).then_some(Self { sample })
    }

    /// Sizes of axes 1 and up.
    pub fn sample(&self) -> &[i64] {
        &self.sample
    }

    /// Number of axes, the batch included.
    pub fn rank(&self) -> usize {
        self.sample.len() + 1
    }

    /// Size of an axis; `None` for the batch and past the last one.
    pub fn axis(&self, axis: usize) -> Option<i64> {
        self.sample.get(axis.checked_sub(1)?).copied()
    }

    /// Number of values in one sample.
    pub fn values(&self) -> i64 {
        self.sample.iter().product()
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[N")?;
        self.sample.iter().try_for_each(|size| write!(f, ", {size}"))?;
        f.write_str("]")
    }
}

/// A tensor in the weights file: it is there, `f32`, finite, and of this shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WeightRef {
    /// Name in the weights file.
    pub key: String,
    /// Sizes of all axes.
    pub shape: Vec<i64>,
}

/// An input of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Name without `%`.
    pub name: String,
    /// Declared shape.
    pub shape: Shape,
    /// Line in the graph file, from 1.
    pub line: usize,
    /// Column in the graph file, from 1.
    pub column: usize,
    /// The line of the program of the first node that reads it.
    pub at: Option<Origin>,
}

/// An output of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Declared name; the layer's or input's name where none is declared.
    pub name: String,
    /// What is returned.
    pub value: ValueId,
}

/// One op of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: TorchOp,
    /// What it does it to, all defined earlier.
    pub inputs: Vec<ValueId>,
    /// Shape of its result.
    pub shape: Shape,
    /// The layer's name, unique in the graph.
    pub layer: String,
    /// Line in the graph file, from 1.
    pub line: usize,
    /// Column in the graph file, from 1.
    pub column: usize,
    /// The line of the program that the graph was recorded from; where it is stated, it is the node's place.
    pub at: Option<Origin>,
}

/// A network, as far as its weights file and its shapes were checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Name without `@`.
    pub name: String,
    /// The symbol of the batch axis.
    pub batch: String,
    /// Exactly one, today.
    pub inputs: Vec<Input>,
    /// At least one, each after the nodes it uses.
    pub nodes: Vec<Node>,
    /// At least one; names are unique.
    pub outputs: Vec<Output>,
}

impl Graph {
    /// The value that node `index` defines.
    pub fn node_value(&self, index: usize) -> ValueId {
        ValueId(self.inputs.len() + index)
    }

    /// The node that defines a value; `None` for inputs.
    pub fn node(&self, value: ValueId) -> Option<&Node> {
        self.nodes.get(value.0.checked_sub(self.inputs.len())?)
    }

    /// The shape of a value; `None` where it belongs to another graph.
    pub fn shape(&self, value: ValueId) -> Option<&Shape> {
        match self.inputs.get(value.0) {
            Some(input) => Some(&input.shape),
            None => self.node(value).map(|node| &node.shape),
        }
    }

    /// The layer's name of a value, for inputs the input's; `None` where it belongs to another graph.
    pub fn value_name(&self, value: ValueId) -> Option<&str> {
        match self.inputs.get(value.0) {
            Some(input) => Some(&input.name),
            None => self.node(value).map(|node| node.layer.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_positive_and_bounded() {
        assert_eq!(Shape::new([3, 4]).unwrap().to_string(), "[N, 3, 4]");
        assert_eq!(Shape::new([]).unwrap().values(), 1);
        assert_eq!(Shape::new([0, 4]), None);
        assert_eq!(Shape::new([-1, -4]), None);
        assert_eq!(Shape::new([1 << 14, 1 << 15]), None);
        assert_eq!(Shape::new([i64::MAX, i64::MAX, 0]), None);
        assert!(Shape::new([MAX_VALUES]).is_some());
        assert!(Shape::new([1; MAX_RANK - 1]).is_some());
        assert_eq!(Shape::new([1; MAX_RANK]), None);
        let shape = Shape::new([3, 4]).unwrap();
        assert_eq!((shape.rank(), shape.axis(0), shape.axis(1), shape.axis(3)), (3, None, Some(3), None));
    }
}

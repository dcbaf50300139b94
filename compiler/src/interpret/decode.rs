//! What the decoders of all dialects share: operand shapes, and attributes read into checked numbers.

use super::kernels::Kernel;
use super::snn::Spiking;
use crate::mlir::Number;
use neurocuda_dialects::{TensorAttr, ViewError};

/// Most elements a tensor may have, so that a hostile shape is refused before memory is asked for.
pub(super) const MAX_ELEMENTS: usize = 1 << 28;

/// Why an op cannot be decoded; becomes an [`IrError`](crate::mlir::IrError) at it.
#[derive(Debug)]
pub(super) struct Problem(pub String);

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<&str> for Problem {
    fn from(message: &str) -> Self {
        Self(message.to_owned())
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        Self(error.to_string())
    }
}

/// What an op does when it runs.
pub(super) enum Action {
    /// Computes its result from its operands and nothing else.
    Compute(Kernel),
    /// Shows its operand to the probe.
    Observe,
    /// Takes part in a timestep.
    Spiking(Spiking),
}

/// Type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValueType {
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// Whether the elements are reals or integers.
    pub number: Number,
}

/// The types around an op.
pub(super) struct Site {
    /// Types of the operands.
    pub inputs: Vec<ValueType>,
    /// Type of the result, if there is one.
    pub result: Option<ValueType>,
}

impl Site {
    /// Shape of the only operand.
    pub fn input(&self) -> Result<&[usize], Problem> {
        match self.inputs.as_slice() {
            [input] => Ok(&input.shape),
            inputs => Err(format!("expected one operand, found {}", inputs.len()).into()),
        }
    }

    /// Shapes of the operands.
    pub fn shapes(&self) -> Vec<&[usize]> {
        self.inputs.iter().map(|input| input.shape.as_slice()).collect()
    }

    /// Shape of the result.
    pub fn output(&self) -> Result<&[usize], Problem> {
        self.result.as_ref().map(|result| result.shape.as_slice()).ok_or_else(|| "expected a result".into())
    }

    /// Whether the op computes integers.
    pub fn is_integer(&self) -> bool {
        self.result.as_ref().is_some_and(|result| result.number == Number::Integer)
    }

    /// Demands operands of one kind of number and a result of another.
    pub fn convert(&self, from: Number, to: Number) -> Result<(), Problem> {
        if self.inputs.iter().any(|input| input.number != from) {
            return Err(format!("expected {} operands", adjective(from)).into());
        }
        self.give(to)
    }

    /// Demands a result of one kind of number.
    pub fn give(&self, to: Number) -> Result<(), Problem> {
        if self.result.as_ref().is_some_and(|result| result.number != to) {
            return Err(format!("expected {} results", adjective(to)).into());
        }
        Ok(())
    }

    /// Demands a result of the same kind of number as the operands.
    pub fn keep(&self) -> Result<(), Problem> {
        match self.inputs.first() {
            Some(input) => self.convert(input.number, input.number),
            None => Err("expected an operand".into()),
        }
    }

    /// Weights of the op: a tensor of `rank` axes, integer where the result is.
    pub fn weight(&self, attribute: TensorAttr, rank: usize) -> Result<Weight, Problem> {
        let weight = read(attribute, "weight")?;
        if weight.shape.len() != rank || weight.shape.contains(&0) {
            return Err(format!(
                "`weight` has shape {:?}; {rank} axes without zeros are needed",
                weight.shape
            )
            .into());
        }
        self.check_integers(&weight.values, "weight")?;
        Ok(weight)
    }

    /// A parameter for each channel or output, integer where the result is.
    pub fn vector(&self, attribute: TensorAttr, name: &str, length: usize) -> Result<Vec<f64>, Problem> {
        let values = reals(attribute, name, &[length])?;
        self.check_integers(&values, name)?;
        Ok(values)
    }

    fn check_integers(&self, values: &[f64], name: &str) -> Result<(), Problem> {
        if self.is_integer() { all_integers(values, name) } else { Ok(()) }
    }
}

/// A tensor attribute in row-major order.
pub(super) struct Weight {
    /// Size of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Vec<f64>,
}

/// Reads a tensor attribute of bounded size.
pub(super) fn read(attribute: TensorAttr, name: &str) -> Result<Weight, Problem> {
    element_count(&attribute.shape())
        .ok_or_else(|| format!("`{name}` has more elements than can be handled"))?;
    let tensor = attribute.read()?;
    let values = tensor.to_f64();
    Ok(Weight { shape: tensor.shape, values })
}

/// Reads a tensor attribute of one shape.
pub(super) fn reals(attribute: TensorAttr, name: &str, shape: &[usize]) -> Result<Vec<f64>, Problem> {
    let found = attribute.shape();
    if found != shape {
        return Err(format!("`{name}` has shape {found:?}; {shape:?} is needed").into());
    }
    Ok(read(attribute, name)?.values)
}

/// Reads a tensor attribute of one shape whose elements are 32-bit integers.
pub(super) fn integers(attribute: TensorAttr, name: &str, shape: &[usize]) -> Result<Vec<f64>, Problem> {
    let values = reals(attribute, name, shape)?;
    all_integers(&values, name)?;
    Ok(values)
}

/// Demands positive elements.
pub(super) fn all_positive(values: &[f64], name: &str) -> Result<(), Problem> {
    match values.iter().find(|&&value| value <= 0.0 || value.is_nan()) {
        Some(value) => Err(format!("`{name}` has an element {value}; all must be positive").into()),
        None => Ok(()),
    }
}

fn all_integers(values: &[f64], name: &str) -> Result<(), Problem> {
    match values.iter().find(|&&value| !is_i32(value)) {
        Some(value) => Err(format!("`{name}` has an element {value}; 32-bit integers are needed").into()),
        None => Ok(()),
    }
}

/// Whether `value` is an integer of 32 bits.
pub(super) fn is_i32(value: f64) -> bool {
    f64::from(value as i32) == value
}

/// An integer attribute of at most 32 bits.
pub(super) fn int32(value: i64, name: &str) -> Result<f64, Problem> {
    i32::try_from(value)
        .map(f64::from)
        .map_err(|_| format!("`{name}` is {value}, which does not fit 32 bits").into())
}

/// The range [low, high] of counts.
pub(super) fn range(low: i64, high: i64) -> Result<(f64, f64), Problem> {
    if low > high {
        return Err(format!("`low` is {low}, above `high`, {high}").into());
    }
    Ok((int32(low, "low")?, int32(high, "high")?))
}

/// A count or size attribute of at least `least`.
pub(super) fn size(value: i64, name: &str, least: usize) -> Result<usize, Problem> {
    usize::try_from(value)
        .ok()
        .filter(|&size| size >= least)
        .ok_or_else(|| format!("`{name}` is {value}; at least {least} is needed").into())
}

/// Two counts: rows and columns.
pub(super) fn sizes(values: [i64; 2], name: &str, least: usize) -> Result<[usize; 2], Problem> {
    Ok([size(values[0], name, least)?, size(values[1], name, least)?])
}

/// One count for each axis.
pub(super) fn size_list(values: &[i64], name: &str, least: usize) -> Result<Vec<usize>, Problem> {
    values.iter().map(|&value| size(value, name, least)).collect()
}

/// The axis of one sample that attribute `name` means; attributes count the batch axis too.
pub(super) fn axis(value: i64, name: &str, rank: usize) -> Result<usize, Problem> {
    match usize::try_from(value) {
        Ok(axis) if (1..=rank).contains(&axis) => Ok(axis - 1),
        _ => Err(format!("`{name}` is {value}; an axis from 1 to {rank} is needed").into()),
    }
}

/// Counts for each axis of one sample; attributes give one for the batch axis too, which must be 0.
pub(super) fn per_axis(values: &[i64], name: &str, rank: usize) -> Result<Vec<usize>, Problem> {
    match values {
        [0, sample @ ..] if sample.len() == rank => {
            sample.iter().map(|&value| size(value, name, 0)).collect()
        }
        _ => Err(format!("`{name}` is {values:?}; 0 for the batch and {rank} counts are needed").into()),
    }
}

/// Number of channels: the first axis of a sample.
pub(super) fn channels(shape: &[usize]) -> Result<usize, Problem> {
    shape.first().copied().ok_or_else(|| "the operand has no channel axis".into())
}

/// Channels, rows and columns of an image.
pub(super) fn image(shape: &[usize]) -> Result<[usize; 3], Problem> {
    shape.try_into().map_err(|_| {
        format!("expected an operand of channels, rows and columns, found shape {shape:?}").into()
    })
}

/// Number of elements; `None` if there are too many.
pub(super) fn element_count(shape: &[usize]) -> Option<usize> {
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))?;
    (count <= MAX_ELEMENTS).then_some(count)
}

fn adjective(number: Number) -> &'static str {
    match number {
        Number::Real => "real",
        Number::Integer => "integer",
    }
}

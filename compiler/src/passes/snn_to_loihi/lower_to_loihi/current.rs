//! What flows into a value: events of populations, moved and weighed, and not yet added up.
//!
//! `snn` has linear ops in any order. The chip has axons that move events, synapses that weigh them once, and accumulators that add. So
//! every value is kept as a sum of terms until neurons read it; each term has been moved, scaled by one number, or weighed once.

use super::moves::{self, Pairs};
use crate::mlir::{self, IrError, IrResult};
use melior::ir::{OperationRef, Value};
use neurocuda_dialects::{TensorAttr, snn};
use std::sync::Arc;

/// The weights of one op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// A kernel that all places share.
    Conv {
        /// Output channels, input channels of a group, and the kernel's axes.
        shape: Vec<usize>,
        /// Elements in row-major order.
        weights: Vec<i32>,
        /// Places of the input from one result to the next.
        stride: Vec<i64>,
        /// Silence around the input.
        padding: Vec<i64>,
        /// Places of the input from one weight to the next.
        dilation: Vec<i64>,
        /// Groups of channels.
        groups: i64,
    },
    /// Outputs times inputs.
    Dense {
        /// Number of outputs and of inputs.
        shape: [usize; 2],
        /// Elements in row-major order.
        weights: Vec<i32>,
    },
    /// One weight a channel, from each element to itself.
    Identity(Vec<i32>),
    /// One weight a pair of an input and a result.
    Sparse {
        /// The pairs, in ascending order.
        pairs: Pairs,
        /// Their weights.
        weights: Vec<i32>,
    },
}

impl Weights {
    /// The elements.
    pub fn elements(&self) -> &[i32] {
        match self {
            Self::Conv { weights, .. }
            | Self::Dense { weights, .. }
            | Self::Identity(weights)
            | Self::Sparse { weights, .. } => weights,
        }
    }

    /// The same synapses with other weights.
    pub fn with(&self, elements: Vec<i32>) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Conv { weights, .. }
            | Self::Dense { weights, .. }
            | Self::Identity(weights)
            | Self::Sparse { weights, .. } => *weights = elements,
        }
        other
    }

    /// Largest sum of weights' magnitudes times those of the input, for each channel of a result of shape `result`. `magnitudes` are
    /// those of the channels of `input`.
    pub fn bound(&self, magnitudes: &[f64], input: &[usize], result: &[usize]) -> Vec<f64> {
        let magnitude = |channel: usize| magnitudes.get(channel).copied().unwrap_or(0.0);
        match self {
            Self::Conv { shape, weights, groups, .. } => {
                let (outputs, inputs) = (shape[0], shape[1]);
                let taps = shape[2..].iter().product::<usize>().max(1);
                let per_group = (outputs / (*groups).max(1) as usize).max(1);
                let rows = weights.chunks_exact(inputs * taps).enumerate();
                let of_row = |(output, row): (usize, &[i32])| {
                    let first = output / per_group * inputs;
                    let channels = row.chunks_exact(taps).enumerate();
                    channels.map(|(c, taps)| sum_of_magnitudes(taps) * magnitude(first + c)).sum()
                };
                rows.map(of_row).collect()
            }
            Self::Dense { shape, weights } => {
                let of_row = |row: &[i32]| {
                    row.iter().enumerate().map(|(c, w)| f64::from(w.abs()) * magnitude(c)).sum()
                };
                weights.chunks_exact(shape[1].max(1)).map(of_row).collect()
            }
            Self::Identity(weights) => {
                weights.iter().enumerate().map(|(c, w)| f64::from(w.abs()) * magnitude(c)).collect()
            }
            Self::Sparse { pairs, weights } => {
                let plane = |shape: &[usize]| shape.iter().skip(1).product::<usize>().max(1);
                let (from_plane, to_plane) = (plane(input), plane(result));
                let mut sums = vec![0.0; result.iter().product()];
                for (&(from, to), weight) in pairs.iter().zip(weights) {
                    sums[to as usize] += f64::from(weight.abs()) * magnitude(from as usize / from_plane);
                }
                sums.chunks(to_plane).map(|channel| channel.iter().copied().fold(0.0, f64::max)).collect()
            }
        }
    }
}

fn sum_of_magnitudes(weights: &[i32]) -> f64 {
    weights.iter().map(|weight| f64::from(weight.abs())).sum()
}

/// A population's events on their way.
#[derive(Clone)]
pub struct Source<'c, 'a> {
    /// The events.
    pub events: Value<'c, 'a>,
    /// Shape of the population.
    pub shape: Vec<usize>,
    /// Steps until they arrive.
    pub delay: i64,
    /// Largest magnitude of one event.
    pub magnitude: f64,
}

/// Events that have been moved, scaled, and perhaps weighed.
#[derive(Clone)]
pub struct Term<'c, 'a> {
    /// Where they come from.
    pub source: Source<'c, 'a>,
    /// Where they go; `None`: element for element.
    pub moved: Option<Pairs>,
    /// Shape that weights read.
    pub input: Vec<usize>,
    /// What they are multiplied by beside the weights.
    pub gain: i64,
    /// The weights and the index of their op; `None` if nothing has weighed them.
    pub weights: Option<(usize, Arc<Weights>)>,
}

/// A value of the spiking network: a sum of terms.
#[derive(Clone)]
pub struct Current<'c, 'a> {
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// What adds up.
    pub terms: Vec<Term<'c, 'a>>,
}

impl<'c, 'a> Current<'c, 'a> {
    /// What a population sends.
    pub fn of(source: Source<'c, 'a>) -> Self {
        let input = source.shape.clone();
        let term = Term { source, moved: None, input: input.clone(), gain: 1, weights: None };
        Self { shape: input, terms: vec![term] }
    }

    /// What linear op `op`, which is number `index`, makes of `operands`.
    ///
    /// # Errors
    ///
    /// If the chip has no such op, or the events have been weighed already.
    pub fn through(
        operation: OperationRef<'c, '_>,
        index: usize,
        op: &snn::Op<'c>,
        operands: &[&Self],
        shape: Vec<usize>,
    ) -> IrResult<'c, Self> {
        let shapes = operands.iter().map(|operand| operand.shape.clone()).collect::<Vec<_>>();
        let first = *operands.first().ok_or_else(|| IrError::at(operation, "the op has no operand"))?;
        let weighed = |weights: Weights| -> IrResult<'c, Vec<Term<'c, 'a>>> {
            let weights = Arc::new(weights);
            let weigh = |term: &Term<'c, 'a>| {
                if term.weights.is_some() {
                    return Err(twice(operation));
                }
                Ok(Term { weights: Some((index, Arc::clone(&weights))), ..term.clone() })
            };
            first.terms.iter().map(weigh).collect()
        };
        let terms = match op {
            snn::Op::Add(_) => operands.iter().flat_map(|operand| operand.terms.clone()).collect(),
            snn::Op::Scale(snn::Scale { weight }) => {
                let weights = integers(*weight)?;
                match weights.first() {
                    // One number for all: what comes behind may still weigh.
                    Some(&gain) if weights.iter().all(|&weight| weight == gain) => {
                        let scaled =
                            |term: &Term<'c, 'a>| Term { gain: term.gain * i64::from(gain), ..term.clone() };
                        first.terms.iter().map(scaled).collect()
                    }
                    _ => weighed(Weights::Identity(weights))?,
                }
            }
            snn::Op::Conv(conv) if !conv.transposed => weighed(Weights::Conv {
                shape: conv.weight.shape(),
                weights: integers(conv.weight)?,
                stride: conv.stride.clone(),
                padding: conv.padding.clone(),
                dilation: conv.dilation.clone(),
                groups: conv.groups,
            })?,
            snn::Op::Conv(_) => {
                return Err(unsupported(operation, "transposed convolutions have no synapse table yet"));
            }
            snn::Op::Linear(linear) if first.shape.len() == 1 => {
                let &[outputs, inputs] = linear.weight.shape().as_slice() else {
                    return Err(IrError::at(operation, "`weight` needs two axes"));
                };
                weighed(Weights::Dense { shape: [outputs, inputs], weights: integers(linear.weight)? })?
            }
            snn::Op::Linear(_) => {
                return Err(unsupported(
                    operation,
                    "a dense layer over the last of several axes has no synapse table yet",
                ));
            }
            snn::Op::SumPool2d(pool) => {
                let multiplier = integers(pool.multiplier)?;
                let misfit = || IrError::at(operation, "the windows do not fit the operand");
                let (pairs, weights) =
                    moves::of_windows(pool, &multiplier, &first.shape, &shape).ok_or_else(misfit)?;
                if weights.iter().all(|&weight| weight == 1) {
                    first.moved(operation, &shape, &pairs)?
                } else {
                    weighed(Weights::Sparse { pairs, weights })?
                }
            }
            snn::Op::Concat(_)
            | snn::Op::Gather(_)
            | snn::Op::Permute(_)
            | snn::Op::Pad(_)
            | snn::Op::Reshape(_) => {
                let misfit = || IrError::at(operation, "the op does not fit its operands");
                let mut terms = Vec::new();
                for (number, operand) in operands.iter().enumerate() {
                    let pairs = moves::of(op, number, &shapes, &shape).ok_or_else(misfit)?;
                    terms.extend(operand.moved(operation, &shape, &pairs)?);
                }
                terms
            }
            snn::Op::MaxPool2d(_) => {
                return Err(unsupported(
                    operation,
                    "a max pool of running sums has no neuron on the chip: run `expand-max-pool` before the network becomes a spiking one",
                ));
            }
            _ => return Err(IrError::at(operation, format!("`{}` is no linear op", mlir::name(operation)))),
        };
        Ok(Self { shape, terms })
    }

    /// The terms behind a move.
    fn moved(
        &self,
        operation: OperationRef<'c, '_>,
        shape: &[usize],
        pairs: &Pairs,
    ) -> IrResult<'c, Vec<Term<'c, 'a>>> {
        // A slice begins like the identity, and leaves elements out.
        let whole = self.shape.iter().product::<usize>() == shape.iter().product::<usize>();
        let identity = whole && moves::is_identity(pairs, shape.iter().product());
        let step = |term: &Term<'c, 'a>| {
            if term.weights.is_some() {
                return Err(unsupported(
                    operation,
                    &format!("`{}` stands between synapses and their neurons", mlir::name(operation)),
                ));
            }
            let moved =
                if identity { term.moved.clone() } else { Some(moves::after(term.moved.as_ref(), pairs)) };
            Ok(Term { moved, input: shape.to_vec(), ..term.clone() })
        };
        self.terms.iter().map(step).collect()
    }
}

impl Term<'_, '_> {
    /// Largest magnitude that arrives in one step at an element of each channel of the input.
    pub fn magnitudes(&self) -> Vec<f64> {
        let channels = self.input.first().copied().unwrap_or(1);
        let Some(pairs) = &self.moved else { return vec![self.source.magnitude; channels] };
        let plane = self.input.iter().skip(1).product::<usize>().max(1);
        let mut counts = vec![0u32; self.input.iter().product()];
        pairs.iter().for_each(|pair| counts[pair.1 as usize] += 1);
        let most = |channel: &[u32]| f64::from(channel.iter().copied().max().unwrap_or(0));
        counts.chunks(plane).map(|channel| most(channel) * self.source.magnitude).collect()
    }
}

/// The elements of a tensor of integers.
///
/// # Errors
///
/// If it is of reals.
pub fn integers<'c>(tensor: TensorAttr<'c>) -> IrResult<'c, Vec<i32>> {
    Ok(tensor.read()?.to_i32()?)
}

fn twice<'c>(operation: OperationRef<'c, '_>) -> IrError<'c> {
    unsupported(
        operation,
        "its input has been weighed already, and the chip weighs an event once on its way to a neuron",
    )
}

/// A refusal of something that the chip, or this compiler for it, does not have.
pub fn unsupported<'c>(operation: OperationRef<'c, '_>, what: &str) -> IrError<'c> {
    IrError::at(
        operation,
        format!("unsupported: target loihi cannot carry `{}`: {what}", mlir::layer(operation)),
    )
}

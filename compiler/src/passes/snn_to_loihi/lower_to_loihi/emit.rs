//! Makes axons and synapse tables of a current, and shows that its sums fit.

use super::{
    current::{Current, Term, Weights, unsupported},
    moves::Pairs,
    tables::{Table, tables},
};
use crate::{
    loihi::chip::{Chip, Widths},
    mlir::{self, IrError, IrResult, Number},
};
use melior::ir::{OperationRef, Value, ValueLike};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, View, loihi};
use std::{collections::HashMap, sync::Arc};

/// What makes the ops in front of one population.
pub struct Emitter<'p, 'c, 'a> {
    /// The chip.
    pub chip: &'p Chip,
    /// The op that reads the current, in front of which ops go.
    pub at: OperationRef<'c, 'a>,
    axons: HashMap<(usize, usize, Vec<usize>), Value<'c, 'a>>,
}

/// A population's input.
pub struct Charge<'c, 'a> {
    /// What the accumulators hold in a step.
    pub value: Value<'c, 'a>,
    /// Largest magnitude of that.
    pub bound: f64,
}

impl<'p, 'c, 'a> Emitter<'p, 'c, 'a> {
    /// Starts.
    pub fn new(chip: &'p Chip, at: OperationRef<'c, 'a>) -> Self {
        Self { chip, at, axons: HashMap::new() }
    }

    /// The ops of `current`.
    ///
    /// # Errors
    ///
    /// If a weight is too wide, or a sum cannot be shown to fit an accumulator.
    pub fn charge(&mut self, current: &Current<'c, 'a>) -> IrResult<'c, Charge<'c, 'a>> {
        let mut groups = Vec::<Vec<&Term<'c, 'a>>>::new();
        let kind = |term: &Term<'c, 'a>| {
            (term.weights.as_ref().map(|(index, _)| *index), term.gain, term.input.clone())
        };
        for term in &current.terms {
            match groups.iter_mut().find(|group| kind(group[0]) == kind(term)) {
                Some(group) => group.push(term),
                None => groups.push(vec![term]),
            }
        }
        let mut sum = None;
        let mut bounds = vec![0.0; current.shape.first().copied().unwrap_or(1)];
        for group in groups {
            let Some((weights, arriving, magnitudes)) = self.group(current, &group)? else { continue };
            let found = tables(weights.elements(), &self.chip.synapses);
            for table in found.map_err(|reason| unsupported(self.at, &reason))? {
                let stored = weights.with(table.weights.clone());
                let scale = 2f64.powi(table.exponent);
                for (bound, stored) in
                    bounds.iter_mut().zip(stored.bound(&magnitudes, &group[0].input, &current.shape))
                {
                    // The exponent acts on a sum that Lava keeps in 32 bits.
                    let what = "the sum of one table of synapses";
                    width(self.at, self.chip, what, stored, i32::BITS, "the sum of a table")?;
                    *bound += stored * scale;
                }
                let charge = self.table(&stored, &table, arriving, current)?;
                sum = Some(match sum {
                    Some(sum) => self.insert(&loihi::Accumulate {}, &[sum, charge], &current.shape)?,
                    None => charge,
                });
            }
        }
        let bound = bounds.into_iter().fold(0.0, f64::max).ceil();
        self.fits("what arrives in one step", bound)?;
        let value = sum.ok_or_else(|| unsupported(self.at, "nothing flows into it"))?;
        Ok(Charge { value, bound })
    }

    /// What terms with the same weights share: those, what arrives in front of them, and how large it can be in each channel.
    #[allow(clippy::type_complexity)]
    fn group(
        &mut self,
        current: &Current<'c, 'a>,
        terms: &[&Term<'c, 'a>],
    ) -> IrResult<'c, Option<(Weights, Value<'c, 'a>, Vec<f64>)>> {
        let Some(&first) = terms.first() else { return Ok(None) };
        let channels = first.input.first().copied().unwrap_or(1);
        let weights = match &first.weights {
            Some((_, weights)) => (**weights).clone(),
            None if first.input == current.shape => Weights::Identity(vec![1; channels]),
            None => return Err(unsupported(self.at, "events reach it in another shape")),
        };
        let gained =
            weights.elements().iter().map(|&weight| i32::try_from(i64::from(weight) * first.gain).ok());
        let gained = gained.collect::<Option<Vec<_>>>();
        let gained = gained.ok_or_else(|| unsupported(self.at, "a weight does not fit 32 bits"))?;
        let mut arriving = None;
        let mut magnitudes = vec![0.0; channels];
        for term in terms {
            for (sum, magnitude) in magnitudes.iter_mut().zip(term.magnitudes()) {
                *sum += magnitude;
            }
            let axon = self.axon(term)?;
            arriving = Some(match arriving {
                Some(before) => self.insert(&loihi::Merge {}, &[before, axon], &first.input)?,
                None => axon,
            });
        }
        Ok(arriving.map(|arriving| (weights.with(gained), arriving, magnitudes)))
    }

    /// The axons of a term, once.
    fn axon(&mut self, term: &Term<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
        let source = &term.source;
        let moved = term.moved.as_ref().map_or(0, |pairs| Arc::as_ptr(pairs).cast::<u8>() as usize);
        let key = (source.events.to_raw().ptr as usize, moved, term.input.clone());
        if let Some(&axon) = self.axons.get(&key) {
            return Ok(axon);
        }
        let axon = match &term.moved {
            None => self.insert(&loihi::Axon { delay: source.delay }, &[source.events], &term.input)?,
            Some(pairs) => {
                let pairs = self.pairs(pairs)?;
                self.insert(&loihi::AxonMap { delay: source.delay, pairs }, &[source.events], &term.input)?
            }
        };
        self.axons.insert(key, axon);
        Ok(axon)
    }

    fn pairs(&self, pairs: &Pairs) -> IrResult<'c, TensorAttr<'c>> {
        let elements = pairs.iter().flat_map(|&(from, to)| [from as i32, to as i32]).collect();
        self.tensor("pairs", vec![pairs.len(), 2], Elements::I32(elements))
    }

    fn tensor(&self, name: &str, shape: Vec<usize>, elements: Elements) -> IrResult<'c, TensorAttr<'c>> {
        let hint = format!("{}.{name}", mlir::layer(self.at));
        Ok(TensorAttr::new(mlir::context(self.at), &hint, &Tensor { shape, elements })?)
    }

    fn table(
        &self,
        weights: &Weights,
        table: &Table,
        arriving: Value<'c, 'a>,
        current: &Current<'c, 'a>,
    ) -> IrResult<'c, Value<'c, 'a>> {
        let elements = Elements::I16(weights.elements().iter().map(|&weight| weight as i16).collect());
        let (weight_bits, exponent) = (i64::from(table.bits), i64::from(table.exponent));
        let sign_mode = table.sign_mode.to_owned();
        let result = &current.shape;
        match weights {
            Weights::Conv { shape, stride, padding, dilation, groups, .. } => {
                let weight = self.tensor("synapses", shape.clone(), elements)?;
                let (stride, padding, dilation) = (stride.clone(), padding.clone(), dilation.clone());
                let groups = *groups;
                let conv = loihi::Conv {
                    weight,
                    stride,
                    padding,
                    dilation,
                    groups,
                    weight_bits,
                    exponent,
                    sign_mode,
                };
                self.insert(&conv, &[arriving], result)
            }
            Weights::Dense { shape, .. } => {
                let weight = self.tensor("synapses", shape.to_vec(), elements)?;
                self.insert(&loihi::Dense { weight, weight_bits, exponent, sign_mode }, &[arriving], result)
            }
            Weights::Identity(weights) => {
                let weight = self.tensor("synapses", vec![weights.len()], elements)?;
                self.insert(
                    &loihi::Identity { weight, weight_bits, exponent, sign_mode },
                    &[arriving],
                    result,
                )
            }
            Weights::Sparse { pairs, weights } => {
                let weight = self.tensor("synapses", vec![weights.len()], elements)?;
                let pairs = self.pairs(pairs)?;
                let sparse = loihi::Sparse { pairs, weight, weight_bits, exponent, sign_mode };
                self.insert(&sparse, &[arriving], result)
            }
        }
    }

    fn insert<V: View<'c>>(
        &self,
        view: &V,
        operands: &[Value<'c, 'a>],
        shape: &[usize],
    ) -> IrResult<'c, Value<'c, 'a>> {
        let r#type = mlir::batch_type(mlir::context(self.at), shape, Number::Integer);
        mlir::insert_before(self.at, view, operands, r#type)
    }

    fn fits(&self, what: &str, bound: f64) -> IrResult<'c, ()> {
        let bits = self.chip.widths.accumulator_bits;
        width(self.at, self.chip, what, bound, bits, "an accumulator")
    }
}

/// Refuses what cannot be shown to fit `bits` bits.
///
/// # Errors
///
/// If `bound` does not.
pub fn width<'c>(
    at: OperationRef<'c, '_>,
    chip: &Chip,
    what: &str,
    bound: f64,
    bits: u32,
    of: &str,
) -> IrResult<'c, ()> {
    let largest = Widths::largest(bits);
    if bound <= largest as f64 {
        return Ok(());
    }
    Err(IrError::at(
        at,
        format!(
            "chip-width: layer `{}`: {what} can reach {bound:.0}, over the {bits} bits of {of} of `{}` ({largest}); use fewer levels, \
             lower --input-levels or --weight-bits, or state wider ones in a chip file",
            mlir::layer(at),
            chip.name
        ),
    ))
}

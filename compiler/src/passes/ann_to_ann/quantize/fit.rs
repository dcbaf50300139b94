//! The unit of a sum by least squares over the weights that flow into it. Not a pass.
//!
//! The unit for which the largest weight fits rounds all others coarsely. A finer one clips the largest. Which is best is found on a
//! grid, by the noise that the weights make: what is left of them, each weighted by the variance of what it weighs, when the best
//! common factor has been taken out. Clipping shrinks a sum, layer after layer; so that factor becomes part of the unit, which keeps
//! the sum's size. The mean of the noise is no matter here: `correct-bias` removes it.

use super::{LARGEST_THRESHOLD, Lowering, SAME, key, rounding, units::Weighted};
use crate::{
    analysis::{
        flow::{self, Flow},
        histogram::Distribution,
        observation::observed,
    },
    mlir::{self, IrError, IrResult},
};
use melior::ir::{Value, operation::OperationLike};
use neurocuda_dialects::ann;
use rayon::prelude::*;
use std::collections::HashMap;

/// Units that are tried, in hundredths of the one for which the largest weight fits.
const PERCENT: std::ops::RangeInclusive<u32> = 30..=100;

/// Their distance.
const STEP: usize = 2;

/// The unit of each channel of a sum.
pub(super) struct Unit {
    /// Real value of 1.
    pub real: Vec<f64>,
    /// The unit that 8-bit weights are rounded to, over `real`: less than 1 where rounding and clipping shrink the sum.
    pub ratio: Vec<f64>,
}

/// Ops with weights that may be clipped, by their results.
type Rows = HashMap<usize, Weighted>;

/// Of each channel the sums of v·w·ŵ, v·ŵ² and v·w², with weights w, what integers make of them ŵ, and the variance v of what they weigh.
type Products = [Vec<f64>; 3];

impl<'c, 'a> Lowering<'_, 'c, 'a> {
    /// The unit of each channel of a sum that flows into an activation of steps `wanted`, or into an output.
    ///
    /// # Errors
    ///
    /// If an op on the way is malformed.
    pub(super) fn unit(&self, value: Value<'c, 'a>, wanted: &[f64]) -> IrResult<'c, Unit> {
        let at_least = |mut alpha: Vec<f64>| {
            for (alpha, wanted) in alpha.iter_mut().zip(wanted) {
                *alpha = alpha.max(wanted / LARGEST_THRESHOLD);
            }
            alpha
        };
        let mut largest = self.need(value, false)?;
        largest.iter_mut().filter(|alpha| **alpha == 0.0).for_each(|alpha| *alpha = 1.0);
        let largest = self.settle(value, at_least(largest))?;
        let least = at_least(self.need(value, true)?);
        let mut rows = Rows::new();
        self.rows(value, &mut rows)?;
        let noise =
            |alpha: &[f64]| self.products(value, alpha, &rows, rounding::nearest).map(|sums| noises(&sums));
        let of_largest = noise(&largest)?;
        let mut best = largest.iter().copied().zip(of_largest.iter().copied()).collect::<Vec<_>>();
        for percent in PERCENT.rev().step_by(STEP).skip(1) {
            let part = f64::from(percent) / 100.0;
            let alpha = largest.iter().zip(&least).map(|(largest, least)| (largest * part).max(*least));
            let alpha = alpha.collect::<Vec<_>>();
            for ((best, alpha), found) in best.iter_mut().zip(&alpha).zip(noise(&alpha)?) {
                if found < best.1 - SAME {
                    *best = (*alpha, found);
                }
            }
        }
        // Where channels have to agree, the coarsest of them decides, which need not be good for all.
        let mut chosen = self.settle(value, best.iter().map(|(alpha, _)| *alpha).collect())?;
        if noise(&chosen)?.iter().zip(&of_largest).any(|(chosen, largest)| *chosen > largest + SAME) {
            chosen = largest;
        }
        let [products, _, squares] = self.products(value, &chosen, &rows, rounding::rounded)?;
        let whole = chosen.iter().zip(products.iter().zip(&squares)).map(|(alpha, (product, square))| {
            if *product > 0.0 && ((product / square) - 1.0).abs() > SAME {
                alpha * square / product
            } else {
                *alpha
            }
        });
        let real = self.settle(value, whole.zip(&least).map(|(alpha, least)| alpha.max(*least)).collect())?;
        let ratio = chosen.iter().zip(&real).map(|(chosen, real)| chosen / real).collect();
        Ok(Unit { real, ratio })
    }

    /// Finds the ops whose weights may be clipped among those that `value` is the sum of.
    fn rows(&self, value: Value<'c, 'a>, rows: &mut Rows) -> IrResult<'c, ()> {
        if self.levels.contains_key(&key(value)) {
            return Ok(());
        }
        let operation = mlir::definition(value)
            .ok_or_else(|| IrError::module("the network input must be quantized first"))?;
        match self.weighted(operation)? {
            Some(weighted) => {
                if weighted.clips {
                    rows.insert(key(value), weighted);
                }
                Ok(())
            }
            None => operation.operands().try_for_each(|operand| self.rows(operand, rows)),
        }
    }

    /// The products of all weights that flow into each channel of `value`, whose unit is `alpha`.
    fn products(
        &self,
        value: Value<'c, 'a>,
        alpha: &[f64],
        rows: &Rows,
        round: fn(&Weighted, &[f64], f64) -> Vec<f64>,
    ) -> IrResult<'c, Products> {
        if let Some(weighted) = rows.get(&key(value)) {
            return Ok(of_rows(weighted, alpha, round));
        }
        let silent = || [(); 3].map(|()| vec![0.0; alpha.len()]);
        let Some(operation) = mlir::definition(value).filter(|_| !self.levels.contains_key(&key(value)))
        else {
            return Ok(silent());
        };
        if let Some(ann::Op::Scale(_)) = ann::Op::read(operation)? {
            return Ok(silent());
        }
        let flow = Flow::of(operation)?;
        let alpha = alpha.iter().map(|alpha| alpha * flow.multiple as f64).collect::<Vec<_>>();
        let mut operands = [vec![], vec![], vec![]];
        for (operand, alpha) in operation.operands().zip(flow.backward(&alpha, 1.0, flow::largest)) {
            let products = self.products(operand, &alpha, rows, round)?;
            operands.iter_mut().zip(products).for_each(|(all, products)| all.push(products));
        }
        Ok(operands.map(|products| flow.sums(&products)))
    }

    /// What calibration saw of `value` in each channel, and how many elements that are.
    fn distributions(&self, value: Value<'c, 'a>) -> IrResult<'c, Option<(Vec<Distribution>, f64)>> {
        let Some(samples) = self.samples else { return Ok(None) };
        for user in mlir::users(value) {
            if let Some(observe) = mlir::view::<ann::Observe>(user)? {
                let positions = mlir::sample_shape(value)?.iter().skip(1).product::<usize>();
                return Ok(Some((observed(&observe)?, (samples * positions).max(1) as f64)));
            }
        }
        Ok(None)
    }

    /// The variance of the levels of an activation that reads `value`, as real values; `None` if calibration did not see them.
    pub(super) fn variance(
        &self,
        value: Value<'c, 'a>,
        scale: &[f64],
        (low, high): (i64, i64),
    ) -> IrResult<'c, Option<Vec<f64>>> {
        let Some((seen, total)) = self.distributions(value)? else { return Ok(None) };
        let variance = |(seen, scale): (&Distribution, &f64)| {
            let [mean, square] = seen.moments(*scale, low as f64, high as f64).map(|sum| sum / total);
            (square - mean * mean).max(0.0)
        };
        Ok(Some(seen.iter().zip(scale).map(variance).collect()))
    }
}

fn of_rows(weighted: &Weighted, alpha: &[f64], round: fn(&Weighted, &[f64], f64) -> Vec<f64>) -> Products {
    let row = (weighted.weights.len() / alpha.len().max(1)).max(1);
    let sums = weighted
        .weights
        .par_chunks(row)
        .zip(weighted.variance.par_chunks(row))
        .zip(alpha)
        .map(|((weights, variance), alpha)| {
            let mut sums = [0.0; 3];
            let integers = round(weighted, weights, *alpha);
            for ((weight, variance), integer) in weights.iter().zip(variance).zip(integers) {
                let made = alpha * integer;
                sums[0] += variance * weight * made;
                sums[1] += variance * made * made;
                sums[2] += variance * weight * weight;
            }
            sums
        })
        .collect::<Vec<_>>();
    [0, 1, 2].map(|index| sums.iter().map(|sums| sums[index]).collect())
}

/// Of each channel Σ v (w − f ŵ)² over Σ v w², where the factor f makes Σ v w f ŵ equal to Σ v w².
fn noises([products, made, squares]: &Products) -> Vec<f64> {
    let noise = |((product, made), square): ((&f64, &f64), &f64)| {
        if *square == 0.0 {
            0.0
        } else if *product > 0.0 {
            (made / product * (square / product) - 1.0).max(0.0)
        } else {
            f64::INFINITY
        }
    };
    products.iter().zip(made).zip(squares).map(noise).collect()
}

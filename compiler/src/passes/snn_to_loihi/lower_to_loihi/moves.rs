//! Where ops that weigh nothing put each element of an operand.

use crate::analysis::charge::{gathered, pad_zeros, permuted};
use ndarray::{ArrayD, Axis, IxDyn, concatenate};
use neurocuda_dialects::snn;
use std::{ops::Range, sync::Arc};

/// Pairs of an element of the source and one of the result, in ascending order.
pub type Pairs = Arc<[(u32, u32)]>;

/// Where operand `operand` of `op`, one of several of `shapes`, goes in a result of shape `result`; `None` if `op` is no such op or
/// its attributes do not fit.
pub fn of(op: &snn::Op, operand: usize, shapes: &[Vec<usize>], result: &[usize]) -> Option<Pairs> {
    // Elements are numbered from 1, and silence is 0.
    let numbered = |shape: &Vec<usize>| {
        let numbers = (1..=shape.iter().product::<usize>()).map(|number| number as f64).collect();
        ArrayD::from_shape_vec(IxDyn(shape), numbers).ok()
    };
    let own = numbered(shapes.get(operand)?)?;
    let moved = match op {
        snn::Op::Gather(gather) => gathered(&own, gather.axis, &gather.indices)?,
        snn::Op::Permute(permute) => permuted(&own, &permute.axes)?,
        snn::Op::Pad(pad) => pad_zeros(&own, &pad.before, ArrayD::zeros(IxDyn(result)))?,
        snn::Op::Reshape(_) => own.into_shape_with_order(IxDyn(result)).ok()?,
        snn::Op::Concat(concat) => {
            let axis = Axis(usize::try_from(concat.axis.checked_sub(1)?).ok()?);
            let arrays = shapes.iter().enumerate().map(|(index, shape)| {
                if index == operand { own.clone() } else { ArrayD::zeros(IxDyn(shape)) }
            });
            let arrays = arrays.collect::<Vec<_>>();
            concatenate(axis, &arrays.iter().map(|array| array.view()).collect::<Vec<_>>()).ok()?
        }
        _ => return None,
    };
    if moved.shape() != result {
        return None;
    }
    let mut pairs = moved
        .iter()
        .enumerate()
        .filter(|(_, number)| **number > 0.0)
        .map(|(to, &number)| (number as u32 - 1, to as u32))
        .collect::<Vec<_>>();
    pairs.sort_unstable();
    Some(pairs.into())
}

/// Pairs of an element and the window of a sum pool that it lies in, with the window's multiplier; in ascending order. `None` if the
/// attributes do not fit.
pub fn of_windows(
    pool: &snn::SumPool2d,
    multiplier: &[i32],
    shape: &[usize],
    result: &[usize],
) -> Option<(Pairs, Vec<i32>)> {
    let (&[channels, height, width], &[_, rows, columns]) = (shape, result) else { return None };
    let range = |bounds: &[i64], index: usize, size: usize| -> Option<Range<usize>> {
        let [start, end] = [*bounds.get(2 * index)?, *bounds.get(2 * index + 1)?];
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        (range.start <= range.end && range.end <= size).then_some(range)
    };
    let mut found = Vec::new();
    for channel in 0..channels {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let to = (channel * rows + row) * columns + column;
            let factor = *multiplier.get(row * columns + column)?;
            for y in range(&pool.rows, row, height)? {
                for x in range(&pool.columns, column, width)? {
                    found.push((((channel * height + y) * width + x) as u32, to as u32, factor));
                }
            }
        }
    }
    found.sort_unstable();
    let pairs = found.iter().map(|&(from, to, _)| (from, to)).collect();
    Some((pairs, found.iter().map(|&(_, _, factor)| factor).collect()))
}

/// First `before`, if anything moves there, then `after`.
pub fn after(before: Option<&Pairs>, after: &Pairs) -> Pairs {
    let Some(before) = before else { return Arc::clone(after) };
    let mut pairs = Vec::new();
    for &(from, through) in before.iter() {
        let start = after.partition_point(|pair| pair.0 < through);
        pairs.extend(after[start..].iter().take_while(|pair| pair.0 == through).map(|pair| (from, pair.1)));
    }
    pairs.sort_unstable();
    pairs.into()
}

/// Whether every one of `elements` elements stays where it is.
pub fn is_identity(pairs: &[(u32, u32)], elements: usize) -> bool {
    pairs.len() == elements
        && pairs.iter().enumerate().all(|(index, &(from, to))| from as usize == index && to as usize == index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_follow_one_another() {
        let shape = vec![2, 1, 2];
        let gather = snn::Op::Gather(snn::Gather { axis: 1, indices: vec![1, 1] });
        let gathered = of(&gather, 0, std::slice::from_ref(&shape), &shape).unwrap();
        assert_eq!(*gathered, [(2, 0), (2, 2), (3, 1), (3, 3)]);
        let concat = snn::Op::Concat(snn::Concat { axis: 1 });
        let second = of(&concat, 1, &[shape.clone(), shape.clone()], &[4, 1, 2]).unwrap();
        assert_eq!(*second, [(0, 4), (1, 5), (2, 6), (3, 7)]);
        assert_eq!(*after(Some(&gathered), &second), [(2, 4), (2, 6), (3, 5), (3, 7)]);
        assert!(is_identity(&of(&snn::Op::Reshape(snn::Reshape {}), 0, &[shape], &[4]).unwrap(), 4));
        assert!(of(&gather, 0, &[vec![2, 1, 2]], &[3, 1, 2]).is_none());
    }

    #[test]
    fn windows_name_their_elements() {
        let multiplier = neurocuda_dialects::Tensor::integers(vec![3, 1]);
        let context = neurocuda_dialects::new_context().unwrap();
        let attribute = neurocuda_dialects::TensorAttr::new(&context, "m", &multiplier).unwrap();
        let pool = snn::SumPool2d { rows: vec![0, 1], columns: vec![0, 2, 1, 3], multiplier: attribute };
        let (pairs, weights) = of_windows(&pool, &[3, 1], &[1, 1, 3], &[1, 1, 2]).unwrap();
        assert_eq!(*pairs, [(0, 0), (1, 0), (1, 1), (2, 1)]);
        assert_eq!(weights, [3, 3, 1, 1]);
    }
}

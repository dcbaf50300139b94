//! Ops that only move elements: gather, permute, pad, concat, reshape.

use super::{events::Events, layout::Layout};
use crate::artifact::program::OpKind;

/// Where each element of each input goes.
#[derive(Debug)]
pub(super) struct Remap {
    tables: Vec<Targets>,
}

/// Places of the elements of one input, in the engine's order: those of element `i` are `targets[starts[i]..starts[i + 1]]`.
#[derive(Debug)]
struct Targets {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Targets {
    /// Sorts pairs of an element of the input and its place by element; of each place there is one.
    fn new(elements: usize, pairs: &[(u32, u32)]) -> Self {
        let mut starts = vec![0; elements + 1];
        for &(element, _) in pairs {
            starts[element as usize + 1] += 1;
        }
        for element in 0..elements {
            starts[element + 1] += starts[element];
        }
        let (mut next, mut targets) = (starts.clone(), vec![0; pairs.len()]);
        for &(element, place) in pairs {
            let next = &mut next[element as usize];
            targets[*next as usize] = place;
            *next += 1;
        }
        Self { starts, targets }
    }

    fn of(&self, element: usize) -> &[u32] {
        let range = self.starts.get(element).zip(self.starts.get(element + 1));
        range.and_then(|(&start, &end)| self.targets.get(start as usize..end as usize)).unwrap_or_default()
    }
}

impl Remap {
    /// The table of a checked op; `None` if the op is another one.
    pub(super) fn new(kind: &OpKind, inputs: &[&[usize]], output: &[usize]) -> Option<Self> {
        let (from, to) =
            (inputs.iter().map(|input| Layout::new(input)).collect::<Vec<_>>(), Layout::new(output));
        let mut pairs = vec![Vec::new(); inputs.len()];
        let mut position = vec![0; output.len()];
        for element in 0..to.elements {
            unravel(element, output, &mut position);
            if let Some((input, source)) = source(kind, inputs, element, &mut position)? {
                // Elements of a value are at most 2²⁴, which the artifact's check has seen.
                pairs[input].push((from[input].index_of(source) as u32, to.index_of(element) as u32));
            }
        }
        let tables = from.iter().zip(&pairs).map(|(from, pairs)| Targets::new(from.elements, pairs));
        Some(Self { tables: tables.collect() })
    }

    /// Appends the moved events of one input.
    pub(super) fn run(&self, input: usize, events: &Events, sent: &mut Events) {
        let Some(table) = self.tables.get(input) else { return };
        for (index, value) in events.iter() {
            table.of(index).iter().for_each(|&target| sent.push(target, value));
        }
    }
}

/// Input and element that an element of the output, at `position`, comes from; `Some(None)` where there is none, `None` if the op is
/// not one that moves elements.
fn source(
    kind: &OpKind,
    inputs: &[&[usize]],
    element: usize,
    position: &mut [usize],
) -> Option<Option<(usize, usize)>> {
    let first = *inputs.first()?;
    Some(match kind {
        OpKind::Reshape => Some((0, element)),
        OpKind::Concat { axis } => {
            let mut input = 0;
            while position[*axis] >= inputs.get(input)?[*axis] {
                position[*axis] -= inputs[input][*axis];
                input += 1;
            }
            Some((input, ravel(position, inputs[input])))
        }
        OpKind::Pad { before, .. } => {
            let inside = position.iter_mut().zip(before).zip(first).all(|((position, before), extent)| {
                *position = position.wrapping_sub(*before);
                *position < *extent
            });
            inside.then(|| (0, ravel(position, first)))
        }
        OpKind::Gather { axis, indices } => {
            position[*axis] = *indices.get(position[*axis])?;
            Some((0, ravel(position, first)))
        }
        OpKind::Permute { axes } => {
            let mut original = vec![0; position.len()];
            axes.iter().zip(position.iter()).for_each(|(&axis, &index)| original[axis] = index);
            Some((0, ravel(&original, first)))
        }
        _ => return None,
    })
}

/// Splits a row-major element number into one index an axis.
fn unravel(mut element: usize, shape: &[usize], position: &mut [usize]) {
    for (index, &extent) in position.iter_mut().zip(shape).rev() {
        *index = element % extent;
        element /= extent;
    }
}

/// Row-major element number of one index an axis.
fn ravel(position: &[usize], shape: &[usize]) -> usize {
    position.iter().zip(shape).fold(0, |element, (index, extent)| element * extent + index)
}

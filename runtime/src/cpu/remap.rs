//! Ops that only rename elements: slice, pad, concat, reshape.

use super::{events::Events, layout::Layout};
use crate::artifact::program::OpKind;

/// Mark of an element that is dropped.
const DROPPED: u32 = u32::MAX;

/// Where each element of each input goes.
#[derive(Debug)]
pub(super) struct Remap {
    tables: Vec<Vec<u32>>,
}

impl Remap {
    /// The table of a checked op; `None` if the op is another one.
    pub(super) fn new(kind: &OpKind, inputs: &[&[usize]], output: &[usize]) -> Option<Self> {
        let to = Layout::new(output);
        let mut joined = 0;
        let tables = inputs.iter().map(|&input| {
            let from = Layout::new(input);
            let offset = joined;
            let mut table = vec![DROPPED; from.elements];
            let mut position = vec![0; input.len()];
            for element in 0..from.elements {
                unravel(element, input, &mut position);
                let target = match kind {
                    OpKind::Reshape => Some(element),
                    OpKind::Concat { axis } => {
                        position[*axis] += offset;
                        Some(ravel(&position, output))
                    }
                    OpKind::Pad { before, .. } => {
                        position.iter_mut().zip(before).for_each(|(position, before)| *position += before);
                        Some(ravel(&position, output))
                    }
                    OpKind::Slice { axis, start, step } => {
                        let distance =
                            position[*axis].checked_sub(*start).filter(|distance| distance % step == 0);
                        distance.map(|distance| distance / step).filter(|&index| index < output[*axis]).map(
                            |index| {
                                position[*axis] = index;
                                ravel(&position, output)
                            },
                        )
                    }
                    _ => return None,
                };
                table[from.index_of(element)] = target.map_or(DROPPED, |target| to.index_of(target) as u32);
            }
            if let OpKind::Concat { axis } = kind {
                joined += input[*axis];
            }
            Some(table)
        });
        tables.collect::<Option<Vec<_>>>().map(|tables| Self { tables })
    }

    /// Appends the renamed events of one input.
    pub(super) fn run(&self, input: usize, events: &Events, sent: &mut Events) {
        let Some(table) = self.tables.get(input) else { return };
        for (index, value) in events.iter() {
            match table.get(index) {
                Some(&target) if target != DROPPED => sent.push(target, value),
                _ => {}
            }
        }
    }
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

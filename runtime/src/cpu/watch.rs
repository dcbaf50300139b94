//! What can be seen of a run besides its outcome: every spike as it is sent, and the class that each step would answer.

use super::{Engine, Logits, layout::Layout, plan::PlannedOp, state::State};
use crate::head::{Head, HeadFunction};

/// Who sees the state after each step.
pub(super) type Observer<'a> = &'a mut dyn FnMut(&State, u32);

/// A spike that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// The step, from 0.
    pub step: u32,
    /// The layer, as in [`Engine::layers`].
    pub layer: usize,
    /// The neuron, row-major.
    pub neuron: usize,
    /// What it sends, such as 1 or −1; never 0.
    pub value: i32,
}

/// The first output with classes, if it tells one class of an image: of `heads`, the shape of its logits and what becomes of them.
pub(super) fn class_output(heads: &[(Vec<usize>, Option<Head>)]) -> Option<usize> {
    let (output, classes, elements) = heads.iter().enumerate().find_map(|(output, (shape, head))| {
        let classes = *shape.get(head.map_or(0, |head| head.axis))?;
        (classes >= 2).then(|| (output, classes, shape.iter().product::<usize>()))
    })?;
    (classes == elements).then_some(output)
}

impl Engine {
    /// The output that [`ImageOutcome::predictions`](super::ImageOutcome::predictions) are of: the first one with classes, if it
    /// tells one class of an image.
    pub fn class_output(&self) -> Option<usize> {
        class_output(&self.heads)
    }

    /// The class that the network answers after so many steps.
    pub(super) fn prediction(&self, state: &State, steps: u32) -> Option<u32> {
        let output = self.class_output()?;
        let logits = self.logits(state, &self.outputs.get(output)?.name, steps)?;
        self.class(output, &logits)
    }

    /// The class that the logits of all outputs tell.
    pub(crate) fn class_of(&self, outputs: &[Logits]) -> Option<u32> {
        let output = self.class_output()?;
        self.class(output, outputs.get(output)?)
    }

    fn class(&self, output: usize, logits: &Logits) -> Option<u32> {
        let real = &logits.real;
        let (_, head) = self.heads.get(output)?;
        if head.is_some_and(|head| head.function == HeadFunction::Argmax) {
            return real.first().map(|&class| class as u32);
        }
        let best = (1..real.len()).fold(0, |best, class| if real[class] > real[best] { class } else { best });
        Some(best as u32)
    }

    /// Tells of every spike that was sent in a step.
    pub(super) fn tell(&self, state: &State, step: u32, seen: &mut dyn FnMut(Spike)) {
        for op in &self.plan.ops {
            let PlannedOp::Neurons { neurons, state: layer, .. } = op else { continue };
            let Some(shape) = self.layer_shapes.get(*layer) else { continue };
            let layout = Layout::new(shape);
            for (index, value) in state.sent(neurons, *layer, step).iter() {
                seen(Spike { step, layer: *layer, neuron: layout.row_major_of(index), value });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_output_with_classes_counts_if_it_tells_one_of_an_image() {
        let head = |function, axis| Some(Head { function, axis, keepdim: false });
        assert_eq!(class_output(&[(vec![1], None), (vec![10], None), (vec![5], None)]), Some(1));
        assert_eq!(class_output(&[(vec![10, 1, 1], None)]), Some(0));
        assert_eq!(class_output(&[(vec![2, 7, 7], None), (vec![10], None)]), None);
        assert_eq!(class_output(&[(vec![1, 4], head(HeadFunction::Argmax, 1))]), Some(0));
        assert_eq!(class_output(&[(vec![4, 2], head(HeadFunction::Softmax, 1))]), None);
        assert_eq!(class_output(&[(vec![1], None)]), None);
    }
}

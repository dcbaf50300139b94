//! Readouts: accumulators that never fire.

use super::{
    layout::{Layout, Pattern},
    outcome::Logits,
    tensors::Parameters,
};
use crate::{
    artifact::{
        ArtifactError,
        program::{OpKind, ValueId},
    },
    head::Head,
};

/// A network output.
#[derive(Debug)]
pub(super) struct Readout {
    pub(super) input: ValueId,
    pub(super) name: String,
    pub(super) gain: i32,
    layout: Layout,
    initial: Vec<i32>,
    /// Added in every step; absent where it is zero everywhere.
    bias: Option<Vec<i32>>,
    /// Real value of 1, for each channel.
    scale: Vec<f64>,
    average: bool,
    /// Step from which it takes what comes in.
    start: u32,
    head: Option<(Head, Vec<usize>)>,
}

impl Readout {
    /// A readout from a checked op; `None` if the op is another one.
    pub(super) fn new(
        kind: &OpKind,
        input: ValueId,
        shape: &[usize],
        parameters: &Parameters<'_>,
    ) -> Result<Option<Self>, ArtifactError> {
        let OpKind::Readout { output_name, initial, bias, gain, scale, average, start, head } = kind else {
            return Ok(None);
        };
        let layout = Layout::new(shape);
        let bias = parameters.values(bias)?;
        let has_bias = !Pattern::new(&bias, layout).is_zero();
        Ok(Some(Self {
            input,
            name: output_name.clone(),
            gain: *gain,
            layout,
            initial: layout.expand(&parameters.values(initial)?),
            bias: has_bias.then(|| layout.expand(&bias)),
            scale: parameters.values(scale)?,
            average: *average,
            start: *start,
            head: head.map(|head| (head, shape.to_vec())),
        }))
    }

    /// Back to before the first step.
    pub(super) fn reset(&self, sums: &mut [i32]) {
        sums.copy_from_slice(&self.initial);
    }

    /// Adds the bias of one step, or forgets what came in too early.
    pub(super) fn run(&self, step: u32, sums: &mut [i32]) {
        if step < self.start {
            return self.reset(sums);
        }
        for (sum, bias) in sums.iter_mut().zip(self.bias.iter().flatten()) {
            *sum = sum.wrapping_add(*bias);
        }
    }

    /// The logits after so many steps, row-major; the real ones behind the head.
    pub(super) fn logits(&self, sums: &[i32], steps: u32) -> Logits {
        let integer = (0..self.layout.elements)
            .map(|element| sums.get(self.layout.index_of(element)).copied().unwrap_or_default())
            .collect();
        self.answer(integer, steps)
    }

    /// The logits of row-major sums after so many steps.
    pub(super) fn answer(&self, integer: Vec<i32>, steps: u32) -> Logits {
        let positions = (self.layout.elements / self.layout.channels).max(1);
        let divisor = if self.average { f64::from(steps.saturating_sub(self.start).max(1)) } else { 1.0 };
        let real = integer.iter().enumerate().map(|(element, &sum)| {
            let scale = self.scale.get(element / positions).copied().unwrap_or_default();
            f64::from(sum) * scale / divisor
        });
        let mut real = real.collect::<Vec<f64>>();
        if let Some((head, shape)) = &self.head {
            real = head.apply(shape, &real);
        }
        Logits { real: real.into_iter().map(|value| value as f32).collect(), integer }
    }
}

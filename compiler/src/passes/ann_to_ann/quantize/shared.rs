//! Steps that several channels share, of one activation or of many. Not a pass.

use crate::{
    analysis::sharing::Sharing,
    mlir::{self, IrError, IrResult},
};
use melior::ir::OperationRef;
use neurocuda_dialects::ann;

/// The steps of groups of channels.
pub(super) struct SharedSteps {
    sharing: Sharing,
    sizes: Vec<usize>,
    steps: Vec<f64>,
    /// Whether an activation has been lowered with the step already.
    taken: Vec<bool>,
}

impl SharedSteps {
    /// The steps that the network of `module` asks for.
    ///
    /// # Errors
    ///
    /// If an op is malformed.
    pub fn of<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, Self> {
        let sharing = Sharing::of(module, |_| Ok(false))?;
        let mut steps = vec![0.0f64; sharing.count()];
        for operation in mlir::operations(mlir::network_block(module)?) {
            let Some(quantize) = mlir::view::<ann::FakeQuantize>(operation)? else { continue };
            let groups = sharing.of_value(mlir::result(operation)?).unwrap_or_default();
            for (&group, step) in groups.iter().zip(quantize.scale.read()?.to_f64()) {
                steps[group] = steps[group].max(step);
            }
        }
        Ok(Self { sizes: sharing.sizes(), taken: vec![false; steps.len()], steps, sharing })
    }

    /// The step of each channel of the activation `operation`, whose units are at least `units`; `None` where the channel has one of its
    /// own.
    ///
    /// # Errors
    ///
    /// If a unit is larger than a step that other activations have taken.
    pub fn take<'c>(
        &mut self,
        operation: OperationRef<'c, '_>,
        units: &[f64],
    ) -> IrResult<'c, Vec<Option<f64>>> {
        let groups = self.sharing.of_value(mlir::result(operation)?).unwrap_or_default();
        let shared = groups
            .iter()
            .map(|&group| Some(group).filter(|&group| self.sizes[group] > 1))
            .collect::<Vec<_>>();
        for (&group, &unit) in shared.iter().zip(units) {
            let Some(group) = group.filter(|&group| unit > self.steps[group]) else { continue };
            if self.taken[group] {
                return Err(IrError::at(
                    operation,
                    "unsupported: the weights of this layer are too large for the step that its channels share with other layers: \
                     put an activation between the layer and the op that mixes channels",
                ));
            }
            self.steps[group] = unit;
        }
        shared.iter().flatten().for_each(|&group| self.taken[group] = true);
        Ok(shared.iter().map(|group| group.map(|group| self.steps[group])).collect())
    }
}

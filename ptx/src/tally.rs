//! What was sent in a chunk, added up for each image: events, the step after the last one, and the synaptic operations they make.

use neurocuda_runtime::artifact::{
    gpu_program::BufferId,
    program::{Op, OpKind},
};

use crate::{
    LowerError,
    current::words,
    layout::{Layout, Taps},
    plan::{Plan, Time},
    scope::Scope,
    text::{Type, Value},
    tile::Tile,
};

/// Adds up what the op has sent of its value, which changes at `time`: events of each row, and the step after the last of them. Events
/// of neurons go to `counts`; those of neurons and encoders show that an image has not settled.
pub(crate) fn tally(
    scope: &mut Scope<'_, '_>,
    plan: &Plan<'_>,
    op: &Op,
    tile: &Tile,
    (counts, time): (Option<BufferId>, Time),
    (sent, last): (&[Value], &[Value]),
) -> Result<(), LowerError> {
    let counts = counts.map(|counts| scope.pointer(counts));
    let is_active = op.kind.has_population() && !matches!(op.kind, OpKind::Readout { .. });
    let active = is_active.then(|| scope.pointer(scope.buffers.active));
    let operations = reach(scope, plan, op)?.map(|reach| {
        let total = match time {
            Time::Constant => scope.buffers.constant_operations,
            _ => scope.buffers.operations,
        };
        Ok::<_, LowerError>((scope.pointer(total), scope.constant("reach", words(&reach)?)))
    });
    let operations = operations.transpose()?;
    if active.is_none() && operations.is_none() {
        return Ok(());
    }
    let zero = scope.kernel.i32(0);
    for ((row, &sent), &last) in tile.rows.iter().zip(sent).zip(last) {
        let is_any = scope.kernel.compare("ne", sent, zero);
        let counts_here = scope.kernel.binary("arith.andi", is_any, row.live);
        scope.when(counts_here, |scope| {
            if let Some(counts) = counts {
                let pointer = scope.kernel.at(counts, row.image, Type::I32);
                scope.kernel.atomic("add", pointer, sent);
            }
            if let Some(active) = active {
                let pointer = scope.kernel.at(active, row.image, Type::I32);
                scope.kernel.atomic("max", pointer, last);
            }
            if let Some((total, reach)) = operations {
                let reach = scope.kernel.load_at(reach, row.position, Type::I32);
                let (sent, reach) = (scope.kernel.wide(sent), scope.kernel.wide(reach));
                let made = scope.kernel.mul(sent, reach);
                let pointer = scope.kernel.at(total, row.image, Type::I64);
                scope.kernel.atomic("add", pointer, made);
            }
        });
    }
    Ok(())
}

/// How many weights are added for an event at each position of what the op stores; `None` where none are.
fn reach(scope: &Scope<'_, '_>, plan: &Plan<'_>, op: &Op) -> Result<Option<Vec<i32>>, LowerError> {
    let program = scope.buffers.program;
    let input = Layout::new(&program.values[op.output]);
    let mut total = vec![0u32; input.positions];
    for reader in &plan.readers[op.output] {
        let reached = match &reader.kind {
            OpKind::Scale { .. } => vec![1; input.positions],
            OpKind::Linear { .. } => vec![program.values[reader.output][0] as u32; input.positions],
            OpKind::Conv { weight, groups, .. } => {
                let shape = scope.buffers.tensors.get(weight).map(|weight| weight.shape().to_vec());
                let kernel = shape.as_deref().and_then(|shape| shape.get(2..)).unwrap_or_default().to_vec();
                let output = &program.values[reader.output];
                let taps = Taps::of_convolution(&reader.kind, &kernel, &program.values[op.output], output)
                    .ok_or(LowerError::shape(reader))?;
                let of_group = (output[0] / groups) as u32;
                taps.reach(input).iter().map(|reach| reach * of_group).collect()
            }
            _ => continue,
        };
        total.iter_mut().zip(reached).for_each(|(total, reached)| *total += reached);
    }
    let is_any = total.iter().any(|&reached| reached > 0);
    Ok(is_any.then(|| total.iter().map(|&reached| reached as i32).collect()))
}

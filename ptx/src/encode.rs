//! Kernels that bring the network's input into device memory as events.

use neurocuda_runtime::artifact::{
    DType, Tensor,
    gpu_program::{BufferId, Element},
    program::{Op, OpKind},
};

use crate::{
    LowerError,
    plan::Plan,
    scope::{Scope, type_of},
    tally::tally,
    text::{Type, Value},
    tile::{Shape, Tile},
};

/// Writes the kernel of an encoder, which reads the images in `input`.
pub(crate) fn encoder<'p>(
    scope: &mut Scope<'_, 'p>,
    plan: &Plan<'p>,
    op: &'p Op,
    input: BufferId,
) -> Result<Shape, LowerError> {
    let stored = plan.stored[op.output].ok_or(LowerError::Defect("an encoder that is not stored"))?;
    let tile = Tile::of_threads(scope, stored.layout);
    let (zero, clock) = (scope.kernel.i32(0), scope.clock());
    let pixels = scope.pointer(input);
    let end = scope.steps_of(stored.time, clock);
    let channel = tile.channels[0].index;
    let row = tile.rows[0];
    let pixel = scope.kernel.times(channel, stored.layout.positions as i64);
    let pixel = scope.kernel.add(pixel, row.position);
    let elements = (stored.layout.channels * stored.layout.positions) as i64;
    let code = match &op.kind {
        OpKind::Encode { .. } => {
            let image = scope.kernel.times(row.image, elements);
            let pixel = scope.kernel.add(image, pixel);
            let code = code(scope, op, pixels, pixel, channel)?;
            Some(code)
        }
        _ => None,
    };
    let buffer = scope.buffers.value(op.output)?;
    let left = scope.repeat(zero, end, &[zero, zero], |scope, index, before| {
        let step = scope.kernel.add(clock, index);
        let event = code.unwrap_or_else(|| counts(scope, op, (pixels, pixel), row.image, elements, step));
        let to = scope.slot(buffer, &stored, index);
        let address = tile.addresses(scope, to, type_of(stored.element))[0];
        scope.when(row.live, |scope| scope.write(event, address, stored.element));
        let is_sent = scope.kernel.compare("ne", event, zero);
        let one = scope.kernel.cast("arith.extui", is_sent, Type::I32);
        let after = scope.kernel.plus(step, 1);
        vec![scope.kernel.add(before[0], one), scope.kernel.select(is_sent, after, before[1])]
    });
    tally(scope, plan, op, &tile, (None, stored.time), left.split_at(1))?;
    Ok(tile.launch)
}

/// The code of a pixel: each operation is rounded once, in f64, as the format says.
fn code(
    scope: &mut Scope<'_, '_>,
    op: &Op,
    pixels: Value,
    pixel: Value,
    channel: Value,
) -> Result<Value, LowerError> {
    let OpKind::Encode { multiplier, offset, minimum, maximum, scale, low, high, .. } = &op.kind else {
        return Err(LowerError::Defect("no encoder"));
    };
    let mut column = |what: &str, name: &String| {
        let tensor = scope.buffers.tensors.get(name).filter(|tensor| tensor.dtype() == DType::F64);
        let tensor: Tensor = tensor.ok_or(LowerError::Defect("a parameter is missing"))?.clone();
        let pointer = scope.constant(what, tensor);
        Ok::<_, LowerError>(scope.kernel.load_at(pointer, channel, Type::F64))
    };
    let multiplier = column("multiplier", multiplier)?;
    let (offset, minimum) = (column("offset", offset)?, column("minimum", minimum)?);
    let maximum = column("maximum", maximum)?;
    let kernel = &mut scope.kernel;
    let pixel = kernel.load_at(pixels, pixel, Type::F32);
    let pixel = kernel.cast("arith.extf", pixel, Type::F64);
    let real = kernel.binary("arith.mulf", pixel, multiplier);
    let real = kernel.binary("arith.addf", real, offset);
    let real = kernel.real("maxnum", &[real, minimum]);
    let real = kernel.real("minnum", &[real, maximum]);
    let (scale, half) = (kernel.f64(*scale), kernel.f64(0.5));
    let real = kernel.binary("arith.divf", real, scale);
    let real = kernel.binary("arith.addf", real, half);
    let real = kernel.real("floor", &[real]);
    let (low, high) = (kernel.f64((*low).into()), kernel.f64((*high).into()));
    let real = kernel.real("maxnum", &[real, low]);
    let real = kernel.real("minnum", &[real, high]);
    Ok(kernel.cast("arith.fptosi", real, Type::I32))
}

/// The counts of the frame that comes in a step.
fn counts(
    scope: &mut Scope<'_, '_>,
    op: &Op,
    (frames, pixel): (Value, Value),
    image: Value,
    elements: i64,
    step: Value,
) -> Value {
    let OpKind::EncodeEvents { frames: count, .. } = op.kind else { return step };
    let kernel = &mut scope.kernel;
    let end = kernel.i32(count as i32);
    let (is_frame, zero) = (kernel.compare("slt", step, end), kernel.i32(0));
    let frame = kernel.select(is_frame, step, zero);
    let first = kernel.times(image, count.into());
    let frame = kernel.add(first, frame);
    let frame = kernel.wide(frame);
    let offset = kernel.times(frame, elements);
    let pixel = kernel.wide(pixel);
    let offset = kernel.add(offset, pixel);
    let value = kernel.load_at(frames, offset, Type::I16);
    let value = kernel.cast("arith.extui", value, Type::I32);
    kernel.select(is_frame, value, zero)
}

/// Bytes of the input of one image.
pub(crate) fn input_bytes(op: &Op, elements: usize) -> u64 {
    let elements = elements as u64;
    match op.kind {
        OpKind::EncodeEvents { frames, .. } => Element::I16.bytes() as u64 * u64::from(frames) * elements,
        _ => 4 * elements,
    }
}

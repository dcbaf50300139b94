//! Checks of one op: number of inputs, output shape, parameters and tensors.

use std::collections::BTreeMap;

use super::{
    Problem,
    limits::{MAX_FRAME_EVENTS, MAX_FRAMES, MAX_PAYLOAD, MAX_STEPS, MAX_WINDOW_PAIRS},
    shape_of,
    tensors::Tensors,
};
use crate::{
    artifact::{
        Tensor,
        program::{Op, OpKind, Program, Schedule},
    },
    window::Window,
};

/// Checks an op whose value ids are known to exist.
pub(super) fn check(op: &Op, program: &Program, tensors: &BTreeMap<String, Tensor>) -> Result<(), Problem> {
    let tensors = Tensors(tensors);
    let inputs = op.inputs.iter().map(|&input| shape_of(program, input)).collect::<Result<Vec<_>, _>>()?;
    let output = shape_of(program, op.output)?;
    if let OpKind::Encode { .. } = op.kind {
        return if inputs.is_empty() {
            encode(&op.kind, output, &tensors)
        } else {
            Err(input_count(0, &inputs))
        };
    }
    if let OpKind::EncodeEvents { frames, high } = op.kind {
        return if inputs.is_empty() { events(frames, high, program) } else { Err(input_count(0, &inputs)) };
    }
    if matches!(op.kind, OpKind::Add | OpKind::Concat { .. }) {
        return joins(&op.kind, &inputs, output);
    }
    let &[input] = inputs.as_slice() else { return Err(input_count(1, &inputs)) };
    match &op.kind {
        OpKind::Conv { .. } => conv(&op.kind, input, output, &tensors),
        OpKind::Linear { weight } => {
            let (&[features], &[outputs]) = (input, output) else {
                return Err(format!("it takes [F] to [F], not {input:?} to {output:?}"));
            };
            tensors.weights(weight, &[outputs, features])
        }
        OpKind::Scale { weight } => {
            expect(output, input)?;
            tensors.weights(weight, &[channels(input)])
        }
        OpKind::MaxPool2d { kernel, stride, padding, dilation } => {
            pool(input, output, *kernel, *stride, *padding, *dilation)
        }
        OpKind::SumPool2d { rows, columns, multiplier } => {
            let [c, h, w] = image(input)?;
            expect(output, &[c, rows.len(), columns.len()])?;
            bins(rows, h)?;
            bins(columns, w)?;
            position_factors(multiplier.as_deref(), output, &tensors)
        }
        OpKind::Gather { axis, indices } => gather(input, output, *axis, indices),
        OpKind::Permute { axes } => permute(input, output, axes),
        OpKind::Pad { before, after } => pad(input, output, before, after),
        OpKind::Reshape => {
            let (from, to) = (input.iter().product::<usize>(), output.iter().product::<usize>());
            if from == to {
                Ok(())
            } else {
                Err(format!("{input:?} has {from} elements, {output:?} has {to}"))
            }
        }
        OpKind::StBif { .. }
        | OpKind::StBifTable { .. }
        | OpKind::SigmaDelta { .. }
        | OpKind::SigmaDeltaTable { .. }
        | OpKind::HoldAndFire { .. }
        | OpKind::If { .. } => {
            expect(output, input)?;
            neuron(&op.kind, output, &tensors)
        }
        OpKind::Readout { initial, bias, scale, .. } => {
            expect(output, input)?;
            per_channel_or_element(initial, output, &tensors)?;
            let bias_values = per_channel_or_element(bias, output, &tensors)?;
            if program.schedule != Schedule::Rate && bias_values.iter().any(|&value| value != 0) {
                return Err(
                    "a bias in every step is not for an exact schedule; it belongs to `initial`".into()
                );
            }
            tensors.finite_reals(scale, channels(output))
        }
        OpKind::Encode { .. } | OpKind::EncodeEvents { .. } | OpKind::Add | OpKind::Concat { .. } => Ok(()),
    }
}

/// Number of channels of a checked shape.
fn channels(shape: &[usize]) -> usize {
    shape.first().copied().unwrap_or_default()
}

fn input_count(wanted: usize, inputs: &[&[usize]]) -> Problem {
    format!("it has {} inputs, not {wanted}", inputs.len())
}

fn expect(found: &[usize], wanted: &[usize]) -> Result<(), Problem> {
    if found == wanted { Ok(()) } else { Err(format!("the output shape is {found:?}, not {wanted:?}")) }
}

fn image(shape: &[usize]) -> Result<[usize; 3], Problem> {
    <[usize; 3]>::try_from(shape).map_err(|_| format!("the input has the shape {shape:?}, not [C, H, W]"))
}

fn encode(kind: &OpKind, output: &[usize], tensors: &Tensors) -> Result<(), Problem> {
    let OpKind::Encode { multiplier, offset, minimum, maximum, scale, low, high, .. } = kind else {
        return Ok(());
    };
    if !(scale.is_finite() && *scale > 0.0) {
        return Err(format!("the scale is {scale}, not positive"));
    }
    if low > high {
        return Err(format!("the smallest code {low} is above the largest {high}"));
    }
    let channels = channels(output);
    tensors.finite_reals(multiplier, channels)?;
    tensors.finite_reals(offset, channels)?;
    let (minimum, maximum) = (tensors.reals(minimum, channels)?, tensors.reals(maximum, channels)?);
    if minimum.iter().zip(&maximum).any(|(minimum, maximum)| minimum > maximum) {
        return Err("a minimum is above its maximum".into());
    }
    Ok(())
}

fn events(frames: u32, high: i32, program: &Program) -> Result<(), Problem> {
    if !(1..=MAX_FRAMES).contains(&frames) || frames > program.steps {
        return Err(format!(
            "{frames} frames in {} steps; it takes 1 to {MAX_FRAMES}, and no step less",
            program.steps
        ));
    }
    if !(1..=MAX_FRAME_EVENTS).contains(&high) {
        return Err(format!("{high} events at an element, not 1 to {MAX_FRAME_EVENTS}"));
    }
    Ok(())
}

fn joins(kind: &OpKind, inputs: &[&[usize]], output: &[usize]) -> Result<(), Problem> {
    let &[first, ..] = inputs else { return Err("it has no input".into()) };
    let OpKind::Concat { axis } = kind else {
        return inputs.iter().try_for_each(|input| expect(output, input));
    };
    if *axis >= first.len() {
        return Err(format!("axis {axis} is not one of {first:?}"));
    }
    let mut wanted = first.to_vec();
    wanted[*axis] = 0;
    for input in inputs {
        let mut beside = input.iter().zip(first.iter()).enumerate().filter(|(index, _)| index != axis);
        if input.len() != first.len() || beside.any(|(_, (a, b))| a != b) {
            return Err(format!("inputs {first:?} and {input:?} differ beside axis {axis}"));
        }
        wanted[*axis] = wanted[*axis].saturating_add(input[*axis]);
    }
    expect(output, &wanted)
}

fn conv(kind: &OpKind, input: &[usize], output: &[usize], tensors: &Tensors) -> Result<(), Problem> {
    let OpKind::Conv { weight, stride, padding, dilation, groups, transposed } = kind else { return Ok(()) };
    let (&[c, ref from @ ..], &[o, ref to @ ..]) = (input, output) else {
        return Err("its input or output has no channels".into());
    };
    let axes = from.len();
    if !(1..=3).contains(&axes) || [to.len(), stride.len(), padding.len(), dilation.len()] != [axes; 4] {
        return Err(format!(
            "it takes {input:?} to {output:?} with {} strides, {} paddings and {} dilations; it has 1 to 3 spatial axes",
            stride.len(),
            padding.len(),
            dilation.len()
        ));
    }
    if *groups == 0 || c % groups != 0 || o % groups != 0 {
        return Err(format!("{groups} groups do not divide {c} input and {o} output channels"));
    }
    let shape = tensors.0.get(weight).ok_or_else(|| format!("tensor `{weight}` is missing"))?.shape();
    let kernel = match shape {
        [_, _, kernel @ ..] if kernel.len() == axes => kernel,
        _ => {
            return Err(format!(
                "tensor `{weight}` has the shape {shape:?}, not [O, I / groups] and {axes} kernel sizes"
            ));
        }
    };
    let mut wanted = vec![o];
    for axis in 0..axes {
        let geometry = [kernel[axis], stride[axis], padding[axis], dilation[axis]];
        if *transposed {
            // The windows of the convolution that this is the adjoint of lie over the output.
            if !window(to[axis], geometry)?.is_made_of(from[axis]) {
                return Err(format!("axis {axis} of {input:?} does not become that of {output:?}"));
            }
            window_pairs(from[axis], kernel[axis].min(to[axis]))?;
            wanted.push(to[axis]);
        } else {
            let outputs = window(from[axis], geometry)?.outputs_floor();
            window_pairs(outputs, kernel[axis].min(from[axis]))?;
            wanted.push(outputs);
        }
    }
    expect(output, &wanted)?;
    tensors.weights(weight, &[&[o, c / groups], kernel].concat())
}

fn window(input: usize, [kernel, stride, padding, dilation]: [usize; 4]) -> Result<Window, Problem> {
    Window::new(input, kernel, stride, padding, dilation).ok_or_else(|| {
        format!("kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation} are out of range")
    })
}

/// Tables of windows are allocated: their size is checked here.
fn window_pairs(outputs: usize, taps: usize) -> Result<(), Problem> {
    match outputs.checked_mul(taps).filter(|&pairs| pairs <= MAX_WINDOW_PAIRS) {
        Some(_) => Ok(()),
        None => Err(format!("{outputs} windows of {taps} elements are more than {MAX_WINDOW_PAIRS} pairs")),
    }
}

fn pool(
    input: &[usize],
    output: &[usize],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
) -> Result<(), Problem> {
    let ([c, h, w], [o, oh, ow]) = (image(input)?, image(output)?);
    if c != o {
        return Err(format!("{c} input channels, but {o} output channels"));
    }
    for (axis, extent, outputs) in [(0, h, oh), (1, w, ow)] {
        let window = window(extent, [kernel[axis], stride[axis], padding[axis], dilation[axis]])?;
        // Pools in ceil mode have one window more, which the output shape says.
        if outputs < window.outputs_floor() || outputs > window.outputs_ceil() {
            return Err(format!(
                "{extent} elements give {} windows ({} in ceil mode), not {outputs}",
                window.outputs_floor(),
                window.outputs_ceil()
            ));
        }
        if (0..outputs).any(|output| window.taps(output).is_empty()) {
            return Err(format!("a window of {extent} elements lies in the padding entirely"));
        }
        window_pairs(outputs, kernel[axis].min(extent))?;
    }
    Ok(())
}

/// Windows of an adaptive pool are ranges within an axis.
fn bins(bins: &[[usize; 2]], extent: usize) -> Result<(), Problem> {
    if let Some([start, end]) = bins.iter().find(|[start, end]| start >= end || *end > extent) {
        return Err(format!("the window {start}..{end} is empty or not within {extent} elements"));
    }
    window_pairs(bins.iter().map(|[start, end]| end - start).sum(), 1)
}

fn position_factors(name: Option<&str>, output: &[usize], tensors: &Tensors) -> Result<(), Problem> {
    match (name, output) {
        (Some(name), &[_, oh, ow]) => tensors.integers(name, &[&[oh, ow]]).map(drop),
        _ => Ok(()),
    }
}

fn gather(input: &[usize], output: &[usize], axis: usize, indices: &[usize]) -> Result<(), Problem> {
    let Some(&extent) = input.get(axis) else { return Err(format!("axis {axis} is not one of {input:?}")) };
    if let Some(index) = indices.iter().find(|&&index| index >= extent) {
        return Err(format!("slab {index} is not within the {extent} of axis {axis}"));
    }
    let mut wanted = input.to_vec();
    if let Some(wanted) = wanted.get_mut(axis) {
        *wanted = indices.len();
    }
    expect(output, &wanted)
}

fn permute(input: &[usize], output: &[usize], axes: &[usize]) -> Result<(), Problem> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..input.len()) {
        return Err(format!("the axes {axes:?} are not each axis of {input:?} once"));
    }
    let wanted = axes.iter().filter_map(|&axis| input.get(axis)).copied();
    expect(output, &wanted.collect::<Vec<_>>())
}

fn pad(input: &[usize], output: &[usize], before: &[usize], after: &[usize]) -> Result<(), Problem> {
    if before.len() != input.len() || after.len() != input.len() {
        return Err(format!("{} and {} margins for {} axes", before.len(), after.len(), input.len()));
    }
    let padded = input.iter().zip(before).zip(after).map(|((extent, before), after)| {
        extent.checked_add(*before).and_then(|extent| extent.checked_add(*after))
    });
    let wanted = padded.collect::<Option<Vec<_>>>().ok_or("the margins are out of range")?;
    expect(output, &wanted)
}

/// Values of a parameter that has one entry a channel or one an element.
fn per_channel_or_element(name: &str, shape: &[usize], tensors: &Tensors) -> Result<Vec<i32>, Problem> {
    tensors.integers(name, &[&[channels(shape)], shape])
}

/// A tracer starts at 0; a graded neuron sends its whole change at once.
fn tracer(kind: &OpKind, low: i32, high: i32) -> Result<(), Problem> {
    if low > 0 || high < 0 {
        return Err(format!("the tracer's range {low}..={high} does not hold 0"));
    }
    let graded = matches!(kind, OpKind::SigmaDelta { .. } | OpKind::SigmaDeltaTable { .. });
    if graded && high.checked_sub(low).is_none_or(|most| most > MAX_PAYLOAD) {
        return Err(format!("an event from {low} to {high} is more than {MAX_PAYLOAD}"));
    }
    Ok(())
}

fn neuron(kind: &OpKind, shape: &[usize], tensors: &Tensors) -> Result<(), Problem> {
    match kind {
        OpKind::StBif { threshold, initial, low, high, .. }
        | OpKind::SigmaDelta { threshold, initial, low, high, .. } => {
            tracer(kind, *low, *high)?;
            tensors.thresholds(threshold, channels(shape))?;
            per_channel_or_element(initial, shape, tensors).map(drop)
        }
        OpKind::StBifTable { breakpoints, steps, start, initial, low, high, .. }
        | OpKind::SigmaDeltaTable { breakpoints, steps, start, initial, low, high, .. } => {
            tracer(kind, *low, *high)?;
            tensors.tables([breakpoints, steps, start], channels(shape), *low..=*high)?;
            per_channel_or_element(initial, shape, tensors).map(drop)
        }
        OpKind::HoldAndFire { threshold, initial, hold, release, levels, .. } => {
            if *hold < 0 || *levels == 0 {
                return Err(format!("a gate with charge {hold} that opens for {levels} steps"));
            }
            if release.checked_add(*levels).is_none_or(|close| close > MAX_STEPS) {
                return Err(format!("the gate closes after more than {MAX_STEPS} steps"));
            }
            tensors.thresholds(threshold, channels(shape))?;
            per_channel_or_element(initial, shape, tensors).map(drop)
        }
        OpKind::If { threshold, initial, bias, gain, .. } => {
            if *gain < 1 {
                return Err(format!("the gain {gain} is below 1"));
            }
            tensors.thresholds(threshold, channels(shape))?;
            per_channel_or_element(initial, shape, tensors)?;
            per_channel_or_element(bias, shape, tensors).map(drop)
        }
        _ => Ok(()),
    }
}

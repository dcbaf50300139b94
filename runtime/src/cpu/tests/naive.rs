//! A dense interpreter of programs in i64: slow, and plain enough to be checked by reading it.

use std::collections::VecDeque;

use crate::{
    artifact::{
        Artifact,
        program::{Op, OpKind, Program},
    },
    cpu::Logits,
    data::ImageView,
};

/// What happened in one step.
pub(super) struct Step {
    /// Spikes of each layer, row-major.
    pub(super) spikes: Vec<Vec<i64>>,
    pub(super) sops: u64,
    /// Readouts after the step, in program order.
    pub(super) readouts: Vec<Vec<i64>>,
    /// Whether a neuron or an encoder sent something, or something delayed arrived.
    pub(super) active: bool,
    /// Whether something delayed is under way after the step.
    pub(super) in_flight: bool,
}

pub(super) struct Run {
    pub(super) steps: Vec<Step>,
    initial: Vec<Vec<i64>>,
}

impl Run {
    fn readouts_after(&self, steps: u32) -> &[Vec<i64>] {
        steps.checked_sub(1).map_or(&self.initial, |last| &self.steps[last as usize].readouts)
    }

    pub(super) fn logits_after(&self, steps: u32, artifact: &Artifact) -> Vec<Logits> {
        let sums = self.readouts_after(steps);
        let readouts: Vec<&Op> =
            artifact.program().ops.iter().filter(|op| matches!(op.kind, OpKind::Readout { .. })).collect();
        let of = |name: &str| {
            let is_it =
                |op: &&Op| matches!(&op.kind, OpKind::Readout { output_name, .. } if output_name == name);
            let index = readouts.iter().position(is_it).unwrap();
            let OpKind::Readout { scale, average, start, .. } = &readouts[index].kind else { unreachable!() };
            let scale: Vec<f64> = artifact.tensors[scale].values().unwrap();
            let per_channel = sums[index].len() / scale.len();
            let real = sums[index].iter().enumerate().map(|(i, &y)| {
                let real = y as f64 * scale[i / per_channel];
                (if *average { real / f64::from(steps.saturating_sub(*start).max(1)) } else { real }) as f32
            });
            Logits { integer: sums[index].iter().map(|&y| y as i32).collect(), real: real.collect() }
        };
        artifact.manifest.outputs.iter().map(|output| of(&output.name)).collect()
    }

    pub(super) fn spikes_in(&self, steps: u32) -> Vec<u64> {
        let layers = self.steps.first().map_or(0, |step| step.spikes.len());
        let count = |layer: usize, step: &Step| step.spikes[layer].iter().filter(|&&s| s != 0).count() as u64;
        (0..layers)
            .map(|layer| self.steps[..steps as usize].iter().map(|step| count(layer, step)).sum())
            .collect()
    }

    pub(super) fn trace(&self, steps: u32) -> Vec<Vec<i16>> {
        let layers = self.steps.first().map_or(0, |step| step.spikes.len());
        let layer = |layer: usize| {
            self.steps[..steps as usize]
                .iter()
                .flat_map(|step| step.spikes[layer].iter().map(|&s| i16::try_from(s).unwrap()))
                .collect()
        };
        (0..layers).map(layer).collect()
    }

    pub(super) fn is_final(&self, step: u32, artifact: &Artifact, image: ImageView<'_>) -> bool {
        let streams = artifact.program().ops.iter().any(|op| matches!(op.kind, OpKind::EncodeEvents { .. }));
        if streams && (step as usize) < image.frames() - 1 {
            return false;
        }
        let gates_done = artifact.program().ops.iter().all(|op| match op.kind {
            OpKind::HoldAndFire { release, levels, .. } => step >= release + levels,
            _ => true,
        });
        let step = &self.steps[step as usize];
        gates_done && !step.active && !step.in_flight
    }

    /// Steps until the last activity before a final step.
    pub(super) fn settled_at(&self, final_step: u32) -> u32 {
        self.steps[..final_step as usize]
            .iter()
            .rposition(|step| step.active)
            .map_or(0, |last| last as u32 + 1)
    }
}

/// What one op remembers.
#[derive(Clone, Default)]
struct Memory {
    membrane: Vec<i64>,
    tracer: Vec<i64>,
    delayed: VecDeque<Vec<i64>>,
}

/// Runs so many steps; `None` if a value leaves i32.
pub(super) fn simulate(artifact: &Artifact, image: ImageView<'_>, steps: u32) -> Option<Run> {
    let program = artifact.program();
    let mut memory: Vec<Memory> = program.ops.iter().map(|op| start(artifact, op)).collect();
    let readouts = |memory: &[Memory]| -> Vec<Vec<i64>> {
        let ops = program.ops.iter().zip(memory);
        ops.filter(|(op, _)| matches!(op.kind, OpKind::Readout { .. }))
            .map(|(_, m)| m.membrane.clone())
            .collect()
    };
    let mut run = Run { initial: readouts(&memory), steps: vec![] };
    for t in 0..steps {
        let mut values: Vec<Vec<i64>> =
            program.values.iter().map(|shape| vec![0; shape.iter().product()]).collect();
        let mut step = Step { spikes: vec![], sops: 0, readouts: vec![], active: false, in_flight: false };
        for (op, memory) in program.ops.iter().zip(&mut memory) {
            let inputs: Vec<&[i64]> = op.inputs.iter().map(|&input| values[input].as_slice()).collect();
            let output = execute(artifact, op, &inputs, image, t, memory, &mut step);
            let state = memory.membrane.iter().chain(&output);
            if state.clone().any(|&x| i32::try_from(x).is_err()) {
                return None;
            }
            values[op.output] = output;
        }
        step.readouts = readouts(&memory);
        run.steps.push(step);
    }
    Some(run)
}

fn shape(program: &Program, value: usize) -> Vec<usize> {
    program.values[value].clone()
}

/// A parameter, one value an element.
fn parameter(artifact: &Artifact, name: &str, shape: &[usize]) -> Vec<i64> {
    let values: Vec<i32> = artifact.tensors[name].values().unwrap();
    let elements: usize = shape.iter().product();
    (0..elements).map(|i| i64::from(values[i * values.len() / elements])).collect()
}

/// State before step 0.
fn start(artifact: &Artifact, op: &Op) -> Memory {
    let shape = shape(artifact.program(), op.output);
    let mut memory = Memory { tracer: vec![0; shape.iter().product()], ..Memory::default() };
    match &op.kind {
        OpKind::StBif { initial, .. }
        | OpKind::StBifTable { initial, .. }
        | OpKind::SigmaDelta { initial, .. }
        | OpKind::SigmaDeltaTable { initial, .. }
        | OpKind::If { initial, .. }
        | OpKind::Readout { initial, .. } => {
            memory.membrane = parameter(artifact, initial, &shape);
        }
        OpKind::HoldAndFire { initial, hold, .. } => {
            let initial = parameter(artifact, initial, &shape);
            memory.membrane = initial.iter().map(|v| v - i64::from(*hold)).collect();
        }
        OpKind::MaxPool2d { .. } => {
            memory.membrane = vec![0; artifact.program().values[op.inputs[0]].iter().product()];
        }
        _ => {}
    }
    memory.delayed = (0..op.kind.delay().unwrap_or(0)).map(|_| vec![0; memory.tracer.len()]).collect();
    memory
}

/// Inputs of a window along an axis.
fn window(
    output: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    size: usize,
) -> Vec<(usize, usize)> {
    let position = |k: usize| (output * stride + k * dilation) as i64 - padding as i64;
    (0..kernel)
        .filter(|&k| (0..size as i64).contains(&position(k)))
        .map(|k| (k, position(k) as usize))
        .collect()
}

fn execute(
    artifact: &Artifact,
    op: &Op,
    inputs: &[&[i64]],
    image: ImageView<'_>,
    t: u32,
    memory: &mut Memory,
    step: &mut Step,
) -> Vec<i64> {
    let program = artifact.program();
    let to = shape(program, op.output);
    let elements: usize = to.iter().product();
    let from = op.inputs.first().map(|&input| shape(program, input)).unwrap_or_default();
    let weights = |name: &str| -> Vec<i64> {
        artifact.tensors[name].weights().unwrap().into_iter().map(i64::from).collect()
    };
    let factor = |name: &Option<String>, position: usize| -> i64 {
        name.as_ref().map_or(1, |name| i64::from(artifact.tensors[name].values::<i32>().unwrap()[position]))
    };
    match &op.kind {
        OpKind::Encode { every_step, .. } => {
            if t > 0 && !every_step {
                return vec![0; elements];
            }
            let codes = encode(artifact, &op.kind, elements, image);
            step.active |= codes.iter().any(|&code| code != 0);
            codes
        }
        OpKind::EncodeEvents { .. } => {
            let mut counts = vec![0; elements];
            match image {
                ImageView::Frames(frames) => {
                    frames.frame(t as usize).for_each(|(element, count)| counts[element] = count.into());
                }
                image if t == 0 => {
                    counts = (0..elements).map(|element| image.get(element).unwrap() as i64).collect();
                }
                _ => {}
            }
            step.active |= counts.iter().any(|&count| count != 0);
            counts
        }
        OpKind::Conv { weight, stride, padding, dilation, groups, transposed } => {
            let (w, kernel) = (weights(weight), artifact.tensors[weight].shape().to_vec());
            // As three spatial axes, the first of size 1 where there are fewer.
            let three = |sizes: &[usize]| [&vec![1; 3 - sizes.len()], sizes].concat();
            let (from, to_sizes, kernel_sizes) = (three(&from[1..]), three(&to[1..]), three(&kernel[2..]));
            let (stride, dilation) = (three(stride), three(dilation));
            let padding = [&vec![0; 3 - padding.len()], padding.as_slice()].concat();
            let pairs: Vec<Vec<[usize; 3]>> = (0..3)
                .map(|a| {
                    let (step, spread) = if *transposed { (1, stride[a]) } else { (stride[a], 1) };
                    let mut pairs = vec![];
                    for o in 0..to_sizes[a] {
                        for k in 0..kernel_sizes[a] {
                            let meets = |i: &usize| {
                                let tap = k * dilation[a];
                                let (far, near) = if *transposed { (o, i * spread) } else { (*i, o * step) };
                                near + tap == far + padding[a]
                            };
                            pairs.extend((0..from[a]).filter(meets).map(|i| [o, k, i]));
                        }
                    }
                    pairs
                })
                .collect();
            let at = |sizes: &[usize], indices: [usize; 3]| {
                (indices[0] * sizes[1] + indices[1]) * sizes[2] + indices[2]
            };
            let window: usize = kernel_sizes.iter().product();
            let plane = from.iter().product::<usize>();
            let mut y = vec![0; elements];
            for (o, c) in (0..to[0]).flat_map(|o| (0..kernel[1]).map(move |c| (o, c))) {
                let channel = o / (to[0] / groups) * kernel[1] + c;
                for &[oz, kz, iz] in &pairs[0] {
                    for &[oy, ky, iy] in &pairs[1] {
                        for &[ox, kx, ix] in &pairs[2] {
                            let x = inputs[0][channel * plane + at(&from, [iz, iy, ix])];
                            let index = (o * kernel[1] + c) * window + at(&kernel_sizes, [kz, ky, kx]);
                            let position = at(&to_sizes, [oz, oy, ox]);
                            y[o * (elements / to[0]) + position] += w[index] * x;
                            step.sops += u64::from(x != 0);
                        }
                    }
                }
            }
            y
        }
        OpKind::Linear { weight } => {
            let w = weights(weight);
            step.sops += (inputs[0].iter().filter(|&&x| x != 0).count() * elements) as u64;
            (0..elements).map(|o| (0..from[0]).map(|i| w[o * from[0] + i] * inputs[0][i]).sum()).collect()
        }
        OpKind::Scale { weight } => {
            let w = weights(weight);
            step.sops += inputs[0].iter().filter(|&&x| x != 0).count() as u64;
            (0..elements).map(|i| w[i * to[0] / elements] * inputs[0][i]).collect()
        }
        OpKind::SumPool2d { rows, columns, multiplier } => pool(&from, &to, |oy, ox, plane| {
            let mut sum = 0;
            for iy in rows[oy][0]..rows[oy][1] {
                for ix in columns[ox][0]..columns[ox][1] {
                    sum += inputs[0][(plane * from[1] + iy) * from[2] + ix];
                }
            }
            sum * factor(multiplier, oy * to[2] + ox)
        }),
        OpKind::Add => (0..elements).map(|i| inputs.iter().map(|input| input[i]).sum()).collect(),
        OpKind::Reshape => inputs[0].to_vec(),
        OpKind::Concat { axis } => {
            let outer: usize = to[..*axis].iter().product();
            let mut y = vec![];
            for o in 0..outer {
                for (input, x) in op.inputs.iter().zip(inputs) {
                    let inner: usize = shape(program, *input)[*axis..].iter().product();
                    y.extend_from_slice(&x[o * inner..(o + 1) * inner]);
                }
            }
            y
        }
        OpKind::Gather { axis, indices } => {
            let inner: usize = to[axis + 1..].iter().product();
            let take = |i: usize| {
                let (outer, k, rest) = (i / (to[*axis] * inner), i / inner % to[*axis], i % inner);
                inputs[0][(outer * from[*axis] + indices[k]) * inner + rest]
            };
            (0..elements).map(take).collect()
        }
        OpKind::Permute { axes } => {
            let mut y = vec![0; elements];
            for (i, &x) in inputs[0].iter().enumerate() {
                let (mut rest, mut position) = (i, vec![0; from.len()]);
                for axis in (0..from.len()).rev() {
                    position[axis] = rest % from[axis];
                    rest /= from[axis];
                }
                let target = axes.iter().fold(0, |place, &axis| place * from[axis] + position[axis]);
                y[target] = x;
            }
            y
        }
        OpKind::Pad { before, .. } => {
            let mut y = vec![0; elements];
            for (i, &x) in inputs[0].iter().enumerate() {
                let (mut rest, mut target, mut stride) = (i, 0, 1);
                for axis in (0..from.len()).rev() {
                    target += (rest % from[axis] + before[axis]) * stride;
                    rest /= from[axis];
                    stride *= to[axis];
                }
                y[target] = x;
            }
            y
        }
        OpKind::MaxPool2d { kernel, stride, padding, dilation } => {
            let maxima = |sums: &[i64]| {
                pool(&from, &to, |oy, ox, plane| {
                    let rows = window(oy, kernel[0], stride[0], padding[0], dilation[0], from[1]);
                    let columns = window(ox, kernel[1], stride[1], padding[1], dilation[1], from[2]);
                    let all = rows.iter().flat_map(|(_, y)| columns.iter().map(move |(_, x)| (*y, *x)));
                    all.map(|(y, x)| sums[(plane * from[1] + y) * from[2] + x]).max().unwrap()
                })
            };
            let before = maxima(&memory.membrane);
            memory.membrane.iter_mut().zip(inputs[0]).for_each(|(sum, x)| *sum += x);
            maxima(&memory.membrane).iter().zip(before).map(|(now, before)| now - before).collect()
        }
        OpKind::StBif { .. }
        | OpKind::StBifTable { .. }
        | OpKind::SigmaDelta { .. }
        | OpKind::SigmaDeltaTable { .. }
        | OpKind::HoldAndFire { .. }
        | OpKind::If { .. } => {
            let spikes = fire(artifact, &op.kind, inputs[0], &to, t, memory);
            step.active |= spikes.iter().any(|&spike| spike != 0);
            memory.delayed.push_back(spikes.clone());
            step.spikes.push(spikes);
            let arriving = memory.delayed.pop_front().unwrap();
            step.active |= arriving.iter().any(|&spike| spike != 0);
            step.in_flight |= memory.delayed.iter().flatten().any(|&spike| spike != 0);
            arriving
        }
        OpKind::Readout { bias, gain, start, .. } => {
            let bias = parameter(artifact, bias, &to);
            for (i, y) in memory.membrane.iter_mut().enumerate().filter(|_| t >= *start) {
                *y += i64::from(*gain) * inputs[0][i] + bias[i];
            }
            vec![0; elements]
        }
    }
}

/// One value for each output position and plane.
fn pool(from: &[usize], to: &[usize], window: impl Fn(usize, usize, usize) -> i64) -> Vec<i64> {
    assert_eq!(from[0], to[0]);
    let positions = to[1] * to[2];
    (0..to[0] * positions).map(|i| window(i % positions / to[2], i % to[2], i / positions)).collect()
}

fn encode(artifact: &Artifact, kind: &OpKind, elements: usize, image: ImageView<'_>) -> Vec<i64> {
    let OpKind::Encode { multiplier, offset, minimum, maximum, scale, low, high, .. } = kind else {
        unreachable!()
    };
    let values = |name: &String| artifact.tensors[name].values::<f64>().unwrap();
    let (multiplier, offset, minimum, maximum) =
        (values(multiplier), values(offset), values(minimum), values(maximum));
    let code = |i: usize| {
        let channel = i * multiplier.len() / elements;
        let mut real = image.get(i).unwrap() * multiplier[channel] + offset[channel];
        if real < minimum[channel] {
            real = minimum[channel];
        }
        if real > maximum[channel] {
            real = maximum[channel];
        }
        let code = (real / scale + 0.5).floor();
        if code < f64::from(*low) {
            i64::from(*low)
        } else if code > f64::from(*high) {
            i64::from(*high)
        } else {
            code as i64
        }
    };
    (0..elements).map(code).collect()
}

/// Spikes of one step.
fn fire(
    artifact: &Artifact,
    kind: &OpKind,
    current: &[i64],
    to: &[usize],
    t: u32,
    memory: &mut Memory,
) -> Vec<i64> {
    if let OpKind::StBifTable { breakpoints, steps, start, .. }
    | OpKind::SigmaDeltaTable { breakpoints, steps, start, .. } = kind
    {
        let graded = matches!(kind, OpKind::SigmaDeltaTable { .. });
        return follow(artifact, [breakpoints, steps, start], graded, current, memory);
    }
    let mut spikes = vec![0; current.len()];
    let (OpKind::StBif { threshold, .. }
    | OpKind::SigmaDelta { threshold, .. }
    | OpKind::HoldAndFire { threshold, .. }
    | OpKind::If { threshold, .. }) = kind
    else {
        unreachable!()
    };
    let thresholds = parameter(artifact, threshold, to);
    let biases = match kind {
        OpKind::If { bias, .. } => parameter(artifact, bias, to),
        _ => vec![],
    };
    for (i, spike) in spikes.iter_mut().enumerate() {
        let (v, threshold) = (&mut memory.membrane[i], thresholds[i]);
        match kind {
            OpKind::StBif { low, high, .. } => {
                let s = &mut memory.tracer[i];
                *v += current[i];
                if *v >= threshold && *s < i64::from(*high) {
                    (*spike, *v, *s) = (1, *v - threshold, *s + 1);
                } else if *v < 0 && *s > i64::from(*low) {
                    (*spike, *v, *s) = (-1, *v + threshold, *s - 1);
                }
            }
            OpKind::SigmaDelta { low, high, .. } => {
                let s = &mut memory.tracer[i];
                *v += current[i];
                let target = v.div_euclid(threshold).clamp(i64::from(*low), i64::from(*high));
                (*spike, *s) = (target - *s, target);
            }
            OpKind::HoldAndFire { hold, release, levels, .. } => {
                *v += current[i];
                if t == *release {
                    *v += i64::from(*hold);
                }
                if t == release + levels {
                    *v -= i64::from(*hold);
                }
                if *v >= threshold {
                    (*spike, *v) = (1, *v - threshold);
                }
            }
            OpKind::If { gain, .. } => {
                *v += i64::from(*gain) * current[i] + biases[i];
                if *v >= threshold {
                    (*spike, *v) = (1, *v - threshold);
                }
            }
            _ => unreachable!(),
        }
    }
    spikes
}

/// Spikes of neurons that follow a table, in one step.
fn follow(
    artifact: &Artifact,
    [breakpoints, steps, start]: [&String; 3],
    graded: bool,
    current: &[i64],
    memory: &mut Memory,
) -> Vec<i64> {
    let breakpoints = artifact.tensors[breakpoints].values::<i32>().unwrap();
    let steps = artifact.tensors[steps].values::<i8>().unwrap();
    let start = artifact.tensors[start].values::<i32>().unwrap();
    let (elements, length) = (current.len(), breakpoints.len() / start.len());
    (0..elements)
        .map(|i| {
            memory.membrane[i] += current[i];
            let channel = i * start.len() / elements;
            let row = channel * length..(channel + 1) * length;
            let passed = row.filter(|&k| i64::from(breakpoints[k]) <= memory.membrane[i]);
            let target = i64::from(start[channel]) + passed.map(|k| i64::from(steps[k])).sum::<i64>();
            let change = target - memory.tracer[i];
            let spike = if graded { change } else { change.signum() };
            memory.tracer[i] += spike;
            spike
        })
        .collect()
}

//! Random programs and images for them.

use super::{Builder, Noise};
use crate::{
    artifact::{
        Artifact,
        limits::MAX_FRAME_EVENTS,
        program::{OpKind, Schedule, ValueId},
    },
    data::{Frames, Images},
    head::{Head, HeadFunction},
};

/// All schedules.
pub const SCHEDULES: [Schedule; 4] =
    [Schedule::StBif, Schedule::HoldAndFire, Schedule::SigmaDelta, Schedule::Rate];

/// Tensors up to this size are drawn number by number.
const FEW: usize = 400;

/// How large a random program gets, and what it may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Elements of a value.
    pub elements: usize,
    /// One more than the channels that a group of a layer has.
    pub channels: usize,
    /// Images.
    pub images: usize,
    /// Whether spikes may arrive later than they are sent.
    pub delays: bool,
    /// Whether outputs may have heads.
    pub heads: bool,
}

impl Limits {
    /// What the simplest of simulators runs in no time.
    pub const SMALL: Self = Self { elements: 400, channels: 8, images: 2, delays: true, heads: false };
}

/// How ops are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Any op after any other.
    Anyhow,
    /// Layers of neurons one after the other, with other ops between them.
    Layers,
}

/// Random choices, drawn from a list that proptest can shrink.
struct Choices<'a>(std::slice::Iter<'a, u32>);

impl Choices<'_> {
    /// A number of a range; its start once the list is used up.
    fn range(&mut self, range: std::ops::Range<usize>) -> usize {
        range.start + self.0.next().map_or(0, |&choice| choice as usize % (range.end - range.start))
    }

    fn signed(&mut self, magnitude: i32) -> i32 {
        self.range(0..2 * magnitude as usize + 1) as i32 - magnitude
    }

    fn coin(&mut self) -> bool {
        self.range(0..2) == 1
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.range(0..from.len())]
    }

    /// Many numbers are drawn from one choice, so that lists of choices stay short.
    fn many(&mut self, count: usize, magnitude: i32) -> Vec<i32> {
        if count <= FEW {
            return (0..count).map(|_| self.signed(magnitude)).collect();
        }
        let mut noise = Noise::new(self.range(0..1 << 32) as u64);
        (0..count).map(|_| noise.signed(magnitude)).collect()
    }
}

/// Number of windows along an axis.
fn outputs(size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> usize {
    (size + 2 * padding).checked_sub(dilation * (kernel - 1) + 1).map_or(0, |span| span / stride + 1)
}

/// A program under construction.
struct Generator<'a> {
    choices: Choices<'a>,
    builder: Builder,
    schedule: Schedule,
    limits: Limits,
    values: Vec<ValueId>,
}

impl Generator<'_> {
    fn add(&mut self, kind: OpKind, inputs: &[ValueId], shape: &[usize]) {
        if shape.iter().product::<usize>() <= self.limits.elements && !shape.contains(&0) {
            let value = self.builder.op(kind, inputs, shape);
            self.values.push(value);
        }
    }

    fn encode(&mut self, shape: &[usize]) {
        let c = &mut self.choices;
        let channels = shape[0];
        let bounded = c.coin();
        let low = -(c.range(0..20) as i32);
        let multipliers: Vec<f64> = (0..channels).map(|_| f64::from(c.signed(6)) / 16.0).collect();
        let offsets: Vec<f64> = (0..channels).map(|_| f64::from(c.signed(9)) / 7.0).collect();
        let scale = 1.0 / c.range(1..9) as f64;
        let high = c.range(1..40) as i32;
        let every_step = self.schedule == Schedule::Rate && c.coin();
        let kind = OpKind::Encode {
            multiplier: self.builder.tensor(&[channels], &multipliers),
            offset: self.builder.tensor(&[channels], &offsets),
            minimum: self
                .builder
                .tensor(&[channels], &vec![if bounded { -2.5 } else { f64::NEG_INFINITY }; channels]),
            maximum: self
                .builder
                .tensor(&[channels], &vec![if bounded { 3.0 } else { f64::INFINITY }; channels]),
            scale,
            low,
            high,
            every_step,
        };
        self.add(kind, &[], shape);
    }

    fn weights(&mut self, shape: &[usize]) -> String {
        let count = shape.iter().product();
        if self.choices.range(0..4) == 0 {
            let magnitude = self.choices.pick(&[300, 30_000]);
            let weights: Vec<i16> =
                self.choices.many(count, magnitude).into_iter().map(|w| w as i16).collect();
            self.builder.tensor(shape, &weights)
        } else {
            let magnitude = self.choices.pick(&[2, 127]);
            let weights: Vec<i8> = self.choices.many(count, magnitude).into_iter().map(|w| w as i8).collect();
            self.builder.tensor(shape, &weights)
        }
    }

    /// A parameter with one value a channel or one an element.
    fn parameter(&mut self, shape: &[usize], magnitude: i32) -> String {
        let shape = if self.choices.coin() { shape } else { &shape[..1] };
        let values = self.choices.many(shape.iter().product(), magnitude);
        self.builder.tensor(shape, &values)
    }

    fn position_factors(&mut self, to: &[usize]) -> Option<String> {
        self.choices.coin().then(|| {
            let factors = self.choices.many(to[1] * to[2], 3);
            self.builder.tensor(&to[1..], &factors)
        })
    }

    fn delay(&mut self) -> u32 {
        if self.limits.delays { self.choices.pick(&[0, 0, 1, 2]) } else { 0 }
    }

    fn neurons(&mut self, input: ValueId) {
        let shape = self.builder.shape(input).to_vec();
        let tabulated = matches!(self.schedule, Schedule::StBif | Schedule::SigmaDelta);
        if tabulated && self.choices.coin() {
            return self.tables(input, &shape);
        }
        let most = self.choices.pick(&[3, 60, 900]);
        let thresholds: Vec<i32> = (0..shape[0]).map(|_| self.choices.range(1..most) as i32).collect();
        let threshold = self.builder.tensor(&shape[..1], &thresholds);
        let initial = self.parameter(&shape, 20);
        let delay = self.delay();
        let kind = match self.schedule {
            Schedule::StBif => {
                let (low, high) = (-(self.choices.range(0..4) as i32), self.choices.range(0..9) as i32);
                OpKind::StBif { threshold, initial, low, high, delay }
            }
            Schedule::SigmaDelta => {
                let most = self.choices.pick(&[4, 256, 16_000]);
                let (low, high) = (-(self.choices.range(0..most) as i32), self.choices.range(0..most) as i32);
                OpKind::SigmaDelta { threshold, initial, low, high, delay }
            }
            Schedule::HoldAndFire => OpKind::HoldAndFire {
                threshold,
                initial,
                hold: self.choices.pick(&[0, 50, 1_000_000]),
                release: self.choices.range(0..9) as u32,
                levels: self.choices.range(1..7) as u32,
                delay,
            },
            Schedule::Rate => {
                let magnitude = self.choices.pick(&[0, 5]);
                let bias = self.parameter(&shape, magnitude);
                OpKind::If { threshold, initial, bias, gain: self.choices.pick(&[1, 3]), delay }
            }
        };
        self.add(kind, &[input], &shape);
    }

    /// Neurons that follow random tables, up and down.
    fn tables(&mut self, input: ValueId, shape: &[usize]) {
        let length = self.choices.range(1..9);
        let (mut breakpoints, mut steps, mut levels) = (vec![], vec![], vec![0]);
        let mut starts = vec![];
        for _ in 0..shape[0] {
            let mut row = self.choices.many(length, 60);
            row.sort_unstable();
            if self.choices.coin() {
                row[length - 1] = i32::MAX;
            }
            let mut level = self.choices.signed(4);
            starts.push(level);
            levels.push(level);
            for &breakpoint in &row {
                let sizes = if self.schedule == Schedule::StBif { [1i8, 1, -1] } else { [1, 100, -90] };
                let step = if breakpoint == i32::MAX { 0 } else { self.choices.pick(&sizes) };
                level += i32::from(step);
                levels.push(level);
                steps.push(step);
            }
            breakpoints.extend(row);
        }
        let breakpoints = self.builder.tensor(&[shape[0], length], &breakpoints);
        let steps = self.builder.tensor(&[shape[0], length], &steps);
        let start = self.builder.tensor(&shape[..1], &starts);
        let initial = self.parameter(shape, 20);
        let (low, high) = (*levels.iter().min().unwrap(), *levels.iter().max().unwrap());
        let delay = self.delay();
        let kind = if self.schedule == Schedule::StBif {
            OpKind::StBifTable { breakpoints, steps, start, initial, low, high, delay }
        } else {
            OpKind::SigmaDeltaTable { breakpoints, steps, start, initial, low, high, delay }
        };
        self.add(kind, &[input], shape);
    }

    fn window(&mut self, size: usize, dilations: usize) -> [usize; 5] {
        let (kernel, stride) = (self.choices.range(1..4), self.choices.range(1..4));
        let (padding, dilation) = (self.choices.range(0..3), self.choices.range(1..dilations + 1));
        [kernel, stride, padding, dilation, outputs(size, kernel, stride, padding, dilation)]
    }

    /// Adds a random op that reads a random value, if one of the chosen kind fits.
    fn grow(&mut self) {
        let input = self.choices.pick(&self.values.clone());
        let from = self.builder.shape(input).to_vec();
        match (self.choices.range(0..14), from.as_slice()) {
            (0..=2, &[c, ref spatial @ ..]) if (1..=3).contains(&spatial.len()) => {
                let transposed = self.choices.range(0..3) == 0;
                let groups = if c % 2 == 0 && self.choices.coin() { 2 } else { 1 };
                let outputs = self.choices.range(1..self.limits.channels) * groups;
                let mut shape = vec![outputs];
                let [mut kernel, mut stride, mut padding, mut dilation] = [const { vec![] }; 4];
                for &size in spatial {
                    let [k, s, p, d, out] = self.window(size, 2);
                    let (least, spare) = ((size - 1) * s + d * (k - 1) + 1, self.choices.range(0..s.max(d)));
                    shape.push(if transposed { (least + spare).saturating_sub(2 * p) } else { out });
                    [&mut kernel, &mut stride, &mut padding, &mut dilation]
                        .into_iter()
                        .zip([k, s, p, d])
                        .for_each(|(list, value)| list.push(value));
                }
                // A transposed output must hold all taps before the spare ones.
                let holds = (0..spatial.len()).all(|axis| {
                    shape[axis + 1] + 2 * padding[axis]
                        > (spatial[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1)
                });
                if transposed && !holds {
                    return;
                }
                let weight = self.weights(&[&[outputs, c / groups], kernel.as_slice()].concat());
                let kind = OpKind::Conv { weight, stride, padding, dilation, groups, transposed };
                self.add(kind, &[input], &shape);
            }
            (0..=2, &[features]) => {
                let outputs = self.choices.range(1..self.limits.channels);
                let weight = self.weights(&[outputs, features]);
                self.add(OpKind::Linear { weight }, &[input], &[outputs]);
            }
            (3, _) => {
                let weight = self.weights(&from[..1]);
                self.add(OpKind::Scale { weight }, &[input], &from);
            }
            (4 | 5, &[c, h, w]) => {
                let mut bins = |size: usize| -> Vec<[usize; 2]> {
                    let bin = |c: &mut Choices<'_>| {
                        let start = c.range(0..size);
                        [start, c.range(start + 1..size + 1)]
                    };
                    (0..self.choices.range(1..4)).map(|_| bin(&mut self.choices)).collect()
                };
                let (rows, columns) = (bins(h), bins(w));
                let to = [c, rows.len(), columns.len()];
                let multiplier = self.position_factors(&to);
                self.add(OpKind::SumPool2d { rows, columns, multiplier }, &[input], &to);
            }
            (6 | 7, _) => {
                let same: Vec<ValueId> =
                    self.values.iter().copied().filter(|&value| self.builder.shape(value) == from).collect();
                let inputs: Vec<ValueId> =
                    (0..self.choices.range(1..4)).map(|_| self.choices.pick(&same)).collect();
                self.add(OpKind::Add, &inputs, &from);
            }
            (8, _) => {
                let axis = self.choices.range(0..from.len());
                let fits = |&value: &ValueId| {
                    let mut shape = self.builder.shape(value).to_vec();
                    shape.len() == from.len() && {
                        shape[axis] = from[axis];
                        shape == from
                    }
                };
                let candidates: Vec<ValueId> = self.values.iter().copied().filter(fits).collect();
                let inputs: Vec<ValueId> =
                    (0..self.choices.range(1..4)).map(|_| self.choices.pick(&candidates)).collect();
                let mut to = from.clone();
                to[axis] = inputs.iter().map(|&input| self.builder.shape(input)[axis]).sum();
                self.add(OpKind::Concat { axis }, &inputs, &to);
            }
            (9, _) if self.choices.coin() => {
                let axis = self.choices.range(0..from.len());
                let taken = self.choices.range(1..2 * from[axis] + 1);
                let indices: Vec<usize> = (0..taken).map(|_| self.choices.range(0..from[axis])).collect();
                let mut to = from.clone();
                to[axis] = indices.len();
                self.add(OpKind::Gather { axis, indices }, &[input], &to);
            }
            (9, _) => {
                let mut axes: Vec<usize> = (0..from.len()).collect();
                for last in (1..axes.len()).rev() {
                    axes.swap(last, self.choices.range(0..last + 1));
                }
                let to: Vec<usize> = axes.iter().map(|&axis| from[axis]).collect();
                self.add(OpKind::Permute { axes }, &[input], &to);
            }
            (10, _) => {
                let mut margins =
                    || -> Vec<usize> { from.iter().map(|_| self.choices.range(0..3)).collect() };
                let (before, after) = (margins(), margins());
                let to: Vec<usize> =
                    (0..from.len()).map(|axis| from[axis] + before[axis] + after[axis]).collect();
                self.add(OpKind::Pad { before, after }, &[input], &to);
            }
            (11, _) => {
                let elements: usize = from.iter().product();
                let first = (1..5).rev().find(|&d| elements.is_multiple_of(d)).unwrap_or(1);
                let shapes =
                    [vec![elements], vec![first, elements / first], vec![elements / first, first, 1]];
                let to = self.choices.pick(&[0, 1, 2]);
                self.add(OpKind::Reshape, &[input], &shapes[to]);
            }
            (12, &[c, h, w]) => {
                let ([kh, sh, ph, dh, _], [kw, sw, pw, dw, _]) = (self.window(h, 2), self.window(w, 2));
                let (ph, pw) = (ph.min(dh * (kh - 1) / 2), pw.min(dw * (kw - 1) / 2));
                let to = [c, outputs(h, kh, sh, ph, dh), outputs(w, kw, sw, pw, dw)];
                let (kernel, stride, padding, dilation) = ([kh, kw], [sh, sw], [ph, pw], [dh, dw]);
                self.add(OpKind::MaxPool2d { kernel, stride, padding, dilation }, &[input], &to);
            }
            _ => self.neurons(input),
        }
    }

    fn readout(&mut self, input: ValueId, name: &str) {
        let shape = self.builder.shape(input).to_vec();
        let rate = self.schedule == Schedule::Rate;
        let scales: Vec<f64> = (0..shape[0]).map(|_| f64::from(self.choices.signed(50)) / 13.0).collect();
        let magnitude = if rate { self.choices.pick(&[0, 9]) } else { 0 };
        let head = (self.limits.heads && self.choices.coin()).then(|| Head {
            function: self.choices.pick(&HeadFunction::ALL.map(|(_, function)| function)),
            axis: self.choices.range(0..shape.len()),
            keepdim: self.choices.coin(),
        });
        let kind = OpKind::Readout {
            output_name: name.into(),
            initial: self.parameter(&shape, 100),
            bias: self.parameter(&shape, magnitude),
            gain: self.choices.pick(&[1, 1, -2, 0]),
            scale: self.builder.tensor(&shape[..1], &scales),
            average: rate && self.choices.coin(),
            start: if rate { self.choices.pick(&[0, 0, 1, 7]) } else { 0 },
            head,
        };
        self.builder.op(kind, &[input], &shape);
    }

    /// Images of bytes or reals, or samples of up to so many frames if there are any.
    fn images(&mut self, shape: Vec<usize>, frames: u32) -> Option<Images> {
        let (count, size) = (self.limits.images, shape.iter().product::<usize>());
        let choices = &mut self.choices;
        let bytes = choices.many(count * size, 128).into_iter().map(|byte| (byte + 128).min(255) as u8);
        let mut bytes: Vec<u8> = bytes.collect();
        // Bright and dark images fall silent at different times.
        for image in bytes.chunks_mut(size) {
            let shift = choices.pick(&[0, 0, 3, 7]);
            image.iter_mut().for_each(|byte| *byte >>= shift);
        }
        let images = if frames > 0 && choices.coin() {
            let mut sample = || {
                let frames = choices.range(1..frames as usize + 1);
                let mut frame = || {
                    let counts = choices.many(size, 4);
                    counts.into_iter().map(|count| count.max(0) as u16).collect()
                };
                Frames::from_counts(&(0..frames).map(|_| frame()).collect::<Vec<_>>())
            };
            Images::from_frames(shape, (0..count).map(|_| sample()).collect(), None)
        } else if frames == 0 && choices.coin() {
            Images::from_f32(shape, bytes.iter().map(|&byte| f32::from(byte) / 3.0 - 20.0).collect(), None)
        } else {
            Images::from_u8(shape, bytes, None)
        };
        images.ok()
    }
}

/// A program and images for it, from a list of random numbers that proptest can shrink; `None` if the program would break a rule, which
/// most of them avoid.
pub fn program(
    choices: &[u32],
    schedule: Schedule,
    limits: Limits,
    growth: Growth,
) -> Option<(Artifact, Images)> {
    let mut choices = Choices(choices.iter());
    let steps = choices.pick(&[3, 30, 60]);
    let most = limits.channels;
    let shape = match choices.range(0..6) {
        0 => vec![choices.range(1..most + 1)],
        1 => vec![choices.range(1..5), choices.range(1..16)],
        2 => vec![choices.range(1..4), choices.range(1..5), choices.range(1..5), choices.range(1..5)],
        3 => vec![choices.range(1..most), choices.range(1..4), choices.range(1..4)],
        _ => vec![choices.range(1..4), choices.range(1..7), choices.range(1..7)],
    };
    let builder = Builder::new(schedule, steps);
    let mut generator = Generator { choices, builder, schedule, limits, values: vec![] };
    let frames = generator.choices.pick(&[0, 0, 1, 3, 9]);
    let has_frames = frames > 0 && schedule != Schedule::Rate;
    if has_frames {
        let high = generator.choices.pick(&[255, 20_000, MAX_FRAME_EVENTS]);
        generator.add(OpKind::EncodeEvents { frames, high }, &[], &shape);
    } else {
        generator.encode(&shape);
    }
    match growth {
        Growth::Anyhow => (0..generator.choices.range(1..16)).for_each(|_| generator.grow()),
        Growth::Layers => {
            for _ in 0..generator.choices.range(1..6) {
                (0..generator.choices.range(0..4)).for_each(|_| generator.grow());
                generator.values.last().copied().into_iter().for_each(|last| generator.neurons(last));
            }
        }
    }
    let last = *generator.values.last()?;
    generator.readout(last, "last");
    let any = generator.choices.pick(&generator.values.clone());
    generator.readout(any, "any");
    let images = generator.images(shape, frames)?;
    let artifact = generator.builder.finish();
    artifact.validate().ok().map(|()| (artifact, images))
}

//! Synapses: what spikes add to accumulators.
//!
//! A spike of step `t` over a synapse of delay `d` arrives in step `t + 1 + d`. The weight exponent acts on the sum of what one step
//! sends at one delay, after all of it is added up: `<<` where it is positive, an arithmetic `>>` where it is negative. Sums are taken
//! modulo 2³² except in front of a right shift, where they have 64 bits; convolutions wrap to 24 bits, as Lava's do.

use std::collections::VecDeque;

/// Longest delay of a synapse, in steps.
pub const MAX_DELAY: usize = 63;

/// How spikes and weights combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Power of two that sums are multiplied by.
    pub weight_exponent: i32,
    /// Whether a spike counts with its payload; else a payload other than 0 counts as 1.
    pub graded: bool,
}

/// One synapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synapse {
    /// The accumulator.
    pub target: usize,
    /// Weight.
    pub weight: i32,
    /// Extra steps.
    pub delay: usize,
}

/// Sizes of a convolution over `[X, Y, C]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// `[X, Y, C]`
    pub input: [usize; 3],
    /// `[X, Y, C]`
    pub output: [usize; 3],
    /// `[X, Y]`
    pub kernel: [usize; 2],
    /// `[X, Y]`
    pub stride: [usize; 2],
    /// `[X, Y]`
    pub padding: [usize; 2],
    /// `[X, Y]`
    pub dilation: [usize; 2],
    /// Groups of channels.
    pub groups: usize,
}

#[derive(Clone, Debug)]
enum Table {
    /// Weights from each input to every output, `[inputs, outputs]`.
    Dense(Vec<i32>),
    /// For each input, where its synapses begin; one more at the end.
    Sparse { starts: Vec<usize>, synapses: Vec<Synapse> },
    /// Weights `[Cout, Kx, Ky, Cin / groups]`, shared by all positions.
    Convolution { shape: ConvolutionShape, weights: Vec<i32> },
}

/// The synapses between two populations, and what is under way.
#[derive(Clone, Debug)]
pub struct Synapses {
    table: Table,
    mode: Mode,
    inputs: usize,
    outputs: usize,
    /// `ring[d]` arrives after `d` more calls of [`Synapses::send`].
    ring: VecDeque<Vec<i32>>,
    /// What one step adds at each delay, where a right shift follows.
    wide: Vec<Vec<i64>>,
    /// Whether sums wrap to 24 bits.
    wraps: bool,
}

impl Synapses {
    /// A weight from each input to each output, `weights[output][input]` row by row.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn dense(weights: &[i32], outputs: usize, inputs: usize, mode: Mode) -> Result<Self, String> {
        if outputs.checked_mul(inputs) != Some(weights.len()) {
            return Err(format!("{} weights for {outputs} outputs of {inputs} inputs", weights.len()));
        }
        let mut table = vec![0; weights.len()];
        for (index, &weight) in weights.iter().enumerate() {
            let place = (index % inputs) * outputs + index / inputs;
            if let Some(slot) = table.get_mut(place) {
                *slot = weight;
            }
        }
        Self::new(Table::Dense(table), mode, inputs, outputs, 0)
    }

    /// Listed synapses, `(input, synapse)` in any order.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn sparse(
        listed: impl IntoIterator<Item = (usize, Synapse)>,
        outputs: usize,
        inputs: usize,
        mode: Mode,
    ) -> Result<Self, String> {
        let mut listed: Vec<_> = listed.into_iter().collect();
        // Stable: synapses of one input stay in their order.
        listed.sort_by_key(|(input, _)| *input);
        let mut longest = 0;
        for (input, Synapse { target, delay, .. }) in &listed {
            if *input >= inputs || *target >= outputs {
                return Err(format!(
                    "a synapse from {input} to {target}, of {inputs} inputs and {outputs} outputs"
                ));
            }
            longest = longest.max(*delay);
        }
        let starts =
            (0..=inputs).map(|input| listed.partition_point(|(from, _)| *from < input)).collect::<Vec<_>>();
        let synapses = listed.into_iter().map(|(_, synapse)| synapse).collect();
        Self::new(Table::Sparse { starts, synapses }, mode, inputs, outputs, longest)
    }

    /// A convolution in the mathematical sense: the kernel, `[Cout, Kx, Ky, Cin / groups]`, is flipped in X and Y. The weight
    /// exponent is ignored, as Lava does.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn convolution(weights: &[i32], shape: ConvolutionShape, graded: bool) -> Result<Self, String> {
        let ConvolutionShape { input, output, kernel, stride, padding, dilation, groups } = &shape;
        let product = |sizes: &[usize]| {
            sizes.iter().try_fold(1_usize, |all, &size| all.checked_mul(size)).unwrap_or(usize::MAX)
        };
        if *groups == 0 || input[2] % groups != 0 || output[2] % groups != 0 {
            return Err(format!("{groups} groups of {} and {} channels", input[2], output[2]));
        }
        if stride.contains(&0) || dilation.contains(&0) || kernel.contains(&0) {
            return Err("a kernel, stride or dilation of 0".to_owned());
        }
        if product(&[output[2], kernel[0], kernel[1], input[2] / groups]) != weights.len() {
            return Err(format!("{} weights do not fit the shape", weights.len()));
        }
        if [input, output].iter().any(|sizes| product(*sizes) > super::population::MAX_NEURONS)
            || [stride, padding, dilation].iter().any(|sizes| sizes.iter().any(|&size| size > 1 << 16))
        {
            return Err("a size is beyond all bounds".to_owned());
        }
        for axis in 0..2 {
            let reach = dilation[axis].saturating_mul(kernel[axis] - 1);
            let room = input[axis].saturating_add(2 * padding[axis]).checked_sub(reach.saturating_add(1));
            let size = room.map_or(0, |room| room / stride[axis] + 1);
            if size != output[axis] {
                return Err(format!(
                    "an output of {:?} where the sizes make {size} along axis {axis}",
                    output
                ));
            }
        }
        let (inputs, outputs) = (product(input), product(output));
        let mode = Mode { weight_exponent: 0, graded };
        let table = Table::Convolution { shape, weights: weights.to_vec() };
        Self::new(table, mode, inputs, outputs, 0)
    }

    fn new(table: Table, mode: Mode, inputs: usize, outputs: usize, longest: usize) -> Result<Self, String> {
        if longest > MAX_DELAY {
            return Err(format!("a delay of {longest}; a synapse delays by {MAX_DELAY} steps at most"));
        }
        if mode.weight_exponent.unsigned_abs() > 31 {
            return Err(format!("a weight exponent of {}", mode.weight_exponent));
        }
        let wide = if mode.weight_exponent < 0 { longest + 1 } else { 0 };
        Ok(Self {
            wraps: matches!(table, Table::Convolution { .. }),
            table,
            mode,
            inputs,
            outputs,
            ring: vec![vec![0; outputs]; longest + 1].into(),
            wide: vec![vec![0; outputs]; wide],
        })
    }

    /// Number of neurons that spikes come from.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of accumulators.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds to the accumulators what arrives in this step. To be called once a step, before [`Synapses::accept`].
    pub fn send(&mut self, accumulators: &mut [i32]) {
        if let Some(mut arriving) = self.ring.pop_front() {
            for (accumulator, arrives) in accumulators.iter_mut().zip(&mut arriving) {
                let arrives = std::mem::take(arrives);
                *accumulator = accumulator.wrapping_add(if self.wraps { wrap24(arrives) } else { arrives });
            }
            arriving.fill(0);
            self.ring.push_back(arriving);
        }
    }

    /// Takes the spikes of this step, one payload an input, 0 for none; they arrive from the next step on.
    pub fn accept(&mut self, payloads: &[i32]) {
        let Self { table, mode, ring, wide, outputs, .. } = self;
        let exponent = mode.weight_exponent;
        let mut add = |target: usize, weight: i32, delay: usize, payload: i32| {
            if exponent < 0 {
                if let Some(sum) = wide.get_mut(delay).and_then(|sums| sums.get_mut(target)) {
                    *sum = sum.wrapping_add(i64::from(weight).wrapping_mul(payload.into()));
                }
            } else if let Some(sum) = ring.get_mut(delay).and_then(|sums| sums.get_mut(target)) {
                // Modulo 2³² it does not matter when the shift is done.
                *sum = sum.wrapping_add(weight.wrapping_mul(payload) << exponent);
            }
        };
        for (input, &payload) in payloads.iter().enumerate().take(self.inputs) {
            let payload = if mode.graded { payload } else { i32::from(payload != 0) };
            if payload == 0 {
                continue;
            }
            match &*table {
                Table::Dense(weights) => {
                    let row = weights.get(input * *outputs..(input + 1) * *outputs).unwrap_or_default();
                    row.iter().enumerate().for_each(|(target, &weight)| add(target, weight, 0, payload));
                }
                Table::Sparse { starts, synapses } => {
                    let (from, to) = (starts.get(input).copied(), starts.get(input + 1).copied());
                    let row = from.zip(to).and_then(|(from, to)| synapses.get(from..to)).unwrap_or_default();
                    for synapse in row {
                        add(synapse.target, synapse.weight, synapse.delay, payload);
                    }
                }
                Table::Convolution { shape, weights } => {
                    shape.for_each(input, |target, weight| {
                        add(target, weights.get(weight).copied().unwrap_or_default(), 0, payload);
                    });
                }
            }
        }
        for (sums, arriving) in wide.iter_mut().zip(ring.iter_mut()) {
            for (sum, arrives) in sums.iter_mut().zip(arriving) {
                *arrives = arrives.wrapping_add((std::mem::take(sum) >> exponent.unsigned_abs()) as i32);
            }
        }
    }
}

impl ConvolutionShape {
    /// Calls `with` the output and the weight of every synapse of an input.
    fn for_each(&self, input: usize, mut with: impl FnMut(usize, usize)) {
        let Self { input: [_, input_y, channels], output, kernel, stride, padding, dilation, groups } = self;
        let (channel, position) = (input % channels, input / channels);
        let place = [position / input_y, position % input_y];
        let (group, per_group) = (channel / (channels / groups), channels / groups);
        let outputs_per_group = output[2] / groups;
        // Outputs that a tap leads to along an axis.
        let along = |axis: usize, tap: usize| {
            let shifted = (place[axis] + padding[axis]).checked_sub(tap * dilation[axis])?;
            let to = shifted / stride[axis];
            (shifted % stride[axis] == 0 && to < output[axis]).then_some(to)
        };
        for tap_x in 0..kernel[0] {
            let Some(x) = along(0, tap_x) else { continue };
            for tap_y in 0..kernel[1] {
                let Some(y) = along(1, tap_y) else { continue };
                for out in group * outputs_per_group..(group + 1) * outputs_per_group {
                    let target = (x * output[1] + y) * output[2] + out;
                    let (kx, ky) = (kernel[0] - 1 - tap_x, kernel[1] - 1 - tap_y);
                    let weight = ((out * kernel[0] + kx) * kernel[1] + ky) * per_group + channel % per_group;
                    with(target, weight);
                }
            }
        }
    }
}

/// The low 24 bits, as a signed number.
fn wrap24(value: i32) -> i32 {
    (value << 8) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRADED: Mode = Mode { weight_exponent: 0, graded: true };

    fn next(synapses: &mut Synapses, payloads: &[i32]) -> Vec<i32> {
        let mut accumulators = vec![0; synapses.outputs()];
        synapses.send(&mut accumulators);
        synapses.accept(payloads);
        accumulators
    }

    #[test]
    fn spikes_arrive_in_the_next_step_and_delays_add_to_that() {
        let mut dense = Synapses::dense(&[1, 2, 3, 4, 5, 6], 2, 3, GRADED).unwrap();
        assert_eq!(next(&mut dense, &[1, 0, -2]), [0, 0]);
        assert_eq!(next(&mut dense, &[0; 3]), [-5, -8]);
        assert_eq!(next(&mut dense, &[0; 3]), [0, 0]);
        let listed = [
            (0, Synapse { target: 0, weight: 5, delay: 2 }),
            (0, Synapse { target: 0, weight: 7, delay: 0 }),
        ];
        let mut sparse = Synapses::sparse(listed, 1, 1, Mode { graded: false, ..GRADED }).unwrap();
        let arrived: Vec<i32> = (0..5).map(|t| next(&mut sparse, &[9 * i32::from(t < 2)])[0]).collect();
        assert_eq!(arrived, [0, 7, 7, 5, 5]);
    }

    #[test]
    fn exponents_act_on_the_sum_and_round_down() {
        let right = Mode { weight_exponent: -2, graded: true };
        let mut dense = Synapses::dense(&[3, 3, -3, 0], 2, 2, right).unwrap();
        next(&mut dense, &[1, 1]);
        assert_eq!(next(&mut dense, &[i32::MAX, i32::MAX]), [1, -1]);
        // Added up in 64 bits: 6 · (2³¹ − 1) / 4.
        assert_eq!(
            next(&mut dense, &[0, 0]),
            [((6 * i64::from(i32::MAX)) >> 2) as i32, ((-3 * i64::from(i32::MAX)) >> 2) as i32]
        );
        let mut left = Synapses::dense(&[3], 1, 1, Mode { weight_exponent: 2, graded: true }).unwrap();
        next(&mut left, &[-1]);
        assert_eq!(next(&mut left, &[0]), [-12]);
    }

    #[test]
    fn convolutions_flip_their_kernel() {
        let shape = ConvolutionShape {
            input: [3, 1, 1],
            output: [2, 1, 1],
            kernel: [2, 1],
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        };
        let mut conv = Synapses::convolution(&[10, 1], shape.clone(), true).unwrap();
        next(&mut conv, &[1, 2, 3]);
        assert_eq!(next(&mut conv, &[1 << 23, 0, 0]), [21, 32]);
        assert_eq!(next(&mut conv, &[0; 3]), [-(1 << 23), 0]);
        for wrong in [
            ConvolutionShape { output: [3, 1, 1], ..shape.clone() },
            ConvolutionShape { groups: 2, ..shape.clone() },
            ConvolutionShape { stride: [0, 1], ..shape.clone() },
            ConvolutionShape { kernel: [usize::MAX, 2], ..shape },
        ] {
            assert!(Synapses::convolution(&[10, 1], wrong, true).is_err());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Synapses::dense(&[1, 2], 1, 1, GRADED).is_err());
        assert!(Synapses::dense(&[1], 1, 1, Mode { weight_exponent: 40, graded: true }).is_err());
        let synapse = Synapse { target: 0, weight: 1, delay: 64 };
        assert!(Synapses::sparse([(0, synapse)], 1, 1, GRADED).is_err());
        assert!(Synapses::sparse([(1, Synapse { delay: 0, ..synapse })], 1, 1, GRADED).is_err());
        assert!(Synapses::sparse([(0, Synapse { target: 1, ..synapse })], 1, 1, GRADED).is_err());
    }
}

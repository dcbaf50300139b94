//! Random networks: the exact schedules give the logits of the integer network, bit for bit.

use super::*;
use crate::interpret::StepLimit;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Schedule {
    StBif,
    HoldAndFire,
    SigmaDelta,
}

/// Writes one random network either as an integer `ann` module or as a `snn` one: the same calls, the same random numbers.
struct Writer {
    /// `None` writes `ann`.
    schedule: Option<Schedule>,
    levels: i64,
    state: u64,
    lines: Vec<String>,
    values: usize,
}

#[derive(Clone)]
struct Value {
    name: String,
    shape: Vec<usize>,
    /// Bias of each channel that the next neurons start with; `ann` adds it at once.
    bias: Vec<i64>,
    /// Step in which the last event has arrived, where layers are released one after the other.
    ready: i64,
}

impl Value {
    fn r#type(&self) -> String {
        batch(&self.shape, "i32")
    }
}

impl Writer {
    fn new(schedule: Option<Schedule>, levels: i64, seed: u64) -> Self {
        Self { schedule, levels, state: seed, lines: vec![], values: 0 }
    }

    fn below(&mut self, limit: i64) -> i64 {
        self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.state >> 33) as i64 % limit
    }

    fn random(&mut self, count: usize, low: i64, high: i64) -> Vec<i64> {
        (0..count).map(|_| low + self.below(high - low + 1)).collect()
    }

    fn is_ann(&self) -> bool {
        self.schedule.is_none()
    }

    fn op(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &str,
        shape: &[usize],
        bias: Vec<i64>,
    ) -> Value {
        let dialect = if self.is_ann() { "ann" } else { "snn" };
        let ready = inputs.iter().map(|input| input.ready).max().unwrap_or_default();
        self.values += 1;
        let value = Value { name: format!("%{}", self.values), shape: shape.to_vec(), bias, ready };
        let names = inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", ");
        let types = inputs.iter().map(|input| input.r#type()).collect::<Vec<_>>().join(", ");
        let line = format!(
            "{} = \"{dialect}.{op}\"({names}) {{{attributes}}} : ({types}) -> {}",
            value.name,
            value.r#type()
        );
        self.lines.push(line);
        value
    }

    fn encode(&mut self, shape: &[usize]) -> Value {
        let ones = |value: &str| format!("dense<{value}> : tensor<{}xf64>", shape[0]);
        let every_step = if self.is_ann() { "" } else { ", every_step = false" };
        let attributes = format!(
            "multiplier = {}, offset = {}, minimum = {}, maximum = {}, scale = 0.25 : f64, low = -15, high = 15{every_step}",
            ones("1.5"),
            ones("0.125"),
            ones("-3.0"),
            ones("9.0"),
        );
        let input = Value { name: "%x".to_owned(), shape: shape.to_vec(), bias: vec![], ready: 0 };
        let value = self.op("encode", &[&input], &attributes, shape, vec![0; shape[0]]);
        // The input is the one real value.
        let line = self.lines.last_mut().unwrap();
        *line = line.replace(&format!("({})", input.r#type()), &format!("({})", batch(shape, "f32")));
        value
    }

    fn with_bias(&self, bias: &[i64]) -> String {
        if self.is_ann() { format!(", bias = {}", dense(&[bias.len()], bias, "i32")) } else { String::new() }
    }

    fn conv2d(
        &mut self,
        input: &Value,
        outputs: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Value {
        let [channels, height, width] = input.shape[..] else { panic!() };
        let shape = [outputs, channels, kernel, kernel];
        let weight = self.random(shape.iter().product(), -4, 4);
        let bias = self.random(outputs, -20, 20);
        let attributes = format!(
            "weight = {}, stride = array<i64: {stride}, {stride}>, padding = array<i64: {padding}, {padding}>, \
             dilation = array<i64: 1, 1>, groups = 1, transposed = false{}",
            dense(&shape, &weight, "i8"),
            self.with_bias(&bias),
        );
        let size = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        self.op("conv", &[input], &attributes, &[outputs, size(height), size(width)], bias)
    }

    fn linear(&mut self, input: &Value, outputs: usize) -> Value {
        let weight = self.random(outputs * input.shape[0], -4, 4);
        let bias = self.random(outputs, -20, 20);
        let attributes =
            format!("weight = {}{}", dense(&[outputs, input.shape[0]], &weight, "i8"), self.with_bias(&bias));
        self.op("linear", &[input], &attributes, &[outputs], bias)
    }

    fn scale(&mut self, input: &Value) -> Value {
        let weight = self.random(input.shape[0], -9, 9);
        let bias = self.random(input.shape[0], -9, 9);
        let attributes =
            format!("weight = {}{}", dense(&[weight.len()], &weight, "i16"), self.with_bias(&bias));
        let bias = (0..bias.len()).map(|c| weight[c] * input.bias[c] + bias[c]).collect();
        self.op("scale", &[input], &attributes, &input.shape, bias)
    }

    fn add(&mut self, left: &Value, right: &Value) -> Value {
        let bias = left.bias.iter().zip(&right.bias).map(|(a, b)| a + b).collect();
        self.op("add", &[left, right], "", &left.shape, bias)
    }

    /// Neurons, or their rounding and clipping.
    fn activation(&mut self, input: &Value) -> Value {
        let channels = input.shape[0];
        let thresholds = self.random(channels, 1, 25);
        let delay = self.below(3);
        let threshold = format!("threshold = {}", dense(&[channels], &thresholds, "i32"));
        let levels = self.levels;
        let initial = (0..channels).map(|c| input.bias[c] + thresholds[c] / 2).collect::<Vec<_>>();
        // Per channel or per element: both forms are legal.
        let initial = if self.below(2) == 0 {
            dense(&[channels], &initial, "i32")
        } else {
            let plane = input.shape[1..].iter().product();
            let values = initial.iter().flat_map(|&value| vec![value; plane]).collect::<Vec<_>>();
            dense(&input.shape, &values, "i32")
        };
        let (op, attributes, ready) = match self.schedule {
            None => (
                "requantize",
                format!("scale = dense<1.0> : tensor<{channels}xf64>, low = 0, high = {levels}"),
                0,
            ),
            Some(Schedule::StBif) => {
                ("st_bif", format!("initial = {initial}, low = 0, high = {levels}, delay = {delay}"), 0)
            }
            Some(Schedule::SigmaDelta) => {
                ("sigma_delta", format!("initial = {initial}, low = 0, high = {levels}, delay = {delay}"), 0)
            }
            Some(Schedule::HoldAndFire) => (
                "hold_and_fire",
                format!(
                    "initial = {initial}, hold = 1000000, release = {}, levels = {levels}, delay = {delay}",
                    input.ready
                ),
                input.ready + levels + delay,
            ),
        };
        let mut value =
            self.op(op, &[input], &format!("{threshold}, {attributes}"), &input.shape, vec![0; channels]);
        value.ready = ready;
        value
    }

    fn max_pool(&mut self, input: &Value) -> Value {
        let attributes = "kernel = array<i64: 2, 3>, stride = array<i64: 2, 1>, padding = array<i64: 1, 1>, \
                          dilation = array<i64: 1, 1>";
        let shape = [input.shape[0], input.shape[1] / 2 + 1, input.shape[2]];
        self.op("max_pool2d", &[input], attributes, &shape, vec![0; input.shape[0]])
    }

    fn sum_pool(&mut self, input: &Value) -> Value {
        let [channels, height, width] = input.shape[..] else { panic!() };
        let attributes = format!(
            "rows = array<i64: 0, 2, 1, {height}>, columns = array<i64: 0, {width}>, \
             multiplier = dense<[[3], [2]]> : tensor<2x1xi32>"
        );
        self.op("sum_pool2d", &[input], &attributes, &[channels, 2, 1], vec![0; channels])
    }

    /// A strided slice of the image between channels of zeros, as shortcuts of residual networks have it.
    fn shortcut(&mut self, input: &Value, outputs: usize) -> Value {
        let [channels, height, width] = input.shape[..] else { panic!() };
        let shape = [channels, height.div_ceil(2), width];
        let every_second = |axis: usize, size: usize| {
            let indices = (0..size).step_by(2).map(|index| index.to_string()).collect::<Vec<_>>();
            format!("axis = {axis}, indices = array<i64: {}>", indices.join(", "))
        };
        let sliced = self.op("gather", &[input], &every_second(2, height), &shape, vec![0; channels]);
        let shape = [channels, height.div_ceil(2), width.div_ceil(2)];
        let sliced = self.op("gather", &[&sliced], &every_second(3, width), &shape, vec![0; channels]);
        let after = outputs - channels - 1;
        let attributes = format!("before = array<i64: 0, 1, 0, 0>, after = array<i64: 0, {after}, 0, 0>");
        self.op("pad", &[&sliced], &attributes, &[outputs, shape[1], shape[2]], vec![0; outputs])
    }

    fn finish(mut self, input: &[usize], logits: &Value) -> String {
        let outputs = logits.shape[0];
        let scales = (0..outputs).map(|output| 0.1 * (output + 1) as f64).collect::<Vec<_>>();
        let scale = format!("scale = {}", dense(&[outputs], &scales, "f64"));
        let (op, attributes) = if self.is_ann() {
            ("ann.dequantize", scale)
        } else {
            let initial = dense(&[outputs], &logits.bias, "i32");
            let bias = format!("bias = dense<0> : tensor<{outputs}xi32>");
            (
                "snn.readout",
                format!("initial = {initial}, {bias}, gain = 1, {scale}, average = false, start = 0"),
            )
        };
        let result = batch(&[outputs], "f32");
        self.lines.push(format!(
            "%y = \"{op}\"({}) {{{attributes}}} : ({}) -> {result}",
            logits.name,
            logits.r#type()
        ));
        module(&batch(input, "f32"), &self.lines.join("\n"), &result)
    }
}

const INPUT: [usize; 3] = [2, 5, 6];

fn write(schedule: Option<Schedule>, levels: i64, seed: u64) -> String {
    let mut writer = Writer::new(schedule, levels, seed);
    let input = writer.encode(&INPUT);
    let a = writer.conv2d(&input, 3, 3, 1, 1);
    let a = writer.activation(&a);
    let b = writer.conv2d(&a, 5, 3, 2, 1);
    let shortcut = writer.shortcut(&a, 5);
    let b = writer.scale(&b);
    let sum = writer.add(&b, &shortcut);
    let c = writer.activation(&sum);
    let d = writer.scale(&c);
    let d = writer.activation(&d);
    let c = writer.op("concat", &[&c, &d], "axis = 1", &[10, c.shape[1], c.shape[2]], vec![0; 10]);
    let pooled = writer.max_pool(&c);
    let summed = writer.sum_pool(&c);
    let flat = |writer: &mut Writer, value: &Value| {
        let size = value.shape.iter().product();
        writer.op("reshape", &[value], "", &[size], vec![0; size])
    };
    let (pooled, summed) = (flat(&mut writer, &pooled), flat(&mut writer, &summed));
    let (left, right) = (writer.linear(&pooled, 6), writer.linear(&summed, 6));
    let hidden = writer.add(&left, &right);
    let hidden = writer.activation(&hidden);
    let logits = writer.linear(&hidden, 4);
    writer.finish(&INPUT, &logits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn exact_schedules_equal_the_integer_network(
        seed: u64,
        levels in prop_oneof![Just(1_i64), Just(7), Just(15)],
        pixels in prop::collection::vec(-8.0..8.0_f64, INPUT.iter().product::<usize>()),
    ) {
        let input = sample(&INPUT, pixels);
        let integer = network(&write(None, levels, seed));
        let logits_at = integer.ops().len() - 2;
        let mut logits = None;
        let mut counts = vec![];
        let outputs = integer
            .forward(&input, &mut |op, result| {
                if op == logits_at {
                    logits = Some(result.clone());
                }
                if integer.ops()[op].name == "ann.requantize" {
                    counts.push(result.clone());
                }
            })
            .unwrap();
        for schedule in [Schedule::StBif, Schedule::SigmaDelta, Schedule::HoldAndFire] {
            let spiking = network(&write(Some(schedule), levels, seed));
            let mut sums: Vec<Option<Sample>> = vec![None; spiking.ops().len()];
            let mut last_change = 0;
            let outcome = spiking
                .simulate(&input, StepLimit::Quiescence { at_most: 1000 }, &mut |step, op, sent| {
                    if spiking.ops()[op].name != "snn.readout" && sent.iter().any(|&event| event != 0.0) {
                        last_change = step + 1;
                    }
                    let sum = sums[op].get_or_insert_with(|| Sample::zeros(sent.raw_dim()));
                    *sum += sent;
                })
                .unwrap();
            prop_assert_eq!(&outcome.outputs[0].integer, logits.as_ref().unwrap(), "{:?}", schedule);
            prop_assert_eq!(&outcome.outputs[0].real, &outputs[0]);
            prop_assert!(outcome.settled_at.is_some_and(|step| step >= last_change && step < outcome.steps));
            let spike_counts = outcome.spikes.iter().map(|&(op, _)| sums[op].clone().unwrap()).collect::<Vec<_>>();
            prop_assert_eq!(&spike_counts, &counts, "{:?}", schedule);
            if schedule == Schedule::HoldAndFire {
                let total = |count: &Sample| count.sum() as u64;
                prop_assert!(outcome.spikes.iter().zip(&counts).all(|(&(_, spikes), count)| spikes == total(count)));
            }
        }
    }
}

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    input: [usize; 3],
    /// Output channels, input channels of a group, kernel rows and columns.
    weight: [usize; 4],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    seed: u64,
}

impl Case {
    fn output(&self) -> Option<[usize; 3]> {
        let size = |axis: usize| {
            let reach = self.dilation[axis] * (self.weight[axis + 2] - 1) + 1;
            Some((self.input[axis + 1] + 2 * self.padding[axis]).checked_sub(reach)? / self.stride[axis] + 1)
        };
        Some([self.weight[0], size(0)?, size(1)?])
    }

    /// Reals whose products and sums round, so that the order of summation shows.
    fn reals(&self, salt: u64, shape: &[usize]) -> Vec<f64> {
        let mut state = self.seed ^ salt;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        };
        (0..shape.iter().product()).map(|_| next()).collect()
    }

    fn text(&self, weight: &[f64], bias: &[f64]) -> String {
        let pair = |[a, b]: [usize; 2]| format!("array<i64: {a}, {b}>");
        let attributes = format!(
            "weight = {}, bias = {}, stride = {}, padding = {}, dilation = {}, groups = {}, transposed = false",
            dense(&self.weight, weight, "f64"),
            dense(&[self.weight[0]], bias, "f64"),
            pair(self.stride),
            pair(self.padding),
            pair(self.dilation),
            self.groups,
        );
        one_op("ann.conv", &attributes, &batch(&self.input, "f32"), &batch(&self.output().unwrap(), "f32"))
    }

    fn naive(&self, x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
        let [outputs, fan_in, kernel_height, kernel_width] = self.weight;
        let [_, height, width] = self.input;
        let [_, output_height, output_width] = self.output().unwrap();
        let mut result = vec![];
        for o in 0..outputs {
            let first_channel = o / (outputs / self.groups) * fan_in;
            for i in 0..output_height {
                for j in 0..output_width {
                    let mut sum = 0.0;
                    for c in 0..fan_in {
                        for ky in 0..kernel_height {
                            for kx in 0..kernel_width {
                                let y = (i * self.stride[0] + ky * self.dilation[0])
                                    .wrapping_sub(self.padding[0]);
                                let xx = (j * self.stride[1] + kx * self.dilation[1])
                                    .wrapping_sub(self.padding[1]);
                                if y < height && xx < width {
                                    sum += weight
                                        [((o * fan_in + c) * kernel_height + ky) * kernel_width + kx]
                                        * x[((first_channel + c) * height + y) * width + xx];
                                }
                            }
                        }
                    }
                    result.push(sum + bias[o]);
                }
            }
        }
        result
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let pair = |low: usize, high: usize| [low..=high, low..=high];
    let shapes = (1..=3_usize, 1..=3_usize, 1..=6_usize, 1..=9_usize, 1..=9_usize);
    (shapes, pair(1, 4), pair(1, 3), pair(0, 3), pair(1, 2), any::<u64>())
        .prop_map(|((groups, fan_in, outputs, height, width), kernel, stride, padding, dilation, seed)| {
            Case {
                input: [groups * fan_in, height, width],
                weight: [groups * outputs, fan_in, kernel[0], kernel[1]],
                stride,
                padding,
                dilation,
                groups,
                seed,
            }
        })
        .prop_filter("the kernel fits the image", |case| case.output().is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// To the last bit: the same products in the same order.
    #[test]
    fn convolution_equals_seven_loops(case in cases()) {
        let (weight, bias) = (case.reals(1, &case.weight), case.reals(2, &case.weight[..1]));
        let x = case.reals(3, &case.input);
        let found = run(&case.text(&weight, &bias), &case.input, x.clone());
        prop_assert_eq!(found, case.naive(&x, &weight, &bias));
    }

    /// Integers go other ways, in f32 or from inputs to outputs: the same numbers, since every sum is exact.
    #[test]
    fn a_convolution_of_integers_equals_seven_loops(case in cases(), kept in 1..8_usize) {
        let integers = |salt, shape: &[usize], most: f64| {
            case.reals(salt, shape).iter().map(|x| (x * most).round()).collect::<Vec<_>>()
        };
        let (weight, bias) = (integers(1, &case.weight, 127.0), integers(2, &case.weight[..1], 1e6));
        let mut x = integers(3, &case.input, 9.0);
        x.iter_mut().enumerate().filter(|(index, _)| index % 7 >= kept).for_each(|(_, x)| *x = 0.0);
        let found = run(&case.text(&weight, &bias), &case.input, x.clone());
        prop_assert_eq!(found, case.naive(&x, &weight, &bias));
    }

    #[test]
    fn linear_equals_a_plain_sum(inputs in 1..40_usize, outputs in 1..70_usize, rows in 1..3_usize, seed: u64) {
        let case = Case { input: [0; 3], weight: [0; 4], stride: [0; 2], padding: [0; 2], dilation: [0; 2], groups: 0, seed };
        let weight = case.reals(1, &[outputs, inputs]);
        let bias = case.reals(2, &[outputs]);
        let x = case.reals(3, &[rows, inputs]);
        let attributes =
            format!("weight = {}, bias = {}", dense(&[outputs, inputs], &weight, "f64"), dense(&[outputs], &bias, "f64"));
        let text = one_op("ann.linear", &attributes, &batch(&[rows, inputs], "f32"), &batch(&[rows, outputs], "f32"));
        let expected = x.chunks(inputs).flat_map(|x| {
            let sum = |w: &[f64]| w.iter().zip(x).fold(0.0, |sum, (w, x)| sum + w * x);
            weight.chunks(inputs).zip(&bias).map(move |(w, bias)| sum(w) + bias).collect::<Vec<_>>()
        });
        let expected = expected.collect::<Vec<_>>();
        prop_assert_eq!(run(&text, &[rows, inputs], x), expected);
    }
}

/// The last tile starts at padded columns 0, 1, 6 and 7 and is filled up with 7s: as far apart as eight neighbours.
#[test]
fn a_filled_up_tile_is_not_taken_for_adjacent_positions() {
    let case = Case {
        input: [1, 1, 6],
        weight: [1, 1, 2, 3],
        stride: [1, 1],
        padding: [1, 0],
        dilation: [1, 2],
        groups: 1,
        seed: 0,
    };
    let (weight, bias, x) = (case.reals(1, &case.weight), case.reals(2, &[1]), case.reals(3, &case.input));
    assert_eq!(run(&case.text(&weight, &bias), &case.input, x.clone()), case.naive(&x, &weight, &bias));
}

/// `cargo test -p neurocuda-compiler --release -- --ignored --nocapture convolution_speed`
#[test]
#[ignore = "a measurement, not a check"]
fn convolution_speed() {
    for (channels, outputs, size, stride) in [
        (1, 16, 28, 1),
        (16, 16, 28, 1),
        (32, 32, 14, 1),
        (64, 64, 7, 1),
        (64, 64, 32, 1),
        (128, 128, 16, 1),
        (256, 256, 8, 1),
        (512, 512, 4, 1),
        (64, 128, 32, 2),
    ] {
        let text = one_op(
            "ann.conv",
            &format!(
                "weight = dense<0.5> : tensor<{outputs}x{channels}x3x3xf32>, bias = dense<0.5> : tensor<{outputs}xf32>, \
                 stride = array<i64: {stride}, {stride}>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1, transposed = false"
            ),
            &batch(&[channels, size, size], "f32"),
            &batch(&[outputs, size / stride, size / stride], "f32"),
        );
        report(&text, &[channels, size, size], outputs * channels * 9 * (size / stride).pow(2));
    }
    let text = one_op(
        "ann.linear",
        "weight = dense<0.5> : tensor<256x784xf32>, bias = dense<0.5> : tensor<256xf32>",
        &batch(&[784], "f32"),
        &batch(&[256], "f32"),
    );
    report(&text, &[784], 784 * 256);
}

fn report(text: &str, shape: &[usize], macs: usize) {
    let network = network(text);
    let input = sample(shape, vec![0.25; shape.iter().product()]);
    let runs = (400_000_000 / macs).max(1);
    let start = std::time::Instant::now();
    for _ in 0..runs {
        network.forward(&input, &mut |_, _| ()).unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{shape:?}: {:.2} GMAC/s", (macs * runs) as f64 / seconds / 1e9);
}

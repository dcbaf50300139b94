//! The traps of the numeric contract (`docs/src/numeric-contract.md`), one test each, against arithmetic done here.

mod networks;

use crate::support::tensors::{Tensor, bytes};
use networks::{Small, floor_divide};
use neurocuda_runtime::artifact::program::{OpKind, Schedule};

/// Both exact schedules.
const EXACT: [Schedule; 3] = [Schedule::StBif, Schedule::HoldAndFire, Schedule::SigmaDelta];

/// A two-layer network on the values of one pixel, with eight hidden channels of very different sizes.
fn two_layers(clamp: &str) -> Small {
    let weights = [1.0, -0.7, 0.31, 0.011, 3.3, -2.9, 0.5, 0.07];
    Small::new(
        &[1, 1, 1],
        &format!(
            "%1 = mul(%0, 0.0078125)
             %2 = conv2d(%1, weight = @w1, bias = @b1)
             %3 = {clamp}
             %4 = flatten(%3)
             %5 = linear(%4, weight = @w2, bias = @b2)"
        ),
        &["%5: f32[N, 3]"],
        vec![
            Tensor::f32("w1", &[8, 1, 1, 1], &weights),
            Tensor::random("b1", &[8], 5),
            Tensor::random("w2", &[3, 8], 3),
            Tensor::random("b2", &[3], 4),
        ],
        (0..=255).collect(),
    )
}

/// What the artifact of [`two_layers`] holds.
struct Layers {
    step: f64,
    hidden: Vec<i64>,
    threshold: Vec<i64>,
    initial: Vec<i64>,
    high: i64,
    outputs: Vec<i64>,
    output_initial: Vec<i64>,
    output_scale: Vec<f64>,
}

fn layers(small: &Small) -> Layers {
    let mut layers = Layers {
        step: 0.0,
        hidden: vec![],
        threshold: vec![],
        initial: vec![],
        high: 0,
        outputs: vec![],
        output_initial: vec![],
        output_scale: vec![],
    };
    let (compiled, tensor) = (&small.compiled, |name: &str| small.integers(name));
    for op in &compiled.artifact.program().ops {
        match &op.kind {
            OpKind::Encode { scale, .. } => layers.step = *scale,
            OpKind::Conv { weight, .. } => layers.hidden = tensor(weight),
            OpKind::Linear { weight } => layers.outputs = tensor(weight),
            OpKind::StBif { threshold, initial, high, .. } => {
                (layers.threshold, layers.initial, layers.high) =
                    (tensor(threshold), tensor(initial), i64::from(*high));
            }
            OpKind::Readout { initial, scale, .. } => {
                (layers.output_initial, layers.output_scale) = (tensor(initial), small.reals(scale));
            }
            _ => {}
        }
    }
    assert_eq!((layers.threshold.len(), layers.outputs.len(), layers.output_scale.len()), (8, 24, 3));
    layers
}

/// The scale of an activation is `θ · α`, whatever was asked for: what reads it must use that, also where `θ` was raised to 1.
#[test]
fn rounding_the_threshold_redefines_the_scale() {
    for (clamp, raised) in [("relu(%2)", false), ("clamp(%2, min = 0, max = 0.0001)", true)] {
        let small = two_layers(clamp);
        let layers = layers(&small);
        let ones = layers.threshold.iter().filter(|&&threshold| threshold == 1).count();
        assert_eq!(ones > 5, raised, "{:?}", layers.threshold);
        let (hidden, outputs) = (small.weight("w1"), small.weight("w2"));
        // The smallest α for which the one weight of a channel fits 8 bits makes it ±127.
        assert!(layers.hidden.iter().all(|weight| weight.abs() == 127), "{:?}", layers.hidden);
        // The pixel is multiplied by 2⁻⁷ in the code's scale.
        let alpha = hidden.iter().map(|weight| weight.abs() * layers.step / 127.0).collect::<Vec<_>>();
        let scale = layers
            .threshold
            .iter()
            .zip(&alpha)
            .map(|(&threshold, alpha)| threshold as f64 * alpha)
            .collect::<Vec<_>>();
        for (output, row) in outputs.chunks(8).enumerate() {
            let products = row.iter().zip(&scale).map(|(weight, scale)| weight * scale).collect::<Vec<_>>();
            let alpha = products.iter().fold(0.0, |largest: f64, product| largest.max(product.abs())) / 127.0;
            assert!((layers.output_scale[output] / alpha - 1.0).abs() < 1e-9, "output {output}");
            for (channel, product) in products.iter().enumerate() {
                // A weight that lies next to a half may fall to either side by the order of two multiplications.
                let exact = product / alpha;
                let found = layers.outputs[output * 8 + channel] as f64;
                assert!(
                    (found - exact).abs() <= 0.5 + 1e-9,
                    "output {output}, channel {channel}: {found} for {exact}"
                );
            }
        }
    }
}

/// `q = clip(⌊(X + b + ⌊θ/2⌋) / θ⌋, 0, L)`: halves go up, for even and odd thresholds, at both ends of the range.
#[test]
fn ties_go_up() {
    let small = two_layers("relu(%2)");
    let layers = layers(&small);
    assert!(layers.threshold.iter().any(|threshold| threshold % 2 == 0));
    let mut ties = 0;
    for pixel in 0..=255 {
        let code = small.code(pixel);
        let counts = (0..8)
            .map(|channel| {
                // `initial` holds ⌊θ/2⌋ + b.
                let (threshold, charge) =
                    (layers.threshold[channel], layers.initial[channel] + layers.hidden[channel] * code);
                ties += u32::from(threshold % 2 == 0 && charge.rem_euclid(threshold) == 0);
                floor_divide(charge, threshold).clamp(0, layers.high)
            })
            .collect::<Vec<_>>();
        let expected = (0..3)
            .map(|output| {
                let row = &layers.outputs[output * 8..][..8];
                layers.output_initial[output]
                    + row.iter().zip(&counts).map(|(weight, count)| weight * count).sum::<i64>()
            })
            .collect::<Vec<_>>();
        assert_eq!(small.logits(pixel as usize), [expected], "pixel {pixel}");
    }
    assert!(ties > 0, "no charge lies on a half");
    // ⌊θ/2⌋ is in `initial`: what is left are the biases of the integer network.
    let biases = small.module_biases();
    let halves = layers.initial.iter().zip(&biases).map(|(initial, bias)| initial - bias).collect::<Vec<_>>();
    assert_eq!(halves, layers.threshold.iter().map(|threshold| threshold / 2).collect::<Vec<_>>());
}

/// Zero padding behind a normalisation is normalised zero, which is no pixel: 0.37 · 255 is no integer.
#[test]
fn padding_is_normalised_zero() {
    let weights = [1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0];
    let small = Small::new(
        &[1, 5, 5],
        "%1 = normalize(%0, scale = 0.00392156862745098, mean = 0.37, std = 0.25)
         %2 = conv2d(%1, weight = @w, padding = 1)
         %3 = conv2d(%1, weight = @v)
         %4 = relu(%3)",
        &["%2: f32[N, 1, 5, 5]", "%4: f32[N, 1, 5, 5]"],
        vec![Tensor::f32("w", &[1, 1, 3, 3], &weights), Tensor::f32("v", &[1, 1, 1, 1], &[1.0])],
        bytes(3, 20 * 25),
    );
    let step = small.step();
    for image in 0..20 {
        // Rounded codes are half a step off at most, for each of nine weights of ±1; rounding and correction of the bias add little.
        let (float, found) = (small.float(image), small.real(image));
        for (position, (float, found)) in float[0].iter().zip(&found[0]).enumerate() {
            assert!(
                (float - found).abs() <= 9.0 * step / 2.0 + step,
                "image {image}, position {position}: {found}, not {float}"
            );
        }
    }
    // A pixel of 0, as the wrong padding would have it, is 1.48 away from it, which is far more than that.
    assert!(0.37 / 0.25 > 9.0 * step);
}

/// Max pools give the maxima of the integer network, where all is negative and at padded borders too.
#[test]
fn max_pools_are_exact() {
    for schedule in EXACT {
        let pixels = [bytes(7, 9 * 98), vec![0; 98]].concat();
        let small = Small::compile(
            &[2, 7, 7],
            "%1 = normalize(%0, scale = 0.00392156862745098, mean = [0.5, 0.9], std = 0.3)
             %2 = conv2d(%1, weight = @w)
             %3 = clamp(%2, min = -4, max = 4)
             %4 = max_pool2d(%3, kernel = 3, stride = 2, padding = 1, ceil_mode = true)",
            &["%3: f32[N, 2, 7, 7]", "%4: f32[N, 2, 4, 4]"],
            vec![Tensor::f32("w", &[2, 2, 1, 1], &[1.0, 0.0, 0.0, 1.0])],
            pixels,
            schedule,
        );
        let mut negative = false;
        for image in 0..10 {
            let logits = small.logits(image);
            for channel in 0..2 {
                let (all, pooled) = (&logits[0][channel * 49..][..49], &logits[1][channel * 16..][..16]);
                for (index, pooled) in pooled.iter().enumerate() {
                    let inside = |start: usize| (2 * start).saturating_sub(1)..(2 * start + 2).min(7);
                    let window = inside(index / 4)
                        .flat_map(|row| inside(index % 4).map(move |column| all[row * 7 + column]));
                    assert_eq!(
                        Some(*pooled),
                        window.max(),
                        "{schedule:?}, image {image}, channel {channel}, window {index}"
                    );
                    negative |= *pooled < 0 && (index / 4 == 0 || index % 4 == 0);
                }
            }
        }
        assert!(
            negative,
            "no window at a padded border is all negative: zeros would not have been seen to win"
        );
    }
}

/// Averages over windows of different sizes divide by the right number at every position, and lose nothing.
#[test]
fn uneven_averages_are_exact() {
    let pools = [
        ("avg_pool2d(%3, kernel = 3, stride = 2, ceil_mode = true)", [[0, 3], [2, 5], [4, 6]], None),
        (
            "avg_pool2d(%3, kernel = 3, stride = 2, padding = 1, count_include_pad = false)",
            [[0, 2], [1, 4], [3, 6]],
            None,
        ),
        ("avg_pool2d(%3, kernel = 3, stride = 2, padding = 1)", [[0, 2], [1, 4], [3, 6]], Some(9.0)),
        ("adaptive_avg_pool2d(%3, output_size = 3)", [[0, 2], [2, 4], [4, 6]], None),
        ("adaptive_avg_pool2d(%3, output_size = [4, 4])", [[0, 2], [1, 3], [3, 5]], None),
    ];
    for (index, (pool, windows, divisor)) in pools.into_iter().enumerate() {
        let size = if pool.contains("[4, 4]") { 4 } else { 3 };
        for schedule in EXACT {
            let small = Small::compile(
                &[1, 6, 6],
                &format!(
                    "%1 = normalize(%0, scale = 0.00392156862745098, mean = 0.3, std = 0.3)
                     %2 = conv2d(%1, weight = @w)
                     %3 = relu(%2)
                     %4 = {pool}"
                ),
                &["%3: f32[N, 1, 6, 6]", &format!("%4: f32[N, 1, {size}, {size}]")],
                vec![Tensor::f32("w", &[1, 1, 1, 1], &[1.0])],
                bytes(11, 6 * 36),
                schedule,
            );
            for image in 0..6 {
                let real = small.real(image);
                for row in 0..3 {
                    for column in 0..3 {
                        let (rows, columns) =
                            (windows[row][0]..windows[row][1], windows[column][0]..windows[column][1]);
                        let count = (rows.len() * columns.len()) as f64;
                        let sum = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
                        let sum = sum.map(|(row, column)| real[0][row * 6 + column]).sum::<f64>();
                        let (expected, found) =
                            (sum / divisor.unwrap_or(count), real[1][row * size + column]);
                        let what =
                            format!("{pool} ({index}), {schedule:?}, image {image}, window {row}, {column}");
                        assert!(
                            (expected - found).abs() <= 1e-5 * expected.abs().max(1e-3),
                            "{what}: {found}, not {expected}"
                        );
                    }
                }
            }
        }
    }
}

/// Event counts `min(count, 8) / 8` are codes 0 to 8 without any rounding.
#[test]
fn event_counts_are_coded_exactly() {
    let small = Small::new(
        &[1, 1, 1],
        "%1 = clamp(%0, min = 0, max = 8)
         %2 = mul(%1, 0.125)
         %3 = conv2d(%2, weight = @w)
         %4 = relu(%3)",
        &["%4: f32[N, 1, 1, 1]"],
        vec![Tensor::f32("w", &[1, 1, 1, 1], &[1.0])],
        (0..=255).collect(),
    );
    for count in 0..=255 {
        assert_eq!(small.code(count), i64::from(count.min(8)), "count {count}");
        assert_eq!(small.logits(count as usize), small.logits(count.min(8) as usize), "count {count}");
    }
    assert_eq!(small.step(), 0.125);
}

/// Branches of very different scales meet at the scale of what reads them.
#[test]
fn concat_and_add_bring_scales_together() {
    for join in ["concat(%3, %5, dim = 1)", "add(%3, %5)"] {
        let channels = if join.starts_with("concat") { 4 } else { 2 };
        let small = Small::new(
            &[1, 4, 4],
            &format!(
                "%1 = normalize(%0, scale = 0.00392156862745098, std = 0.5)
                 %2 = conv2d(%1, weight = @small)
                 %3 = relu(%2)
                 %4 = conv2d(%1, weight = @large)
                 %5 = relu(%4)
                 %6 = {join}
                 %7 = conv2d(%6, weight = @w)"
            ),
            &["%7: f32[N, 1, 4, 4]"],
            vec![
                Tensor::f32("small", &[2, 1, 1, 1], &[0.01, 0.02]),
                Tensor::f32("large", &[2, 1, 1, 1], &[10.0, 3.0]),
                // What the small branch gives counts as much as what the large one does.
                Tensor::f32(
                    "w",
                    &[1, channels, 1, 1],
                    if channels == 4 { &[100.0, -50.0, 0.1, 0.3] } else { &[1.0, -2.0] },
                ),
            ],
            bytes(5, 16 * 16),
        );
        assert!(small.error() < 0.05, "{join}: {}", small.error());
    }
}

/// A channel whose weights are all zero, with a bias or without, costs nothing and keeps its constant.
#[test]
fn dead_channels_keep_their_constants() {
    let small = Small::new(
        &[1, 4, 4],
        "%1 = normalize(%0, scale = 0.00392156862745098, std = 0.5)
         %2 = conv2d(%1, weight = @w, bias = @b)
         %3 = relu(%2)
         %4 = flatten(%3)
         %5 = linear(%4, weight = @v)",
        &["%5: f32[N, 2]"],
        vec![
            Tensor::f32("w", &[4, 1, 1, 1], &[0.0, 1.0, 0.0, 0.0]),
            Tensor::f32("b", &[4], &[0.0, 0.1, 0.7, -0.5]),
            Tensor::random("v", &[2, 64], 5),
        ],
        bytes(6, 16 * 16),
    );
    assert!(small.error() < 0.05, "{}", small.error());
    // A network that is dead altogether still compiles and says its biases.
    let dead = Small::new(
        &[1, 2, 2],
        "%1 = conv2d(%0, weight = @w)
         %2 = relu(%1)
         %3 = flatten(%2)
         %4 = linear(%3, weight = @v, bias = @c)",
        &["%4: f32[N, 2]"],
        vec![
            Tensor::f32("w", &[1, 1, 1, 1], &[0.0]),
            Tensor::f32("v", &[2, 4], &[0.0; 8]),
            Tensor::f32("c", &[2], &[0.5, -2.0]),
        ],
        bytes(7, 8 * 4),
    );
    assert!(dead.error() < 1e-3, "{}", dead.error());
}

/// Calibration sums in an order of its own: threads change no bit.
#[test]
fn threads_change_no_bit() {
    let compile = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let small = Small::new(
                &[2, 6, 6],
                "%1 = conv2d(%0, weight = @w, bias = @b, padding = 1)
                 %2 = relu(%1)
                 %3 = flatten(%2)
                 %4 = linear(%3, weight = @v)",
                &["%4: f32[N, 3]"],
                vec![
                    Tensor::random("w", &[4, 2, 3, 3], 1),
                    Tensor::random("b", &[4], 2),
                    Tensor::random("v", &[3, 144], 3),
                ],
                bytes(8, 97 * 72),
            );
            small.compiled.artifact.to_bytes().unwrap()
        })
    };
    let expected = compile(1);
    for threads in [2, 3, 7] {
        assert!(compile(threads) == expected, "{threads} threads");
    }
}

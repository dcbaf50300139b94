//! Pools over windows of an image.

use super::{Kernel, unary};
use crate::interpret::decode::{Problem, image, size};

/// The input rows (or columns) of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    start: usize,
    step: usize,
    count: usize,
}

/// For each output row (or column), the input rows (or columns) of its window, cut at the border.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::interpret) struct Windows(Vec<Window>);

impl Windows {
    /// `output` windows of `kernel` elements, `dilation` apart, the first one `padding` before the input of size `input`.
    pub fn strided(
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
    ) -> Self {
        // In 128 bits, because attributes of 64 bits meet here.
        let [size, kernel, stride, padding, step] =
            [input, kernel, stride, padding, dilation].map(|value| value as i128);
        let window = |index: usize| {
            let first = index as i128 * stride - padding;
            let skipped = if first < 0 { (step - 1 - first) / step } else { 0 };
            let start = first + skipped * step;
            let count = (kernel - skipped).min((size - start + step - 1).div_euclid(step)).max(0);
            // An empty window has no start; any does.
            let narrow = |value: i128| usize::try_from(value).unwrap_or_default();
            Window { start: narrow(start.min(size)), step: dilation, count: narrow(count) }
        };
        Self((0..output).map(window).collect())
    }

    /// Windows `[start, end)` from a flat list of pairs, within an input of size `input`.
    pub fn listed(bounds: &[i64], input: usize, name: &str) -> Result<Self, Problem> {
        let (pairs, rest) = bounds.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(format!("`{name}` has an odd number of bounds").into());
        }
        let window = |&[start, end]: &[i64; 2]| {
            let (start, end) = (size(start, name, 0)?, size(end, name, 0)?);
            if start > end || end > input {
                return Err(
                    format!("`{name}` has a window [{start}, {end}) outside the image, {input}").into()
                );
            }
            Ok(Window { start, step: 1, count: end - start })
        };
        Ok(Self(pairs.iter().map(window).collect::<Result<_, Problem>>()?))
    }

    /// The windows of PyTorch's adaptive pools: `output` parts of the input, which overlap where it does not divide.
    pub fn adaptive(input: usize, output: usize) -> Self {
        let window = |part: usize| {
            let (start, end) = (part * input / output, ((part + 1) * input).div_ceil(output));
            Window { start, step: 1, count: end - start }
        };
        Self((0..output).map(window).collect())
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Number of input rows (or columns) of each window.
    pub fn lengths(&self) -> Vec<f64> {
        self.0.iter().map(|window| window.count as f64).collect()
    }
}

/// Maximum over windows, each of which must reach into the image; NaN wins.
pub(in crate::interpret) fn max_pool(
    input: &[usize],
    rows: Windows,
    columns: Windows,
) -> Result<Kernel, Problem> {
    let [channels, height, width] = image(input)?;
    if rows.0.iter().chain(&columns.0).any(|window| window.count == 0) {
        return Err("a window lies in the padding only".into());
    }
    let maximum = |best: f64, x: f64| if x > best || x.is_nan() { x } else { best };
    unary(vec![channels, rows.len(), columns.len()], 1.0, move |input, output| {
        fold(input, [height, width], &rows, &columns, output, f64::NEG_INFINITY, maximum);
    })
}

/// Sum over windows, in row-major order, then `finish(sum, factor)` with the factor of the output position.
pub(in crate::interpret) fn sum_pool(
    input: &[usize],
    rows: Windows,
    columns: Windows,
    factors: Vec<f64>,
    finish: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    let [channels, height, width] = image(input)?;
    let longest = |windows: &Windows| windows.lengths().into_iter().fold(0.0, f64::max);
    let largest = factors.iter().fold(1.0, |largest, factor| f64::max(largest, factor.abs()));
    let gain = longest(&rows) * longest(&columns) * largest;
    if factors.len() != rows.len() * columns.len() {
        return Err(
            format!("{} factors for {} x {} windows", factors.len(), rows.len(), columns.len()).into()
        );
    }
    unary(vec![channels, rows.len(), columns.len()], gain, move |input, output| {
        fold(input, [height, width], &rows, &columns, output, 0.0, |sum, x| sum + x);
        for plane in output.chunks_exact_mut(factors.len()) {
            for (result, &factor) in plane.iter_mut().zip(&factors) {
                *result = finish(*result, factor);
            }
        }
    })
}

fn fold(
    input: &[f64],
    [height, width]: [usize; 2],
    rows: &Windows,
    columns: &Windows,
    output: &mut [f64],
    start: f64,
    f: impl Fn(f64, f64) -> f64,
) {
    let planes = input.chunks_exact(height * width).zip(output.chunks_exact_mut(rows.len() * columns.len()));
    for (plane, output) in planes {
        for (window_rows, results) in rows.0.iter().zip(output.chunks_exact_mut(columns.len())) {
            for (window_columns, result) in columns.0.iter().zip(results) {
                let mut value = start;
                for y in 0..window_rows.count {
                    let row = &plane[(window_rows.start + y * window_rows.step) * width..][..width];
                    let elements = row[window_columns.start..].iter().step_by(window_columns.step);
                    value = elements.take(window_columns.count).fold(value, |value, &x| f(value, x));
                }
                *result = value;
            }
        }
    }
}

//! Pools over windows of any number of axes.

use super::{Kernel, unary};
use crate::interpret::decode::{Problem, size};

/// The input elements of one window along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    start: usize,
    step: usize,
    count: usize,
}

/// For each output along one axis, the inputs of its window, cut at the border.
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

    /// Number of inputs of each window.
    pub fn lengths(&self) -> Vec<f64> {
        self.0.iter().map(|window| window.count as f64).collect()
    }
}

/// Maximum over windows, one list for each axis behind the channels; each must reach into the image. NaN wins.
pub(in crate::interpret) fn max_pool(input: &[usize], axes: Vec<Windows>) -> Result<Kernel, Problem> {
    if axes.iter().any(|windows| windows.0.iter().any(|window| window.count == 0)) {
        return Err("a window lies in the padding only".into());
    }
    let maximum = |best: f64, x: f64| if x > best || x.is_nan() { x } else { best };
    let image = Image::new(input, axes)?;
    unary(image.result(), 1.0, move |input, output| {
        image.fold(input, output, f64::NEG_INFINITY, maximum);
    })
}

/// Sum over windows, one list for each axis behind the channels, in row-major order; then `finish(sum, factor)` with the
/// factor of the output position.
pub(in crate::interpret) fn sum_pool(
    input: &[usize],
    axes: Vec<Windows>,
    factors: Vec<f64>,
    finish: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
) -> Result<Kernel, Problem> {
    let longest = |windows: &Windows| windows.lengths().into_iter().fold(0.0, f64::max);
    let largest = factors.iter().fold(1.0, |largest, factor| f64::max(largest, factor.abs()));
    let gain = axes.iter().map(longest).product::<f64>() * largest;
    let image = Image::new(input, axes)?;
    let windows = image.result()[1..].iter().product::<usize>();
    if factors.len() != windows {
        return Err(format!("{} factors for {windows} windows", factors.len()).into());
    }
    unary(image.result(), gain, move |input, output| {
        image.fold(input, output, 0.0, |sum, x| sum + x);
        for plane in output.chunks_exact_mut(factors.len()) {
            for (result, &factor) in plane.iter_mut().zip(&factors) {
                *result = finish(*result, factor);
            }
        }
    })
}

/// Channels, and what is pooled behind them.
struct Image {
    channels: usize,
    /// Elements of a channel.
    plane: usize,
    /// Windows of each axis and the distance of neighbours on it.
    axes: Vec<(Windows, usize)>,
}

impl Image {
    fn new(input: &[usize], axes: Vec<Windows>) -> Result<Self, Problem> {
        match input {
            &[channels, ref sizes @ ..] if sizes.len() == axes.len() && !axes.is_empty() => {
                let behind = |axis: usize| sizes[axis + 1..].iter().product();
                let axes = axes.into_iter().enumerate().map(|(axis, windows)| (windows, behind(axis)));
                Ok(Self { channels, plane: sizes.iter().product(), axes: axes.collect() })
            }
            _ => {
                Err(format!("expected an operand of channels and {} axes, found shape {input:?}", axes.len())
                    .into())
            }
        }
    }

    fn result(&self) -> Vec<usize> {
        std::iter::once(self.channels).chain(self.axes.iter().map(|(windows, _)| windows.len())).collect()
    }

    fn fold(&self, input: &[f64], output: &mut [f64], start: f64, f: impl Fn(f64, f64) -> f64) {
        let windows = self.axes.iter().map(|(windows, _)| windows.len()).product();
        let mut chosen = vec![0; self.axes.len()];
        for (plane, results) in input.chunks_exact(self.plane).zip(output.chunks_exact_mut(windows)) {
            chosen.fill(0);
            for result in results {
                *result = window(plane, &self.axes, &chosen, 0, start, &f);
                for (index, (windows, _)) in chosen.iter_mut().zip(&self.axes).rev() {
                    *index += 1;
                    if *index < windows.len() {
                        break;
                    }
                    *index = 0;
                }
            }
        }
    }
}

/// Folds one window, given by its number on each axis, onto `value`; `offset` is where the outer axes lead.
fn window(
    plane: &[f64],
    axes: &[(Windows, usize)],
    chosen: &[usize],
    offset: usize,
    value: f64,
    f: &impl Fn(f64, f64) -> f64,
) -> f64 {
    let (Some(((windows, distance), inner)), Some((&index, chosen))) =
        (axes.split_first(), chosen.split_first())
    else {
        return value;
    };
    let Window { start, step, count } = windows.0[index];
    if inner.is_empty() {
        let elements = plane[(offset + start).min(plane.len())..].iter().step_by(step);
        return elements.take(count).fold(value, |value, &x| f(value, x));
    }
    (0..count).fold(value, |value, tap| {
        window(plane, inner, chosen, offset + (start + tap * step) * distance, value, f)
    })
}

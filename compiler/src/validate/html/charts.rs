//! The charts of the page.

use super::{
    PageError,
    canvas::{Axes, Caption, FINE, Labels, axes, draw, text},
    numbers::{count, ending, percent, tick},
    palette::{FLOAT, INK, INTEGER, SPIKING},
};
use crate::validate::{
    curve::Curve,
    report::{LayerReport, Settled, SpikeHistogram},
};
use maud::Markup;
use plotters::{
    element::{PathElement, Rectangle, Text},
    prelude::{DashedLineSeries, LineSeries},
    style::{
        Color, RGBColor,
        text_anchor::{HPos, Pos, VPos},
    },
};

/// Pixels of a chart across; it is shown between 0.8 and 1.3 times as large.
const WIDTH: u32 = 440;

/// About how many numbers stand at an axis of whole numbers that is so long.
pub fn whole(span: f64) -> usize {
    span.clamp(1.0, 6.0) as usize
}

/// Accuracy and agreement over steps.
pub fn curve(curve: &Curve, float: Option<f64>) -> Result<Markup, PageError> {
    let last = f64::from(curve.steps.last().copied().unwrap_or(1));
    let end = |values: &[f64]| percent(values.last().copied().unwrap_or(0.0), 2);
    let mut description = format!(
        "After {last:.0} steps {} of the answers are those of the float network.",
        end(&curve.agreement)
    );
    if let Some(accuracy) = &curve.accuracy {
        description += &format!(" The accuracy of the spiking network is {} then.", end(accuracy));
    }
    if let Some(float) = float {
        description += &format!(" The float network has {}.", percent(float, 2));
    }
    let caption = Caption {
        id: "curve",
        title: "Accuracy and agreement over the number of steps",
        description: &description,
    };
    draw(&caption, (WIDTH, 290), |area| {
        let labels = Labels {
            x: "steps",
            y: "images (%)",
            x_tick: &|x| tick(*x, last.max(5.0)),
            y_tick: &|y| tick(*y, 100.0),
            left: 58,
            ticks: (whole(last), 6),
        };
        let mut chart = axes(area, 0.0..last, 0.0..101.0, &labels)?;
        let line = |values: &[f64]| {
            // Before its first step a network has no answer.
            let points =
                curve.steps.iter().zip(values).map(|(&steps, &value)| (f64::from(steps), 100.0 * value));
            points.collect::<Vec<_>>()
        };
        if let Some(float) = float {
            let points = [(0.0, 100.0 * float), (last, 100.0 * float)];
            let dashes =
                DashedLineSeries::new(points, 6 * FINE, 4 * FINE, FLOAT.light.stroke_width(2 * FINE));
            chart.draw_series(dashes)?;
        }
        chart.draw_series(LineSeries::new(line(&curve.agreement), INTEGER.light.stroke_width(2 * FINE)))?;
        if let Some(accuracy) = &curve.accuracy {
            chart.draw_series(LineSeries::new(line(accuracy), SPIKING.light.stroke_width(5 * FINE / 2)))?;
        }
        Ok(())
    })
}

/// Errors of all layers that the float network has.
pub fn errors(layers: &[LayerReport]) -> Result<Option<Markup>, PageError> {
    let rows = layers
        .iter()
        .filter_map(|layer| Some((layer.name.as_str(), 100.0 * layer.error?, 100.0 * layer.spiking_error?)))
        .filter(|(_, integer, spiking)| integer.is_finite() && spiking.is_finite())
        .collect::<Vec<_>>();
    if rows.is_empty() {
        return Ok(None);
    }
    let largest = rows.iter().fold(0.0_f64, |most, &(_, integer, spiking)| most.max(integer).max(spiking));
    let description = format!("{} layers; the largest error is {largest:.1} %.", rows.len());
    let caption =
        Caption { id: "errors", title: "Error of each layer's activations", description: &description };
    let most = if largest > 0.0 { 1.05 * largest } else { 1.0 };
    let chart = draw(&caption, (WIDTH, 60 + 30 * rows.len() as u32), |area| {
        let labels = Labels {
            x: "rms error (%)",
            y: "",
            x_tick: &|x| tick(*x, most),
            y_tick: &|_| String::new(),
            left: 126,
            ticks: (6, 0),
        };
        let mut chart = axes(area, 0.0..most, 0.0..rows.len() as f64, &labels)?;
        for (index, &(name, integer, spiking)) in rows.iter().enumerate() {
            let top = (rows.len() - index) as f64;
            label(area, &chart, name, top - 0.5)?;
            let bar = |value: f64, from: f64, color: RGBColor| {
                Rectangle::new([(0.0, top - from), (value, top - from - 0.32)], color.filled())
            };
            chart.draw_series([bar(integer, 0.16, INTEGER.light), bar(spiking, 0.52, SPIKING.light)])?;
        }
        Ok(())
    })?;
    Ok(Some(chart))
}

/// Writes a layer's name to the left of the chart, at a height of its axis.
pub fn label(
    area: &super::canvas::Area<'_>,
    chart: &Axes<'_, '_>,
    name: &str,
    height: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let (left, y) = chart.backend_coord(&(0.0, height));
    let style = text().color(&INK.light).pos(Pos::new(HPos::Right, VPos::Center));
    area.draw(&Text::new(ending(name, 15), (left - 8 * FINE as i32, y), style))?;
    Ok(())
}

/// How many spikes the neurons of a layer send: those that send any.
pub fn spikes(index: usize, layer: &LayerReport, histogram: &SpikeHistogram) -> Result<Markup, PageError> {
    let all = histogram.counts.iter().sum::<u64>().max(1) as f64;
    let silent = histogram.counts.first().copied().unwrap_or(0) as f64 / all;
    let width = f64::from(histogram.bin_width);
    let shares = histogram.counts.iter().skip(1).map(|&count| 100.0 * count as f64 / all).collect::<Vec<_>>();
    let last = shares.iter().rposition(|&share| share > 0.0).map_or(1, |last| last + 1) as f64;
    let most = shares.iter().copied().fold(0.0, f64::max);
    let most = if most > 0.0 { 1.08 * most } else { 1.0 };
    let id = format!("spikes-{index}");
    let title = format!("Spikes of the neurons of {}", layer.name);
    let description = format!(
        "For an image {} of the neurons send no spike; a neuron sends {:.2} on average.",
        percent(silent, 1),
        layer.spikes_per_neuron
    );
    draw(&Caption { id: &id, title: &title, description: &description }, (260, 170), |area| {
        let labels = Labels {
            x: "spikes per image",
            y: "neurons (%)",
            x_tick: &|x| tick(*x, (last * width).max(5.0)),
            y_tick: &|y| tick(*y, most),
            left: 58,
            ticks: (whole(last * width).min(5), 4),
        };
        let mut chart = axes(area, 0.5..last * width + 0.5, 0.0..most, &labels)?;
        let bars = shares.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(bin, &share)| {
            let from = bin as f64 * width + 0.5;
            let gap = 0.06 * width;
            Rectangle::new([(from + gap, 0.0), (from + width - gap, share)], SPIKING.light.filled())
        });
        chart.draw_series(bars)?;
        Ok(())
    })
}

/// Steps after which images had settled, beside the proved bound.
pub fn settled(settled: &Settled, mean: f64) -> Result<Markup, PageError> {
    let (Some(first), Some(last)) = (settled.histogram.first(), settled.histogram.last()) else {
        return Err(PageError("settled has a histogram without bins".to_owned()));
    };
    let description = format!(
        "Half of the images had settled after {} steps, 99 % after {}; the mean is {mean:.1}.",
        settled.p50, settled.p99
    );
    let caption =
        Caption { id: "settled", title: "Steps until images had settled", description: &description };
    let most = settled.histogram.iter().map(|bin| bin.images).max().unwrap_or(1).max(1) as f64 * 1.08;
    let range = f64::from(first.from) - 0.5..f64::from(last.to) + 0.5;
    draw(&caption, (WIDTH, 250), |area| {
        let span = range.end - range.start;
        let labels = Labels {
            x: "steps",
            y: "images",
            x_tick: &|x| tick(*x, span.max(5.0)),
            y_tick: &|y| count(*y),
            left: 66,
            ticks: (whole(span), whole(most).min(5)),
        };
        let mut chart = axes(area, range.clone(), 0.0..most, &labels)?;
        let bars = settled.histogram.iter().map(|bin| {
            let (from, to) = (f64::from(bin.from) - 0.5, f64::from(bin.to) + 0.5);
            let gap = 0.06 * (to - from);
            Rectangle::new([(from + gap, 0.0), (to - gap, bin.images as f64)], SPIKING.light.filled())
        });
        chart.draw_series(bars)?;
        let mark = PathElement::new([(mean, 0.0), (mean, most)], INTEGER.light.stroke_width(2 * FINE));
        chart.draw_series([mark])?;
        Ok(())
    })
}

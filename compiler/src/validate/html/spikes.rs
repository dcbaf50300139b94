//! The spikes of one image: time from left to right, a row for each neuron.

use super::{
    PageError,
    canvas::{Caption, Labels, axes, draw},
    charts::{label, whole},
    numbers::tick,
    palette::{INTEGER, SPIKING},
};
use crate::validate::{raster::Raster, report::LayerReport};
use maud::Markup;
use plotters::{element::Rectangle, style::Color};

/// Pixels of a row, and rows left free between layers.
const ROW: u32 = 4;
const GAP: usize = 3;

/// Fewest rows of a layer: its name needs as many.
const LEAST: usize = 4;

/// Draws a raster; `None` if nothing was sent.
pub fn raster(raster: &Raster, layers: &[LayerReport]) -> Result<Option<Markup>, PageError> {
    let shown = raster.layers.iter().zip(layers).collect::<Vec<_>>();
    if raster.steps == 0 || shown.iter().all(|(layer, _)| layer.neurons.is_empty()) {
        return Ok(None);
    }
    let rows = |neurons: usize| neurons.max(LEAST) + GAP;
    let all = shown.iter().map(|(layer, _)| rows(layer.neurons.len())).sum::<usize>();
    let spikes = shown.iter().flat_map(|(layer, _)| &layer.neurons).map(|neuron| marks(&neuron.spikes).len());
    let description = format!(
        "{} spikes of {} neurons in {} layers over {} steps. Activity moves from the first layer, at the top, to the last.",
        spikes.sum::<usize>(),
        shown.iter().map(|(layer, _)| layer.neurons.len()).sum::<usize>(),
        shown.len(),
        raster.steps
    );
    let caption = Caption { id: "raster", title: "Spikes of the first image", description: &description };
    let steps = f64::from(raster.steps);
    let chart = draw(&caption, (440, 54 + ROW * all as u32), |area| {
        let labels = Labels {
            x: "step",
            y: "",
            x_tick: &|x| tick(*x, steps.max(5.0)),
            y_tick: &|_| String::new(),
            left: 126,
            ticks: (whole(steps), 0),
        };
        let mut chart = axes(area, 0.0..steps, 0.0..all as f64, &labels)?;
        let mut top = all as f64 - GAP as f64 / 2.0;
        for (layer, report) in &shown {
            let height = layer.neurons.len().max(LEAST) as f64;
            label(area, &chart, &report.name, top - height / 2.0)?;
            for (row, neuron) in layer.neurons.iter().enumerate() {
                let y = top - row as f64;
                let bars = marks(&neuron.spikes).into_iter().map(|(step, is_positive)| {
                    let color = if is_positive { SPIKING.light } else { INTEGER.light };
                    // Neighbours in time stay apart.
                    Rectangle::new([(step + 0.08, y - 0.1), (step + 0.92, y - 0.9)], color.filled())
                });
                chart.draw_series(bars)?;
            }
            top -= rows(layer.neurons.len()) as f64;
        }
        Ok(())
    })?;
    Ok(Some(chart))
}

/// Steps of the spikes, and whether they are positive.
fn marks(letters: &str) -> Vec<(f64, bool)> {
    let marks = letters.bytes().enumerate().filter(|(_, letter)| *letter != b'.');
    marks.map(|(step, letter)| (step as f64, letter == b'+')).collect()
}

//! Tables: of layers, of passes, of where the figures come from, and of the numbers behind each chart.

use super::numbers::{count, datum, percent, short};
use crate::validate::{
    curve::Curve,
    raster::Raster,
    report::{LayerReport, Report, Settled, SpikeHistogram},
};
use maud::{Markup, html};
use neurocuda_runtime::loihi::{report::ChipReport, simulate::Counts};

/// Most rows of a curve's table; the JSON report has all points.
const MOST_ROWS: usize = 25;

/// A table with a heading for each column. Of each row the first cell is a heading too.
fn table(caption: &str, heads: &[&str], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    html! {
        table {
            caption.unseen { (caption) }
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (index, cell) in row.into_iter().enumerate() {
                            @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

fn text(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}

/// Points of a curve, evenly spaced.
pub fn curve(curve: &Curve) -> Markup {
    let last = curve.steps.len().saturating_sub(1);
    let stride = curve.steps.len().div_ceil(MOST_ROWS).max(1);
    let chosen = (0..=last).filter(|point| point % stride == 0 || *point == last).collect::<Vec<_>>();
    let at = |values: &[f64], point: usize| {
        text(values.get(point).map_or("–".to_owned(), |&value| percent(value, 2)))
    };
    let accuracy = curve.accuracy.as_deref();
    let rows = chosen.into_iter().map(|point| {
        vec![
            text(count(curve.steps.get(point).copied().unwrap_or(0).into())),
            at(accuracy.unwrap_or_default(), point),
            at(&curve.agreement, point),
        ]
    });
    table("Accuracy and agreement over steps", &["steps", "accuracy", "agreement"], rows)
}

/// Images by the steps until they had settled.
pub fn settled(settled: &Settled) -> Markup {
    let rows = settled.histogram.iter().map(|bin| {
        let steps =
            if bin.from == bin.to { count(bin.from.into()) } else { format!("{}–{}", bin.from, bin.to) };
        vec![text(steps), text(count(bin.images as f64))]
    });
    table("Images by steps until silence", &["steps", "images"], rows)
}

/// What the cores of each layer do, for an image on average.
pub fn cores(chips: &ChipReport) -> Markup {
    let images = chips.images.max(1) as f64;
    let rows = chips.cores.chunk_by(|a, b| a.layer == b.layer).map(|cores| {
        let mean = |of: fn(&Counts) -> u64| {
            text(count(cores.iter().map(|core| of(&core.counts)).sum::<u64>() as f64 / images))
        };
        vec![
            text(cores.first().map_or("", |core| core.layer.as_str())),
            text(count(cores.len() as f64)),
            mean(|counts| counts.updates),
            mean(|counts| counts.spikes),
            mean(|counts| counts.messages),
            mean(|counts| counts.synaptic_operations),
        ]
    });
    let heads = ["layer", "cores", "updates", "spikes", "messages", "synaptic operations"];
    table("What the cores of each layer do", &heads, rows)
}

/// Errors of each layer.
pub fn errors(report: &Report) -> Markup {
    let share = |value: Option<f64>| text(value.map_or("–".to_owned(), |value| percent(value, 2)));
    let rows = report.layers.iter().map(|layer| {
        vec![text(&layer.name), share(layer.error), share(layer.spiking_error), share(layer.saturated)]
    });
    table("Error of each layer", &["layer", "integer", "spiking", "saturated"], rows)
}

/// What is known of each layer.
pub fn layers(report: &Report) -> Markup {
    let field = |index: usize, name: &str| format!("/layers/{index}/{name}");
    let row = |(index, layer): (usize, &LayerReport)| {
        let share = |name: &str, value: Option<f64>, digits: usize| match value {
            Some(value) => datum(&field(index, name), value, &percent(value, digits)),
            None => text("–"),
        };
        let number = |name: &str, value: f64, text: String| datum(&field(index, name), value, &text);
        let neurons = |name: &str, value: Option<u64>| match value {
            Some(value) => datum(&field(index, name), value as f64, &count(value as f64)),
            None => text("–"),
        };
        vec![
            text(&layer.name),
            number("neurons", layer.neurons as f64, count(layer.neurons as f64)),
            number("spikes_per_image", layer.spikes_per_image, count(layer.spikes_per_image)),
            number("spikes_per_neuron", layer.spikes_per_neuron, short(layer.spikes_per_neuron)),
            number("firing_rate", layer.firing_rate, short(layer.firing_rate)),
            share("error", layer.error, 2),
            share("spiking_error", layer.spiking_error, 2),
            share("saturated", layer.saturated, 3),
            neurons("dead", layer.dead),
            neurons("always_saturated", layer.always_saturated),
            number("membrane_bound", layer.membrane_bound as f64, count(layer.membrane_bound as f64)),
        ]
    };
    let heads = [
        "layer",
        "neurons",
        "spikes / image",
        "spikes / neuron",
        "per neuron and step",
        "error, integer",
        "error, spiking",
        "saturated",
        "dead neurons",
        "always saturated",
        "membrane bound",
    ];
    let images = report.layers.first().map_or(0, |layer| layer.layer_images);
    html! {
        section.card {
            h2 { "Neurons of each layer" }
            p {
                "Spikes are means over all images; errors, saturation, dead neurons (never a spike) and neurons that are always at the \
                 largest count are of the first " (count(images as f64)) " images."
            }
            div.scroll tabindex="0" { (table("Layers of neurons", &heads, report.layers.iter().enumerate().map(row))) }
        }
    }
}

/// Fraction of neurons without any spike.
pub fn silent(histogram: &SpikeHistogram) -> String {
    let all = histogram.counts.iter().sum::<u64>().max(1) as f64;
    percent(histogram.counts.first().copied().unwrap_or(0) as f64 / all, 1)
}

/// Neurons by their spikes.
pub fn histogram(histogram: &SpikeHistogram) -> Markup {
    let width = u64::from(histogram.bin_width);
    let all = histogram.counts.iter().sum::<u64>().max(1) as f64;
    let last = histogram.counts.len().saturating_sub(1);
    let rows = histogram.counts.iter().enumerate().map(|(bin, &neurons)| {
        let (from, to) = ((bin as u64).saturating_sub(1) * width + 1, bin as u64 * width);
        let spikes = match bin {
            0 => "0".to_owned(),
            bin if bin == last => format!("{from} and more"),
            _ if from == to => from.to_string(),
            _ => format!("{from}–{to}"),
        };
        vec![text(spikes), text(percent(neurons as f64 / all, 2))]
    });
    table("Neurons by spikes per image", &["spikes", "neurons"], rows)
}

/// What the raster shows, layer by layer.
pub fn raster(raster: &Raster, layers: &[LayerReport]) -> Markup {
    let rows = raster.layers.iter().zip(layers).map(|(layer, report)| {
        let spikes = |letter: char| {
            layer.neurons.iter().map(|neuron| neuron.spikes.matches(letter).count()).sum::<usize>() as f64
        };
        let first = layer.neurons.iter().filter_map(|neuron| neuron.spikes.find(['+', '-'])).min();
        let last = layer.neurons.iter().map(|neuron| neuron.spikes.len()).max().filter(|&length| length > 0);
        let step = |step: Option<usize>| text(step.map_or("–".to_owned(), |step| count(step as f64)));
        vec![
            text(&report.name),
            text(count(layer.active as f64)),
            text(count(layer.neurons.len() as f64)),
            text(count(spikes('+'))),
            text(count(spikes('-'))),
            step(first),
            step(last.map(|last| last - 1)),
        ]
    });
    let heads = ["layer", "neurons that spike", "shown", "spikes +", "spikes −", "first step", "last step"];
    table("Spikes of the first image", &heads, rows)
}

/// What each pass of the compiler did.
pub fn passes(report: &Report) -> Markup {
    let Some(passes) = &report.passes else { return html! {} };
    let measured = passes.iter().any(|pass| pass.change.is_some());
    let rows = passes.iter().map(|pass| {
        let change = pass.change.map_or_else(|| "not measured".to_owned(), |change| change.to_string());
        vec![text(&pass.pass), text(format!("{} → {}", pass.ops[0], pass.ops[1])), text(change)]
    });
    html! {
        section.card {
            h2 { "Passes" }
            p {
                "What each pass of the compiler did to the network"
                @if measured { ", and by how much it changed the outputs, measured while it was compiled." }
                @else { ". How much each changed the outputs is measured by compiling with --validate-each." }
            }
            div.scroll.words tabindex="0" { (table("Passes of the compiler", &["pass", "ops", "change of the outputs"], rows)) }
        }
    }
}

/// What the report is of.
pub fn provenance(report: &Report) -> Markup {
    let provenance = &report.provenance;
    let line = |name: &str, value: &str| {
        html! { @if !value.is_empty() { dt { (name) } dd { code { (value) } } } }
    };
    html! {
        section.card {
            h2 { "Provenance" }
            dl {
                (line("command", &provenance.command))
                (line("compiled by", &provenance.producer))
                (line("artifact", &provenance.artifact))
                (line("model", &provenance.model))
                (line("calibration", provenance.calibration.as_deref().unwrap_or_default()))
                @for data in &provenance.data { (line("test images", data)) }
            }
            p.note { "Hashes are the first 128 bits of BLAKE3." }
        }
    }
}

//! The page, part by part.

use super::{
    PageError, charts,
    numbers::{count, datum, percent, short},
    spikes, tables,
};
use crate::validate::{
    report::Report,
    statistics::{Interval, McNemarMethod},
};
use maud::{Markup, PreEscaped, html};
use neurocuda_runtime::artifact::program::Schedule;

/// Everything below the heading.
pub fn all(report: &Report) -> Result<Markup, PageError> {
    Ok(html! {
        section.tiles aria-label="Summary" { (accuracy(report)) (agreement(report)) (operations(report)) (steps(report)) }
        (gates(report))
        (time(report)?)
        div.pair.stacks {
            div { (errors(report)?) (activity(report)?) }
            div { (raster(report)?) }
        }
        (cores(report))
        (tables::layers(report))
        (tables::passes(report))
        (tables::provenance(report))
    })
}

/// The cores of Loihi 2, if it was them that ran.
fn cores(report: &Report) -> Markup {
    let Some(chips) = &report.chips else { return html! {} };
    let mean = |field: &str, value: f64| datum(&format!("/chips/per_image/{field}"), value, &count(value));
    let per_image = &chips.per_image;
    html! {
        section.card {
            h2 { "Cores" }
            p {
                (count(chips.cores.len() as f64)) " cores of “" (chips.chip) "” were simulated. An image takes "
                (mean("updates", per_image.updates)) " runs of a neuron’s program, " (mean("spikes", per_image.spikes)) " spikes, "
                (mean("messages", per_image.messages)) " messages over " (mean("hops", per_image.hops)) " hops, and "
                (mean("synaptic_operations", per_image.synaptic_operations)) " synaptic operations. A square is a core: the darker, the more \
                of those."
            }
            figure { div.scroll tabindex="0" { (PreEscaped(chips.mesh_svg())) } }
            p.note {
                "An estimate, not a measurement: "
                (datum("/chips/estimate/microjoules_per_image", chips.estimate.microjoules_per_image, &short(chips.estimate.microjoules_per_image)))
                " µJ of dynamic energy and "
                (datum("/chips/estimate/microseconds_per_image", chips.estimate.microseconds_per_image, &short(chips.estimate.microseconds_per_image)))
                " µs an image, with the constants of " (chips.estimate.source) "."
            }
            details { summary { "By layer" } div.scroll tabindex="0" { (tables::cores(chips)) } }
        }
    }
}

/// A figure that counts, with what it means below.
fn tile(name: &str, figure: Markup, more: Markup) -> Markup {
    html! {
        div.card.tile {
            h2 { (name) }
            p.figure { (figure) }
            (more)
        }
    }
}

fn interval(field: &str, [low, high]: Interval) -> Markup {
    html! {
        span.interval {
            "95 %: "
            (datum(&format!("{field}/0"), low, &format!("{:.2}", 100.0 * low)))
            "–"
            (datum(&format!("{field}/1"), high, &percent(high, 2)))
        }
    }
}

fn accuracy(report: &Report) -> Markup {
    let Some(accuracy) = &report.accuracy else {
        return tile("Accuracy", html! { "–" }, html! { p { "not measured: no class labels" } });
    };
    let line = |name: &str, field: &str, value: f64, range: Interval| {
        html! {
            tr {
                th scope="row" { (name) }
                td { (datum(&format!("/accuracy/{field}"), value, &percent(value, 2))) }
                td { (interval(&format!("/accuracy/{field}_interval"), range)) }
            }
        }
    };
    let test = accuracy.mcnemar;
    let method = match test.method {
        McNemarMethod::Exact => "exact",
        McNemarMethod::ChiSquare => "χ²",
    };
    tile(
        "Accuracy",
        html! { (datum("/accuracy/snn", accuracy.snn, &percent(accuracy.snn, 2))) span.unit { " spiking network" } },
        html! {
            table.small {
                caption.unseen { "Accuracy of the three networks" }
                (line("spiking", "snn", accuracy.snn, accuracy.snn_interval))
                (line("integer", "integer", accuracy.integer, accuracy.integer_interval))
                (line("float", "float", accuracy.float, accuracy.float_interval))
            }
            p {
                "Drop " (datum("/accuracy/drop_points", accuracy.drop_points, &format!("{:.2}", accuracy.drop_points)))
                " ± " (datum("/accuracy/drop_standard_error", accuracy.drop_standard_error, &format!("{:.2}", accuracy.drop_standard_error)))
                " points. Right in one network only: " (datum("/accuracy/mcnemar/only_float", test.only_float as f64, &count(test.only_float as f64)))
                " float, " (datum("/accuracy/mcnemar/only_snn", test.only_snn as f64, &count(test.only_snn as f64)))
                " spiking; McNemar " (method) " p = " (datum("/accuracy/mcnemar/p", test.p, &short(test.p))) "."
            }
        },
    )
}

fn agreement(report: &Report) -> Markup {
    let logits = report.logits;
    let figure = match report.agreement {
        Some(agreement) => datum("/agreement", agreement, &percent(agreement, 2)),
        None => html! { "–" },
    };
    tile(
        "Agreement",
        figure,
        html! {
            p {
                "of the answers are the float network’s"
                @if let Some(range) = report.agreement_interval { "; " (interval("/agreement_interval", range)) }
                "."
            }
            @if logits.compared > 0 {
                p {
                    (datum("/logits/equal", logits.equal as f64, &count(logits.equal as f64))) " of "
                    (datum("/logits/compared", logits.compared as f64, &count(logits.compared as f64)))
                    " integer logits equal those of the integer network."
                }
            }
            @for (index, output) in report.outputs.iter().enumerate() {
                @if let Some(error) = output.error {
                    p { "Output " (output.name) ": rms error " (datum(&format!("/outputs/{index}/error"), error, &percent(error, 2))) "." }
                }
            }
        },
    )
}

fn operations(report: &Report) -> Markup {
    let figure = match report.sops_per_mac {
        Some(ratio) => html! { (datum("/sops_per_mac", ratio, &short(ratio))) span.unit { " SOPs per MAC" } },
        None => html! { "–" },
    };
    tile(
        "Operations",
        figure,
        html! {
            p {
                (datum("/sops_per_image", report.sops_per_image, &count(report.sops_per_image)))
                " synaptic operations for an image; the float network multiplies and adds "
                (datum("/macs_per_image", report.macs_per_image, &count(report.macs_per_image))) " times."
            }
            p {
                (datum("/spikes_per_image", report.spikes_per_image, &count(report.spikes_per_image))) " spikes for an image; "
                (datum("/neurons/converted", report.neurons.converted as f64, &count(report.neurons.converted as f64))) " of "
                (datum("/neurons/found", report.neurons.found as f64, &count(report.neurons.found as f64)))
                " nonlinear elements are neurons."
            }
        },
    )
}

fn steps(report: &Report) -> Markup {
    let steps = &report.steps;
    let bound = datum("/steps/bound", steps.bound.into(), &count(steps.bound.into()));
    let Some(mean) = steps.settled_mean else {
        let text = "steps for every image; plain integrate-and-fire approximates and does not settle.";
        return tile("Steps", bound, html! { p { (text) } });
    };
    tile(
        "Steps",
        html! { (datum("/steps/settled_mean", mean, &short(mean))) span.unit { " on average" } },
        html! {
            @if let Some(settled) = &steps.settled {
                p {
                    "Settled after " (datum("/steps/settled/p50", settled.p50.into(), &count(settled.p50.into())))
                    " steps (half of the images), " (datum("/steps/settled/p90", settled.p90.into(), &count(settled.p90.into())))
                    " (90 %), " (datum("/steps/settled/p99", settled.p99.into(), &count(settled.p99.into()))) " (99 %)"
                    @if let Some(most) = steps.settled_max {
                        ", " (datum("/steps/settled_max", most.into(), &count(most.into()))) " at most"
                    }
                    "."
                }
            }
            @if let Some(exit) = &report.early_exit {
                p {
                    "Logits proved after " (datum("/early_exit/mean_steps_with", exit.mean_steps_with, &short(exit.mean_steps_with)))
                    " on average."
                }
            }
            p { "Proved bound: " (bound) "." }
        },
    )
}

fn gates(report: &Report) -> Markup {
    html! {
        section.card {
            h2 { "Gates" }
            ul.gates {
                @for gate in &report.gates {
                    @let verdict = if gate.passed { "pass" } else { "fail" };
                    li.(verdict) {
                        span.mark { (if gate.passed { "✓" } else { "✗" }) }
                        span { strong { (gate.name) } ": " (gate.detail) }
                    }
                }
            }
            @for note in &report.notes { p.note { (note) } }
        }
    }
}

/// A chart with what its colours mean and its numbers as a table.
fn figure(chart: Markup, legend: &[(&str, &str)], table: Markup) -> Markup {
    html! {
        figure {
            @if !legend.is_empty() {
                ul.legend { @for (color, name) in legend { li { span.swatch.(color) {} (name) } } }
            }
            (chart)
            details { summary { "Numbers" } div.scroll tabindex="0" { (table) } }
        }
    }
}

fn time(report: &Report) -> Result<Markup, PageError> {
    let float = report.accuracy.as_ref().map(|accuracy| accuracy.float);
    let curve = report.curve.as_ref().map(|curve| {
        let mut legend = vec![("integer", "agreement with the float network")];
        if curve.accuracy.is_some() {
            legend.splice(
                ..0,
                [
                    ("spiking", "accuracy of the spiking network"),
                    ("float dashed", "accuracy of the float network"),
                ],
            );
        }
        charts::curve(curve, float).map(|chart| figure(chart, &legend, tables::curve(curve)))
    });
    let curve = curve.transpose()?;
    let mean = report.steps.settled_mean.unwrap_or_default();
    let settled = report.steps.settled.as_ref().map(|settled| {
        let legend = [("spiking", "images"), ("integer", "mean")];
        charts::settled(settled, mean).map(|chart| figure(chart, &legend, tables::settled(settled)))
    });
    let settled = settled.transpose()?;
    Ok(html! {
        @if curve.is_some() || settled.is_some() {
            div.pair {
                @if let Some(curve) = curve {
                    section.card {
                        h2 { "Accuracy over time" }
                        p { "What the network would answer if it stopped after so many steps." }
                        (curve)
                    }
                }
                @if let Some(settled) = settled {
                    section.card {
                        h2 { "Steps until silence" }
                        p { "An image has settled when no neuron sends a spike any more: its answer is final then." }
                        (settled)
                    }
                }
            }
        }
    })
}

fn errors(report: &Report) -> Result<Markup, PageError> {
    let images = report.layers.first().map_or(0, |layer| layer.layer_images);
    let Some(chart) = charts::errors(&report.layers)? else { return Ok(html! {}) };
    let equal = report.schedule != Schedule::Rate;
    let legend = [("integer", "integer network"), ("spiking", "spiking network")];
    Ok(html! {
        section.card {
            h2 { "Layers" }
            p {
                "Difference of each layer’s activations to those of the float network, as root mean square over that of the float \
                 ones, on the first " (count(images as f64)) " images."
                @if equal { " Spikes add up to the integer network’s counts, so both differ equally." }
            }
            (figure(chart, &legend, tables::errors(report)))
        }
    })
}

fn activity(report: &Report) -> Result<Markup, PageError> {
    let mut charts = Vec::new();
    for (index, layer) in report.layers.iter().enumerate() {
        if let Some(histogram) = &layer.spike_histogram {
            charts.push((layer, charts::spikes(index, layer, histogram)?, histogram));
        }
    }
    Ok(html! {
        @if !charts.is_empty() {
            section.card {
                h2 { "Spikes of a neuron" }
                p { "How many spikes the neurons of each layer send for an image. Silent neurons are not drawn." }
                div.multiples {
                    @for (layer, chart, histogram) in charts {
                        figure {
                            h3 { (layer.name) }
                            p.note { (tables::silent(histogram)) " silent · mean " (format!("{:.2}", layer.spikes_per_neuron)) }
                            (chart)
                            details { summary { "Numbers" } div.scroll tabindex="0" { (tables::histogram(histogram)) } }
                        }
                    }
                }
            }
        }
    })
}

fn raster(report: &Report) -> Result<Markup, PageError> {
    let Some(raster) = &report.raster else { return Ok(html! {}) };
    let Some(chart) = spikes::raster(raster, &report.layers)? else { return Ok(html! {}) };
    let has_negative =
        raster.layers.iter().flat_map(|layer| &layer.neurons).any(|neuron| neuron.spikes.contains('-'));
    let graded = report.schedule == Schedule::SigmaDelta;
    let (up, down) =
        if graded { ("rise of a count", "fall of a count") } else { ("spike", "spike that takes one back") };
    let mut legend = vec![("spiking", up)];
    if has_negative {
        legend.push(("integer", down));
    }
    Ok(html! {
        section.card {
            h2 { "One image, spike by spike" }
            p {
                "The first image: a row is a neuron, time runs from left to right. Of each layer some neurons are shown, evenly spaced \
                 among those that sent a spike."
                @if raster.run_steps > raster.steps {
                    " Shown are the first " (count(raster.steps.into())) " of " (count(raster.run_steps.into())) " steps."
                }
            }
            (figure(chart, &legend, tables::raster(raster, &report.layers)))
        }
    })
}

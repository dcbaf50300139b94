//! A validation report as people read it in a terminal.

use crate::output;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use neurocuda_compiler::validate::{report::Report, statistics::Interval};

/// Prints a report.
pub fn print(report: &Report) {
    output::line(facts(report));
    output::line(format!("\n{}\n", layers(report)));
    for note in &report.notes {
        output::line(format!("({note})"));
    }
    for gate in &report.gates {
        output::line(format!("{} {}: {}", if gate.passed { "pass" } else { "FAIL" }, gate.name, gate.detail));
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

/// A fraction and where it lies with 95 % confidence.
fn with_interval(fraction: f64, interval: Option<Interval>) -> String {
    match interval {
        Some([low, high]) => format!("{} ({:.2} to {:.2})", percent(fraction), 100.0 * low, 100.0 * high),
        None => percent(fraction),
    }
}

fn facts(report: &Report) -> Table {
    let mut facts = Table::new();
    facts.load_preset(NOTHING);
    let mut fact = |name: &str, value: String| {
        facts.add_row([name.to_owned(), value]);
    };
    fact("network", format!("{}, {}, {} levels", report.network, report.schedule, report.levels));
    fact("images", report.images.to_string());
    if let Some(accuracy) = report.accuracy {
        let with = |fraction, interval| with_interval(fraction, Some(interval));
        fact("accuracy, float network", with(accuracy.float, accuracy.float_interval));
        fact("accuracy, integer network", with(accuracy.integer, accuracy.integer_interval));
        fact("accuracy, spiking network", with(accuracy.snn, accuracy.snn_interval));
        fact(
            "drop",
            format!(
                "{:.2} ± {:.2} points; McNemar p = {}",
                accuracy.drop_points,
                accuracy.drop_standard_error,
                probability(accuracy.mcnemar.p)
            ),
        );
    }
    for output in &report.outputs {
        let interval = report.agreement_interval.filter(|_| output.agreement == report.agreement);
        let name = if report.outputs.len() == 1 { String::new() } else { format!(", {}", output.name) };
        if let Some(agreement) = output.agreement {
            fact(&format!("agreement with the float network{name}"), with_interval(agreement, interval));
        }
        if let (Some(error), Some(mean), Some(largest)) =
            (output.error, output.mean_error, output.largest_error)
        {
            let errors = format!("{} rms, mean {mean:.3e}, largest {largest:.3e}", percent(error));
            fact(&format!("error of the output{name}"), errors);
        }
    }
    if report.logits.compared > 0 {
        fact(
            "logits equal to the integer network",
            format!("{} of {}", report.logits.equal, report.logits.compared),
        );
    }
    let steps = &report.steps;
    match (steps.settled_max, steps.settled_mean) {
        (Some(most), Some(mean)) => {
            let p99 = steps
                .settled
                .as_ref()
                .map_or_else(String::new, |settled| format!(", {} for 99 %", settled.p99));
            fact(
                "steps",
                format!(
                    "settled after {mean:.1} on average{p99}, {most} at most; proved bound {}",
                    steps.bound
                ),
            );
        }
        _ => fact("steps", steps.bound.to_string()),
    }
    if let Some(exit) = report.early_exit {
        let (with, without) = (exit.mean_steps_with, exit.mean_steps_without);
        fact("early exit", format!("logits proved after {with:.1} steps on average instead of {without:.1}"));
    }
    fact("spikes per image", format!("{:.0}", report.spikes_per_image));
    let ratio = report.sops_per_mac.map_or_else(String::new, |ratio| {
        format!("; {ratio:.2} for each of {:.0} multiply-accumulates", report.macs_per_image)
    });
    fact("synaptic operations per image", format!("{:.0}{ratio}", report.sops_per_image));
    fact(
        "neurons",
        format!("{} of {} nonlinear elements converted", report.neurons.converted, report.neurons.found),
    );
    if let Some(memory) = report.peak_memory_mb {
        fact("peak memory", format!("{memory:.0} MB"));
    }
    fact("time", format!("{:.1} s", report.seconds));
    facts
}

fn layers(report: &Report) -> Table {
    let mut layers = Table::new();
    layers.load_preset(NOTHING).set_header([
        "layer",
        "neurons",
        "spikes/image",
        "per neuron",
        "error",
        "spiking",
        "saturated",
        "dead",
        "membrane bound",
    ]);
    let share = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{:.digits$} %", 100.0 * value))
    };
    for layer in &report.layers {
        layers.add_row([
            layer.name.clone(),
            layer.neurons.to_string(),
            format!("{:.1}", layer.spikes_per_image),
            format!("{:.2}", layer.spikes_per_neuron),
            share(layer.error, 2),
            share(layer.spiking_error, 2),
            share(layer.saturated, 3),
            layer.dead.map_or_else(|| "-".to_owned(), |dead| dead.to_string()),
            layer.membrane_bound.to_string(),
        ]);
    }
    for column in 1..9 {
        if let Some(column) = layers.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    layers
}

/// A probability with the digits that say something.
fn probability(p: f64) -> String {
    if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") }
}

//! From counts to a report, and whether its gates hold.

use super::{
    artifact::Demands,
    report::{Accuracy, Gate, LayerReport, LogitCount, Neurons, OutputReport, Report, Steps},
    tally::Tally,
};
use neurocuda_runtime::artifact::{Artifact, program::Schedule};

/// Makes the report of what was counted on an artifact.
pub fn summarize(artifact: &Artifact, tally: &Tally, demands: &Demands) -> Report {
    let manifest = &artifact.manifest;
    let images = tally.images.max(1) as f64;
    let exact = manifest.program.schedule != Schedule::Rate;
    let fraction = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let accuracy = tally.drop_points().map(|(drop_points, drop_standard_error)| Accuracy {
        float: fraction(tally.float_right, tally.labelled),
        integer: fraction(tally.integer_right, tally.labelled),
        snn: fraction(tally.snn_right, tally.labelled),
        drop_points,
        drop_standard_error,
    });
    let ratio = |error: f64, whole: f64| if error == 0.0 { 0.0 } else { (error / whole).sqrt() };
    let layers = manifest
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let measured = tally.layers.get(index).filter(|tally| tally.elements > 0);
            LayerReport {
                name: layer.name.clone(),
                neurons: layer.neurons,
                membrane_bound: layer.membrane_bound,
                spikes_per_image: tally.spikes.get(index).copied().unwrap_or(0) as f64 / images,
                error: measured.map(|tally| ratio(tally.squared_error, tally.squared)),
                saturated: measured.map(|tally| tally.saturated as f64 / tally.elements as f64),
                layer_images: tally.layer_images,
            }
        })
        .collect();
    let outputs = manifest
        .outputs
        .iter()
        .zip(&tally.outputs)
        .map(|(output, counts)| OutputReport {
            name: output.name.clone(),
            agreement: (counts.positions > 0).then(|| counts.agree as f64 / counts.positions as f64),
            error: (counts.elements > 0).then(|| ratio(counts.squared_error, counts.squared)),
            mean_error: (counts.elements > 0).then(|| counts.absolute_error / counts.elements as f64),
            largest_error: (counts.elements > 0).then_some(counts.largest_error),
        })
        .collect::<Vec<_>>();
    let gates = gates(artifact, tally, demands);
    Report {
        passed: gates.iter().all(|gate| gate.passed),
        network: manifest.network.clone(),
        schedule: manifest.program.schedule,
        levels: manifest.levels,
        images: tally.images,
        accuracy,
        agreement: outputs.iter().find_map(|output| output.agreement),
        logits: LogitCount { compared: tally.compared, equal: tally.equal },
        outputs,
        spikes_per_image: tally.spikes.iter().sum::<u64>() as f64 / images,
        sops_per_image: tally.sops as f64 / images,
        steps: Steps {
            bound: manifest.program.steps,
            settled_max: exact.then_some(tally.settled_max),
            settled_mean: exact.then(|| tally.settled_sum as f64 / tally.certified.max(1) as f64),
        },
        neurons: Neurons {
            found: manifest.nonlinearities.found,
            converted: manifest.nonlinearities.converted,
        },
        layers,
        gates,
        notes: if tally.labelled > 0 {
            vec![]
        } else {
            vec!["no class labels for the first output: no accuracy, and no gate on its drop".to_owned()]
        },
        peak_memory_mb: peak_memory_mb(),
        seconds: tally.seconds,
    }
}

fn gates(artifact: &Artifact, tally: &Tally, demands: &Demands) -> Vec<Gate> {
    let manifest = &artifact.manifest;
    let counts = manifest.nonlinearities;
    let gate = |name: &str, passed, detail| Gate { name: name.to_owned(), passed, detail };
    let mut gates = vec![gate(
        "all-converted",
        counts.found > 0 && counts.found == counts.converted,
        format!("{} of {} nonlinear elements are neurons", counts.converted, counts.found),
    )];
    if manifest.program.schedule != Schedule::Rate {
        gates.push(gate(
            "exact",
            tally.compared > 0 && tally.equal == tally.compared,
            format!("{} of {} integer logits equal", tally.equal, tally.compared),
        ));
        gates.push(gate(
            "settled",
            tally.certified == tally.images && tally.settled_max <= manifest.program.steps,
            format!(
                "{} of {} images settled, the last after {} steps; proved bound {}",
                tally.certified, tally.images, tally.settled_max, manifest.program.steps
            ),
        ));
    }
    if let Some((drop, error)) = tally.drop_points() {
        gates.push(gate(
            "max-drop",
            drop <= demands.max_drop + error,
            format!(
                "drop {drop:.2} points, allowed {:.2} plus a standard error of {error:.2}",
                demands.max_drop
            ),
        ));
    }
    gates
}

/// Largest resident memory of this process, in MB, as Linux tells it.
pub fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib = line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()?;
    Some(kib * 1024.0 / 1e6)
}

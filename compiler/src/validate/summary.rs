//! From counts to a report, and whether its gates hold.

use super::{
    artifact::Demands,
    exit::ExitTally,
    layers::LayerScale,
    report::{
        Accuracy, Gate, LayerReport, LogitCount, Neurons, OutputReport, PassRecord, Provenance, Report,
        Settled, SettledBin, SpikeHistogram, Steps,
    },
    statistics::{Interval, McNemar, wilson},
    tally::Tally,
};
use neurocuda_runtime::{
    artifact::{Artifact, Layer, program::Schedule},
    loihi::report::ChipReport,
};

/// Most bins of the histogram of steps.
const SETTLED_BINS: u32 = 40;

/// Makes the report of what was counted on an artifact. Its provenance is what the artifact knows.
pub fn summarize(artifact: &Artifact, tally: &Tally, demands: &Demands) -> Report {
    let manifest = &artifact.manifest;
    let images = tally.images.max(1) as f64;
    let exact = manifest.program.schedule != Schedule::Rate;
    let fraction = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let interval = |part: usize| wilson(part as u64, tally.labelled as u64).unwrap_or([0.0, 1.0]);
    let accuracy = tally.drop_points().map(|(drop_points, drop_standard_error)| Accuracy {
        float: fraction(tally.float_right, tally.labelled),
        integer: fraction(tally.integer_right, tally.labelled),
        snn: fraction(tally.snn_right, tally.labelled),
        float_interval: interval(tally.float_right),
        integer_interval: interval(tally.integer_right),
        snn_interval: interval(tally.snn_right),
        drop_points,
        drop_standard_error,
        mcnemar: McNemar::new(tally.only_float as u64, tally.only_snn as u64),
    });
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
    let (agreement, agreement_interval) = agreement(tally);
    let gates = gates(artifact, tally, demands);
    Report {
        passed: gates.iter().all(|gate| gate.passed),
        network: manifest.network.clone(),
        schedule: manifest.program.schedule,
        levels: manifest.levels,
        images: tally.images,
        accuracy,
        agreement,
        agreement_interval,
        curve: tally.curve.curve(tally.labelled, if exact { 0 } else { manifest.program.steps }),
        logits: LogitCount { compared: tally.compared, equal: tally.equal },
        outputs,
        spikes_per_image: tally.spikes.iter().sum::<u64>() as f64 / images,
        sops_per_image: tally.sops as f64 / images,
        macs_per_image: tally.macs as f64 / images,
        sops_per_mac: (tally.macs > 0).then(|| tally.sops as f64 / tally.macs as f64),
        steps: Steps {
            run_mean: tally.steps as f64 / images,
            bound: manifest.program.steps,
            settled_max: exact.then_some(tally.settled_max),
            settled_mean: exact.then(|| tally.settled_sum as f64 / tally.certified.max(1) as f64),
            settled: settled(&tally.settled),
        },
        chips: ChipReport::of(manifest, &tally.cores, tally.images, tally.steps)
            .filter(|_| !tally.cores.is_empty()),
        early_exit: proves_exits(artifact, tally).then(|| ExitTally::report(tally, demands.last_layers)),
        neurons: Neurons {
            found: manifest.nonlinearities.found,
            converted: manifest.nonlinearities.converted,
        },
        layers: layers(artifact, tally),
        raster: tally.raster.clone(),
        passes: passes(artifact),
        gates,
        notes: if tally.labelled > 0 {
            vec![]
        } else {
            vec!["no class labels for the first output: no accuracy, and no gate on its drop".to_owned()]
        },
        provenance: Provenance {
            producer: manifest.producer.clone(),
            model: manifest.provenance.get("model").cloned().unwrap_or_default(),
            calibration: manifest.provenance.get("calibration").cloned(),
            ..Provenance::default()
        },
        peak_memory_mb: peak_memory_mb(),
        seconds: tally.seconds,
    }
}

/// Whether runs looked for early exits: the CPU's of exact schedules do.
fn proves_exits(artifact: &Artifact, tally: &Tally) -> bool {
    artifact.manifest.program.schedule != Schedule::Rate && tally.cores.is_empty() && tally.without_exits == 0
}

/// `√(error / whole)`, and 0 where nothing differs.
fn ratio(error: f64, whole: f64) -> f64 {
    if error == 0.0 { 0.0 } else { (error / whole).sqrt() }
}

/// Agreement in the first output with classes. Of its confidence only images tell: the pixels of one are not independent.
fn agreement(tally: &Tally) -> (Option<f64>, Option<Interval>) {
    let Some(output) = tally.outputs.iter().find(|output| output.positions > 0) else { return (None, None) };
    let of_images = output.positions == tally.images as u64;
    let interval = wilson(output.agree, output.positions).filter(|_| of_images);
    (Some(output.agree as f64 / output.positions as f64), interval)
}

fn layers(artifact: &Artifact, tally: &Tally) -> Vec<LayerReport> {
    let manifest = &artifact.manifest;
    let scales = LayerScale::all(manifest);
    let report = |(index, layer): (usize, &Layer)| {
        let measured = tally.layers.get(index);
        let compared = measured.filter(|counts| counts.elements > 0);
        let watched = measured.filter(|counts| !counts.histogram.is_empty());
        let spikes = tally.spikes.get(index).copied().unwrap_or(0) as f64;
        let per = |count: f64| if count > 0.0 { spikes / count } else { 0.0 };
        let neurons = layer.neurons as f64;
        LayerReport {
            name: layer.name.clone(),
            neurons: layer.neurons,
            membrane_bound: layer.membrane_bound,
            spikes_per_image: per(tally.images as f64),
            spikes_per_neuron: per(tally.images as f64 * neurons),
            firing_rate: per(tally.steps as f64 * neurons),
            error: compared.map(|counts| ratio(counts.squared_error, counts.squared)),
            spiking_error: compared.map(|counts| ratio(counts.spiking_squared_error, counts.squared)),
            saturated: compared.map(|counts| counts.saturated as f64 / counts.elements as f64),
            dead: watched.map(|counts| layer.neurons.saturating_sub(counts.active.count())),
            always_saturated: watched.map(|counts| layer.neurons.saturating_sub(counts.unsaturated.count())),
            spike_histogram: watched.map(|counts| SpikeHistogram {
                bin_width: scales.get(index).map_or(1, |scale| scale.bin_width),
                counts: counts.histogram.clone(),
            }),
            layer_images: tally.layer_images,
        }
    };
    manifest.layers.iter().enumerate().map(report).collect()
}

/// How the steps until images had settled spread; entry `i` of `counts` is the number of images that took `i` steps.
fn settled(counts: &[u64]) -> Option<Settled> {
    let images = counts.iter().map(|&count| u128::from(count)).sum::<u128>();
    let first = counts.iter().position(|&count| count > 0)?;
    let last = counts.iter().rposition(|&count| count > 0)?;
    // The nearest rank: the fewest steps by which at least so many images had settled.
    let percentile = |percent: u128| {
        let mut sum = 0_u128;
        let steps = counts.iter().position(|&count| {
            sum += u128::from(count);
            sum * 100 >= images * percent
        });
        steps.unwrap_or(last) as u32
    };
    let width = (last - first + 1).div_ceil(SETTLED_BINS as usize);
    let bins = counts[first..=last].chunks(width).enumerate().map(|(bin, counts)| {
        let from = (first + bin * width) as u32;
        SettledBin { from, to: from + width as u32 - 1, images: counts.iter().sum() }
    });
    Some(Settled { p50: percentile(50), p90: percentile(90), p99: percentile(99), histogram: bins.collect() })
}

/// What the artifact says that passes did; the field is free-form, and others may have written something else there.
fn passes(artifact: &Artifact) -> Option<Vec<PassRecord>> {
    serde_json::from_value(artifact.manifest.report.get("passes")?.clone()).ok()
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
    if proves_exits(artifact, tally) {
        gates.push(ExitTally::gate(tally));
    }
    if tally.on_both > 0 {
        gates.push(gate(
            "backends",
            tally.same_on_both == tally.on_both,
            format!(
                "{} of {} images did the same on the GPU and the CPU: logits, spikes, operations, steps",
                tally.same_on_both, tally.on_both
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_and_bins_cover_all_images() {
        let mut counts = vec![0; 120];
        (counts[20], counts[30], counts[119]) = (50, 49, 1);
        let settled = settled(&counts).unwrap();
        assert_eq!((settled.p50, settled.p90, settled.p99), (20, 30, 30));
        let bins = &settled.histogram;
        assert!(bins.len() <= SETTLED_BINS as usize);
        assert!(bins.windows(2).all(|pair| pair[0].to + 1 == pair[1].from), "{bins:?}");
        assert_eq!((bins[0].from, bins.iter().map(|bin| bin.images).sum::<u64>()), (20, 100));
        assert!(bins.last().is_some_and(|bin| bin.images == 1 && bin.from <= 119 && bin.to >= 119));
        assert_eq!(super::settled(&[0, 0]), None);
        assert_eq!(super::settled(&[7]).map(|settled| settled.p99), Some(0));
    }
}

use super::*;
use crate::validate::{
    curve::Curve,
    raster::{Raster, RasterLayer, RasterNeuron},
    report::{
        Accuracy, EarlyExit, Gate, LayerReport, LogitCount, Neurons, OutputReport, PassRecord, Provenance,
        Settled, SettledBin, SpikeHistogram, Steps,
    },
    statistics::McNemar,
};
use neurocuda_runtime::artifact::program::Schedule;
use neurocuda_runtime::loihi::{
    report::{ChipReport, CoreReport, Estimate, PerImage},
    simulate::Counts,
};

fn layer(name: &str, error: Option<f64>) -> LayerReport {
    LayerReport {
        name: name.to_owned(),
        neurons: 100,
        membrane_bound: 4321,
        spikes_per_image: 250.0,
        spikes_per_neuron: 2.5,
        firing_rate: 0.05,
        error,
        spiking_error: error,
        saturated: error,
        dead: Some(3),
        always_saturated: Some(0),
        spike_histogram: Some(SpikeHistogram { bin_width: 2, counts: vec![40, 30, 20, 10] }),
        layer_images: 2,
    }
}

fn report() -> Report {
    Report {
        passed: true,
        network: "net".to_owned(),
        schedule: Schedule::StBif,
        levels: 31,
        images: 2000,
        accuracy: Some(Accuracy {
            float: 0.93,
            integer: 0.9266,
            snn: 0.9266,
            float_interval: [0.918, 0.94],
            integer_interval: [0.914, 0.937],
            snn_interval: [0.914, 0.937],
            drop_points: 0.34,
            drop_standard_error: 0.1,
            mcnemar: McNemar::new(10, 3),
        }),
        agreement: Some(0.9927),
        agreement_interval: Some([0.98, 0.995]),
        curve: Some(Curve {
            steps: vec![1, 2, 3],
            accuracy: Some(vec![0.1, 0.5, 0.9266]),
            agreement: vec![0.1, 0.5, 0.9927],
        }),
        logits: LogitCount { compared: 20_000, equal: 20_000 },
        outputs: vec![OutputReport {
            name: "y".to_owned(),
            agreement: Some(0.9927),
            error: Some(0.04),
            mean_error: Some(0.01),
            largest_error: Some(0.5),
        }],
        spikes_per_image: 250.0,
        sops_per_image: 12_345.6,
        macs_per_image: 10_000.0,
        sops_per_mac: Some(1.23456),
        steps: Steps {
            bound: 99,
            run_mean: 4.5,
            settled_max: Some(4),
            settled_mean: Some(3.5),
            settled: Some(Settled {
                p50: 3,
                p90: 4,
                p99: 4,
                histogram: vec![
                    SettledBin { from: 3, to: 3, images: 1000 },
                    SettledBin { from: 4, to: 4, images: 1000 },
                ],
            }),
        },
        chips: None,
        early_exit: Some(EarlyExit {
            last_layers: 1,
            images: 2000,
            proved: 2000,
            mean_steps_with: 2.5,
            mean_steps_without: 3.5,
            changed: 0,
        }),
        neurons: Neurons { found: 100, converted: 100 },
        layers: vec![layer("relu", Some(0.03))],
        raster: Some(Raster {
            steps: 4,
            run_steps: 5,
            layers: vec![RasterLayer {
                active: 1,
                neurons: vec![RasterNeuron { neuron: 7, spikes: ".++-".to_owned() }],
            }],
        }),
        passes: Some(vec![PassRecord { pass: "quantize".to_owned(), ops: [12, 13], change: None }]),
        gates: vec![Gate { name: "exact".to_owned(), passed: true, detail: "all equal".to_owned() }],
        notes: vec![],
        provenance: Provenance {
            artifact: "abc".to_owned(),
            command: "neurocudac validate".to_owned(),
            ..Provenance::default()
        },
        peak_memory_mb: Some(80.0),
        seconds: 12.0,
    }
}

/// Ids of the charts.
fn charts(page: &str) -> Vec<&str> {
    page.split("<svg").skip(1).filter_map(|svg| svg.split("id=\"").nth(1)?.split('"').next()).collect()
}

#[test]
fn the_page_has_every_chart_and_no_time() {
    let page = page(&report()).unwrap();
    assert_eq!(charts(&page), ["curve", "settled", "errors", "spikes-0", "raster"]);
    let other = Report { seconds: 1.0, peak_memory_mb: None, ..report() };
    assert_eq!(super::page(&other).unwrap(), page);
    for wanted in [
        "92.66\u{202f}%",
        "exact p = <data value=\"0.0922",
        "12\u{202f}346",
        ">1.23<",
        "not measured",
        "first 4 of 5 steps",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn what_was_not_measured_has_no_chart() {
    let bare = Report {
        accuracy: None,
        agreement: None,
        agreement_interval: None,
        curve: None,
        sops_per_mac: None,
        layers: vec![LayerReport { spike_histogram: None, dead: None, ..layer("relu", None) }],
        raster: None,
        passes: None,
        steps: Steps { settled: None, settled_max: None, settled_mean: None, ..report().steps },
        ..report()
    };
    let page = page(&bare).unwrap();
    assert_eq!(charts(&page), [""; 0]);
    assert!(page.contains("no class labels"));
}

#[test]
fn names_of_a_user_stay_text() {
    let hostile = "<script>alert('x')</script>&\"]]>";
    let mut report = report();
    report.network = hostile.to_owned();
    report.layers = vec![layer(hostile, Some(0.1)); 3];
    report.gates[0].detail = hostile.to_owned();
    report.provenance.command = hostile.to_owned();
    report.notes = vec![hostile.to_owned()];
    let page = page(&report).unwrap();
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn numbers_that_are_none_and_silent_networks_make_a_page_too() {
    let mut report = report();
    report.layers = vec![layer("a", Some(f64::INFINITY)), layer("b", Some(f64::NAN)), layer("c", Some(0.0))];
    report.layers[2].spike_histogram = Some(SpikeHistogram { bin_width: 1, counts: vec![100; 1] });
    report.raster = Some(Raster { steps: 0, run_steps: 0, layers: vec![] });
    report.curve = Some(Curve { steps: vec![1], accuracy: Some(vec![f64::NAN]), agreement: vec![1.0] });
    report.steps.settled = Some(Settled {
        p50: 0,
        p90: 0,
        p99: 0,
        histogram: vec![SettledBin { from: 0, to: 0, images: 2000 }],
    });
    let page = page(&report).unwrap();
    assert_eq!(charts(&page), ["curve", "settled", "errors", "spikes-0", "spikes-1", "spikes-2"]);
}

#[test]
fn cores_are_drawn_where_they_ran() {
    let counts = Counts { updates: 200, spikes: 40, messages: 60, hops: 20, synaptic_operations: 9000 };
    let core =
        |core: u32, layer: &str| CoreReport { place: [0, 1, 0, core], layer: layer.to_owned(), counts };
    let chips = ChipReport {
        chip: "small".to_owned(),
        chips: 1,
        mesh: [2, 1, 4],
        images: 2,
        steps_per_image: 9.0,
        per_image: PerImage {
            updates: 300.0,
            spikes: 60.0,
            messages: 90.0,
            hops: 30.0,
            synaptic_operations: 13_500.0,
        },
        cores: vec![core(0, "a<b"), core(1, "a<b"), core(2, "readout")],
        estimate: Estimate {
            microjoules_per_image: 1.5,
            microseconds_per_image: 88.0,
            constants: vec![],
            source: "somewhere".to_owned(),
        },
    };
    let page = page(&Report { chips: Some(chips), ..report() }).unwrap();
    assert_eq!(page.matches("<title>core ").count(), 3);
    for wanted in [
        "core 1, layer a&lt;b: 9000 synaptic operations",
        "data-field=\"/chips/per_image/spikes\">60<",
        "<th scope=\"row\">a&lt;b</th><td>2</td><td>200</td><td>40</td><td>60</td><td>9\u{202f}000</td>",
        "An estimate, not a measurement",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(!super::page(&report()).unwrap().contains("<h2>Cores"));
}

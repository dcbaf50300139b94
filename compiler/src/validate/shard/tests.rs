use super::*;
use crate::validate::tally::{LayerTally, OutputTally};

/// A manifest with one layer and one output.
fn manifest() -> Manifest {
    serde_json::from_value(serde_json::json!({
        "format_version": 1, "producer": "", "network": "", "target": "cpu", "levels": 1,
        "input": {"name": "x", "shape": [1], "dtype": ""},
        "outputs": [{"name": "y", "shape": [1]}],
        "program": {"schedule": "st-bif", "steps": 1, "values": [], "ops": []},
        "layers": [{"name": "relu", "kind": "st-bif", "neurons": 1, "membrane_bound": 1, "threshold_min": 1, "threshold_max": 1}],
        "nonlinearities": {"found": 1, "converted": 1}, "provenance": {}, "report": null,
    }))
    .unwrap()
}

fn origin() -> Origin {
    Origin { producer: "1".into(), artifact: "a".into(), model: "m".into(), timesteps: None, last_layers: 1 }
}

/// Chunks whose sums of squares depend on the order of addition.
fn chunks() -> Vec<Tally> {
    let chunk = |index: usize, images| Tally {
        images,
        spikes: vec![index as u64],
        outputs: vec![OutputTally {
            squared_error: 0.1 * index as f64,
            squared: 1e16 / (1 + index) as f64,
            ..OutputTally::default()
        }],
        layers: vec![LayerTally { squared: 1.0 / (3 + index) as f64, ..LayerTally::default() }],
        ..Tally::default()
    };
    (0..7).map(|index| chunk(index, if index == 6 { 17 } else { CHUNK })).collect()
}

fn shard(chunks: &[Tally], range: std::ops::Range<usize>) -> Shard {
    Shard::new(origin(), "d".into(), range.start * CHUNK, chunks[range].to_vec(), None)
}

/// As read from a file.
fn through_a_file(shard: &Shard) -> Shard {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    std::fs::write(&path, serde_json::to_vec_pretty(shard).unwrap()).unwrap();
    Shard::read(&path).unwrap()
}

#[test]
fn shards_add_up_to_the_whole_bit_for_bit_in_any_order() {
    let chunks = chunks();
    let whole = Tally::sum(&chunks);
    let shards = [4..7, 0..1, 1..4].map(|range| through_a_file(&shard(&chunks, range)));
    let merged = merge(shards.to_vec(), "a", &manifest()).unwrap();
    assert_eq!(merged, whole);
    // Otherwise sums of shards would do, and this test would show nothing.
    let sums = [0..1, 1..4, 4..7].map(|range| Tally::sum(&chunks[range]));
    assert_ne!(Tally::sum(&sums), whole);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let chunks = chunks();
    let refused = |shards: Vec<Shard>, id: &str| {
        let error = merge(shards, "a", &manifest()).unwrap_err().to_string();
        assert!(error.starts_with(id), "{error}");
    };
    refused(vec![], "shard-gap");
    refused(vec![shard(&chunks, 1..3)], "shard-gap");
    refused(vec![shard(&chunks, 0..2), shard(&chunks, 3..4)], "shard-gap");
    refused(vec![shard(&chunks, 0..2), shard(&chunks, 1..4)], "shard-gap");
    refused(vec![shard(&chunks, 0..2), shard(&chunks, 0..2)], "shard-gap");
    refused(vec![Shard { chunks: vec![], ..shard(&chunks, 0..1) }], "shard-gap");
    let other = Shard { origin: Origin { model: "other".into(), ..origin() }, ..shard(&chunks, 2..4) };
    refused(vec![shard(&chunks, 0..2), other], "shard-mismatch");
    let other = Shard { origin: Origin { last_layers: 2, ..origin() }, ..shard(&chunks, 2..4) };
    refused(vec![shard(&chunks, 0..2), other], "shard-mismatch");
    let other = Shard { origin: Origin { artifact: "other".into(), ..origin() }, ..shard(&chunks, 0..4) };
    refused(vec![other], "shard-mismatch");
    let mut ragged = shard(&chunks, 0..2);
    ragged.chunks[0].images = 249;
    refused(vec![ragged], "shard-mismatch");
    let mut layers = shard(&chunks, 0..2);
    layers.chunks[0].spikes.push(1);
    refused(vec![layers], "shard-mismatch");
    let mut short = shard(&chunks, 0..2);
    short.chunks[1].images = 100;
    refused(vec![short, Shard { first: 350, ..shard(&chunks, 2..3) }], "shard-gap");
}

#[test]
fn counts_that_overflow_are_refused() {
    let chunks = chunks();
    for change in [
        (|tally: &mut Tally| tally.sops = u64::MAX) as fn(&mut Tally),
        |tally| tally.labelled = usize::MAX,
        |tally| tally.outputs[0].squared = -1.0,
        |tally| tally.layers[0].squared = f64::MAX,
    ] {
        let mut hostile = shard(&chunks, 0..2);
        change(&mut hostile.chunks[1]);
        let error = merge(vec![hostile], "a", &manifest()).unwrap_err().to_string();
        assert!(error.contains("impossible"), "{error}");
    }
    let mut hostile = shard(&chunks, 0..1);
    hostile.chunks[0].images = usize::MAX;
    assert_eq!(hostile.images(), usize::MAX);
    merge(vec![hostile.clone(), hostile], "a", &manifest()).unwrap_err();
}

#[test]
fn details_of_another_network_are_refused() {
    let chunks = chunks();
    for change in [
        (|tally: &mut Tally| tally.layers[0].histogram = vec![0; 3]) as fn(&mut Tally),
        |tally| tally.layers[0].active = Bits::of([true, true].into_iter()),
        |tally| tally.layers[0].unsaturated = Bits::of(std::iter::repeat_n(false, 65)),
        |tally| tally.settled = vec![0; MAX_STEPS as usize + 2],
        |tally| tally.curve.same.lost = vec![0; MAX_STEPS as usize + 1],
        |tally| tally.raster = Some(crate::validate::raster::Raster::default()),
    ] {
        let mut hostile = shard(&chunks, 0..1);
        change(&mut hostile.chunks[0]);
        let error = merge(vec![hostile], "a", &manifest()).unwrap_err().to_string();
        assert!(error.starts_with("shard-mismatch"), "{error}");
    }
}

#[test]
fn other_files_are_no_shards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    for text in ["", "{}", "[1]", "\u{0}", r#"{"version": 3}"#] {
        std::fs::write(&path, text).unwrap();
        let error = Shard::read(&path).unwrap_err().to_string();
        assert!(error.starts_with("shard-unreadable: "), "{error}");
    }
    let mut newer = serde_json::to_value(shard(&chunks(), 0..1)).unwrap();
    newer["version"] = 3.into();
    std::fs::write(&path, newer.to_string()).unwrap();
    assert!(Shard::read(&path).unwrap_err().to_string().contains("version 3"));
    Shard::read(folder.path()).unwrap_err();
}

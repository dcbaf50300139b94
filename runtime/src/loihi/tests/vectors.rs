//! Neuron families and convolutions replayed; the other families need the compiler's quantisers and are replayed there.

use std::{collections::BTreeMap, path::Path};

use super::excerpt;
use crate::loihi::replay::{Report, replay_families};

fn total(report: &Report) -> u64 {
    report.families.values().flat_map(BTreeMap::values).map(|tally| tally.compared).sum()
}

fn families(folder: &Path) -> Report {
    replay_families(folder, None, &BTreeMap::new(), &|_| true).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn programs_equal_lava_on_the_excerpt() {
    let report = families(&excerpt());
    assert!(report.differences.is_empty(), "{:#?}", report.differences);
    assert_eq!(report.families.len(), 18, "{:?}", report.families.keys());
    assert!(total(&report) > 15_000, "{}", total(&report));
}

#[test]
fn programs_equal_lava_on_the_whole_set() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/loihi_dev");
    if !folder.is_dir() {
        println!("skipped: ../shared/vectors/loihi_dev is not here");
        return;
    }
    let report = families(&folder);
    assert!(report.differences.is_empty(), "{:#?}", report.differences);
    assert!(total(&report) > 7_800_000, "{}", total(&report));
}

//! Sets of vectors that are cut off, changed or made to do harm: an error with an id, never a panic.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::excerpt;
use crate::loihi::replay::{ReplayError, replay_families};

/// The id that a change of the manifest leads to.
type Change = (&'static str, fn(&mut Value));

fn replay(folder: &Path) -> Result<(), ReplayError> {
    replay_families(folder, None, &BTreeMap::new(), &|_| true).map(|_| ())
}

fn refused(folder: &Path) -> (&'static str, String) {
    let error = replay(folder).expect_err("it is refused");
    assert!(error.to_string().starts_with(error.id()), "{error}");
    (error.id(), error.to_string())
}

/// A copy of the excerpt with another manifest and another archive, whose hash is put right.
fn copy(folder: &Path, manifest: impl Fn(&mut Value), archive: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(excerpt().join("excerpt.npz")).unwrap();
    archive(&mut bytes);
    let mut value: Value =
        serde_json::from_slice(&fs::read(excerpt().join("manifest.json")).unwrap()).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    value["files"]["excerpt.npz"]["sha256"] = json!(hash);
    manifest(&mut value);
    fs::write(folder.join("manifest.json"), value.to_string()).unwrap();
    fs::write(folder.join("excerpt.npz"), bytes).unwrap();
}

#[test]
fn wrong_manifests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(refused(path).0, "vectors-io");
    fs::write(path.join("manifest.json"), "{").unwrap();
    assert_eq!(refused(path).0, "vectors-manifest");
    let cases: &[Change] = &[
        ("vectors-manifest", |m| m["format"] = json!(2)),
        ("vectors-manifest", |m| m["cases"][0]["domain"] = json!("other")),
        ("vectors-manifest", |m| m["cases"][0]["file"] = json!("other.npz")),
        ("vectors-manifest", |m| m["cases"][0]["neuron_steps"] = json!(u64::MAX)),
        ("vectors-manifest", |m| m["cases"][0]["arrays"]["u"]["shape"] = json!([1_u64 << 40, 1_u64 << 40])),
        ("vectors-io", |m| m["files"]["absent.npz"] = json!({"sha256": ""})),
        ("vectors-manifest", |m| m["files"]["../excerpt.npz"] = json!({"sha256": ""})),
        ("vectors-hash", |m| m["files"]["excerpt.npz"]["sha256"] = json!("00")),
        ("vectors-array", |m| m["cases"][0]["arrays"]["u"]["shape"] = json!([20, 23])),
        ("vectors-array", |m| m["cases"][0]["arrays"]["u"]["dtype"] = json!("int8")),
        ("vectors-array", |m| m["cases"][0]["arrays"]["u"]["dtype"] = json!("float64")),
        ("vectors-array", |m| m["cases"][0]["id"] = json!("lif_999")),
        ("vectors-case", |m| m["cases"][0]["family"] = json!("unheard_of")),
        ("vectors-case", |m| m["cases"][0]["comparisons"] = json!(1)),
        ("vectors-case", |m| m["cases"][0]["neuron_steps"] = json!(1)),
        ("vectors-case", |m| m["cases"][0]["params"]["steps"] = json!(-1)),
        ("vectors-case", |m| m["cases"][0]["params"]["steps"] = json!(1_u64 << 60)),
        ("vectors-case", |m| m["cases"][0]["params"]["n"] = json!(1_u64 << 60)),
        ("vectors-case", |m| m["cases"][0]["arrays"] = json!({})),
        ("microcode-parameter", |m| m["cases"][0]["params"]["vth"] = json!("high")),
        ("microcode-parameter", |m| m["cases"][0]["params"]["vth"] = json!(1_i64 << 40)),
    ];
    for (index, (id, change)) in cases.iter().enumerate() {
        copy(path, change, |_| {});
        let (found, message) = refused(path);
        // A word where a number belongs is either unknown or missing.
        assert!(
            found == *id || (*id == "microcode-parameter" && found == "vectors-case"),
            "{index}: {message}"
        );
    }
}

#[test]
fn damaged_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    copy(path, |_| {}, |_| {});
    replay(path).unwrap();
    copy(path, |_| {}, Vec::clear);
    assert_eq!(refused(path).0, "vectors-array");
    copy(path, |_| {}, |bytes| bytes.truncate(bytes.len() / 2));
    assert_eq!(refused(path).0, "vectors-array");
    // Whatever is flipped: an error, or other numbers, but no panic.
    for offset in (0..20_000).step_by(1999) {
        copy(path, |_| {}, |bytes| bytes[offset] ^= 0xFF);
        drop(replay(path));
    }
    let length = fs::metadata(excerpt().join("excerpt.npz")).unwrap().len() as usize;
    for offset in (length - 4000..length).step_by(397) {
        copy(path, |_| {}, |bytes| bytes[offset] ^= 0xFF);
        drop(replay(path));
    }
}

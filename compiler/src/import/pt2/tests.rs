//! Archives that PyTorch wrote, whole and damaged. `tests/data/pt2/make.py` says what the networks are.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Translation;
use crate::diagnostic::{FindingId, Findings};
use crate::import::example::EXAMPLE_PREFIX;
use crate::import::{LoadError, Loaded, Weights, emit, import, load_archive, replay};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/pt2").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn load(name: &str) -> Loaded {
    load_archive(&path(name)).unwrap_or_else(|LoadError { findings, source_file }| {
        panic!("{}", findings.render(source_file.as_deref(), false))
    })
}

/// The text without the graph's name, which is the file's.
fn text(name: &str) -> String {
    load(name).graph.to_string().split_once('(').unwrap().1.to_owned()
}

fn ids(findings: &Findings) -> Vec<FindingId> {
    findings.iter().map(|finding| finding.id).collect()
}

/// The archive with its entries as `change` gives them; `None` leaves one out.
fn rewritten(name: &str, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut archive = ZipArchive::with_config(
        zip::read::Config { archive_offset: zip::read::ArchiveOffset::Known(0) },
        Cursor::new(read(name)),
    )
    .unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if let Some(bytes) = change(&name, bytes) {
            writer.start_file(name.as_str(), stored).unwrap();
            writer.write_all(&bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// The archive with a text in its graph replaced.
fn regraphed(name: &str, from: &str, to: &str) -> Vec<u8> {
    rewritten(name, |entry, bytes| {
        if !entry.ends_with("models/model.json") && !entry.ends_with("/models/model.json") {
            return Some(bytes);
        }
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(from), "{from}");
        Some(text.replace(from, to).into_bytes())
    })
}

/// The id with which an archive is refused: as a whole, or in its translation.
fn refused(bytes: &[u8]) -> Option<FindingId> {
    let translation = match Translation::open(bytes, "x.pt2") {
        Ok(translation) => translation,
        Err(finding) => return Some(finding.id),
    };
    let Translation { source, weights, opaque, findings } = translation;
    let loaded = crate::import::finish(source, weights, &opaque, findings);
    loaded.err().map(|error| error.findings.iter().next().unwrap().id)
}

#[test]
fn a_residual_network_becomes_this_text() {
    insta::assert_snapshot!(load("residual.pt2").graph.to_string());
}

#[test]
fn in_place_ops_show_under_every_name_of_the_memory() {
    insta::assert_snapshot!(load("in_place.pt2").graph.to_string());
}

#[test]
fn what_is_refused_is_named_also_where_no_output_is_left() {
    let returned =
        |name: &str| format!(r#"{{"user_output": {{"arg": {{"as_tensor": {{"name": "{name}"}}}}}}}}, "#);
    let bytes = regraphed("refused.pt2", &[returned("relu_1"), returned("relu")].concat(), "");
    let Translation { source, weights, opaque, findings } = Translation::open(&bytes, "x.pt2").unwrap();
    let found = ids(&crate::import::finish(source, weights, &opaque, findings).unwrap_err().findings);
    assert!(found.contains(&FindingId::UnsupportedOp) && found.contains(&FindingId::BatchAxis), "{found:?}");
    assert!(!found.contains(&FindingId::SyntaxError), "{found:?}");
}

#[test]
fn everything_that_is_refused_is_named_in_one_run() {
    let error = load_archive(&path("refused.pt2")).unwrap_err();
    let rendered = error.findings.render(error.source_file.as_deref(), false);
    for (id, op, layer, line) in [
        (FindingId::MutatedState, "aten.add_.Tensor", "add", 76),
        (FindingId::UnsupportedOp, "aten.layer_norm.default", "norm", 77),
        (FindingId::UnsupportedOp, "aten.mul.Tensor", "mul", 78),
        (FindingId::InPlaceAlias, "aten.relu.default", "relu.1", 81),
        (FindingId::UnsupportedOp, "aten.lstm.input", "lstm", 82),
        (FindingId::TrainingMode, "aten.dropout.default", "dropout", 83),
        (FindingId::BatchAxis, "aten.sum.default", "sum", 83),
    ] {
        let found = error.findings.iter().find(|finding| finding.id == id && finding.op_name() == Some(op));
        let found = found.unwrap_or_else(|| panic!("{id} {op}:\n{rendered}"));
        assert_eq!(found.program_line().unwrap().to_string(), format!("make.py:{line}"), "{rendered}");
        assert_eq!(found.layer.as_deref(), Some(layer), "{rendered}");
        assert!(found.help.is_some(), "{rendered}");
    }
    assert_eq!(error.findings.errors(), 7, "{rendered}");
}

#[test]
fn every_form_of_a_network_gives_the_same_text() {
    let whole = text("residual.pt2");
    for name in ["residual_2.9.pt2", "residual_2.10.pt2", "residual_static.pt2"] {
        assert_eq!(text(name), whole, "{name}");
    }
    // Decomposed, a global pool is a mean.
    let ops = |name| {
        let graph = load(name).graph;
        let names =
            graph.nodes.iter().map(|node| node.op.signature().name.replace("adaptive_avg_pool2d", "mean"));
        names.collect::<Vec<_>>()
    };
    assert_eq!(ops("residual_decomposed.pt2"), ops("residual.pt2"));
}

#[test]
fn the_written_text_is_the_same_network_and_gives_the_same_module() {
    for name in ["residual.pt2", "in_place.pt2", "residual_decomposed.pt2"] {
        let loaded = load(name);
        let again = import(&loaded.source, &loaded.weights).unwrap().graph;
        assert_eq!(again.to_string(), loaded.source.text());
        let print = |graph, file| {
            let context = neurocuda_dialects::new_context().unwrap();
            let module = emit(&context, graph, &loaded.weights, file).unwrap();
            melior::ir::operation::OperationLike::to_string_with_flags(
                &module.as_operation(),
                melior::ir::operation::OperationPrintingFlags::new().enable_debug_info(true, false),
            )
            .unwrap()
        };
        assert!(print(&loaded.graph, "a.pt2") == print(&again, "b.ncg"), "{name}");
    }
}

#[test]
fn tied_and_shared_weights_stand_once_and_unused_ones_not_at_all() {
    let loaded = load("residual.pt2");
    let keys: Vec<&str> = loaded.weights.keys().filter(|key| !key.starts_with(EXAMPLE_PREFIX)).collect();
    let expected = [
        "layer1.0.bn1.bias",
        "layer1.0.bn1.running_mean",
        "layer1.0.bn1.running_var",
        "layer1.0.bn1.weight",
        "layer1.0.conv1.weight",
        "layer1.2.bn1.bias",
        "layer1.2.bn1.running_mean",
        "layer1.2.bn1.running_var",
        "layer1.2.bn1.weight",
        "layer1.2.conv1.weight",
        "stem.bias",
        "stem.weight",
        "tied.bias",
        "tied.weight",
    ];
    assert_eq!(keys, expected);
}

fn replayed(loaded: &Loaded, weights: &Weights) -> Result<Option<usize>, FindingId> {
    let context = neurocuda_dialects::new_context().unwrap();
    let bytes: &[u8] = weights.as_ref();
    let weights = std::sync::Arc::new(Weights::from_bytes(bytes.to_vec(), Path::new("w")).unwrap());
    let module = emit(&context, &loaded.graph, &weights, "g").unwrap();
    let result = replay(&module, &loaded.graph, &weights);
    result.map(|found| found.map(|found| found.samples)).map_err(|finding| finding.id)
}

/// The weights file with one tensor changed, or left out.
fn changed(weights: &Weights, key: &str, change: impl Fn(&mut Vec<usize>, &mut Vec<u8>) -> bool) -> Weights {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = weights
        .keys()
        .filter_map(|name| {
            let view = weights.get(name).unwrap();
            let (mut shape, mut bytes) = (view.shape.to_vec(), view.bytes.to_vec());
            (name != key || change(&mut shape, &mut bytes)).then(|| (name.to_owned(), shape, bytes))
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (
            name.as_str(),
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    Weights::from_bytes(safetensors::serialize(views, None).unwrap(), Path::new("w")).unwrap()
}

#[test]
fn recorded_samples_catch_one_changed_weight() {
    for name in ["residual.pt2", "in_place.pt2", "residual_decomposed.pt2"] {
        let loaded = load(name);
        assert_eq!(replayed(&loaded, &loaded.weights), Ok(Some(4)), "{name}");
    }
    assert_eq!(replayed(&load("residual_static.pt2"), &load("residual_static.pt2").weights), Ok(None));
    let loaded = load("residual.pt2");
    let nudged = changed(&loaded.weights, "stem.weight", |_, bytes| {
        let value = f32::from_le_bytes(bytes[..4].try_into().unwrap()) + 0.01;
        bytes[..4].copy_from_slice(&value.to_le_bytes());
        true
    });
    assert_eq!(replayed(&loaded, &nudged), Err(FindingId::ImportFidelity));
    let output = format!("{EXAMPLE_PREFIX}output.tied");
    let nan = changed(&loaded.weights, &output, |_, bytes| {
        bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        true
    });
    assert_eq!(replayed(&loaded, &nan), Err(FindingId::ImportFidelity));
    assert_eq!(
        replayed(&loaded, &changed(&loaded.weights, &output, |_, _| false)),
        Err(FindingId::ExampleInvalid)
    );
    let fewer = changed(&loaded.weights, &output, |shape, bytes| {
        shape[0] -= 1;
        bytes.truncate(shape.iter().product::<usize>() * 4);
        true
    });
    assert_eq!(replayed(&loaded, &fewer), Err(FindingId::ExampleInvalid));
}

#[test]
fn half_precision_is_refused_once() {
    let error = load_archive(&path("residual_half.pt2")).unwrap_err();
    assert_eq!(ids(&error.findings), [FindingId::UnsupportedDtype]);
}

#[test]
fn archives_of_other_kinds_are_refused_by_name() {
    let other = |from: &str, to: &str| refused(&regraphed("residual.pt2", from, to));
    assert_eq!(other("\"minor\": 17", "\"minor\": 17"), None);
    assert_eq!(other("\"minor\": 17", "\"minor\": 99"), Some(FindingId::ArchiveVersion));
    assert_eq!(other("\"major\": 8", "\"major\": 9"), Some(FindingId::ArchiveVersion));
    let entry = |name: &'static str, bytes: &'static [u8]| {
        let bytes = rewritten("residual.pt2", move |entry, old| {
            Some(if entry.ends_with(name) { bytes.to_vec() } else { old })
        });
        refused(&bytes)
    };
    assert_eq!(entry("archive_version", b"1"), Some(FindingId::ArchiveVersion));
    assert_eq!(entry("archive_format", b"pt3"), Some(FindingId::ArchiveVersion));
    assert_eq!(entry("byteorder", b"big"), Some(FindingId::ArchiveUnreadable));
    assert_eq!(entry("example.safetensors", b"%%%"), Some(FindingId::ExampleInvalid));
    assert_eq!(entry("example.safetensors", b"AAAA"), Some(FindingId::ExampleInvalid));
    let without = |name: &'static str| {
        refused(&rewritten("residual.pt2", move |entry, old| (!entry.ends_with(name)).then_some(old)))
    };
    assert_eq!(without("model.json"), Some(FindingId::ModelFormat));
    assert_eq!(without("weights_config.json"), Some(FindingId::ArchiveUnreadable));
    assert_eq!(without("weights/weight_0"), Some(FindingId::ArchiveUnreadable));
    let mut pickled = ZipWriter::new(Cursor::new(Vec::new()));
    pickled
        .start_file(
            "model/data.pkl",
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
        )
        .unwrap();
    let pickled = pickled.finish().unwrap().into_inner();
    assert_eq!(refused(&pickled), Some(FindingId::ModelFormat));
}

#[test]
fn hostile_archives_are_refused() {
    let weights_config = |from: &'static str, to: &'static str| {
        let bytes = rewritten("residual.pt2", move |entry, bytes| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Some(match entry.ends_with("weights_config.json") {
                true => text.replace(from, to).into_bytes(),
                false => bytes,
            })
        });
        refused(&bytes)
    };
    // Larger than its bytes, larger than any memory, outside of the storage, negative.
    assert_eq!(weights_config("{\"as_int\": 2}", "{\"as_int\": 3}"), Some(FindingId::WeightShape));
    assert_eq!(
        weights_config("{\"as_int\": 2}", "{\"as_int\": 4611686018427387904}"),
        Some(FindingId::WeightShape)
    );
    assert_eq!(
        weights_config("\"storage_offset\": {\"as_int\": 0}", "\"storage_offset\": {\"as_int\": 99}"),
        Some(FindingId::WeightShape)
    );
    assert_eq!(weights_config("{\"as_int\": 2}", "{\"as_int\": -2}"), Some(FindingId::WeightShape));
    assert_eq!(
        weights_config("\"use_pickle\": false", "\"use_pickle\": true"),
        Some(FindingId::MissingWeight)
    );
    assert_eq!(weights_config("\"dtype\": 7", "\"dtype\": 10"), Some(FindingId::WeightDtype));
    assert_eq!(weights_config("weight_0", "../../weight_0"), Some(FindingId::ArchiveUnreadable));
    let deep = rewritten("residual.pt2", |entry, bytes| {
        Some(if entry.ends_with("models/model.json") { "[".repeat(1 << 20).into_bytes() } else { bytes })
    });
    assert_eq!(refused(&deep), Some(FindingId::ArchiveUnreadable));
    // A node before those that it reads.
    let unknown = regraphed(
        "residual.pt2",
        "{\"as_tensor\": {\"name\": \"conv2d\"}}",
        "{\"as_tensor\": {\"name\": \"nowhere\"}}",
    );
    assert!(refused(&unknown).is_some());
    // An op that is not looked at would change the network in silence.
    let argument = regraphed("residual.pt2", "\"name\": \"kernel_size\"", "\"name\": \"kernel_size_\"");
    assert_eq!(refused(&argument), Some(FindingId::UnsupportedOp));
    let library = regraphed("residual.pt2", "torch.ops.aten.relu.default", "torch.ops.mine.relu.default");
    assert_eq!(refused(&library), Some(FindingId::UnsupportedOp));
}

#[test]
fn truncated_archives_are_refused() {
    let whole = read("in_place.pt2");
    for length in (0..whole.len()).step_by(97) {
        assert!(refused(&whole[..length]).is_some(), "{length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damaged archives are refused or understood; none ends the program.
    #[test]
    fn damaged_archives_do_not_panic(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = read("in_place.pt2");
        for (place, value) in places {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        refused(&bytes);
    }

    /// The same behind the checksums: the graph itself is damaged.
    #[test]
    fn damaged_graphs_do_not_panic(places in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..128), 1..4)) {
        let bytes = rewritten("refused.pt2", |entry, mut bytes| {
            if entry.ends_with(".json") {
                for (place, value) in &places {
                    let place = place.index(bytes.len());
                    bytes[place] = *value;
                }
            }
            Some(bytes)
        });
        refused(&bytes);
    }
}

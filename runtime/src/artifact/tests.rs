use proptest::prelude::*;

use super::{
    program::{OpKind, Schedule},
    *,
};
use crate::testing::Builder;

/// A small network with most kinds of ops.
fn sample() -> Artifact {
    let mut b = Builder::new(Schedule::StBif, 100);
    let x = b.encode(&[1, 4, 4], false);
    let weights: Vec<i8> = (0..18).map(|i| i * 7 - 60).collect();
    let conv = b.conv3x3(x, 2, &weights);
    let spikes = b.st_bif(conv, &[3, 4], 15, 0);
    let pooled = b.max_pool2(spikes);
    let factors = b.tensor(&[1, 2], &[1i32, 2]);
    let adaptive =
        OpKind::SumPool2d { rows: vec![[0, 2]], columns: vec![[0, 1], [0, 2]], multiplier: Some(factors) };
    let summed = b.op(adaptive, &[pooled], &[2, 1, 2]);
    let joined = b.op(OpKind::Concat { axis: 2 }, &[summed, summed], &[2, 1, 4]);
    let taken = b.op(OpKind::Gather { axis: 2, indices: vec![3, 1] }, &[joined], &[2, 1, 2]);
    let turned = b.op(OpKind::Permute { axes: vec![2, 1, 0] }, &[taken], &[2, 1, 2]);
    let padded = b.op(OpKind::Pad { before: vec![0, 0, 1], after: vec![0, 0, 0] }, &[turned], &[2, 1, 3]);
    let flat = b.reshape(padded, &[6]);
    let logits = b.linear(flat, 3, &[1; 18]);
    b.readout(logits, "y");
    let mut artifact = b.finish();
    artifact.tensors.insert(MODULE_TENSOR.into(), Tensor::from_values(vec![4], b"mlir").unwrap());
    artifact
}

fn problem(change: impl FnOnce(&mut Artifact)) -> String {
    let mut artifact = sample();
    change(&mut artifact);
    let error = artifact.to_bytes().expect_err("the change should not pass");
    assert_eq!(error.id(), "artifact-invalid", "{error}");
    error.to_string()
}

#[test]
fn an_artifact_survives_a_round_trip_and_gives_the_same_bytes() {
    let artifact = sample();
    let bytes = artifact.to_bytes().unwrap();
    assert_eq!(bytes, sample().to_bytes().unwrap());
    let read = Artifact::from_bytes(&bytes).unwrap();
    assert_eq!(read, artifact);
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.module_text(), Some(&b"mlir"[..]));
}

#[test]
fn scales_keep_every_bit() {
    // Values that a short-cut float parser is known to round wrongly, and a subnormal.
    for scale in [0.1 + 0.2, 1.0 / 255.0, 6.929001713869936e236, 5e-324, f64::MAX] {
        let mut artifact = sample();
        let OpKind::Encode { scale: slot, .. } = &mut artifact.manifest.program.ops[0].kind else { panic!() };
        *slot = scale;
        assert_eq!(Artifact::from_bytes(&artifact.to_bytes().unwrap()).unwrap(), artifact);
    }
}

#[test]
fn files_are_written_whole_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.ncx");
    sample().write(&path).unwrap();
    sample().write(&path).unwrap();
    assert_eq!(Artifact::read(&path).unwrap(), sample());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "temporary files are left behind");
    assert_eq!(sample().write(folder.path()).unwrap_err().id(), "artifact-io");
    assert_eq!(sample().write(folder.path().join("no/net.ncx")).unwrap_err().id(), "artifact-io");
    assert_eq!(Artifact::read(folder.path().join("none")).unwrap_err().id(), "artifact-io");
    let mut invalid = sample();
    invalid.manifest.levels = 0;
    assert_eq!(invalid.write(folder.path().join("new")).unwrap_err().id(), "artifact-invalid");
    assert!(!folder.path().join("new").exists());
}

#[test]
#[cfg(unix)]
fn a_device_is_written_to_and_not_replaced() {
    sample().write("/dev/null").unwrap();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn another_version_is_refused_before_its_fields_are_read() {
    let bytes = |version: u32| {
        let manifest = format!(r#"{{"format_version":{version},"unheard_of":true}}"#);
        let metadata = std::collections::HashMap::from([(MANIFEST_KEY.to_owned(), manifest)]);
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![1], &[1]).unwrap();
        safetensors::serialize([("t", view)], Some(metadata)).unwrap()
    };
    let newer = Artifact::from_bytes(&bytes(FORMAT_VERSION + 1)).unwrap_err();
    assert_eq!(newer.id(), "artifact-version");
    assert!(newer.to_string().contains("use a newer neurocudac"), "{newer}");
    let older = Artifact::from_bytes(&bytes(FORMAT_VERSION - 1)).unwrap_err();
    assert!(older.to_string().contains("compile the model again"), "{older}");
    assert_eq!(Artifact::from_bytes(&bytes(FORMAT_VERSION)).unwrap_err().id(), "artifact-invalid");
}

#[test]
fn other_files_are_told_apart() {
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![1], &[1]).unwrap();
    let weights = safetensors::serialize([("t", view)], None).unwrap();
    assert_eq!(Artifact::from_bytes(&weights).unwrap_err().id(), "artifact-not-ours");
    assert_eq!(Artifact::from_bytes(b"\x89HDF\r\n\x1a\n and more").unwrap_err().id(), "artifact-not-ours");
    assert_eq!(Artifact::from_bytes(b"").unwrap_err().id(), "artifact-truncated");
}

#[test]
fn every_cut_is_an_error() {
    let bytes = sample().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let error = Artifact::from_bytes(&bytes[..length]).expect_err("a cut file");
        assert_eq!(error.id(), "artifact-truncated", "{length} of {} bytes: {error}", bytes.len());
    }
}

#[test]
fn broken_rules_are_named() {
    let ops = |a: &mut Artifact, index: usize, change: fn(&mut OpKind)| {
        change(&mut a.manifest.program.ops[index].kind);
    };
    let cases: Vec<(String, &str)> = vec![
        (problem(|a| a.manifest.program.steps = 0), "`steps` is 0"),
        (problem(|a| a.manifest.program.steps = 2_000_000), "`steps` is 2000000"),
        (problem(|a| a.manifest.program.values[0] = vec![1 << 40, 1 << 40]), "more than"),
        (problem(|a| a.manifest.program.values[0] = vec![]), "no shape of a sample"),
        (problem(|a| a.manifest.program.values.push(vec![1])), "no op writes value"),
        (problem(|a| a.manifest.program.ops[1].inputs = vec![99]), "value 99 does not exist"),
        (problem(|a| a.manifest.program.ops[1].inputs = vec![2]), "read before it is written"),
        (problem(|a| a.manifest.program.ops[1].inputs = vec![]), "0 inputs, not 1"),
        (problem(|a| a.manifest.program.ops[2].output = 1), "written twice"),
        (problem(|a| a.manifest.program.ops[2].name = "op1".into()), "used before"),
        (problem(|a| a.manifest.program.ops.swap(1, 2)), "read before it is written"),
        (problem(|a| drop(a.tensors.remove("tensor4"))), "tensor `tensor4` is missing"),
        (problem(|a| a.manifest.program.schedule = Schedule::Rate), "not for the schedule `rate`"),
        (
            problem(|a| {
                ops(a, 0, |k| {
                    if let OpKind::Encode { scale, .. } = k {
                        *scale = 0.0
                    }
                })
            }),
            "not positive",
        ),
        (
            problem(|a| {
                ops(a, 0, |k| {
                    if let OpKind::Encode { scale, .. } = k {
                        *scale = f64::NAN
                    }
                })
            }),
            "not positive",
        ),
        (
            problem(|a| {
                ops(a, 0, |k| {
                    if let OpKind::Encode { low, .. } = k {
                        *low = 300
                    }
                })
            }),
            "above the largest",
        ),
        (
            problem(|a| {
                ops(a, 0, |k| {
                    if let OpKind::Encode { every_step, .. } = k {
                        *every_step = true
                    }
                })
            }),
            "schedule",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { groups, .. } = k {
                        *groups = 0
                    }
                })
            }),
            "0 groups",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { groups, .. } = k {
                        *groups = 2
                    }
                })
            }),
            "2 groups",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { stride, .. } = k {
                        *stride = vec![0, 1]
                    }
                })
            }),
            "out of range",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { stride, .. } = k {
                        stride.pop();
                    }
                })
            }),
            "1 strides",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { stride, transposed, .. } = k {
                        (*stride, *transposed) = (vec![1, 2], true)
                    }
                })
            }),
            "does not become",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { padding, transposed, .. } = k {
                        (*padding, *transposed) = (vec![1 << 24, 1], true)
                    }
                })
            }),
            "does not become",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { padding, .. } = k {
                        *padding = vec![0, 0]
                    }
                })
            }),
            "output shape",
        ),
        (
            problem(|a| {
                ops(a, 1, |k| {
                    if let OpKind::Conv { dilation, .. } = k {
                        *dilation = vec![usize::MAX; 2]
                    }
                })
            }),
            "range",
        ),
        (
            problem(|a| {
                ops(a, 2, |k| {
                    if let OpKind::StBif { delay, .. } = k {
                        *delay = 2000
                    }
                })
            }),
            "delay of 2000",
        ),
        (
            problem(|a| {
                ops(a, 2, |k| {
                    if let OpKind::StBif { low, .. } = k {
                        *low = 1
                    }
                })
            }),
            "does not hold 0",
        ),
        (
            problem(|a| {
                ops(a, 3, |k| {
                    if let OpKind::MaxPool2d { kernel, .. } = k {
                        *kernel = [0, 2]
                    }
                })
            }),
            "out of range",
        ),
        (
            problem(|a| {
                ops(a, 3, |k| {
                    if let OpKind::MaxPool2d { padding, .. } = k {
                        *padding = [2, 0]
                    }
                })
            }),
            "windows",
        ),
        (
            problem(|a| {
                ops(a, 5, |k| {
                    if let OpKind::Concat { axis } = k {
                        *axis = 3
                    }
                })
            }),
            "axis 3",
        ),
        (
            problem(|a| {
                ops(a, 6, |k| {
                    if let OpKind::Gather { indices, .. } = k {
                        *indices = vec![0, 4]
                    }
                })
            }),
            "slab 4",
        ),
        (
            problem(|a| {
                ops(a, 6, |k| {
                    if let OpKind::Gather { indices, .. } = k {
                        *indices = vec![0; 1 << 20]
                    }
                })
            }),
            "not [2, 1, 1048576]",
        ),
        (
            problem(|a| {
                ops(a, 7, |k| {
                    if let OpKind::Permute { axes } = k {
                        *axes = vec![0, 0, 2]
                    }
                })
            }),
            "each axis",
        ),
        (
            problem(|a| {
                ops(a, 8, |k| {
                    if let OpKind::Pad { after, .. } = k {
                        *after = vec![0, 0, usize::MAX]
                    }
                })
            }),
            "margins",
        ),
        (
            problem(|a| {
                ops(a, 8, |k| {
                    if let OpKind::Pad { after, .. } = k {
                        *after = vec![]
                    }
                })
            }),
            "margins",
        ),
        (problem(|a| a.manifest.outputs[0].name = "z".into()), "no readout writes `z`"),
        (problem(|a| a.manifest.outputs.clear()), "no output"),
        (problem(|a| a.manifest.layers.clear()), "layer `op2` is not listed"),
        (problem(|a| a.manifest.layers[0].neurons = 1), "op2"),
        (problem(|a| a.manifest.input.shape = vec![16]), "the input has shape [16]"),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

#[test]
fn tensors_of_another_kind_are_refused() {
    let replace =
        |name: &'static str, tensor: Tensor| problem(|a| drop(a.tensors.insert(name.into(), tensor)));
    // tensor4 holds weights [2, 1, 3, 3], tensor5 thresholds [2], tensor0 multipliers [1].
    let weights = replace("tensor4", Tensor::from_values(vec![2, 1, 3, 3], &[0i32; 18]).unwrap());
    assert!(weights.contains("holds i32, not i8 or i16"), "{weights}");
    let threshold = replace("tensor5", Tensor::from_values(vec![2], &[1i32, 0]).unwrap());
    assert!(threshold.contains("below 1"), "{threshold}");
    let shape = replace("tensor5", Tensor::from_values(vec![3], &[1i32; 3]).unwrap());
    assert!(shape.contains("not [2]"), "{shape}");
    let infinite = replace("tensor0", Tensor::from_values(vec![1], &[f64::INFINITY]).unwrap());
    assert!(infinite.contains("infinity"), "{infinite}");
    let nan = replace("tensor2", Tensor::from_values(vec![1], &[f64::NAN]).unwrap());
    assert!(nan.contains("NaN"), "{nan}");
}

#[test]
fn unknown_manifest_fields_are_refused() {
    let text = serde_json::to_string(&sample().manifest).unwrap();
    assert!(serde_json::from_str::<Manifest>(&text).is_ok());
    for (from, to) in [
        (r#""producer""#, r#""extra":1,"producer""#),
        (r#""schedule""#, r#""extra":1,"schedule""#),
        (r#""op":"max-pool2d""#, r#""op":"max-pool3d""#),
        (r#""op":"max-pool2d""#, r#""op":"max-pool2d","extra":1"#),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(serde_json::from_str::<Manifest>(&changed).is_err(), "{to}");
    }
}

#[test]
fn the_manifest_has_a_schema() {
    let schema = serde_json::to_string(&schemars::schema_for!(Manifest)).unwrap();
    assert!(schema.contains("hold-and-fire") && schema.contains("membrane_bound"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A changed byte gives an error or a valid artifact.
    #[test]
    fn flipped_bytes_do_not_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = sample().to_bytes().unwrap();
        for (index, flip) in flips {
            let index = index.index(bytes.len());
            bytes[index] ^= flip;
        }
        if let Ok(artifact) = Artifact::from_bytes(&bytes) {
            artifact.validate().unwrap();
        }
    }

    /// A changed number in the manifest gives an error or a valid artifact.
    #[test]
    fn changed_numbers_do_not_panic(
        at in any::<prop::sample::Index>(),
        number in prop_oneof![any::<u64>(), 0u64..20, Just(u64::from(u32::MAX)), Just(i64::MAX as u64)],
    ) {
        let text = serde_json::to_string(&sample().manifest).unwrap();
        let digits: Vec<usize> = (1..text.len())
            .filter(|&i| text.as_bytes()[i].is_ascii_digit() && b"[,:".contains(&text.as_bytes()[i - 1]))
            .collect();
        let start = digits[at.index(digits.len())];
        let length = text[start..].find(|c: char| !c.is_ascii_digit()).unwrap();
        let changed = format!("{}{number}{}", &text[..start], &text[start + length..]);
        if let Ok(manifest) = serde_json::from_str::<Manifest>(&changed) {
            let _ = Artifact { manifest, ..sample() }.validate();
        }
    }
}

#[test]
fn graded_events_beyond_16_bits_are_refused() {
    let found = |low: i32, high: i32, table: bool, schedule: Schedule| {
        let mut b = Builder::new(schedule, 10);
        let x = b.encode(&[1], false);
        let initial = b.tensor(&[1], &[0i32]);
        let kind = if table {
            OpKind::SigmaDeltaTable {
                breakpoints: b.tensor(&[1, 1], &[3i32]),
                steps: b.tensor(&[1, 1], &[0i8]),
                start: b.tensor(&[1], &[0i32]),
                initial,
                low,
                high,
                delay: 0,
            }
        } else {
            OpKind::SigmaDelta { threshold: b.tensor(&[1], &[4i32]), initial, low, high, delay: 0 }
        };
        let y = b.op(kind, &[x], &[1]);
        b.readout(y, "y");
        b.finish().validate().map_err(|error| error.to_string())
    };
    for table in [false, true] {
        for (low, high) in [(0, 32_767), (-32_767, 0), (-16_383, 16_384), (0, 0)] {
            assert_eq!(found(low, high, table, Schedule::SigmaDelta), Ok(()));
        }
        for (low, high) in [(0, 32_768), (-16_384, 16_384), (i32::MIN, i32::MAX), (i32::MIN, 0)] {
            let problem = found(low, high, table, Schedule::SigmaDelta).unwrap_err();
            assert!(problem.contains("is more than 32767"), "{problem}");
        }
        let problem = found(1, 3, table, Schedule::SigmaDelta).unwrap_err();
        assert!(problem.contains("does not hold 0"), "{problem}");
        let problem = found(0, 3, table, Schedule::StBif).unwrap_err();
        assert!(problem.contains("not for the schedule `st-bif`"), "{problem}");
    }
}

#[test]
fn tables_that_do_not_hold_together_are_refused() {
    let found = |breakpoints: &[i32], steps: &[i8], start: i32, shape: [usize; 2]| {
        let mut b = Builder::new(Schedule::StBif, 10);
        let x = b.encode(&[1], false);
        let kind = OpKind::StBifTable {
            breakpoints: b.tensor(&shape, breakpoints),
            steps: b.tensor(&[1, steps.len()], steps),
            start: b.tensor(&[1], &[start]),
            initial: b.tensor(&[1], &[0i32]),
            low: -1,
            high: 1,
            delay: 0,
        };
        let y = b.op(kind, &[x], &[1]);
        b.readout(y, "y");
        b.finish().validate().map_err(|error| error.to_string())
    };
    assert_eq!(found(&[3, i32::MAX], &[1, 0], 0, [1, 2]), Ok(()));
    for (result, part) in [
        (found(&[3, 2], &[1, -1], 0, [1, 2]), "do not ascend"),
        (found(&[3, 4], &[1, 1], 0, [1, 2]), "the level 2, outside -1..=1"),
        (found(&[3, 4], &[1, -1], -2, [1, 2]), "the level -2, outside -1..=1"),
        (found(&[3, 4], &[1], 0, [1, 2]), "not [1, 2]"),
        (found(&[3, 4], &[1, 0], 0, [2, 1]), "not [1, 1]"),
        (found(&[], &[], 0, [1, 0]), "not [1, 1]"),
    ] {
        let problem = result.unwrap_err();
        assert!(problem.contains(part), "`{problem}` does not say `{part}`");
    }
}

#[test]
fn encoders_of_events_are_checked() {
    let found = |frames: u32, high: i32, schedule: Schedule, listed: Option<u32>| {
        let mut b = Builder::new(schedule, 10);
        let x = b.op(OpKind::EncodeEvents { frames, high }, &[], &[2]);
        b.readout(x, "y");
        let mut artifact = b.finish();
        artifact.manifest.input.frames = listed;
        artifact.validate().map_err(|error| error.to_string())
    };
    assert_eq!(found(10, 65_535, Schedule::StBif, Some(10)), Ok(()));
    assert_eq!(found(1, 1, Schedule::HoldAndFire, Some(1)), Ok(()));
    for (frames, high, schedule, listed, problem) in [
        (0, 9, Schedule::StBif, Some(0), "0 frames in 10 steps"),
        (11, 9, Schedule::StBif, Some(11), "11 frames in 10 steps"),
        (u32::MAX, 9, Schedule::StBif, Some(u32::MAX), "frames in 10 steps"),
        (3, 0, Schedule::StBif, Some(3), "0 events at an element"),
        (3, 65_536, Schedule::StBif, Some(3), "65536 events at an element"),
        (3, 9, Schedule::Rate, Some(3), "not for the schedule `rate`"),
        (3, 9, Schedule::StBif, Some(4), "the input has 4 frames, its encoder `op0` 3"),
        (3, 9, Schedule::StBif, None, "the input has no frames, its encoder `op0` 3"),
    ] {
        let error = found(frames, high, schedule, listed).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
    let mut b = Builder::new(Schedule::StBif, 10);
    let x = b.encode(&[2], false);
    b.readout(x, "y");
    let mut artifact = b.finish();
    artifact.manifest.input.frames = Some(3);
    assert!(artifact.validate().unwrap_err().to_string().contains("3 frames, its encoder `op0` no"));
}

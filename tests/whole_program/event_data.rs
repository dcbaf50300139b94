//! Files of events through the program: one set of numbers for every form of the same events, and a word for what is wrong.

use crate::support::{
    command::{Finished, neurocudac},
    tensors::{self, Tensor},
    tiny::{GRAPH, Tiny},
};
use safetensors::Dtype;
use serde_json::Value;

/// The tiny model on counts of events instead of pixels.
fn tiny() -> Tiny {
    let tiny = Tiny::new();
    let line = GRAPH.lines().find(|line| line.contains("normalize")).unwrap();
    let graph = GRAPH.replace(line, "  %0 = clamp(%x, min = 0, max = 4)   # saturate");
    std::fs::write(tiny.path("net.ncg"), graph).unwrap();
    tiny
}

const SAMPLES: usize = 6;
const FRAMES: usize = 5;
const SIZE: usize = 128;

/// Counts `[N, T, …]`: few events.
fn counts() -> Vec<u8> {
    tensors::bytes(9, SAMPLES * FRAMES * SIZE).into_iter().map(|byte| byte.saturating_sub(240) / 4).collect()
}

fn labels() -> Tensor {
    Tensor::u8("labels", &[SAMPLES], &[0, 1, 2, 0, 1, 2])
}

/// The counts of all frames.
fn images() -> Vec<u8> {
    let counts = counts();
    let sum = |sample: usize, element: usize| {
        (0..FRAMES).map(|frame| counts[(sample * FRAMES + frame) * SIZE + element]).sum()
    };
    (0..SAMPLES).flat_map(|sample| (0..SIZE).map(move |element| sum(sample, element))).collect()
}

/// The same, event by event: those of frame f in the f-th fifth of 1,000 us, last ones first.
fn addresses() -> [Tensor; 3] {
    let (mut offset, mut times, mut places) = (vec![0i64], vec![], vec![]);
    for sample in counts().chunks(FRAMES * SIZE) {
        let mut events = vec![];
        for (frame, counts) in sample.chunks(SIZE).enumerate() {
            // From the first microsecond to the last of 1,000, so that windows are fifths of that.
            let time =
                |event: u8| if frame == 0 { 0 } else { 200 * frame as i32 + 199 - i32::from(event % 2) };
            for (element, &count) in counts.iter().enumerate() {
                let place = [element % 8, element / 8 % 8, element / 64].map(|place| place as u8);
                events.extend((0..count).map(|event| (time(event), place)));
            }
        }
        for (time, place) in events.into_iter().rev() {
            times.push(time);
            places.push(place);
        }
        offset.push(times.len() as i64);
    }
    let bytes = offset.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    [
        Tensor::raw("offset", Dtype::I64, &[offset.len()], bytes),
        Tensor::raw(
            "t_us",
            Dtype::I32,
            &[times.len()],
            times.iter().flat_map(|time| time.to_le_bytes()).collect(),
        ),
        Tensor::u8("xyp", &[places.len(), 3], places.as_flattened()),
    ]
}

/// Writes the same events as `images`, `frames` and `addresses`, and returns the names of the files.
fn write(tiny: &Tiny) -> [&'static str; 3] {
    let [offset, times, places] = addresses();
    tensors::write(&tiny.path("images"), &[Tensor::u8("images", &[SAMPLES, 2, 8, 8], &images()), labels()]);
    tensors::write(
        &tiny.path("frames"),
        &[Tensor::u8("frames", &[SAMPLES, FRAMES, 2, 8, 8], &counts()), labels()],
    );
    tensors::write(&tiny.path("addresses"), &[offset, times, places, labels()]);
    ["images", "frames", "addresses"]
}

/// Runs `net.ncx` on a file of the folder.
fn run(tiny: &Tiny, data: &str, more: &[&str]) -> Finished {
    let [artifact, data, output] = ["net.ncx", data, "out.safetensors"].map(|name| tiny.path(name));
    neurocudac(&[&"run", &artifact, &"--data", &data, &"-o", &output], more)
}

/// The report of `validate`, without what depends on the clock.
fn report(tiny: &Tiny, data: &str) -> Value {
    let path = tiny.path("report.json");
    tiny.validate_on(data, &["--max-drop", "100", "--report", path.to_str().unwrap()]).succeeds();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn all_forms_of_the_same_events_give_the_same_answers() {
    let tiny = tiny();
    let files = write(&tiny);
    for schedule in ["st-bif", "hold-and-fire", "sigma-delta"] {
        let mut answers = vec![];
        for input in [&[][..], &["--input", "events", "--frames", "5"]] {
            tiny.compile(&[&["--schedule", schedule, "--validate-each"], input].concat()).succeeds();
            for file in files {
                let report = report(&tiny, file);
                assert_eq!(report["passed"], true, "{report:#}");
                assert_eq!(report["logits"]["equal"], 3 * SAMPLES, "{report:#}");
                assert_eq!(report["logits"]["compared"], 3 * SAMPLES, "{report:#}");
                answers.push((file, report["accuracy"].clone(), report["outputs"].clone()));
            }
        }
        let same = |answer: &(&str, Value, Value)| {
            (answer.1.clone(), answer.2.clone()) == (answers[0].1.clone(), answers[0].2.clone())
        };
        assert!(answers.iter().all(same), "{schedule}: {answers:#?}");
    }
}

#[test]
fn windows_are_those_frames_and_threads_change_nothing() {
    let tiny = tiny();
    write(&tiny);
    tiny.compile(&["--input", "events", "--frames", "5"]).succeeds();
    let output = |data: &str, threads: &str| {
        run(&tiny, data, &["--trace", "--threads", threads]).succeeds();
        std::fs::read(tiny.path("out.safetensors")).unwrap()
    };
    let frames = output("frames", "1");
    assert!(output("frames", "3") == frames, "threads change the output");
    // The same frames, to the spike; an image is another matter, all of it comes in step 0.
    assert!(output("addresses", "2") == frames, "windows are not the frames");
    assert!(output("images", "1") != frames);
    let inspected = neurocudac(&[&"inspect", &tiny.path("net.ncx")], &[]).succeeds();
    assert!(inspected.stdout.contains("input x [2, 8, 8], events in up to 5 frames"), "{}", inspected.stdout);
}

#[test]
fn calibration_takes_events_and_counts_them() {
    let tiny = tiny();
    let files = write(&tiny);
    let artifacts = files.map(|file| {
        std::fs::copy(tiny.path(file), tiny.path("calibration.safetensors")).unwrap();
        tiny.compile(&["--input", "events"]).succeeds();
        let artifact = neurocuda_runtime::artifact::Artifact::read(tiny.path("net.ncx")).unwrap();
        assert_eq!(artifact.manifest.input.frames, Some(10));
        artifact.tensors
    });
    assert!(artifacts[0] == artifacts[1] && artifacts[0] == artifacts[2]);
}

/// What the program says, without the folder of the test.
fn said(tiny: &Tiny, finished: Finished) -> String {
    let folder = tiny.path("").display().to_string();
    finished.ends_with(2).stderr.replace(&folder, "").trim_end().to_owned()
}

#[test]
fn what_cannot_be_events_is_refused_with_a_way_out() {
    let tiny = tiny();
    let events = ["--input", "events"];
    let mut messages = vec![
        said(&tiny, tiny.compile(&["--frames", "4"])),
        said(&tiny, tiny.compile(&["--input", "events", "--schedule", "rate"])),
    ];
    // Floats are no counts to calibrate on: the step is another one.
    let floats = (0..20 * SIZE).map(|index| (index % 9) as f32 / 2.0).collect::<Vec<_>>();
    tensors::write(&tiny.path("calibration.safetensors"), &[Tensor::f32("images", &[20, 2, 8, 8], &floats)]);
    messages.push(said(&tiny, tiny.compile(&events)));
    let normalized = Tiny::new();
    messages.push(said(&normalized, normalized.compile(&events)));
    insta::assert_snapshot!(messages.join("\n"), @"
    error: --frames belongs to --input events: images are presented at once
    error: unsupported: schedule rate presents its input in every step, and events come in time; use an exact --schedule, or leave --input events out: the counts are then an image
    error: events-encoding: a count of 1 in channel 0 has the code 64; for events, one event must be code 1: no normalisation but one factor for all channels, counts limited by clamp(x, 0, K) with K at most 255, and calibration on u8 counts
      at net.ncg:1:13
      in pass stream-events, layer input
    error: events-encoding: a count of 0 in channel 0 has the code -177; for events, one event must be code 1: no normalisation but one factor for all channels, counts limited by clamp(x, 0, K) with K at most 255, and calibration on u8 counts
      at net.ncg:2:3
      in pass stream-events, layer input
    ");
}

#[test]
fn hostile_files_are_refused_with_a_way_out() {
    let tiny = tiny();
    write(&tiny);
    tiny.compile(&["--input", "events", "--frames", "4"]).succeeds();
    let mut messages = vec![said(&tiny, run(&tiny, "frames", &[]))];
    let mut refused = |tensors: &[Tensor]| {
        tensors::write(&tiny.path("bad"), tensors);
        for finished in [run(&tiny, "bad", &[]), tiny.validate_on("bad", &[])] {
            let message = said(&tiny, finished);
            if messages.last() != Some(&message) {
                messages.push(message);
            }
        }
        assert!(!tiny.path("out.safetensors").exists());
    };
    let i64s = |values: &[i64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let file = |offset: &[i64], times: &[i64], places: &[[u8; 3]]| {
        [
            Tensor::raw("offset", Dtype::I64, &[offset.len()], i64s(offset)),
            Tensor::raw("t_us", Dtype::I64, &[times.len()], i64s(times)),
            Tensor::u8("xyp", &[places.len(), 3], places.as_flattened()),
        ]
    };
    refused(&file(&[0, 2, 1, 3], &[1, 2, 3], &[[0; 3]; 3]));
    refused(&file(&[0, 1, 3], &[1, 2, 3], &[[0; 3], [8, 0, 0], [0; 3]]));
    refused(&file(&[0, 3], &[1, 2, 3], &[[0; 3], [7, 7, 2], [0; 3]]));
    refused(&file(&[0, 70_000], &vec![5; 70_000], &vec![[1; 3]; 70_000]));
    refused(&[Tensor::f32("frames", &[1, 1, 2, 8, 8], &[f32::NAN; SIZE])]);
    refused(&[Tensor::u8("frames", &[1, 1, 2, 4, 8], &[1; 64])]);
    let mut pixels = [1.0; SIZE];
    for wrong in [0.5, -2.0] {
        pixels[77] = wrong;
        refused(&[Tensor::f32("images", &[1, 2, 8, 8], &pixels)]);
    }
    insta::assert_snapshot!(messages.join("\n"), @"
    error: data-frames: sample 0 has 5 frames, and the network takes 4 at most: compile it with --input events --frames 5
    error: data-events: bad: the events of the data file cannot be used: `offset` should ascend from 0 to the number of events, 3, with one sample at least
    error: data-event-place: bad: event 1, of sample 1, is at x = 8, y = 0, p = 0; the network takes [2, 8, 8]: polarities, rows, columns
    error: data-event-place: bad: event 1, of sample 0, is at x = 7, y = 7, p = 2; the network takes [2, 8, 8]: polarities, rows, columns
    error: data-counts: sample 0 holds 70000, which is no number of events: whole, from 0 to 65535 at one place in one frame
    error: data-type: bad: `frames` holds F32; it should hold U8 or U16
    error: data-shape: bad: the images have the shape [2, 4, 8], and [2, 8, 8] is wanted
    error: data-counts: sample 0 holds 0.5, which is no number of events: whole, from 0 to 65535 at one place in one frame
    error: data-counts: sample 0 holds -2, which is no number of events: whole, from 0 to 65535 at one place in one frame
    ");
    // Times as far apart as they can be are times.
    tensors::write(&tiny.path("far"), &file(&[0, 2], &[i64::MIN, i64::MAX], &[[0; 3]; 2]));
    run(&tiny, "far", &[]).succeeds();
}

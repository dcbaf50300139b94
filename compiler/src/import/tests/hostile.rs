//! No file makes the import panic, hang or overflow the stack.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{findings, weights};
use crate::diagnostic::{FindingId, Findings, MAX_SOURCE_BYTES, SourceFile};
use crate::import::{Weights, import};

const VALID: &str = "graph @g(%x: f32[N, 2, 8, 8]) -> f32[N, 3] {
  %0 = normalize(%x, scale = 0.5, mean = [0.1, 0.2], std = 1)   # näme
  %1 = conv2d(%0, weight = @c.weight, bias = @c.bias, stride = 2, padding = [1, 1])   # conv
  %2 = batch_norm(%1, running_mean = @b.running_mean, running_var = @b.running_var)
  %3 = max_pool2d(%2, kernel = 2, ceil_mode = true)
  %4 = slice(%3, dim = -1, start = -9223372036854775808, end = 1)
  %5 = pad(%4, padding = [1, 0], value = 1e-3)
  %6 = concat(%5, %5, dim = 3)
  %7 = mean(%6, dims = [2, 3])
  %8 = clamp(%7, min = -inf, max = 6)
  return %8
}
";

fn valid_weights() -> Weights {
    weights(&[
        ("c.weight", &[3, 2, 3, 3]),
        ("c.bias", &[3]),
        ("b.running_mean", &[3]),
        ("b.running_var", &[3]),
    ])
}

/// Imports anything; renders what is found in every form.
fn survive(text: &str, weights: &Weights) {
    let source = SourceFile::new("test.ncg", text);
    match import(&source, weights) {
        Ok(imported) => super::assert_round_trip(&imported.graph, weights),
        Err(findings) => {
            assert!(findings.errors() > 0);
            assert!(findings.iter().all(|finding| finding.id != FindingId::InternalError), "{text}");
            assert!(!findings.render(Some(&source), true).is_empty());
            assert!(!findings.to_records(Some(&source)).is_empty());
        }
    }
}

/// The parts that valid files are made of, and some that they are not.
fn token() -> impl Strategy<Value = String> {
    let tokens: Vec<String> = VALID
        .split_inclusive(|c: char| !c.is_alphanumeric())
        .map(str::to_owned)
        .chain(
            ["-", "#", "\"", "@\"", "nan", "99999999999999999999", "2147483648", "é", "\u{0}", "\r", "0"]
                .map(str::to_owned),
        )
        .collect();
    proptest::sample::select(tokens)
}

proptest! {
    #[test]
    fn random_text(text in "\\PC{0,200}") {
        survive(&text, &valid_weights());
    }

    #[test]
    fn random_tokens(tokens in proptest::collection::vec(token(), 0..60)) {
        survive(&tokens.concat(), &valid_weights());
    }

    #[test]
    fn mutated_files(edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_usize, token()), 1..4)) {
        let mut text = VALID.to_owned();
        for (place, length, insert) in edits {
            let start = text.floor_char_boundary(place.index(text.len() + 1));
            let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
            text.replace_range(start..end, &insert);
        }
        survive(&text, &valid_weights());
    }

    #[test]
    fn mutated_numbers(line in 1..10_usize, number in any::<i64>(), small in -3..9_i64) {
        let replace = |number: i64| {
            let lines = VALID.lines().enumerate().map(|(at, text)| match text.split_once('(') {
                Some((head, tail)) if at == line => format!("{head}({}", tail.replace(['1', '2'], &number.to_string())),
                _ => text.to_owned(),
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        survive(&replace(number), &valid_weights());
        survive(&replace(small), &valid_weights());
    }

    #[test]
    fn damaged_weights(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<proptest::sample::Index>()) {
        let header = br#"{"c.weight":{"dtype":"F32","shape":[1,1,1,1],"data_offsets":[0,4]}}"#;
        let mut bytes = [&(header.len() as u64).to_le_bytes(), header.as_slice(), &1_f32.to_le_bytes()].concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.index(3));
        if let Ok(weights) = Weights::from_bytes(bytes, "w".as_ref()) {
            survive(VALID, &weights);
        }
    }
}

#[test]
fn the_valid_file_is_valid() {
    super::graph(VALID, &valid_weights());
}

fn ids(findings: &Findings) -> Vec<FindingId> {
    findings.iter().map(|finding| finding.id).collect()
}

#[test]
fn deep_nesting_is_refused_and_shallow_nesting_is_not() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("relu(", ")")] {
        for depth in [100, 100_000] {
            let text = format!(
                "graph @g(%x: f32[N]) -> f32[N] {{ %y = relu({}{}) }}",
                open.repeat(depth),
                close.repeat(depth)
            );
            assert_eq!(ids(&findings(&text, &weights(&[]))), [FindingId::NestingTooDeep]);
        }
    }
    let text = super::body(
        "f32[N, 1]",
        "f32[N, 1]",
        &format!("%y = mean(%x, dims = {}1{})", "[".repeat(25), "]".repeat(25)),
    );
    assert_eq!(ids(&findings(&text, &weights(&[]))), [FindingId::ArgumentKind]);
    // Brackets in comments and strings are text.
    let text = super::body("f32[N]", "f32[N]", &format!("# {}\n%y = relu(%x)", "((\"".repeat(100)));
    super::graph(&text, &weights(&[]));
}

/// Every large file is read in a time that is about linear in its length.
#[test]
fn large_files_take_no_hours() {
    let few = weights(&[]);
    let limit = MAX_SOURCE_BYTES / 16;
    let mut chain = "graph @g(%v0: f32[N]) -> f32[N] {".to_owned();
    let mut count = 0;
    while chain.len() < limit {
        write!(chain, "%v{} = relu(%v{count}) ", count + 1).unwrap();
        count += 1;
    }
    let chain = format!("{chain}return %v{count} }}");
    let open = "graph @g(%x: f32[N]) -> f32[N] {";
    let repeated = |part: &str| part.repeat(limit / part.len());
    let files = [
        (chain, false),
        (format!("{open}{}return %x}}", repeated("%é = ")), true),
        (format!("{open}{}return %x}}", repeated("%y = rleu(%x, %x) # r\n")), true),
        (format!("{open}{}return %x}}", repeated("%y = relu(%z) ")), true),
        (format!("{open}{}return %x}}", repeated("%y = linear(%x, @k) #\n")), true),
        (format!("{open}%y = mean(%x, dims = [{}]) return %y}}", repeated("1,")), true),
        (
            format!(
                "graph @g(%x: f32[N{}]) -> f32[N] {{ %y = mean(%x, dims = [1]) return %y }}",
                repeated(",1")
            ),
            true,
        ),
        (format!("{open}%y = concat({}) return %y}}", repeated("%x,")), true),
        (repeated("["), true),
        (repeated("\""), true),
        (repeated("#"), true),
        (repeated("graph "), true),
        (repeated("é"), true),
    ];
    for (text, wrong) in files {
        let start = Instant::now();
        let source = SourceFile::new("test.ncg", text);
        let result = import(&source, &few);
        assert_eq!(result.is_err(), wrong, "{:.60}", source.text());
        if let Err(findings) = result {
            findings.render(Some(&source), false);
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:.60}: {:?}", source.text(), start.elapsed());
    }
}

//! What is said on standard error: for people, or with `--messages json` one JSON object a line for programs.
//!
//! | `kind` | fields |
//! |---|---|
//! | `progress` | `what`, `done`, `total` |
//! | `finding` | `severity`, `id`, `message`, `file`, `line`, `column`, `layer`, `op`, `remedy` |
//! | `note` | `message` |
//! | `failure` | `id`, `message`, `exit`; always the last line |

use clap::ValueEnum;
use neurocuda_compiler::diagnostic::{Findings, SourceFile};
use serde_json::{Value, json};
use std::{
    io::{IsTerminal, Write},
    sync::OnceLock,
};

/// Who reads standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Messages {
    /// People.
    Human,
    /// Programs: one JSON object a line.
    Json,
}

static MESSAGES: OnceLock<Messages> = OnceLock::new();

/// Decides for the whole process; the first call counts.
pub fn set(messages: Messages) {
    _ = MESSAGES.set(messages);
}

/// Whether programs read.
pub fn is_json() -> bool {
    MESSAGES.get() == Some(&Messages::Json)
}

/// Writes a line for programs. A reader that went away is no failure.
fn object(value: &Value) {
    _ = writeln!(std::io::stderr().lock(), "{value}");
}

/// Prints findings with their lines and remedies.
pub fn findings(findings: &Findings, source: Option<&SourceFile>) {
    if !is_json() {
        _ = write!(std::io::stderr(), "{}", findings.render(source, std::io::stderr().is_terminal()));
        return;
    }
    for record in findings.to_records(source) {
        object(&json!({
            "kind": "finding",
            "severity": record.severity,
            "id": record.id,
            "message": record.message,
            "file": record.file,
            "line": record.line,
            "column": record.column,
            "layer": record.layer,
            "op": record.op,
            "remedy": record.help,
        }));
    }
}

/// Prints what is worth knowing and no failure.
pub fn note(message: impl std::fmt::Display) {
    if is_json() {
        object(&json!({"kind": "note", "message": message.to_string()}));
    } else {
        _ = writeln!(std::io::stderr(), "{message}");
    }
}

/// Says how far a piece of work is, to programs.
pub fn progress(what: &str, done: usize, total: usize) {
    object(&json!({"kind": "progress", "what": what, "done": done, "total": total}));
}

/// Prints an error of a pass, with its layer and place.
pub fn refused(message: &str, layer: &str, place: &str, pass: &str) {
    if !is_json() {
        let at = if place.is_empty() { String::new() } else { format!("\n  at {place}") };
        let within = match (pass, layer) {
            ("", _) => String::new(),
            (pass, "") => format!("\n  in pass {pass}"),
            (pass, layer) => format!("\n  in pass {pass}, layer {layer}"),
        };
        _ = writeln!(std::io::stderr(), "error: {message}{at}{within}");
        return;
    }
    let (id, text) = split_id(message);
    let (file, line, column) = split_place(place);
    object(&json!({
        "kind": "finding",
        "severity": "error",
        "id": id.unwrap_or("pass-failed"),
        "message": text,
        "file": file,
        "line": line,
        "column": column,
        "layer": Some(layer).filter(|layer| !layer.is_empty()),
        "op": null,
        "remedy": null,
        "pass": Some(pass).filter(|pass| !pass.is_empty()),
    }));
}

/// Prints the last line of a command that failed.
pub fn failure(id: &str, message: &str, exit: u8) {
    if is_json() {
        let (own, text) = split_id(message);
        object(&json!({"kind": "failure", "id": own.unwrap_or(id), "message": text, "exit": exit}));
    } else if !message.is_empty() {
        _ = writeln!(std::io::stderr(), "{message}");
    }
}

/// Messages begin with their id, `data-shape: …`.
pub fn split_id(message: &str) -> (Option<&str>, &str) {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match message.split_once(": ") {
        Some((id, text)) if is_id(id) => (Some(id), text),
        _ => (None, message),
    }
}

/// `net.py:31` or `net.ncg:7:3`
fn split_place(place: &str) -> (Option<&str>, Option<u64>, Option<u64>) {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some((rest, last)) = place.rsplit_once(':') else {
        return (Some(place).filter(|place| !place.is_empty()), None, None);
    };
    match rest.rsplit_once(':').map(|(file, line)| (file, number(line))) {
        Some((file, Some(line))) => (Some(file), Some(line), number(last)),
        _ => (Some(rest), number(last), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_places_are_taken_apart() {
        assert_eq!(split_id("data-shape: x.safetensors: no"), (Some("data-shape"), "x.safetensors: no"));
        assert_eq!(split_id("overflow: no"), (Some("overflow"), "no"));
        assert_eq!(split_id("cannot read x: no"), (None, "cannot read x: no"));
        assert_eq!(split_id("x.ncx: no"), (None, "x.ncx: no"));
        assert_eq!(split_place("net.py:31"), (Some("net.py"), Some(31), None));
        assert_eq!(split_place("a:b.ncg:7:3"), (Some("a:b.ncg"), Some(7), Some(3)));
        assert_eq!(split_place(""), (None, None, None));
    }
}

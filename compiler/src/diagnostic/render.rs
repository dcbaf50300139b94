//! Findings as text for people and as records for machines.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::{Finding, FindingId, Findings, MAX_FINDINGS, Severity, SourceFile, Span};

/// Lines longer than this are named by line and column and not printed.
const MAX_LINE_BYTES: usize = 4096;

/// A finding for machines, the element of `--report`'s and `--json`'s lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingRecord {
    /// Stable id.
    pub id: FindingId,
    /// `error` or `warning`.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The file that the finding has a place in: the program that the graph was recorded from, else the graph file.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column in characters, from 1; in graph files only.
    pub column: Option<usize>,
    /// The layer concerned.
    pub layer: Option<String>,
    /// The op concerned.
    pub op: Option<String>,
}

impl Findings {
    /// The findings as text: message, file, line, column, the line with a caret, help. Ends in a line break unless there
    /// is nothing to say. `color` adds ANSI escapes.
    pub fn render(&self, source: Option<&SourceFile>, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text: String =
            self.iter().map(|finding| render_one(finding, source, &renderer) + "\n\n").collect();
        let dropped = self.errors() + self.warnings() - self.iter().count();
        if dropped > 0 {
            text += &format!("{dropped} more findings past the first {MAX_FINDINGS} are not listed\n\n");
        }
        text.truncate(text.trim_end_matches('\n').len());
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    /// The findings as records, in the same order.
    pub fn to_records(&self, source: Option<&SourceFile>) -> Vec<FindingRecord> {
        self.iter().map(|finding| record(finding, source)).collect()
    }
}

fn record(finding: &Finding, source: Option<&SourceFile>) -> FindingRecord {
    let place = finding.span.zip(source);
    let position = place.map(|(span, source)| source.position(span.start));
    let (file, line, column) = match finding.program_line() {
        Some(origin) => (Some(origin.file.clone()), Some(origin.line), None),
        None => (
            place.map(|(_, source)| source.name().to_owned()),
            position.map(|position| position.line),
            position.map(|position| position.column),
        ),
    };
    FindingRecord {
        id: finding.id,
        severity: finding.severity(),
        message: finding.message.clone(),
        help: finding.help.clone(),
        file,
        line,
        column,
        layer: finding.layer.clone(),
        op: finding.op_name().map(str::to_owned),
    }
}

fn render_one(finding: &Finding, source: Option<&SourceFile>, renderer: &Renderer) -> String {
    let level = match finding.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.id.as_str());
    let mut group = annotate_snippets::Group::with_title(title);
    if let Some(origin) = finding.program_line() {
        group = group.element(Origin::path(origin.file.as_str()).line(origin.line));
    }
    // The text of a graph that was made from an archive is in no file of the user's.
    if let Some((span, source)) = finding.span.zip(source.filter(|source| !source.is_generated())) {
        let position = source.position(span.start);
        let line = source.line(position.line);
        if line.end - line.start > MAX_LINE_BYTES {
            let origin = Origin::path(source.name()).line(position.line).char_column(position.column);
            group = group.element(origin);
        } else {
            let text = source.text().get(line.start..line.end).unwrap_or_default();
            let Span { start, end } = span_in_line(span, line, text);
            let snippet = Snippet::source(text).line_start(position.line).path(source.name());
            group = group.element(snippet.annotation(AnnotationKind::Primary.span(start..end)));
        }
    }
    if let Some(layer) = finding.layer.as_deref().filter(|layer| !layer.is_empty()) {
        group = group.element(Level::NOTE.message(format!("in layer `{layer}`")));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The part of `span` that lies in its first line, relative to that line and on character boundaries.
fn span_in_line(span: Span, line: Span, text: &str) -> Span {
    let start = text.floor_char_boundary(span.start.saturating_sub(line.start));
    let end = text.ceil_char_boundary(span.end.saturating_sub(line.start)).max(start);
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(start: usize, end: usize) -> Findings {
        Finding::new(FindingId::UnsupportedOp, "no such op")
            .at(Span::new(start, end))
            .help("look it up")
            .layer("act")
            .into()
    }

    #[test]
    fn text_has_place_caret_and_help() {
        let source = SourceFile::new("net.ncg", "graph @g(…)\n  %0 = gelu(%x)   # äct\n}\n");
        insta::assert_snapshot!(finding(21, 25).render(Some(&source), false));
    }

    #[test]
    fn a_span_of_several_lines_is_cut_after_the_first() {
        let source = SourceFile::new("net.ncg", "a(\nb\n)\n");
        insta::assert_snapshot!(finding(0, 6).render(Some(&source), false));
    }

    #[test]
    fn very_long_lines_are_not_printed() {
        let source = SourceFile::new("net.ncg", "x".repeat(MAX_LINE_BYTES + 1));
        insta::assert_snapshot!(finding(5, 7).render(Some(&source), false));
    }

    #[test]
    fn colour_and_no_source() {
        assert!(finding(0, 1).render(None, true).contains("\x1b["));
        insta::assert_snapshot!(finding(0, 1).render(None, false));
        assert_eq!(Findings::default().render(None, false), "");
    }

    #[test]
    fn records_carry_everything() {
        let source = SourceFile::new("net.ncg", "graph\n gelu");
        let records = serde_json::to_string(&finding(7, 11).to_records(Some(&source))).unwrap();
        insta::assert_snapshot!(records);
    }
}

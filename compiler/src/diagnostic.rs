//! What the compiler tells a person about their files: findings with a stable id, a place and a way out.
//!
//! A [`Finding`] is one remark on the user's input; [`Findings`] collects them, so that one run lists everything.
//! [`Findings::render`] writes them for a terminal, [`Findings::to_records`] for machines.

mod id;
mod render;
mod source;

pub use id::{FindingId, Severity};
pub use render::FindingRecord;
pub use source::{MAX_SOURCE_BYTES, Position, SourceFile, Span};

/// How many findings are kept; further ones are only counted.
///
/// A checker stops working on its input once [`Findings::is_full`], which bounds its work on hostile files.
pub const MAX_FINDINGS: usize = 1000;

/// One remark on the user's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of remark this is.
    pub id: FindingId,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where in the graph file.
    pub span: Option<Span>,
    /// The layer concerned.
    pub layer: Option<String>,
}

impl Finding {
    /// A finding without help, place or layer.
    pub fn new(id: FindingId, message: impl Into<String>) -> Self {
        Self { id, message: message.into(), help: None, span: None, layer: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the place in the graph file.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Adds the layer's name.
    #[must_use]
    pub fn layer(mut self, layer: impl Into<String>) -> Self {
        self.layer = Some(layer.into());
        self
    }

    /// Whether the finding stops the compilation; its id alone decides.
    pub fn severity(&self) -> Severity {
        self.id.severity()
    }
}

/// Proof that an error stands in a [`Findings`], for functions that have nothing else to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported(());

/// All findings of one run, in the order of the file once [sorted](Self::sort).
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Findings {
    kept: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

impl Findings {
    /// Adds a finding; past [`MAX_FINDINGS`] it is counted and dropped.
    pub fn push(&mut self, finding: Finding) -> Reported {
        match finding.severity() {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if !self.is_full() {
            self.kept.push(finding);
        }
        Reported(())
    }

    /// Proof that an error was found earlier, for what follows from it. Meant for callers that know one was.
    pub(crate) fn reported(&self) -> Reported {
        Reported(())
    }

    /// Whether further findings would be dropped.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= MAX_FINDINGS
    }

    /// Number of errors, dropped ones included.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Number of warnings, dropped ones included.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.errors + self.warnings == 0
    }

    /// The findings kept, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.kept.iter()
    }

    /// Puts the findings in the order of the file; those without a place come last.
    pub fn sort(&mut self) {
        self.kept.sort_by_key(|finding| finding.span.map_or(usize::MAX, |span| span.start));
    }

    /// `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        match (self.errors, self.warnings) {
            (0, 0) => "nothing found".to_owned(),
            (errors, 0) => count(errors, "error"),
            (0, warnings) => count(warnings, "warning"),
            (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        }
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        let mut findings = Self::default();
        findings.push(finding);
        findings
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        for finding in findings {
            self.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_where_findings_are_dropped() {
        let mut findings = Findings::default();
        for _ in 0..MAX_FINDINGS + 5 {
            findings.push(Finding::new(FindingId::ExtraWeight, "x"));
        }
        findings.push(Finding::new(FindingId::UnusedValue, "y"));
        assert!(findings.is_full());
        assert_eq!(findings.iter().count(), MAX_FINDINGS);
        assert_eq!((findings.errors(), findings.warnings()), (MAX_FINDINGS + 5, 1));
        assert_eq!(findings.to_string(), "1005 errors, 1 warning");
    }

    #[test]
    fn order_is_that_of_the_file() {
        let mut findings = Findings::default();
        findings.push(Finding::new(FindingId::ExtraWeight, "no place"));
        findings.push(Finding::new(FindingId::UnsupportedOp, "second").at(Span::new(7, 9)));
        findings.push(Finding::new(FindingId::UnsupportedOp, "first").at(Span::new(3, 4)));
        findings.sort();
        let order: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(order, ["first", "second", "no place"]);
    }
}

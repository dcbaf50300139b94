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
    /// Boxed, as findings are passed by value.
    pub context: Option<Box<Context>>,
}

/// What is known of a finding's place in the user's program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The line of the user's program that the graph was recorded from, where the graph file states it.
    pub origin: Option<Origin>,
    /// The op concerned, by its name in the graph file or in PyTorch.
    pub op: Option<String>,
}

/// A line of the program that a graph was recorded from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file, as the graph states it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

impl Origin {
    /// Reads `model.py:31`; `None` where the file is empty or the line is no positive number of 32 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let (file, line) = text.rsplit_once(':')?;
        let line = line.parse::<u32>().ok().filter(|line| *line > 0)?;
        (!file.is_empty()).then(|| Self { file: file.to_owned(), line: line as usize })
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Finding {
    /// A finding without help, place or layer.
    pub fn new(id: FindingId, message: impl Into<String>) -> Self {
        Self { id, message: message.into(), help: None, span: None, layer: None, context: None }
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

    /// Adds the line of the user's program.
    #[must_use]
    pub fn origin(mut self, origin: Option<Origin>) -> Self {
        self.context.get_or_insert_default().origin = origin;
        self
    }

    /// Adds the op's name.
    #[must_use]
    pub fn op(mut self, op: impl Into<String>) -> Self {
        self.context.get_or_insert_default().op = Some(op.into());
        self
    }

    /// The line of the user's program.
    pub fn program_line(&self) -> Option<&Origin> {
        self.context.as_ref()?.origin.as_ref()
    }

    /// The op's name.
    pub fn op_name(&self) -> Option<&str> {
        self.context.as_ref()?.op.as_deref()
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

    /// States the line of the program for all findings from number `first` on that do not state one themselves.
    pub(crate) fn locate(&mut self, first: usize, origin: &Origin) {
        for finding in self.kept.iter_mut().skip(first) {
            finding.context.get_or_insert_default().origin.get_or_insert_with(|| origin.clone());
        }
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

//! Faults to plant beside a pass, so that tests can see validation catch them.
//!
//! A fault changes IR right before or right after a pass runs, inside the span that `--validate-each` holds the pass to account for: it
//! stands for one wrong line of that pass. Before it, the pass misreads what it gets; after it, the pass has written something wrong.

mod change;
mod cores;
mod geometry;
mod input;
mod integers;
mod kernels;
mod neurons;
mod parameters;
mod wiring;

use melior::ir::OperationRef;
use std::str::FromStr;

/// A change of a module.
type Change = fn(OperationRef);

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name in `PASS=KIND`.
    pub name: &'static str,
    /// What happens, in one line.
    pub summary: &'static str,
    /// Faults in how a pass reads its input.
    before: Option<Change>,
    /// Faults in what a pass writes.
    after: Option<Change>,
}

impl Kind {
    /// A fault in how a pass reads its input.
    const fn before(name: &'static str, summary: &'static str, change: Change) -> Self {
        Self { name, summary, before: Some(change), after: None }
    }

    /// A fault in what a pass writes.
    const fn after(name: &'static str, summary: &'static str, change: Change) -> Self {
        Self { name, summary, before: None, after: Some(change) }
    }
}

/// All kinds, by family.
pub const KINDS: &[&[Kind]] = &[
    parameters::KINDS,
    geometry::KINDS,
    wiring::KINDS,
    input::KINDS,
    integers::KINDS,
    neurons::KINDS,
    cores::KINDS,
    kernels::KINDS,
];

/// A fault of one pass.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Name of the pass that is to blame.
    pub pass: String,
    /// What goes wrong.
    pub kind: Kind,
}

/// `PASS=KIND`.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pass, name) = text.split_once('=').ok_or("expected PASS=KIND")?;
        let kind = KINDS.iter().copied().flatten().find(|kind| kind.name == name);
        let kind = *kind.ok_or_else(|| format!("no fault is called `{name}`"))?;
        Ok(Self { pass: pass.to_owned(), kind })
    }
}

impl Fault {
    /// Changes what the pass reads.
    pub fn before(&self, module: OperationRef) {
        if let Some(change) = self.kind.before {
            change(module);
        }
    }

    /// Changes what the pass wrote.
    pub fn after(&self, module: OperationRef) {
        if let Some(change) = self.kind.after {
            change(module);
        }
    }
}

//! Layer names: where they come from, and how they are made unique.

use std::collections::{HashMap, HashSet};

use super::parse::is_layer_name;
use super::syntax::{Assignment, Literal};

/// Names in use.
#[derive(Debug, Default)]
pub(super) struct Names {
    used: HashSet<String>,
    /// The last suffix tried for a name, so that a thousand equal names do not take a million look-ups.
    suffixes: HashMap<String, usize>,
}

impl Names {
    /// Takes a name; `false` where it is in use.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        self.used.insert(name.to_owned())
    }

    /// Takes a name, with `.1`, `.2` and so on appended where it is in use.
    pub(super) fn unique(&mut self, name: &str) -> String {
        if self.insert(name) {
            return name.to_owned();
        }
        let suffix = self.suffixes.entry(name.to_owned()).or_default();
        loop {
            *suffix += 1;
            let candidate = format!("{name}.{suffix}");
            if self.used.insert(candidate.clone()) {
                return candidate;
            }
        }
    }

    /// The name of a statement's layer: the explicit one, else the trailing comment, else what its weights' keys begin
    /// with, else the value's name.
    pub(super) fn layer(&mut self, explicit: Option<&str>, assignment: &Assignment<'_>) -> String {
        match explicit.or(assignment.comment) {
            Some(name) => self.unique(name),
            None => {
                let prefix = common_prefix(assignment).filter(|prefix| is_layer_name(prefix));
                let value = || value_name(assignment.value.node);
                self.unique(&prefix.unwrap_or_else(value))
            }
        }
    }
}

/// `%.x` is a value and `.x` is no layer name.
fn value_name(value: &str) -> String {
    if is_layer_name(value) { value.to_owned() } else { format!("v{value}") }
}

/// What all weights' keys begin with, whole components without the last: `layer1.0.bn1`.
fn common_prefix(assignment: &Assignment<'_>) -> Option<String> {
    let keys = assignment.arguments.iter().filter_map(|argument| match argument.value.node {
        Literal::Weight(key) => Some(key),
        _ => None,
    });
    let modules =
        keys.map(|key| key.rsplit_once('.').map_or(Vec::new(), |(module, _)| module.split('.').collect()));
    let common: Vec<&str> = modules.reduce(|common, module| {
        common.iter().zip(&module).take_while(|(a, b)| a == b).map(|(a, _)| *a).collect()
    })?;
    Some(common.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_unique_by_suffixes() {
        let mut names = Names::default();
        assert!(names.insert("a.2"));
        let all: Vec<_> = (0..4).map(|_| names.unique("a")).collect();
        assert_eq!(all, ["a", "a.1", "a.3", "a.4"]);
    }
}

//! What a parser of ours says of a text that it cannot read.

use pest::{
    RuleType,
    error::{Error, ErrorVariant},
};

/// Longest word that a message repeats, in bytes.
const LONGEST: usize = 40;

/// The word that `text` begins with, of characters that are `within` words, or its first character.
pub fn word(text: &str, within: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c: char| !within(c)).unwrap_or(text.len());
    text.get(..end.max(text.chars().next().map_or(0, char::len_utf8))).unwrap_or_default()
}

/// A word as a message names it; `end` where the text has ended.
pub fn quoted(word: &str, end: &str) -> String {
    match word {
        "" => end.to_owned(),
        word if word.len() > LONGEST => "a long word".to_owned(),
        word => format!("`{}`", word.escape_debug()),
    }
}

/// `expected a, b or c, found …`, with what each rule is called.
pub fn message<R: RuleType>(error: &Error<R>, name: impl Fn(R) -> &'static str, found: &str) -> String {
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } if !positives.is_empty() => {
            let mut names: Vec<_> = positives.iter().map(|rule| name(*rule)).collect();
            names.sort_unstable();
            names.dedup();
            format!("expected {}, found {found}", one_of(&names))
        }
        _ => format!("unexpected {found}"),
    }
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    }
}

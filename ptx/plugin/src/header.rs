//! What a PTX text says of itself: version, architecture, and the parameters of its kernels.

use neurocuda_cuda_abi::Kind;
use std::collections::HashMap;

/// The first directives.
pub struct Header {
    /// Of `.version`.
    pub version: String,
    /// Of `.target`, such as `sm_90a`.
    target: String,
}

impl Header {
    /// Reads them; what is missing is empty, and for the driver to complain of.
    pub fn of(ptx: &str) -> Self {
        let text = without_comments(ptx);
        let word = |directive: &str| {
            let after = text.split_once(directive).map_or("", |(_, after)| after);
            let ends = |c: char| c.is_whitespace() || c == ',';
            after.trim_start().split(ends).next().unwrap_or("").to_owned()
        };
        Self { version: word(".version "), target: word(".target ") }
    }

    /// Why a card of a compute capability does not run this, if so.
    ///
    /// A plain target runs on its own and all later capabilities, one with `f` on those of its family, one with `a` on no
    /// other (PTX ISA, `.target`).
    pub fn misfit(&self, major: u32, minor: u32) -> Option<String> {
        let digits = self.target.strip_prefix("sm_")?;
        let suffix = digits.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = digits[..digits.len() - suffix.len()].parse::<u32>().ok()?;
        let card = major * 10 + minor;
        let fits = match suffix {
            "" => number <= card,
            "f" => number <= card && number / 10 == major,
            _ => number == card,
        };
        (!fits).then(|| format!("the kernels are for {}, and the card is sm_{card}", self.target))
    }
}

/// Kinds of the parameters by kernel; none for a parameter that is neither pointer nor word.
pub struct Signatures(HashMap<String, Vec<Option<Kind>>>);

impl Signatures {
    /// Reads them from a text.
    pub fn of(ptx: &str) -> Self {
        let text = without_comments(ptx);
        let signature = |entry: &str| {
            let name_ends = |c: char| c.is_whitespace() || matches!(c, '(' | '{');
            let (name, after) = entry.split_at(entry.find(name_ends)?);
            // Without a list there are no parameters; the body begins with a brace.
            let list = after.trim_start().strip_prefix('(').and_then(|list| list.split_once(')'));
            let parameters = list.map_or("", |(list, _)| list).split(',').map(str::trim);
            let kinds = parameters.filter(|parameter| !parameter.is_empty()).map(kind).collect();
            Some((name.to_owned(), kinds))
        };
        Self(text.split(".entry ").skip(1).filter_map(|entry| signature(entry.trim_start())).collect())
    }

    /// Those of a kernel.
    pub fn get(&self, kernel: &str) -> Option<&Vec<Option<Kind>>> {
        self.0.get(kernel)
    }
}

fn kind(parameter: &str) -> Option<Kind> {
    if parameter.ends_with(']') {
        return None;
    }
    parameter.split_whitespace().find_map(|word| match word {
        ".u64" | ".s64" | ".b64" => Some(Kind::Pointer),
        ".u32" | ".s32" | ".b32" => Some(Kind::Word),
        _ => None,
    })
}

/// The text with a blank for each comment.
fn without_comments(ptx: &str) -> String {
    let mut text = String::with_capacity(ptx.len());
    let mut rest = ptx;
    while let Some(start) = rest.find('/') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = match rest.as_bytes().get(1) {
            Some(b'/') => rest.find('\n').unwrap_or(rest.len()),
            Some(b'*') => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => 1,
        };
        text.push(' ');
        rest = &rest[end..];
    }
    text.push_str(rest);
    text
}

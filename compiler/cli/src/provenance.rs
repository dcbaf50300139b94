//! The command line as a report quotes it: the same on every machine.

/// Options that change no result, with whether a value follows.
const LEFT_OUT: [(&str, bool); 7] = [
    ("--report", true),
    ("--html", true),
    ("--tallies", true),
    ("--threads", true),
    ("--messages", true),
    ("--cache-dir", true),
    ("--no-cache", false),
];

/// This process's command line.
pub fn command() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    quote(arguments)
}

/// The command with files by their names, without their folders, and without what changes no result.
fn quote(arguments: impl Iterator<Item = String>) -> String {
    let mut words = vec!["neurocudac".to_owned()];
    let mut value_is_left_out = false;
    for argument in arguments {
        if std::mem::take(&mut value_is_left_out) {
            continue;
        }
        let (option, value) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (argument.as_str(), None),
        };
        match (LEFT_OUT.iter().find(|(name, _)| *name == option), value) {
            (Some((_, takes_value)), value) => value_is_left_out = *takes_value && value.is_none(),
            (None, Some(value)) => words.push(format!("{option}={}", word(value))),
            (None, None) => words.push(word(option)),
        }
    }
    words.join(" ")
}

/// The last part of a path, quoted for a shell where it needs it.
fn word(text: &str) -> String {
    let name = text.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(text);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.,:+@%[]".contains(letter);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_and_no_option_without_influence_is_quoted() {
        let quoted = |line: &str| quote(line.split('|').map(str::to_owned));
        assert_eq!(
            quoted(
                "validate|/tmp/x/net.ncx|--model|a/b.ncg|--data=../c d.safetensors|--limit|50|--threads|2|--no-cache"
            ),
            "neurocudac validate net.ncx --model b.ncg --data='c d.safetensors' --limit 50"
        );
        assert_eq!(
            quoted(
                "--messages=json|merge|n.ncx|D:\\t\\1.json|--html|/r.html|--max-drop=-1.5|--report=r.json"
            ),
            "neurocudac merge n.ncx 1.json --max-drop=-1.5"
        );
        assert_eq!(quoted("validate|it's"), "neurocudac validate 'it'\\''s'");
    }
}

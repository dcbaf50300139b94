//! The validation report as people read it in a terminal.

use crate::support::tiny::Tiny;

/// What validation prints, without time and memory.
fn printed(tiny: &Tiny) -> String {
    let finished = tiny.validate(&[]).succeeds();
    let differs =
        |line: &&str| ["time ", "peak memory "].iter().any(|name| line.trim_start().starts_with(name));
    let lines = finished.stdout.lines().filter(|line| !differs(line)).map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_report_says_how_sure_it_is() {
    let tiny = Tiny::new();
    tiny.compile(&[]).succeeds();
    insta::assert_snapshot!("st-bif", printed(&tiny));
    tiny.compile(&["--schedule", "rate"]).succeeds();
    insta::assert_snapshot!("rate", printed(&tiny));
}

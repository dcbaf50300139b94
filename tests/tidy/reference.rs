//! The reference documents: written from the program's own definitions, and stale as soon as those change.

use crate::tree::root;
use neurocuda_compiler::{
    compile::CompileReport,
    import::{
        ops::{self, Default, Param},
        pt2,
    },
    pass::{Claim, PassInfo},
    passes,
    validate::{bisect::Bisection, report::Report},
};
use neurocuda_dialects::{OpInfo, SOURCES, op_infos, stage::Stage};
use std::{env, fmt::Write, fs};

/// Variable that has the documents written anew.
const BLESS: &str = "NEUROCUDAC_BLESS";

/// Says where a page comes from.
const GENERATED: &str = "<!-- Written by `NEUROCUDAC_BLESS=1 cargo test -p neurocudac --test tidy`; change the definitions, not this page. -->\n";

#[test]
fn reference_documents_are_up_to_date() {
    let mut pages = SOURCES
        .iter()
        .map(|(dialect, source)| (format!("{dialect}.md"), dialect_page(dialect, source)))
        .collect::<Vec<_>>();
    pages.push(("passes.md".to_owned(), passes_page()));
    pages.push(("ops.md".to_owned(), ops_page()));
    pages.push(("aten.md".to_owned(), aten_page()));
    pages.push(("compile-report.schema.json".to_owned(), compile_schema()));
    pages.push(("validate-report.schema.json".to_owned(), json(schemars::schema_for!(Report).to_value())));
    pages.push(("bisect-report.schema.json".to_owned(), json(schemars::schema_for!(Bisection).to_value())));
    let folder = root().join("docs/src/reference");
    let mut stale = Vec::new();
    for (name, wanted) in pages {
        let path = folder.join(&name);
        if fs::read_to_string(&path).ok().as_ref() == Some(&wanted) {
            continue;
        }
        if env::var_os(BLESS).is_some() {
            fs::create_dir_all(&folder).expect("the folder can be made");
            fs::write(&path, wanted).expect("the page can be written");
        } else {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "stale in docs/src/reference: {}\nwrite them anew: {BLESS}=1 cargo test -p neurocudac --test tidy",
        stale.join(", ")
    );
}

/// What stands in quotes after `key = `.
fn quoted<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.split_once(&format!("{key} = \""))?.1.split('"').next()
}

fn dialect_page(dialect: &str, source: &str) -> String {
    let summary = source
        .lines()
        .filter(|line| line.starts_with("irdl.dialect"))
        .find_map(|line| quoted(line, "summary"));
    let mut page =
        format!("# Dialect `{dialect}`\n\n{GENERATED}\n{}.\n", sentence(summary.expect("a summary")));
    page += "\nValues are tensors with the batch as first, dynamic axis; every attribute is mandatory.\n";
    for info in op_infos().values().filter(|info| info.name.starts_with(&format!("{dialect}."))) {
        page += &op_section(info, source);
    }
    let _ = write!(page, "\n{{{{#include ../../../dialects/src/{dialect}/RATIONALE.md}}}}\n");
    page
}

fn op_section(info: &OpInfo, source: &str) -> String {
    let stages = Stage::ALL.into_iter().filter(|stage| stage.legal_ops().contains(&info.name.as_str()));
    let stages = stages.map(|stage| format!("`{stage}`")).collect::<Vec<_>>().join(", ");
    let operands = info.operands.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut section = format!("\n## `{}`\n\n{}.\n\n", info.name, sentence(&info.summary));
    let _ = writeln!(section, "- operands: {operands}");
    for name in &info.attributes {
        let _ = writeln!(section, "- attribute `{name}`: {}", attribute_kind(info, name, source));
    }
    let _ = writeln!(section, "- stages: {stages}");
    if !info.pure {
        section += "- is kept where nobody reads it\n";
    }
    section
}

/// Kind of an attribute, from its constraint in the IRDL file.
fn attribute_kind(info: &OpInfo, attribute: &str, source: &str) -> &'static str {
    let (_, name) = info.name.split_once('.').expect("a full name");
    let definition = source.split(&format!("irdl.operation @{name} ")).nth(1).expect("the op's definition");
    let constraint =
        definition.lines().find_map(|line| line.trim().strip_prefix(&format!("%{attribute} = ")));
    let constraint = constraint.expect("the attribute's constraint");
    let kinds = [
        ("irdl.any_of", "tensor, inline or a resource"),
        ("#builtin.dense_array", "list of integers"),
        ("#builtin.array", "list of strings"),
        ("#builtin.integer", "integer or boolean"),
        ("#builtin.float", "float"),
        ("#builtin.string", "string"),
    ];
    kinds.iter().find(|(text, _)| constraint.contains(text)).expect("a known kind").1
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn passes_page() -> String {
    let mut page = format!("# Passes\n\n{GENERATED}\nIn the order in which a compilation meets them.\n");
    for registration in passes::ALL {
        page += &pass_section(registration.info);
    }
    page
}

fn pass_section(info: &PassInfo) -> String {
    let stages = match (info.from, info.to) {
        (None, _) => "any stage".to_owned(),
        (Some(from), Some(to)) if from != to => format!("from `{from}` to `{to}`"),
        (Some(from), _) => format!("at `{from}`"),
    };
    let claim = match info.claim {
        Claim::Equal => "the outputs stay equal, to the last bit".to_owned(),
        Claim::Rounding => {
            format!("the outputs stay equal up to rounding: max|Δ| ≤ {:e} · max|y|", info.claim.tolerance())
        }
        Claim::Layerwise => "given the same inputs, every layer computes what it did, but for the rounding that the pass is for".to_owned(),
        Claim::Another => "computes something else, as the user asks".to_owned(),
        Claim::Lossy(limit) => format!(
            "approximates: the root mean square of the change is at most {limit} of that of the outputs"
        ),
    };
    let mut section =
        format!("\n## `{}`\n\n{}.\n\n- {stages}\n- {claim}\n", info.name, sentence(info.summary));
    for option in info.options {
        let _ =
            writeln!(section, "- option `{}` (default {}): {}", option.name, option.default, option.summary);
    }
    section
}

fn ops_page() -> String {
    let mut page = format!(
        "# Ops of graph files\n\n{GENERATED}\nPyTorch's semantics and defaults. An argument may be given by position or by name.\n"
    );
    for ops::OpEntry { signature, .. } in ops::OPS {
        let _ = write!(
            page,
            "\n## `{}`\n\n```text\n{signature}\n```\n\n{}.\n\n",
            signature.name,
            sentence(signature.summary)
        );
        for param in signature.params {
            let _ = writeln!(page, "- `{}`: {}{}", param.name, param.kind.description(), without(param));
        }
    }
    page
}

fn aten_page() -> String {
    let mut page = format!(
        "# ATen ops of archives\n\n{GENERATED}\nWhat becomes of each op of a [`torch.export` archive](../archives.md). What is not \
         in this table is refused by name.\n\n| ATen | graph language |\n|---|---|\n"
    );
    for (name, becomes) in pt2::supported() {
        let _ = writeln!(page, "| `{name}` | {becomes} |");
    }
    page += "\n## Schemas\n\n| schema version | written by PyTorch |\n|---|---|\n";
    for (major, minor, torch) in pt2::SCHEMA_VERSIONS {
        let _ = writeln!(page, "| {major}.{minor} | {torch} |");
    }
    page
}

/// What holds of a parameter besides its kind.
fn without(param: &Param) -> String {
    let mut text = match param.default {
        Default::Required => String::new(),
        Default::Absent => "; may be left out".to_owned(),
        Default::Int(value) => format!("; {value} if left out"),
        Default::Float(value) => format!("; {value:?} if left out"),
        Default::Bool(value) => format!("; `{value}` if left out"),
        Default::SameAs(other) => format!("; as `{other}` if left out"),
    };
    if param.least != i64::MIN {
        let _ = write!(text, "; at least {}", param.least);
    }
    if param.infinite {
        text += "; may be infinite";
    }
    text
}

/// The schema of `compile --report`: the library's report, and the memory that the command adds.
fn compile_schema() -> String {
    let mut schema = schemars::schema_for!(CompileReport).to_value();
    schema["properties"]["peak_memory_mb"] = serde_json::json!({
        "description": "Largest resident memory of the process, in MB; null where the system does not tell.",
        "type": ["number", "null"],
        "format": "double",
    });
    json(schema)
}

fn json(value: serde_json::Value) -> String {
    serde_json::to_string_pretty(&value).expect("a schema is JSON") + "\n"
}

//! Modules as text: files that people write, and the integer network that an artifact carries.
//!
//! MLIR does not check that a resource a text names is there and has the size of its type; reading one that is not would read
//! foreign memory. So a text is only let in after its resources have been checked.

use crate::mlir;
use melior::{
    Context,
    diagnostic::{Diagnostic, DiagnosticSeverity},
    ir::{
        Attribute, BlockLike, Module, OperationRef, RegionLike, attribute::AttributeLike,
        operation::OperationLike,
    },
};
use neurocuda_dialects::{TensorAttr, resource};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// A message of MLIR or of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `error`, `warning`, `note` or `remark`.
    pub severity: &'static str,
    /// Where, as `file:line:column`; empty if unknown.
    pub place: String,
    /// The text.
    pub text: String,
}

impl std::fmt::Display for Message {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        if !self.place.is_empty() {
            write!(formatter, "{}: ", self.place)?;
        }
        write!(formatter, "{}: {}", self.severity, self.text)
    }
}

/// Runs `work` and returns, beside its result, what was reported to `context` meanwhile.
pub fn collecting<T>(context: &Context, work: impl FnOnce() -> T) -> (T, Vec<Message>) {
    let messages = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&messages);
    let handler = context.attach_diagnostic_handler(move |diagnostic| {
        sink.borrow_mut().extend(read(&diagnostic));
        true
    });
    let result = work();
    context.detach_diagnostic_handler(handler);
    let messages = messages.take();
    (result, messages)
}

fn read(diagnostic: &Diagnostic) -> Vec<Message> {
    let severity = match diagnostic.severity() {
        DiagnosticSeverity::Error => "error",
        DiagnosticSeverity::Warning => "warning",
        DiagnosticSeverity::Note => "note",
        DiagnosticSeverity::Remark => "remark",
    };
    let mut messages =
        vec![Message { severity, place: mlir::source(diagnostic.location()), text: diagnostic.to_string() }];
    for index in 0..diagnostic.note_count() {
        messages.extend(diagnostic.note(index).iter().flat_map(read));
    }
    messages
}

/// Parses the text of a module; `file` is what messages call it.
///
/// # Errors
///
/// What MLIR reports, or resources that are missing or have another size than their type.
pub fn parse<'c>(context: &'c Context, file: &str, text: &str) -> Result<Module<'c>, Vec<Message>> {
    let (module, messages) = collecting(context, || parse_named(context, file, text));
    let module = module.ok_or(messages)?;
    let sizes = resource_sizes(text);
    let mut problems = Vec::new();
    for (operation, _, attribute) in resources(module.as_operation()) {
        let Some(name) = resource::name(attribute) else { continue };
        let wanted = byte_size(attribute);
        let problem = match sizes.get(&name) {
            None => format!(
                "missing-resource: `{name}` is named but not given; print the module without eliding resources"
            ),
            Some(&found) if Some(found) != wanted => {
                format!(
                    "missing-resource: `{name}` has {found} bytes, its type needs {}",
                    wanted.unwrap_or(0)
                )
            }
            Some(_) => continue,
        };
        problems.push(Message {
            severity: "error",
            place: mlir::source(operation.location()),
            text: problem,
        });
    }
    if problems.is_empty() { Ok(module) } else { Err(problems) }
}

fn parse_named<'c>(context: &'c Context, file: &str, text: &str) -> Option<Module<'c>> {
    // Behind the text a zero, as MLIR's parser wants it.
    let text = std::ffi::CString::new(text).ok()?;
    // SAFETY: the strings outlive the call; MLIR copies what it keeps.
    unsafe {
        let operation = mlir_sys::mlirOperationCreateParse(
            context.to_raw(),
            mlir_sys::MlirStringRef { data: text.as_ptr(), length: text.as_bytes().len() },
            melior::StringRef::new(file).to_raw(),
        );
        if operation.ptr.is_null() {
            return None;
        }
        Module::from_operation(melior::ir::Operation::from_raw(operation))
    }
}

/// Sizes in bytes of the resources that a text gives, by name.
fn resource_sizes(text: &str) -> BTreeMap<String, usize> {
    /// Alignment that stands in front of the data.
    const PREFIX: usize = 4;
    let mut sizes = BTreeMap::new();
    let Some(section) = text.rfind("{-#").map(|start| &text[start..]) else { return sizes };
    for (position, _) in section.match_indices(": \"0x") {
        let name = section[..position].trim_end();
        let name = match name.strip_suffix('"') {
            Some(quoted) => &quoted[quoted.rfind('"').map_or(0, |start| start + 1)..],
            None => {
                &name[name
                    .rfind(|c: char| c.is_whitespace() || c == '{' || c == ',')
                    .map_or(0, |start| start + 1)..]
            }
        };
        let digits = section[position + 5..].bytes().take_while(u8::is_ascii_hexdigit).count();
        sizes.insert(name.to_owned(), (digits / 2).saturating_sub(PREFIX));
    }
    sizes
}

/// Bytes that the type of an elements attribute takes.
fn byte_size(attribute: Attribute) -> Option<usize> {
    let tensor = TensorAttr::from_attribute(attribute)?;
    let r#type = attribute.r#type().to_string();
    let element = &r#type[r#type.rfind(['x', '<'])? + 1..].trim_end_matches('>');
    let size = match *element {
        "i8" => 1,
        "i16" => 2,
        "f32" | "i32" => 4,
        "f64" | "i64" => 8,
        _ => return None,
    };
    tensor.shape().iter().try_fold(size, |size: usize, &extent| size.checked_mul(extent))
}

/// Every resource attribute of every op below `root`, with the attribute's name.
fn resources<'c, 'a>(root: OperationRef<'c, 'a>) -> Vec<(OperationRef<'c, 'a>, String, Attribute<'c>)> {
    let mut found = Vec::new();
    let mut pending = vec![root];
    while let Some(operation) = pending.pop() {
        for (key, attribute) in operation.attributes() {
            if resource::name(attribute).is_some() {
                found.push((operation, mlir::text(key.as_string_ref()), attribute));
            }
        }
        for region in operation.regions() {
            let blocks = std::iter::successors(region.first_block(), |block| block.next_in_region());
            pending.extend(blocks.flat_map(mlir::operations));
        }
    }
    found
}

/// The text of a module without its resources, and the names of those.
pub fn store<'c>(module: &Module<'c>) -> (String, BTreeMap<String, TensorAttr<'c>>) {
    let mut names = BTreeMap::new();
    for (_, _, attribute) in resources(module.as_operation()) {
        if let (Some(name), Some(tensor)) = (resource::name(attribute), TensorAttr::from_attribute(attribute))
        {
            names.insert(name, tensor);
        }
    }
    (mlir::print_without_resources(module), names)
}

/// The module of a text that [`store`] made, with `bytes` to look up its resources. The context must not hold resources of the
/// same names already: MLIR would rename those of the text.
///
/// # Errors
///
/// What MLIR reports, or resources that are missing or have another size than their type.
pub fn load<'c, 'b>(
    context: &'c Context,
    text: &str,
    bytes: impl Fn(&str) -> Option<&'b [u8]>,
) -> Result<Module<'c>, Vec<Message>> {
    let error = |text: String| vec![Message { severity: "error", place: String::new(), text }];
    if text.contains("{-#") {
        return Err(error("the module of an artifact holds no resources of its own".to_owned()));
    }
    let (module, messages) = collecting(context, || parse_named(context, "module.ann", text));
    let module = module.ok_or(messages)?;
    let mut missing = BTreeSet::new();
    for (operation, key, attribute) in resources(module.as_operation()) {
        let name = resource::name(attribute).unwrap_or_default();
        match bytes(&name).filter(|bytes| Some(bytes.len()) == byte_size(attribute)) {
            Some(bytes) => {
                mlir::set_attribute(
                    operation,
                    &key,
                    resource::owned(attribute.r#type(), &name, bytes.to_vec()),
                );
            }
            None => drop(missing.insert(name)),
        }
    }
    if missing.is_empty() {
        Ok(module)
    } else {
        let names = missing.into_iter().collect::<Vec<_>>().join(", ");
        Err(error(format!(
            "missing-resource: the artifact lacks tensors of its module, or they have another size: {names}"
        )))
    }
}

//! `torch.export` archives (.pt2) as models.
//!
//! An archive is translated into the graph language and a weights file, and then imported as these are, so that both roads give
//! the same artifacts. [`Translation::open`] does the first half; nothing of the archive is executed or unpickled.
//!
//! - `archive.rs` reads the zip within limits, `schema.rs` its JSON, `constant.rs` its tensors;
//! - `translate.rs` goes through the nodes; `aten/` has one small function for each op or family;
//! - `value.rs` keeps account of shared memory, for in-place ops; `place.rs` of modules and lines.

mod archive;
mod aten;
mod call;
mod constant;
mod place;
mod schema;
mod translate;
mod value;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

pub use archive::SCHEMA_VERSIONS;
pub use aten::supported;

use super::check::Opaque;
use super::example::EXAMPLE_PREFIX;
use super::names::Names;
use super::weights::Weights;
use crate::diagnostic::{Finding, FindingId, Findings, SourceFile};
use archive::Archive;
use constant::{Budget, Constant};
use schema::{Argument, ExportedProgram, GraphModule, InputSpec, OutputSpec, Payload, TreeSpec};
use translate::{Statement, Translator};
use value::{Id, Value};

/// What to do with a file that is neither.
pub(super) const WAYS_IN: &str = "there are two ways in: an archive (.pt2) that `torch.export.save(torch.export.export(model.eval(), (x,)), \
                                  \"model.pt2\")` writes, or a graph description (.ncg) with its safetensors file";

/// Most nodes of a graph. Networks of a thousand layers have some ten thousand.
const MAX_NODES: usize = 200_000;

/// An archive as a graph description with its weights.
#[derive(Debug)]
pub struct Translation {
    /// The graph description.
    pub source: SourceFile,
    /// Its tensors by their state-dict names, with the recorded samples.
    pub weights: Weights,
    pub(super) opaque: Opaque,
    pub(super) findings: Findings,
}

impl Translation {
    /// Translates an archive; `name` is what findings call it.
    ///
    /// What single nodes lack is found in the import of the translation; only that the archive cannot be read at all is an error here.
    ///
    /// # Errors
    /// `archive-unreadable`, `archive-version`, `model-format`, `example-invalid`.
    pub fn open(bytes: &[u8], name: &str) -> Result<Self, Finding> {
        let mut archive = Archive::open(bytes)?;
        let ExportedProgram { graph_module } = archive.program()?;
        let GraphModule { graph, signature, module_call_graph } = graph_module;
        if graph.nodes.len() > MAX_NODES {
            let message = format!("the graph has {} nodes; at most {MAX_NODES} are read", graph.nodes.len());
            return Err(Finding::new(FindingId::ArchiveUnreadable, message));
        }
        let returned: Vec<&str> = signature.output_specs.iter().filter_map(returned).collect();
        let mut translator = Translator::new(&graph, &returned, Budget::new(bytes.len()));
        let mut stored = Stored::open(&mut archive)?;
        for spec in &signature.input_specs {
            match spec {
                InputSpec::UserInput { arg: Argument::AsTensor(tensor) } => translator.input(&tensor.name),
                InputSpec::Parameter { arg, parameter_name: name }
                | InputSpec::Buffer { arg, buffer_name: name }
                | InputSpec::TensorConstant { arg, tensor_constant_name: name } => {
                    if translator.is_read(&arg.name) {
                        let constant = stored.tensor(name, &mut translator.budget);
                        translator.constant(&arg.name, constant);
                    }
                }
                // A number or a word is written into the graph where it is used; an object cannot be read by any op that is translated.
                InputSpec::UserInput { .. }
                | InputSpec::ConstantInput(_)
                | InputSpec::CustomObj(_)
                | InputSpec::Token(_) => {}
            }
        }
        for (number, node) in graph.nodes.iter().enumerate() {
            if translator.findings.is_full() {
                break;
            }
            translator.node(node, number);
        }
        for spec in &signature.output_specs {
            if let OutputSpec::BufferMutation { buffer_name: name }
            | OutputSpec::ParameterMutation { parameter_name: name } = spec
            {
                let message = format!("the network changes `{name}` while it runs");
                let help = "a converted network keeps its weights: export with `model.eval()`, and leave counters out of `forward`";
                translator.findings.push(Finding::new(FindingId::MutatedState, message).help(help));
            }
        }
        translator.name_layers();
        let output_names = output_names(&module_call_graph, returned.len());
        let mut outputs = outputs(&mut translator, &returned, output_names);
        complete(&mut translator.inputs, &mut outputs);
        let example = archive.example()?;
        let graph_name = graph_name(name);
        let text = text(&graph_name, &translator.inputs, &translator.statements, &outputs);
        let opaque = translator
            .statements
            .iter()
            .enumerate()
            .filter_map(|(index, statement)| Some((index.to_string(), statement.opaque.clone()?)));
        let opaque: Opaque = opaque.collect();
        let source = SourceFile::generated(name, text);
        let weights = serialized(&translator.weights, example.as_deref(), &translator.inputs, &outputs)?;
        let weights = Weights::from_bytes(weights, Path::new(name)).map_err(Finding::from)?;
        Ok(Self { source, weights, opaque, findings: translator.findings })
    }
}

/// The tensors that an archive stores.
struct Stored<'z, 'a> {
    archive: &'z mut Archive<'a>,
    /// The folder and where in it, by state-dict name.
    payloads: HashMap<String, (&'static str, Payload)>,
    /// What was read, by its place, so that tied tensors are one.
    read: HashMap<String, Rc<Constant>>,
}

impl<'z, 'a> Stored<'z, 'a> {
    fn open(archive: &'z mut Archive<'a>) -> Result<Self, Finding> {
        let mut payloads = HashMap::new();
        for kind in ["weights", "constants"] {
            let config = archive.payloads(kind)?.config;
            payloads.extend(config.into_iter().map(|(name, payload)| (name, (kind, payload))));
        }
        Ok(Self { archive, payloads, read: HashMap::new() })
    }

    fn tensor(&mut self, name: &str, budget: &mut Budget) -> Result<Rc<Constant>, Finding> {
        let missing = |what: &str| {
            Finding::new(FindingId::MissingWeight, format!("the archive {what} of `{name}`"))
                .help("write it again with `torch.export.save`")
        };
        let (kind, payload) = self.payloads.get(name).ok_or_else(|| missing("has no tensor"))?;
        let Some(meta) = payload.tensor_meta.as_ref().filter(|_| !payload.use_pickle) else {
            return Err(missing("holds a pickled object instead").help("only plain tensors are read"));
        };
        let place = format!("{kind}/{} {meta:?}", payload.path_name);
        if let Some(known) = self.read.get(&place) {
            return Ok(Rc::clone(known));
        }
        if name.contains(['"', '\n', '\r']) || name.starts_with(EXAMPLE_PREFIX) {
            return Err(missing("has an unusable name").help("rename the parameter"));
        }
        let bytes = self.archive.payload(kind, &payload.path_name)?;
        let constant = Rc::new(constant::read(name, meta, &bytes, budget)?);
        self.read.insert(place, Rc::clone(&constant));
        Ok(constant)
    }
}

fn returned(spec: &OutputSpec) -> Option<&str> {
    match spec {
        OutputSpec::UserOutput { arg: Argument::AsTensor(tensor) } => Some(&tensor.name),
        _ => None,
    }
}

/// The keys of the dictionary that a model returns, one for each output.
fn output_names(modules: &[schema::ModuleCall], count: usize) -> Option<Vec<String>> {
    let signature = modules.iter().find(|module| module.fqn.is_empty())?.signature.as_ref()?;
    let (_, spec): (u32, TreeSpec) = serde_json::from_str(&signature.out_spec).ok()?;
    let is_leaf = |child: &TreeSpec| child.r#type.is_none() && child.context.is_none();
    let is_dict =
        spec.r#type.as_deref().is_some_and(|kind| kind.ends_with("dict") || kind.ends_with("OrderedDict"));
    let keys: Vec<String> = serde_json::from_str(spec.context.as_deref()?).ok()?;
    let usable = |key: &String| {
        key.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
    };
    let fits = is_dict && keys.len() == count && spec.children_spec.len() == count;
    (fits && spec.children_spec.iter().all(is_leaf) && keys.iter().all(usable)).then_some(keys)
}

/// An output: its name, the value, and axes 1 and up.
struct Returned {
    name: String,
    id: Id,
    shape: Vec<i64>,
}

/// The outputs that can be named; what cannot is a finding by now.
fn outputs(translator: &mut Translator<'_>, returned: &[&str], names: Option<Vec<String>>) -> Vec<Returned> {
    let mut unique = Names::default();
    let mut outputs = Vec::new();
    for (position, name) in returned.iter().enumerate() {
        let finding = match translator.read(name) {
            Ok(Value::Activation(activation)) => {
                let own = match activation.id {
                    Id::Input(index) => translator.inputs.get(index).map(|(name, _)| name.as_str()),
                    Id::Statement(index) => {
                        translator.statements.get(index).map(|statement| statement.layer.as_str())
                    }
                };
                let given = names.as_ref().and_then(|names| names.get(position)).map(String::as_str);
                let name = unique.unique(given.or(own).unwrap_or("output")).replace(['-', '/'], "_");
                outputs.push(Returned { name, id: activation.id, shape: activation.shape });
                continue;
            }
            Ok(_) => Finding::new(FindingId::UnsupportedOp, "the network returns a constant")
                .help("return only what depends on the input"),
            Err(call::Refusal::Finding(finding)) => finding,
            Err(call::Refusal::Follows) => continue,
        };
        translator.findings.push(finding);
    }
    if returned.is_empty() {
        let finding = Finding::new(FindingId::MissingReturn, "the network returns no tensor");
        translator.findings.push(finding.help("return the outputs from `forward`"));
    }
    outputs
}

/// Lets a graph of which nothing is left be read all the same: by now there is a finding on every input and output that is
/// missing, and those on the nodes between them are not to be lost.
fn complete(inputs: &mut Vec<(String, Vec<i64>)>, outputs: &mut Vec<Returned>) {
    if inputs.is_empty() {
        inputs.push(("missing".to_owned(), vec![1]));
    }
    if let ([], [(_, shape), ..]) = (&outputs[..], &inputs[..]) {
        outputs.push(Returned { name: "missing".to_owned(), id: Id::Input(0), shape: shape.clone() });
    }
}

/// A name for the graph: that of the file, as far as it can be one.
fn graph_name(file: &str) -> String {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let clean: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if clean.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { clean } else { format!("_{clean}") }
}

fn tensor_type(shape: &[i64]) -> String {
    let sizes: String = shape.iter().map(|size| format!(", {size}")).collect();
    format!("f32[N{sizes}]")
}

/// The graph description.
fn text(name: &str, inputs: &[(String, Vec<i64>)], statements: &[Statement], outputs: &[Returned]) -> String {
    let value = |id: &Id| match id {
        Id::Input(index) => inputs.get(*index).map_or_else(String::new, |(name, _)| format!("%{name}")),
        Id::Statement(index) => format!("%{index}"),
    };
    let list = |parts: Vec<String>| parts.join(", ");
    let declared =
        list(inputs.iter().map(|(name, shape)| format!("%{name}: {}", tensor_type(shape))).collect());
    let types = outputs.iter().map(|output| format!("{}: {}", output.name, tensor_type(&output.shape)));
    let mut text = format!("graph @{name}({declared}) -> ({}) {{\n", list(types.collect()));
    for (index, Statement { op, inputs, arguments, layer, at, .. }) in statements.iter().enumerate() {
        let mut parts: Vec<String> = inputs.iter().map(value).collect();
        parts.extend(arguments.iter().map(|(name, written)| format!("{name} = {}", written.0)));
        parts.push(format!("at = \"{at}\""));
        // Writing to a string does not fail.
        _ = writeln!(text, "  %{index} = {op}({})   # {layer}", list(parts));
    }
    let returned = list(outputs.iter().map(|output| value(&output.id)).collect());
    _ = write!(text, "  return {returned}\n}}\n");
    text
}

/// The weights file: what the statements name, and the recorded samples under the names of inputs and outputs.
fn serialized(
    weights: &BTreeMap<String, Rc<Constant>>,
    example: Option<&[u8]>,
    inputs: &[(String, Vec<i64>)],
    outputs: &[Returned],
) -> Result<Vec<u8>, Finding> {
    let invalid = |what: String| {
        Finding::new(FindingId::ExampleInvalid, format!("the recorded samples {what}"))
            .help("record them again with `neurocuda.export`")
    };
    let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, constant) in weights {
        let bytes =
            constant.reals().unwrap_or_default().iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.insert(name.clone(), (Dtype::F32, constant.shape.clone(), bytes));
    }
    if let Some(bytes) = example {
        let example = Weights::from_bytes(bytes.to_vec(), Path::new("neurocuda/example.safetensors"))
            .map_err(|error| invalid(format!("are no safetensors file: {error}")))?;
        let inputs: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
        let outputs: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        for key in example.keys() {
            // Before the translation nobody knows what an output is called: it may be given by its position.
            let resolve = |kind: &str, names: &[&str]| {
                let given = key.strip_prefix(EXAMPLE_PREFIX)?.strip_prefix(kind)?;
                let name = names.iter().find(|name| **name == given);
                let name = name.or_else(|| names.get(given.parse::<usize>().ok()?))?;
                Some(format!("{EXAMPLE_PREFIX}{kind}{name}"))
            };
            let name = resolve("input.", &inputs).or_else(|| resolve("output.", &outputs));
            let (Some(name), Some(view)) = (name, example.get(key)) else {
                return Err(invalid(format!(
                    "have a tensor `{key}`, which is no input or output of the network"
                )));
            };
            tensors.insert(name, (view.dtype, view.shape.to_vec(), view.bytes.to_vec()));
        }
    }
    let internal = |error: safetensors::SafeTensorError| {
        Finding::new(FindingId::InternalError, format!("the weights file cannot be made: {error}"))
    };
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(internal)?;
    safetensors::serialize(views, None).map_err(internal)
}

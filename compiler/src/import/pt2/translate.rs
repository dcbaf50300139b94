//! The recorded graph, node by node, to statements of the graph language.
//!
//! A node that cannot be expressed becomes a statement all the same, with its finding beside it: the import then checks
//! everything else, so that one run lists all there is to say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::aten::{self, Op};
use super::call::{Call, Outcome, Refusal};
use super::constant::{Budget, Constant, scalar_type};
use super::schema::{Argument, Graph, Node, Size, TensorMeta};
use super::value::{Activation, Id, Storage, Value};
use crate::diagnostic::{Finding, FindingId, Findings, Origin};
use crate::import::graph::{MAX_RANK, Shape};
use crate::import::names::Names;

/// An argument of a statement, as text.
#[derive(Clone, Debug)]
pub(super) struct Written(pub(super) String);

impl From<i64> for Written {
    fn from(value: i64) -> Self {
        Self(value.to_string())
    }
}

impl From<f64> for Written {
    fn from(value: f64) -> Self {
        Self(format!("{value:?}"))
    }
}

impl From<bool> for Written {
    fn from(value: bool) -> Self {
        Self(value.to_string())
    }
}

impl From<&[i64]> for Written {
    fn from(values: &[i64]) -> Self {
        Self(format!("{values:?}"))
    }
}

/// A statement of the graph language.
pub(super) struct Statement {
    pub(super) op: String,
    pub(super) inputs: Vec<Id>,
    pub(super) arguments: Vec<(&'static str, Written)>,
    pub(super) layer: String,
    pub(super) at: Origin,
    /// Set where the node could not be expressed: its shape and what there is to say.
    pub(super) opaque: Option<(Option<Shape>, Option<Finding>)>,
}

/// The state of a translation.
pub(super) struct Translator<'p> {
    metas: &'p HashMap<String, TensorMeta>,
    read: HashSet<&'p str>,
    values: HashMap<&'p str, Value>,
    storages: Vec<Storage>,
    /// Names of tensors that were made.
    names: Names,
    /// Element types that were refused: once for each is enough.
    refused_types: HashSet<u32>,
    /// The first axis of the input.
    batch: Option<Size>,
    /// Place and layer of the node at hand.
    at: Origin,
    layer: String,
    pub(super) budget: Budget,
    pub(super) statements: Vec<Statement>,
    pub(super) inputs: Vec<(String, Vec<i64>)>,
    /// Tensors that statements name.
    pub(super) weights: BTreeMap<String, Rc<Constant>>,
    pub(super) findings: Findings,
}

impl<'p> Translator<'p> {
    pub(super) fn new(graph: &'p Graph, outputs: &[&'p str], budget: Budget) -> Self {
        let mut read: HashSet<&str> = outputs.iter().copied().collect();
        for argument in graph.nodes.iter().flat_map(|node| &node.inputs) {
            match &argument.arg {
                Argument::AsTensor(tensor) => _ = read.insert(&tensor.name),
                Argument::AsTensors(tensors) => {
                    read.extend(tensors.iter().map(|tensor| tensor.name.as_str()))
                }
                _ => {}
            }
        }
        Self {
            metas: &graph.tensor_values,
            read,
            values: HashMap::new(),
            storages: Vec::new(),
            names: Names::default(),
            refused_types: HashSet::new(),
            batch: None,
            at: Origin { file: String::new(), line: 1 },
            layer: String::new(),
            budget,
            statements: Vec::new(),
            inputs: Vec::new(),
            weights: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    pub(super) fn meta(&self, name: &str) -> Option<&'p TensorMeta> {
        self.metas.get(name)
    }

    pub(super) fn is_read(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    /// Axes 1 and up of a tensor that depends on the input.
    pub(super) fn sample(&self, sizes: &[Size]) -> Result<Vec<i64>, String> {
        match sizes.split_first() {
            Some((first, rest)) if Some(first) == self.batch.as_ref() => {
                let fixed = |size: &Size| match size {
                    Size::AsInt(size) => Ok(*size),
                    Size::AsExpr(_) => {
                        Err("makes a tensor with another axis of variable size than the first".to_owned())
                    }
                };
                rest.iter().map(fixed).collect()
            }
            _ => Err("makes a tensor whose first axis is not the batch".to_owned()),
        }
    }

    /// A tensor that the network is given.
    pub(super) fn input(&mut self, name: &'p str) {
        let Some(meta) = self.meta(name) else {
            let message = format!("the input `{name}` is no tensor of a stated shape");
            self.findings.push(Finding::new(FindingId::ArchiveUnreadable, message));
            return;
        };
        if !matches!(meta.dtype, scalar_type::F32 | scalar_type::U8) {
            let message = format!("the input `{name}` is of {}", scalar_type::name(meta.dtype));
            let help = "the network takes float32 (or bytes): export it as `model.float()`; indices into an embedding have no spiking form";
            self.findings.push(Finding::new(FindingId::UnsupportedDtype, message).help(help));
            self.refused_types.insert(meta.dtype);
        }
        if self.batch.is_none() {
            self.batch = meta.sizes.first().cloned();
        }
        match self.sample(&meta.sizes) {
            Ok(shape) if Shape::new(shape.clone()).is_some() => {
                let id = Id::Input(self.inputs.len());
                let clean = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
                let mut written: String = name.chars().map(clean).collect();
                // Numbers are the statements' names.
                if written.is_empty() || written.starts_with(|c: char| c.is_ascii_digit()) {
                    written.insert(0, '_');
                }
                self.inputs.push((written, shape.clone()));
                let activation = self.fresh(id, shape, meta.dtype);
                self.values.insert(name, Value::Activation(activation));
            }
            _ => {
                let message = format!(
                    "the input `{name}` has no batch axis in front, or another axis of variable size"
                );
                let help = "export with one batch axis in front, `[N, …]`, and all others fixed; several inputs have the same batch";
                self.findings.push(Finding::new(FindingId::BatchAxis, message).help(help));
                self.values.insert(name, Value::Refused);
            }
        }
    }

    /// A parameter, buffer or constant under a name of the graph.
    pub(super) fn constant(&mut self, name: &'p str, constant: Result<Rc<Constant>, Finding>) {
        let value = match constant {
            Ok(constant) => Value::Constant(constant),
            Err(finding) => Value::Unavailable(Rc::new(finding)),
        };
        self.values.insert(name, value);
    }

    /// A value in memory of its own.
    fn fresh(&mut self, id: Id, shape: Vec<i64>, dtype: u32) -> Activation {
        self.storages.push(Storage { holds: Some(id), generation: 0 });
        Activation { id, shape, dtype, storage: self.storages.len() - 1, generation: 0, whole: true }
    }

    /// What a name shows now: memory may have been written into since the name was given.
    pub(super) fn read(&self, name: &str) -> Result<Value, Refusal> {
        let value = match self.values.get(name) {
            Some(value) => value,
            None => {
                let message = format!("the archive uses `{name}` before it is computed");
                return Err(Finding::new(FindingId::ArchiveUnreadable, message).into());
            }
        };
        match value {
            Value::Activation(activation) => {
                let storage = self.storages.get(activation.storage).ok_or(Refusal::Follows)?;
                if activation.generation == storage.generation {
                    return Ok(value.clone());
                }
                match storage.holds.filter(|_| activation.whole) {
                    Some(id) => Ok(Value::Activation(Activation {
                        id,
                        generation: storage.generation,
                        ..activation.clone()
                    })),
                    None => {
                        let message =
                            "reads a part or a view of a tensor that an in-place op has changed since";
                        let help = "write `y = relu(x)` instead of `relu_(x)`, `y = y + x` instead of `y += x`, or `.clone()` the view first";
                        Err(Finding::new(FindingId::InPlaceAlias, message).help(help).into())
                    }
                }
            }
            Value::Unavailable(finding) => Err((**finding).clone().into()),
            Value::Refused => Err(Refusal::Follows),
            Value::Constant(_) => Ok(value.clone()),
        }
    }

    /// Makes the layers' names unique. Not before the end, as a refused node takes its statements back.
    pub(super) fn name_layers(&mut self) {
        let mut names = Names::default();
        for statement in &mut self.statements {
            statement.layer = names.unique(&statement.layer);
        }
    }

    /// Translates a node. `number` is its place in the recorded graph, for nodes that no line of the program is recorded of.
    pub(super) fn node(&mut self, node: &'p Node, number: usize) {
        let op = Op::parse(&node.target);
        let results: Vec<&'p str> = results(node);
        if results.is_empty() && aten::computes_nothing(&op, node) {
            return;
        }
        self.at = super::place::origin(node)
            .unwrap_or_else(|| Origin { file: "exported_program".to_owned(), line: number + 1 });
        let (module, is_layer) = super::place::module(node);
        self.layer = super::place::layer(&module, is_layer, op.base);
        let before = self.statements.len();
        let outcome = self.translate(node, op, &results);
        if let Err(refusal) = outcome {
            // Statements that lead nowhere would be remarked on as unused.
            self.statements.truncate(before);
            self.refuse(refusal, &op, node, &results);
        }
    }

    fn translate(&mut self, node: &'p Node, op: Op<'p>, results: &[&'p str]) -> Result<(), Refusal> {
        let mut call = Call::new(self, node, op, results.to_vec());
        let Some((entry, in_place)) = aten::entry(&op) else {
            return Err(aten::refusal(&call));
        };
        if in_place && !entry.in_place {
            return Err(call.unsupported(
                "changes its input in place",
                "write it without the underscore, and use the result",
            ));
        }
        let outcome = (entry.translate)(&mut call)?;
        if let Some(name) = call.left_over() {
            let what = format!("has an argument `{name}` that is not understood");
            return Err(call.unsupported(what, "leave it at its default"));
        }
        // Looked at before anything is written, so that a refused op leaves no trace.
        let written = if in_place { Some(call.written()?) } else { None };
        match (outcome, written) {
            (Outcome::Several(outcomes), None) => {
                for (name, outcome) in results.iter().zip(outcomes) {
                    self.define(name, outcome, &op)?;
                }
                Ok(())
            }
            (outcome, None) => match results.first() {
                Some(name) => self.define(name, outcome, &op),
                None => Ok(()),
            },
            (outcome, Some(target)) => {
                let Some(name) = results.first() else { return Ok(()) };
                self.overwrite(name, outcome, target, &op)
            }
        }
    }

    fn shape_and_type(
        &mut self,
        name: &str,
        source: Option<&Activation>,
        op: &Op<'_>,
    ) -> Result<(Vec<i64>, u32), Refusal> {
        let Some(meta) = self.meta(name) else {
            return Err(Finding::new(FindingId::ArchiveUnreadable, format!("`{name}` has no shape")).into());
        };
        let help = "the first axis of every activation is the batch, and samples are independent of each other: keep it in front";
        let shape = self
            .sample(&meta.sizes)
            .map_err(|what| Finding::new(FindingId::BatchAxis, format!("`{}` {what}", op.name)).help(help))?;
        let kept = source.is_some_and(|source| source.dtype == meta.dtype);
        let accepted = meta.dtype == scalar_type::F32 || kept || aten::gives_indices(op);
        if !accepted && self.refused_types.insert(meta.dtype) {
            let message = format!("`{}` computes in {}", op.name, scalar_type::name(meta.dtype));
            let help = "networks compute in float32: leave `.half()`, `.double()` and integer arithmetic out of `forward`";
            return Err(Finding::new(FindingId::UnsupportedDtype, message).help(help).into());
        }
        Ok((shape, meta.dtype))
    }

    fn define(&mut self, name: &'p str, outcome: Outcome, op: &Op<'_>) -> Result<(), Refusal> {
        let value = match outcome {
            Outcome::Computed(id) => {
                let (shape, dtype) = self.shape_and_type(name, None, op)?;
                Value::Activation(self.fresh(id, shape, dtype))
            }
            Outcome::Same(source) => {
                let (shape, dtype) = self.shape_and_type(name, Some(&source), op)?;
                Value::Activation(Activation { shape, dtype, ..source })
            }
            Outcome::View(id, source) => {
                let (shape, dtype) = self.shape_and_type(name, Some(&source), op)?;
                Value::Activation(Activation { id, shape, dtype, whole: false, ..source })
            }
            Outcome::Constant(constant) => Value::Constant(Rc::new(constant)),
            Outcome::Unavailable(finding) => Value::Unavailable(Rc::new(
                finding.op(op.name).layer(&self.layer).origin(Some(self.at.clone())),
            )),
            Outcome::Several(_) => Value::Refused,
        };
        self.values.insert(name, value);
        Ok(())
    }

    /// Defines the result of an in-place op: everything that shares `target`'s memory shows it.
    fn overwrite(
        &mut self,
        name: &'p str,
        outcome: Outcome,
        target: Activation,
        op: &Op<'_>,
    ) -> Result<(), Refusal> {
        let id = match outcome {
            Outcome::Computed(id) => id,
            // Nothing changes.
            outcome => return self.define(name, outcome, op),
        };
        let (shape, dtype) = self.shape_and_type(name, Some(&target), op)?;
        if shape != target.shape {
            let message = format!("`{}` changes the shape of its input in place", op.name);
            return Err(Finding::new(FindingId::InPlaceAlias, message)
                .help("use the form without the underscore")
                .into());
        }
        let storage = self.storages.get_mut(target.storage).ok_or(Refusal::Follows)?;
        storage.generation += 1;
        storage.holds = target.whole.then_some(id);
        let generation = storage.generation;
        self.values.insert(name, Value::Activation(Activation { id, dtype, generation, ..target }));
        Ok(())
    }

    /// Keeps the finding of a node, and what is known of its results.
    fn refuse(&mut self, refusal: Refusal, op: &Op<'_>, node: &'p Node, results: &[&'p str]) {
        let mut finding = match refusal {
            Refusal::Finding(finding) => Some(finding),
            Refusal::Follows => None,
        };
        // What the network computes on constants alone is refused where something of the network reads it.
        let deferred = !op.in_place && !results.is_empty() && !self.depends_on_input(node);
        if let Some(found) = finding.take_if(|_| deferred) {
            let found = found.op(op.name).layer(&self.layer).origin(Some(self.at.clone()));
            let found = Rc::new(found);
            for name in results {
                self.values.insert(name, Value::Unavailable(Rc::clone(&found)));
            }
            return;
        }
        let mut finding = finding.map(|finding| match finding.op_name() {
            Some(_) => finding,
            None => finding.op(op.name),
        });
        for name in results.iter().copied().map(Some).chain(results.is_empty().then_some(None)) {
            let shape = name.and_then(|name| self.meta(name)).and_then(|meta| {
                let shape = self.sample(&meta.sizes).ok()?;
                (shape.len() < MAX_RANK).then(|| Shape::new(shape)).flatten().map(|shape| (shape, meta.dtype))
            });
            let id = Id::Statement(self.statements.len());
            let layer = self.layer.clone();
            let opaque = Some((shape.as_ref().map(|(shape, _)| shape.clone()), finding.take()));
            let op = "unsupported".to_owned();
            let at = self.at.clone();
            self.statements.push(Statement {
                op,
                inputs: Vec::new(),
                arguments: Vec::new(),
                layer,
                at,
                opaque,
            });
            let Some(name) = name else { continue };
            let value = match shape {
                Some((shape, dtype)) => Value::Activation(self.fresh(id, shape.sample().to_vec(), dtype)),
                None => Value::Refused,
            };
            self.values.insert(name, value);
        }
    }

    fn depends_on_input(&self, node: &Node) -> bool {
        let depends =
            |name: &str| !matches!(self.values.get(name), Some(Value::Constant(_) | Value::Unavailable(_)));
        node.inputs.iter().any(|input| match &input.arg {
            Argument::AsTensor(tensor) => depends(&tensor.name),
            Argument::AsTensors(tensors) => tensors.iter().any(|tensor| depends(&tensor.name)),
            // A graph inside, or an object: there is no saying.
            Argument::AsGraph(_) | Argument::AsCustomObj(_) | Argument::AsNestedTensors(_) => true,
            _ => false,
        })
    }

    /// Writes a statement of the node at hand.
    pub(super) fn emit(
        &mut self,
        op: &'static str,
        inputs: Vec<Id>,
        arguments: Vec<(&'static str, Written)>,
    ) -> Id {
        let layer = self.layer.clone();
        let at = self.at.clone();
        self.statements.push(Statement { op: op.to_owned(), inputs, arguments, layer, at, opaque: None });
        Id::Statement(self.statements.len() - 1)
    }

    /// Names a tensor in a statement, and keeps it for the weights file.
    pub(super) fn weight(&mut self, constant: &Rc<Constant>) -> Written {
        let name = constant.name.clone();
        self.weights.entry(name.clone()).or_insert_with(|| Rc::clone(constant));
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
        Written(if !name.is_empty() && name.chars().all(bare) {
            format!("@{name}")
        } else {
            format!("@\"{name}\"")
        })
    }

    /// A name for a tensor that the node at hand makes of constants; no state dict has a slash in its names.
    pub(super) fn derived_name(&mut self) -> String {
        self.names.unique(&format!("{}/constant", self.layer))
    }
}

/// The tensors that a node computes.
fn results(node: &Node) -> Vec<&str> {
    let mut results = Vec::new();
    for output in &node.outputs {
        match output {
            Argument::AsTensor(tensor) => results.push(tensor.name.as_str()),
            Argument::AsTensors(tensors) => results.extend(tensors.iter().map(|tensor| tensor.name.as_str())),
            _ => {}
        }
    }
    results
}

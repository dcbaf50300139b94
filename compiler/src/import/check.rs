//! Syntax tree to graph: names, shapes, weights, all findings in one go.
//!
//! A statement with an error defines a value of unknown shape. Whatever uses that value is not checked further, so that one
//! fault gives one finding; everything else is.

use std::collections::{BTreeSet, HashMap};

use super::example::EXAMPLE_PREFIX;
use super::graph::{Graph, Input, Node, Output, Shape, TorchOp, ValueId, WeightRef};
use super::names::Names;
use super::ops::{self, OPS, REMEDIES};
use super::parse::is_layer_name;
use super::suggest::{closest, closest_key};
use super::syntax::{ArgumentSyntax, Assignment, GraphSyntax, Literal, Spanned, Statement};
use super::weights::Weights;
use crate::diagnostic::{Finding, FindingId, Findings, Origin, Reported, SourceFile, Span};

/// A name that a statement or an input defines.
struct Definition {
    /// `None` where the statement has an error.
    known: Option<(ValueId, Shape)>,
    span: Span,
    used: bool,
}

/// The state of one check.
pub(super) struct Checker<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) weights: &'a Weights,
    pub(super) findings: Findings,
    definitions: HashMap<&'a str, Definition>,
    /// Where each name is assigned, for uses that come too early.
    assigned: HashMap<&'a str, Span>,
    pub(super) checked_weights: HashMap<&'a str, Result<WeightRef, Reported>>,
    named_weights: BTreeSet<&'a str>,
    /// Tensors that a missing one was probably meant to be: to call them extra too would be a second finding on one fault.
    pub(super) suggested_weights: BTreeSet<&'a str>,
    layers: Names,
    pub(super) batch: Option<&'a str>,
    pub(super) inputs: Vec<Input>,
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: Vec<Output>,
    opaque: &'a Opaque,
}

/// Statements, by their values' names, that a translator could not express: the value's shape where it is known, and what
/// there is to say. They are not looked at; what uses them is.
pub(super) type Opaque = HashMap<String, (Option<Shape>, Option<Finding>)>;

/// Checks a syntax tree against its weights file. The graph is there if no finding is an error.
pub(super) fn check(
    syntax: &GraphSyntax<'_>,
    source: &SourceFile,
    weights: &Weights,
    opaque: &Opaque,
) -> (Option<Graph>, Findings) {
    let mut checker = Checker {
        source,
        weights,
        findings: Findings::default(),
        definitions: HashMap::new(),
        assigned: HashMap::new(),
        checked_weights: HashMap::new(),
        named_weights: BTreeSet::new(),
        suggested_weights: BTreeSet::new(),
        layers: Names::default(),
        batch: None,
        inputs: Vec::new(),
        nodes: Vec::new(),
        outputs: Vec::new(),
        opaque,
    };
    checker.graph(syntax);
    let Checker { mut findings, batch, mut inputs, nodes, outputs, .. } = checker;
    for (index, input) in inputs.iter_mut().enumerate() {
        let reader = nodes.iter().find(|node| node.inputs.contains(&ValueId(index)));
        input.at = reader.and_then(|node| node.at.clone());
    }
    findings.sort();
    let graph = batch.filter(|_| findings.errors() == 0).map(|batch| Graph {
        name: syntax.name.node.to_owned(),
        batch: batch.to_owned(),
        inputs,
        nodes,
        outputs,
    });
    (graph, findings)
}

impl<'a> Checker<'a> {
    fn graph(&mut self, syntax: &GraphSyntax<'a>) {
        self.declared_inputs(&syntax.inputs);
        for statement in &syntax.body {
            if let Statement::Assignment(assignment) = statement {
                self.assigned.entry(assignment.value.node).or_insert(assignment.value.span);
                assignment.arguments.iter().for_each(|argument| self.note_weights(&argument.value.node));
            }
        }
        let mut returned = None;
        for statement in &syntax.body {
            if self.findings.is_full() {
                return;
            }
            match statement {
                Statement::Assignment(assignment) => self.assignment(assignment),
                Statement::Return { values, span } if returned.is_none() => returned = Some((values, *span)),
                Statement::Return { span, .. } => {
                    let finding =
                        Finding::new(FindingId::MisplacedReturn, "there is a second `return`").at(*span);
                    self.findings.push(finding);
                }
            }
        }
        if self.returns(syntax, returned) {
            self.unused_values();
        }
        self.extra_weights();
    }

    pub(super) fn define(&mut self, value: &Spanned<&'a str>, known: Option<(ValueId, Shape)>) {
        let definition = Definition { known, span: value.span, used: false };
        let Some(earlier) = self.definitions.insert(value.node, definition) else { return };
        let line = self.source.position(earlier.span.start).line;
        let message = format!("`%{}` is defined already, in line {line}", value.node);
        let help = "every value is defined once; take another name";
        self.findings.push(Finding::new(FindingId::DuplicateName, message).at(value.span).help(help));
        // Which of the two a later use means cannot be known.
        self.definitions.insert(value.node, Definition { known: None, span: earlier.span, used: true });
    }

    /// Records every weight that is written anywhere, those of faulty statements too: they are not extra.
    fn note_weights(&mut self, literal: &Literal<'a>) {
        match literal {
            Literal::Weight(key) => _ = self.named_weights.insert(key),
            Literal::List(items) => items.iter().for_each(|item| self.note_weights(&item.node)),
            _ => {}
        }
    }

    fn assignment(&mut self, assignment: &Assignment<'a>) {
        let layer = self.layer(assignment);
        let at = self.origin(assignment);
        let first_finding = self.findings.iter().count();
        for argument in &assignment.arguments {
            self.note_uses(&argument.value.node);
        }
        let node = match self.opaque.get(assignment.value.node) {
            Some((shape, finding)) => {
                if let Some(finding) = finding {
                    let own = finding.layer.clone();
                    let finding = finding.clone().at(assignment.span);
                    self.findings.push(finding.layer(own.as_deref().unwrap_or(&layer)));
                }
                self.placeholder(assignment, &layer, shape.clone())
            }
            None => self.node(assignment, &layer, at.clone()),
        };
        if let Some(at) = &at {
            self.findings.locate(first_finding, at);
        }
        let known = node.ok().map(|node| {
            let shape = node.shape.clone();
            self.nodes.push(node);
            (ValueId(self.inputs.len() + self.nodes.len() - 1), shape)
        });
        self.define(&assignment.value, known);
    }

    pub(super) fn note_uses(&mut self, literal: &Literal<'a>) {
        match literal {
            Literal::Value(name) => {
                if let Some(definition) = self.definitions.get_mut(name) {
                    definition.used = true;
                }
            }
            Literal::List(items) => items.iter().for_each(|item| self.note_uses(&item.node)),
            _ => {}
        }
    }

    fn layer(&mut self, assignment: &Assignment<'a>) -> String {
        let explicit = self.of_every_op(assignment, "name").and_then(|value| match value.node {
            Literal::Text(name) if is_layer_name(name) => Some(name),
            _ => {
                let message = "a layer's name is a string of letters, digits and `_.-/`, beginning with a letter or digit";
                self.findings.push(Finding::new(FindingId::LayerName, message).at(value.span));
                None
            }
        });
        self.layers.layer(explicit, assignment)
    }

    /// The line of the program that a statement was recorded from.
    fn origin(&mut self, assignment: &Assignment<'a>) -> Option<Origin> {
        let value = self.of_every_op(assignment, "at")?;
        let origin = match value.node {
            Literal::Text(text) => Origin::parse(text),
            _ => None,
        };
        if origin.is_none() {
            let message = "`at` is a file and a line, `\"model.py:31\"`";
            self.findings.push(Finding::new(FindingId::ArgumentValue, message).at(value.span));
        }
        origin
    }

    /// The value of an argument that every op takes.
    fn of_every_op<'b>(
        &mut self,
        assignment: &'b Assignment<'a>,
        name: &str,
    ) -> Option<&'b Spanned<Literal<'a>>> {
        let is_named = |argument: &&'b ArgumentSyntax<'a>| {
            argument.keyword.as_ref().is_some_and(|keyword| keyword.node == name)
        };
        let mut given = assignment.arguments.iter().filter(is_named);
        let first = given.next();
        if let Some(second) = given.next() {
            let finding = Finding::new(FindingId::DuplicateArgument, format!("`{name}` is given twice"));
            self.findings.push(finding.at(second.value.span));
        }
        first.map(|argument| &argument.value)
    }

    fn node(
        &mut self,
        assignment: &Assignment<'a>,
        layer: &str,
        origin: Option<Origin>,
    ) -> Result<Node, Reported> {
        let Some(entry) = ops::op(assignment.op.node) else {
            return Err(self.unsupported_op(&assignment.op, layer));
        };
        let at = self.source.position(assignment.span.start);
        let (inputs, mut call) = self.bind(entry.signature, assignment, layer)?;
        let (op, shape) = (entry.build)(&mut call)?;
        Ok(Node { op, inputs, shape, layer: layer.to_owned(), line: at.line, column: at.column, at: origin })
    }

    /// Stands for a statement that could not be expressed. There is an error then, so that no graph comes of it.
    fn placeholder(
        &mut self,
        assignment: &Assignment<'a>,
        layer: &str,
        shape: Option<Shape>,
    ) -> Result<Node, Reported> {
        let at = self.source.position(assignment.span.start);
        let node = |shape| Node {
            op: TorchOp::Identity(ops::Identity),
            inputs: Vec::new(),
            shape,
            layer: layer.to_owned(),
            line: at.line,
            column: at.column,
            at: None,
        };
        shape.map(node).ok_or_else(|| self.findings.reported())
    }

    fn unsupported_op(&mut self, op: &Spanned<&'a str>, layer: &str) -> Reported {
        let known = OPS.iter().map(|entry| entry.signature.name);
        // PyTorch's exporters write `aten.relu.default` and `torch.nn.functional.relu`.
        let nearest = closest(op.node, known.clone())
            .or_else(|| op.node.split('.').find_map(|part| known.clone().find(|name| *name == part)));
        let bare = op.node.rsplit('.').next().unwrap_or(op.node);
        let remedy = REMEDIES.iter().find(|(name, _)| *name == op.node || *name == bare);
        let remedy = match (remedy, nearest) {
            (Some((_, remedy)), _) => (*remedy).to_owned(),
            (None, Some(name)) => format!("did you mean `{name}`?"),
            (None, None) => "express it by ops that are there".to_owned(),
        };
        let list = known.collect::<Vec<_>>().join(", ");
        let finding =
            Finding::new(FindingId::UnsupportedOp, format!("there is no op `{}`", op.node)).at(op.span);
        self.findings.push(finding.op(op.node).help(format!("{remedy}\nthe ops are {list}")).layer(layer))
    }

    /// The value of a name, where it is defined before this use and its statement has no error.
    pub(super) fn tensor(
        &mut self,
        name: &str,
        span: Span,
        layer: &str,
    ) -> Result<(ValueId, Shape), Reported> {
        match self.definitions.get(name) {
            Some(Definition { known: Some(known), .. }) => Ok(known.clone()),
            Some(Definition { known: None, .. }) => Err(self.findings.reported()),
            None => {
                let finding = Finding::new(FindingId::UndefinedValue, format!("`%{name}` is not defined"));
                let finding = match self.assigned.get(name) {
                    Some(later) => {
                        let line = self.source.position(later.start).line;
                        finding
                            .help(format!("it is defined in line {line}; statements run from top to bottom"))
                    }
                    None => match closest(name, self.definitions.keys().copied()) {
                        Some(similar) => finding.help(format!("did you mean `%{similar}`?")),
                        None => finding,
                    },
                };
                Err(self.findings.push(finding.at(span).layer(layer)))
            }
        }
    }

    /// The unused tensor of the weights file that a missing one probably stands for.
    pub(super) fn similar_weight(&self, key: &str) -> Option<&'a str> {
        let weights: &'a Weights = self.weights;
        closest_key(key, weights.keys().filter(|key| !self.named_weights.contains(key)))
    }

    fn unused_values(&mut self) {
        // A value without a shape has an error already.
        let unused =
            self.definitions.iter().filter(|(_, definition)| !definition.used && definition.known.is_some());
        let mut unused: Vec<_> =
            unused.map(|(name, definition)| (definition.span.start, *name, definition.span)).collect();
        unused.sort_unstable_by_key(|(start, ..)| *start);
        for (_, name, span) in unused {
            self.findings
                .push(Finding::new(FindingId::UnusedValue, format!("`%{name}` is never used")).at(span));
        }
    }

    fn extra_weights(&mut self) {
        // Batch norms count batches in training; the count has no part in inference.
        let counts = |key: &str| key == "num_batches_tracked" || key.ends_with(".num_batches_tracked");
        let is_example = |key: &str| key.starts_with(EXAMPLE_PREFIX);
        let known = |key: &str| self.named_weights.contains(key) || self.suggested_weights.contains(key);
        for key in self.weights.keys().filter(|key| !counts(key) && !is_example(key) && !known(key)) {
            let message = format!("the graph does not use the tensor `{key}` of the weights file");
            let help = "a layer is missing from the graph, or the weights are another network's";
            let mut finding = Finding::new(FindingId::ExtraWeight, message).help(help);
            finding.layer = key.rsplit_once('.').map(|(module, _)| module.to_owned());
            self.findings.push(finding);
        }
    }
}

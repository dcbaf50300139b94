//! What a graph promises to the outside: declared inputs, and outputs against what is returned.

use super::check::Checker;
use super::graph::{Input, Output, Shape, ValueId};
use super::names::Names;
use super::parse::is_layer_name;
use super::syntax::{AxisSyntax, GraphSyntax, InputSyntax, Literal, Spanned, Statement, TypeSyntax};
use crate::diagnostic::{Finding, FindingId, Span};

impl<'a> Checker<'a> {
    /// Defines the declared inputs. Several are read, so that nothing that uses them is called undefined, and refused.
    pub(super) fn declared_inputs(&mut self, inputs: &[InputSyntax<'a>]) {
        inputs.iter().for_each(|input| self.declared_input(input));
        if let [_, second, ..] = inputs {
            let message = format!("the graph has {} inputs; one is supported", inputs.len());
            let finding = Finding::new(FindingId::InputCount, message).at(second.value.span);
            self.findings.push(
                finding.help("join them along the channels outside of the network, and `slice` them inside"),
            );
        }
    }

    fn declared_input(&mut self, input: &InputSyntax<'a>) {
        let shape = self.declared_shape(&input.ty);
        let known = shape.map(|shape| {
            let at = self.source.position(input.value.span.start);
            let name = input.value.node.to_owned();
            self.inputs.push(Input {
                name,
                shape: shape.clone(),
                line: at.line,
                column: at.column,
                at: None,
            });
            (ValueId(self.inputs.len() - 1), shape)
        });
        self.define(&input.value, known);
    }

    fn declared_shape(&mut self, ty: &TypeSyntax<'a>) -> Option<Shape> {
        let before = self.findings.errors();
        if ty.dtype.node != "f32" {
            let message = format!("element type `{}` is not supported", ty.dtype.node);
            let help = "write `f32`; whole numbers are converted when data is read";
            self.findings
                .push(Finding::new(FindingId::UnsupportedDtype, message).at(ty.dtype.span).help(help));
        }
        let (batch, sample) = match ty.axes.split_first() {
            Some((Spanned { node: AxisSyntax::Symbol(batch), span }, sample)) => {
                (Some((*batch, *span)), sample)
            }
            Some((first, sample)) => {
                let message = "the first axis is the batch and has no fixed size";
                let finding = Finding::new(FindingId::BatchAxis, message).at(first.span);
                self.findings.push(finding.help("write `N` for it"));
                (None, sample)
            }
            None => {
                let finding =
                    Finding::new(FindingId::BatchAxis, "a tensor has a batch axis at least").at(ty.span);
                self.findings.push(finding.help("write `f32[N]`"));
                (None, [].as_slice())
            }
        };
        if let Some((batch, span)) = batch {
            let known = *self.batch.get_or_insert(batch);
            if known != batch {
                let message = format!("the batch axis is called `{batch}` here and `{known}` before");
                self.findings.push(Finding::new(FindingId::BatchAxis, message).at(span));
            }
        }
        let mut sizes = Vec::with_capacity(sample.len());
        for axis in sample {
            match axis.node {
                AxisSyntax::Size(size) => sizes.push(size),
                AxisSyntax::Symbol(symbol) => {
                    let message = format!("only the first axis can be symbolic, not `{symbol}`");
                    self.findings.push(Finding::new(FindingId::BatchAxis, message).at(axis.span));
                }
            }
        }
        if self.findings.errors() > before {
            return None;
        }
        let shape = Shape::new(sizes);
        if shape.is_none() {
            let message = "a tensor has at most 16 axes of at least 1 and 2^28 values per sample";
            self.findings.push(Finding::new(FindingId::InvalidShape, message).at(ty.span));
        }
        shape
    }

    /// Checks what is returned; `false` where that is unknown, so that nothing can be said about unused values either.
    pub(super) fn returns(
        &mut self,
        syntax: &GraphSyntax<'a>,
        returned: Option<(&Vec<Spanned<&'a str>>, Span)>,
    ) -> bool {
        if !syntax.body.iter().any(|statement| matches!(statement, Statement::Assignment(_))) {
            let finding = Finding::new(FindingId::EmptyGraph, "the graph has no op").at(syntax.end);
            self.findings.push(finding.help("a statement is `%1 = relu(%0)`"));
            return false;
        }
        let Some((values, span)) = returned else {
            let finding = Finding::new(FindingId::MissingReturn, "the graph returns nothing").at(syntax.end);
            self.findings.push(finding.help("end it with `return %value`"));
            return false;
        };
        if !matches!(syntax.body.last(), Some(Statement::Return { .. })) {
            let finding =
                Finding::new(FindingId::MisplacedReturn, "`return` is not the last statement").at(span);
            self.findings.push(finding);
            return false;
        }
        for value in values {
            self.note_uses(&Literal::Value(value.node));
        }
        if values.len() != syntax.outputs.len() {
            let (given, wanted) = (values.len(), syntax.outputs.len());
            let message =
                format!("the number of returned values is {given}, that of declared outputs {wanted}");
            self.findings.push(Finding::new(FindingId::ReturnCount, message).at(span));
            return false;
        }
        let mut names = Names::default();
        for name in syntax.outputs.iter().filter_map(|output| output.name.as_ref()) {
            if !is_layer_name(name.node) {
                let message = "an output's name begins with a letter or digit";
                self.findings.push(Finding::new(FindingId::LayerName, message).at(name.span));
            } else if !names.insert(name.node) {
                let message = format!("two outputs are called `{}`", name.node);
                self.findings.push(Finding::new(FindingId::DuplicateName, message).at(name.span));
            }
        }
        for (value, output) in values.iter().zip(&syntax.outputs) {
            let declared = self.declared_shape(&output.ty);
            let Ok((id, shape)) = self.tensor(value.node, value.span, "") else { continue };
            if let Some(declared) = declared
                && declared != shape
            {
                let message =
                    format!("`%{}` is {shape}, and the output is declared as {declared}", value.node);
                let finding = Finding::new(FindingId::ReturnShape, message).at(value.span);
                self.findings.push(finding.help(format!("declare it as `f32{shape}`")));
            }
            let name = match &output.name {
                Some(name) => name.node.to_owned(),
                None => names.unique(self.value_name(id)),
            };
            self.outputs.push(Output { name, value: id });
        }
        true
    }

    fn value_name(&self, id: ValueId) -> &str {
        let index = id.index();
        match self.inputs.get(index) {
            Some(input) => &input.name,
            None => self.nodes.get(index - self.inputs.len()).map_or("", |node| &node.layer),
        }
    }
}

//! Binds the arguments of a call to its op's parameters and brings each to its parameter's kind.

use super::check::Checker;
use super::graph::{Shape, ValueId, WeightRef};
use super::ops::{Argument, Bound, Call, Default, Kind, OF_EVERY_OP, Param, Signature};
use super::suggest::closest;
use super::syntax::{ArgumentSyntax, Assignment, Literal, Spanned};
use crate::diagnostic::{Finding, FindingId, Reported, Span};

/// Largest absolute value of integers other than [`Kind::Bound`]. Shape inference relies on it not to overflow.
const MAX_INT: i64 = i32::MAX as i64;

/// What one argument turned out to be.
enum Given {
    Tensor(ValueId, Shape),
    Argument(Argument),
}

impl<'a> Checker<'a> {
    /// Binds a call. Every fault of every argument is reported before this returns `Err`.
    ///
    /// `Err` is also returned where a tensor is the result of a faulty statement: nothing can be said about the call then.
    pub(super) fn bind<'s>(
        &'s mut self,
        signature: &'static Signature,
        assignment: &Assignment<'a>,
        layer: &'s str,
    ) -> Result<(Vec<ValueId>, Call<'s>), Reported> {
        let mut result = Ok(());
        let slots = self.assign_slots(signature, assignment, layer, &mut result);
        let (mut ids, mut inputs) = (Vec::new(), Vec::new());
        let mut arguments: Vec<Option<Bound>> = vec![None; signature.params.len()];
        for (position, (param, given)) in signature.params.iter().zip(&slots).enumerate() {
            if given.is_empty() && param.default == Default::Required {
                let message = format!("`{}` lacks its argument `{}`", signature.name, param.name);
                let finding = Finding::new(FindingId::MissingArgument, message).at(assignment.op.span);
                result = Err(self.findings.push(finding.help(format!("write `{signature}`")).layer(layer)));
            }
            for literal in given {
                match self.convert(signature, param, literal, layer) {
                    Ok(Given::Tensor(id, shape)) => {
                        ids.push(id);
                        inputs.push(shape);
                    }
                    Ok(Given::Argument(value)) => {
                        if let Some(slot) = arguments.get_mut(position) {
                            *slot = Some(Bound { value, span: literal.span });
                        }
                    }
                    Err(reported) => result = Err(reported),
                }
            }
        }
        result?;
        let (span, op_span) = (assignment.span, assignment.op.span);
        let (weights, findings) = (self.weights, &mut self.findings);
        Ok((ids, Call { signature, inputs, arguments, span, op_span, layer, weights, findings }))
    }

    /// Distributes the written arguments over the parameters; only [`Kind::Tensors`] takes more than one.
    fn assign_slots<'b>(
        &mut self,
        signature: &'static Signature,
        assignment: &'b Assignment<'a>,
        layer: &str,
        result: &mut Result<(), Reported>,
    ) -> Vec<Vec<&'b Spanned<Literal<'a>>>> {
        let mut slots = vec![Vec::new(); signature.params.len()];
        let mut next = 0;
        let mut fail = |id, span, message: String, help: String| {
            *result = Err(self.findings.push(Finding::new(id, message).at(span).help(help).layer(layer)));
        };
        for ArgumentSyntax { keyword, value } in &assignment.arguments {
            let position = match keyword {
                Some(keyword) if OF_EVERY_OP.contains(&keyword.node) => continue,
                Some(keyword) => match signature.param(keyword.node) {
                    Some((position, _)) => position,
                    None => {
                        let message = format!("`{}` has no argument `{}`", signature.name, keyword.node);
                        let names = signature.params.iter().map(|param| param.name);
                        let help = match closest(keyword.node, names) {
                            Some(name) => format!("did you mean `{name}`? It is `{signature}`"),
                            None => format!("it is `{signature}`"),
                        };
                        fail(FindingId::UnknownArgument, keyword.span, message, help);
                        continue;
                    }
                },
                None => {
                    let variadic =
                        signature.params.get(next).is_some_and(|param| param.kind == Kind::Tensors);
                    next += usize::from(!variadic);
                    if variadic { next } else { next - 1 }
                }
            };
            let variadic = signature.params.get(position).is_some_and(|param| param.kind == Kind::Tensors);
            match slots.get_mut(position) {
                Some(slot) if slot.is_empty() || variadic => slot.push(value),
                Some(_) => {
                    let name = signature.params.get(position).map_or("", |param| param.name);
                    let message = format!("`{name}` of `{}` is given twice", signature.name);
                    fail(FindingId::DuplicateArgument, value.span, message, format!("it is `{signature}`"));
                }
                None => {
                    let most = signature.params.len();
                    let plural = if most == 1 { "" } else { "s" };
                    let message = format!("`{}` takes {most} argument{plural} at most", signature.name);
                    fail(FindingId::DuplicateArgument, value.span, message, format!("it is `{signature}`"));
                }
            }
        }
        slots
    }

    fn convert(
        &mut self,
        signature: &Signature,
        param: &Param,
        literal: &Spanned<Literal<'a>>,
        layer: &str,
    ) -> Result<Given, Reported> {
        let argument = match (param.kind, &literal.node) {
            (Kind::Tensor | Kind::Tensors | Kind::Operand, Literal::Value(name)) => {
                let (id, shape) = self.tensor(name, literal.span, layer)?;
                return Ok(Given::Tensor(id, shape));
            }
            (Kind::Weight | Kind::Operand, Literal::Weight(key)) => {
                Some(Argument::Weight(self.weight(key, literal.span, layer)?))
            }
            (Kind::Bool, Literal::Bool(b)) => Some(Argument::Bool(*b)),
            (Kind::Int | Kind::Bound, Literal::Int(n)) => Some(Argument::Int(*n)),
            (Kind::Sizes(axes), Literal::Int(n)) => Some(Argument::Ints(vec![*n; axes])),
            (Kind::Ints, Literal::Int(n)) => Some(Argument::Ints(vec![*n])),
            (Kind::Sizes(axes), Literal::List(items)) if items.len() == axes => int_list(items),
            (Kind::Ints, Literal::List(items)) => int_list(items),
            (Kind::Float | Kind::Operand, literal) => float(literal).map(Argument::Float),
            (Kind::Floats, Literal::List(items)) => {
                items.iter().map(|item| float(&item.node)).collect::<Option<_>>().map(Argument::Floats)
            }
            (Kind::Floats, literal) => float(literal).map(|x| Argument::Floats(vec![x])),
            _ => None,
        };
        let whose = format!("`{}` of `{}`", param.name, signature.name);
        let Some(argument) = argument else {
            let message =
                format!("{whose} must be {}, not {}", param.kind.description(), literal.node.description());
            let mut finding = Finding::new(FindingId::ArgumentKind, message).at(literal.span).layer(layer);
            finding.help = kind_help(&literal.node);
            return Err(self.findings.push(finding));
        };
        let fault = match &argument {
            Argument::Int(n) => int_fault(param, &[*n]),
            Argument::Ints(list) => int_fault(param, list),
            Argument::Float(x) if !x.is_finite() && !param.infinite => {
                Some(format!("is {x:?}; it must be finite"))
            }
            Argument::Floats(list) if list.iter().any(|x| !x.is_finite()) => {
                Some("has an infinite number".to_owned())
            }
            _ => None,
        };
        match fault {
            Some(fault) => {
                let finding = Finding::new(FindingId::ArgumentValue, format!("{whose} {fault}"));
                Err(self.findings.push(finding.at(literal.span).layer(layer)))
            }
            None => Ok(Given::Argument(argument)),
        }
    }

    /// A weight that exists, is `f32`, not empty, and finite. Each key is looked at once, however often it is used.
    fn weight(&mut self, key: &'a str, span: Span, layer: &str) -> Result<WeightRef, Reported> {
        if let Some(known) = self.checked_weights.get(key) {
            return known.clone();
        }
        let checked =
            self.check_weight(key).map_err(|finding| self.findings.push(finding.at(span).layer(layer)));
        self.checked_weights.insert(key, checked.clone());
        checked
    }

    fn check_weight(&mut self, key: &str) -> Result<WeightRef, Finding> {
        let Some(tensor) = self.weights.get(key) else {
            let finding =
                Finding::new(FindingId::MissingWeight, format!("the weights file has no tensor `{key}`"));
            return Err(match self.similar_weight(key) {
                Some(similar) => {
                    self.suggested_weights.insert(similar);
                    finding.help(format!("did you mean `{similar}`?"))
                }
                None => finding.help("no unused tensor of the file has a similar name"),
            });
        };
        let Some(values) = tensor.f32s() else {
            let message = format!("`{key}` has element type {}, not F32", tensor.dtype);
            return Err(Finding::new(FindingId::WeightDtype, message)
                .help("save the weights in float32: `save_file({k: v.float() for k, v in model.state_dict().items()}, path)`"));
        };
        if values.is_empty() {
            let message = format!("`{key}` is empty: its shape is {:?}", tensor.shape);
            return Err(Finding::new(FindingId::WeightShape, message));
        }
        let mut bad = values.iter().enumerate().filter(|(_, value)| !value.is_finite());
        if let Some((index, value)) = bad.next() {
            let place = unravel(index, tensor.shape);
            let others = match bad.count() {
                0 => String::new(),
                more => format!(", and {more} more values are not finite"),
            };
            let message = format!("`{key}` is {value} at {place:?}{others}");
            return Err(Finding::new(FindingId::WeightNotFinite, message)
                .help("training diverged, or the file is damaged: take an earlier checkpoint"));
        }
        // A tensor that is not empty has no axis longer than the file.
        let shape = tensor.shape.iter().map(|size| *size as i64).collect();
        Ok(WeightRef { key: key.to_owned(), shape })
    }
}

fn float(literal: &Literal<'_>) -> Option<f64> {
    match literal {
        Literal::Int(n) => Some(*n as f64),
        Literal::Float(x) => Some(*x),
        _ => None,
    }
}

fn int_list(items: &[Spanned<Literal<'_>>]) -> Option<Argument> {
    let ints = items.iter().map(|item| match item.node {
        Literal::Int(n) => Some(n),
        _ => None,
    });
    ints.collect::<Option<_>>().map(Argument::Ints)
}

fn int_fault(param: &Param, values: &[i64]) -> Option<String> {
    let most = if param.kind == Kind::Bound { i64::MAX } else { MAX_INT };
    let least = param.least.max(if param.kind == Kind::Bound { i64::MIN } else { -MAX_INT });
    let wrong = values.iter().find(|value| !(least..=most).contains(*value))?;
    Some(match *wrong < least {
        true => format!("is {wrong}, below {least}"),
        false => format!("is {wrong}, above {most}"),
    })
}

fn kind_help(literal: &Literal<'_>) -> Option<String> {
    match literal {
        Literal::Call(op) => {
            Some(format!("calls do not nest: give `{op}` its own statement and use its value here"))
        }
        Literal::Word("True") => Some("write `true`".to_owned()),
        Literal::Word("False") => Some("write `false`".to_owned()),
        Literal::Word("None") => Some("leave the argument out".to_owned()),
        _ => None,
    }
}

/// The index along each axis of an element of a tensor stored last axis fastest.
fn unravel(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut place: Vec<_> = shape
        .iter()
        .rev()
        .map(|size| {
            let along = index % size.max(&1);
            index /= size.max(&1);
            along
        })
        .collect();
    place.reverse();
    place
}

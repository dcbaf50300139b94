//! Text to syntax tree.
//!
//! The grammar is `grammar.pest`. Two things are not the grammar's: the bound on nesting, which is checked before pest
//! recurses, and trailing comments as layer names, which are looked up in the text behind each statement.

use pest::Parser;
use pest::error::InputLocation;
use pest::iterators::{Pair, Pairs};

use super::syntax::{
    ArgumentSyntax, Assignment, AxisSyntax, GraphSyntax, InputSyntax, Literal, OutputSyntax, Spanned,
    Statement, TypeSyntax,
};
use crate::diagnostic::{Finding, FindingId, Span};
use neurocuda_runtime::syntax as wording;

/// Deepest nesting of brackets accepted.
pub const MAX_NESTING: usize = 32;

// The derive makes a public enum without documentation.
#[allow(missing_docs)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "import/grammar.pest"]
    pub struct Grammar;
}
use grammar::{Grammar, Rule};

/// Reads a graph description.
///
/// # Errors
/// `nesting-too-deep` or `syntax-error`; the first fault only.
pub fn parse(text: &str) -> Result<GraphSyntax<'_>, Finding> {
    check_nesting(text)?;
    let mut pairs = Grammar::parse(Rule::file, text).map_err(|error| syntax_error(text, &error))?;
    let graph = pairs.next().and_then(|file| child(file, Rule::graph));
    graph.map_or_else(|| Err(grammar_mismatch()), |graph| Reader { text }.graph(graph))
}

/// Whether `name` can be a layer's name: letters, digits and `_.-/`, beginning with a letter, a digit or `_`.
pub fn is_layer_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'))
}

fn check_nesting(text: &str) -> Result<(), Finding> {
    let (mut depth, mut quoted, mut comment) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => (quoted, comment) = (false, false),
            _ if comment => {}
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'#' => comment = true,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            let message = format!("brackets are nested deeper than {MAX_NESTING} levels");
            let help = "ops are not nested: give each its own statement, `%1 = relu(%0)`";
            return Err(Finding::new(FindingId::NestingTooDeep, message)
                .at(Span::new(offset, offset + 1))
                .help(help));
        }
    }
    Ok(())
}

fn syntax_error(text: &str, error: &pest::error::Error<Rule>) -> Finding {
    let offset = match error.location {
        InputLocation::Pos(offset) | InputLocation::Span((offset, _)) => offset,
    };
    let rest = text.get(offset..).unwrap_or_default();
    let word = wording::word(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let message = wording::message(error, rule_name, &wording::quoted(word, "the end of the file"));
    Finding::new(FindingId::SyntaxError, message).at(Span::new(offset, offset + word.len()))
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::file | Rule::graph | Rule::graph_keyword => "`graph`",
        Rule::graph_name => "a graph name like `@net`",
        Rule::input | Rule::value | Rule::assignment => "a value like `%x`",
        Rule::output | Rule::tensor_type | Rule::element_type => "a type like `f32[N, 10]`",
        Rule::output_name => "an output name",
        Rule::axis_symbol | Rule::axis_size => "an axis like `N` or `28`",
        Rule::return_statement | Rule::return_keyword => "`return`",
        Rule::argument_name => "an argument name",
        Rule::op_name => "an op like `relu`",
        Rule::argument
        | Rule::list
        | Rule::weight
        | Rule::text
        | Rule::number
        | Rule::nested_call
        | Rule::word => "an argument",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::open_bracket => "`[`",
        Rule::close_bracket => "`]`",
        Rule::open_brace => "`{`",
        Rule::close_brace => "`}`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::arrow => "`->`",
        Rule::EOI => "the end of the file",
        Rule::WHITESPACE
        | Rule::COMMENT
        | Rule::outputs_
        | Rule::axis_
        | Rule::literal_
        | Rule::identifier_
        | Rule::dotted_
        | Rule::name_char_
        | Rule::key_char_
        | Rule::text_char_ => "more text",
    }
}

fn grammar_mismatch() -> Finding {
    Finding::new(FindingId::InternalError, "the parser does not fit the grammar")
        .help("this is a bug in neurocudac: please report it with the graph file")
}

fn child(pair: Pair<'_, Rule>, rule: Rule) -> Option<Pair<'_, Rule>> {
    pair.into_inner().find(|pair| pair.as_rule() == rule)
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    Span::new(pair.as_span().start(), pair.as_span().end())
}

/// The text of a pair without a leading mark such as `%`.
fn unmarked<'a>(pair: &Pair<'a, Rule>, mark: char) -> Spanned<&'a str> {
    let text = pair.as_str();
    Spanned::new(text.strip_prefix(mark).unwrap_or(text), span(pair))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Takes the next pair of a rule.
fn next<'a>(pairs: &mut Pairs<'a, Rule>, rule: Rule) -> Result<Pair<'a, Rule>, Finding> {
    pairs.find(|pair| pair.as_rule() == rule).ok_or_else(grammar_mismatch)
}

struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn graph(&self, pair: Pair<'a, Rule>) -> Result<GraphSyntax<'a>, Finding> {
        let end = Span::new(span(&pair).end.saturating_sub(1), span(&pair).end);
        let mut pairs = pair.into_inner();
        let name = unmarked(&next(&mut pairs, Rule::graph_name)?, '@');
        let (mut inputs, mut outputs, mut body) = (Vec::new(), Vec::new(), Vec::new());
        for pair in pairs {
            match pair.as_rule() {
                Rule::input => inputs.push(self.input(pair)?),
                Rule::output => outputs.push(self.output(pair)?),
                Rule::assignment => body.push(Statement::Assignment(self.assignment(pair)?)),
                Rule::return_statement => {
                    let span = span(&pair);
                    let values = pair.into_inner().filter(|pair| pair.as_rule() == Rule::value);
                    let values = values.map(|pair| unmarked(&pair, '%')).collect();
                    body.push(Statement::Return { values, span });
                }
                _ => {}
            }
        }
        Ok(GraphSyntax { name, inputs, outputs, body, end })
    }

    fn input(&self, pair: Pair<'a, Rule>) -> Result<InputSyntax<'a>, Finding> {
        let mut pairs = pair.into_inner();
        let value = unmarked(&next(&mut pairs, Rule::value)?, '%');
        Ok(InputSyntax { value, ty: tensor_type(next(&mut pairs, Rule::tensor_type)?)? })
    }

    fn output(&self, pair: Pair<'a, Rule>) -> Result<OutputSyntax<'a>, Finding> {
        let mut pairs = pair.into_inner();
        let name = pairs.clone().find(|pair| pair.as_rule() == Rule::output_name);
        let name = name.map(|pair| Spanned::new(pair.as_str(), span(&pair)));
        Ok(OutputSyntax { name, ty: tensor_type(next(&mut pairs, Rule::tensor_type)?)? })
    }

    fn assignment(&self, pair: Pair<'a, Rule>) -> Result<Assignment<'a>, Finding> {
        let statement = span(&pair);
        let mut pairs = pair.into_inner();
        let value = unmarked(&next(&mut pairs, Rule::value)?, '%');
        let op = next(&mut pairs, Rule::op_name)?;
        let op = Spanned::new(op.as_str(), span(&op));
        let arguments = pairs.filter(|pair| pair.as_rule() == Rule::argument).map(argument);
        let arguments = arguments.collect::<Result<_, _>>()?;
        Ok(Assignment { value, op, arguments, comment: self.comment_behind(statement.end), span: statement })
    }

    /// The comment between a statement and the end of its line, where it is a single word that can be a name.
    fn comment_behind(&self, offset: usize) -> Option<&'a str> {
        let rest = self.text.get(offset..)?;
        // Looking for the line's end first would take quadratic time on a file of one long line.
        let comment = rest.trim_start_matches([' ', '\t']).strip_prefix('#')?;
        let comment = comment.lines().next()?.trim();
        is_layer_name(comment).then_some(comment)
    }
}

fn tensor_type(pair: Pair<'_, Rule>) -> Result<TypeSyntax<'_>, Finding> {
    let whole = span(&pair);
    let mut pairs = pair.into_inner();
    let dtype = next(&mut pairs, Rule::element_type)?;
    let dtype = Spanned::new(dtype.as_str(), span(&dtype));
    let mut axes = Vec::new();
    for pair in pairs {
        let axis = match pair.as_rule() {
            Rule::axis_symbol => AxisSyntax::Symbol(pair.as_str()),
            Rule::axis_size => AxisSyntax::Size(integer(&pair)?),
            _ => continue,
        };
        axes.push(Spanned::new(axis, span(&pair)));
    }
    Ok(TypeSyntax { dtype, axes, span: whole })
}

fn integer(pair: &Pair<'_, Rule>) -> Result<i64, Finding> {
    pair.as_str().parse().map_err(|_| {
        Finding::new(FindingId::SyntaxError, "the integer does not fit into 64 bits").at(span(pair))
    })
}

fn argument(pair: Pair<'_, Rule>) -> Result<ArgumentSyntax<'_>, Finding> {
    let mut keyword = None;
    for pair in pair.into_inner() {
        match pair.as_rule() {
            Rule::argument_name => keyword = Some(Spanned::new(pair.as_str(), span(&pair))),
            Rule::equals => {}
            _ => return Ok(ArgumentSyntax { keyword, value: literal(pair)? }),
        }
    }
    Err(grammar_mismatch())
}

fn literal(pair: Pair<'_, Rule>) -> Result<Spanned<Literal<'_>>, Finding> {
    let place = span(&pair);
    let text = pair.as_str();
    let node = match pair.as_rule() {
        Rule::value => Literal::Value(unmarked(&pair, '%').node),
        Rule::weight => Literal::Weight(unquoted(unmarked(&pair, '@').node)),
        Rule::text => Literal::Text(unquoted(text)),
        Rule::number if text.contains(['.', 'e', 'E', 'i']) => {
            Literal::Float(text.parse().map_err(|_| grammar_mismatch())?)
        }
        Rule::number => Literal::Int(integer(&pair)?),
        Rule::nested_call => Literal::Call(next(&mut pair.into_inner(), Rule::op_name)?.as_str()),
        Rule::word => match text {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            word => Literal::Word(word),
        },
        Rule::list => {
            let items = pair.into_inner().filter(|pair| {
                !matches!(pair.as_rule(), Rule::open_bracket | Rule::close_bracket | Rule::comma)
            });
            Literal::List(items.map(literal).collect::<Result<_, _>>()?)
        }
        _ => return Err(grammar_mismatch()),
    };
    Ok(Spanned::new(node, place))
}

//! The syntax tree of a graph description: what is written, with places, before any meaning is given to it.

use crate::diagnostic::Span;

/// Something written, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What is written.
    pub node: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a place to something written.
    pub fn new(node: T, span: Span) -> Self {
        Self { node, span }
    }
}

/// A whole file.
#[derive(Clone, Debug)]
pub struct GraphSyntax<'a> {
    /// Name without `@`.
    pub name: Spanned<&'a str>,
    /// Declared inputs.
    pub inputs: Vec<InputSyntax<'a>>,
    /// Declared outputs.
    pub outputs: Vec<OutputSyntax<'a>>,
    /// Statements in order.
    pub body: Vec<Statement<'a>>,
    /// The closing brace.
    pub end: Span,
}

/// `%x: f32[N, 1, 28, 28]`
#[derive(Clone, Debug)]
pub struct InputSyntax<'a> {
    /// Name without `%`.
    pub value: Spanned<&'a str>,
    /// Declared type.
    pub ty: TypeSyntax<'a>,
}

/// `f32[N, 10]` or `logits: f32[N, 10]`
#[derive(Clone, Debug)]
pub struct OutputSyntax<'a> {
    /// Name, where one is given.
    pub name: Option<Spanned<&'a str>>,
    /// Declared type.
    pub ty: TypeSyntax<'a>,
}

/// `f32[N, 10]`
#[derive(Clone, Debug)]
pub struct TypeSyntax<'a> {
    /// Element type.
    pub dtype: Spanned<&'a str>,
    /// Axes in order.
    pub axes: Vec<Spanned<AxisSyntax<'a>>>,
    /// The whole type.
    pub span: Span,
}

/// One axis of a declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisSyntax<'a> {
    /// `N`
    Symbol(&'a str),
    /// `28`
    Size(i64),
}

/// One statement.
#[derive(Clone, Debug)]
pub enum Statement<'a> {
    /// `%1 = relu(%0)`
    Assignment(Assignment<'a>),
    /// `return %1`
    Return {
        /// Names without `%`.
        values: Vec<Spanned<&'a str>>,
        /// The whole statement.
        span: Span,
    },
}

/// `%1 = relu(%0)   # act`
#[derive(Clone, Debug)]
pub struct Assignment<'a> {
    /// Name without `%`.
    pub value: Spanned<&'a str>,
    /// The op's name.
    pub op: Spanned<&'a str>,
    /// Arguments in order.
    pub arguments: Vec<ArgumentSyntax<'a>>,
    /// The trailing comment, where it is a name.
    pub comment: Option<&'a str>,
    /// The whole statement without the comment.
    pub span: Span,
}

/// `%0` or `stride = 2`
#[derive(Clone, Debug)]
pub struct ArgumentSyntax<'a> {
    /// The name in front of `=`.
    pub keyword: Option<Spanned<&'a str>>,
    /// What is given.
    pub value: Spanned<Literal<'a>>,
}

/// What can stand as an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal<'a> {
    /// `-1`
    Int(i64),
    /// `1e-5`, `inf`
    Float(f64),
    /// `true`
    Bool(bool),
    /// `"conv1"`
    Text(&'a str),
    /// `%0`
    Value(&'a str),
    /// `@conv1.weight`
    Weight(&'a str),
    /// `[1, 1]`
    List(Vec<Spanned<Literal<'a>>>),
    /// A bare word that means nothing here.
    Word(&'a str),
    /// `relu(` inside another call.
    Call(&'a str),
}

impl Literal<'_> {
    /// What it is, for messages: "a string".
    pub fn description(&self) -> String {
        match self {
            Self::Int(n) => format!("the integer {n}"),
            Self::Float(x) => format!("the number {x:?}"),
            Self::Bool(_) => "true or false".to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::Value(_) => "a tensor".to_owned(),
            Self::Weight(_) => "a weight".to_owned(),
            Self::List(items) => match items.iter().find(|item| !matches!(item.node, Literal::Int(_))) {
                Some(item) => format!("a list with {}", item.node.description()),
                None => format!("a list of {} integers", items.len()),
            },
            Self::Word(word) => format!("the word `{word}`"),
            Self::Call(op) => format!("a call of `{op}`"),
        }
    }
}

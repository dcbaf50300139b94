//! How an op may be called: its arguments' names, kinds, defaults and bounds, as data.

use std::fmt;

use crate::import::graph::WeightRef;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value of the graph.
    Tensor,
    /// One or more values of the graph.
    Tensors,
    /// A value of the graph, a finite number, or a key of the weights file.
    Operand,
    /// A key of the weights file.
    Weight,
    /// An integer of at most 31 bits and a sign.
    Int,
    /// An integer of any size, for ends that mean "to the last".
    Bound,
    /// An integer for each of so many spatial axes; one is taken for all.
    Sizes(usize),
    /// A list of integers; one alone is taken as a list.
    Ints,
    /// A number, finite unless the parameter says otherwise.
    Float,
    /// A list of finite numbers; one alone is taken as a list.
    Floats,
    /// `true` or `false`.
    Bool,
}

impl Kind {
    /// What is wanted, for messages.
    pub fn description(self) -> &'static str {
        match self {
            Self::Tensor => "a tensor like `%0`",
            Self::Tensors => "tensors like `%0`",
            Self::Operand => "a tensor like `%0`, a number, or a weight like `@mean`",
            Self::Weight => "a weight like `@conv1.weight`",
            Self::Int | Self::Bound => "an integer",
            Self::Sizes(1) => "an integer",
            Self::Sizes(2) => "an integer or a pair like `[1, 1]`",
            Self::Sizes(_) => "an integer or three like `[1, 1, 1]`",
            Self::Ints => "a list of integers",
            Self::Float => "a number",
            Self::Floats => "a list of numbers",
            Self::Bool => "`true` or `false`",
        }
    }
}

/// What holds where an argument is not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// It must be given.
    Required,
    /// The op does without.
    Absent,
    /// An integer; for sizes, that of every axis.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// The value of another parameter.
    SameAs(&'static str),
}

/// An argument that an op takes.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name in front of `=`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// Least integer allowed.
    pub least: i64,
    /// Whether numbers may be infinite.
    pub infinite: bool,
}

impl Param {
    /// A required argument without bounds.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, default: Default::Required, least: i64::MIN, infinite: false }
    }

    /// States what holds without the argument.
    pub const fn or(mut self, default: Default) -> Self {
        self.default = default;
        self
    }

    /// States the least integer allowed.
    pub const fn at_least(mut self, least: i64) -> Self {
        self.least = least;
        self
    }

    /// Allows `inf` and `-inf`.
    pub const fn infinite(mut self) -> Self {
        self.infinite = true;
        self
    }
}

/// An op's name and arguments.
#[derive(Debug)]
pub struct Signature {
    /// Name in graph files.
    pub name: &'static str,
    /// What it does, for the documentation.
    pub summary: &'static str,
    /// Arguments in the order of their positions; every op has a tensor first.
    pub params: &'static [Param],
}

impl Signature {
    /// The parameter of a name with its position.
    pub fn param(&self, name: &str) -> Option<(usize, &'static Param)> {
        self.params.iter().enumerate().find(|(_, param)| param.name == name)
    }

    /// What an argument is where it is not given, as [`Argument`] of its parameter's kind.
    pub fn default(&self, name: &str) -> Option<Argument> {
        let (_, param) = self.param(name)?;
        match (param.default, param.kind) {
            (Default::Int(n), Kind::Sizes(axes)) => Some(Argument::Ints(vec![n; axes])),
            (Default::Int(n), _) => Some(Argument::Int(n)),
            (Default::Float(x), Kind::Floats) => Some(Argument::Floats(vec![x])),
            (Default::Float(x), _) => Some(Argument::Float(x)),
            (Default::Bool(b), _) => Some(Argument::Bool(b)),
            (Default::Required | Default::Absent | Default::SameAs(_), _) => None,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (position, param) in self.params.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{}", param.name)?;
            match param.default {
                Default::Required if param.kind == Kind::Tensors => f.write_str(", …")?,
                Default::Required => {}
                Default::Absent => f.write_str("?")?,
                Default::Int(n) => write!(f, " = {n}")?,
                Default::Float(x) => write!(f, " = {x:?}")?,
                Default::Bool(b) => write!(f, " = {b}")?,
                Default::SameAs(other) => write!(f, " = {other}")?,
            }
        }
        f.write_str(")")
    }
}

/// A value given for an argument, brought to its parameter's kind. Tensors are not arguments but inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A checked weight.
    Weight(WeightRef),
    /// An integer.
    Int(i64),
    /// Integers; for sizes exactly one for each axis.
    Ints(Vec<i64>),
    /// A number.
    Float(f64),
    /// Numbers.
    Floats(Vec<f64>),
    /// A truth value.
    Bool(bool),
}

impl From<WeightRef> for Argument {
    fn from(weight: WeightRef) -> Self {
        Self::Weight(weight)
    }
}

impl<const AXES: usize> From<[i64; AXES]> for Argument {
    fn from(sizes: [i64; AXES]) -> Self {
        Self::Ints(sizes.to_vec())
    }
}

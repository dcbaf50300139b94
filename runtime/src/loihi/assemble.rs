//! Text to neuron program.
//!
//! The grammar is `assembly.pest`. What it cannot say is here: which instructions there are and what they take, what names mean, and
//! bounds on size and nesting, so that no text can exhaust the stack.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

use pest::{
    Parser,
    error::{InputLocation, LineColLocation},
    iterators::Pair,
};

use crate::syntax;

use super::{
    error::{MicrocodeError, MicrocodeErrorKind as Kind, Place},
    expression::{Expression, ExpressionOperator},
    instruction::{Binary, Comparison, Instruction, Operand, Register, Rounding},
    program::{Label, Program, StateWord, Value, ValueKind},
};

/// Longest text read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Most operators in one expression.
pub const MAX_OPERATORS: usize = 64;

/// Deepest nesting of parentheses.
pub const MAX_NESTING: usize = 16;

// The derive makes a public enum without documentation.
#[allow(missing_docs)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "loihi/assembly.pest"]
    pub struct Grammar;
}
use grammar::{Grammar, Rule};

impl Program {
    /// Reads a program from its text; `file` is what errors call it.
    ///
    /// # Errors
    /// `microcode-syntax`, `microcode-name`, `microcode-operands` or `microcode-jump`, with line and column; the first fault only.
    pub fn parse(text: &str, file: &str) -> Result<Self, MicrocodeError> {
        check_size(text, file)?;
        let mut pairs = Grammar::parse(Rule::file, text).map_err(|error| syntax_error(text, file, &error))?;
        let mut reader = Reader::new(file);
        for pair in pairs.next().into_iter().flat_map(Pair::into_inner) {
            reader.declaration(pair)?;
        }
        reader.finish()
    }

    /// Reads a program from a file.
    ///
    /// # Errors
    /// `microcode-io`, and those of [`Program::parse`].
    pub fn read(path: &Path) -> Result<Self, MicrocodeError> {
        let file = path.display().to_string();
        let refuse = |reason: String| MicrocodeError::new(Kind::Io, &file, None, reason);
        let mut text = String::new();
        File::open(path)
            .and_then(|opened| opened.take(MAX_BYTES as u64 + 1).read_to_string(&mut text))
            .map_err(|error| refuse(format!("cannot read the program: {error}")))?;
        Self::parse(&text, &file)
    }
}

fn place(pair: &Pair<'_, Rule>) -> Place {
    let (line, column) = pair.line_col();
    Place { line, column }
}

fn check_size(text: &str, file: &str) -> Result<(), MicrocodeError> {
    let refuse = |place, message| Err(MicrocodeError::new(Kind::Syntax, file, place, message));
    if text.len() > MAX_BYTES {
        return refuse(
            None,
            format!("the text has more than {MAX_BYTES} bytes; no neuron program is as long"),
        );
    }
    let mut depth = 0_usize;
    for (line, row) in text.lines().enumerate() {
        let row = row.split('#').next().unwrap_or_default();
        for (column, character) in row.chars().enumerate() {
            depth = match character {
                '(' => depth + 1,
                ')' => depth.saturating_sub(1),
                _ => depth,
            };
            if depth > MAX_NESTING {
                let place = Place { line: line + 1, column: column + 1 };
                return refuse(
                    Some(place),
                    format!("parentheses are nested deeper than {MAX_NESTING}; use another `let`"),
                );
            }
        }
    }
    Ok(())
}

fn syntax_error(text: &str, file: &str, error: &pest::error::Error<Rule>) -> MicrocodeError {
    let (InputLocation::Pos(offset) | InputLocation::Span((offset, _))) = error.location;
    let (LineColLocation::Pos((line, column)) | LineColLocation::Span((line, column), _)) = error.line_col;
    let rest = text.get(offset..).unwrap_or_default();
    let found = match syntax::word(rest, |c| c.is_ascii_alphanumeric() || c == '_') {
        "\n" => "the end of the line".to_owned(),
        word => syntax::quoted(word, "the end of the text"),
    };
    let message = syntax::message(error, rule_name, &found);
    MicrocodeError::new(Kind::Syntax, file, Some(Place { line, column }), message)
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::file | Rule::header | Rule::program_keyword => "`program NAME`",
        Rule::code | Rule::code_keyword => "`code`",
        Rule::port | Rule::port_keyword => "`port`",
        Rule::output | Rule::out_keyword => "`out`",
        Rule::shared | Rule::shared_keyword => "`shared`",
        Rule::parameter | Rule::param_keyword => "`param`",
        Rule::state | Rule::state_keyword => "`state`",
        Rule::derived | Rule::let_keyword => "`let`",
        Rule::name | Rule::default | Rule::word => "a name",
        Rule::label => "a label",
        Rule::instruction | Rule::mnemonic => "an instruction",
        Rule::integer => "an integer",
        Rule::natural | Rule::factor | Rule::log2 | Rule::product | Rule::sum | Rule::expression => {
            "an expression"
        }
        Rule::shift_operator | Rule::sum_operator | Rule::product_operator | Rule::minus => "an operator",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::open_paren => "`(`",
        Rule::close_paren => "`)`",
        Rule::EOI => "the end of the text",
        Rule::line_end => "the end of the line",
        // Parts that are never reported.
        Rule::WHITESPACE
        | Rule::COMMENT
        | Rule::line_
        | Rule::declaration_
        | Rule::operand_
        | Rule::atom_
        | Rule::name_char_ => "a word",
    }
}

/// What a name stands for.
#[derive(Clone, Copy)]
enum Meaning {
    Register(Register),
    Value(usize),
    Output(usize),
}

/// A program on its way. Registers are numbered when all are known.
struct Reader<'a> {
    program: Program,
    names: HashMap<&'a str, Meaning>,
    /// Instructions as written.
    written: Vec<Written<'a>>,
    labels: HashMap<&'a str, usize>,
}

struct Written<'a> {
    mnemonic: Pair<'a, Rule>,
    operands: Vec<Pair<'a, Rule>>,
}

impl<'a> Reader<'a> {
    fn new(file: &str) -> Self {
        let program = Program {
            name: String::new(),
            file: file.to_owned(),
            ports: vec![],
            outputs: vec![],
            values: vec![],
            states: vec![],
            registers: vec![],
            probes: vec![],
            labels: vec![],
            code: vec![],
            places: vec![],
        };
        Self { program, names: HashMap::new(), written: vec![], labels: HashMap::new() }
    }

    fn error(&self, kind: Kind, at: &Pair<'_, Rule>, message: impl Into<String>) -> MicrocodeError {
        MicrocodeError::new(kind, &self.program.file, Some(place(at)), message.into())
    }

    fn declare(&mut self, name: &Pair<'a, Rule>, meaning: Meaning) -> Result<String, MicrocodeError> {
        if self.names.insert(name.as_str(), meaning).is_some() {
            let message = format!("`{}` is declared twice; call one of them something else", name.as_str());
            return Err(self.error(Kind::Name, name, message));
        }
        Ok(name.as_str().to_owned())
    }

    fn declaration(&mut self, pair: Pair<'a, Rule>) -> Result<(), MicrocodeError> {
        let rule = pair.as_rule();
        match rule {
            Rule::header => {
                self.program.name = pair.into_inner().last().map_or("", |n| n.as_str()).to_owned()
            }
            Rule::port => {
                for name in pair.into_inner().filter(is_name) {
                    let own = self.declare(&name, Meaning::Register(Register(self.program.ports.len())))?;
                    self.program.ports.push(own);
                }
            }
            Rule::output => {
                for name in pair.into_inner().filter(is_name) {
                    let own = self.declare(&name, Meaning::Output(self.program.outputs.len()))?;
                    self.program.outputs.push(own);
                }
            }
            Rule::shared | Rule::parameter => {
                for default in pair.into_inner().filter(|pair| pair.as_rule() == Rule::default) {
                    let mut parts = default.into_inner();
                    let Some(name) = parts.next() else { continue };
                    let number = parts.find(|part| part.as_rule() == Rule::integer);
                    let number = number.map(|number| self.immediate(&number)).transpose()?;
                    let kind = if rule == Rule::shared {
                        ValueKind::Shared(number)
                    } else {
                        ValueKind::PerNeuron(number)
                    };
                    self.value(&name, kind)?;
                }
            }
            Rule::derived => {
                let mut parts = pair.into_inner().filter(|part| is_name(part) || is_expression(part));
                let (Some(name), Some(expression)) = (parts.next(), parts.next()) else { return Ok(()) };
                let expression = self.bounded(expression)?;
                self.value(&name, ValueKind::Derived(expression))?;
            }
            Rule::state => {
                for word in pair.into_inner().filter(|pair| pair.as_rule() == Rule::word) {
                    let mut parts = word.into_inner();
                    let Some(name) = parts.next() else { continue };
                    let initial =
                        parts.find(is_expression).map(|initial| self.bounded(initial)).transpose()?;
                    let own = self.declare(&name, Meaning::Register(Register(self.program.states.len())))?;
                    let initial = initial.unwrap_or(Expression::Integer(0));
                    self.program.states.push(StateWord { name: own, initial });
                }
            }
            Rule::code => self.code(pair)?,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, name: &Pair<'a, Rule>, kind: ValueKind) -> Result<(), MicrocodeError> {
        let own = self.declare(name, Meaning::Value(self.program.values.len()))?;
        self.program.values.push(Value { name: own, kind });
        Ok(())
    }

    fn code(&mut self, pair: Pair<'a, Rule>) -> Result<(), MicrocodeError> {
        for line in pair.into_inner() {
            match line.as_rule() {
                Rule::label => {
                    let Some(name) = line.into_inner().next() else { continue };
                    if self.labels.insert(name.as_str(), self.program.labels.len()).is_some() {
                        let message = format!("label `{}` is set twice", name.as_str());
                        return Err(self.error(Kind::Name, &name, message));
                    }
                    let target = self.written.len();
                    self.program.labels.push(Label { name: name.as_str().to_owned(), target });
                }
                Rule::instruction => {
                    let mut parts = line.into_inner();
                    let Some(mnemonic) = parts.next() else { continue };
                    let operands = parts.filter(|part| part.as_rule() != Rule::comma).collect();
                    self.program.places.push(place(&mnemonic));
                    self.written.push(Written { mnemonic, operands });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Numbers the registers and reads the instructions.
    fn finish(mut self) -> Result<Program, MicrocodeError> {
        let states = self.program.states.len();
        let names = self.program.states.iter().map(|state| state.name.clone());
        self.program.registers = names.chain(self.program.ports.iter().cloned()).collect();
        for port in &self.program.ports {
            if let Some(Meaning::Register(register)) = self.names.get_mut(port.as_str()) {
                register.0 += states;
            }
        }
        let written = std::mem::take(&mut self.written);
        for Written { mnemonic, operands } in &written {
            // What is written and not declared is a register.
            if let Some(first) = operands.first()
                && has_result(mnemonic.as_str())
                && is_name(first)
                && !self.names.contains_key(first.as_str())
            {
                let register = Register(self.program.registers.len());
                self.names.insert(first.as_str(), Meaning::Register(register));
                self.program.registers.push(first.as_str().to_owned());
            }
        }
        for written in &written {
            let instruction = self.instruction(written)?;
            self.program.code.push(instruction);
        }
        Ok(self.program)
    }

    fn instruction(&mut self, written: &Written<'a>) -> Result<Instruction, MicrocodeError> {
        let Written { mnemonic, operands } = written;
        let word = mnemonic.as_str();
        let wrong = |this: &Self, takes: &str| {
            Err(this.error(Kind::Operands, mnemonic, format!("`{word}` takes {takes}")))
        };
        let (base, sense) = word.strip_suffix(".not").map_or((word, true), |base| (base, false));
        if let Some(operation) = Binary::ALL.into_iter().find(|binary| binary.mnemonic() == word) {
            let [to, a, b] = operands.as_slice() else {
                return wrong(self, "a register and two operands, as in `add x, y, 1`");
            };
            let (to, a, b) = (self.register(to)?, self.operand(a)?, self.operand(b)?);
            return Ok(Instruction::Binary { operation, to, a, b });
        }
        if let Some(comparison) = Comparison::ALL.into_iter().find(|compare| compare.mnemonic() == word) {
            let [a, b] = operands.as_slice() else { return wrong(self, "two operands, as in `lt x, 1`") };
            return Ok(Instruction::Compare { comparison, a: self.operand(a)?, b: self.operand(b)? });
        }
        match (word, base, operands.as_slice()) {
            ("rmw", _, [of]) => Ok(Instruction::Rmw(self.named(of, "state word", |kind| kind.0)?)),
            ("rmw", ..) => wrong(self, "a state word, as in `rmw v`"),
            ("rdc", _, [of]) => Ok(Instruction::Rdc(self.named(of, "port", |kind| kind.1)?)),
            ("rdc", ..) => wrong(self, "a port, as in `rdc a`"),
            ("mov", _, [to, from]) => {
                Ok(Instruction::Mov { to: self.register(to)?, from: self.operand(from)? })
            }
            ("sel", _, [to, from]) => {
                Ok(Instruction::Sel { to: self.register(to)?, from: self.operand(from)? })
            }
            ("neg", _, [to, from]) => {
                Ok(Instruction::Neg { to: self.register(to)?, from: self.operand(from)? })
            }
            ("mov" | "sel" | "neg", ..) => wrong(self, "a register and an operand, as in `mov x, 1`"),
            ("mul_shr" | "mul_shr.floor", _, [to, a, b, shift]) => {
                let (to, a, b) = (self.register(to)?, self.operand(a)?, self.operand(b)?);
                let rounding = if word == "mul_shr" { Rounding::TowardZero } else { Rounding::Floor };
                Ok(Instruction::MulShr { to, a, b, shift: self.operand(shift)?, rounding })
            }
            ("mul_shr" | "mul_shr.floor", ..) => {
                wrong(self, "a register, two factors and a shift, as in `mul_shr u, u, f, 12`")
            }
            (_, "skp_c", [count]) if count.as_rule() == Rule::integer => {
                let counted = count.as_str().parse().ok().filter(|&count: &usize| count > 0);
                let refuse = || self.error(Kind::Jump, count, "a number of instructions from 1 is skipped");
                Ok(Instruction::Skip { sense, count: counted.ok_or_else(refuse)? })
            }
            (_, "skp_c", _) => wrong(self, "a number of instructions, as in `skp_c 2`"),
            (_, "jmp_c", [label]) if is_name(label) => {
                let index = self.labels.get(label.as_str()).copied();
                let refuse =
                    || self.error(Kind::Jump, label, format!("there is no label `{}`", label.as_str()));
                Ok(Instruction::Jump { sense, label: index.ok_or_else(refuse)? })
            }
            (_, "jmp_c", _) => wrong(self, "a label, as in `jmp_c done`"),
            ("spike", _, [payload, rest @ ..]) if rest.len() < 2 => {
                let payload = self.operand(payload)?;
                Ok(Instruction::Spike { payload, output: self.output(mnemonic, rest.first())? })
            }
            ("spike", ..) => wrong(self, "a payload and an output, as in `spike 1` or `spike x, s`"),
            ("probe", _, [value, name]) if is_name(name) => {
                let own = name.as_str().to_owned();
                let known = self.program.probes.iter().position(|probe| *probe == own);
                let probe = known.unwrap_or(self.program.probes.len());
                if known.is_none() {
                    self.program.probes.push(own);
                }
                Ok(Instruction::Probe { value: self.operand(value)?, probe })
            }
            ("probe", ..) => wrong(self, "a value and what it is called, as in `probe t, after_decay`"),
            _ => {
                let all = "rmw, rdc, mov, sel, and, or, shl, add, neg, min, mul_shr, mul_shr.floor, lt, ge, eq, skp_c, \
                           skp_c.not, jmp_c, jmp_c.not, spike and probe";
                let message = format!("there is no instruction `{word}`; there are {all}");
                Err(self.error(Kind::Operands, mnemonic, message))
            }
        }
    }

    fn output(
        &self,
        mnemonic: &Pair<'a, Rule>,
        written: Option<&Pair<'a, Rule>>,
    ) -> Result<usize, MicrocodeError> {
        let meaning = written.and_then(|name| self.names.get(name.as_str()));
        match (written, meaning, self.program.outputs.len()) {
            (None, _, 1) => Ok(0),
            (Some(_), Some(Meaning::Output(output)), _) => Ok(*output),
            (_, _, 0) => {
                Err(self.error(Kind::Name, mnemonic, "the program has no output; declare one: `out s`"))
            }
            (None, ..) => {
                Err(self.error(Kind::Operands, mnemonic, "the program has several outputs; say which one"))
            }
            (Some(name), ..) => {
                Err(self.error(Kind::Name, name, format!("`{}` is no output", name.as_str())))
            }
        }
    }

    /// The register of a state word (`of(1, 0)`) or a port (`of(0, 1)`).
    fn named(
        &self,
        written: &Pair<'a, Rule>,
        what: &str,
        of: fn((bool, bool)) -> bool,
    ) -> Result<Register, MicrocodeError> {
        let states = self.program.states.len();
        let ports = self.program.ports.len();
        match self.names.get(written.as_str()) {
            Some(Meaning::Register(register))
                if of((register.0 < states, (states..states + ports).contains(&register.0))) =>
            {
                Ok(*register)
            }
            _ => Err(self.error(Kind::Name, written, format!("`{}` is no {what}", written.as_str()))),
        }
    }

    fn register(&self, written: &Pair<'a, Rule>) -> Result<Register, MicrocodeError> {
        match self.names.get(written.as_str()) {
            Some(Meaning::Register(register)) => Ok(*register),
            Some(_) => {
                let message = format!(
                    "`{}` is no register and cannot be written; use another name, or declare a state word",
                    written.as_str()
                );
                Err(self.error(Kind::Name, written, message))
            }
            None => {
                let message = format!("`{}` stands where a result goes", written.as_str());
                Err(self.error(Kind::Operands, written, message))
            }
        }
    }

    fn operand(&self, written: &Pair<'a, Rule>) -> Result<Operand, MicrocodeError> {
        if written.as_rule() == Rule::integer {
            return Ok(Operand::Immediate(self.immediate(written)?));
        }
        match self.names.get(written.as_str()) {
            Some(Meaning::Register(register)) => Ok(Operand::Register(*register)),
            Some(Meaning::Value(value)) => Ok(Operand::Value(*value)),
            Some(Meaning::Output(_)) => {
                let message = format!("`{}` is an output and has no value", written.as_str());
                Err(self.error(Kind::Name, written, message))
            }
            None => {
                let message =
                    format!("`{}` is neither declared nor the result of an instruction", written.as_str());
                Err(self.error(Kind::Name, written, message))
            }
        }
    }

    fn immediate(&self, written: &Pair<'_, Rule>) -> Result<i32, MicrocodeError> {
        let refuse = |_| self.error(Kind::Operands, written, "the number does not fit 32 bits");
        written.as_str().parse().map_err(refuse)
    }

    fn bounded(&self, pair: Pair<'a, Rule>) -> Result<Expression, MicrocodeError> {
        let operators = pair.clone().into_inner().flatten().filter(|part| operator(part).is_some()).count();
        if operators > MAX_OPERATORS {
            let message =
                format!("the expression has more than {MAX_OPERATORS} operators; use another `let`");
            return Err(self.error(Kind::Syntax, &pair, message));
        }
        self.expression(pair)
    }

    fn expression(&self, pair: Pair<'a, Rule>) -> Result<Expression, MicrocodeError> {
        match pair.as_rule() {
            Rule::natural => {
                let refuse = |_| self.error(Kind::Operands, &pair, "the number does not fit 64 bits");
                pair.as_str().parse().map(Expression::Integer).map_err(refuse)
            }
            Rule::name => match self.names.get(pair.as_str()) {
                Some(Meaning::Value(value)) => Ok(Expression::Value(*value)),
                Some(_) => {
                    let message = format!("`{}` changes from step to step", pair.as_str());
                    Err(self.error(Kind::Name, &pair, message))
                }
                None => {
                    let message =
                        format!("`{}` is not declared; declare it in front of what uses it", pair.as_str());
                    Err(self.error(Kind::Name, &pair, message))
                }
            },
            Rule::log2 => {
                let at = pair.clone();
                let of = pair.into_inner().find(is_expression);
                let of = of.ok_or_else(|| self.error(Kind::Syntax, &at, "expected an expression"))?;
                Ok(Expression::Log2(Box::new(self.expression(of)?)))
            }
            _ => {
                let at = pair.clone();
                let (mut result, mut pending, mut negative) = (None, None, false);
                for part in pair.into_inner() {
                    match part.as_rule() {
                        Rule::minus => negative = true,
                        Rule::open_paren | Rule::close_paren => {}
                        _ if operator(&part).is_some() => pending = operator(&part),
                        _ => {
                            let next = self.expression(part)?;
                            result = Some(match (result.take(), pending.take()) {
                                (Some(left), Some(operator)) => {
                                    Expression::Binary(operator, Box::new(left), Box::new(next))
                                }
                                _ => next,
                            });
                        }
                    }
                }
                let result = result.ok_or_else(|| self.error(Kind::Syntax, &at, "expected an expression"))?;
                Ok(if negative { Expression::Negative(Box::new(result)) } else { result })
            }
        }
    }
}

fn operator(pair: &Pair<'_, Rule>) -> Option<ExpressionOperator> {
    use ExpressionOperator::*;
    let is_operator =
        matches!(pair.as_rule(), Rule::shift_operator | Rule::sum_operator | Rule::product_operator);
    let all = [Add, Subtract, Multiply, Divide, Remainder, ShiftLeft, ShiftRight];
    all.into_iter().find(|operator| is_operator && operator.symbol() == pair.as_str())
}

fn is_name(pair: &Pair<'_, Rule>) -> bool {
    pair.as_rule() == Rule::name
}

fn is_expression(pair: &Pair<'_, Rule>) -> bool {
    pair.as_rule() == Rule::expression
}

/// Whether an instruction's first operand is where its result goes.
fn has_result(mnemonic: &str) -> bool {
    matches!(mnemonic, "mov" | "sel" | "neg" | "mul_shr" | "mul_shr.floor")
        || Binary::ALL.iter().any(|binary| binary.mnemonic() == mnemonic)
}

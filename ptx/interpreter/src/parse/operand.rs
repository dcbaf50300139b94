//! Operands and statements of PTX as they are written.

use super::lexer::{Lexer, Token, unexpected};
use crate::error::{PtxError, PtxErrorKind};

/// An instruction as it is written.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) line: u32,
    /// Predicate register, and whether it is negated.
    pub(crate) guard: Option<(&'a str, bool)>,
    pub(crate) opcode: &'a str,
    pub(crate) operands: Vec<Operand<'a>>,
}

/// An operand as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand<'a> {
    /// Register, variable, label or `_`.
    Name(&'a str),
    /// `!%p`.
    Negated(&'a str),
    /// An integer.
    Int(i128),
    /// `0f` with the bits of a single.
    F32(u32),
    /// `0d` with the bits of a double.
    F64(u64),
    /// `[name + offset]`.
    Address(&'a str, i64),
    /// `{a, b, ...}`.
    Vector(Vec<Operand<'a>>),
    /// `a|b`.
    Pair(&'a str, &'a str),
}

impl Operand<'_> {
    /// The operand for a message.
    pub(crate) fn show(&self) -> String {
        match self {
            Operand::Name(name) => format!("`{name}`"),
            Operand::Negated(name) => format!("`!{name}`"),
            Operand::Int(value) => format!("`{value}`"),
            Operand::F32(bits) => format!("`0f{bits:08X}`"),
            Operand::F64(bits) => format!("`0d{bits:016X}`"),
            Operand::Address(name, offset) => format!("`[{name}+{offset}]`"),
            Operand::Vector(parts) => format!("a vector of {}", parts.len()),
            Operand::Pair(a, b) => format!("`{a}|{b}`"),
        }
    }
}

/// Parses an instruction, from its guard up to its semicolon.
pub(crate) fn statement<'a>(lexer: &mut Lexer<'a>) -> Result<Statement<'a>, PtxError> {
    let guard = if lexer.take('@')? {
        let negated = lexer.take('!')?;
        Some((lexer.word("a predicate")?.0, negated))
    } else {
        None
    };
    let (opcode, line) = lexer.word("an instruction")?;
    Ok(Statement { line, guard, opcode, operands: operands(lexer)? })
}

/// Parses operands, up to the semicolon.
pub(crate) fn operands<'a>(lexer: &mut Lexer<'a>) -> Result<Vec<Operand<'a>>, PtxError> {
    let mut operands = Vec::new();
    if lexer.take(';')? {
        return Ok(operands);
    }
    loop {
        operands.push(operand(lexer)?);
        if lexer.take(';')? {
            return Ok(operands);
        }
        lexer.need(',', "`,` or `;`")?;
    }
}

fn operand<'a>(lexer: &mut Lexer<'a>) -> Result<Operand<'a>, PtxError> {
    if lexer.take('[')? {
        let (name, _) = lexer.word("an address")?;
        let offset = if lexer.take('+')? {
            let negative = lexer.take('-')?;
            offset(lexer, negative)?
        } else if lexer.take('-')? {
            offset(lexer, true)?
        } else {
            0
        };
        lexer.need(']', "`]`")?;
        return Ok(Operand::Address(name, offset));
    }
    if lexer.take('{')? {
        let mut parts = Vec::new();
        loop {
            parts.push(scalar(lexer)?);
            if lexer.take('}')? {
                return Ok(Operand::Vector(parts));
            }
            lexer.need(',', "`,` or `}`")?;
        }
    }
    scalar(lexer)
}

fn scalar<'a>(lexer: &mut Lexer<'a>) -> Result<Operand<'a>, PtxError> {
    if lexer.take('!')? {
        return Ok(Operand::Negated(lexer.word("a predicate")?.0));
    }
    let negative = lexer.take('-')?;
    let (token, line) = lexer.next()?;
    let Token::Word(word) = token else { return Err(unexpected(token, line, "an operand")) };
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return match number(word, line)? {
            Operand::Int(value) if negative => Ok(Operand::Int(-value)),
            _ if negative => Err(unexpected(token, line, "an integer")),
            operand => Ok(operand),
        };
    }
    if negative {
        return Err(unexpected(token, line, "a number"));
    }
    if lexer.take('|')? {
        return Ok(Operand::Pair(word, lexer.word("a predicate")?.0));
    }
    Ok(Operand::Name(word))
}

/// Reads a number: decimal or hexadecimal, with or without `U`, or the bits of a float.
pub(crate) fn number(word: &str, line: u32) -> Result<Operand<'static>, PtxError> {
    let wrong = || PtxErrorKind::Number(word.to_owned()).at(line);
    let hexadecimal = |digits: &str, length: usize| {
        let whole = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if whole { u64::from_str_radix(digits, 16).map_err(|_| wrong()) } else { Err(wrong()) }
    };
    if let Some(digits) = word.strip_prefix("0f").or_else(|| word.strip_prefix("0F")) {
        return u32::try_from(hexadecimal(digits, 8)?).map(Operand::F32).map_err(|_| wrong());
    }
    if let Some(digits) = word.strip_prefix("0d").or_else(|| word.strip_prefix("0D")) {
        return hexadecimal(digits, 16).map(Operand::F64);
    }
    let digits = word.strip_suffix('U').unwrap_or(word);
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) if digits.len() <= 16 => hexadecimal(digits, digits.len())?,
        Some(_) => return Err(wrong()),
        // A leading zero would make it octal, which nothing emits.
        None if digits.len() > 1 && digits.starts_with('0') => return Err(wrong()),
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
        None => return Err(wrong()),
    };
    Ok(Operand::Int(i128::from(value)))
}

fn offset(lexer: &mut Lexer<'_>, negative: bool) -> Result<i64, PtxError> {
    let (word, line) = lexer.word("an offset")?;
    let wrong = || PtxErrorKind::Number(word.to_owned()).at(line);
    let Operand::Int(value) = number(word, line)? else { return Err(wrong()) };
    i64::try_from(if negative { -value } else { value }).map_err(|_| wrong())
}

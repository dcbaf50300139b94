//! Kernels: parameters, limits and body.

use std::collections::HashMap;

use super::Parser;
use super::lexer::{Token, unexpected};
use super::operand::{Operand, Statement, statement};
use crate::decode::{Class, Decoder};
use crate::error::{PtxError, PtxErrorKind};
use crate::program::Parameter;

/// Limits of a block that a kernel gives.
#[derive(Default)]
struct Limits {
    most: Option<u64>,
    exact: Option<[u32; 3]>,
}

impl<'a> Parser<'a> {
    /// The rest of a kernel, from its name.
    pub(super) fn kernel(&mut self) -> Result<(), PtxError> {
        let (name, line) = self.lexer.word("a name")?;
        let (list, parameters) = self.parameters()?;
        let limits = self.limits()?;
        self.lexer.need('{', "`{`")?;
        let mut decoder = Decoder::new(self.symbols.clone(), parameters);
        let end = self.body(&mut decoder)?;
        let mut kernel = decoder.finish(list, end)?;
        kernel.max_threads = limits.most;
        kernel.threads = limits.exact;
        if self.module.kernels.insert(name.to_owned(), kernel).is_some() {
            return Err(PtxErrorKind::Duplicate(name.to_owned()).at(line));
        }
        Ok(())
    }

    /// Parameters in order, and by name.
    #[allow(clippy::type_complexity)]
    fn parameters(&mut self) -> Result<(Vec<Parameter>, HashMap<&'a str, Parameter>), PtxError> {
        let (mut list, mut names) = (Vec::new(), HashMap::new());
        self.lexer.need('(', "`(`")?;
        if self.lexer.take(')')? {
            return Ok((list, names));
        }
        let mut end: u32 = 0;
        loop {
            self.keyword(".param")?;
            let (of, line) = self.lexer.word("a type")?;
            let bytes = match of {
                ".b8" | ".u8" | ".s8" => 1,
                ".b16" | ".u16" | ".s16" => 2,
                ".b32" | ".u32" | ".s32" | ".f32" => 4,
                ".b64" | ".u64" | ".s64" | ".f64" => 8,
                _ => return Err(PtxErrorKind::Directive(of.to_owned()).at(line)),
            };
            let name = loop {
                match self.lexer.word("a name")? {
                    (".ptr" | ".global", _) if bytes == 8 => {}
                    (".align", _) => drop(self.size()?),
                    (word, line) if word.starts_with('.') => {
                        return Err(PtxErrorKind::Directive(word.to_owned()).at(line));
                    }
                    (word, _) => break word,
                }
            };
            let offset = end.next_multiple_of(bytes);
            end = offset + bytes;
            // What a kernel of the newest cards may have.
            if end > 32764 {
                return Err(PtxErrorKind::TooMany("parameters").at(line));
            }
            let parameter = Parameter { offset, bytes };
            list.push(parameter);
            if names.insert(name, parameter).is_some() {
                return Err(PtxErrorKind::Duplicate(name.to_owned()).at(line));
            }
            if self.lexer.take(')')? {
                return Ok((list, names));
            }
            self.lexer.need(',', "`,` or `)`")?;
        }
    }

    /// Directives between the parameters and the body.
    fn limits(&mut self) -> Result<Limits, PtxError> {
        let mut limits = Limits::default();
        while let (Token::Word(word), line) = self.lexer.peek()? {
            self.lexer.next()?;
            match word {
                ".maxntid" => {
                    let threads = self.threads()?;
                    limits.most = Some(threads.iter().map(|&n| u64::from(n)).fold(1, u64::saturating_mul));
                }
                ".reqntid" => limits.exact = Some(self.threads()?),
                // How many registers and blocks there may be says nothing about what is computed.
                ".minnctapersm" | ".maxnreg" => drop(self.size()?),
                _ => return Err(PtxErrorKind::Directive(word.to_owned()).at(line)),
            }
        }
        Ok(limits)
    }

    fn threads(&mut self) -> Result<[u32; 3], PtxError> {
        let mut threads = [1; 3];
        for (axis, entry) in threads.iter_mut().enumerate() {
            if axis > 0 && !self.lexer.take(',')? {
                break;
            }
            let (_, line) = self.lexer.peek()?;
            let size = self.size()?;
            *entry = u32::try_from(size).map_err(|_| PtxErrorKind::Number(size.to_string()).at(line))?;
        }
        Ok(threads)
    }

    /// Statements up to the closing brace, whose line is the result.
    fn body(&mut self, decoder: &mut Decoder<'a>) -> Result<u32, PtxError> {
        loop {
            let (token, line) = self.lexer.peek()?;
            match token {
                Token::Mark('}') => {
                    self.lexer.next()?;
                    return Ok(line);
                }
                Token::Mark('@') => decoder.statement(&statement(&mut self.lexer)?)?,
                Token::Word(word) if word.starts_with('.') => {
                    self.lexer.next()?;
                    self.declaration(word, line, decoder)?;
                }
                Token::Word(word) => {
                    self.lexer.next()?;
                    if self.lexer.take(':')? {
                        self.label(word, line, decoder)?;
                    } else {
                        let statement = self.instruction(word, line)?;
                        decoder.statement(&statement)?;
                    }
                }
                other => return Err(unexpected(other, line, "an instruction")),
            }
        }
    }

    /// An instruction without guard whose opcode is read.
    fn instruction(&mut self, opcode: &'a str, line: u32) -> Result<Statement<'a>, PtxError> {
        let operands: Vec<Operand<'a>> = super::operand::operands(&mut self.lexer)?;
        Ok(Statement { line, guard: None, opcode, operands })
    }

    fn declaration(&mut self, word: &'a str, line: u32, decoder: &mut Decoder<'a>) -> Result<(), PtxError> {
        match word {
            ".reg" => {
                let (of, line) = self.lexer.word("a type")?;
                let class = match of {
                    ".pred" => Class::Predicate,
                    ".b16" | ".u16" | ".s16" => Class::W16,
                    ".b32" | ".u32" | ".s32" | ".f32" => Class::W32,
                    ".b64" | ".u64" | ".s64" | ".f64" => Class::W64,
                    _ => return Err(PtxErrorKind::Directive(of.to_owned()).at(line)),
                };
                let (name, line) = self.lexer.word("a name")?;
                self.lexer.need('<', "`<`")?;
                let count = self.size()?;
                let count = u32::try_from(count).map_err(|_| PtxErrorKind::TooMany("registers").at(line))?;
                self.lexer.need('>', "`>`")?;
                self.lexer.need(';', "`;`")?;
                decoder.names().declare(name, class, count).map_err(|kind| kind.at(line))
            }
            ".shared" => {
                let (name, symbol) = self.variable(word)?;
                decoder.names().variable(name, symbol).map_err(|kind| kind.at(line))
            }
            // Advice to the assembler, such as not to unroll a loop.
            ".pragma" => match self.lexer.next()? {
                (Token::Text(_), _) => self.lexer.need(';', "`;`"),
                (token, line) => Err(unexpected(token, line, "a string")),
            },
            _ => Err(PtxErrorKind::Directive(word.to_owned()).at(line)),
        }
    }

    /// A label, or a table of them.
    fn label(&mut self, name: &'a str, line: u32, decoder: &mut Decoder<'a>) -> Result<(), PtxError> {
        if self.lexer.peek()?.0 != Token::Word(".branchtargets") {
            return decoder.label(name, line);
        }
        self.lexer.next()?;
        let mut targets = vec![self.lexer.word("a label")?.0];
        while self.lexer.take(',')? {
            targets.push(self.lexer.word("a label")?.0);
        }
        self.lexer.need(';', "`;`")?;
        decoder.table(name, &targets, line)
    }
}

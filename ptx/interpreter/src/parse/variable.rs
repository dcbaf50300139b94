//! Variables with their initial values.

use super::Parser;
use super::lexer::{Token, unexpected};
use super::operand::{Operand, number};
use crate::decode::{Symbol, SymbolSpace};
use crate::error::{PtxError, PtxErrorKind};
use crate::program::Variable;

/// Most bytes of one variable.
const LIMIT: u64 = 1 << 28;

impl<'a> Parser<'a> {
    /// The rest of a variable in `.global`, `.const` or `.shared`, up to its semicolon.
    pub(super) fn variable(&mut self, space: &str) -> Result<(&'a str, Symbol), PtxError> {
        let (mut word, mut line) = self.lexer.word("a type")?;
        let mut align = None;
        if word == ".align" {
            let bytes = self.size()?;
            if !bytes.is_power_of_two() || bytes > 256 {
                return Err(PtxErrorKind::Number(bytes.to_string()).at(line));
            }
            align = Some(bytes);
            (word, line) = self.lexer.word("a type")?;
        }
        let width: u64 = match word {
            ".b8" | ".u8" | ".s8" => 1,
            ".b16" | ".u16" | ".s16" => 2,
            ".b32" | ".u32" | ".s32" | ".f32" => 4,
            ".b64" | ".u64" | ".s64" | ".f64" => 8,
            _ => return Err(PtxErrorKind::Directive(word.to_owned()).at(line)),
        };
        let align = align.unwrap_or(width);
        if align < width {
            return Err(PtxErrorKind::Number(align.to_string()).at(line));
        }
        let (name, line) = self.lexer.word("a name")?;
        let mut count = 1;
        if self.lexer.take('[')? {
            count = self.size()?;
            self.lexer.need(']', "`]`")?;
        }
        let bytes = count.checked_mul(width).filter(|&bytes| bytes <= LIMIT);
        let bytes = bytes.ok_or_else(|| PtxErrorKind::TooMany("bytes of a variable").at(line))? as usize;
        let space = if space == ".shared" {
            SymbolSpace::Shared
        } else {
            let mut values = vec![0; bytes];
            if self.lexer.take('=')? {
                self.initial(&mut values, width as usize)?;
            }
            let constant = space == ".const";
            let index = self.module.variables.len();
            self.module.variables.push(Variable { bytes: values, constant });
            if constant { SymbolSpace::Const(index) } else { SymbolSpace::Global(index) }
        };
        self.lexer.need(';', "`;`")?;
        Ok((name, Symbol { space, bytes, align: align as usize }))
    }

    /// One value, or a list of them in braces; what the list leaves out is zero.
    fn initial(&mut self, bytes: &mut [u8], width: usize) -> Result<(), PtxError> {
        let mut places = bytes.chunks_exact_mut(width);
        let list = self.lexer.take('{')?;
        loop {
            let negative = self.lexer.take('-')?;
            let (word, line) = self.lexer.word("a number")?;
            let wrong = || PtxErrorKind::Number(word.to_owned()).at(line);
            let pattern = match number(word, line)? {
                Operand::Int(value) => {
                    let value = if negative { -value } else { value };
                    let bits = 8 * width as u32;
                    if value < -(1i128 << (bits - 1)) || value >= 1i128 << bits {
                        return Err(wrong());
                    }
                    value as u64
                }
                Operand::F32(value) if width == 4 && !negative => u64::from(value),
                Operand::F64(value) if width == 8 && !negative => value,
                _ => return Err(wrong()),
            };
            let place = places.next().ok_or_else(|| PtxErrorKind::TooMany("initial values").at(line))?;
            place.copy_from_slice(&pattern.to_le_bytes()[..width]);
            if !list || self.lexer.take('}')? {
                return Ok(());
            }
            self.lexer.need(',', "`,` or `}`")?;
        }
    }

    /// An integer, not negative.
    pub(super) fn size(&mut self) -> Result<u64, PtxError> {
        let (word, line) = self.lexer.word("a number")?;
        if !word.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(unexpected(Token::Word(word), line, "a number"));
        }
        let wrong = || PtxErrorKind::Number(word.to_owned()).at(line);
        match number(word, line)? {
            Operand::Int(value) => u64::try_from(value).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

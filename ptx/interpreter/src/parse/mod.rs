//! From text to a decoded module.

mod kernel;
mod lexer;
pub(crate) mod operand;
mod variable;

use std::collections::HashMap;

use crate::decode::Symbol;
use crate::error::{PtxError, PtxErrorKind};
use crate::program::Module;
use lexer::{Lexer, Token, unexpected};

/// Parses and decodes a module.
pub(crate) fn module(text: &str) -> Result<Module, PtxError> {
    let mut parser = Parser { lexer: Lexer::new(text), module: Module::default(), symbols: HashMap::new() };
    parser.header()?;
    while parser.item()? {}
    Ok(parser.module)
}

/// Reads a module.
struct Parser<'a> {
    lexer: Lexer<'a>,
    module: Module,
    /// Variables of the module.
    symbols: HashMap<&'a str, Symbol>,
}

impl<'a> Parser<'a> {
    /// `.version`, `.target` and `.address_size`.
    fn header(&mut self) -> Result<(), PtxError> {
        self.keyword(".version")?;
        let (version, line) = self.lexer.word("a version")?;
        let number = |part: &str| part.parse::<u32>().is_ok();
        if !version.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor)) {
            return Err(PtxErrorKind::Number(version.to_owned()).at(line));
        }
        self.keyword(".target")?;
        let (target, line) = self.lexer.word("a target")?;
        if !target.starts_with("sm_") {
            return Err(unexpected(Token::Word(target), line, "a target `sm_*`"));
        }
        self.module.target = target.to_owned();
        while self.lexer.take(',')? {
            // `debug` or `texmode_*` change nothing in what an instruction does.
            self.lexer.word("an option of the target")?;
        }
        self.keyword(".address_size")?;
        let (size, line) = self.lexer.word("64")?;
        if size != "64" {
            return Err(unexpected(Token::Word(size), line, "64"));
        }
        Ok(())
    }

    /// A kernel or variable; false at the end of the text.
    fn item(&mut self) -> Result<bool, PtxError> {
        let (token, line) = self.lexer.next()?;
        let mut word = match token {
            Token::End => return Ok(false),
            Token::Word(word) => word,
            other => return Err(unexpected(other, line, "a directive")),
        };
        if matches!(word, ".visible" | ".weak") {
            word = self.lexer.word("a directive")?.0;
        }
        match word {
            ".entry" => self.kernel()?,
            ".global" | ".const" | ".shared" => {
                let (name, symbol) = self.variable(word)?;
                if self.symbols.insert(name, symbol).is_some() {
                    return Err(PtxErrorKind::Duplicate(name.to_owned()).at(line));
                }
            }
            other => {
                // Of a function, its name says most: a library that is not linked, or code that is not inlined.
                let mut what = other.to_owned();
                while let (Token::Word(_) | Token::Mark('(' | ')'), _) = self.lexer.peek()? {
                    if let (Token::Word(next), _) = self.lexer.next()? {
                        what = format!("{what} {next}");
                    }
                    if what.len() > 120 {
                        break;
                    }
                }
                return Err(PtxErrorKind::Directive(what).at(line));
            }
        }
        Ok(true)
    }

    fn keyword(&mut self, keyword: &'static str) -> Result<(), PtxError> {
        let (word, line) = self.lexer.word(keyword)?;
        if word == keyword { Ok(()) } else { Err(unexpected(Token::Word(word), line, keyword)) }
    }
}

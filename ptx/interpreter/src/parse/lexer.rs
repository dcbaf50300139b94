//! Tokens of PTX.

use crate::error::{PtxError, PtxErrorKind};

/// A token: a word (name, opcode, directive or number), a character of punctuation, or a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Letters, digits and `_ $ . %`.
    Word(&'a str),
    /// One of `{ } [ ] ( ) , ; : @ ! | + - = < >`.
    Mark(char),
    /// A string, without its quotes.
    Text(&'a str),
    /// The end of the text.
    End,
}

impl Token<'_> {
    /// The token for a message.
    pub(crate) fn show(self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::Text(text) => format!("\"{text}\""),
            Token::End => "the end of the text".to_owned(),
        }
    }
}

/// Reads tokens of a text, one ahead.
pub(crate) struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    ahead: Option<(Token<'a>, u32)>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, ahead: None }
    }

    /// The next token and its line.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, u32), PtxError> {
        match self.ahead.take() {
            Some(token) => Ok(token),
            None => self.scan(),
        }
    }

    /// The next token, which stays.
    pub(crate) fn peek(&mut self) -> Result<(Token<'a>, u32), PtxError> {
        let token = self.next()?;
        self.ahead = Some(token);
        Ok(token)
    }

    /// Takes a mark if it is next.
    pub(crate) fn take(&mut self, mark: char) -> Result<bool, PtxError> {
        let found = self.peek()?.0 == Token::Mark(mark);
        if found {
            self.ahead = None;
        }
        Ok(found)
    }

    /// Takes a mark that has to be next.
    pub(crate) fn need(&mut self, mark: char, expected: &'static str) -> Result<(), PtxError> {
        let (token, line) = self.next()?;
        if token == Token::Mark(mark) { Ok(()) } else { Err(unexpected(token, line, expected)) }
    }

    /// Takes a word that has to be next.
    pub(crate) fn word(&mut self, expected: &'static str) -> Result<(&'a str, u32), PtxError> {
        match self.next()? {
            (Token::Word(word), line) => Ok((word, line)),
            (token, line) => Err(unexpected(token, line, expected)),
        }
    }

    fn scan(&mut self) -> Result<(Token<'a>, u32), PtxError> {
        self.skip()?;
        let line = self.line;
        let Some(first) = self.rest.chars().next() else { return Ok((Token::End, line)) };
        if is_word(first) {
            let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            return Ok((Token::Word(self.advance(end)), line));
        }
        if "{}[](),;:@!|+-=<>".contains(first) {
            self.advance(first.len_utf8());
            return Ok((Token::Mark(first), line));
        }
        if first == '"' {
            let end = self.rest[1..].find(['"', '\n']).map(|end| end + 1);
            if let Some(end) = end.filter(|&end| self.rest.as_bytes()[end] == b'"') {
                let text = self.advance(end + 1);
                return Ok((Token::Text(&text[1..end]), line));
            }
        }
        Err(PtxErrorKind::Character(first.to_string()).at(line))
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), PtxError> {
        loop {
            let end = self.rest.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(self.rest.len());
            self.advance(end);
            if self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.advance(end);
            } else if self.rest.starts_with("/*") {
                let Some(end) = self.rest.find("*/") else {
                    return Err(PtxErrorKind::Character("/*".to_owned()).at(self.line));
                };
                self.advance(end + 2);
            } else {
                return Ok(());
            }
        }
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        let lines = taken.bytes().filter(|&byte| byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
        taken
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '%')
}

/// The error for a token that is not the one needed.
pub(crate) fn unexpected(token: Token<'_>, line: u32, expected: &'static str) -> PtxError {
    PtxErrorKind::Expected { expected, found: token.show() }.at(line)
}

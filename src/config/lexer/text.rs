//! Strings: quoted, bare, and block.

use super::{Lexer, Scalar};
use crate::diagnostic::{Diagnostic, Position};
use crate::value::Value;

const ESCAPES: &str = r#"\xXX, \t, \n, \r, \" and \\"#;

impl Lexer<'_> {
    /// One value that is neither a map nor a list.
    pub(crate) fn scalar(&mut self) -> Result<Scalar, Diagnostic> {
        let at = self.position();
        match self.peek() {
            Some(b'\'') => {
                self.bump();
                self.raw_until(b'\'', &at, "string").map(text)
            }
            Some(b'"') => {
                self.bump();
                self.double_quoted(&at).map(text)
            }
            Some(b'(') => {
                self.bump();
                self.block(&at).map(text)
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Value),
            Some(b'.') => Err(self.error("a float must start with a digit")),
            Some(b'\n' | b'\r') => Err(self.error("expected a value but found a new line")),
            _ => self.bare(Vec::new()),
        }
    }

    /// Everything up to the quote, as it stands; the quote is consumed.
    pub(super) fn raw_until(
        &mut self,
        quote: u8,
        at: &Position,
        what: &str,
    ) -> Result<String, Diagnostic> {
        let start = self.next;
        loop {
            let end = self.next;
            match self.bump() {
                Some(byte) if byte == quote => return self.owned(&self.text[start..end], at),
                Some(_) => {}
                None => return Err(Diagnostic::error(at, format!("unterminated quoted {what}"))),
            }
        }
    }

    fn double_quoted(&mut self, at: &Position) -> Result<String, Diagnostic> {
        let mut bytes = Vec::new();
        loop {
            match self.bump() {
                Some(b'"') => return self.owned(&bytes, at),
                Some(b'\\') => bytes.push(self.escape()?),
                Some(byte) => bytes.push(byte),
                None => return Err(Diagnostic::error(at, "unterminated quoted string")),
            }
        }
    }

    /// The byte an escape stands for; the backslash has been consumed.
    fn escape(&mut self) -> Result<u8, Diagnostic> {
        let byte = match self.peek() {
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                self.next += 1;
                return Ok(self.hex_digit()? << 4 | self.hex_digit()?);
            }
            _ => {
                let shown = self.shown();
                return Err(self.error(format!("invalid escape {shown}; known are {ESCAPES}")));
            }
        };
        self.next += 1;
        Ok(byte)
    }

    fn hex_digit(&mut self) -> Result<u8, Diagnostic> {
        let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
        match digit.and_then(|digit| u8::try_from(digit).ok()) {
            Some(digit) => {
                self.next += 1;
                Ok(digit)
            }
            None => {
                let shown = self.shown();
                Err(self.error(format!("expected two hexadecimal digits after \\x, got {shown}")))
            }
        }
    }

    /// A word without quotes, some of which may have been read already. It is a boolean or a
    /// variable when it looks like one and neither an escape nor a single quote says otherwise.
    pub(super) fn bare(&mut self, mut bytes: Vec<u8>) -> Result<Scalar, Diagnostic> {
        let at = self.position();
        let mut plain = true;
        while !Self::ends_value(self.peek()) {
            match self.bump() {
                Some(b'\\') => {
                    bytes.push(self.escape()?);
                    plain = false;
                }
                Some(b'\'') => {
                    plain = false;
                    break;
                }
                Some(byte) => bytes.push(byte),
                None => break,
            }
        }
        let word = self.owned(&bytes, &at)?;
        if !plain {
            return Ok(text(word));
        }
        if let Some(name) = word.strip_prefix('$') {
            return Ok(Scalar::Variable(name.to_owned()));
        }
        Ok(match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Scalar::Value(Value::Bool(true)),
            "false" | "no" | "off" => Scalar::Value(Value::Bool(false)),
            _ => text(word),
        })
    }

    /// Everything up to a `)` that has a line of its own; the bracket is consumed, the new line
    /// after it is not.
    fn block(&mut self, at: &Position) -> Result<String, Diagnostic> {
        let start = self.next;
        loop {
            let end = self.next;
            let first_on_line = end > 0 && self.text[end - 1] == b'\n';
            match self.bump() {
                Some(b')') if first_on_line && self.at_line_end() => {
                    return self.owned(&self.text[start..end], at);
                }
                Some(_) => {}
                None => {
                    let why = "unterminated block: it ends with a ) on a line of its own";
                    return Err(Diagnostic::error(at, why));
                }
            }
        }
    }

    fn at_line_end(&self) -> bool {
        match self.peek() {
            None | Some(b'\n') => true,
            Some(b'\r') => matches!(self.peek_after(), None | Some(b'\n')),
            Some(_) => false,
        }
    }
}

fn text(text: String) -> Scalar {
    Scalar::Value(Value::Text(text))
}

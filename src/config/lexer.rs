//! Reads words out of configuration text. The language has no tokens independent of context (a
//! colon ends a key but belongs to a value), so the parser asks for what may stand here: a key,
//! a scalar, white space, a comment.

mod number;
mod text;

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};
use crate::value::Value;

/// What a scalar turned out to be.
#[derive(Debug)]
pub(crate) enum Scalar {
    Value(Value),
    /// `$name`, without the dollar sign.
    Variable(String),
}

/// A key: its text, its place, and whether it could be the word `include`.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) at: Position,
    pub(crate) quoted: bool,
}

pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    next: usize,
    line: u32,
    line_start: usize,
    file: Arc<str>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a [u8], file: Arc<str>) -> Self {
        let start = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        Self { text, next: start, line: 1, line_start: start, file }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.next).copied()
    }

    pub(crate) fn peek_after(&self) -> Option<u8> {
        self.text.get(self.next + 1).copied()
    }

    pub(crate) fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.next += 1;
        if byte == b'\n' {
            self.line += 1;
            self.line_start = self.next;
        }
        Some(byte)
    }

    pub(crate) fn position(&self) -> Position {
        let column = u32::try_from(self.next - self.line_start + 1).unwrap_or(u32::MAX);
        Position { file: self.file.clone(), line: self.line, column }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(&self.position(), message)
    }

    /// The next character as error texts show it.
    pub(crate) fn shown(&self) -> String {
        let rest = &self.text[self.next..self.text.len().min(self.next + 4)];
        match rest.utf8_chunks().next() {
            None => "end of file".to_owned(),
            Some(chunk) => match chunk.valid().chars().next() {
                Some(character) => format!("'{}'", character.escape_default()),
                None => "a byte that is not UTF-8".to_owned(),
            },
        }
    }

    /// Skips tabs and spaces.
    pub(crate) fn skip_blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.next += 1;
        }
    }

    /// Skips white space of every kind, new lines included.
    pub(crate) fn skip_space(&mut self) {
        while let Some(width) = self.space_width() {
            for _ in 0..width {
                self.bump();
            }
        }
    }

    /// Skips white space and comments.
    pub(crate) fn skip_space_and_comments(&mut self) {
        loop {
            self.skip_space();
            if !self.skip_comment() {
                return;
            }
        }
    }

    /// Skips a comment up to the end of its line. False when there is none here.
    pub(crate) fn skip_comment(&mut self) -> bool {
        let hash = self.peek() == Some(b'#');
        let slashes = self.peek() == Some(b'/') && self.peek_after() == Some(b'/');
        if !hash && !slashes {
            return false;
        }
        while !matches!(self.peek(), None | Some(b'\n' | b'\r')) {
            self.next += 1;
        }
        true
    }

    /// Whether nothing but white space and closing braces follows.
    pub(crate) fn only_closing_left(&self) -> bool {
        self.text[self.next..].iter().all(|byte| byte.is_ascii_whitespace() || *byte == b'}')
    }

    /// Bytes of the white space character that stands here, if one does.
    fn space_width(&self) -> Option<usize> {
        match self.peek()? {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Some(1),
            byte if byte.is_ascii() => None,
            _ => {
                let rest = &self.text[self.next..self.text.len().min(self.next + 4)];
                let character = rest.utf8_chunks().next()?.valid().chars().next()?;
                character.is_whitespace().then(|| character.len_utf8())
            }
        }
    }

    /// A key: quoted (no escapes), or bare up to white space, `=` or `:`.
    pub(crate) fn key(&mut self) -> Result<Key, Diagnostic> {
        if let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.bump();
            let at = self.position();
            let text = self.raw_until(quote, &at, "key")?;
            return Ok(Key { text, at, quoted: true });
        }
        let at = self.position();
        let start = self.next;
        while !matches!(self.peek(), None | Some(b'=' | b':')) && self.space_width().is_none() {
            self.bump();
        }
        let text = self.owned(&self.text[start..self.next], &at)?;
        Ok(Key { text, at, quoted: false })
    }

    /// The path after `include`: quoted, or bare up to white space, `;` or `}`.
    pub(crate) fn include_path(&mut self) -> Result<String, Diagnostic> {
        self.skip_blank();
        let at = self.position();
        match self.peek() {
            None | Some(b'\n' | b'\r') => Err(self.error("expected a path after include")),
            Some(quote @ (b'"' | b'\'')) => {
                self.bump();
                self.raw_until(quote, &at, "include")
            }
            Some(b'[' | b'{' | b'(' | b'-' | b'\\' | b'0'..=b'9') => {
                Err(self.error(format!("an include path cannot start with {}", self.shown())))
            }
            Some(_) => {
                let start = self.next;
                while !matches!(
                    self.peek(),
                    None | Some(b'\n' | b'\r' | b';' | b'}' | b' ' | b'\t')
                ) {
                    self.next += 1;
                }
                self.owned(&self.text[start..self.next], &at)
            }
        }
    }

    /// Whether the byte ends a value that is not quoted.
    fn ends_value(byte: Option<u8>) -> bool {
        matches!(byte, None | Some(b'\n' | b'\r' | b';' | b',' | b']' | b'}' | b' ' | b'\t'))
    }

    fn owned(&self, bytes: &[u8], at: &Position) -> Result<String, Diagnostic> {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| Diagnostic::error(at, "text is not valid UTF-8"))
    }
}

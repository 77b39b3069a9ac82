//! Values that start with a digit or a minus sign: integers with units, floats, dates, addresses,
//! and words such as `10s`.

use super::{Lexer, Scalar};
use crate::diagnostic::{Diagnostic, Position};
use crate::value::Value;

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Result<Value, Diagnostic> {
        let at = self.position();
        let start = self.next;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.next += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.error(format!("expected a digit after -, got {}", self.shown())));
            }
        }
        self.skip_digits();
        match self.peek() {
            Some(b'.') => self.float_or_address(start, &at),
            Some(b'-') if !negative => self.datetime(start, &at),
            Some(byte) if unit_power(byte).is_some() => self.with_unit(start, &at),
            next if Self::ends_value(next) || negative => self.integer(start, self.next, &at),
            _ => self.word(start),
        }
    }

    fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.next += 1;
        }
    }

    fn ascii(&self, start: usize, end: usize) -> &str {
        // Only digits, signs, dots, colons and letters were read: always valid.
        std::str::from_utf8(&self.text[start..end]).unwrap_or_default()
    }

    fn integer(&self, start: usize, end: usize, at: &Position) -> Result<Value, Diagnostic> {
        let text = self.ascii(start, end);
        text.parse().map(Value::Int).map_err(|_| out_of_range("integer", text, at))
    }

    /// A number and its unit; `1kx` is a word after all.
    fn with_unit(&mut self, start: usize, at: &Position) -> Result<Value, Diagnostic> {
        let digits_end = self.next;
        let power = self.peek().and_then(unit_power).unwrap_or_default();
        self.next += 1;
        let suffix_start = self.next;
        while matches!(self.peek(), Some(b'b' | b'B' | b'i' | b'I')) {
            self.next += 1;
        }
        let is_number = Self::ends_value(self.peek()) || matches!(self.peek(), Some(b'0'..=b'9'));
        if !is_number {
            return self.word(start);
        }
        let base: i64 = match self.ascii(suffix_start, self.next).to_ascii_lowercase().as_str() {
            "" => 1000,
            "b" | "i" | "ib" => 1024,
            _ => {
                let text = self.ascii(start, self.next);
                return Err(Diagnostic::error(at, format!("unknown unit in '{text}'")));
            }
        };
        let number: Option<i64> = self.ascii(start, digits_end).parse().ok();
        let scaled = base.checked_pow(power).zip(number).and_then(|(unit, n)| n.checked_mul(unit));
        scaled
            .map(Value::Int)
            .ok_or_else(|| out_of_range("integer", self.ascii(start, self.next), at))
    }

    /// `1.5`, or with a second dot an address such as `127.0.0.1:4222`.
    fn float_or_address(&mut self, start: usize, at: &Position) -> Result<Value, Diagnostic> {
        self.next += 1;
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error(format!("expected a digit after the dot, got {}", self.shown())));
        }
        self.skip_digits();
        if self.peek() == Some(b'.') {
            while matches!(self.peek(), Some(b'0'..=b'9' | b'.' | b':' | b'-')) {
                self.next += 1;
            }
            return Ok(Value::Text(self.ascii(start, self.next).to_owned()));
        }
        let text = self.ascii(start, self.next);
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(out_of_range("float", text, at)),
        }
    }

    fn datetime(&mut self, start: usize, at: &Position) -> Result<Value, Diagnostic> {
        const FORM: &[u8] = b"0000-00-00T00:00:00Z";
        let fits = self.text.len() >= start + FORM.len()
            && FORM.iter().zip(&self.text[start..]).all(|(form, byte)| match form {
                b'0' => byte.is_ascii_digit(),
                fixed => fixed == byte,
            });
        if !fits {
            let why = "a date must have the form 2006-01-02T15:04:05Z; quote it if it is a string";
            return Err(Diagnostic::error(at, why));
        }
        self.next = start + FORM.len();
        let text = self.ascii(start, self.next);
        // A leap second parses in jiff, but is no time of the language.
        match text.parse::<jiff::Timestamp>() {
            Ok(_) if !text.ends_with(":60Z") => Ok(Value::Time(text.to_owned())),
            _ => Err(Diagnostic::error(at, format!("no such date and time: '{text}'"))),
        }
    }

    /// Not a number after all: a bare word that starts with digits.
    fn word(&mut self, start: usize) -> Result<Value, Diagnostic> {
        let read = self.text[start..self.next].to_vec();
        match self.bare(read)? {
            Scalar::Value(value) => Ok(value),
            // Unreachable, for the word starts with a digit; harmless if it were not.
            Scalar::Variable(name) => Ok(Value::Text(name)),
        }
    }
}

fn unit_power(byte: u8) -> Option<u32> {
    let place = b"kmgtpe".iter().position(|unit| *unit == byte.to_ascii_lowercase())?;
    u32::try_from(place + 1).ok()
}

fn out_of_range(what: &str, text: &str, at: &Position) -> Diagnostic {
    Diagnostic::error(at, format!("{what} '{text}' is out of range"))
}

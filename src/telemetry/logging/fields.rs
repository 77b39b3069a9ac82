//! The message and fields of an event, collected for a text line or a JSON line.
//!
//! Control characters are escaped in everything that is printed, because names and subjects come
//! from clients and must not be able to forge a second line. JSON escapes them by itself.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// Renders fields as ` key=value`, to stand behind the message.
#[derive(Default)]
pub(super) struct TextFields {
    pub(super) message: String,
    pub(super) fields: String,
    /// Whether the event carries `fatal = true`, which is not printed as a field.
    pub(super) fatal: bool,
    /// A value on its way through `Debug`, before it is known to need quotes.
    scratch: String,
}

/// Collects fields, the message among them, as JSON values.
#[derive(Default)]
pub(super) struct JsonFields {
    pub(super) fields: Map<String, Value>,
    pub(super) fatal: bool,
}

// === impl TextFields ===

impl TextFields {
    pub(super) fn clear(&mut self) {
        self.message.clear();
        self.fields.clear();
        self.fatal = false;
    }

    pub(super) fn capacity(&self) -> usize {
        self.message.capacity() + self.fields.capacity() + self.scratch.capacity()
    }

    fn value(&mut self, field: &Field, value: impl fmt::Display) {
        // Writing to a String can't fail.
        let _ = write!(self.fields, " {}={value}", field.name());
    }

    /// A value that may hold anything: quoted when a reader could not tell where it ends.
    fn text_value(&mut self, field: &Field, quote_always: bool) {
        let Self { fields, scratch, .. } = self;
        let _ = write!(fields, " {}=", field.name());
        let blank = scratch.is_empty() || scratch.contains(char::is_whitespace);
        let quoted = scratch.len() > 1 && scratch.starts_with('"') && scratch.ends_with('"');
        if (quote_always && scratch.contains('"')) || (blank && !quoted) {
            let _ = write!(fields, "{scratch:?}");
        } else {
            escape_into(fields, scratch);
        }
    }
}

impl Visit for TextFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "fatal" {
            self.fatal = value;
        } else {
            self.value(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            escape_into(&mut self.message, value);
        } else {
            self.scratch.clear();
            self.scratch.push_str(value);
            self.text_value(field, true);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.scratch.clear();
        let _ = write!(self.scratch, "{value:?}");
        if field.name() == "message" {
            escape_into(&mut self.message, &self.scratch);
        } else {
            self.text_value(field, false);
        }
    }
}

// === impl JsonFields ===

impl JsonFields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for JsonFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "fatal" {
            self.fatal = value;
        } else {
            self.put(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// Appends `text` with control characters escaped, tabs excepted.
pub(super) fn escape_into(out: &mut String, text: &str) {
    let mut clean_from = 0;
    for (at, c) in text.char_indices() {
        if c.is_control() && c != '\t' {
            out.push_str(&text[clean_from..at]);
            out.extend(c.escape_default());
            clean_from = at + c.len_utf8();
        }
    }
    out.push_str(&text[clean_from..]);
}

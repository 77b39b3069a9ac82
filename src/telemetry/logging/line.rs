//! One event as one line: the body from its message and fields, the head from time and level.

use std::fmt::{self, Write as _};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};
use tracing::{Event, Level};

use super::{
    fields::{JsonFields, TextFields, escape_into},
    layer::Flags,
};

/// How serious a line is; `Fatal` is an ERROR event with the field `fatal = true`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Label {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
    Fatal,
}

/// What an event says, without when and who.
#[derive(Default)]
pub(super) struct Body {
    label: Label,
    /// Text: `message key=value`. JSON: `"level":..,"message":..` without the outer braces.
    text: String,
    /// Where the message and the fields of a text line are collected.
    parts: TextFields,
}

/// What a line says besides its body.
pub(super) struct Stamp<'a> {
    pub(super) flags: Flags,
    pub(super) zone: &'a TimeZone,
    pub(super) pid: u32,
}

// === impl Label ===

impl Label {
    fn of(level: Level) -> Self {
        match level {
            Level::TRACE => Self::Trace,
            Level::DEBUG => Self::Debug,
            Level::INFO => Self::Info,
            Level::WARN => Self::Warn,
            Level::ERROR => Self::Error,
        }
    }

    /// Label, terminal colour, and name in JSON.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Trace => ("TRC", "33", "trace"),
            Self::Debug => ("DBG", "36", "debug"),
            Self::Info => ("INF", "32", "info"),
            Self::Warn => ("WRN", "0;93", "warn"),
            Self::Error => ("ERR", "31", "error"),
            Self::Fatal => ("FTL", "31", "fatal"),
        }
    }
}

// === impl Body ===

impl Body {
    /// A body without fields.
    pub(super) fn notice(message: &str, json: bool) -> Self {
        let mut body = Self::default();
        if json {
            body.json("vagus", Map::from_iter([("message".to_owned(), message.into())]));
        } else {
            escape_into(&mut body.text, message);
        }
        body
    }

    /// Replaces the content by that of `event`.
    pub(super) fn fill(&mut self, event: &Event<'_>, json: bool) {
        self.label = Label::of(*event.metadata().level());
        self.text.clear();
        if json {
            let mut visitor = JsonFields::default();
            event.record(&mut visitor);
            self.mark_fatal(visitor.fatal);
            self.json(event.metadata().target(), visitor.fields);
        } else {
            self.parts.clear();
            event.record(&mut self.parts);
            self.mark_fatal(self.parts.fatal);
            self.text.push_str(&self.parts.message);
            self.text.push_str(&self.parts.fields);
        }
    }

    pub(super) fn is_warning(&self) -> bool {
        self.label == Label::Warn
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn capacity(&self) -> usize {
        self.text.capacity() + self.parts.capacity()
    }

    fn mark_fatal(&mut self, fatal: bool) {
        if fatal && self.label == Label::Error {
            self.label = Label::Fatal;
        }
    }

    fn json(&mut self, target: &str, mut fields: Map<String, Value>) {
        let message = fields.remove("message").unwrap_or_else(|| "".into());
        let mut whole = Map::new();
        whole.insert("level".to_owned(), self.label.names().2.into());
        whole.insert("target".to_owned(), target.into());
        whole.insert("message".to_owned(), message);
        if !fields.is_empty() {
            whole.insert("fields".to_owned(), Value::Object(fields));
        }
        let text = Value::Object(whole).to_string();
        self.text.push_str(text.trim_start_matches('{').strip_suffix('}').unwrap_or(&text));
    }
}

// === impl Stamp ===

impl Stamp<'_> {
    /// Appends the whole line, line feed included. `suppressed` is how often the same warning was
    /// left out since it was last printed.
    pub(super) fn line(&self, line: &mut String, body: &Body, suppressed: u64) {
        // Writing to a String can't fail.
        let _ = if self.flags.has(Flags::JSON) {
            self.json_line(line, body, suppressed)
        } else {
            self.text_line(line, body, suppressed)
        };
    }

    /// A line of the log about itself.
    pub(super) fn notice(&self, message: &str, label: Label) -> String {
        let mut line = String::new();
        let mut body = Body::notice(message, self.flags.has(Flags::JSON));
        body.label = label;
        self.line(&mut line, &body, 0);
        line
    }

    /// The present time as the suffix of a backup: `2026.11.21.00.00.28.128567123`.
    pub(super) fn backup_suffix(&self) -> String {
        let now = Timestamp::now();
        let t = self.zone(now);
        format!(
            "{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.subsec_nanosecond()
        )
    }

    fn zone(&self, time: Timestamp) -> jiff::civil::DateTime {
        if self.flags.has(Flags::UTC) {
            TimeZone::UTC.to_datetime(time)
        } else {
            self.zone.to_datetime(time)
        }
    }

    fn text_line(&self, line: &mut String, body: &Body, suppressed: u64) -> fmt::Result {
        write!(line, "[{}] ", self.pid)?;
        if self.flags.has(Flags::TIME) {
            let t = self.zone(Timestamp::now());
            write!(line, "{:04}/{:02}/{:02} ", t.year(), t.month(), t.day())?;
            write!(line, "{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second())?;
            write!(line, ".{:06} ", t.subsec_nanosecond() / 1000)?;
        }
        let (label, colour, _) = body.label.names();
        if self.flags.has(Flags::COLOUR) {
            write!(line, "[\x1b[{colour}m{label}\x1b[0m] ")?;
        } else {
            write!(line, "[{label}] ")?;
        }
        line.push_str(&body.text);
        if suppressed > 0 {
            write!(line, " suppressed={suppressed}")?;
        }
        line.push('\n');
        Ok(())
    }

    fn json_line(&self, line: &mut String, body: &Body, suppressed: u64) -> fmt::Result {
        line.push('{');
        if self.flags.has(Flags::TIME) {
            write!(line, "\"time\":\"{:.6}\",", Timestamp::now())?;
        }
        write!(line, "\"pid\":{},{}", self.pid, body.text)?;
        if suppressed > 0 {
            write!(line, ",\"suppressed\":{suppressed}")?;
        }
        line.push_str("}\n");
        Ok(())
    }
}

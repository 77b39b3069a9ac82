//! JSON spelt the way Go's encoder spells it, so that pages and events can be compared byte by
//! byte: whole floats without a fraction, and what could end a script element escaped.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// `value` on many lines, each level indented by `indent`.
#[must_use]
pub fn pretty(value: &impl Serialize, indent: &str) -> Vec<u8> {
    write(value, PrettyFormatter::with_indent(indent.as_bytes()))
}

/// `value` on one line.
#[must_use]
pub fn compact(value: &impl Serialize) -> Vec<u8> {
    write(value, CompactFormatter)
}

/// The same JSON on one line, for JSON that is whole.
#[must_use]
pub fn on_one_line(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for &byte in json {
        if quoted || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    out
}

fn write(value: &impl Serialize, layout: impl Formatter) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    let mut serializer = Serializer::with_formatter(&mut out, GoSpelling(layout));
    if let Err(error) = value.serialize(&mut serializer) {
        // A page holds nothing that JSON has no word for; a vector takes every byte.
        tracing::error!(%error, "page can't be written as JSON");
    }
    out
}

/// Adds Go's spelling to a layout.
struct GoSpelling<L>(L);

impl<L: Formatter> Formatter for GoSpelling<L> {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        match size == 0.0 || (1e-6..1e21).contains(&size) {
            true => write!(writer, "{value}"),
            false => write!(writer, "{value:e}"),
        }
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut letters = tail.chars();
            if let Some(letter) = letters.next() {
                write!(writer, "\\u{:04x}", u32::from(letter))?;
            }
            rest = letters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn whole_floats_have_no_fraction() {
        assert_eq!(text(compact(&json!([2.0, 0.0, 0.5, 1e-7]))), "[2,0,0.5,1e-7]");
    }

    #[test]
    fn what_browsers_might_obey_is_escaped() {
        let spelt = text(compact(&json!({"a": "x.> <b>&\"\u{2028}é"})));
        assert_eq!(spelt, "{\"a\":\"x.\\u003e \\u003cb\\u003e\\u0026\\\"\\u2028é\"}");
    }

    #[test]
    fn blanks_between_values_go_and_those_within_stay() {
        let value = json!({"a b": ["x\\\" y \n", 1.5, {}], "c": "\\"});
        assert_eq!(on_one_line(&pretty(&value, "  ")), compact(&value));
    }

    #[test]
    fn empty_lists_and_maps_stay_on_one_line() {
        let spelt = text(pretty(&json!({"a": [], "b": {}, "c": [1]}), "   "));
        assert_eq!(spelt, "{\n   \"a\": [],\n   \"b\": {},\n   \"c\": [\n      1\n   ]\n}");
    }
}

//! The part of a URL behind the question mark, with the answers of Go's parsers to what is wrong
//! in it: scripts match these texts.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::reply::Refusal;

/// The parameters of a request. What can't be decoded is as good as absent, and of two with one
/// name the first counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let decoded = pairs.filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key, true)?, decode(value, true)?))
        });
        Self(decoded.collect())
    }

    /// Parameters that need no decoding.
    pub(super) fn of(parameters: Vec<(&'static str, String)>) -> Self {
        let pairs = parameters.into_iter();
        Self(pairs.map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect())
    }

    /// The value of a parameter; `None` when it is absent or empty.
    fn raw(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(key, _)| key == name.as_bytes());
        found.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.raw(name).map(String::from_utf8_lossy)
    }

    /// All values of a parameter, as texts.
    pub(super) fn texts(&self, name: &str) -> Vec<Cow<'_, str>> {
        let found = self.0.iter().filter(|(key, _)| key == name.as_bytes());
        found.map(|(_, value)| String::from_utf8_lossy(value)).collect()
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(Cow::into_owned)
    }

    /// False when absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.raw(name) {
            None | Some(b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False") => Ok(false),
            Some(b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True") => Ok(true),
            Some(other) => Err(wrong("boolean", name, "ParseBool", other, SYNTAX)),
        }
    }

    /// 0 when absent.
    pub(super) fn int(&self, name: &str) -> Result<i64, Refusal> {
        let Some(value) = self.raw(name) else { return Ok(0) };
        let why = |what| wrong("int", name, "Atoi", value, what);
        let digits = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
        if !are_digits(digits) {
            return Err(why(SYNTAX));
        }
        String::from_utf8_lossy(value).parse().map_err(|_| why(RANGE))
    }

    /// 0 when absent.
    pub(super) fn uint(&self, name: &str) -> Result<u64, Refusal> {
        let Some(value) = self.raw(name) else { return Ok(0) };
        let why = |what| wrong("uint64", name, "ParseUint", value, what);
        if !are_digits(value) {
            return Err(why(SYNTAX));
        }
        String::from_utf8_lossy(value).parse().map_err(|_| why(RANGE))
    }

    /// `offset` and `limit`: from the start where negative, [`LIMIT`] where not positive.
    pub(super) fn window(&self) -> Result<Window, Refusal> {
        let (offset, limit) = (self.int("offset")?, self.int("limit")?);
        let limit = if limit <= 0 { LIMIT } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        Ok(Window { offset: usize::try_from(offset).unwrap_or(0), limit })
    }
}

/// Which part of a list a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

/// Entries of a page that does not say how many it wants.
pub(super) const LIMIT: usize = 1024;
const SYNTAX: &str = "invalid syntax";
const RANGE: &str = "value out of range";

fn are_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn wrong(kind: &str, name: &str, parser: &str, value: &[u8], why: &str) -> Refusal {
    let value = quoted(value);
    Refusal::bad(format!(
        "Error decoding {kind} for '{name}': strconv.{parser}: parsing {value}: {why}"
    ))
}

/// Undoes percent-encoding; `None` where it is broken.
pub(super) fn decode(text: &str, plus_is_blank: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push((high * 16 + low) as u8);
            }
            b'+' if plus_is_blank => out.push(b' '),
            other => out.push(other),
        }
    }
    Some(out)
}

/// Text in quotes, the way Go shows strings.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{b}' => out.push_str("\\v"),
                // Writing to a string cannot fail.
                '\0'..='\u{1f}' | '\u{7f}' => drop(write!(out, "\\x{:02x}", u32::from(letter))),
                other if other.is_control() => drop(write!(out, "\\u{:04x}", u32::from(other))),
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().text
    }

    #[test]
    fn booleans_are_those_of_go() {
        for yes in ["1", "t", "T", "TRUE", "true", "True"] {
            assert!(Query::parse(&format!("x={yes}")).flag("x").unwrap(), "{yes}");
        }
        for no in ["0", "f", "F", "FALSE", "false", "False", ""] {
            assert!(!Query::parse(&format!("x={no}")).flag("x").unwrap(), "{no}");
        }
        assert!(!Query::parse("y=1").flag("x").unwrap());
        for (wrong, shown) in
            [("TrUe", "TrUe"), ("%22", "\\\""), ("a\\b", "a\\\\b"), ("%ff", "\\xff"), ("é", "é")]
        {
            assert_eq!(
                refusal(Query::parse(&format!("x={wrong}")).flag("x")),
                format!(
                    "Error decoding boolean for 'x': strconv.ParseBool: \
                     parsing \"{shown}\": invalid syntax"
                )
            );
        }
    }

    #[test]
    fn numbers_are_those_of_go() {
        for (text, number) in [("7", 7), ("-7", -7), ("%2B7", 7), ("", 0), ("007", 7)] {
            assert_eq!(Query::parse(&format!("n={text}")).int("n").unwrap(), number, "{text}");
        }
        for (text, shown, why) in [
            ("abc", "abc", SYNTAX),
            ("+3", " 3", SYNTAX),
            ("1_0", "1_0", SYNTAX),
            ("-", "-", SYNTAX),
            ("%00", "\\x00", SYNTAX),
            ("99999999999999999999", "99999999999999999999", RANGE),
        ] {
            assert_eq!(
                refusal(Query::parse(&format!("n={text}")).int("n")),
                format!("Error decoding int for 'n': strconv.Atoi: parsing \"{shown}\": {why}")
            );
        }
        assert_eq!(
            refusal(Query::parse("cid=-1").uint("cid")),
            "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"-1\": invalid syntax"
        );
        assert_eq!(Query::parse("cid=18446744073709551615").uint("cid").unwrap(), u64::MAX);
    }

    #[test]
    fn broken_pairs_are_absent_and_the_first_of_a_name_counts() {
        let query = Query::parse("limit=%zz&limit=2&limit=3&&sort=a;b&acc=a+b%20c");
        assert_eq!(query.int("limit").unwrap(), 2);
        assert_eq!(query.text("sort"), None);
        assert_eq!(query.text("acc").as_deref(), Some("a b c"));
    }

    #[test]
    fn windows_have_a_default() {
        let window = |text| Query::parse(text).window().unwrap();
        assert_eq!(window(""), Window { offset: 0, limit: 1024 });
        assert_eq!(window("offset=-5&limit=-1"), Window { offset: 0, limit: 1024 });
        assert_eq!(window("offset=5&limit=2"), Window { offset: 5, limit: 2 });
    }
}

//! Streams that count: each message adds to the number of its subject, which has no limit.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// A number of any size, with a sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Number(BigInt);

/// The totals that have come from other streams, by stream and the subject there: the value of the
/// header `Nats-Counter-Sources`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sources(pub BTreeMap<String, BTreeMap<String, String>>);

/// The payload of a counter's message.
#[derive(Serialize, Deserialize)]
struct Payload {
    val: String,
}

// === impl Number ===

impl Number {
    /// Reads an increment: digits, perhaps behind a sign.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Number> {
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = BigInt::parse_bytes(digits, 10)?;
        Some(Number(if negative { -number } else { number }))
    }

    /// Reads the total that a stored message holds.
    #[must_use]
    pub fn of_payload(payload: &[u8]) -> Option<Number> {
        let payload: Payload = serde_json::from_slice(payload).ok()?;
        Number::parse(payload.val.as_bytes())
    }

    /// Appends the payload that holds this total.
    pub fn write_payload(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"val\":\"");
        out.extend_from_slice(self.0.to_string().as_bytes());
        out.extend_from_slice(b"\"}");
    }

    #[must_use]
    pub fn plus(&self, other: &Number) -> Number {
        Number(&self.0 + &other.0)
    }

    #[must_use]
    pub fn minus(&self, other: &Number) -> Number {
        Number(&self.0 - &other.0)
    }
}

// === impl Display ===

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Sources ===

impl Sources {
    /// Reads the value of the header; what can't be read is an error of the counter.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Sources> {
        serde_json::from_slice(value).ok()
    }

    /// Notes the total that came last from `subject` of `stream`, and returns what was added there
    /// since the one before. A total that was never noted counts as none.
    pub fn advance(&mut self, stream: &str, subject: &str, total: &Number) -> Number {
        let subjects = self.0.entry(stream.to_owned()).or_default();
        let before = subjects.insert(subject.to_owned(), total.to_string());
        let before = before.and_then(|text| Number::parse(text.as_bytes())).unwrap_or_default();
        total.minus(&before)
    }

    /// As the value of the header.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        crate::json::to_vec(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn increments_are_those_nats_takes() {
        for (text, value) in [("+5", "5"), ("-7", "-7"), ("0", "0"), ("-0", "0"), ("007", "7")] {
            assert_eq!(number(text).to_string(), value);
        }
        for text in ["", "+", "-", "1.5", "5x", " 5", "0x10", "1_000", "+-5", "++5"] {
            assert_eq!(Number::parse(text.as_bytes()), None, "{text}");
        }
        let huge = "9".repeat(40);
        assert_eq!(number(&huge).plus(&number("1")).to_string(), format!("1{}", "0".repeat(40)));
    }

    #[test]
    fn totals_are_kept_as_json() {
        let mut payload = Vec::new();
        number("-12").write_payload(&mut payload);
        assert_eq!(payload, br#"{"val":"-12"}"#);
        assert_eq!(Number::of_payload(&payload), Some(number("-12")));
        for broken in ["", "{}", r#"{"val":"x"}"#, r#"{"val":1}"#, "5"] {
            assert_eq!(Number::of_payload(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn what_came_from_elsewhere_counts_once() {
        let mut sources = Sources::default();
        assert_eq!(sources.advance("A", "a.x", &number("5")), number("5"));
        assert_eq!(sources.advance("A", "a.x", &number("7")), number("2"));
        assert_eq!(sources.advance("A", "a.x", &number("3")), number("-4"));
        let json = sources.to_json();
        assert_eq!(json, br#"{"A":{"a.x":"3"}}"#);
        assert_eq!(Sources::parse(&json), Some(sources));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_numbers(a: i64, b: i64) {
            let sum = number(&a.to_string()).plus(&number(&b.to_string()));
            prop_assert_eq!(sum.to_string(), (i128::from(a) + i128::from(b)).to_string());
            prop_assert_eq!(sum.minus(&number(&b.to_string())), number(&a.to_string()));
        }

        #[test]
        fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = Number::parse(&bytes);
            let _ = Number::of_payload(&bytes);
        }
    }
}

//! Counters: a number of any size for each subject, kept as the body of its last message.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// What the last message of a subject says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    pub total: BigInt,
    /// What was last heard of each subject of each stream that is sourced.
    pub sources: Sources,
}

/// Stream -> original subject -> value.
pub(super) type Sources = BTreeMap<String, BTreeMap<String, String>>;

/// The body of a counter's message.
#[derive(Serialize, Deserialize)]
struct Body {
    val: String,
}

/// A stored message that is no counter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// An increment: an optional sign and digits. `None` for anything else.
pub(super) fn increment(text: &[u8]) -> Option<BigInt> {
    // The text of a number of another base, or with separators, is not one.
    let digits = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    BigInt::parse_bytes(text, 10)
}

/// The total that a message's body tells.
fn total(body: &[u8]) -> Result<BigInt, Broken> {
    let body: Body = serde_json::from_slice(body).map_err(|_| Broken)?;
    increment(body.val.as_bytes()).ok_or(Broken)
}

// === impl Counter ===

impl Counter {
    /// From the last message of the subject.
    pub(super) fn read(body: &[u8], sources: Option<&[u8]>) -> Result<Self, Broken> {
        let sources = match sources.filter(|text| !text.is_empty()) {
            Some(text) => serde_json::from_slice(text).map_err(|_| Broken)?,
            None => Sources::new(),
        };
        Ok(Self { total: total(body)?, sources })
    }

    pub(super) fn add(&mut self, by: &BigInt) {
        self.total += by;
    }

    /// Takes the total of a sourced message, and returns by how much it moved. `source` is the
    /// value of its `Nats-Stream-Source`, `subject` the one it is stored under.
    pub(super) fn add_sourced(
        &mut self,
        source: &[u8],
        subject: &[u8],
        body: &[u8],
    ) -> Result<BigInt, Broken> {
        let theirs = total(body)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut fields = source.split(|byte| *byte == b' ');
        let stream = text(fields.next().unwrap_or_default());
        let subject = text(fields.nth(3).unwrap_or(subject));
        let known = self.sources.entry(stream).or_default();
        let before = known.get(&subject).and_then(|value| increment(value.as_bytes()));
        let moved = &theirs - before.unwrap_or_default();
        known.insert(subject, theirs.to_string());
        self.total += &moved;
        Ok(moved)
    }

    /// `{"val":"<total>"}`.
    pub(super) fn body(&self) -> Vec<u8> {
        format!(r#"{{"val":"{}"}}"#, self.total).into_bytes()
    }

    /// The header that carries [`Counter::sources`]; `None` without any.
    pub(super) fn sources_header(&self) -> Option<String> {
        if self.sources.is_empty() {
            return None;
        }
        // Maps of texts are always JSON.
        serde_json::to_string(&self.sources).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_are_numbers_of_any_size() {
        let big = b"+123456789012345678901234567890";
        assert_eq!(increment(big).unwrap().to_string(), "123456789012345678901234567890");
        assert_eq!(increment(b"-5").unwrap(), BigInt::from(-5));
        for bad in ["", "+", "1_000", "0x10", "1.5", "--1", " 1"] {
            assert_eq!(increment(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn totals_add_up() {
        let mut counter = Counter::read(br#"{"val":"7"}"#, None).unwrap();
        counter.add(&BigInt::from(-10));
        assert_eq!(counter.body(), br#"{"val":"-3"}"#);
        assert_eq!(counter.sources_header(), None);
        assert_eq!(Counter::read(b"hello", None), Err(Broken));
        assert_eq!(Counter::read(br#"{"val":"x"}"#, None), Err(Broken));
        assert_eq!(Counter::read(br#"{"val":"1"}"#, Some(b"?")), Err(Broken));
    }

    #[test]
    fn a_sourced_total_counts_by_what_it_moved() {
        let mut counter = Counter::default();
        let source = b"O 1 > > c.a";
        let moved = counter.add_sourced(source, b"x", br#"{"val":"5"}"#).unwrap();
        assert_eq!((moved, counter.total.clone()), (BigInt::from(5), BigInt::from(5)));
        let moved = counter.add_sourced(source, b"x", br#"{"val":"7"}"#).unwrap();
        assert_eq!((moved, counter.total.clone()), (BigInt::from(2), BigInt::from(7)));
        let header = counter.sources_header().unwrap();
        assert_eq!(header, r#"{"O":{"c.a":"7"}}"#);
        let read = Counter::read(&counter.body(), Some(header.as_bytes())).unwrap();
        assert_eq!(read, counter);
    }
}

//! The acks of publishes: read cheaply, counted, and checked for order.

use serde_json::Value;

use super::api::error_text;
use crate::error::BenchError;

/// What an ack says.
#[derive(Debug, PartialEq, Eq)]
enum Ack {
    Stored(u64),
    Duplicate,
    Refused(String),
}

/// Reads an ack: nearly all are `{"stream":"NAME","seq":N}`; anything else takes the long way.
fn read(payload: &[u8]) -> Result<Ack, BenchError> {
    if let Some(seq) = read_plain(payload) {
        return Ok(Ack::Stored(seq));
    }
    let bad = || {
        let text = String::from_utf8_lossy(payload).into_owned();
        BenchError::Protocol(format!("not an ack: {text:?}"))
    };
    let value: Value = serde_json::from_slice(payload).map_err(|_| bad())?;
    if let Some(error) = value.get("error") {
        return Ok(Ack::Refused(error_text(error)));
    }
    if value["duplicate"] == true {
        return Ok(Ack::Duplicate);
    }
    value["seq"].as_u64().map(Ack::Stored).ok_or_else(bad)
}

/// The number of an ack that ends in `"seq":N}` and begins with the name of the stream.
fn read_plain(payload: &[u8]) -> Option<u64> {
    let rest = payload.strip_prefix(br#"{"stream":""#)?;
    let mut number = 0u64;
    let mut scale = 1u64;
    let mut at = rest.len().checked_sub(1)?;
    if rest[at] != b'}' {
        return None;
    }
    while at > 0 && rest[at - 1].is_ascii_digit() {
        at -= 1;
        number = number.checked_add(u64::from(rest[at] - b'0').checked_mul(scale)?)?;
        scale = scale.saturating_mul(10);
    }
    let before = rest[..at].trim_ascii_end();
    // Behind an `error`, a `seq` would mean nothing.
    let name = before.strip_suffix(br#","seq":"#)?.strip_suffix(b"\"")?;
    (number > 0 && !name.contains(&b'"')).then_some(number)
}

/// What the acks of one connection said, over all the streams it publishes to in turn.
#[derive(Debug)]
pub(super) struct Acks {
    /// The last sequence and the number of the request after the last answered, of each stream.
    last: Vec<(u64, u64)>,
    pub(super) tally: Tally,
}

/// Counts of acks.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) stored: u64,
    pub(super) duplicates: u64,
    /// Acks that came before the ack of an earlier publish to the same stream.
    pub(super) out_of_order: u64,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
}

impl Acks {
    pub(super) fn new(streams: u64) -> Self {
        let streams = usize::try_from(streams).unwrap_or(1).max(1);
        Self { last: vec![(0, 0); streams], tally: Tally::default() }
    }

    /// Takes the ack of request `number`, which went to stream `number % streams`.
    pub(super) fn take(&mut self, number: u64, payload: &[u8]) -> Result<(), BenchError> {
        let streams = self.last.len() as u64;
        let (last_seq, next) = &mut self.last[(number % streams) as usize];
        let seq = match read(payload)? {
            Ack::Stored(seq) => {
                self.tally.stored += 1;
                Some(seq)
            }
            Ack::Duplicate => {
                self.tally.duplicates += 1;
                None
            }
            Ack::Refused(text) => {
                self.tally.refuse(text);
                None
            }
        };
        if number < *next {
            self.tally.out_of_order += 1;
            return Ok(());
        }
        *next = number + 1;
        let Some(seq) = seq else { return Ok(()) };
        if seq <= *last_seq {
            return Err(BenchError::Verify(format!(
                "publish {number} was stored as {seq}, an earlier one as {last_seq}"
            )));
        }
        *last_seq = seq;
        Ok(())
    }
}

impl Tally {
    pub(super) fn refuse(&mut self, text: String) {
        self.errors += 1;
        self.first_error.get_or_insert(text);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }

    /// The sum over several connections.
    pub(super) fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        parts.into_iter().for_each(|part| sum.add(part));
        sum
    }

    /// Fails when more than `errors_max` of `requests` were answered with an error; tells the
    /// first one otherwise.
    pub(super) fn judge(&self, requests: u64, errors_max: u64) -> Result<(), BenchError> {
        let Some(first) = &self.first_error else { return Ok(()) };
        let refused = BenchError::Refused { errors: self.errors, requests, first: first.clone() };
        if self.errors > errors_max || self.errors == requests {
            return Err(refused);
        }
        eprintln!("vagus bench: {refused}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_acks_are_read_without_json() {
        assert_eq!(read_plain(br#"{"stream":"S","seq":17}"#), Some(17));
        assert_eq!(read_plain(br#"{"stream":"S","seq": 18}"#), Some(18));
        for other in [
            r#"{"stream":"S","seq":0}"#,
            r#"{"stream":"S","seq":}"#,
            r#"{"stream":"S","domain":"hub","seq":4}"#,
            r#"{"stream":"S","seq":99999999999999999999999}"#,
            r#"{"seq":1}"#,
            "}",
            "",
        ] {
            assert_eq!(read_plain(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn other_acks_take_the_long_way() {
        let ack = |text: &str| read(text.as_bytes());
        assert_eq!(ack(r#"{"stream":"S","domain":"hub","seq":4}"#).unwrap(), Ack::Stored(4));
        assert_eq!(ack(r#"{"stream":"S","seq":4,"duplicate": true}"#).unwrap(), Ack::Duplicate);
        let error = r#"{"error":{"code":400,"err_code":10077,"description":"full"},"seq":0}"#;
        assert_eq!(ack(error).unwrap(), Ack::Refused("full (10077)".to_owned()));
        let error = r#"{"error":{"code":1,"err_code":2,"description":"x"},"stream":"S","seq":0}"#;
        assert_eq!(ack(error).unwrap(), Ack::Refused("x (2)".to_owned()));
        assert!(ack("+OK").is_err());
        assert!(ack("{}").is_err());
    }

    fn stored(seq: u64) -> Vec<u8> {
        format!("{{\"stream\":\"S\",\"seq\":{seq}}}").into_bytes()
    }

    #[test]
    fn order_counts_within_a_stream() {
        let mut acks = Acks::new(2);
        for (number, seq) in [(0, 1), (3, 2), (1, 1), (2, 2), (5, 3)] {
            acks.take(number, &stored(seq)).unwrap();
        }
        let tally = &acks.tally;
        assert_eq!((tally.stored, tally.out_of_order, tally.errors), (5, 1, 0));
        assert!(acks.take(7, &stored(3)).is_err(), "a number twice");
    }

    #[test]
    fn refusals_are_counted_and_the_first_is_kept() {
        let mut acks = Acks::new(1);
        let error = |text: &str| {
            format!(r#"{{"error":{{"err_code":1,"description":"{text}"}}}}"#).into_bytes()
        };
        acks.take(0, &error("one")).unwrap();
        acks.take(1, &error("two")).unwrap();
        acks.take(2, &stored(1)).unwrap();
        let tally = Tally::sum([&acks.tally, &Tally::default(), &acks.tally]);
        assert_eq!((tally.errors, tally.stored), (4, 2));
        assert!(tally.judge(6, 4).is_ok());
        let text = tally.judge(6, 3).unwrap_err().to_string();
        assert!(text.contains("4 of 6") && text.contains("one (1)"), "{text}");
        assert!(tally.judge(4, 9).is_err(), "nothing but errors");
        assert!(Tally::default().judge(0, 0).is_ok());
    }
}

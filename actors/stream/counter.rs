//! Counters: a number of any size for each subject, kept as the body of its last message.

use vagus_jetstream::counter::{Number, Sources};

/// What the last message of a subject says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    pub total: Number,
    /// What was last heard of each subject of each stream that is sourced.
    pub sources: Sources,
}

/// A stored message that is no counter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

// === impl Counter ===

impl Counter {
    /// From the last message of the subject.
    pub(super) fn read(body: &[u8], sources: Option<&[u8]>) -> Result<Self, Broken> {
        let sources = match sources.filter(|text| !text.is_empty()) {
            Some(text) => Sources::parse(text).ok_or(Broken)?,
            None => Sources::default(),
        };
        Ok(Self { total: Number::of_payload(body).ok_or(Broken)?, sources })
    }

    pub(super) fn add(&mut self, by: &Number) {
        self.total = self.total.plus(by);
    }

    /// Takes the total of a sourced message, and returns by how much it moved. `source` is the
    /// value of its `Nats-Stream-Source`, `subject` the one it is stored under.
    pub(super) fn add_sourced(
        &mut self,
        source: &[u8],
        subject: &[u8],
        body: &[u8],
    ) -> Result<Number, Broken> {
        let theirs = Number::of_payload(body).ok_or(Broken)?;
        let mut fields = source.split(|byte| *byte == b' ');
        let stream = String::from_utf8_lossy(fields.next().unwrap_or_default());
        let subject = String::from_utf8_lossy(fields.nth(3).unwrap_or(subject));
        let moved = self.sources.advance(&stream, &subject, &theirs);
        self.add(&moved);
        Ok(moved)
    }

    /// `{"val":"<total>"}`.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.total.write_payload(&mut body);
        body
    }

    /// The header that carries [`Counter::sources`]; `None` without any.
    pub(super) fn sources_header(&self) -> Option<Vec<u8>> {
        (!self.sources.0.is_empty()).then(|| self.sources.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up() {
        let mut counter = Counter::read(br#"{"val":"7"}"#, None).unwrap();
        counter.add(&Number::parse(b"-10").unwrap());
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
        assert_eq!((moved.to_string(), counter.total.to_string()), ("5".into(), "5".into()));
        let moved = counter.add_sourced(source, b"x", br#"{"val":"7"}"#).unwrap();
        assert_eq!((moved.to_string(), counter.total.to_string()), ("2".into(), "7".into()));
        let header = counter.sources_header().unwrap();
        assert_eq!(header, br#"{"O":{"c.a":"7"}}"#);
        assert_eq!(Counter::read(&counter.body(), Some(&header)), Ok(counter));
    }
}

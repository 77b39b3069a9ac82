//! What a publisher is answered: acknowledgements, written without a detour over a document.

use vagus_wire::encode;

/// What all acknowledgements of one stream begin with.
pub(super) struct Answers {
    /// `{"stream":"S","domain":"D","seq":`
    head: Vec<u8>,
    /// The stream's name, quoted.
    name: String,
}

/// What is told besides the sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extra<'a> {
    pub duplicate: bool,
    /// The total of a counter.
    pub val: Option<&'a str>,
    /// Id and size of a batch.
    pub batch: Option<(&'a [u8], u64)>,
}

fn quoted(text: &str) -> String {
    // A text is always JSON.
    serde_json::to_string(text).unwrap_or_default()
}

// === impl Answers ===

impl Answers {
    pub(super) fn new(stream: &str, domain: Option<&str>) -> Self {
        let name = quoted(stream);
        let domain = domain.filter(|domain| !domain.is_empty());
        let domain =
            domain.map_or(String::new(), |domain| format!(r#""domain":{},"#, quoted(domain)));
        Self { head: format!(r#"{{"stream":{name},{domain}"seq":"#).into_bytes(), name }
    }

    /// A message is stored as `seq`.
    #[inline]
    pub(super) fn stored(&self, out: &mut Vec<u8>, seq: u64) {
        out.clear();
        out.extend_from_slice(&self.head);
        encode::number(out, seq as usize);
        out.push(b'}');
    }

    /// The same, with more to tell.
    pub(super) fn stored_with(&self, seq: u64, extra: Extra<'_>) -> Vec<u8> {
        let mut out = self.head.clone();
        encode::number(&mut out, seq as usize);
        if extra.duplicate {
            out.extend_from_slice(br#","duplicate": true"#);
        }
        if let Some(val) = extra.val {
            out.extend_from_slice(format!(r#","val":{}"#, quoted(val)).as_bytes());
        }
        if let Some((id, count)) = extra.batch {
            let id = quoted(&String::from_utf8_lossy(id));
            out.extend_from_slice(format!(r#","batch":{id},"count":{count}"#).as_bytes());
        }
        out.push(b'}');
        out
    }

    /// A message is refused; `error` is the error as JSON.
    pub(super) fn refused(&self, error: &str) -> Vec<u8> {
        format!(r#"{{"error":{error},"stream":{},"seq":0}}"#, self.name).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_the_protocol() {
        let answers = Answers::new("S1", None);
        let mut out = Vec::new();
        answers.stored(&mut out, 12);
        assert_eq!(out, br#"{"stream":"S1","seq":12}"#);
        let duplicate = Extra { duplicate: true, ..Extra::default() };
        assert_eq!(
            answers.stored_with(3, duplicate),
            br#"{"stream":"S1","seq":3,"duplicate": true}"#
        );
        let batch = Extra { batch: Some((b"u\"1", 2)), ..Extra::default() };
        assert_eq!(
            Answers::new("S1", Some("D")).stored_with(4, batch),
            br#"{"stream":"S1","domain":"D","seq":4,"batch":"u\"1","count":2}"#
        );
        let val = Extra { val: Some("-7"), ..Extra::default() };
        assert_eq!(answers.stored_with(1, val), br#"{"stream":"S1","seq":1,"val":"-7"}"#);
        assert_eq!(
            answers.refused(r#"{"code":400}"#),
            br#"{"error":{"code":400},"stream":"S1","seq":0}"#
        );
    }
}

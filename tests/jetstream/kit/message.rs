//! One message as it came over the wire.

use data_encoding::BASE64;
use serde_json::Value;

/// A MSG or HMSG, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Msg {
    pub(crate) subject: String,
    pub(crate) sid: String,
    pub(crate) reply: Option<String>,
    /// The header block as sent, with its version line and blank line; empty without one.
    pub(crate) head: String,
    pub(crate) payload: Vec<u8>,
}

impl Msg {
    /// From the words behind MSG or HMSG, and the bytes that followed.
    pub(crate) fn of(words: &[String], bytes: &[u8], headers: bool) -> Msg {
        let sizes = 1 + usize::from(headers);
        let head = if headers { words[words.len() - 2].parse().unwrap() } else { 0 };
        Msg {
            subject: words[0].clone(),
            sid: words[1].clone(),
            reply: (words.len() == sizes + 3).then(|| words[2].clone()),
            head: String::from_utf8_lossy(&bytes[..head]).into_owned(),
            payload: bytes[head..].to_vec(),
        }
    }

    /// What follows `NATS/1.0 ` in the first line: `404 No Messages`.
    pub(crate) fn status(&self) -> Option<&str> {
        let line = self.head.lines().next()?.strip_prefix("NATS/1.0")?.trim_start();
        (!line.is_empty()).then_some(line)
    }

    /// The value of the first header with exactly this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    /// A header that must be a number.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        let value = self.header(name).unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.parse().unwrap_or_else(|_| panic!("{name} is no number in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("text")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.payload)
            .unwrap_or_else(|error| panic!("{error}: no JSON in {self:?}"))
    }

    /// A message out of an answer to STREAM.MSG.GET: payload and headers are base64 there.
    #[track_caller]
    pub(crate) fn stored(message: &Value) -> Msg {
        let bytes = |field: &str| match message[field].as_str() {
            Some(text) => BASE64.decode(text.as_bytes()).expect("base64"),
            None => Vec::new(),
        };
        Msg {
            subject: message["subject"].as_str().expect("a subject").to_owned(),
            head: String::from_utf8(bytes("hdrs")).expect("headers are text"),
            payload: bytes("data"),
            ..Msg::default()
        }
    }
}

//! What the stream's table holds of a consumer, and under which keys.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use vagus_jetstream::consumer::ConsumerConfig;
use vagus_jetstream::time::Time;
use vagus_store::Key;

/// What begins all keys of consumers.
pub const PREFIX: &[u8] = b"consumer/";
const STATE: &[u8] = b"/state";
const PICKS: &[u8] = b"/picks";

/// What a consumer is, as opposed to how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub created: Time,
    pub config: ConsumerConfig,
}

/// Where it is written. Names have no slash.
#[derive(Debug, Clone)]
pub struct Keys {
    /// A [`Record`] as JSON.
    pub config: Key,
    /// Base and deltas of its progress.
    pub state: Key,
    /// The messages that a consumer for the last of each subject begins with.
    pub picks: Key,
}

// === impl Record ===

impl Record {
    /// As it is written.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        vagus_jetstream::json::to_vec(self)
    }
}

// === impl Keys ===

impl Keys {
    #[must_use]
    pub fn of(name: &str) -> Self {
        let key = |end: &[u8]| Bytes::from([PREFIX, name.as_bytes(), end].concat());
        Self { config: key(b""), state: key(STATE), picks: key(PICKS) }
    }

    /// The name of the consumer whose record is under this key.
    #[must_use]
    pub fn name_of(key: &[u8]) -> Option<&str> {
        let name = std::str::from_utf8(key.strip_prefix(PREFIX)?).ok()?;
        (!name.contains('/')).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_name_a_consumer() {
        let keys = Keys::of("c1");
        assert_eq!(Keys::name_of(&keys.config), Some("c1"));
        assert_eq!(Keys::name_of(&keys.state), None);
        assert_eq!(Keys::name_of(&keys.picks), None);
        assert_eq!(Keys::name_of(b"config"), None);
    }
}

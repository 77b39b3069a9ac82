//! Questions and answers between control actors, as bytes (bincode 2, its standard configuration).
//!
//! Servers of one [`SERIES`] understand each other's questions and answers, or say that they do
//! not. Within a series, kinds of questions are added, and fields at the end of a body; bytes
//! behind what a reader knows are left alone. Other changes begin another series, with whose
//! servers there is no session.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Servers of other series are linked, but do not ask each other anything.
pub const SERIES: u16 = 1;
/// What of the series this server knows.
pub const MINOR: u16 = 0;

/// What one server asks of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What of the series the asking server knows.
    pub minor: u16,
    pub kind: u16,
    pub body: Vec<u8>,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Told(Vec<u8>),
    /// Questions of this kind have no answer here.
    Unknown,
}

/// The most that is read at once, in bytes.
const LIMIT: usize = super::gate::FRAME_MAX;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// `None` where that is too long.
#[must_use]
pub fn encode(what: &impl Serialize) -> Option<Vec<u8>> {
    let bytes = bincode::serde::encode_to_vec(what, config()).ok()?;
    (bytes.len() <= LIMIT).then_some(bytes)
}

/// `None` where the bytes are no such thing. What follows behind it is left alone.
#[must_use]
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    bincode::serde::decode_from_slice(bytes, config()).ok().map(|(what, _)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood_with_more_behind_it() {
        let question = Question { minor: 3, kind: 700, body: b"abc".to_vec() };
        let mut bytes = encode(&question).unwrap();
        bytes.extend_from_slice(b"of a later minor version");
        assert_eq!(decode::<Question>(&bytes), Some(question));
    }

    #[test]
    fn lies_about_lengths_cost_nothing() {
        // A length of 2^64 - 1.
        let lie = [0, 7, 253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(decode::<Question>(&lie), None);
        assert_eq!(decode::<Answer>(&[9]), None);
        assert_eq!(decode::<Answer>(&[]), None);
        assert_eq!(encode(&Answer::Told(vec![0; LIMIT + 1])), None);
    }
}

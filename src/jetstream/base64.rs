//! Bytes as JSON carries them.

use data_encoding::BASE64;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Bytes that are written as standard base64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base64(pub Vec<u8>);

// === impl Base64 ===

impl Base64 {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// === impl Serialize ===

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

// === impl Deserialize ===

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor)
    }
}

struct Base64Visitor;

impl Visitor<'_> for Base64Visitor {
    type Value = Base64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
        BASE64.decode(text.as_bytes()).map(Base64).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_standard_base64_in_json() {
        let bytes = Base64(b"\0\x7f?>".to_vec());
        assert_eq!(serde_json::to_string(&bytes).unwrap(), r#""AH8/Pg==""#);
        assert_eq!(serde_json::from_str::<Base64>(r#""AH8/Pg==""#).unwrap(), bytes);
        assert!(serde_json::from_str::<Base64>(r#""AH8""#).is_err());
    }
}

//! Reading requests as NATS reads them, with the words it has for what is wrong; writing answers.
//!
//! NATS servers are written in Go, and clients (and people) know the words of its JSON package. It
//! also takes things that are not obvious: `null` is "not said", the case of a name does not
//! matter, and of two fields of one name the last counts. A request that needs none of this takes
//! the fast way.

mod decode;
mod scan;
mod when;
mod words;

pub use words::{Named, kind};

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ApiError, codes};

/// How a document is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// One after the other, and none at all is well; fields that are not known are errors.
    Strict,
    /// Exactly one; fields that are not known don't count.
    Plain,
}

/// For `skip_serializing_if`: whether it is what it would be if nobody had set it.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `skip_serializing_if`.
pub(crate) fn is_empty_vec<T>(list: &[T]) -> bool {
    list.is_empty()
}

/// For `skip_serializing_if`.
pub(crate) fn is_empty_map<K, V>(map: &BTreeMap<K, V>) -> bool {
    map.is_empty()
}

/// What is sent. All that is sent has names for keys, so that nothing can fail.
#[must_use]
pub fn to_vec(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads a body. Strict is: a field that is not known is an error.
pub fn parse<T: Named + DeserializeOwned>(body: &[u8], strict: bool) -> Result<T, ApiError> {
    let manner = if strict { Manner::Strict } else { Manner::Plain };
    read(body, manner, T::NAME, T::PART_OF, &[]).map_err(invalid)
}

/// As [`parse`] without being strict; the error is only why.
pub(crate) fn parse_plain<T: Named + DeserializeOwned>(
    body: &[u8],
) -> Result<T, Cow<'static, str>> {
    read(body, Manner::Plain, T::NAME, T::PART_OF, &[]).map_err(Cow::Owned)
}

/// Reads the fields of a request that messages call `name`, of whatever kind they are. The error is
/// why it is none.
pub fn fields(body: &[u8], name: &'static str) -> Result<Map<String, Value>, String> {
    match read(body, Manner::Plain, name, &[], &[])? {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        other => {
            let kind = kind(other.to_string().as_bytes());
            Err(format!("json: cannot unmarshal {kind} into Go value of type server.{name}"))
        }
    }
}

/// Reads a body, and whether it says `"pedantic": true` beside the fields of `T`.
pub(crate) fn parse_pedantic<T: Named + DeserializeOwned>(
    body: &[u8],
    strict: bool,
) -> Result<(T, bool), ApiError> {
    #[derive(serde::Deserialize)]
    struct Pedantic {
        #[serde(default)]
        pedantic: bool,
    }
    let manner = if strict { Manner::Strict } else { Manner::Plain };
    let value = read(body, manner, T::NAME, T::PART_OF, &["pedantic"]).map_err(invalid)?;
    if !body.to_ascii_lowercase().windows(8).any(|part| part == b"pedantic") {
        return Ok((value, false));
    }
    let flags = read::<Pedantic>(body, Manner::Plain, T::NAME, &[], &[]).map_err(invalid)?;
    Ok((value, flags.pedantic))
}

/// The error for a body that can't be read, and why.
#[must_use]
pub fn invalid(why: impl std::fmt::Display) -> ApiError {
    codes::INVALID_JSON.with(why)
}

fn read<T: DeserializeOwned>(
    body: &[u8],
    manner: Manner,
    name: &'static str,
    part_of: &[(&str, &str)],
    beside: &[&str],
) -> Result<T, String> {
    if let Some(value) = decode::quickly(body, manner, beside) {
        return Ok(value);
    }
    decode::carefully(body, manner, beside)
        .map_err(|why| why.words(body, name, part_of, manner == Manner::Strict))
}

#[cfg(test)]
mod tests;

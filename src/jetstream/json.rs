//! Reading requests with the words Go has for what is wrong with them, and writing responses.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, codes};

/// For `skip_serializing_if`: whether it is what it would be if nobody had set it.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `skip_serializing_if`.
pub(crate) fn is_empty_vec<T>(list: &[T]) -> bool {
    list.is_empty()
}

/// For `skip_serializing_if`.
pub(crate) fn is_empty_map<K, V>(map: &std::collections::BTreeMap<K, V>) -> bool {
    map.is_empty()
}

/// What is sent. Everything here has names for keys, so that nothing can fail.
#[must_use]
pub fn to_vec(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads a body, and whether it says `"pedantic": true` among its fields.
pub(crate) fn parse_pedantic<T: DeserializeOwned>(
    body: &[u8],
    strict: bool,
) -> Result<(T, bool), ApiError> {
    #[derive(serde::Deserialize)]
    struct Pedantic {
        #[serde(default)]
        pedantic: bool,
    }
    let value = parse(body, strict)?;
    let flags: Pedantic = parse(body, false)?;
    Ok((value, flags.pedantic))
}

/// Reads a body. Strict is: a field that is not known is an error.
pub fn parse<T: DeserializeOwned>(body: &[u8], strict: bool) -> Result<T, ApiError> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_ignored::deserialize(&mut json, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    match (parsed, unknown) {
        (Ok(value), None) => Ok(value),
        (Ok(value), Some(_)) if !strict => Ok(value),
        (Ok(_), Some(path)) => {
            Err(codes::INVALID_JSON.with(format_args!("json: unknown field {path:?}")))
        }
        (Err(error), _) => Err(codes::INVALID_JSON.with(error)),
    }
}

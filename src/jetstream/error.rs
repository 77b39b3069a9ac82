//! What the API answers when it refuses: a class, a number and a text.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use serde::{Deserialize, Serialize};

mod table;

/// The codes by name.
pub mod codes {
    pub use super::table::*;
}

/// An entry of the list of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Class, as in HTTP.
    pub code: u16,
    /// What clients match on.
    pub err_code: u16,
    /// May hold values to fill in, as `{name}`.
    pub description: &'static str,
}

/// An error as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{description} ({err_code})")]
pub struct ApiError {
    /// Class, as in HTTP.
    pub code: u16,
    /// What clients match on.
    #[serde(default, skip_serializing_if = "is_none")]
    pub err_code: u16,
    #[serde(default)]
    pub description: Cow<'static, str>,
}

fn is_none(err_code: &u16) -> bool {
    *err_code == 0
}

// === impl Code ===

impl Code {
    /// The error with its text as it stands.
    #[must_use]
    pub const fn error(self) -> ApiError {
        let description = Cow::Borrowed(self.description);
        ApiError { code: self.code, err_code: self.err_code, description }
    }

    /// The error with the first value of its text filled in.
    #[must_use]
    pub fn with(self, value: impl Display) -> ApiError {
        self.with_all(&[&value])
    }

    /// The error with the values of its text filled in, in order.
    #[must_use]
    pub fn with_all(self, values: &[&dyn Display]) -> ApiError {
        let mut text = String::with_capacity(self.description.len() + 16);
        let mut rest = self.description;
        let mut values = values.iter();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            text.push_str(before);
            match values.next() {
                // Writing to a string can't fail; a value that does has no text.
                Some(value) => drop(write!(text, "{value}")),
                None => drop(write!(text, "{{{name}}}")),
            }
            rest = after;
        }
        text.push_str(rest);
        ApiError { description: Cow::Owned(text), ..self.error() }
    }
}

// === impl ApiError ===

impl ApiError {
    /// Whether this is the error of that entry, whatever its text.
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        self.err_code == code.err_code
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        code.error()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_without_gaps() {
        let numbers: Vec<u16> = codes::ALL.iter().map(|code| code.err_code).collect();
        assert_eq!(numbers, (10002..=10223).collect::<Vec<u16>>());
        let classes = [400, 404, 409, 412, 429, 500, 503];
        assert!(codes::ALL.iter().all(|code| classes.contains(&code.code)));
    }

    #[test]
    fn values_are_filled_in() {
        let error = codes::STREAM_WRONG_LAST_SEQUENCE.with(7);
        assert_eq!(error.description, "wrong last sequence: 7");
        let error = codes::STREAM_EXTERNAL_API_OVERLAP.with_all(&[&"a", &"b"]);
        assert_eq!(error.description, "stream external api prefix a must not overlap with b");
        assert_eq!(codes::BAD_REQUEST.with(1).description, "bad request");
        assert_eq!(codes::INVALID_JSON.with_all(&[]).description, "invalid JSON: {err}");
    }

    #[test]
    fn an_error_has_the_form_of_the_api() {
        let json = serde_json::to_string(&codes::STREAM_NOT_FOUND.error()).unwrap();
        assert_eq!(json, r#"{"code":404,"err_code":10059,"description":"stream not found"}"#);
        let back: ApiError = serde_json::from_str(&json).unwrap();
        assert!(back.is(codes::STREAM_NOT_FOUND) && !back.is(codes::BAD_REQUEST));
    }
}

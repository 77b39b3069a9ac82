//! What an answer must hold.

use serde_json::Value;

/// The answer, which must not be an error.
#[track_caller]
pub(crate) fn ok(answer: Value) -> Value {
    assert!(answer.get("error").is_none(), "refused: {answer}");
    answer
}

/// The answer must be the error with this number and exactly this text.
#[track_caller]
pub(crate) fn refused(answer: &Value, err_code: u64, description: &str) {
    let error = &answer["error"];
    assert_eq!(
        (error["err_code"].as_u64(), error["description"].as_str()),
        (Some(err_code), Some(description)),
        "in {answer}"
    );
}

/// Every member of `wanted` is in `answer`, with that value; objects are compared the same way.
#[track_caller]
pub(crate) fn has(answer: &Value, wanted: &Value) {
    if let Some(path) = missing(answer, wanted, String::new()) {
        panic!("{path} differs: wanted {wanted:#}, got {answer:#}");
    }
}

fn missing(answer: &Value, wanted: &Value, path: String) -> Option<String> {
    match wanted {
        Value::Object(members) => members
            .iter()
            .find_map(|(key, value)| missing(&answer[key], value, format!("{path}.{key}"))),
        _ => (answer != wanted).then_some(path),
    }
}

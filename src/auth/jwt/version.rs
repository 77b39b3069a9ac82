//! Claims of version 1, which old tools made, in the form of version 2.

use serde_json::{Map, Value};

/// 1 where the kind of claims stands outside of `nats`; otherwise what `nats` says.
pub(super) fn of(object: &Map<String, Value>) -> i64 {
    if object.contains_key("type") {
        return 1;
    }
    let nats = object.get("nats").and_then(Value::as_object);
    nats.and_then(|nats| nats.get("version")).and_then(Value::as_i64).unwrap_or(2)
}

/// Puts what stood outside of `nats` into it.
pub(super) fn raise(object: &mut Map<String, Value>) {
    let outside: Vec<(&str, Value)> = ["type", "tags", "issuer_account"]
        .into_iter()
        .filter_map(|key| object.remove(key).map(|value| (key, value)))
        .collect();
    let nats = object.entry("nats").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(nats) = nats {
        for (key, value) in outside {
            nats.entry(key).or_insert(value);
        }
        nats.insert("version".to_owned(), Value::from(1));
        // Of users, what is not stated is not limited.
        if nats.get("type").and_then(Value::as_str) == Some("user") {
            for limit in ["subs", "data", "payload"] {
                nats.entry(limit).or_insert(Value::from(-1));
            }
        }
        if let Some(Value::Object(limits)) = nats.remove("limits") {
            // Accounts keep theirs as an object, users have them beside their permissions.
            if nats.get("type").and_then(Value::as_str) == Some("user") {
                limits.into_iter().for_each(|(key, value)| {
                    nats.entry(key).or_insert(value);
                });
            } else {
                nats.insert("limits".to_owned(), Value::Object(limits));
            }
        }
    }
}

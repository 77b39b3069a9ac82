//! Small readings of values.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::duration;
use crate::value::Value;

/// The keys that are plain numbers.
pub(super) fn is_number(key: &str) -> bool {
    set_number(&mut Config::default(), key, 0)
}

/// Puts a number, whose range has been checked, in its place. False when the key is no number.
pub(super) fn set_number(config: &mut Config, key: &str, number: u64) -> bool {
    let place = match key {
        "max_control_line" => &mut config.max_control_line,
        "max_payload" => &mut config.max_payload,
        "max_pending" => &mut config.max_pending,
        "max_connections" => &mut config.max_connections,
        "max_subscriptions" => &mut config.max_subscriptions,
        "max_closed_clients" => &mut config.max_closed_clients,
        "max_traced_msg_len" => &mut config.max_traced_msg_len,
        "log_size_limit" => &mut config.log_size_limit,
        "log_max_num" => &mut config.log_max_num,
        "connect_error_reports" => &mut config.connect_error_reports,
        "reconnect_error_reports" => &mut config.reconnect_error_reports,
        "ping_max" => {
            config.ping_max = u32::try_from(number).unwrap_or(u32::MAX);
            return true;
        }
        "max_sub_tokens" => {
            config.max_sub_tokens = u8::try_from(number).ok().filter(|tokens| *tokens > 0);
            return true;
        }
        _ => return false,
    };
    *place = number;
    true
}

/// Nanoseconds of a duration or of bare seconds; `None` when it is neither.
pub(super) fn nanos(value: &Value) -> Option<i64> {
    match value {
        Value::Int(seconds) => seconds.checked_mul(1_000_000_000),
        Value::Text(text) => duration::parse(text).ok(),
        _ => None,
    }
}

/// Seconds of a number, or of a duration.
pub(super) fn seconds(value: &Value) -> Option<f64> {
    match value {
        // Both lose precision far beyond any sensible time.
        #[allow(clippy::cast_precision_loss)]
        Value::Int(seconds) => Some(*seconds as f64),
        Value::Float(seconds) => Some(*seconds),
        #[allow(clippy::cast_precision_loss)]
        Value::Text(text) => duration::parse(text).ok().map(|nanos| nanos as f64 / 1e9),
        _ => None,
    }
}

pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Text(text) => vec![text],
        Value::List(items) => items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Tags in lower case, each once.
pub(super) fn tags(value: &Value) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for text in texts(value) {
        let tag = text.trim().to_lowercase();
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

pub(super) fn text_map(value: &Value) -> BTreeMap<String, String> {
    let Value::Map(map) = value else { return BTreeMap::new() };
    map.iter()
        .filter_map(|(key, node)| match &node.value {
            Value::Text(text) => Some((key.to_owned(), text.clone())),
            _ => None,
        })
        .collect()
}

pub(super) fn flag_map(value: &Value) -> BTreeMap<String, bool> {
    let Value::Map(map) = value else { return BTreeMap::new() };
    map.iter()
        .filter_map(|(key, node)| match node.value {
            Value::Bool(flag) => Some((key.to_owned(), flag)),
            _ => None,
        })
        .collect()
}

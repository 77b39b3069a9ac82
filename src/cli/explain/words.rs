//! The answer of `/explain` for human eyes.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use vagus_telemetry::text::Uptime;

/// A few lines, the reason first.
pub(super) fn of(told: &Value) -> String {
    let text = |field: &str| told[field].as_str().unwrap_or_default();
    let number = |field: &str| told[field].as_u64().unwrap_or(0);
    if told["peer"].is_string() {
        return peer(told);
    }
    let mut subject = match told["consumer"].as_str() {
        Some(consumer) => format!("Consumer {consumer} of stream {}", text("stream")),
        None => format!("Stream {}", text("stream")),
    };
    // Whoever has no accounts need not hear of the one that is always there.
    if let Some(account) = told["account"].as_str().filter(|name| *name != "$G") {
        let _ = write!(subject, " in account {account}");
    }
    let mut out = format!("{subject} is waiting: {}\n\n", text("waiting"));
    let uptime = Uptime(Duration::from_millis(number("uptime_ms")));
    let mut actor = format!("{} for {uptime}", text("state"));
    match number("restarts") {
        0 => actor.push_str(", never failed"),
        count => {
            let cause = told["last_cause"].as_str().unwrap_or("for an unknown reason");
            let _ = write!(actor, ", failed {count} times, the last time: {cause}");
        }
    }
    line(&mut out, "actor", &actor);
    line(&mut out, "mailbox", &mailbox(told));
    if let Some(waiting) = told["stream_waiting"].as_str() {
        line(&mut out, "its stream is waiting", waiting);
    }
    let store = &told["store"];
    line(
        &mut out,
        "store",
        &format!("{}{}", store["health"].as_str().unwrap_or("?"), debts(store)),
    );
    details(&mut out, &told["details"]);
    consumers(&mut out, &told["consumers"]);
    out
}

/// Another server: a line for each link, then what else is known.
fn peer(told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out =
        format!("Server {} is waiting {}\n\n", text(&told["peer"]), text(&told["waiting"]));
    for link in told["details"]["links"].as_array().into_iter().flatten() {
        line(&mut out, "link", &text(link));
    }
    for (name, words) in [("session", "control session"), ("itself", "it")] {
        let value = text(&told["details"][name]);
        if !value.is_empty() {
            line(&mut out, words, &value);
        }
    }
    out
}

fn mailbox(told: &Value) -> String {
    let number = |field: &str| told[field].as_u64().unwrap_or(0);
    match number("mailbox_depth") {
        0 => format!("empty, {} handled", number("handled")),
        depth => format!(
            "{depth} wait with {} bytes, the oldest for {} ms, {} handled",
            number("mailbox_bytes"),
            number("mailbox_oldest_ms"),
            number("handled")
        ),
    }
}

/// What the store has before it, and what went wrong.
fn debts(store: &Value) -> String {
    let parts = [
        ("queued_bytes", "bytes wait to be written"),
        ("failed_batches", "batches failed"),
        ("damaged_records", "records are damaged"),
    ];
    let told = parts.map(|(field, words)| match store[field].as_u64() {
        None | Some(0) => String::new(),
        Some(count) => format!("; {count} {words}"),
    });
    told.concat()
}

/// The rest of what the actor says; what is nothing is left out.
fn details(out: &mut String, details: &Value) {
    for (name, value) in details.as_object().into_iter().flatten() {
        let shown = match value {
            // What clients are told, too: `CONSUMER.INFO` shows it.
            Value::Object(_) => continue,
            Value::Null | Value::Bool(false) => continue,
            Value::Number(number) if number.as_u64() == Some(0) => continue,
            Value::Array(list) if list.is_empty() => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        line(out, &name.replace('_', " "), &shown);
    }
}

fn consumers(out: &mut String, consumers: &Value) {
    let list = consumers["waiting"].as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\nConsumers ({} of {}):", list.len(), consumers["total"]);
    for one in list {
        let text = |field: &str| one[field].as_str().unwrap_or_default();
        let _ = writeln!(out, "  {}: {}", text("consumer"), text("waiting"));
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "  {name}: {value}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reason_comes_first_and_nothings_are_left_out() {
        let told = json!({
            "stream": "S", "consumer": "C", "waiting": "for acks: 5 of 5 are pending",
            "state": "running", "uptime_ms": 61_000, "restarts": 0, "mailbox_depth": 0,
            "handled": 7, "stream_waiting": "for messages",
            "details": {"pending": 5, "redeliveries": 0, "pull_requests": [], "paused": false,
                "info": {"name": "C"}},
            "store": {"health": "is in order", "queued_bytes": 0},
        });
        let expected = "Consumer C of stream S is waiting: for acks: 5 of 5 are pending\n\n\
            \x20 actor: running for 1m1s, never failed\n\
            \x20 mailbox: empty, 7 handled\n\
            \x20 its stream is waiting: for messages\n\
            \x20 store: is in order\n\
            \x20 pending: 5\n";
        assert_eq!(of(&told), expected);
    }

    #[test]
    fn another_server_is_told_of_by_its_links() {
        let told = json!({
            "peer": "b", "waiting": "for an answer: no answer within 1s",
            "details": {"peer_id": "N", "links": ["h:1 for pool 0", "h:1 for APP"],
                "session": "in order"},
        });
        let expected = "Server b is waiting for an answer: no answer within 1s\n\n\
            \x20 link: h:1 for pool 0\n\
            \x20 link: h:1 for APP\n\
            \x20 control session: in order\n";
        assert_eq!(of(&told), expected);
    }

    #[test]
    fn trouble_is_told() {
        let told = json!({
            "stream": "S", "waiting": "for its turn", "state": "restarting", "uptime_ms": 0,
            "restarts": 2, "last_cause": "panic: x", "mailbox_depth": 3, "mailbox_bytes": 90,
            "mailbox_oldest_ms": 12, "handled": 1, "details": {},
            "consumers": {"total": 9, "waiting": [{"consumer": "a", "waiting": "for pulls"}]},
            "store": {"health": "can't write: the disk is full", "failed_batches": 4},
        });
        let text = of(&told);
        assert!(text.starts_with("Stream S is waiting: for its turn\n"), "{text}");
        assert!(text.contains("failed 2 times, the last time: panic: x"), "{text}");
        assert!(text.contains("3 wait with 90 bytes, the oldest for 12 ms"), "{text}");
        assert!(text.contains("the disk is full; 4 batches failed"), "{text}");
        assert!(text.ends_with("Consumers (1 of 9):\n  a: for pulls\n"), "{text}");
    }
}

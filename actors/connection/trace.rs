//! The protocol trace in the log (`-V`), as nats-server words it. Secrets are left out.

use tracing::trace;
use vagus_wire::{Op, Publish};

use super::Connection;

impl Connection {
    /// An operation of the client.
    pub(super) fn trace_in(&self, op: &Op<'_>) {
        let prefix = self.prefix();
        match op {
            Op::Ping => trace!("{prefix}<<- [PING]"),
            Op::Pong => trace!("{prefix}<<- [PONG]"),
            Op::Ignored => trace!("{prefix}<<- [+OK]"),
            Op::Info(json) => trace!("{prefix}<<- [INFO {}]", show(json)),
            Op::Connect(json) => trace!("{prefix}<<- [CONNECT {}]", redact(json)),
            Op::Subscribe { subject, queue: None, sid } => {
                trace!("{prefix}<<- [SUB {} {}]", show(subject), show(sid));
            }
            Op::Subscribe { subject, queue: Some(queue), sid } => {
                trace!("{prefix}<<- [SUB {} {} {}]", show(subject), show(queue), show(sid));
            }
            Op::Unsubscribe { sid, max: None } => trace!("{prefix}<<- [UNSUB {}]", show(sid)),
            Op::Unsubscribe { sid, max: Some(max) } => {
                trace!("{prefix}<<- [UNSUB {} {max}]", show(sid));
            }
            Op::Publish(publish) => self.trace_publish(&prefix, publish),
        }
    }

    fn trace_publish(&self, prefix: &str, publish: &Publish<'_>) {
        let verb = if publish.has_headers { "HPUB" } else { "PUB" };
        trace!("{prefix}<<- [{verb} {}{}]", show(publish.subject), arguments(publish, false));
        let whole = (publish.headers(), publish.payload);
        self.trace_payload(prefix, "<<-", publish, whole);
    }

    fn trace_payload(
        &self,
        prefix: &str,
        arrow: &str,
        publish: &Publish<'_>,
        (headers, payload): (&[u8], &[u8]),
    ) {
        let shown = match self.settings.trace_headers && publish.has_headers {
            true => headers,
            false => payload,
        };
        match self.settings.traced_len_max {
            max if max > 0 && shown.len() > max => {
                trace!("{prefix}{arrow} MSG_PAYLOAD: [\"{}...\"]", show(&shown[..max]));
            }
            _ => trace!("{prefix}{arrow} MSG_PAYLOAD: [\"{}\"]", show(shown)),
        }
    }

    /// Protocol text for the client.
    pub(super) fn trace_out(&self, text: &[u8]) {
        trace!("{}->> [{}]", self.prefix(), show(text.trim_ascii_end()));
    }

    /// A message for a subscriber; `head` is `HMSG <subject> <sid> `.
    pub(super) fn trace_delivery(&self, head: &[u8], publish: &Publish<'_>, strip: bool) {
        let prefix = self.prefix();
        let with_headers = publish.has_headers && !strip;
        let head = if with_headers { head } else { &head[1..] };
        let arguments = arguments(publish, strip);
        trace!("{prefix}->> [{}{arguments}]", show(head.trim_ascii_end()));
        let payload = if strip { publish.body() } else { publish.payload };
        self.trace_payload(&prefix, "->>", publish, (publish.headers(), payload));
    }
}

/// ` [reply] [header size] size`.
fn arguments(publish: &Publish<'_>, strip: bool) -> String {
    let reply = publish.reply.map(|reply| format!(" {}", show(reply))).unwrap_or_default();
    match (publish.has_headers, strip) {
        (true, false) => format!("{reply} {} {}", publish.header_len, publish.payload.len()),
        (true, true) => format!("{reply} {}", publish.body().len()),
        (false, _) => format!("{reply} {}", publish.payload.len()),
    }
}

fn show(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The JSON of a `CONNECT` without what must not reach a log.
fn redact(json: &[u8]) -> String {
    const SECRETS: [&str; 5] = ["pass", "auth_token", "sig", "nkey", "jwt"];
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_slice(json) else {
        return "[REDACTED]".to_owned();
    };
    for (name, value) in &mut fields {
        if SECRETS.contains(&name.to_ascii_lowercase().as_str()) {
            *value = "[REDACTED]".into();
        }
    }
    serde_json::Value::Object(fields).to_string()
}

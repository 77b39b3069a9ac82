//! Events that a stream tells those who listen.

use serde::Serialize;

use super::Life;
use crate::delivery::Outlet;

/// What all events of a stream have, and what one has besides.
#[derive(Serialize)]
pub(super) struct Event<'a, T> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    stream: &'a str,
    #[serde(flatten)]
    more: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
}

#[derive(Serialize)]
struct Action {
    action: &'static str,
}

#[derive(Serialize)]
struct Abandoned<'a> {
    batch: &'a str,
    reason: &'static str,
}

impl Life {
    /// Publishes an event, if anybody listens. `kind` ends its type, `subject` its subject in
    /// front of the stream's name.
    pub(super) fn tell(
        &self,
        kind: &'static str,
        subject: &str,
        more: impl Serialize,
        out: &mut Outlet<'_>,
    ) {
        let js = &self.js;
        let subject = format!("$JS.EVENT.ADVISORY.STREAM.{subject}.{}", self.state.name());
        if !out.interested(subject.as_bytes(), None) {
            return;
        }
        let event = Event {
            r#type: kind,
            id: js.new_id(),
            timestamp: js.timestamp(),
            stream: self.state.name(),
            more,
            domain: js.domain(),
        };
        js.advise(out, subject.as_bytes(), &event);
    }

    /// The stream was made, or changed.
    pub(super) fn tell_action(&self, action: &'static str, out: &mut Outlet<'_>) {
        let subject = if action == "create" { "CREATED" } else { "UPDATED" };
        let kind = "io.nats.jetstream.advisory.v1.stream_action";
        self.tell(kind, subject, Action { action }, out);
    }

    /// An atomic batch is given up.
    pub(super) fn tell_abandoned(&self, id: &[u8], reason: &'static str, out: &mut Outlet<'_>) {
        let kind = "io.nats.jetstream.advisory.v1.stream_batch_abandoned";
        let batch = &*String::from_utf8_lossy(id);
        self.tell(kind, "BATCH_ABANDONED", Abandoned { batch, reason }, out);
    }
}

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
    /// Told to the system account.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
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

/// Nothing more can be stored.
#[derive(Serialize)]
struct OutOfSpace<'a> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    server: &'a str,
    server_id: &'a str,
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
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
            account: None,
            stream: self.state.name(),
            more,
            domain: js.domain(),
        };
        js.advise(out, subject.as_bytes(), &event);
    }

    /// The server has no room on disk.
    pub(super) fn tell_out_of_space(&self, out: &mut Outlet<'_>) {
        let js = &self.js;
        let event = OutOfSpace {
            r#type: "io.nats.jetstream.advisory.v1.server_out_of_space",
            id: js.new_id(),
            timestamp: js.timestamp(),
            server: &js.server.name,
            server_id: &js.server.id,
            stream: self.state.name(),
            domain: js.domain(),
        };
        js.advise_system(out, b"$JS.EVENT.ADVISORY.SERVER.OUT_OF_STORAGE", &event);
    }

    /// The stream was made, or changed.
    pub(super) fn tell_action(&self, action: &'static str, out: &mut Outlet<'_>) {
        let subject = if action == "create" { "CREATED" } else { "UPDATED" };
        let kind = "io.nats.jetstream.advisory.v1.stream_action";
        self.tell(kind, subject, Action { action }, out);
    }

    /// An atomic batch is given up. The system account is told, too.
    pub(super) fn tell_abandoned(&self, id: &[u8], reason: &'static str, out: &mut Outlet<'_>) {
        let js = &self.js;
        let subject = format!("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.{}", self.state.name());
        let mut event = Event {
            r#type: "io.nats.jetstream.advisory.v1.stream_batch_abandoned",
            id: js.new_id(),
            timestamp: js.timestamp(),
            account: None,
            stream: self.state.name(),
            more: Abandoned { batch: &String::from_utf8_lossy(id), reason },
            domain: js.domain(),
        };
        js.advise(out, subject.as_bytes(), &event);
        event.account = Some(js.account());
        js.advise_system(out, subject.as_bytes(), &event);
    }
}

//! [`Caller`]: who asked something of the JetStream API, and where the answer goes.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use vagus_jetstream::ApiError;
use vagus_jetstream::api::{Reply, Response};
use vagus_wire::frame::Frame;
use vagus_wire::headers;

use super::JetStream;
use crate::delivery::bridge::ORIGIN_HEADER;
use crate::delivery::{Outlet, Post};

/// A request on its way to the actor that answers it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The frame, which the request keeps alive.
    bytes: Bytes,
    frame: Frame,
}

/// What an audit tells of a request and its answer.
#[derive(Serialize)]
struct Audit<'a> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a RawValue>,
    subject: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request: &'a str,
    response: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
}

const AUDIT: &str = "io.nats.jetstream.advisory.v1.api_audit";
const AUDITS: &[u8] = b"$JS.EVENT.ADVISORY.API";

impl Caller {
    /// The request in `frame`, a part of `bytes`.
    #[must_use]
    pub fn new(bytes: Bytes, frame: Frame) -> Self {
        Self { bytes, frame }
    }

    #[must_use]
    pub fn subject(&self) -> &[u8] {
        self.frame.subject.of(&self.bytes)
    }

    /// Where the answer goes; without it nobody waits for one.
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        self.frame.reply.as_ref().map(|reply| reply.of(&self.bytes))
    }

    /// The request's body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.frame.payload.of(&self.bytes)
    }

    /// The request's header block; empty without one.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        self.frame.headers.of(&self.bytes)
    }

    /// The client that asked, as JSON for events.
    #[must_use]
    pub fn client(&self) -> Option<&RawValue> {
        let text = headers::get(self.headers(), ORIGIN_HEADER)?;
        serde_json::from_slice(text).ok()
    }

    /// Sends the answer, counts it, and tells auditors. `failed`: it is an error.
    pub fn answer_json(&self, js: &JetStream, out: &mut Outlet<'_>, json: &[u8], failed: bool) {
        js.usage.count_request(failed);
        self.answer_quietly(out, json);
        self.audit(js, out, json);
    }

    /// Sends an answer that nobody counts.
    pub fn answer_quietly(&self, out: &mut Outlet<'_>, json: &[u8]) {
        if let Some(reply) = self.reply() {
            out.publish(Post { subject: reply, reply: None, headers: None, payload: json });
        }
    }

    /// Sends an answer that auditors are not told of.
    pub fn answer_unaudited(&self, js: &JetStream, out: &mut Outlet<'_>, json: &[u8]) {
        js.usage.count_request(false);
        self.answer_quietly(out, json);
    }

    /// As [`Caller::answer_json`] for an answer of the API or an error in its form.
    pub fn answer<T: Response>(
        &self,
        js: &JetStream,
        out: &mut Outlet<'_>,
        answer: Result<T, ApiError>,
    ) {
        let failed = answer.is_err();
        self.answer_json(js, out, &Reply::from(answer).to_json(), failed);
    }

    fn audit(&self, js: &JetStream, out: &mut Outlet<'_>, response: &[u8]) {
        if !out.interested(AUDITS, None) {
            return;
        }
        let audit = Audit {
            r#type: AUDIT,
            id: js.new_id(),
            timestamp: js.timestamp(),
            server: &js.server.id,
            client: self.client(),
            subject: &String::from_utf8_lossy(self.subject()),
            request: &String::from_utf8_lossy(self.body()),
            response: &String::from_utf8_lossy(response),
            domain: js.domain(),
        };
        js.advise(out, AUDITS, &audit);
    }
}

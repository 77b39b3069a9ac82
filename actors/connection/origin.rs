//! Saying who a message comes from: actors of the server that answer requests are told which
//! client asked, in a header of the delivery.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use vagus_telemetry::text::GoTime;
use vagus_wire::{Publish, encode};

use super::Connection;
use super::publish::Hands;
use crate::delivery::Target;

/// Name of the header. Only the first of this name counts: the server writes it in front.
pub const HEADER: &[u8] = b"Nats-Request-Info";

/// A client as audits and events show it, in their order of fields.
#[derive(Serialize)]
struct Origin<'a> {
    start: String,
    host: String,
    id: u64,
    acc: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    lang: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ver: &'a str,
    /// In nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    rtt: u64,
    server: &'a str,
    kind: &'static str,
    client_type: &'static str,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Connection {
    fn origin(&self) -> Origin<'_> {
        let connect = &self.client.connect;
        let start: SystemTime = self.broker.started_at + Duration::from_nanos(self.started_ns);
        Origin {
            start: GoTime(start).to_string(),
            host: self.peer.ip().to_string(),
            id: self.out.cid,
            acc: &self.realm.name,
            user: self.user(),
            name: connect.name.as_ref(),
            lang: connect.lang.as_ref(),
            ver: connect.version.as_ref(),
            rtt: self.out.stats.rtt_ns.load(Relaxed),
            server: &self.settings.info.server_id,
            kind: "Client",
            client_type: "nats",
        }
    }

    /// Hands a message over with the header in front of its own.
    pub(super) fn hand_signed(
        &self,
        head: &[u8],
        target: &Target,
        publish: &Publish<'_>,
        hands: &mut Hands<'_>,
    ) {
        let first = b"NATS/1.0\r\n";
        let own = match publish.has_headers {
            true => &publish.payload[..publish.header_len],
            false => &b""[..],
        };
        // What stands behind the version in a client's first line means nothing in a request.
        let rest = memchr::memchr(b'\n', own).map_or(&b"\r\n"[..], |n| &own[n + 1..]);
        let who = serde_json::to_vec(&self.origin()).unwrap_or_default();
        let mut payload = [&first[..], HEADER, b": ", &who, b"\r\n", rest].concat();
        let header_len = payload.len();
        payload.extend_from_slice(publish.body());
        hands.frame.clear();
        encode::message(hands.frame, head, publish.reply, Some(header_len), &payload);
        hands.batch.message(target, &[], hands.frame, payload.len());
    }
}

//! Saying who a message comes from: actors of the server that answer requests are told which
//! client asked, in a header of the delivery.

use vagus_wire::{Publish, encode};

use super::Connection;
use super::publish::Hands;
use crate::delivery::Target;
use crate::system::ClientInfo;

/// Name of the header. Only the first of this name counts: the server writes it in front.
pub const HEADER: &[u8] = b"Nats-Request-Info";

impl Connection {
    fn origin(&self) -> ClientInfo {
        ClientInfo { server: Some(self.settings.info.server_id.clone()), ..self.client_info() }
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

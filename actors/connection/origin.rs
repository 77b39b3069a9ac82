//! Saying who a message comes from: actors of the server that answer requests are told which
//! client asked, in a header of the delivery.

use std::sync::Arc;

use vagus_wire::{Publish, encode};

use super::Connection;
use super::publish::Hands;
use crate::delivery::{Asker, ClientInfo, Outbound, Target};

impl Asker for Connection {
    fn info(&self) -> ClientInfo {
        ClientInfo { server: Some(self.settings.info.server_id.clone()), ..self.client_info() }
    }

    fn hears_itself(&self) -> bool {
        self.client.connect.echo
    }

    fn out(&self) -> &Arc<Outbound> {
        &self.out
    }
}

impl Connection {
    /// Hands a message over with the header in front of its own.
    pub(super) fn hand_signed(
        &self,
        head: &[u8],
        target: &Target,
        publish: &Publish<'_>,
        hands: &mut Hands<'_>,
    ) {
        let own = publish.has_headers.then(|| publish.headers());
        let mut payload = self.info().put_before(own);
        let header_len = payload.len();
        payload.extend_from_slice(publish.body());
        hands.frame.clear();
        encode::message(hands.frame, head, publish.reply, Some(header_len), &payload);
        hands.batch.message(target, &[], hands.frame, payload.len());
    }
}

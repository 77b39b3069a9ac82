//! What a consumer says besides messages: to who pulls, and to who listens to its deliver subject.

use vagus_jetstream::ack::FLOW_PREFIX;
use vagus_jetstream::status::{self, Pending};

use super::Consumer;
use super::flow::TOKEN;
use super::waiting::Request;
use crate::delivery::{Outlet, Post};

// === impl Request ===

impl Request {
    /// What it did not get.
    pub(super) fn rest(&self) -> Pending {
        Pending { messages: self.left, bytes: self.bytes_left.unwrap_or(0) }
    }

    /// Tells its client something: a header block.
    pub(super) fn say(&self, block: &[u8], out: &mut Outlet<'_>) {
        say(&self.inbox, block, out);
    }
}

/// Sends a header block and nothing else.
pub(super) fn say(inbox: &[u8], block: &[u8], out: &mut Outlet<'_>) {
    out.publish(Post { subject: inbox, reply: None, headers: Some(block), payload: b"" });
}

// === impl Consumer ===

impl Consumer {
    /// Says that it is alive, and what it sent last.
    pub(super) fn say_alive(&self, inbox: &[u8], stalled: Option<&[u8]>, out: &mut Outlet<'_>) {
        let delivered = self.state.delivered();
        let mut block = Vec::new();
        status::idle_heartbeat(&mut block, delivered.consumer, delivered.stream, stalled);
        say(inbox, &block, out);
    }

    /// Asks the client of a push consumer what it has read, when it is time.
    pub(super) fn ask_for_flow(&mut self, out: &mut Outlet<'_>) {
        let flow = self.pushing.as_mut().and_then(|pushing| pushing.push.flow.as_mut());
        if flow.is_some_and(|flow| flow.wants_to_ask()) {
            self.ask_now(out);
        }
    }

    /// Asks, unless a question waits for its answer.
    pub(super) fn ask_now(&mut self, out: &mut Outlet<'_>) {
        let flow = self.pushing.as_mut().and_then(|pushing| pushing.push.flow.as_mut());
        let Some(flow) = flow.filter(|flow| flow.may_ask()) else { return };
        let token = flow.ask(&mut fastrand::Rng::new());
        let reply = self.flow_subject(&token);
        let subject = self.config.deliver_subject.as_bytes();
        let headers = Some(status::FLOW_CONTROL);
        out.publish(Post { subject, reply: Some(&reply), headers, payload: b"" });
    }

    /// Where the answer to a question goes.
    pub(super) fn flow_subject(&self, token: &[u8; TOKEN]) -> Vec<u8> {
        let mut subject = FLOW_PREFIX.to_vec();
        if self.home.js.settings().ack_v2 {
            let domain = self.home.js.domain().unwrap_or("_");
            let hash = self.home.js.account_hash();
            subject.extend_from_slice(format!("{domain}.{hash}.").as_bytes());
        }
        for name in [&self.home.stream, &self.seat.name] {
            subject.extend_from_slice(name.as_bytes());
            subject.push(b'.');
        }
        subject.extend_from_slice(token);
        subject
    }
}

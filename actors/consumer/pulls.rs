//! Pull requests: what is wrong with one, or how it waits.

use bytes::Bytes;
use vagus_jetstream::consumer::{ConsumerConfig, PriorityPolicy};
use vagus_jetstream::headers::names;
use vagus_jetstream::pull::PullRequest;
use vagus_jetstream::status::{self, Pending};
use vagus_wire::frame::frames;
use vagus_wire::headers;

use super::Consumer;
use super::notices::say;
use super::priority::WrongPin;
use super::waiting::Request;
use crate::delivery::Outlet;

/// The level of the API that the server has.
const API_LEVEL: i64 = 4;

// === impl Consumer ===

impl Consumer {
    /// Pull requests, as frames back to back.
    pub(super) fn on_pulls(&mut self, bytes: &Bytes, out: &mut Outlet<'_>, now_ns: i64) {
        for (_, frame) in frames(bytes) {
            // Without a place for messages there is nothing to do.
            let Some(inbox) = frame.reply.map(|reply| reply.of(bytes)) else { continue };
            let (block, body) = (frame.headers.of(bytes), frame.payload.of(bytes));
            let mut refusal = Vec::new();
            if needs_newer_server(block) {
                refusal.extend_from_slice(status::REQUIRED_API_LEVEL);
            } else {
                self.on_pull(inbox, body, &mut refusal, out, now_ns);
            }
            if !refusal.is_empty() {
                say(inbox, &refusal, out);
            }
        }
    }

    /// One request. What is said at once goes into `refusal`.
    pub(super) fn on_pull(
        &mut self,
        inbox: &[u8],
        body: &[u8],
        refusal: &mut Vec<u8>,
        out: &mut Outlet<'_>,
        now_ns: i64,
    ) {
        if self.pushing.is_some() {
            refusal.extend_from_slice(status::CONSUMER_IS_PUSH_BASED);
            return;
        }
        self.pulling.pulled_ns = now_ns;
        let asked = match PullRequest::parse(body) {
            Ok(asked) => asked,
            Err(reason) => return status::bad_request(refusal, &reason),
        };
        if let Some(reason) = misplaced(&self.config, &asked) {
            return status::bad_request(refusal, reason);
        }
        exceeded(&self.config, &asked, refusal);
        if !refusal.is_empty() {
            return;
        }
        let rest = Pending { messages: asked.batch as u64, bytes: asked.max_bytes.max(0) as u64 };
        if asked.expires < 0 {
            return status::request_timeout(refusal, rest);
        }
        let id = Some(asked.id.as_str()).filter(|id| !id.is_empty());
        if let Some(pin) = &mut self.pulling.pin {
            match pin.on_request(id, now_ns) {
                Ok(()) => {}
                Err(WrongPin::Mismatch) => {
                    return refusal.extend_from_slice(status::PIN_ID_MISMATCH);
                }
                Err(WrongPin::Nobody) => return status::wrong_pin_id(refusal, rest),
            }
        }
        self.wait(request(&self.config, &asked, inbox, now_ns), &asked, refusal, out);
    }

    /// Queues a request, if it may wait.
    fn wait(
        &mut self,
        request: Request,
        asked: &PullRequest,
        refusal: &mut Vec<u8>,
        out: &mut Outlet<'_>,
    ) {
        if asked.no_wait {
            let pending = self.pending_messages() + u64::from(self.state.peek_again().is_some());
            let waits = self.pulling.gate(pending, &self.state).lets(&request);
            if asked.expires == 0 && (pending == 0 || !waits) {
                return refusal.extend_from_slice(status::NO_MESSAGES);
            }
            if pending > 0 && self.pulling.waiting.wanted() >= pending {
                return refusal.extend_from_slice(status::REQUESTS_PENDING);
            }
        }
        let max = usize::try_from(self.config.max_waiting).unwrap_or(0).max(1);
        if self.pulling.waiting.len() >= max {
            self.pulling.forget_gone(out);
        }
        let waiting = &mut self.pulling.waiting;
        if waiting.len() < max {
            waiting.push(request);
        } else if asked.heartbeat == 0 {
            refusal.extend_from_slice(status::EXCEEDED_MAX_WAITING);
        }
    }

    /// Messages that were not delivered yet.
    pub(super) fn pending_messages(&mut self) -> u64 {
        let after = self.state.next_seq() - 1;
        match &self.picks {
            None => self.source.pending(&self.home.reader, after),
            Some(picks) => {
                let behind = self.source.pending(&self.home.reader, picks.resume() - 1);
                behind + picks.len() as u64
            }
        }
    }
}

fn needs_newer_server(block: &[u8]) -> bool {
    let level = headers::get(block, names::REQUIRED_API_LEVEL);
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    level.is_some_and(|text| number(text).is_none_or(|level| level > API_LEVEL))
}

/// What a request asks for that this consumer has not.
fn misplaced(config: &ConsumerConfig, asked: &PullRequest) -> Option<&'static str> {
    let policy = config.priority_policy;
    if policy != PriorityPolicy::Overflow && (asked.min_pending > 0 || asked.min_ack_pending > 0) {
        return Some("Not a Overflow Priority consumer");
    }
    if policy != PriorityPolicy::PinnedClient && !asked.id.is_empty() {
        return Some("Not a Pinned Client Priority consumer");
    }
    if policy == PriorityPolicy::None {
        return None;
    }
    if asked.group.is_empty() {
        return Some("Priority Group missing");
    }
    (!config.priority_groups.contains(&asked.group)).then_some("Invalid Priority Group")
}

/// Writes which limit a request exceeds.
fn exceeded(config: &ConsumerConfig, asked: &PullRequest, refusal: &mut Vec<u8>) {
    if config.max_batch > 0 && asked.batch > config.max_batch {
        status::exceeded_max_batch(refusal, config.max_batch as u64);
    } else if config.max_expires > 0 && asked.expires > config.max_expires {
        status::exceeded_max_expires(refusal, config.max_expires);
    } else if config.max_bytes > 0 && asked.max_bytes > config.max_bytes {
        status::exceeded_max_bytes(refusal, config.max_bytes as u64);
    }
}

fn request(config: &ConsumerConfig, asked: &PullRequest, inbox: &[u8], now_ns: i64) -> Request {
    let prioritized = config.priority_policy == PriorityPolicy::Prioritized;
    let at = |after_ns: i64| if after_ns > 0 { now_ns.saturating_add(after_ns) } else { 0 };
    Request {
        inbox: inbox.into(),
        left: asked.batch as u64,
        sent: 0,
        bytes_left: (asked.max_bytes > 0).then_some(asked.max_bytes as u64),
        expires_ns: at(asked.expires),
        beat_every_ns: asked.heartbeat.max(0),
        beat_ns: at(asked.heartbeat),
        no_wait: asked.no_wait,
        priority: if prioritized { asked.priority as u8 } else { 0 },
        min_pending: asked.min_pending.max(0) as u64,
        min_ack_pending: asked.min_ack_pending.max(0) as u64,
        pin: Some(asked.id.as_str()).filter(|id| !id.is_empty()).map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_stay_within_what_the_consumer_allows() {
        let config = ConsumerConfig {
            max_batch: 2,
            max_expires: 1_000_000_000,
            max_bytes: 100,
            ..ConsumerConfig::default()
        };
        let asked = PullRequest::default();
        let told = |asked: &PullRequest| text(|out| exceeded(&config, asked, out));
        assert_eq!(told(&asked), "");
        assert!(
            told(&PullRequest { batch: 3, ..asked.clone() }).contains("MaxRequestBatch of 2\r")
        );
        let long = PullRequest { expires: 2_000_000_000, ..asked.clone() };
        assert!(told(&long).contains("MaxRequestExpires of 1s\r"));
        let large = PullRequest { max_bytes: 101, ..asked };
        assert!(told(&large).contains("MaxRequestMaxBytes of 100\r"));
    }

    #[test]
    fn groups_belong_to_their_policies() {
        let told = |priority_policy, asked: &PullRequest| {
            let priority_groups = vec!["g".to_owned()];
            let config =
                ConsumerConfig { priority_policy, priority_groups, ..ConsumerConfig::default() };
            misplaced(&config, asked)
        };
        let plain = PullRequest::default();
        let group = |group: &str| PullRequest { group: group.into(), ..PullRequest::default() };
        assert_eq!(told(PriorityPolicy::None, &plain), None);
        assert_eq!(told(PriorityPolicy::Prioritized, &plain), Some("Priority Group missing"));
        assert_eq!(told(PriorityPolicy::Overflow, &group("z")), Some("Invalid Priority Group"));
        assert_eq!(told(PriorityPolicy::Overflow, &group("g")), None);
        let least = PullRequest { min_pending: 1, ..group("g") };
        assert_eq!(told(PriorityPolicy::None, &least), Some("Not a Overflow Priority consumer"));
        let pinned = PullRequest { id: "x".into(), ..group("g") };
        let not_pinned = Some("Not a Pinned Client Priority consumer");
        assert_eq!(told(PriorityPolicy::Overflow, &pinned), not_pinned);
        assert_eq!(told(PriorityPolicy::PinnedClient, &pinned), None);
    }
}

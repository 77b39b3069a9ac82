//! What a consumer announces to whoever listens: advisories, and a metric of acknowledgements.

use serde_json::{Map, Value, json};

use super::Consumer;
use super::pending::Slot;
use super::state::Exhausted;
use crate::delivery::Outlet;

const ADVISORY: &str = "$JS.EVENT.ADVISORY.CONSUMER.";
const ADVISORY_TYPE: &str = "io.nats.jetstream.advisory.v1.";
const METRIC: &str = "$JS.EVENT.METRIC.CONSUMER.ACK.";
const METRIC_TYPE: &str = "io.nats.jetstream.metric.v1.consumer_ack";

// === impl Consumer ===

impl Consumer {
    /// It was made, or is deleted.
    pub(super) fn advise_action(&self, subject: &str, action: &str, out: &mut Outlet<'_>) {
        self.advise(subject, "consumer_action", &json!({ "action": action }), out);
    }

    pub(super) fn advise_pause(&self, out: &mut Outlet<'_>) {
        let until = self.config.pause_until.unwrap_or(vagus_jetstream::Time::ZERO);
        let paused = self.pause.until_ns().is_some();
        let event = json!({ "paused": paused, "pause_until": until });
        self.advise("PAUSE", "consumer_pause", &event, out);
    }

    pub(super) fn advise_pinned(&self, id: &str, out: &mut Outlet<'_>) {
        let event = json!({ "group": self.group(), "pinned_id": id });
        self.advise("PINNED", "consumer_group_pinned", &event, out);
    }

    pub(super) fn advise_unpinned(&self, reason: &str, out: &mut Outlet<'_>) {
        let event = json!({ "group": self.group(), "reason": reason });
        self.advise("UNPINNED", "consumer_group_unpinned", &event, out);
    }

    pub(super) fn advise_exhausted(&self, exhausted: &Exhausted, out: &mut Outlet<'_>) {
        let Exhausted { seq, deliveries } = exhausted;
        let event = json!({ "stream_seq": seq, "deliveries": deliveries });
        self.advise("MAX_DELIVERIES", "max_deliver", &event, out);
    }

    pub(super) fn advise_naked(&self, seq: u64, dseq: u64, deliveries: u64, out: &mut Outlet<'_>) {
        let event = json!({ "consumer_seq": dseq, "stream_seq": seq, "deliveries": deliveries });
        self.advise("MSG_NAKED", "nak", &event, out);
    }

    pub(super) fn advise_terminated(
        &self,
        seq: u64,
        dseq: u64,
        deliveries: u64,
        reason: &str,
        out: &mut Outlet<'_>,
    ) {
        let mut event =
            json!({ "consumer_seq": dseq, "stream_seq": seq, "deliveries": deliveries });
        if !reason.is_empty() {
            event["reason"] = reason.into();
        }
        self.advise("MSG_TERMINATED", "terminated", &event, out);
    }

    /// A message was acknowledged; told for some percent of them.
    pub(super) fn advise_sample(&self, slot: &Slot, now_ns: i64, out: &mut Outlet<'_>) {
        if self.sample < 100 && fastrand::u8(..100) >= self.sample {
            return;
        }
        let subject = format!("{METRIC}{}.{}", self.home.stream, self.seat.name);
        let event = json!({
            "consumer_seq": slot.dseq,
            "stream_seq": slot.seq,
            "ack_time": now_ns.saturating_sub(slot.at_ns),
            "deliveries": slot.deliveries,
        });
        self.announce(&subject, METRIC_TYPE, &event, out);
    }

    fn group(&self) -> &str {
        self.config.priority_groups.first().map_or("", String::as_str)
    }

    fn advise(&self, what: &str, kind: &str, event: &Value, out: &mut Outlet<'_>) {
        let subject = format!("{ADVISORY}{what}.{}.{}", self.home.stream, self.seat.name);
        self.announce(&subject, &format!("{ADVISORY_TYPE}{kind}"), event, out);
    }

    /// Puts what all events have in common around `event`.
    fn announce(&self, subject: &str, kind: &str, event: &Value, out: &mut Outlet<'_>) {
        let js = &self.home.js;
        if self.config.direct || !out.interested(subject.as_bytes(), None) {
            return;
        }
        let mut whole = Map::new();
        let mut put = |key: &str, value: Value| drop(whole.insert(key.to_owned(), value));
        put("type", kind.into());
        put("id", js.new_id().into());
        put("timestamp", js.timestamp().into());
        if kind.ends_with("pinned") {
            put("account", (*js.realm.name).into());
        }
        put("stream", (&*self.home.stream).into());
        put("consumer", (&*self.seat.name).into());
        for (key, value) in event.as_object().into_iter().flatten() {
            put(key, value.clone());
        }
        if let Some(domain) = js.domain() {
            put("domain", domain.into());
        }
        js.advise(out, subject.as_bytes(), &whole);
    }
}

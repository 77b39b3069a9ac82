//! Message tracing: a message with the header `Nats-Trace-Dest` has every hop that it takes here
//! reported to the subject in that header; with `Nats-Trace-Only: true` it is not delivered at all.

use std::cell::RefCell;
use std::time::SystemTime;

use serde_json::{Value, json};
use vagus_subject::is_valid_literal;
use vagus_telemetry::text::GoTime;
use vagus_wire::{Publish, headers};

use super::Connection;
use super::publish::{Hands, Message};
use super::rights::Leave;
use crate::delivery::cache::{Found, Match, Want};
use crate::delivery::desk::Delivery;
use crate::delivery::{Bridge, Target, spread};

const DESTINATION: &[u8] = b"Nats-Trace-Dest";
const ONLY: &[u8] = b"Nats-Trace-Only";

/// Kinds of a hop's other side, as trace events number them.
const KIND_CLIENT: u8 = 0;
const KIND_ROUTER: u8 = 1;
const KIND_INTERNAL: u8 = 5;

impl Connection {
    /// Whether the message wants to be traced.
    pub(super) fn is_traced(&self, publish: &Publish<'_>) -> bool {
        if !publish.has_headers || !headers::mentions(publish.headers(), DESTINATION) {
            return false;
        }
        // What is no subject would be read as more than one argument of a delivery.
        headers::get(publish.headers(), DESTINATION).is_some_and(is_valid_literal)
    }

    /// Whether the client may have a trace reported; if not, it is told.
    pub(super) fn may_trace(&self, publish: &Publish<'_>, delivery: &mut Delivery) -> bool {
        let destination = headers::get(publish.headers(), DESTINATION).unwrap_or_default();
        self.may_publish(destination, delivery) != Leave::Refused
    }

    /// Delivers a traced message, or only looks who would get it, and reports.
    pub(super) fn deliver_traced(&mut self, message: Message<'_>, delivery: &mut Delivery) {
        let publish = message.publish;
        let block = publish.headers();
        let destination = headers::get(block, DESTINATION).unwrap_or_default().to_vec();
        let only = headers::get(block, ONLY)
            .is_some_and(|value| matches!(value, b"true" | b"1" | b"on" | b"TRUE" | b"True"));
        let mut events = vec![self.ingress(message)];
        if message.subject != publish.subject {
            let to = String::from_utf8_lossy(message.subject);
            events.push(json!({ "type": "sm", "ts": now(), "to": to }));
        }
        let Delivery { cache, batch, frame, rng, .. } = delivery;
        let mut hands = Hands { batch, frame, rng };
        let kept;
        let found = match cache.find(&self.realm.interest, message.subject) {
            Found::Once(found) => found,
            Found::Kept(found) => {
                kept = found;
                &kept
            }
        };
        let bridges = found.bridges.clone();
        let mut delivered = self.deliver_reporting(found, message, only, &mut hands, &mut events);
        events.extend(bridges.iter().filter_map(|bridge| across(bridge, message.subject)));
        if !only && !bridges.is_empty() {
            delivered += self.cross(&bridges, message, delivery);
        }
        self.report_trace(&destination, publish, events, delivery);
        if delivered == 0 && !only {
            self.tell_no_responders(message, delivery);
        }
    }

    fn deliver_reporting(
        &self,
        found: &Match,
        message: Message<'_>,
        only: bool,
        hands: &mut Hands<'_>,
        events: &mut Vec<Value>,
    ) -> usize {
        let mut rng = hands.rng.fork();
        let events = RefCell::new(events);
        let takes = |want: &Want| {
            let echo = self.is_own_echo(&want.sub.target);
            if echo && want.sub.queue().is_none() && want.sub.is_open() {
                let mut event = egress(want);
                event["error"] = "Not delivered because of no echo".into();
                events.borrow_mut().push(event);
            }
            !echo && want.sub.is_open() && (only || want.sub.claim(1) == 1)
        };
        spread::spread(found, &mut rng, takes, |want, groups| {
            events.borrow_mut().push(egress(want));
            if !only {
                self.hand_on(found, want, groups, message, hands);
            }
        })
    }

    fn ingress(&self, message: Message<'_>) -> Value {
        let mut event = json!({
            "type": "in",
            "ts": now(),
            "kind": KIND_CLIENT,
            "cid": self.out.cid,
        });
        if !self.client.connect.name.is_empty() {
            event["name"] = (*self.client.connect.name).into();
        }
        event["acc"] = (*self.realm.name).into();
        event["subj"] = String::from_utf8_lossy(message.publish.subject).into();
        event
    }

    fn report_trace(
        &self,
        destination: &[u8],
        publish: &Publish<'_>,
        events: Vec<Value>,
        delivery: &mut Delivery,
    ) {
        let info = &self.settings.info;
        let mut fields = serde_json::Map::new();
        for (name, value) in headers::iter(publish.headers()) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let values = fields.entry(text(name)).or_insert_with(|| json!([]));
            if let Value::Array(values) = values {
                values.push(text(value).into());
            }
        }
        let report = json!({
            "server": {
                "name": info.server_name,
                "host": info.host,
                "id": info.server_id,
                "ver": info.version,
                "jetstream": false,
                "flags": 0,
                "seq": 0,
                "time": now(),
            },
            "request": { "header": fields, "msgsize": publish.payload.len() },
            "events": events,
        })
        .to_string();
        let frame = Publish {
            subject: destination,
            reply: None,
            header_len: 0,
            has_headers: false,
            payload: report.as_bytes(),
            tail: None,
        };
        self.route_internal(&frame, delivery);
    }

    /// Delivers what the server itself says.
    fn route_internal(&self, publish: &Publish<'_>, delivery: &mut Delivery) {
        let Delivery { cache, batch, frame, rng, .. } = delivery;
        let mut hands = Hands { batch, frame, rng };
        let message = Message { subject: publish.subject, publish };
        match cache.find(&self.realm.interest, publish.subject) {
            Found::Once(found) => self.deliver(found, message, &mut hands),
            Found::Kept(found) => self.deliver(&found, message, &mut hands),
        };
    }
}

/// A message goes on into another account, where it is traced no further.
fn across(bridge: &Bridge, subject: &[u8]) -> Option<Value> {
    let Bridge::Request(import) = bridge else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let to = text(&import.name_there(subject)?);
    let acc = import.exporter.name.to_string();
    let from = text(subject);
    Some(json!({ "type": "si", "ts": now(), "acc": acc, "from": from, "to": to }))
}

fn egress(want: &Want) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, cid) = match &want.sub.target {
        Target::Connection(out) => (KIND_CLIENT, out.cid),
        Target::Route(lane) => (KIND_ROUTER, lane.out().cid),
        Target::Actor(_) | Target::Bridge(_) => (KIND_INTERNAL, 0),
    };
    let mut event = json!({
        "type": "eg",
        "ts": now(),
        "kind": kind,
        "cid": cid,
        "sub": text(want.sub.subject()),
    });
    if let Some(queue) = want.sub.queue() {
        event["queue"] = text(queue).into();
    }
    event
}

fn now() -> String {
    GoTime(SystemTime::now()).to_string()
}

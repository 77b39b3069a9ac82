//! Publishes that ask to be traced; see [`trace`].

use vagus_subject::is_valid_literal;
use vagus_subject::transform::Resolved;
use vagus_wire::{ParseError, Publish};

use super::Connection;
use super::publish::Message;
use super::rights::{Leave, publish_violation, reserved};
use crate::delivery::desk::Delivery;
use crate::delivery::outlet::{Outlet, Post};
use crate::delivery::trace::{self, Ingress, Kind, Plan, Wish};
use crate::delivery::{Speaker, Trace};

impl Connection {
    /// Whether the message may ask to be traced.
    #[inline]
    pub(super) fn may_be_traced(&self, publish: &Publish<'_>) -> bool {
        publish.has_headers && trace::may_ask(publish.headers(), self.rules.stated.trace.as_ref())
    }

    /// Publishes a message as it asks for. False: it asks for nothing after all.
    #[cold]
    pub(super) fn publish_wish(&mut self, publish: &Publish<'_>, delivery: &mut Delivery) -> bool {
        let account = self.rules.stated.trace.as_ref();
        match Wish::of(publish.headers(), account, true, &mut delivery.rng) {
            Wish::Nothing => return false,
            Wish::Futile => {}
            Wish::Silence => {
                let block = trace::silenced(publish.headers());
                let payload = [&block, publish.body()].concat();
                let header_len = block.len();
                let silent = Publish { header_len, payload: &payload, tail: None, ..*publish };
                self.publish_as_mapped(&silent, None, delivery);
            }
            Wish::Trace(plan) => self.publish_traced(plan, publish, delivery),
        }
        true
    }

    fn publish_traced(&self, plan: Plan, publish: &Publish<'_>, delivery: &mut Delivery) {
        if let Some(why) = self.refuses_reports_to(&plan.destination, delivery) {
            return self.complain(&why, delivery);
        }
        let mut trace = self.begin_trace(plan, publish.subject, publish.payload.len());
        match self.taken_in(publish, &mut trace, delivery) {
            Ok(subject) => self.send_traced(&subject, publish, &mut trace, delivery),
            Err(why) => trace.refused(&why),
        }
        trace.end(&self.broker, delivery);
    }

    fn begin_trace(&self, plan: Plan, subject: &[u8], size: usize) -> Trace {
        let (cid, name) = (self.out.cid, &*self.client.connect.name);
        let realm = &self.realm;
        Trace::begin(plan, &Ingress { kind: Kind::Client, cid, name, realm, subject, size })
    }

    /// The subject by which the message goes on, or why it does not.
    fn taken_in(
        &self,
        publish: &Publish<'_>,
        trace: &mut Trace,
        delivery: &mut Delivery,
    ) -> Result<Vec<u8>, String> {
        let cluster = self.settings.cluster.as_deref();
        let mut subject = publish.subject.to_vec();
        match self.rules.mappings.resolve(&subject, cluster, &mut delivery.rng) {
            Resolved::Drop => {
                self.confirm(delivery);
                return Ok(Vec::new());
            }
            Resolved::To(mapped) => {
                trace.mapped(&mapped);
                subject = mapped.to_vec();
            }
            Resolved::Same => {}
        }
        if self.may_publish(&subject, delivery) == Leave::Refused {
            return Err(publish_violation(&subject));
        }
        if let Some(why) = reserved(&subject, publish.reply) {
            self.complain(&why, delivery);
            return Err(why);
        }
        self.confirm(delivery);
        Ok(subject)
    }

    fn send_traced(
        &self,
        subject: &[u8],
        publish: &Publish<'_>,
        trace: &mut Trace,
        delivery: &mut Delivery,
    ) {
        let headers = Some(publish.headers());
        let post = Post { subject, reply: publish.reply, headers, payload: publish.body() };
        let outlet = Outlet::of(&self.realm, delivery, Speaker::Client(self));
        if !subject.is_empty() && outlet.traced(Some(trace)).publish(post) == 0 {
            self.tell_no_responders(Message { subject, publish }, delivery);
        }
    }

    /// Why the client may not have a trace reported to `destination`, if so.
    fn refuses_reports_to(&self, destination: &[u8], delivery: &mut Delivery) -> Option<String> {
        let allowed = match &self.rights.permissions {
            Some(permissions) => delivery.verdicts.may_publish(permissions, destination),
            None => true,
        };
        match allowed {
            true => reserved(destination, None),
            false => Some(publish_violation(destination)),
        }
    }

    /// The client ends by a message that is too large. As far as its headers are here, they may ask
    /// to be told.
    pub(super) fn trace_too_large(&self, rest: &[u8], error: ParseError, delivery: &mut Delivery) {
        let ParseError::Payload { size, .. } = error else { return };
        let Some((subject, block)) = headers_of(rest) else { return };
        let account = self.rules.stated.trace.as_ref();
        if let Wish::Trace(plan) = Wish::of(block, account, true, &mut delivery.rng)
            && self.refuses_reports_to(&plan.destination, delivery).is_none()
        {
            let mut trace = self.begin_trace(plan, subject, size);
            trace.refused(MAX_PAYLOAD);
            trace.end(&self.broker, delivery);
        }
    }
}

const MAX_PAYLOAD: &str = "maximum payload exceeded";

/// The subject of the `HPUB` that `rest` begins with, and what is there of its headers.
fn headers_of(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', rest)?;
    let mut words = rest[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next().filter(|verb| verb.eq_ignore_ascii_case(b"HPUB"))?;
    let subject = words.next().filter(|subject| is_valid_literal(subject))?;
    let len = words.rev().nth(1).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok())?;
    let block = &rest[end + 1..];
    Some((subject, &block[..block.len().min(len)]))
}

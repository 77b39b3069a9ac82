//! Publishing: from the bytes of a `PUB` to the blocks of those who want it.
//!
//! Consecutive publishes to one subject are taken as a run: recognised by their first bytes,
//! counted once, and appended target by target.

use std::rc::Rc;

use vagus_subject::is_valid_literal;
use vagus_subject::transform::Resolved;
use vagus_wire::{Publish, encode, route, text};

use super::Connection;
use super::operate::{Next, Tally, WORK_MAX};
use super::rights::{Leave, reserved};
use crate::delivery::batch::Run;
use crate::delivery::cache::{Found, Match, Want};
use crate::delivery::desk::Delivery;
use crate::delivery::{Reason, Scope, Target, spread};

/// The subject published to last.
pub(super) struct Last {
    /// `PUB <subject> ` as the client spells it.
    head: Vec<u8>,
    found: Rc<Match>,
}

/// One message on its way, whatever it came from.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub subject: &'a [u8],
    pub publish: &'a Publish<'a>,
}

/// From this size a message is sent from where it lies instead of being copied.
const LARGE: usize = 16 << 10;
/// Messages that a run may have whatever their fan-out.
const RUN_MIN: usize = 16;

impl Connection {
    /// Takes all publishes at `at` that repeat the last subject; returns where they end.
    #[inline]
    pub(super) fn publish_repeats(
        &mut self,
        input: &[u8],
        at: usize,
        delivery: &mut Delivery,
        tally: &mut Tally,
    ) -> usize {
        let Some(last) = &mut self.last else { return at };
        let payload_max = self.rights.payload_max;
        let mut spans = std::mem::take(&mut delivery.spans);
        // A wide fan-out is worked on in short runs, so that a turn can end between them.
        let most = (WORK_MAX as usize / 4 / last.found.width().max(1)).max(RUN_MIN);
        let (end, payload) = Run::gather(&mut spans, input, at, &last.head, payload_max, most);
        if !spans.is_empty() {
            if !last.found.is_current(&self.realm.interest) {
                last.renew(&self.realm.interest, delivery);
                if last.found.one_by_one {
                    delivery.spans = spans;
                    self.last = None;
                    return at;
                }
            }
            let found = Rc::clone(&last.found);
            tally.msgs += spans.len() as u64;
            tally.bytes += payload;
            self.deliver_run(&found, input, Run { spans: &spans, payload }, delivery);
        }
        delivery.spans = spans;
        end
    }

    fn deliver_run(&self, found: &Match, input: &[u8], run: Run<'_>, delivery: &mut Delivery) {
        for want in &found.plain {
            if self.is_own_echo(&want.sub.target) {
                continue;
            }
            if let Some(run) = run.claim(&want.sub) {
                delivery.batch.run(&want.sub.target, &found.head(want)[1..], input, run);
            }
        }
        for group in &found.queues {
            for span in run.spans {
                if let Some(want) = self.choose(group, &mut delivery.rng) {
                    let tail = &input[span.start as usize..span.end as usize];
                    let head = &found.head(want)[1..];
                    delivery.batch.message(&want.sub.target, head, tail, span.size as usize);
                }
            }
        }
    }

    /// A member of the group that takes one message, each with the same chance.
    #[inline]
    fn choose<'a>(&self, group: &'a [Want], rng: &mut fastrand::Rng) -> Option<&'a Want> {
        spread::choose(group, rng, |want| {
            let target = &want.sub.target;
            target.is_open() && !self.is_own_echo(target) && want.sub.claim(1) == 1
        })
    }

    #[inline]
    pub(super) fn is_own_echo(&self, target: &Target) -> bool {
        match target {
            Target::Connection(out) => !self.client.connect.echo && out.cid == self.out.cid,
            _ => false,
        }
    }

    /// One publish from the general parser; `rest` starts with its bytes.
    pub(super) fn publish(
        &mut self,
        publish: &Publish<'_>,
        rest: &[u8],
        delivery: &mut Delivery,
        tally: &mut Tally,
    ) -> Next {
        if publish.has_headers && !self.client.connect.headers {
            tracing::error!("{}message headers not supported", self.prefix());
            return Next::End(None, Reason::MessageHeaderViolation);
        }
        tally.msgs += 1;
        tally.bytes += publish.payload.len() as u64;
        if self.client.connect.pedantic && !is_valid_literal(publish.subject) {
            self.complain(text::INVALID_PUBLISH, delivery);
        }
        if self.may_be_traced(publish) && self.publish_wish(publish, delivery) {
            return Next::Go;
        }
        self.publish_as_mapped(publish, Some(rest), delivery);
        Next::Go
    }

    /// The same with its subject mapped. `rest` is there where that may begin a run.
    pub(super) fn publish_as_mapped(
        &mut self,
        publish: &Publish<'_>,
        rest: Option<&[u8]>,
        delivery: &mut Delivery,
    ) {
        if self.rules.mappings.is_empty() {
            self.publish_to(publish.subject, publish, rest, delivery);
        } else {
            self.publish_mapped(publish, rest, delivery);
        }
    }

    /// Publishes if that is allowed. What counts is where the message goes, not what the client
    /// calls it.
    fn publish_to(
        &mut self,
        subject: &[u8],
        publish: &Publish<'_>,
        rest: Option<&[u8]>,
        delivery: &mut Delivery,
    ) {
        let leave = self.may_publish(subject, delivery);
        if leave == Leave::Refused {
            return;
        }
        if let Some(why) = reserved(subject, publish.reply) {
            return self.complain(&why, delivery);
        }
        self.confirm(delivery);
        self.route(subject, publish, rest.filter(|_| leave == Leave::Given), delivery);
    }

    fn publish_mapped(
        &mut self,
        publish: &Publish<'_>,
        rest: Option<&[u8]>,
        delivery: &mut Delivery,
    ) {
        let (settings, rules) = (self.settings.clone(), self.rules.clone());
        let cluster = settings.cluster.as_deref();
        match rules.mappings.resolve(publish.subject, cluster, &mut delivery.rng) {
            Resolved::Drop => self.confirm(delivery),
            Resolved::To(subject) => self.publish_to(&subject, publish, None, delivery),
            Resolved::Same => {
                let fast = rest.filter(|_| !rules.mappings.touches(publish.subject));
                self.publish_to(publish.subject, publish, fast, delivery);
            }
        }
    }

    /// Finds who wants the message, and gives it to them. With `rest`, the subject is remembered
    /// for the publishes that follow.
    fn route(
        &mut self,
        subject: &[u8],
        publish: &Publish<'_>,
        rest: Option<&[u8]>,
        delivery: &mut Delivery,
    ) {
        let message = Message { subject, publish };
        if self.realm.returns.any() && self.give_back(message, delivery) {
            return;
        }
        let Delivery { cache, batch, frame, rng, .. } = delivery;
        let mut hands = Hands { batch, frame, rng };
        let mut bridges = Vec::new();
        let mut delivered = match cache.find(&self.realm.interest, subject) {
            Found::Once(found) => {
                bridges.clone_from(&found.bridges);
                self.deliver(found, message, &mut hands)
            }
            Found::Kept(found) => {
                let delivered = self.deliver(&found, message, &mut hands);
                bridges.clone_from(&found.bridges);
                if let (Some(rest), Some(tail)) = (rest, publish.tail) {
                    self.remember(publish, rest, tail, found);
                }
                delivered
            }
        };
        if !bridges.is_empty() {
            delivered += self.cross(&bridges, message, delivery);
        }
        if delivered == 0 {
            self.tell_no_responders(message, delivery);
        }
    }

    fn remember(&mut self, publish: &Publish<'_>, rest: &[u8], tail: &[u8], found: Rc<Match>) {
        if publish.has_headers || self.settings.trace || self.client.connect.verbose {
            return;
        }
        // A run is handed over as it came.
        if found.one_by_one {
            return;
        }
        if let Some(last) = &mut self.last
            && Rc::ptr_eq(&last.found, &found)
        {
            return;
        }
        // The tail is a part of `rest`: what lies before it is the head.
        let from_start = rest.len() - (rest.as_ptr_range().end as usize - tail.as_ptr() as usize);
        let head = &rest[..from_start];
        match &mut self.last {
            Some(last) => {
                last.head.clear();
                last.head.extend_from_slice(head);
                last.found = found;
            }
            None => self.last = Some(Box::new(Last { head: head.to_vec(), found })),
        }
    }

    /// Gives one message to everyone in `found`; the answer is how many got it.
    pub(super) fn deliver(
        &self,
        found: &Match,
        message: Message<'_>,
        hands: &mut Hands<'_>,
    ) -> usize {
        if found.routed_queues {
            return self.spread(found, message, hands);
        }
        let mut delivered = 0;
        for want in &found.plain {
            if !self.is_own_echo(&want.sub.target) && want.sub.claim(1) == 1 {
                self.hand(found, want, message, hands);
                delivered += 1;
            }
        }
        for group in &found.queues {
            if let Some(want) = self.choose(group, hands.rng) {
                self.hand(found, want, message, hands);
                delivered += 1;
            }
        }
        delivered
    }

    /// The same, where members of queue groups are at other servers.
    #[cold]
    fn spread(&self, found: &Match, message: Message<'_>, hands: &mut Hands<'_>) -> usize {
        let takes = |want: &Want| {
            let target = &want.sub.target;
            target.is_open() && !self.is_own_echo(target) && want.sub.claim(1) == 1
        };
        let mut rng = hands.rng.fork();
        spread::spread(found, Scope::ALL, &mut rng, takes, |want, groups| {
            self.hand_on(found, want, groups, message, hands);
        })
    }

    /// Gives one message to `want`, for members of these groups where that is another server.
    pub(super) fn hand_on(
        &self,
        found: &Match,
        want: &Want,
        groups: &[&[u8]],
        message: Message<'_>,
        hands: &mut Hands<'_>,
    ) {
        if groups.is_empty() {
            return self.hand(found, want, message, hands);
        }
        let publish = message.publish;
        if let Target::Leaf(lane) = &want.sub.target {
            let post = message.post();
            let size = lane.write(hands.frame, message.subject, groups, &post);
            return hands.batch.message(&want.sub.target, &[], hands.frame, size);
        }
        let mut head = Vec::with_capacity(128);
        route::groups(&mut head, groups);
        let verb = if publish.has_headers { 0 } else { 1 };
        head.extend_from_slice(&found.head(want)[verb..]);
        let target = &want.sub.target;
        if let Some(tail) = publish.tail {
            hands.batch.message(target, &head, tail, publish.payload.len());
        } else {
            let header_len = publish.has_headers.then_some(publish.header_len);
            hands.frame.clear();
            encode::tail(hands.frame, publish.reply, header_len, publish.payload);
            hands.batch.message(target, &head, hands.frame, publish.payload.len());
        }
    }

    pub(super) fn hand(
        &self,
        found: &Match,
        want: &Want,
        message: Message<'_>,
        hands: &mut Hands<'_>,
    ) {
        let publish = message.publish;
        let target = &want.sub.target;
        let head = found.head(want);
        let strip = publish.has_headers && !target.takes_headers();
        if self.settings.trace {
            self.trace_delivery(head, publish, strip);
        }
        if let Target::Actor(feed) = target
            && feed.names_origin(message.subject)
        {
            return self.hand_signed(head, target, publish, hands);
        }
        if let (Some(reply), Target::Connection(out)) = (publish.reply, target)
            && out.tracks_answers()
        {
            out.expect_answer(reply);
        }
        let verb = if publish.has_headers && !strip { head } else { &head[1..] };
        match publish.tail {
            Some(tail) if !strip && tail.len() >= LARGE => {
                hands.batch.large(target, verb, tail, publish.payload.len());
            }
            Some(tail) if !strip => {
                hands.batch.message(target, verb, tail, publish.payload.len());
            }
            _ => {
                let (header_len, payload) = match (publish.has_headers, strip) {
                    (true, false) => (Some(publish.header_len), publish.payload),
                    (true, true) => (None, publish.body()),
                    (false, _) => (None, publish.payload),
                };
                hands.frame.clear();
                encode::message(hands.frame, head, publish.reply, header_len, payload);
                hands.batch.message(target, &[], hands.frame, payload.len());
            }
        }
    }

    /// The 503 to a requester whom nobody hears.
    pub(super) fn tell_no_responders(&self, message: Message<'_>, delivery: &mut Delivery) {
        let Some(reply) = message.publish.reply.filter(|_| self.client.connect.no_responders)
        else {
            return;
        };
        let Delivery { cache, batch, frame, .. } = delivery;
        let kept;
        let found = match cache.find(&self.realm.interest, reply) {
            Found::Once(found) => found,
            Found::Kept(found) => {
                kept = found;
                &kept
            }
        };
        // It is no message: an auto-unsubscribe does not count it.
        let Some(want) = found.plain_of(self.out.cid) else {
            return;
        };
        let block = encode::no_responders_headers(message.subject);
        frame.clear();
        encode::message(frame, found.head(want), None, Some(block.len()), &block);
        batch.text(&want.sub.target, frame);
    }
}

/// The parts of a desk that a delivery needs besides the cache, which lent the match.
pub(super) struct Hands<'a> {
    pub batch: &'a mut crate::delivery::Batch,
    pub frame: &'a mut Vec<u8>,
    pub rng: &'a mut fastrand::Rng,
}

// === impl Last ===

impl Last {
    pub(super) fn is_current(&self, interest: &crate::delivery::Interest) -> bool {
        self.found.is_current(interest)
    }

    /// Reads who wants the subject again: the interest has changed.
    fn renew(&mut self, interest: &crate::delivery::Interest, delivery: &mut Delivery) {
        let subject = self.head.strip_suffix(b" ").unwrap_or(&self.head);
        let start = memchr::memrchr2(b' ', b'\t', subject).map_or(0, |n| n + 1);
        self.found = match delivery.cache.find(interest, &subject[start..]) {
            Found::Kept(found) => found,
            Found::Once(_) => {
                let mut found = Match::default();
                let subject = &subject[start..];
                interest.collect(subject, &mut found);
                Rc::new(found)
            }
        };
    }
}

// === impl Target ===

impl Target {
    /// Whether what is given to it can still arrive.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Connection(out) => out.is_open(),
            Self::Route(lane) => lane.out().is_open(),
            Self::Leaf(lane) => lane.out.is_open(),
            Self::Actor(_) | Self::Bridge(_) => true,
        }
    }

    /// Whether each message to `subject` has to be looked at before it is given to it.
    pub(crate) fn looks_at(&self, subject: &[u8]) -> bool {
        match self {
            Self::Connection(out) => out.tracks_answers(),
            // It is told who the message comes from.
            Self::Actor(feed) => feed.names_origin(subject),
            Self::Bridge(_) => true,
            Self::Route(_) | Self::Leaf(_) => false,
        }
    }

    /// Whether messages with headers can be given to it.
    #[inline]
    #[must_use]
    pub fn takes_headers(&self) -> bool {
        match self {
            Self::Connection(out) => out.takes_headers(),
            Self::Leaf(lane) => lane.out.takes_headers(),
            Self::Actor(_) | Self::Bridge(_) | Self::Route(_) => true,
        }
    }
}

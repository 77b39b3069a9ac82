//! Publishing from an actor of the server: from its thread's desk straight to everyone who
//! subscribes, the way of every publish.

use std::rc::Rc;
use std::sync::Arc;

use vagus_runtime::ArbiterId;
use vagus_wire::{encode, route};

use super::cache::{Found, Match, Want};
use super::desk::Delivery;
use super::trace::Way;
use super::{Bridge, Counters, Desk, Speaker, Sub, Target, Trace, spread};
use crate::broker::Broker;
use crate::realm::Realm;

/// The way out of one turn of an actor. See [`turn`].
pub struct Outlet<'a> {
    pub(super) realm: &'a Realm,
    pub(super) delivery: &'a mut Delivery,
    speaker: Speaker<'a>,
    /// Of the message that is sent, if it is traced.
    trace: Option<&'a mut Trace>,
    /// Bridges crossed on the way here.
    crossings: usize,
    /// Messages that somebody was given.
    pub delivered: u64,
}

/// A message to be sent.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// The subject that receivers are shown.
    pub subject: &'a [u8],
    pub reply: Option<&'a [u8]>,
    /// A whole header block, from `NATS/1.0` to the empty line.
    pub headers: Option<&'a [u8]>,
    pub payload: &'a [u8],
}

/// From this size a message is sent from where it lies instead of being copied again.
const LARGE: usize = 16 << 10;

/// Lends this thread's desk for one turn of an actor that lives on `arbiter` and speaks in `realm`.
/// What it sends leaves at the end of the turn, one write for each receiver. Turns do not nest:
/// within one, no other may begin.
pub fn turn<R>(
    broker: &Broker,
    realm: &Realm,
    arbiter: ArbiterId,
    work: impl FnOnce(&mut Outlet<'_>) -> R,
) -> R {
    let counters = &broker.counters[arbiter.index().unwrap_or(0) % broker.counters.len()];
    Desk::with(|desk| {
        let mut outlet = Outlet::begin(broker, realm, &mut desk.delivery);
        let result = work(&mut outlet);
        outlet.flush(counters);
        result
    })
}

// === impl Outlet ===

impl<'a> Outlet<'a> {
    /// For a caller who holds the desk.
    pub(crate) fn begin(broker: &Broker, realm: &'a Realm, delivery: &'a mut Delivery) -> Self {
        // An actor does not wait for slow readers.
        delivery.batch.begin(usize::MAX, usize::MAX);
        delivery.batch.dated(broker.now_ns());
        Self::of(realm, delivery, Speaker::Server)
    }

    /// The way out of a message of `speaker`, in the middle of its turn.
    pub(crate) fn of(realm: &'a Realm, delivery: &'a mut Delivery, speaker: Speaker<'a>) -> Self {
        Self { realm, delivery, speaker, trace: None, crossings: 0, delivered: 0 }
    }

    /// The way out in another realm.
    pub(super) fn across<'b>(&'b mut self, realm: &'b Realm, speaker: Speaker<'b>) -> Outlet<'b> {
        let crossings = self.crossings + 1;
        Outlet { crossings, ..Outlet::of(realm, self.delivery, speaker) }
    }

    /// The same way out, for a message that is traced.
    #[must_use]
    pub fn traced(self, trace: Option<&'a mut Trace>) -> Self {
        Self { trace, ..self }
    }

    pub(super) fn take_trace(&mut self) -> Option<&'a mut Trace> {
        self.trace.take()
    }

    pub(super) fn put_trace(&mut self, trace: Option<&'a mut Trace>) {
        self.trace = trace;
    }

    pub(super) fn speaker(&self) -> Speaker<'a> {
        self.speaker
    }

    pub(super) fn crossings(&self) -> usize {
        self.crossings
    }

    pub(super) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.delivery.rng
    }

    /// Takes a message to `subject` across bridges; the answer is how many got it.
    #[cold]
    pub(crate) fn cross(
        &mut self,
        bridges: &[Arc<Bridge>],
        subject: &[u8],
        post: &Post<'_>,
    ) -> usize {
        bridges.iter().map(|bridge| bridge.cross(subject, post, self)).sum()
    }

    pub(crate) fn delivery(&mut self) -> &mut Delivery {
        self.delivery
    }

    /// Speaks in another realm, within the same turn.
    pub fn within<R>(&mut self, realm: &Realm, work: impl FnOnce(&mut Outlet<'_>) -> R) -> R {
        work(&mut Outlet::of(realm, self.delivery, Speaker::Server))
    }

    /// Hands over all that was sent.
    pub(crate) fn flush(&mut self, counters: &Counters) {
        self.delivery.batch.flush();
        let (msgs, bytes, lookups) = self.delivery.take_counts();
        Counters::add(&counters.out_msgs, msgs);
        Counters::add(&counters.out_bytes, bytes);
        Counters::add(&counters.lookups, lookups);
    }

    /// Gives the message to everyone who wants its subject: every plain subscription, one member
    /// of each queue group. The answer is how many got it.
    pub fn publish(&mut self, post: Post<'_>) -> usize {
        self.send(post.subject, post, None)
    }

    /// Gives the message to other servers of the cluster alone, for those who want it there. The
    /// answer is how many servers got it.
    pub fn publish_away(&mut self, post: Post<'_>) -> usize {
        self.found(post.subject, |found, (batch, frame, rng)| {
            frame.clear();
            post.write_tail(frame);
            let mut parcel = Parcel::new(&post, post.subject, None, frame, batch);
            let takes = |want: &Want| want.sub.target.is_route() && want.sub.claim(1) == 1;
            spread::spread(found, rng, takes, |want, groups| parcel.hand(found, want, groups))
        })
    }

    /// Gives the message to everyone who wants `to`, but shows them the subject of the message.
    pub fn deliver(&mut self, to: &[u8], post: Post<'_>) -> usize {
        self.send(to, post, Some(post.subject))
    }

    /// Tells whoever waits at `reply` that nobody hears `subject`, as the server does for a
    /// request without responders.
    pub fn refuse(&mut self, reply: &[u8], subject: &[u8]) {
        let block = encode::no_responders_headers(subject);
        self.publish(Post { subject: reply, reply: None, headers: Some(&block), payload: b"" });
    }

    /// Whether anybody wants `subject`; with `group`, whether a member of that queue group does.
    pub fn interested(&mut self, subject: &[u8], group: Option<&[u8]>) -> bool {
        let open = |want: &Want| want.sub.is_open();
        self.found(subject, |found, _| match group {
            None => {
                found.plain.iter().chain(found.queues.iter().flatten()).any(open)
                    || found.bridges.iter().any(|bridge| bridge.leads_on(subject))
            }
            Some(name) => {
                let mut members = found.queues.iter().flatten();
                members.any(|want| want.sub.queue() == Some(name) && open(want))
            }
        })
    }

    /// The same, but of subscriptions to just this subject: one with wildcards does not count, and
    /// without `group` neither does that of a queue group.
    pub fn bound(&mut self, subject: &[u8], group: Option<&[u8]>) -> bool {
        let open = |want: &Want| want.sub.is_open() && want.sub.subject() == subject;
        self.found(subject, |found, _| match group {
            None => found.plain.iter().any(open),
            Some(name) => {
                let mut members = found.queues.iter().flatten();
                members.any(|want| want.sub.queue() == Some(name) && open(want))
            }
        })
    }

    fn found<R>(
        &mut self,
        subject: &[u8],
        see: impl FnOnce(&Match, (&mut super::Batch, &mut Vec<u8>, &mut fastrand::Rng)) -> R,
    ) -> R {
        let Delivery { cache, batch, frame, rng, .. } = &mut *self.delivery;
        let kept: Rc<Match>;
        let found = match cache.find_inbox(&self.realm.interest, subject) {
            Found::Once(found) => found,
            Found::Kept(found) => {
                kept = found;
                &kept
            }
        };
        see(found, (batch, frame, rng))
    }

    /// Gives a message that came from another server to those of this one: plain subscriptions to
    /// `to`, and a member of each of these groups.
    pub fn take_in(&mut self, to: &[u8], groups: &[&[u8]], post: Post<'_>) -> usize {
        let shown = (to != post.subject).then_some(post.subject);
        if let Some(trace) = self.trace.take() {
            return self.send_whole(trace, Way { to, shown, near: Some(Near(groups)) }, &post);
        }
        let (mut delivered, bridges) = self.found(to, |found, (batch, frame, rng)| {
            frame.clear();
            post.write_tail(frame);
            let mut parcel = Parcel::new(&post, to, shown, frame, batch);
            let near = |want: &Want| !want.sub.target.is_route();
            let takes = |want: &Want| near(want) && want.sub.claim(1) == 1;
            let plain = found.plain.iter().filter(|want| takes(want));
            let named = |group: &&Vec<Want>| {
                group[0].sub.queue().is_some_and(|name| groups.contains(&name))
            };
            let chosen = found.queues.iter().filter(named).filter_map(|group| {
                let group = &group[..group.partition_point(near)];
                if group.is_empty() { None } else { spread::choose(group, rng, takes) }
            });
            let delivered = plain.chain(chosen).map(|want| parcel.hand(found, want, &[])).count();
            (delivered, found.bridges.clone())
        });
        // Requests have crossed into other accounts where they were made.
        let back: Vec<_> = bridges.into_iter().filter(|bridge| bridge.leads_back()).collect();
        if !back.is_empty() {
            delivered += self.cross(&back, to, &post);
        }
        self.delivered += delivered as u64;
        delivered
    }

    /// Sends a traced message; what has to be noted is more than how many got it.
    #[cold]
    fn send_whole(&mut self, trace: &'a mut Trace, way: Way<'_>, post: &Post<'_>) -> usize {
        let (mut delivered, mut bridges) = self.send_traced(trace, way, post);
        if way.near.is_some() {
            bridges.retain(|bridge| bridge.leads_back());
        }
        self.trace = Some(trace);
        delivered += self.cross(&bridges, way.to, post);
        self.delivered += delivered as u64;
        delivered
    }

    fn send(&mut self, to: &[u8], post: Post<'_>, shown: Option<&[u8]>) -> usize {
        if let Some(trace) = self.trace.take() {
            return self.send_whole(trace, Way { to, shown, near: None }, &post);
        }
        let (mut delivered, bridges) = self.found(to, |found, (batch, frame, rng)| {
            if found.is_empty() {
                return (0, Vec::new());
            }
            frame.clear();
            post.write_tail(frame);
            let mut parcel = Parcel::new(&post, to, shown, frame, batch);
            let takes = |want: &Want| want.sub.claim(1) == 1;
            if found.routed_queues {
                let give = |want, groups: &[&[u8]]| parcel.hand(found, want, groups);
                return (spread::spread(found, rng, takes, give), found.bridges.clone());
            }
            let plain = found.plain.iter().filter(|want| takes(want));
            let chosen = found.queues.iter().filter_map(|group| spread::choose(group, rng, takes));
            let delivered = plain.chain(chosen).map(|want| parcel.hand(found, want, &[])).count();
            (delivered, found.bridges.clone())
        });
        if !bridges.is_empty() {
            delivered += self.cross(&bridges, to, &post);
        }
        self.delivered += delivered as u64;
        delivered
    }
}

/// Who takes a message that came from another server: those of this one, and members of the groups
/// that it is for.
#[derive(Clone, Copy)]
pub(super) struct Near<'a>(&'a [&'a [u8]]);

impl Near<'_> {
    pub(super) fn takes(self, sub: &Sub) -> bool {
        !sub.target.is_route() && sub.queue().is_none_or(|queue| self.0.contains(&queue))
    }
}

/// One message on its way to several targets.
pub(super) struct Parcel<'a> {
    post: &'a Post<'a>,
    /// The subject that was subscribed to.
    to: &'a [u8],
    /// The subject to show, where it is not the one that was subscribed to.
    shown: Option<&'a [u8]>,
    /// What follows the head of every delivery.
    tail: &'a [u8],
    /// The same without headers, once somebody needed it.
    bare: Option<Vec<u8>>,
    batch: &'a mut super::Batch,
}

impl<'a> Parcel<'a> {
    /// `tail` is what [`Post::write_tail`] has written.
    pub(super) fn new(
        post: &'a Post<'a>,
        to: &'a [u8],
        shown: Option<&'a [u8]>,
        tail: &'a [u8],
        batch: &'a mut super::Batch,
    ) -> Self {
        Self { post, to, shown, tail, bare: None, batch }
    }

    pub(super) fn hand(&mut self, found: &Match, want: &Want, groups: &[&[u8]]) {
        if want.sub.target.is_route() && !(groups.is_empty() && self.shown.is_none()) {
            return self.hand_to_server(found, want, groups);
        }
        let renamed;
        let head = match self.shown {
            None => found.head(want),
            Some(subject) => {
                renamed = [b"HMSG ", subject, b" ", want.sub.sid(), b" "].concat();
                &renamed[..]
            }
        };
        let target = &want.sub.target;
        let Post { headers, payload, .. } = *self.post;
        if let (Some(reply), Target::Connection(out)) = (self.post.reply, target)
            && out.tracks_answers()
        {
            out.expect_answer(reply);
        }
        let (verb, tail, size) = match headers {
            None => (&head[1..], self.tail, payload.len()),
            Some(block) if target.takes_headers() => (head, self.tail, block.len() + payload.len()),
            Some(_) => {
                let post = Post { headers: None, ..*self.post };
                let bare = self.bare.get_or_insert_with(|| {
                    let mut bare = Vec::new();
                    post.write_tail(&mut bare);
                    bare
                });
                (&head[1..], &**bare, payload.len())
            }
        };
        if tail.len() >= LARGE {
            self.batch.large(target, verb, tail, size);
        } else {
            self.batch.message(target, verb, tail, size);
        }
    }
}

impl Parcel<'_> {
    /// Tells the other server what it would not know of the message by itself.
    fn hand_to_server(&mut self, found: &Match, want: &Want, groups: &[&[u8]]) {
        let mut head = Vec::with_capacity(128);
        if !groups.is_empty() {
            route::groups(&mut head, groups);
        }
        let verb = usize::from(self.post.headers.is_none());
        match self.shown {
            None => head.extend_from_slice(&found.head(want)[verb..]),
            Some(subject) => {
                route::to(&mut head, self.to);
                for part in [&b"HPUB "[verb..], subject, b" "] {
                    head.extend_from_slice(part);
                }
            }
        }
        let size = self.post.headers.map_or(0, <[u8]>::len) + self.post.payload.len();
        self.batch.message(&want.sub.target, &head, self.tail, size);
    }
}

impl Post<'_> {
    /// `[reply ][header length ]size`, CR LF, and the content.
    pub(super) fn write_tail(&self, out: &mut Vec<u8>) {
        if let Some(reply) = self.reply {
            out.extend_from_slice(reply);
            out.push(b' ');
        }
        let block = self.headers.unwrap_or_default();
        if self.headers.is_some() {
            encode::number(out, block.len());
            out.push(b' ');
        }
        encode::number(out, block.len() + self.payload.len());
        for part in [b"\r\n", block, self.payload, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_protocol() {
        let tail = |reply, headers, payload| {
            let mut out = Vec::new();
            Post { subject: b"", reply, headers, payload }.write_tail(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(tail(None, None, b"hi"), "2\r\nhi\r\n");
        assert_eq!(tail(Some(b"r"), None, b""), "r 0\r\n\r\n");
        let headers = b"NATS/1.0\r\nA: 1\r\n\r\n";
        assert_eq!(
            tail(Some(b"r"), Some(headers), b"x"),
            "r 18 19\r\nNATS/1.0\r\nA: 1\r\n\r\nx\r\n"
        );
    }
}

//! Publishing from an actor of the server: from its thread's desk straight to everyone who
//! subscribes, the way of every publish.

use std::rc::Rc;
use std::sync::Arc;

use vagus_runtime::ArbiterId;
use vagus_wire::{encode, route};

use super::cache::{Found, Match, Want};
use super::desk::Delivery;
use super::{Bridge, Counters, Desk, Speaker, Target, spread};
use crate::broker::Broker;
use crate::realm::Realm;

/// The way out of one turn of an actor. See [`turn`].
pub struct Outlet<'a> {
    realm: &'a Realm,
    delivery: &'a mut Delivery,
    speaker: Speaker<'a>,
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
        Self { realm, delivery, speaker: Speaker::Server, crossings: 0, delivered: 0 }
    }

    /// The way out of a message of `speaker`, in the middle of its turn.
    pub(crate) fn of(realm: &'a Realm, delivery: &'a mut Delivery, speaker: Speaker<'a>) -> Self {
        Self { realm, delivery, speaker, crossings: 0, delivered: 0 }
    }

    /// The way out in another realm.
    pub(super) fn across<'b>(&'b mut self, realm: &'b Realm, speaker: Speaker<'b>) -> Outlet<'b> {
        let crossings = self.crossings + 1;
        Outlet { realm, delivery: self.delivery, speaker, crossings, delivered: 0 }
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
            write_tail(frame, &post);
            let (to, tail) = (post.subject, &**frame);
            let mut parcel = Parcel { post: &post, to, shown: None, tail, bare: None, batch };
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
        let (mut delivered, bridges) = self.found(to, |found, (batch, frame, rng)| {
            frame.clear();
            write_tail(frame, &post);
            let mut parcel = Parcel { post: &post, to, shown, tail: frame, bare: None, batch };
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

    fn send(&mut self, to: &[u8], post: Post<'_>, shown: Option<&[u8]>) -> usize {
        let (mut delivered, bridges) = self.found(to, |found, (batch, frame, rng)| {
            if found.is_empty() {
                return (0, Vec::new());
            }
            frame.clear();
            write_tail(frame, &post);
            let mut parcel = Parcel { post: &post, to, shown, tail: frame, bare: None, batch };
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

/// One message on its way to several targets.
struct Parcel<'a> {
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

impl Parcel<'_> {
    fn hand(&mut self, found: &Match, want: &Want, groups: &[&[u8]]) {
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
                    write_tail(&mut bare, &post);
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

/// `[reply ][header length ]size`, CR LF, and the content.
fn write_tail(out: &mut Vec<u8>, post: &Post<'_>) {
    if let Some(reply) = post.reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    let block = post.headers.unwrap_or_default();
    if post.headers.is_some() {
        encode::number(out, block.len());
        out.push(b' ');
    }
    encode::number(out, block.len() + post.payload.len());
    for part in [b"\r\n", block, post.payload, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_protocol() {
        let tail = |reply, headers, payload| {
            let mut out = Vec::new();
            write_tail(&mut out, &Post { subject: b"", reply, headers, payload });
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

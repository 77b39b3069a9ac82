//! Publishing from an actor of the server: from its thread's desk straight to everyone who
//! subscribes, the way of every publish.

mod parcel;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use vagus_runtime::ArbiterId;
use vagus_wire::encode;

pub(super) use self::parcel::Parcel;
use super::cache::{Found, Match, Want};
use super::desk::Delivery;
use super::returns::Return;
use super::spread::{self, Reach, Scope};
use super::trace::Way;
use super::{Bridge, Counters, Desk, Lane, LeafLane, Origin, Speaker, Target, Trace};
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

/// How a message came from another server.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    /// The subject that was subscribed to.
    pub to: &'a [u8],
    /// The queue groups of which a member is to get it.
    pub groups: &'a [&'a [u8]],
    /// Leads back to where it came from.
    pub lane: &'a Arc<Lane>,
    /// The leaf cluster that it came from in the first place.
    pub origin: Option<&'a Arc<Origin>>,
    /// The cluster that answers are for, where that is another than the server's.
    pub back: Option<&'a str>,
    /// The cluster that it is to be taken on to, as an answer.
    pub forward: Option<&'a str>,
}

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
            let give = |want, groups: &[&[u8]]| parcel.hand(found, want, groups);
            spread::spread(found, Scope::ALL, rng, takes, give)
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

    /// The same, for a message of this leaf cluster.
    fn found_from<R>(
        &mut self,
        origin: Option<&Arc<Origin>>,
        subject: &[u8],
        see: impl FnOnce(&Match, (&mut super::Batch, &mut Vec<u8>, &mut fastrand::Rng)) -> R,
    ) -> R {
        self.delivery.batch.comes_from(origin.cloned());
        let seen = self.found(subject, see);
        self.delivery.batch.comes_from(None);
        seen
    }

    /// Gives a message that came from another server to those whom that one leaves to this: plain
    /// subscriptions, and a member of each of the groups that are named. The answer is how many
    /// got it.
    pub fn take_in(&mut self, arrival: &Arrival<'_>, post: Post<'_>) -> usize {
        let Arrival { to, groups, lane, origin, back, forward } = *arrival;
        let from = lane.cluster();
        if let Some(reply) = post.reply
            && let Some(cluster) = from.cloned().or_else(|| back.map(Arc::from))
        {
            let way = Return { lane: Arc::clone(lane), cluster };
            self.realm.returns.note(reply, way, Instant::now());
        }
        let reach = Reach::behind(from.map(|cluster| &**cluster));
        let scope = Scope { reach, groups: Some(groups), origin };
        let shown = (to != post.subject).then_some(post.subject);
        if let Some(trace) = self.trace.take() {
            return self.send_whole(trace, Way { to, shown, scope }, &post);
        }
        let (mut delivered, bridges) = self.found_from(origin, to, |found, (batch, frame, rng)| {
            frame.clear();
            post.write_tail(frame);
            let mut parcel = Parcel::new(&post, to, shown, frame, batch);
            parcel.back = from.map(|cluster| cluster.as_bytes());
            let takes = |want: &Want| want.sub.claim(1) == 1;
            let give = |want, groups: &[&[u8]]| parcel.hand(found, want, groups);
            (spread::spread(found, scope, rng, takes, give), found.bridges.clone())
        });
        // Requests have crossed into other accounts where they were made.
        let back: Vec<_> = bridges.into_iter().filter(|bridge| bridge.leads_back()).collect();
        if !back.is_empty() {
            delivered += self.cross(&back, to, &post);
        }
        if let Some(cluster) = forward {
            delivered += self.forward(cluster, to, &post);
        }
        self.delivered += delivered as u64;
        delivered
    }

    /// Takes an answer on to the cluster that the request came from: by the link that it came by,
    /// else by the one that leads there.
    fn forward(&mut self, cluster: &str, to: &[u8], post: &Post<'_>) -> usize {
        let shown = (to != post.subject).then_some(post.subject);
        let known = self.realm.returns.find(to, Instant::now());
        let known = known.filter(|way| &*way.cluster == cluster && way.lane.cluster().is_some());
        self.found(to, |found, (batch, frame, _)| {
            let leads = |want: &&Want| want.sub.target.cluster().is_some_and(|to| &**to == cluster);
            let lane = match (known, found.plain.iter().find(leads).map(|want| &want.sub.target)) {
                (Some(way), _) => way.lane,
                (None, Some(Target::Route(lane))) => Arc::clone(lane),
                _ => return 0,
            };
            frame.clear();
            post.write_tail(frame);
            Parcel::new(post, to, shown, frame, batch).hand_back(&lane, None);
            1
        })
    }

    /// Sends a traced message; what has to be noted is more than how many got it.
    #[cold]
    fn send_whole(&mut self, trace: &'a mut Trace, way: Way<'_>, post: &Post<'_>) -> usize {
        let (mut delivered, mut bridges) = self.send_traced(trace, way, post);
        if way.scope.reach < Reach::World {
            bridges.retain(|bridge| bridge.leads_back());
        }
        self.trace = Some(trace);
        delivered += self.cross(&bridges, way.to, post);
        self.delivered += delivered as u64;
        delivered
    }

    /// Gives a message that came over a leaf link to everyone but those whom the other end reaches
    /// by itself: plain subscriptions to `to`, and a member of each of these groups, or, where
    /// there are none to go by, of every group.
    pub fn take_over(
        &mut self,
        from: &LeafLane,
        to: &[u8],
        groups: Option<&[&[u8]]>,
        post: Post<'_>,
    ) -> usize {
        let shown = (to != post.subject).then_some(post.subject);
        let origin = from.origin.as_ref();
        let (mut delivered, bridges) = self.found_from(origin, to, |found, (batch, frame, rng)| {
            frame.clear();
            post.write_tail(frame);
            let mut parcel = Parcel::new(&post, to, shown, frame, batch);
            let scope = Scope { reach: Reach::World, groups, origin };
            let takes = |want: &Want| from.passes_on_to(&want.sub.target) && want.sub.claim(1) == 1;
            let give = |want, groups: &[&[u8]]| parcel.hand(found, want, groups);
            (spread::spread(found, scope, rng, takes, give), found.bridges.clone())
        });
        if !bridges.is_empty() {
            delivered += self.cross(&bridges, to, &post);
        }
        self.delivered += delivered as u64;
        delivered
    }

    fn send(&mut self, to: &[u8], post: Post<'_>, shown: Option<&[u8]>) -> usize {
        if let Some(trace) = self.trace.take() {
            return self.send_whole(trace, Way { to, shown, scope: Scope::ALL }, &post);
        }
        let returns = &self.realm.returns;
        let way = if returns.any() { returns.find(to, Instant::now()) } else { None };
        let (mut delivered, bridges) = self.found(to, |found, (batch, frame, rng)| {
            if found.is_empty() && way.is_none() {
                return (0, Vec::new());
            }
            frame.clear();
            post.write_tail(frame);
            let mut parcel = Parcel::new(&post, to, shown, frame, batch);
            let takes = |want: &Want| want.sub.claim(1) == 1;
            if let Some(way) = &way {
                return (parcel.spread_back(found, way, rng), found.bridges.clone());
            }
            if found.routed_queues {
                let give = |want, groups: &[&[u8]]| parcel.hand(found, want, groups);
                let delivered = spread::spread(found, Scope::ALL, rng, takes, give);
                return (delivered, found.bridges.clone());
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

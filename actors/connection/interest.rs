//! The client's own subscriptions, and the changes of interest on their way to the shards.
//!
//! Changes are gathered while `SUB` and `UNSUB` follow each other, then sent to the shards that own
//! the slices, and nothing more of the client is read until all have acknowledged: that is what
//! makes a `PONG` say that every earlier `SUB` is in force, and that nothing more comes for what an
//! earlier `UNSUB` has ended.

mod shadows;

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Waker};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use vagus_subject::{is_valid_subscription, token_count};
use vagus_wire::text;

use self::shadows::Shadows;
use super::Connection;
use crate::broker::Cast;
use crate::delivery::desk::Delivery;
use crate::delivery::interest::Change;
use crate::delivery::turns::Moment;
use crate::delivery::{Interest, Sub, Target};
use crate::realm::Realm;
use crate::shard::{Ack, Apply, Barrier};

/// See the module's text.
#[derive(Default)]
pub(super) struct OwnInterest {
    /// By sid. The text of the sid is in the subscription.
    subs: HashTable<Sub>,
    changes: Vec<Change>,
    sent: Option<Box<Sent>>,
    /// Whether it was noted, when they were made, what messages ask the client to answer.
    tracked: bool,
    shadows: Shadows,
}

/// Changes that the shards have not acknowledged.
struct Sent {
    barrier: Arc<Barrier>,
    /// Kept to be sent again, should a shard panic.
    changes: Vec<Change>,
    /// Of publishers that may have messages at hand for a subscription that has ended.
    moment: Moment,
}

// === impl OwnInterest ===

impl OwnInterest {
    pub(super) fn len(&self) -> usize {
        self.subs.len()
    }

    /// Whether there are changes that no shard was told of yet.
    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.sent.is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Sub> {
        self.subs.iter()
    }

    /// Does nothing when the sid is taken by a subscription that still gets messages.
    fn insert(&mut self, sub: &Sub) {
        let hash = hash_sid(sub.sid());
        let entry =
            self.subs.entry(hash, |known| known.sid() == sub.sid(), |known| hash_sid(known.sid()));
        match entry {
            Entry::Occupied(known) if known.get().is_open() => return,
            Entry::Occupied(mut known) => {
                let ended = std::mem::replace(known.get_mut(), sub.clone());
                self.changes.push(Change::Remove(ended));
            }
            Entry::Vacant(vacant) => {
                vacant.insert(sub.clone());
            }
        }
        self.changes.push(Change::Add(sub.clone()));
    }

    fn find(&self, sid: &[u8]) -> Option<&Sub> {
        self.subs.find(hash_sid(sid), |known| known.sid() == sid)
    }

    fn remove(&mut self, sid: &[u8]) {
        let Ok(found) = self.subs.find_entry(hash_sid(sid), |known| known.sid() == sid) else {
            return;
        };
        let (sub, _) = found.remove();
        sub.close();
        self.changes.push(Change::Remove(sub));
    }

    /// Puts `new` in the place of `old`. Whoever still knows `old` goes on delivering to it.
    fn replace(&mut self, old: &Sub, new: Sub) {
        let place = self.subs.find_mut(hash_sid(old.sid()), |known| known.sid() == old.sid());
        if let Some(place) = place {
            *place = new.clone();
            self.changes.push(Change::Add(new));
            self.changes.push(Change::Remove(old.clone()));
        }
    }

    pub(super) fn remove_all(&mut self) {
        self.changes.extend(std::mem::take(&mut self.subs).into_iter().map(ended));
    }
}

fn ended(sub: Sub) -> Change {
    sub.close();
    Change::Remove(sub)
}

fn hash_sid(sid: &[u8]) -> u64 {
    FixedState::default().hash_one(sid)
}

// === impl Connection ===

impl Connection {
    pub(super) fn subscribe(
        &mut self,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
        delivery: &mut Delivery,
    ) {
        if !is_valid_subscription(subject) {
            return self.complain(text::INVALID_SUBJECT, delivery);
        }
        let tokens_max = self.settings.subscription_tokens_max;
        if tokens_max > 0 && token_count(subject) > tokens_max {
            let subject = String::from_utf8_lossy(subject);
            let text =
                format!("Permissions Violation for Subscription to \"{subject}\", too many tokens");
            return self.complain(&text, delivery);
        }
        let filter = match self.may_subscribe(subject, queue, sid) {
            Ok(filter) => filter,
            Err(text) => return self.complain(&text, delivery),
        };
        if self.rights.subscriptions_max.is_some_and(|max| self.interest.len() >= max) {
            tracing::error!("{}maximum subscriptions exceeded", self.prefix());
            return self.complain(text::MAX_SUBSCRIPTIONS, delivery);
        }
        let target = Target::Connection(Arc::clone(&self.out));
        let sub = Sub::filtered(target, subject, queue, sid, filter);
        self.interest.insert(&sub);
        self.count_subscriptions();
        self.confirm(delivery);
    }

    pub(super) fn unsubscribe(&mut self, sid: &[u8], max: Option<u64>) {
        let Some(sub) = self.interest.find(sid) else { return };
        if max.is_none_or(|max| sub.limit(max)) {
            self.interest.remove(sid);
            self.count_subscriptions();
        }
    }

    pub(super) fn count_subscriptions(&self) {
        self.out.stats.subscriptions.store(self.interest.len() as u64, Relaxed);
    }

    /// Removes the subscriptions that have had all their messages.
    pub(super) fn end_expired(&mut self, task: &Context<'_>) {
        for sid in self.out.take_expired() {
            // The sid may be in use again already.
            if self.interest.find(&sid).is_some_and(|sub| !sub.is_open()) {
                self.interest.remove(&sid);
            }
        }
        self.count_subscriptions();
        if !self.interest.is_waiting() {
            self.send_changes(task);
        }
    }

    fn send_changes(&mut self, task: &Context<'_>) {
        let changes = std::mem::take(&mut self.interest.changes);
        if changes.is_empty() {
            return;
        }
        let foreign = self.interest.shadows.follow(&changes, &self.realm);
        let own = by_writer(&self.realm.interest, &changes);
        let own = own.into_iter().map(|(writer, part)| (Arc::clone(&self.realm), writer, part));
        let foreign = foreign.into_iter().flat_map(|(realm, changes)| {
            let parts = by_writer(&realm.interest, &changes).into_iter();
            parts.map(move |(writer, part)| (Arc::clone(&realm), writer, part))
        });
        let parts: Vec<_> = own.chain(foreign).collect();
        let barrier = Barrier::new(parts.len(), task.waker().clone());
        for (realm, writer, changes) in parts {
            // A refusal drops the acknowledgement, and so counts as a failure.
            let _ = self.cast.shards[writer].send(Apply { realm, changes, ack: Ack::of(&barrier) });
        }
        // Every change has closed what it removes.
        let removes = changes.iter().any(|change| matches!(change, Change::Remove(_)));
        let moment = if removes { Moment::now() } else { Moment::default() };
        self.interest.sent = Some(Box::new(Sent { barrier, changes, moment }));
    }

    /// Ends all subscriptions, of which nothing more is said to the client once this is over.
    pub(super) fn end_all(&mut self) {
        self.withdraw();
        let (barrier, moment) = (Barrier::new(0, Waker::noop().clone()), Moment::now());
        self.interest.sent = Some(Box::new(Sent { barrier, changes: Vec::new(), moment }));
        self.count_subscriptions();
    }

    /// Judges the client's subscriptions by the rights in force. Those whose rights have changed
    /// are made anew; those that are not allowed any more end, and are returned.
    pub(super) fn resubscribe(&mut self) -> Vec<Sub> {
        let tracked = self.out.tracks_answers();
        let anew = std::mem::replace(&mut self.interest.tracked, tracked) != tracked;
        let stale = self.interest.shadows.are_stale(&self.realm);
        let mut ended = Vec::new();
        for sub in self.interest.iter().cloned().collect::<Vec<_>>() {
            let Ok(filter) = self.grant(sub.subject(), sub.queue()) else {
                self.interest.remove(sub.sid());
                ended.push(sub);
                continue;
            };
            let recast = stale && self.interest.shadows.differ(&sub, &self.realm);
            if anew || recast || sub.filter() != filter.as_ref() {
                self.interest.replace(&sub, sub.with_filter(filter));
            }
        }
        self.count_subscriptions();
        self.out.wake();
        ended
    }

    /// Whether shards still have to acknowledge changes.
    pub(super) fn poll_barrier(&mut self, task: &Context<'_>) -> bool {
        loop {
            if let Some(sent) = &mut self.interest.sent {
                if !sent.barrier.is_open() {
                    return true;
                }
                if sent.barrier.has_failed() {
                    self.send_again(task);
                    return true;
                }
                if !sent.moment.is_over(task.waker()) {
                    return true;
                }
                if let Some(sent) = self.interest.sent.take() {
                    self.interest.shadows.settle(&sent.changes);
                }
            }
            if !self.interest.has_changes() {
                return false;
            }
            self.send_changes(task);
        }
    }

    /// A shard died, or had no room: a moment later it gets its changes again. To make a change
    /// twice is to make it once.
    fn send_again(&mut self, task: &Context<'_>) {
        let Some(sent) = self.interest.sent.take() else { return };
        let newer = std::mem::replace(&mut self.interest.changes, sent.changes);
        self.interest.changes.extend(newer);
        let barrier = Barrier::new(1, task.waker().clone());
        let ack = Ack::of(&barrier);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(AGAIN_AFTER).await;
            ack.done();
        });
        let (changes, moment) = (Vec::new(), Moment::default());
        self.interest.sent = Some(Box::new(Sent { barrier, changes, moment }));
    }

    /// Withdraws all interest, piece by piece where there is much of it: what is left of it
    /// meanwhile leads to a closed connection, and so nowhere.
    pub(super) fn withdraw_gently(&mut self) {
        if self.interest.len() <= WITHDRAWN_AT_ONCE {
            return self.withdraw();
        }
        self.withdraw_shadows();
        let own = std::mem::take(&mut self.interest);
        let (realm, cast) = (Arc::clone(&self.realm), Arc::clone(&self.cast));
        tokio::task::spawn_local(async move {
            let mut subs = own.subs.into_iter();
            loop {
                let piece: Vec<Change> = subs.by_ref().take(WITHDRAWN_AT_ONCE).map(ended).collect();
                if piece.is_empty() {
                    return;
                }
                send_unacknowledged(&realm, &cast, &piece);
                tokio::task::yield_now().await;
            }
        });
    }

    /// Withdraws all interest. Nobody delivers to it from here on; the shards forget it in time.
    pub(super) fn withdraw(&mut self) {
        if let Some(sent) = self.interest.sent.take() {
            // What may have failed is settled by the removal of everything.
            drop(sent);
        }
        self.interest.changes.clear();
        self.interest.remove_all();
        let changes = std::mem::take(&mut self.interest.changes);
        send_unacknowledged(&self.realm, &self.cast, &changes);
        self.withdraw_shadows();
    }

    fn withdraw_shadows(&mut self) {
        for (realm, changes) in self.interest.shadows.withdraw() {
            send_unacknowledged(&realm, &self.cast, &changes);
        }
    }
}

/// Changes that a shard makes at once.
const PIECE: usize = 1024;
/// Subscriptions that are withdrawn at once.
const WITHDRAWN_AT_ONCE: usize = 4096;
/// Time before changes are offered to a shard again.
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_millis(2);

/// Sends changes that nobody waits for.
fn send_unacknowledged(realm: &Arc<Realm>, cast: &Cast, changes: &[Change]) {
    for (writer, changes) in by_writer(&realm.interest, changes) {
        let realm = Arc::clone(realm);
        // The mailbox bound does not hold for the removal of what is gone already. A shard that is
        // gone for good takes the server with it.
        let _ = cast.shards[writer].send_urgent(Apply { realm, changes, ack: Ack::none() });
    }
}

/// The changes by the shard that is to make them, in pieces that hold up nobody for long.
fn by_writer(interest: &Interest, changes: &[Change]) -> Vec<(usize, Vec<Change>)> {
    let mut parts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    let mut full = Vec::new();
    for change in changes {
        let writer = interest.writer_of(change.sub().subject());
        let part = parts.entry(writer).or_default();
        part.push(change.clone());
        if part.len() == PIECE {
            full.push((writer, std::mem::take(part)));
        }
    }
    full.extend(parts.into_iter().filter(|(_, part)| !part.is_empty()));
    full
}

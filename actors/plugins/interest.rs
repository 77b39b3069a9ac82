//! What a plugin wants, as the subject shards are told it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use vagus_plugin::Subscription;

use super::seat::Home;
use crate::delivery::interest::Change;
use crate::delivery::{Feed, Interest, Sub, Target};
use crate::shard::{Ack, Apply, Barrier};

/// The subscriptions of one incarnation. Withdrawn when dropped, which is also what happens when
/// the plugin has panicked.
pub(super) struct OwnInterest {
    home: Home,
    subs: Vec<Sub>,
}

/// Time before changes are offered again to a shard that died, or had no room.
const AGAIN_AFTER: Duration = Duration::from_millis(2);

impl OwnInterest {
    /// Interest in `subscriptions`, numbered from `first`.
    pub(super) fn new(
        home: &Home,
        feed: &Arc<Feed>,
        subscriptions: &[Subscription],
        first: usize,
    ) -> Self {
        let subs = subscriptions.iter().zip(first..).map(|(subscription, number)| {
            let queue = subscription.queue_group().map(str::as_bytes);
            let subject = subscription.subject().as_bytes();
            let sid = number.to_string();
            Sub::new(Target::Actor(Arc::clone(feed)), subject, queue, sid.as_bytes())
        });
        Self { home: home.clone(), subs: subs.collect() }
    }

    pub(super) fn subs(&self) -> &[Sub] {
        &self.subs
    }

    /// Puts the interest in force. Ready when all shards have acknowledged.
    pub(super) fn register(&self) -> impl Future<Output = ()> + use<> {
        let changes = self.subs.iter().cloned().map(Change::Add).collect();
        register(self.home.clone(), changes)
    }
}

async fn register(home: Home, changes: Vec<Change>) {
    loop {
        let waker = poll_fn(|task| Poll::Ready(task.waker().clone())).await;
        let parts = by_writer(&home.broker.interest, &changes);
        let barrier = Barrier::new(parts.len(), waker);
        for (writer, changes) in parts {
            // A refusal drops the acknowledgement, and so counts as a failure.
            let _ = home.cast.shards[writer].send(Apply { changes, ack: Ack::of(&barrier) });
        }
        poll_fn(|_| if barrier.is_open() { Poll::Ready(()) } else { Poll::Pending }).await;
        if !barrier.has_failed() {
            return;
        }
        // To make a change twice is to make it once.
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

fn by_writer(interest: &Interest, changes: &[Change]) -> BTreeMap<usize, Vec<Change>> {
    let mut parts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let writer = interest.writer_of(change.sub().subject());
        parts.entry(writer).or_default().push(change.clone());
    }
    parts
}

impl Drop for OwnInterest {
    fn drop(&mut self) {
        // Nobody delivers from here on; the shards forget it in time.
        self.subs.iter().for_each(|sub| sub.close());
        let changes: Vec<Change> = self.subs.drain(..).map(Change::Remove).collect();
        for (writer, changes) in by_writer(&self.home.broker.interest, &changes) {
            // Past the bound of the mailbox. A shard that is gone takes the server with it.
            let shard = &self.home.cast.shards[writer];
            let _ = shard.send_urgent(Apply { changes, ack: Ack::none() });
        }
    }
}

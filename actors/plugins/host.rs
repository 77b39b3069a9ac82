//! `Host`: the actor around one plugin.
//!
//! in:   [`Deliveries`]: batches of messages, from publishers
//! out:  what the plugin publishes, straight to its receivers; its interest to the subject shards
//! dies: when the plugin panics or fails. Its subscriptions are withdrawn, and a new incarnation
//!       makes the plugin anew and registers again. It finds the messages that waited, and what
//!       was left of the batch. When that happens too often, the host stops for good.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use serde_json::json;
use vagus_plugin::host::{self, Asks, Task};
use vagus_plugin::{Batch, Plugin, Subscription};
use vagus_runtime::{Actor, Cx, Handler, Message, Recipient};

use super::outlet::PluginOutlet;
use super::seat::{Home, Report, Seat};
use crate::delivery::feed::{Deliveries, Holder, Intake};
use crate::delivery::outlet::Outlet;
use crate::delivery::{Desk, Feed, Sub, Target};
use crate::shard::Roster;

/// See the module's text.
pub(super) struct Host<P: Plugin> {
    home: Home,
    seat: Arc<Mutex<Seat>>,
    /// Or why there is none.
    plugin: Result<Box<P>, String>,
    interest: Option<Roster>,
    /// Number of its first subscription.
    first: usize,
    /// What it waits for.
    futures: FuturesUnordered<Task<P>>,
    serving: bool,
    handled: u64,
    published: u64,
    overflow: Overflow,
}

/// Drops that were logged.
#[derive(Default)]
struct Overflow {
    known: u64,
    logged: Option<Instant>,
}

/// A plugin's mailbox as publishers see it.
struct Mailbox(Recipient<Deliveries>);

/// What one batch takes besides its bytes.
const ENVELOPE: usize = 128;
/// Callbacks in one turn of the arbiter before others get theirs.
const CALLS_MAX: usize = 32;
const LOG_EVERY: Duration = Duration::from_secs(1);

impl Message for Deliveries {
    fn weight(&self) -> usize {
        self.frames.len() + ENVELOPE
    }
}

impl Intake for Mailbox {
    fn offer(&self, batch: Deliveries) -> bool {
        self.0.send(batch).is_ok()
    }
}

// === impl Host ===

impl<P: Plugin> Host<P> {
    pub(super) fn new(
        home: Home,
        seat: Arc<Mutex<Seat>>,
        make: impl FnOnce() -> Result<P, String>,
    ) -> Self {
        let worn_out = {
            let mut seat = seat.lock();
            seat.count_birth(Instant::now());
            seat.is_worn_out()
        };
        let plugin = match worn_out {
            true => Err("failed too often".to_owned()),
            false => make().map(Box::new),
        };
        Self {
            home,
            seat,
            plugin,
            interest: None,
            first: 0,
            futures: FuturesUnordered::new(),
            serving: false,
            handled: 0,
            published: 0,
            overflow: Overflow::default(),
        }
    }

    fn report(&self, outcome: Result<(), String>) {
        // Nobody waits any more once the server runs.
        let _ = self.home.reports.send(Report { name: P::NAME, outcome });
    }

    fn feed(&self, cx: &Cx<'_, Self>) -> Arc<Feed> {
        let mut seat = self.seat.lock();
        let feed = seat.feed.get_or_insert_with(|| {
            let mailbox = Mailbox(cx.handle().recipient());
            let feed = Feed::new(self.home.broker.slots.take(), Arc::new(mailbox));
            Arc::new(feed.held_by(Holder::Guest))
        });
        Arc::clone(feed)
    }

    /// Starts the plugin and tells the shards what it wants.
    fn move_in(&mut self, cx: &mut Cx<'_, Self>) -> Result<(), String> {
        let plugin = self.plugin.as_ref().map_err(Clone::clone)?;
        let subscriptions = plugin.subscriptions();
        if let Some(bad) = subscriptions.iter().find(|one| !one.is_valid()) {
            return Err(format!("invalid subscription: {bad:?}"));
        }
        self.first = self.seat.lock().number(&subscriptions);
        self.turn(cx, |plugin, cx| plugin.started(cx));
        let left = self.seat.lock().left.take();
        if let Some(batch) = left {
            self.hand(batch, cx);
        }
        let subs = subscribe(&self.feed(cx), &subscriptions, self.first);
        let interest = Roster::new(
            Arc::clone(&self.home.broker),
            Arc::clone(self.home.broker.realms.global()),
            subs,
        );
        cx.when(interest.register(), |me, (), _| {
            me.serving = true;
            me.report(Ok(()));
        });
        self.interest = Some(interest);
        cx.poll_with(|me, cx, task| {
            me.poll_futures(cx, task);
            Poll::Pending
        });
        Ok(())
    }

    /// Made too often: leaves in good order, so that its parent goes on.
    fn give_up(&self, cx: &mut Cx<'_, Self>) {
        let cause = cx.cell().last_cause().unwrap_or_else(|| "unknown".into());
        tracing::error!("plugin {} failed too often and is left out: {cause}", P::NAME);
        self.report(Err(cause.to_string()));
        cx.stop();
    }

    /// Lends the plugin what it needs for one turn. What it publishes leaves at the end of the
    /// turn, also when that end is a panic.
    fn turn<R>(
        &mut self,
        cx: &mut Cx<'_, Self>,
        turn: impl FnOnce(&mut P, &mut vagus_plugin::Cx<'_, P>) -> R,
    ) -> Option<R> {
        let Ok(plugin) = &mut self.plugin else { return None };
        let broker = &*self.home.broker;
        let realm = broker.realms.global();
        let arbiter = cx.cell().arbiter().index().unwrap_or(0);
        let counters = &broker.counters[arbiter % broker.counters.len()];
        let settings = broker.settings();
        let mut asks = Asks::default();
        let (outcome, published) = Desk::with(|desk| {
            let mut outlet = Outlet::begin(broker, realm, &mut desk.delivery);
            let (settings, rules) = (&settings, &realm.rules());
            let mut door = PluginOutlet { settings, rules, outlet: &mut outlet, published: 0 };
            let turn = || turn(plugin, &mut host::cx(&mut door, &mut asks));
            let outcome = catch_unwind(AssertUnwindSafe(turn));
            let published = door.published;
            outlet.flush(counters);
            (outcome, published)
        });
        self.published += published;
        let result = outcome.unwrap_or_else(|panic| resume_unwind(panic));
        self.futures.extend(asks.futures);
        if let Some(cause) = asks.failure {
            cx.fail(cause);
        }
        Some(result)
    }

    /// Gives the plugin a batch. In a panic, what it had not taken is kept for the next.
    fn hand(&mut self, mut batch: Batch, cx: &mut Cx<'_, Self>) {
        let turn = || self.turn(cx, |plugin, cx| plugin.on_messages(&mut batch, cx));
        let outcome: Result<_, Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(turn));
        if let Err(panic) = outcome {
            self.seat.lock().left = Some(batch).filter(|batch| !batch.is_empty());
            resume_unwind(panic);
        }
    }

    fn poll_futures(&mut self, cx: &mut Cx<'_, Self>, task: &mut Context<'_>) {
        for _ in 0..CALLS_MAX {
            let Poll::Ready(Some(then)) = self.futures.poll_next_unpin(task) else { return };
            self.turn(cx, then);
            if cx.is_leaving() {
                return;
            }
        }
        task.waker().wake_by_ref();
    }

    fn note_overflow(&mut self) {
        let dropped = self.seat.lock().feed.as_ref().map_or(0, |feed| feed.dropped.load(Relaxed));
        let quiet = self.overflow.logged.is_some_and(|at| at.elapsed() < LOG_EVERY);
        if dropped > self.overflow.known && !quiet {
            let lost = dropped - self.overflow.known;
            tracing::warn!("plugin {} is too slow: {lost} messages dropped", P::NAME);
            self.overflow = Overflow { known: dropped, logged: Some(Instant::now()) };
        }
    }
}

/// The subscriptions, numbered from `first`.
fn subscribe(feed: &Arc<Feed>, wanted: &[Subscription], first: usize) -> Vec<Sub> {
    let subs = wanted.iter().zip(first..).map(|(subscription, number)| {
        let queue = subscription.queue_group().map(str::as_bytes);
        let sid = number.to_string();
        let subject = subscription.subject().as_bytes();
        Sub::new(Target::Actor(Arc::clone(feed)), subject, queue, sid.as_bytes())
    });
    subs.collect()
}

// === impl Actor ===

impl<P: Plugin> Actor for Host<P> {
    const KIND: &'static str = "plugin";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        if self.seat.lock().is_worn_out() {
            return self.give_up(cx);
        }
        if let Err(cause) = self.move_in(cx) {
            self.report(Err(cause.clone()));
            cx.fail(cause);
        }
    }

    fn stopping(&mut self, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |plugin, cx| plugin.stopping(cx));
    }

    fn observe(&self) -> serde_json::Value {
        let seat = self.seat.lock();
        let feed = seat.feed.as_ref();
        let counted = |of: fn(&Feed) -> u64| feed.map_or(0, |feed| of(feed));
        let subs = self.interest.as_ref().map_or(&[][..], Roster::subs);
        json!({
            "state": if self.serving { "serving" } else { "registering" },
            "subscriptions": subs.iter().map(describe).collect::<Vec<_>>(),
            "delivered": counted(|feed| feed.delivered.load(Relaxed)),
            "dropped": counted(|feed| feed.dropped.load(Relaxed)),
            "handled": self.handled,
            "published": self.published,
            "futures": self.futures.len(),
            "plugin": self.plugin.as_ref().ok().map(|plugin| plugin.observe()),
        })
    }
}

fn describe(sub: &Sub) -> serde_json::Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    json!({
        "subject": text(sub.subject()),
        "queue": sub.queue().map(text),
        "msgs": sub.delivered(),
    })
}

// === impl Handler<Deliveries> ===

impl<P: Plugin> Handler<Deliveries> for Host<P> {
    fn handle(&mut self, deliveries: Deliveries, cx: &mut Cx<'_, Self>) {
        self.handled += deliveries.count;
        self.note_overflow();
        self.hand(host::batch(deliveries.frames, self.first), cx);
    }
}

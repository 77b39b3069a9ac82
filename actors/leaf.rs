//! `Leaf`: one leaf link, from either end.
//!
//! in:   what the other end says ([`vagus_wire::leaf`]): its interest, and messages; [`End`]
//! out:  its interest to the subject shards, which put it beside that of clients; its messages to
//!       clients, actors and, where the other end is a spoke, to other servers; to the other end,
//!       what the shards tell it of interest here
//! dies: with its socket, when the other end is silent for too long, or breaks a rule. Its parent
//!       makes the next one; nothing of what the other end wanted stays.
//!
//! Messages for the other end do not pass through here: whoever publishes writes them to the link.

mod clock;
mod facts;
mod input;
mod interest;
mod operate;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use hashbrown::HashMap;
use serde_json::json;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Sleep;
use tracing::info;
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Message};

use self::clock::Clock;
pub use self::facts::{LeafAbout, LeafFacts};
use self::interest::{Key, Want};
use self::operate::Last;
use crate::broker::{Broker, Cast};
use crate::delivery::reading::{STALL_MAX, Turn, Unread, soft_pending};
use crate::delivery::wire::Wire;
use crate::delivery::{Counters, LeafLane, Outbound, Reason};
use crate::realm::Realm;
use crate::shard::{Changes, IntroduceLeaf};

/// See the module's text.
pub struct Leaf {
    broker: Arc<Broker>,
    cast: Arc<Cast>,
    facts: Arc<LeafFacts>,
    counters: Arc<Counters>,
    realm: Arc<Realm>,
    lane: Arc<LeafLane>,
    /// The way out: publishers and shards write to it.
    out: Arc<Outbound>,
    io: OwnedReadHalf,
    /// Where the link has TLS.
    wire: Option<Box<Wire>>,
    input: Unread,
    /// What the other end wants.
    wants: HashMap<Key, Want>,
    changes: Changes,
    /// The subject of this server by which loops are found.
    marker: Vec<u8>,
    last: Option<Box<Last>>,
    clock: Clock,
    /// A reader here is far behind, and is waited for.
    stall: Option<Pin<Box<Sleep>>>,
    draining: bool,
    /// Only what is queued is still sent, until then.
    ending: Option<Pin<Box<Sleep>>>,
}

/// A link whose two ends know each other: what a [`Leaf`] is made from.
pub struct Link {
    pub facts: Arc<LeafFacts>,
    pub realm: Arc<Realm>,
    pub io: OwnedReadHalf,
    /// Where the link has TLS.
    pub wire: Option<Wire>,
    /// What the other end has said already.
    pub heard: Vec<u8>,
    /// The subject of this server by which loops are found.
    pub marker: Vec<u8>,
    pub ping_interval: Duration,
    pub pings_out_max: u32,
}

/// End the link.
#[derive(Clone, Copy)]
pub struct End(pub Reason);

impl Message for End {}

/// Reads in one turn of the arbiter before others get theirs.
const READS_MAX: usize = 8;
/// How long a closed link may take what was queued for it.
const LINGER: Duration = Duration::from_secs(1);

// === impl Leaf ===

impl Leaf {
    /// It holds orders, never messages of clients.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64, bytes_max: 1 << 20 };

    #[must_use]
    pub fn new(broker: Arc<Broker>, cast: Arc<Cast>, arbiter: usize, link: Link) -> Self {
        let lane = Arc::clone(&link.facts.lane);
        Self {
            counters: Arc::clone(&broker.counters[arbiter % broker.counters.len()]),
            facts: link.facts,
            realm: link.realm,
            out: Arc::clone(&lane.out),
            lane,
            io: link.io,
            wire: link.wire.map(Box::new),
            input: Unread::holding(link.heard),
            wants: HashMap::new(),
            changes: Changes::default(),
            marker: link.marker,
            last: None,
            clock: Clock::new(link.ping_interval, link.pings_out_max),
            stall: None,
            draining: false,
            ending: None,
            broker,
            cast,
        }
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let events = self.out.poll_events(task);
        if events.drain() || self.draining || self.has_unsent() {
            self.draining = self.poll_send(task).is_pending();
        }
        if self.out.closed().is_some() && self.ending.is_none() {
            self.begin_end();
        }
        if self.ending.is_some() {
            return self.poll_ending(task);
        }
        if self.gated(task) {
            return Poll::Pending;
        }
        for _ in 0..READS_MAX {
            match self.turn(task) {
                Turn::Again => {}
                Turn::Wait => return Poll::Pending,
                Turn::Gated => {
                    if self.gated(task) {
                        return Poll::Pending;
                    }
                }
                Turn::Yield | Turn::Ended => break,
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether something keeps the link from being read on.
    fn gated(&mut self, task: &mut Context<'_>) -> bool {
        if let Some(stall) = &mut self.stall
            && stall.as_mut().poll(task).is_pending()
        {
            return true;
        }
        self.stall = None;
        self.changes.poll(&self.cast, task)
    }

    fn end(&self, reason: Reason) {
        self.out.close(reason);
    }

    /// Ends the link; `text` is the last thing that the other end reads.
    fn refuse(&self, text: &str, reason: Reason) {
        self.out.send(&vagus_wire::encode::error(text));
        self.end(reason);
    }

    fn begin_end(&mut self) {
        let reason = self.out.closed().unwrap_or(Reason::ClientClosed);
        let about = &self.facts.about;
        let prefix = self.facts.prefix();
        info!("{prefix} - Leafnode connection closed: {} - Remote: {}", reason.text(), about.name);
        self.broker.realms.leafs.remove(self.out.cid);
        self.withdraw();
        self.ending = Some(Box::pin(tokio::time::sleep(LINGER)));
    }

    /// Sends what is left, then reads and forgets until the other end closes too: an unread byte
    /// would turn the close into a reset, which can destroy the last words on their way.
    fn poll_ending(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let late = self.ending.as_mut().is_none_or(|sleep| sleep.as_mut().poll(task).is_ready());
        if late || !self.out.closed().is_some_and(Reason::is_worth_lingering) {
            return Poll::Ready(());
        }
        match self.poll_send(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => self.poll_discard(task),
        }
    }

    /// Counts what was handed over, and looks whether some reader is to be waited for.
    fn count_out(&mut self, delivery: &mut crate::delivery::desk::Delivery, task: &Context<'_>) {
        delivery.batch.flush();
        let (msgs, bytes, lookups) = delivery.take_counts();
        Counters::add(&self.counters.out_msgs, msgs);
        Counters::add(&self.counters.out_bytes, bytes);
        Counters::add(&self.counters.lookups, lookups);
        let settings = self.broker.settings();
        let behind = delivery.batch.take_behind();
        let soft = soft_pending(settings.pending_max);
        if settings.stall && behind.iter().any(|out| out.stall(soft, task.waker())) {
            self.stall = Some(Box::pin(tokio::time::sleep(STALL_MAX)));
        }
    }

    /// Says what only links are told, and has every shard tell the rest.
    fn introduce(&self) {
        let mut lines = Vec::new();
        vagus_wire::leaf::interest(&mut lines, &self.marker, None, 1);
        for mapping in &self.realm.rules().stated.mappings {
            let source = mapping.source.as_bytes();
            if self.lane.terms.tells(source) {
                vagus_wire::leaf::interest(&mut lines, source, None, 1);
            }
        }
        self.out.send(&lines);
        for shard in self.cast.shards.iter() {
            let (realm, lane) = (Arc::clone(&self.realm), Arc::clone(&self.lane));
            // A shard that is gone takes the server with it.
            let _ = shard.send_urgent(IntroduceLeaf { realm, lane });
        }
    }
}

// === impl Actor ===

impl Actor for Leaf {
    const KIND: &'static str = "leaf";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.broker.realms.leafs.add(Arc::clone(&self.facts));
        self.introduce();
        self.clock.start(cx);
        cx.poll_with(|me, cx, task| {
            let ended = me.poll(task);
            if ended.is_ready() {
                cx.stop();
            }
            ended
        });
    }

    /// Told to stop, where nothing of its own had ended it: its parent ends.
    fn stopping(&mut self, _: &mut Cx<'_, Self>) {
        self.end(Reason::ServerShutdown);
    }

    fn observe(&self) -> serde_json::Value {
        let about = &self.facts.about;
        let stats = &self.out.stats;
        json!({
            "cid": self.out.cid,
            "peer": about.name,
            "address": about.address.to_string(),
            "account": &*self.realm.name,
            "state": match () {
                () if self.ending.is_some() => "ending",
                () if self.changes.is_waiting() => "the subject shards have not acknowledged yet",
                () if self.stall.is_some() => "a reader of its messages is far behind",
                () if self.draining => "the other end reads slower than it is sent to",
                () => "waiting for the other end",
            },
            "queue_bytes": self.out.pending(),
            "rtt_us": stats.rtt_ns.load(Relaxed) / 1000,
            "remote_interest": stats.subscriptions.load(Relaxed),
        })
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        self.broker.realms.leafs.remove(self.out.cid);
        // Whoever panicked has no reason yet.
        self.out.close(Reason::InternalError);
        self.out.release_socket();
        self.withdraw();
    }
}

// === impl Handler<End> ===

impl Handler<End> for Leaf {
    fn handle(&mut self, End(reason): End, _: &mut Cx<'_, Self>) {
        self.end(reason);
    }
}

//! `Route`: the link to one other server, of the same cluster or of another (a gateway).
//!
//! in:   what the other server says ([`vagus_wire::route`]): its interest, and messages for clients
//!       of this one; [`Say`], [`End`]
//! out:  its interest to the subject shards, which put it beside that of clients; its messages to
//!       clients and actors of this server, and those of another cluster to the servers of this
//!       one, never further; to the other server, what the shards tell it of interest here
//! dies: with its socket, when the other server is silent for too long, or says what no server
//!       would. Its parent makes the next one; nothing of what the other server wanted stays.
//!
//! Messages for the other server do not pass through here: whoever publishes writes them to the
//! link's socket itself.

mod clock;
mod input;
mod interest;
mod operate;
mod peer;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use hashbrown::HashMap;
use serde_json::json;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Sleep;
use tracing::{debug, info};
use vagus_auth::Permissions;
use vagus_runtime::cluster::lane::Lane;
use vagus_runtime::cluster::node;
use vagus_runtime::cluster::speech::SERIES;
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Message, Recipient};

use self::clock::Clock;
use self::interest::{Account, Changes};
use self::operate::{Last, Modifiers};
pub use self::peer::{About, Peer, RouteFacts, Times};
use crate::broker::{Broker, Cast};
use crate::cluster::Told;
use crate::control::Carrier;
use crate::delivery::reading::{STALL_MAX, Turn, Unread, soft_pending};
use crate::delivery::wire::{Packing, Parts};
use crate::delivery::{Counters, Outbound, Reason, Wire};
use crate::realm::Mates;

/// See the module's text.
pub struct Route {
    broker: Arc<Broker>,
    cast: Arc<Cast>,
    facts: Arc<RouteFacts>,
    news: Recipient<Told>,
    /// What crosses the link, where that is not everything.
    permissions: Option<Arc<Permissions>>,
    /// Of the session with the other server, where there is one.
    lane: Option<Lane>,
    counters: Arc<Counters>,
    /// The way out: publishers and shards write to it.
    out: Arc<Outbound>,
    io: OwnedReadHalf,
    /// What encrypts, on a link with TLS. Then nobody but this actor writes to the socket.
    wire: Option<Box<Wire>>,
    input: Unread,
    /// By account name.
    accounts: HashMap<Arc<str>, Account>,
    /// The account that the other server speaks of.
    current: Option<Arc<str>>,
    /// What was said of the next message.
    modifiers: Modifiers,
    last: Option<Box<Last>>,
    changes: Changes,
    clock: Clock,
    /// A reader here is far behind, and is waited for.
    stall: Option<Pin<Box<Sleep>>>,
    draining: bool,
}

/// End the link.
#[derive(Clone, Copy)]
pub struct End(pub Reason);

/// Tell the other server this, written as it goes over the wire.
pub struct Say(pub Vec<u8>);

impl Message for End {}
impl Message for Say {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

/// Reads in one turn of the arbiter before others get theirs.
const READS_MAX: usize = 8;

// === impl Route ===

impl Route {
    /// It holds orders and questions, never messages of clients.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64, bytes_max: 1 << 20 };

    /// Takes over a link whose two ends know each other, on the arbiter that is to serve it.
    ///
    /// # Errors
    /// When the socket can't be registered there.
    pub fn new(
        broker: Arc<Broker>,
        cast: Arc<Cast>,
        arbiter: usize,
        link: Peer,
    ) -> std::io::Result<Self> {
        let Parts { socket, wire, unread } = link.parts;
        let (io, write) = tokio::net::TcpStream::from_std(socket)?.into_split();
        let out = Outbound::new(link.cid, broker.slots.take(), write, link.pending_max);
        let packing = Packing::new(link.about.compression.clone());
        let wire = match (wire, packing) {
            (None, None) => None,
            (wire, packing) => out.seal().map(|write| {
                let wire = match wire {
                    Some(wire) => wire.over(write),
                    None => Wire::new(write),
                };
                Box::new(match packing {
                    Some(packing) => wire.packed(packing),
                    None => wire,
                })
            }),
        };
        out.set_name(&link.about.name);
        let out = Arc::new(out);
        let facts = Arc::new(RouteFacts::new(link.about, Arc::clone(&out)));
        Ok(Self {
            counters: Arc::clone(&broker.counters[arbiter % broker.counters.len()]),
            permissions: siblings(&broker, &facts).permissions(),
            facts,
            news: link.news,
            lane: None,
            out,
            io,
            wire,
            input: Unread::holding(unread),
            accounts: HashMap::new(),
            current: None,
            modifiers: Modifiers::default(),
            last: None,
            changes: Changes::default(),
            clock: Clock::new(link.times),
            stall: None,
            draining: false,
            broker,
            cast,
        })
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let events = self.out.poll_events(task);
        if events.drain() || self.draining || self.has_unsent() {
            self.draining = self.poll_send(task).is_pending();
        }
        if let Some(reason) = self.out.closed() {
            // What is queued is worth little: the other server gets all interest anew.
            let kind = if self.is_gateway() { "Gateway" } else { "Router" };
            debug!("{} - {kind} connection closed: {}", self.facts.prefix(), reason.text());
            return Poll::Ready(());
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
        self.poll_barrier(task)
    }

    fn is_gateway(&self) -> bool {
        self.facts.about.cluster.is_some()
    }

    /// Begins the session with the other server, if the two understand each other.
    fn open_lane(&mut self) {
        let about = &self.facts.about;
        // Of several links between two servers, one will do.
        let speaks = about.control == SERIES && about.share.is_main();
        let Some(node) = self.broker.control.get().filter(|_| speaks) else { return };
        let other = node::About {
            id: about.id.clone(),
            name: about.name.clone(),
            kind: about.kind(),
            solicited: about.solicited,
        };
        self.lane = node.open(other, Arc::new(Carrier(Arc::clone(&self.out))));
    }

    fn end(&self, reason: Reason) {
        self.out.close(reason);
    }
}

/// All links of its kind.
fn siblings<'a>(broker: &'a Broker, facts: &RouteFacts) -> &'a Mates {
    match facts.about.cluster {
        None => &broker.realms.mates,
        Some(_) => &broker.realms.gateways,
    }
}

// === impl Actor ===

impl Actor for Route {
    const KIND: &'static str = "route";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        match &self.facts.about {
            About { cluster: None, .. } => {
                info!("{} - Route connection created", self.facts.prefix());
            }
            About { cluster: Some(cluster), solicited, .. } => {
                let kind = if *solicited { "Outbound" } else { "Inbound" };
                let way = if *solicited { "to" } else { "from" };
                let (prefix, id) = (self.facts.prefix(), &self.facts.about.id);
                info!("{prefix} - {kind} gateway connection {way} {cluster:?} ({id}) registered");
            }
        }
        siblings(&self.broker, &self.facts).add(Arc::clone(&self.facts));
        self.introduce();
        self.open_lane();
        self.clock.start(cx);
        cx.poll_with(|me, cx, task| {
            let ended = me.poll(task);
            if ended.is_ready() {
                cx.stop();
            }
            ended
        });
    }

    fn observe(&self) -> serde_json::Value {
        let about = &self.facts.about;
        let stats = &self.out.stats;
        json!({
            "cid": self.out.cid,
            "peer": about.name,
            "address": about.address.to_string(),
            "state": match () {
                () if self.changes.is_waiting() => "the subject shards have not acknowledged yet",
                () if self.stall.is_some() => "a reader of its messages is far behind",
                () if self.draining => "the other server reads slower than it is sent to",
                () => "waiting for the other server",
            },
            "queue_bytes": self.out.pending(),
            "rtt_us": stats.rtt_ns.load(Relaxed) / 1000,
            "remote_interest": stats.subscriptions.load(Relaxed),
        })
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        siblings(&self.broker, &self.facts).remove(self.out.cid);
        // Whoever panicked has no reason yet.
        self.out.close(Reason::InternalError);
        self.out.release_socket();
        self.withdraw();
    }
}

// === impl Handler<End> ===

impl Handler<End> for Route {
    fn handle(&mut self, End(reason): End, _: &mut Cx<'_, Self>) {
        self.end(reason);
    }
}

// === impl Handler<Say> ===

impl Handler<Say> for Route {
    fn handle(&mut self, Say(frame): Say, _: &mut Cx<'_, Self>) {
        self.out.send(&frame);
    }
}

impl Route {
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
}

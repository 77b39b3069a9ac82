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
mod interest;
mod operate;
mod peer;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::{HashMap, HashSet};
use serde_json::json;
use tracing::info;
use vagus_auth::Permissions;
use vagus_runtime::cluster::lane::Lane;
use vagus_runtime::cluster::node;
use vagus_runtime::cluster::speech::SERIES;
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Message, Recipient};

use self::interest::{Account, Current};
use self::operate::Modifiers;
pub use self::peer::{About, Peer, RouteFacts, Times};
use crate::broker::{Broker, Cast};
use crate::cluster::Told;
use crate::control::Carrier;
use crate::delivery::wire::Packing;
use crate::delivery::{Origin, Reason};
use crate::link::{self, Ends, Pipe};
use crate::realm::Mates;

/// See the module's text.
pub struct Route {
    pipe: Pipe,
    facts: Arc<RouteFacts>,
    news: Recipient<Told>,
    /// What crosses the link, where that is not everything.
    permissions: Option<Arc<Permissions>>,
    /// Of the session with the other server, where there is one.
    lane: Option<Lane>,
    /// By account name.
    accounts: HashMap<Arc<str>, Account>,
    current: Current,
    /// The leaf cluster that it speaks for.
    origin: Option<Arc<Origin>>,
    /// All that it has spoken for.
    origins: HashSet<Arc<Origin>>,
    /// What was said of the next message.
    modifiers: Modifiers,
    times: Times,
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
        let packing = Packing::s2(link.about.compression.clone());
        let slot = broker.slots.take();
        let ends = Ends::of(link.parts, link.cid, slot, link.pending_max, packing)?;
        ends.out.set_name(&link.about.name);
        let pings_out_max = link.times.pings_out_max;
        let pipe = Pipe::new(broker, cast, arbiter, ends, pings_out_max);
        let facts = Arc::new(RouteFacts::new(link.about, Arc::clone(&pipe.out)));
        Ok(Self {
            permissions: siblings(&pipe.broker, &facts).permissions(),
            pipe,
            facts,
            news: link.news,
            lane: None,
            accounts: HashMap::new(),
            current: Current::default(),
            origin: None,
            origins: HashSet::new(),
            modifiers: Modifiers::default(),
            times: link.times,
        })
    }

    fn is_gateway(&self) -> bool {
        self.facts.about.cluster.is_some()
    }

    /// Begins the session with the other server, if the two understand each other.
    fn open_lane(&mut self) {
        let about = &self.facts.about;
        // Of several links between two servers, one will do.
        let speaks = about.control == SERIES && about.share.is_main();
        let Some(node) = self.pipe.broker.control.get().filter(|_| speaks) else { return };
        let other = node::About {
            id: about.id.clone(),
            name: about.name.clone(),
            kind: about.kind(),
            solicited: about.solicited,
        };
        self.lane = node.open(other, Arc::new(Carrier(Arc::clone(&self.pipe.out))));
    }

    fn end(&self, reason: Reason) {
        self.pipe.out.close(reason);
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
        siblings(&self.pipe.broker, &self.facts).add(Arc::clone(&self.facts));
        self.introduce();
        self.open_lane();
        self.start_clock(cx);
        link::serve(cx);
    }

    fn observe(&self) -> serde_json::Value {
        let about = &self.facts.about;
        let stats = &self.pipe.out.stats;
        json!({
            "cid": self.pipe.out.cid,
            "peer": about.name,
            "address": about.address.to_string(),
            "state": self.pipe.held_up().unwrap_or("waiting for the other server"),
            "queue_bytes": self.pipe.out.pending(),
            "rtt_us": stats.rtt_ns.load(Relaxed) / 1000,
            "remote_interest": stats.subscriptions.load(Relaxed),
        })
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        siblings(&self.pipe.broker, &self.facts).remove(self.pipe.out.cid);
        // Whoever panicked has no reason yet.
        self.pipe.out.close(Reason::InternalError);
        self.pipe.out.release_socket();
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
        self.pipe.out.send(&frame);
    }
}

//! What the actors of one server share: who the server is, what it allows, who wants what.
//!
//! All of it is read-only, atomic, or (the interest) written by one kind of actor alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};
use vagus_auth::Authenticator;
use vagus_runtime::Handle;
use vagus_tls::{LinkTls, ServerTls};
use vagus_wire::{Info, Limits};

use crate::accounts::Accounts;
use crate::callout::CalloutDesk;
use crate::census::Census;
use crate::cluster::ClusterView;
use crate::control::Control;
use crate::delivery::counters::Totals;
use crate::delivery::{Counters, Slots};
use crate::gateway::{GatewayTls, GatewayView};
use crate::leafs::{LeafSettings, Remote};
use crate::ocsp::OcspDesk;
use crate::realm::Realms;
use crate::resolver::Resolver;
use crate::shard::SubjectShard;
use crate::system::Profile;
use crate::system::messages::Door;

/// See the module's text. One a server, born before its actors.
pub struct Broker {
    pub started: Instant,
    pub started_at: SystemTime,
    settings: ArcSwap<Settings>,
    cast: ArcSwapOption<Cast>,
    pub realms: Arc<Realms>,
    pub cluster: ClusterView,
    /// How it speaks with other servers; set where there are to be some.
    pub control: Control,
    pub gateways: GatewayView,
    /// Servers whose leaf node this one is, as configured.
    pub leaf_remotes: ArcSwap<Vec<Arc<Remote>>>,
    /// How leaf nodes are dealt with, once there may be some.
    pub leaf_settings: ArcSwapOption<LeafSettings>,
    /// Port for leaf nodes; 0 where nobody is taken in.
    pub leaf_port: AtomicU16,
    pub slots: Slots,
    /// One set an arbiter.
    pub counters: Box<[Arc<Counters>]>,
    pub tally: Tally,
    next_cid: AtomicU64,
    next_event: AtomicU64,
    /// Lame duck mode: on its way out.
    pub leaving: AtomicBool,
}

/// The actors that a connection speaks to; known once they are born.
#[derive(Clone)]
pub struct Cast {
    pub shards: Arc<[Handle<SubjectShard>]>,
    pub census: Handle<Census>,
    /// `None`: the server does without.
    pub system: Option<Door>,
    pub accounts: Handle<Accounts>,
    /// Knows accounts by their JWTs, where they have some.
    pub resolver: Option<Handle<Resolver>>,
    /// Asks services who clients are.
    pub callout: Option<Handle<CalloutDesk>>,
    /// Asks authorities about clients' certificates.
    pub ocsp: Option<Handle<OcspDesk>>,
}

/// Rare events, counted for the whole server.
#[derive(Default)]
pub struct Tally {
    /// Connections accepted since the start.
    pub connections: AtomicU64,
    /// Clients connected now.
    pub clients: AtomicU64,
    pub slow_consumers: AtomicU64,
    pub stale_connections: AtomicU64,
    /// Times that publishers waited for slow readers.
    pub stalled_clients: AtomicU64,
    pub auth_failures: AtomicU64,
    /// Those among them whose account is not one of the only ones wanted.
    pub pinned_account_fails: AtomicU64,
    /// News for the system's actor that it had no room for.
    pub events_dropped: AtomicU64,
    pub ocsp: OcspTally,
}

/// What is known of clients' certificates.
#[derive(Default)]
pub struct OcspTally {
    /// Questions that were answered from memory, and others.
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    /// Answers in memory.
    pub good: AtomicU64,
    pub revoked: AtomicU64,
    pub unknown: AtomicU64,
}

/// What configuration says to connections. A reload puts another in its place.
#[derive(Clone)]
pub struct Settings {
    /// What every client is told; the connection fills in its own fields.
    pub info: Info,
    /// What the system says of the server.
    pub profile: Arc<Profile>,
    pub limits: Limits,
    /// Most connections; `None`: any number.
    pub connections_max: Option<u64>,
    /// Most subscriptions of a connection; 0: any number.
    pub subscriptions_max: usize,
    /// Most tokens of a subscription's subject; 0: any number.
    pub subscription_tokens_max: usize,
    /// Most bytes that may wait for a client.
    pub pending_max: usize,
    pub closed_clients_max: usize,
    pub ping_interval: Duration,
    pub pings_out_max: u32,
    pub auth_timeout: Duration,
    pub write_deadline: Duration,
    /// Keep a client whose write deadline passed while it still took something.
    pub write_retry: bool,
    /// Publishers wait a little for readers that are behind.
    pub stall: bool,
    pub headers: bool,
    pub authenticator: Arc<Authenticator>,
    /// Clients come through proxies that tell where they come from.
    pub proxy_protocol: bool,
    /// `None`: clients do without TLS.
    pub tls: Option<Arc<ServerTls>>,
    /// `None`: other servers of the cluster do without TLS.
    pub route_tls: Option<Arc<LinkTls>>,
    pub gateway_tls: GatewayTls,
    /// The cluster's name, which chooses among mappings.
    pub cluster: Option<String>,
    pub trace: bool,
    pub trace_headers: bool,
    /// Longest payload shown in a trace, in bytes; 0: whole.
    pub traced_len_max: usize,
}

// === impl Broker ===

impl Broker {
    #[must_use]
    pub fn new(settings: Settings, arbiters: usize, shards: usize) -> Self {
        Self {
            started: Instant::now(),
            started_at: SystemTime::now(),
            settings: ArcSwap::from_pointee(settings),
            cast: ArcSwapOption::empty(),
            realms: Arc::new(Realms::new(shards)),
            cluster: ClusterView::default(),
            control: Control::default(),
            gateways: GatewayView::default(),
            leaf_remotes: ArcSwap::default(),
            leaf_settings: ArcSwapOption::empty(),
            leaf_port: AtomicU16::new(0),
            slots: Slots::default(),
            counters: (0..arbiters.max(1)).map(|_| Arc::default()).collect(),
            tally: Tally::default(),
            next_cid: AtomicU64::new(1),
            next_event: AtomicU64::new(1),
            leaving: AtomicBool::new(false),
        }
    }

    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Puts new settings in force for connections to come. Those that live are told by message.
    pub fn set_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// The actors to speak to; `None` before they are born.
    #[must_use]
    pub fn cast(&self) -> Option<Arc<Cast>> {
        self.cast.load_full()
    }

    pub(crate) fn set_cast(&self, cast: Arc<Cast>) {
        self.cast.store(Some(cast));
    }

    /// By which leaf nodes are known: rules of their own, or else those for clients.
    #[must_use]
    pub fn leaf_rules(&self) -> Arc<Authenticator> {
        let known = self.leaf_settings.load();
        let own = known.as_ref().and_then(|settings| settings.authenticator.clone());
        own.unwrap_or_else(|| Arc::clone(&self.settings().authenticator))
    }

    /// A number for a new connection.
    pub fn next_cid(&self) -> u64 {
        self.next_cid.fetch_add(1, Relaxed)
    }

    /// The number of the next message that the server says of itself.
    pub(crate) fn next_event(&self) -> u64 {
        self.next_event.fetch_add(1, Relaxed)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals::sum(self.counters.iter().map(|counters| &**counters))
    }

    /// The same of clients alone, without what other servers sent and got.
    #[must_use]
    pub fn totals_of_clients(&self) -> Totals {
        // Read first: what is counted in between is a client's for a moment, never less than none.
        let routed = self.realms.mates.traffic();
        let all = self.totals();
        Totals {
            in_msgs: all.in_msgs.saturating_sub(routed.in_msgs),
            in_bytes: all.in_bytes.saturating_sub(routed.in_bytes),
            out_msgs: all.out_msgs.saturating_sub(routed.out_msgs),
            out_bytes: all.out_bytes.saturating_sub(routed.out_bytes),
            ..all
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

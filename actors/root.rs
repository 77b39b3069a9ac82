//! `Root`: the top of the tree. Decides the order of birth and death.
//!
//! in:   [`Open`], [`Retire`], [`Follow`]
//! out:  everybody's birth: shards, census, accounts, system, JetStream, plugins, the gateway, the
//!       cluster, leaf nodes, clients, and last the listener
//! dies: with the server. When a child fails beyond its budget, so does the root, and the server
//!       ends with the cause: it would be deaf or wrong without that part.

use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use serde_json::json;
use vagus_runtime::{Actor, Cx, Handle, Handler, MailboxLimits, Message, Placement, Spec};

use crate::accounts;
use crate::broker::{Broker, Cast};
use crate::callout::{CalloutDesk, ServerKeys};
use crate::census::{Book, Census};
use crate::clients::Clients;
use crate::cluster::{Cluster, ClusterSettings, Leave};
use crate::gateway::{Gateway, GatewaySettings};
use crate::jetstream::Accounts;
use crate::leafs::{CloseLeafs, Follow, Leafs};
use crate::listener::{Close, Listener};
use crate::metas::Metas;
use crate::ocsp::{Archive as OcspArchive, OcspDesk};
use crate::plugins::Guests;
use crate::resolver::{Archive, Resolver};
use crate::shard::SubjectShard;
use crate::system::messages::Door;
use crate::system::{Office, System};

/// See the module's text.
pub struct Root {
    broker: Arc<Broker>,
    port: Option<Arc<std::net::TcpListener>>,
    guests: Option<Guests>,
    /// What JetStream's actors share, and what closes when all of them serve.
    jetstream: Option<(Arc<Accounts>, mpsc::Sender<()>)>,
    /// What outlives the system's actor, and whom to tell when it hears.
    system: Option<(Arc<Office>, mpsc::Sender<()>)>,
    /// Dropped when the accounts' imports are in force.
    accounts_ready: Option<mpsc::Sender<()>>,
    /// What outlives the resolver, where accounts have JWTs.
    resolver: Option<Arc<Archive>>,
    neighbours: Option<Neighbours>,
    /// Answers about clients' certificates, and where to get them.
    ocsp: Option<Arc<dyn OcspArchive>>,
    frontier: Option<Frontier>,
    /// The server's own keys, for those who sign in its name.
    keys: Option<Arc<ServerKeys>>,
    clients: Option<Handle<Clients>>,
    listener: Option<Handle<Listener>>,
    cluster: Option<Handle<Cluster>>,
    gateway: Option<Handle<Gateway>>,
    /// The open port for leaf nodes; none where nobody is taken in.
    leaf_port: Option<Arc<std::net::TcpListener>>,
    leafs: Option<Handle<Leafs>>,
    leaving: bool,
}

/// Other servers are to be found.
#[derive(Clone)]
pub struct Neighbours {
    pub settings: Arc<ClusterSettings>,
    /// The open port for them.
    pub port: Arc<std::net::TcpListener>,
}

/// Take clients on this port.
pub struct Open(pub Arc<std::net::TcpListener>);

impl Message for Open {}
/// Other clusters are to be found.
#[derive(Clone)]
pub struct Frontier {
    pub settings: Arc<GatewaySettings>,
    /// The open port for them.
    pub port: Arc<std::net::TcpListener>,
}

/// Take no more clients: the server is about to end.
pub struct Retire;

impl Message for Retire {}

/// A shard's mailbox holds at most one batch of changes for each connection.
const SHARD_MAILBOX: MailboxLimits = MailboxLimits { depth_max: 256 << 10, bytes_max: 256 << 20 };
const CENSUS_MAILBOX: MailboxLimits = MailboxLimits { depth_max: 256 << 10, bytes_max: 64 << 20 };
/// Sockets that were accepted but not served yet.
const CLIENTS_MAILBOX: MailboxLimits = MailboxLimits { depth_max: 1024, bytes_max: 1 << 20 };

impl Root {
    /// A server without `port` is reached from inside alone.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        port: Option<Arc<std::net::TcpListener>>,
        guests: Option<Guests>,
        jetstream: Option<(Arc<Accounts>, mpsc::Sender<()>)>,
        system: Option<(Arc<Office>, mpsc::Sender<()>)>,
        accounts_ready: mpsc::Sender<()>,
    ) -> Self {
        Self {
            broker,
            port,
            guests,
            jetstream,
            system,
            accounts_ready: Some(accounts_ready),
            resolver: None,
            neighbours: None,
            ocsp: None,
            frontier: None,
            keys: None,
            clients: None,
            listener: None,
            cluster: None,
            gateway: None,
            leaf_port: None,
            leafs: None,
            leaving: false,
        }
    }

    /// The server has keys to sign with.
    #[must_use]
    pub fn with_keys(mut self, keys: Arc<ServerKeys>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Clients' certificates can be asked about.
    #[must_use]
    pub fn with_ocsp(mut self, archive: Arc<dyn OcspArchive>) -> Self {
        self.ocsp = Some(archive);
        self
    }

    /// Accounts have JWTs.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Option<Arc<Archive>>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The same, as one of a cluster.
    #[must_use]
    pub fn beside(mut self, neighbours: Option<Neighbours>) -> Self {
        self.neighbours = neighbours;
        self
    }

    /// The same, with other clusters beyond its own.
    #[must_use]
    pub fn bordering(mut self, frontier: Option<Frontier>) -> Self {
        self.frontier = frontier;
        self
    }

    /// The same, with an open port for leaf nodes.
    #[must_use]
    pub fn with_leafs(mut self, port: Option<Arc<std::net::TcpListener>>) -> Self {
        self.leaf_port = port;
        self
    }

    fn spawn_shards(&self, cx: &mut Cx<'_, Self>) -> Arc<[Handle<SubjectShard>]> {
        let arbiters = cx.runtime().arbiters();
        (0..self.broker.realms.writers())
            .map(|writer| {
                let realms = Arc::clone(&self.broker.realms);
                let mut successor = false;
                let factory = move || {
                    let was = std::mem::replace(&mut successor, true);
                    SubjectShard::new(Arc::clone(&realms), writer, was)
                };
                let home = arbiters
                    .get(writer % arbiters.len().max(1))
                    .map_or(Placement::Inherit, |arbiter| Placement::At(*arbiter));
                let name = format!("shard-{writer}");
                cx.spawn(Spec::new(name, factory).mailbox(SHARD_MAILBOX).arbiter(home))
            })
            .collect()
    }

    fn spawn_census(&self, cx: &mut Cx<'_, Self>) -> Handle<Census> {
        let (broker, book) = (Arc::clone(&self.broker), Arc::new(Mutex::new(Book::default())));
        let factory = move || Census::new(Arc::clone(&broker), Arc::clone(&book));
        cx.spawn(Spec::new("census", factory).mailbox(CENSUS_MAILBOX))
    }

    fn spawn_system(&mut self, cx: &mut Cx<'_, Self>) -> Option<Door> {
        let (office, ready) = self.system.take()?;
        let realm = Arc::clone(office.realm());
        let factory = move || System::new(Arc::clone(&office), ready.clone());
        let handle = cx.spawn(Spec::new("system", factory).mailbox(System::MAILBOX));
        Some(Door::new(realm, &self.broker.settings().profile.id, handle))
    }

    fn spawn_accounts(&mut self, cx: &mut Cx<'_, Self>) -> Handle<accounts::Accounts> {
        let (broker, mut ready) = (Arc::clone(&self.broker), self.accounts_ready.take());
        let factory = move || accounts::Accounts::new(Arc::clone(&broker), ready.take());
        cx.spawn(Spec::new("accounts", factory))
    }

    fn spawn_callout(&mut self, cx: &mut Cx<'_, Self>) -> Option<Handle<CalloutDesk>> {
        let (keys, broker) = (self.keys.take()?, Arc::clone(&self.broker));
        let factory = move || CalloutDesk::new(Arc::clone(&broker), Arc::clone(&keys));
        Some(cx.spawn(Spec::new("callout", factory).mailbox(CalloutDesk::MAILBOX)))
    }

    fn spawn_ocsp(&mut self, cx: &mut Cx<'_, Self>) -> Option<Handle<OcspDesk>> {
        let (archive, broker) = (self.ocsp.take()?, Arc::clone(&self.broker));
        let factory = move || OcspDesk::new(Arc::clone(&broker), Arc::clone(&archive));
        Some(cx.spawn(Spec::new("ocsp", factory).mailbox(OcspDesk::MAILBOX)))
    }

    fn spawn_resolver(&mut self, cx: &mut Cx<'_, Self>) -> Option<Handle<Resolver>> {
        let archive = self.resolver.take()?;
        let factory = move || Resolver::new(Arc::clone(&archive));
        Some(cx.spawn(Spec::new("resolver", factory).mailbox(Resolver::MAILBOX)))
    }

    fn spawn_cluster(&mut self, cast: &Arc<Cast>, cx: &mut Cx<'_, Self>) {
        let Some(Neighbours { settings, port }) = self.neighbours.clone() else { return };
        let (broker, cast) = (Arc::clone(&self.broker), Arc::clone(cast));
        let gateway = self.gateway.clone();
        let factory = move || {
            let (settings, port) = (Arc::clone(&settings), Arc::clone(&port));
            let cluster = Cluster::new(Arc::clone(&broker), Arc::clone(&cast), settings, port);
            cluster.with_gateway(gateway.clone())
        };
        self.cluster = Some(cx.spawn(Spec::new("cluster", factory)));
    }

    fn spawn_gateway(&mut self, cast: &Arc<Cast>, cx: &mut Cx<'_, Self>) {
        let Some(Frontier { settings, port }) = self.frontier.clone() else { return };
        let (broker, cast) = (Arc::clone(&self.broker), Arc::clone(cast));
        let factory = move || {
            let (settings, port) = (Arc::clone(&settings), Arc::clone(&port));
            Gateway::new(Arc::clone(&broker), Arc::clone(&cast), settings, port)
        };
        self.gateway = Some(cx.spawn(Spec::new("gateway", factory)));
    }

    /// Where nobody is taken in and nobody is looked for, nobody is needed for it.
    fn spawn_leafs(&mut self, cast: &Arc<Cast>, cx: &mut Cx<'_, Self>) {
        let Some(settings) = self.broker.leaf_settings.load_full() else { return };
        let port = self.leaf_port.clone();
        if port.is_none() && self.broker.leaf_remotes.load().is_empty() {
            return;
        }
        let (broker, cast) = (Arc::clone(&self.broker), Arc::clone(cast));
        let factory = move || {
            // Those of now, where it has a successor.
            let settings = broker.leaf_settings.load_full().unwrap_or_else(|| settings.clone());
            Leafs::new(Arc::clone(&broker), Arc::clone(&cast), settings, port.clone())
        };
        self.leafs = Some(cx.spawn(Spec::new("leafs", factory)));
    }

    fn spawn_clients(&mut self, cast: Arc<Cast>, cx: &mut Cx<'_, Self>) {
        let (broker, to) = (Arc::clone(&self.broker), cast);
        let clients = cx.spawn(
            Spec::new("clients", move || Clients::new(Arc::clone(&broker), Arc::clone(&to)))
                .mailbox(CLIENTS_MAILBOX),
        );
        self.clients = Some(clients);
        self.open(cx);
    }

    fn open(&mut self, cx: &mut Cx<'_, Self>) {
        let (Some(port), Some(clients)) = (self.port.clone(), self.clients.clone()) else { return };
        let broker = Arc::clone(&self.broker);
        let factory =
            move || Listener::new(Arc::clone(&broker), Arc::clone(&port), clients.clone());
        self.listener = Some(cx.spawn(Spec::new("listener", factory)));
    }
}

// === impl Actor ===

impl Actor for Root {
    const KIND: &'static str = "root";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let (shards, census) = (self.spawn_shards(cx), self.spawn_census(cx));
        let (system, accounts) = (self.spawn_system(cx), self.spawn_accounts(cx));
        let (resolver, callout) = (self.spawn_resolver(cx), self.spawn_callout(cx));
        let ocsp = self.spawn_ocsp(cx);
        let cast = Cast { shards, census, system, accounts, resolver, callout, ocsp };
        let cast = Arc::new(cast);
        self.broker.set_cast(Arc::clone(&cast));
        if let Some((accounts, ready)) = self.jetstream.take() {
            let mut ready = Some(ready);
            let factory = move || Metas::new(Arc::clone(&accounts), ready.take());
            cx.spawn(Spec::new("jetstream", factory).mailbox(Metas::MAILBOX));
        }
        if let Some(guests) = self.guests.take() {
            guests.move_in(&self.broker, cx);
        }
        self.spawn_gateway(&cast, cx);
        self.spawn_cluster(&cast, cx);
        self.spawn_leafs(&cast, cx);
        self.spawn_clients(cast, cx);
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "state": if self.leaving { "leaving" } else { "serving" },
            "subscriptions": self.broker.realms.subscriptions(),
        })
    }
}

// === impl Handler<Open> ===

impl Handler<Open> for Root {
    fn handle(&mut self, Open(port): Open, cx: &mut Cx<'_, Self>) {
        if !self.leaving {
            self.port = Some(port);
            self.open(cx);
        }
    }
}

// === impl Handler<Retire> ===

impl Handler<Retire> for Root {
    fn handle(&mut self, _: Retire, _: &mut Cx<'_, Self>) {
        self.leaving = true;
        // What the factory of a successor would open again.
        self.port = None;
        if let Some(listener) = self.listener.take() {
            let _ = listener.send_urgent(Close);
        }
        if let Some(cluster) = &self.cluster {
            let _ = cluster.send_urgent(Leave);
        }
        if let Some(gateway) = &self.gateway {
            let _ = gateway.send_urgent(Leave);
        }
        if let Some(leafs) = &self.leafs {
            let _ = leafs.send_urgent(CloseLeafs);
        }
    }
}

// === impl Handler<Follow> ===

impl Handler<Follow> for Root {
    fn handle(&mut self, _: Follow, cx: &mut Cx<'_, Self>) {
        match (&self.leafs, self.broker.cast()) {
            (Some(leafs), _) => {
                // One between two lives looks at the remotes when it is back.
                let _ = leafs.send_urgent(Follow);
            }
            (None, Some(cast)) if !self.leaving => self.spawn_leafs(&cast, cx),
            _ => {}
        }
    }
}

//! `Cluster`: brings this server together with the others of its cluster, and keeps it so.
//!
//! in:   connections of other servers; the ends of its routes; what other servers tell of further
//!       ones; [`Leave`]
//! out:  a [`Route`](crate::route::Route) for each other server, which is its child; to clients,
//!       where else they can go
//! dies: never by itself. It decides who is linked with whom; after a panic its successor goes on
//!       with the same open port and makes all links anew.
//!
//! Every server is linked with every other by a main link, and by as many more as accounts are to
//! be kept apart on: whoever has made the main one makes these, and they end with it. Where two
//! servers have found each other at the same time, the one with the lower id makes the link.

mod admit;
mod greet;
mod links;
mod news;

mod settings;
mod view;

use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::info;
use vagus_runtime::cluster::hello::{Introduction, LinkKind};
use vagus_runtime::cluster::sharing::Share;
use vagus_runtime::cluster::speech::SERIES;
use vagus_runtime::{Actor, ChildEvent, Cx, Handle, Handler, Message};

pub use self::greet::Attempts;
use self::greet::Target;
use self::links::Link;
pub use self::news::Told;
pub use self::settings::{ClusterSettings, Place};
pub use self::view::ClusterView;
use crate::broker::{Broker, Cast};
use crate::gateway::Gateway;
use crate::link::accept_all;

/// See the module's text.
pub struct Cluster {
    broker: Arc<Broker>,
    cast: Arc<Cast>,
    settings: Arc<ClusterSettings>,
    /// Open port, shared with successors.
    port: Arc<std::net::TcpListener>,
    socket: Option<TcpListener>,
    /// What it is called now, and whether that name was made up.
    name: String,
    dynamic: bool,
    /// Hears of other clusters.
    gateway: Option<Handle<Gateway>>,
    /// By the number of the route.
    links: HashMap<u64, Link>,
    targets: Vec<Target>,
    /// Connections whose other end is not known yet.
    strangers: usize,
    refused: u64,
    leaving: bool,
}

/// The server is about to end: others are to send nobody here.
pub struct Leave;

impl Message for Leave {}

/// Connections that may be strangers at one time. More are closed at once.
const STRANGERS_MAX: usize = 64;

// === impl Cluster ===

impl Cluster {
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        cast: Arc<Cast>,
        settings: Arc<ClusterSettings>,
        port: Arc<std::net::TcpListener>,
    ) -> Self {
        let targets = settings.places.iter().map(|place| Target::configured(place.clone()));
        Self {
            name: settings.name.clone(),
            dynamic: settings.dynamic,
            targets: targets.collect(),
            gateway: None,
            links: HashMap::new(),
            socket: None,
            strangers: 0,
            refused: 0,
            leaving: false,
            broker,
            cast,
            settings,
            port,
        }
    }

    /// The cluster is linked with others by `gateway`.
    #[must_use]
    pub fn with_gateway(self, gateway: Option<Handle<Gateway>>) -> Self {
        Self { gateway, ..self }
    }

    /// How this server introduces itself.
    fn introduction(&self, share: Share) -> Introduction {
        Introduction {
            id: self.settings.id.clone(),
            name: self.settings.server_name.clone(),
            cluster: self.name.clone(),
            dynamic: self.dynamic,
            address: self.settings.address.clone(),
            share,
            sharing: self.settings.sharing.clone(),
            compression: self.settings.compression.name().to_owned(),
            control: SERIES,
            origins: true,
            wanted: None,
            kind: LinkKind::Route,
        }
    }
}

// === impl Actor ===

impl Actor for Cluster {
    const KIND: &'static str = "cluster";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        match self.port.try_clone().and_then(TcpListener::from_std) {
            Ok(socket) => self.socket = Some(socket),
            Err(problem) => return cx.fail(format!("port can't be used: {problem}")),
        }
        info!("Cluster name is {}", self.name);
        if let Ok(address) = self.port.local_addr() {
            info!("Listening for route connections on {address}");
        }
        self.tell_clients();
        cx.poll_with(accept_all);
        cx.run_interval(news::AGAIN_AFTER, |me, _| {
            me.tell_servers();
            me.show_sought();
        });
        (0..self.targets.len()).for_each(|n| self.solicit(n, cx));
    }

    fn child(&mut self, event: ChildEvent, cx: &mut Cx<'_, Self>) {
        if event.fate.is_final() {
            self.unlink(&event, cx);
        }
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "dynamic": self.dynamic,
            "servers": self.mains().map(|link| &*link.about.name).collect::<Vec<_>>(),
            "links": self.links.len(),
            "strangers": self.strangers,
            "refused": self.refused,
            "looking_for": self.targets.iter().filter(|target| !target.is_linked()).count(),
        })
    }
}

// === impl Handler<Leave> ===

impl Handler<Leave> for Cluster {
    fn handle(&mut self, _: Leave, _: &mut Cx<'_, Self>) {
        self.leaving = true;
        self.tell_clients();
        self.tell_servers();
    }
}

//! `Gateway`: brings this server's cluster together with other clusters, and keeps it so.
//!
//! in:   connections of servers of other clusters; the ends of its links; what servers of this and
//!       of other clusters tell of clusters ([`Told`](crate::cluster::Told), [`Heard`]); [`Leave`]
//! out:  a [`Route`](crate::route::Route) for each link, which is its child; to the servers of this
//!       cluster, by way of their links, which clusters there are
//! dies: never by itself. After a panic its successor goes on with the same open port and makes
//!       all links anew.
//!
//! This server makes one link to each other cluster, to whichever server of it, and takes in those
//! of theirs. Messages leave by the links that it has made, and come by the others.

mod admit;
mod greet;
mod links;
mod news;
mod settings;
mod view;

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::info;
use vagus_runtime::cluster::hello::{Introduction, LinkKind};
use vagus_runtime::cluster::sharing::{Share, Sharing};
use vagus_runtime::cluster::speech::SERIES;
use vagus_runtime::{Actor, ChildEvent, Cx, Handler};

use self::greet::Remote;
use self::links::Link;
pub use self::news::Heard;
pub use self::settings::{GatewaySettings, GatewayTls, RemoteCluster};
pub use self::view::{Clusters, GatewayView};
use crate::broker::{Broker, Cast};
use crate::cluster::Leave;
use crate::link::accept_all;

/// See the module's text.
pub struct Gateway {
    broker: Arc<Broker>,
    cast: Arc<Cast>,
    settings: Arc<GatewaySettings>,
    /// Open port, shared with successors.
    port: Arc<std::net::TcpListener>,
    socket: Option<TcpListener>,
    /// By the number of the route, in both directions.
    links: HashMap<u64, Link>,
    /// Other clusters, by name.
    remotes: HashMap<Arc<str>, Remote>,
    /// Where the other servers of this cluster take links, by their ids, and when they said so.
    mates: HashMap<String, (Vec<String>, Instant)>,
    /// Connections whose other end is not known yet.
    strangers: usize,
    refused: u64,
    leaving: bool,
}

// === impl Gateway ===

impl Gateway {
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        cast: Arc<Cast>,
        settings: Arc<GatewaySettings>,
        port: Arc<std::net::TcpListener>,
    ) -> Self {
        let mut remotes: HashMap<Arc<str>, Remote> = HashMap::new();
        for RemoteCluster { name, places } in &settings.remotes {
            // One that lists its own cluster has the same list for all of them.
            if **name != *settings.name {
                remotes.entry(name.as_str().into()).or_default().configure(places);
            }
        }
        Self {
            broker,
            cast,
            port,
            socket: None,
            links: HashMap::new(),
            remotes,
            mates: HashMap::new(),
            strangers: 0,
            refused: 0,
            leaving: false,
            settings,
        }
    }

    /// How this server introduces itself to the cluster `wanted`.
    fn introduction(&self, wanted: Option<&str>) -> Introduction {
        Introduction {
            id: self.settings.id.clone(),
            name: self.settings.server_name.clone(),
            cluster: self.settings.name.clone(),
            dynamic: false,
            address: self.settings.address.clone(),
            share: Share::MAIN,
            sharing: Sharing::default(),
            compression: String::new(),
            control: SERIES,
            origins: true,
            wanted: wanted.map(str::to_owned),
            kind: LinkKind::Gateway,
        }
    }
}

// === impl Actor ===

impl Actor for Gateway {
    const KIND: &'static str = "gateway";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        match self.port.try_clone().and_then(TcpListener::from_std) {
            Ok(socket) => self.socket = Some(socket),
            Err(problem) => return cx.fail(format!("port can't be used: {problem}")),
        }
        let name = &self.settings.name;
        info!("Gateway name is {name}");
        if let Ok(address) = self.port.local_addr() {
            info!("Listening for gateways connections on {address}");
            self.broker.gateways.listens(address.port());
        }
        info!("Address for gateway {name:?} is {}", self.settings.address);
        self.show();
        cx.poll_with(accept_all);
        cx.run_interval(news::AGAIN_AFTER, |me, _| me.tell());
        let names: Vec<_> = self.remotes.keys().cloned().collect();
        names.iter().for_each(|name| self.solicit(name, cx));
    }

    fn child(&mut self, event: ChildEvent, cx: &mut Cx<'_, Self>) {
        if event.fate.is_final() {
            self.unlink(&event, cx);
        }
    }

    fn observe(&self) -> serde_json::Value {
        let linked = |remote: &&Remote| remote.is_linked();
        json!({
            "name": self.settings.name,
            "clusters": self.remotes.keys().map(|name| &**name).collect::<Vec<_>>(),
            "linked": self.remotes.values().filter(linked).count(),
            "links": self.links.len(),
            "strangers": self.strangers,
            "refused": self.refused,
        })
    }
}

// === impl Handler<Leave> ===

impl Handler<Leave> for Gateway {
    fn handle(&mut self, _: Leave, _: &mut Cx<'_, Self>) {
        self.leaving = true;
        self.tell();
    }
}

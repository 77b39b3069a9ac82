//! `Leafs`: takes leaf nodes in, and makes this server one of others.
//!
//! in:   connections of leaf nodes; the ends of its links; [`Follow`]: another configuration;
//!       [`CloseLeafs`]
//! out:  a [`Leaf`] for each link, which is its child
//! dies: never by itself; after a panic its successor goes on with the same open port and makes
//!       all links anew

mod accept;
mod compress;
mod dial;
mod domains;
mod greet;
mod identify;
mod link;
mod settings;
mod solicit;
mod talk;
mod web;

use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::{error, info};
use vagus_runtime::{Actor, ChildEvent, Cx, Handle, Handler, Message, Name};

pub use self::settings::{LeafSettings, Remote};
use self::solicit::Target;
use crate::broker::{Broker, Cast};
use crate::leaf::{Leaf, LeafFacts};
use crate::link::accept_all;

/// See the module's text.
pub struct Leafs {
    broker: Arc<Broker>,
    cast: Arc<Cast>,
    settings: Arc<LeafSettings>,
    /// Open port, shared with successors; none where nobody is taken in.
    port: Option<Arc<std::net::TcpListener>>,
    socket: Option<TcpListener>,
    /// By the number of the link.
    links: HashMap<u64, Known>,
    targets: Vec<Target>,
    /// Numbers of targets never come again.
    next_target: u64,
    /// Connections whose other end is not known yet.
    strangers: usize,
    refused: u64,
    leaving: bool,
}

/// A link that is served.
struct Known {
    facts: Arc<LeafFacts>,
    handle: Handle<Leaf>,
    /// The remote that it was made for.
    target: Option<u64>,
}

/// Go by the settings and to the remotes that are configured now.
pub struct Follow;

/// The server is about to end: nobody more is taken in.
pub struct CloseLeafs;

impl Message for Follow {}
impl Message for CloseLeafs {}

/// Connections that may be strangers at one time. More are closed at once.
const STRANGERS_MAX: usize = 256;

// === impl Leafs ===

impl Leafs {
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        cast: Arc<Cast>,
        settings: Arc<LeafSettings>,
        port: Option<Arc<std::net::TcpListener>>,
    ) -> Self {
        Self {
            broker,
            cast,
            settings,
            port,
            socket: None,
            links: HashMap::new(),
            targets: Vec::new(),
            next_target: 0,
            strangers: 0,
            refused: 0,
            leaving: false,
        }
    }

    fn follow_config(&mut self, cx: &mut Cx<'_, Self>) {
        if let Some(settings) = self.broker.leaf_settings.load_full() {
            self.settings = settings;
        }
        let remotes = self.broker.leaf_remotes.load_full();
        self.follow(&remotes, cx);
    }

    /// A link has ended: whoever it was made for is looked for again.
    fn unlink(&mut self, event: &ChildEvent, cx: &mut Cx<'_, Self>) {
        let Name::Number(cid) = event.child.name() else { return };
        if let Some(cause) = event.fate.cause() {
            error!("leaf link {cid} failed: {cause}");
        }
        let Some(known) = self.links.remove(cid) else { return };
        if let Some(target) = known.target {
            self.learn(target, &known.facts.told_urls());
            self.lost(target, known.facts.pause(), cx);
        }
    }
}

// === impl Actor ===

impl Actor for Leafs {
    const KIND: &'static str = "leafs";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        if let Some(port) = &self.port {
            match port.try_clone().and_then(TcpListener::from_std) {
                Ok(socket) => self.socket = Some(socket),
                Err(problem) => return cx.fail(format!("port can't be used: {problem}")),
            }
            self.broker.cluster.take_leafs_at(self.settings.advertised.clone());
            if let Ok(address) = port.local_addr() {
                info!("Listening for leafnode connections on {address}");
            }
            cx.poll_with(accept_all);
        }
        self.follow_config(cx);
    }

    fn child(&mut self, event: ChildEvent, cx: &mut Cx<'_, Self>) {
        if event.fate.is_final() {
            self.unlink(&event, cx);
        }
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "links": self.links.values().map(|known| &*known.facts.about.name).collect::<Vec<_>>(),
            "strangers": self.strangers,
            "refused": self.refused,
            "looking_for": self.targets.iter().filter(|target| !target.is_linked()).count(),
        })
    }
}

// === impl Handler<Follow> ===

impl Handler<Follow> for Leafs {
    fn handle(&mut self, _: Follow, cx: &mut Cx<'_, Self>) {
        self.follow_config(cx);
    }
}

// === impl Handler<CloseLeafs> ===

impl Handler<CloseLeafs> for Leafs {
    fn handle(&mut self, _: CloseLeafs, _: &mut Cx<'_, Self>) {
        self.leaving = true;
        self.socket = None;
    }
}

//! Putting links into service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tracing::info;
use vagus_auth::SubjectRules;
use vagus_runtime::{Cx, Placement, Spec};

use super::talk::Talk;
use super::{Known, Leafs};
use crate::delivery::leaf_lane::Role;
use crate::delivery::wire::{Parts, Stream, Wire};
use crate::delivery::{LeafLane, Outbound, Terms};
use crate::leaf::{Leaf, LeafAbout, LeafFacts, Link};
use crate::realm::Realm;

/// A link whose two ends know each other.
pub(super) struct Ready {
    pub cid: u64,
    pub peer: SocketAddr,
    pub realm: Arc<Realm>,
    pub name: String,
    pub cluster: String,
    pub remote_account: String,
    pub role: Role,
    pub isolated: bool,
    pub headers: bool,
    /// What is sent to the other end.
    pub outward: SubjectRules,
    /// What is taken from it.
    pub inward: SubjectRules,
    /// The remote that it was made for.
    pub target: Option<u64>,
}

impl Leafs {
    pub(super) fn serve(&mut self, ready: Ready, talk: Talk, cx: &mut Cx<'_, Self>) {
        let Talk { stream, heard } = talk;
        let Ok((io, write, wire, unread)) = taken_apart(stream) else {
            return self.come_to_nothing(ready.target, cx);
        };
        let heard = [heard, unread].concat();
        let (settings, broker) = (&self.settings, &self.broker);
        let out = Outbound::new(ready.cid, broker.slots.take(), write, settings.pending_max);
        let wire = wire.and_then(|wire| Some(wire.over(out.seal()?)));
        out.set_takes_headers(ready.headers);
        out.set_realm(&ready.realm);
        let marker = settings.marker(&ready.realm.name);
        let about = LeafAbout {
            name: ready.name,
            address: ready.peer,
            solicited: ready.target.is_some(),
            account: ready.realm.name.to_string(),
            remote_account: ready.remote_account,
            since: SystemTime::now(),
            compression: "off",
        };
        let lane = LeafLane {
            out: Arc::new(out),
            role: ready.role,
            cluster: ready.cluster.into(),
            isolated: ready.isolated,
            terms: Terms::new(ready.outward, ready.inward),
        };
        let facts = Arc::new(LeafFacts::new(about, lane));
        if ready.target.is_some() {
            let (prefix, account) = (facts.prefix(), &ready.realm.name);
            info!("{prefix} - Leafnode connection created for account: {account}");
        }
        let link = Link {
            facts: Arc::clone(&facts),
            realm: ready.realm,
            io,
            wire,
            heard,
            marker,
            ping_interval: settings.ping_interval,
            pings_out_max: settings.ping_max,
        };
        // Its socket is registered with this thread.
        let arbiter = cx.cell().arbiter();
        let number = arbiter.index().unwrap_or(0);
        let (broker, cast) = (Arc::clone(broker), Arc::clone(&self.cast));
        let make = move || Leaf::new(broker, cast, number, link);
        let spec = Spec::once(ready.cid, make).mailbox(Leaf::MAILBOX);
        let handle = cx.spawn(spec.arbiter(Placement::Inherit));
        self.links.insert(ready.cid, Known { facts, handle, target: ready.target });
    }

    /// A link that could not be served.
    fn come_to_nothing(&mut self, target: Option<u64>, cx: &mut Cx<'_, Self>) {
        if let Some(target) = target {
            self.lost(target, None, cx);
        }
    }
}

type Apart = (OwnedReadHalf, OwnedWriteHalf, Option<Wire>, Vec<u8>);

fn taken_apart(stream: Stream) -> std::io::Result<Apart> {
    let Parts { socket, wire, unread } = stream.into_parts()?;
    let (io, write) = TcpStream::from_std(socket)?.into_split();
    Ok((io, write, wire, unread))
}

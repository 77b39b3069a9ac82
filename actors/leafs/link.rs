//! Putting links into service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use tracing::info;
use vagus_auth::{Identity, SubjectRules};
use vagus_config::Compression;
use vagus_runtime::{Cx, Placement, Spec};

use super::domains::Domains;
use super::talk::Talk;
use super::{Known, Leafs};
use crate::delivery::leaf_lane::{Role, marker};
use crate::delivery::{LeafLane, Origin, Terms};
use crate::leaf::{Introduced, Leaf, LeafAbout, LeafFacts};
use crate::link::Ends;
use crate::realm::Realm;

/// A link whose two ends know each other.
pub(super) struct Ready {
    pub cid: u64,
    pub peer: SocketAddr,
    pub realm: Arc<Realm>,
    pub name: String,
    pub cluster: String,
    /// Of its JetStream; empty: none.
    pub domain: String,
    pub remote_account: String,
    pub role: Role,
    pub isolated: bool,
    pub headers: bool,
    pub compression: Option<Compression>,
    /// What is sent to the other end.
    pub outward: SubjectRules,
    /// What is taken from it.
    pub inward: SubjectRules,
    /// The release of the other end.
    pub version: String,
    /// Who has connected.
    pub identity: Option<Identity>,
    /// The remote that it was made for.
    pub target: Option<u64>,
    /// It follows so closely on another one to the same remote that others may still know of that.
    pub again: bool,
    /// The name of the cluster here that it was told.
    pub said_cluster: Option<String>,
}

impl Leafs {
    pub(super) fn serve(&mut self, ready: Ready, talk: Talk, cx: &mut Cx<'_, Self>) {
        let Talk { stream, heard } = talk;
        let terms = self.terms(&ready);
        let (settings, broker) = (&self.settings, &self.broker);
        let slot = broker.slots.take();
        let ends = stream
            .into_parts()
            .and_then(|parts| Ends::of(parts, ready.cid, slot, settings.pending_max, None));
        let Ok(mut ends) = ends else { return self.come_to_nothing(ready.target, cx) };
        ends.unread.splice(..0, heard);
        ends.known();
        ends.out.set_takes_headers(ready.headers);
        ends.out.set_realm(&ready.realm);
        let marker = marker(&settings.info.server_id, &ready.realm.name);
        let about = LeafAbout {
            said_cluster: ready.said_cluster,
            name: ready.name,
            version: ready.version,
            said: ready.target.is_none().then(|| settings.info.clone()),
            identity: ready.identity,
            address: ready.peer,
            solicited: ready.target.is_some(),
            again: ready.again,
            account: ready.realm.name.to_string(),
            remote_account: ready.remote_account,
            since: SystemTime::now(),
            compression: ready.compression,
        };
        let origin = Origin::new(ready.cluster.as_bytes());
        let lane = LeafLane {
            origin: origin.filter(|_| ready.role == Role::Spoke),
            out: Arc::clone(&ends.out),
            role: ready.role,
            cluster: ready.cluster.into(),
            isolated: ready.isolated,
            terms,
            looped: AtomicBool::new(false),
        };
        let facts = Arc::new(LeafFacts::new(about, lane));
        if ready.target.is_some() {
            let (prefix, account) = (facts.prefix(), &ready.realm.name);
            info!("{prefix} - Leafnode connection created for account: {account}");
        }
        let link = Introduced {
            ends,
            facts: Arc::clone(&facts),
            realm: ready.realm,
            marker,
            ping_interval: settings.ping_interval,
            pings_out_max: settings.ping_max,
        };
        // Its socket is registered with this thread.
        let arbiter = cx.cell().arbiter().index().unwrap_or(0);
        let (broker, cast) = (Arc::clone(broker), Arc::clone(&self.cast));
        let make = move || Leaf::new(broker, cast, arbiter, link);
        let spec = Spec::once(ready.cid, make).mailbox(Leaf::MAILBOX);
        let handle = cx.spawn(spec.arbiter(Placement::Inherit));
        self.links.insert(ready.cid, Known { facts, handle, target: ready.target });
    }

    fn terms(&self, ready: &Ready) -> Terms {
        let system = self.cast.system.as_ref().is_some_and(|system| system.is_of(&ready.realm));
        let own = &self.settings.info.domain;
        let asked = self.broker.realms.domains.of(&ready.realm.name);
        let domains = Domains { own, system, asked };
        if !own.is_empty() || !ready.domain.is_empty() {
            let (peer, other) = (ready.peer, &ready.domain);
            info!(
                "{peer} - lid:{} - JetStream using domains: local {own:?}, remote {other:?}",
                ready.cid
            );
        }
        let (outward, inward) = (ready.outward.clone(), ready.inward.clone());
        Terms::new(outward, inward, &domains.private(), &domains.not_sent())
    }

    /// A link that could not be served.
    fn come_to_nothing(&mut self, target: Option<u64>, cx: &mut Cx<'_, Self>) {
        if let Some(target) = target {
            self.lost(target, None, cx);
        }
    }
}

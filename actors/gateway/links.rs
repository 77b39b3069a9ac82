//! The links there are, in both directions, and what follows when one ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::error;
use vagus_config::Compression;
use vagus_runtime::cluster::hello::Introduction;
use vagus_runtime::cluster::sharing::{Share, Sharing};
use vagus_runtime::{ChildEvent, Cx, Handle, Name, Spec};

use super::Gateway;
use crate::cluster::Place;
use crate::delivery::Reason;
use crate::delivery::wire::Stream;
use crate::route::{About, End, Peer, Route};

/// A link, from the moment at which it is decided on.
pub(super) struct Link {
    pub about: About,
    pub cluster: Arc<str>,
    /// Once it is served.
    pub route: Option<Handle<Route>>,
}

// === impl Gateway ===

impl Gateway {
    /// Decides on a link. It is served once the other end knows of it.
    pub(super) fn link(
        &mut self,
        other: &Introduction,
        address: SocketAddr,
        solicited: bool,
    ) -> u64 {
        let cid = self.broker.next_cid();
        let name: Arc<str> = other.cluster.as_str().into();
        // Who connects again has lost what it had.
        let rival = self
            .links
            .iter()
            .find(|(_, link)| link.about.id == other.id && link.about.solicited == solicited);
        if let Some(rival) = rival.map(|(cid, _)| *cid) {
            self.cut(rival);
        }
        let remote = self.remotes.entry(Arc::clone(&name)).or_default();
        remote.hear(vec![Place::address_of(&other.address, address)], false);
        if solicited {
            remote.linked(cid);
        }
        let about = About {
            id: other.id.clone(),
            name: other.name.clone(),
            cluster: Some(Arc::clone(&name)),
            address,
            solicited,
            configured: solicited && remote.is_configured(),
            share: Share::MAIN,
            sharing: Sharing::default(),
            // As nats-server has it between clusters.
            compression: Compression::Off,
            control: other.control,
            origins: other.origins,
            since: SystemTime::now(),
        };
        self.links.insert(cid, Link { about, cluster: name, route: None });
        cid
    }

    /// Puts a link into service.
    pub(super) fn serve(&mut self, cid: u64, stream: Stream, cx: &mut Cx<'_, Self>) {
        let Some(link) = self.links.get_mut(&cid) else { return };
        let Ok(parts) = stream.into_parts() else { return self.forget(cid) };
        let peer = Peer {
            cid,
            parts,
            about: link.about.clone(),
            news: cx.handle().recipient(),
            pending_max: self.settings.pending_max,
            times: self.settings.times,
        };
        let lease = cx.runtime().pick();
        let arbiter = lease.arbiter().index().unwrap_or(0);
        let (broker, cast) = (Arc::clone(&self.broker), Arc::clone(&self.cast));
        let make = move || match Route::new(broker, cast, arbiter, peer) {
            Ok(route) => route,
            // The socket went with the error; its supervisor notes the cause.
            Err(problem) => panic!("socket can't be served: {problem}"),
        };
        let spec = Spec::once(Name::Number(cid), make);
        link.route = Some(cx.spawn(spec.mailbox(Route::MAILBOX).arbiter(lease)));
        let name = Arc::clone(&link.cluster);
        self.tell();
        // One that has found this cluster is found by it, too.
        self.solicit(&name, cx);
    }

    /// Ends a link, of which nobody is to be told.
    fn cut(&mut self, cid: u64) {
        if let Some(route) = self.links.remove(&cid).and_then(|link| link.route) {
            // Whoever is gone needs not be told.
            let _ = route.send_urgent(End(Reason::DuplicateRoute));
        }
    }

    /// A link that came to nothing.
    pub(super) fn forget(&mut self, cid: u64) {
        self.links.remove(&cid);
    }

    /// A link has ended: the cluster that it led to is looked for again.
    pub(super) fn unlink(&mut self, event: &ChildEvent, cx: &mut Cx<'_, Self>) {
        let Name::Number(cid) = event.child.name() else { return };
        if let Some(cause) = event.fate.cause() {
            error!("gateway {cid} failed: {cause}");
        }
        self.links.remove(cid);
        let lost = self.remotes.iter_mut().find(|(_, remote)| remote.is_linked_by(*cid));
        if let Some((name, remote)) = lost {
            remote.lost();
            let name = Arc::clone(name);
            self.again(&name, cx);
        }
        self.show();
    }
}

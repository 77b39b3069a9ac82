//! Who this server is linked with: which links are kept, and what follows when one ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use tracing::{error, info, warn};
use vagus_runtime::cluster::hello::{HelloError, Introduction};
use vagus_runtime::cluster::sharing::Share;
use vagus_runtime::{ChildEvent, Cx, Handle, Name, Spec};

use super::{Cluster, Place};
use crate::census::messages::Tell;
use crate::connection::messages::Inform;
use crate::delivery::Reason;
use crate::delivery::wire::Stream;
use crate::route::{About, End, Peer, Route};

/// A link, from the moment at which it is decided on.
pub(super) struct Link {
    pub about: About,
    /// Where others find it: `host:port`.
    pub place: String,
    /// Where clients reach it.
    pub urls: Vec<String>,
    /// Where leaf nodes do.
    pub leaf_urls: Vec<String>,
    /// Once it is served.
    pub route: Option<Handle<Route>>,
}

// === impl Cluster ===

impl Cluster {
    /// Whether a link to the server that introduces itself so may be. Says why not, in the words
    /// that the other server is told.
    pub(super) fn is_welcome(
        &mut self,
        other: &Introduction,
        share: &Share,
        solicited: bool,
        cx: &mut Cx<'_, Self>,
    ) -> Result<(), String> {
        if other.id == self.settings.id {
            return Err("this is the same server".to_owned());
        }
        self.agree_on_name(other)?;
        let name = &other.name;
        let namesake =
            self.links.values().any(|link| link.about.name == *name && link.about.id != other.id);
        if namesake || *name == self.settings.server_name {
            error!("Remote server has a duplicate name: {name:?}");
            return Err(format!("Remote server has a duplicate name: {name:?}"));
        }
        self.agree_on_share(other, share)?;
        // Of two that meet halfway, the one with the lower id makes the link.
        let first = self.settings.id < other.id;
        if !solicited && first && self.is_about_to_join(&other.id, share) {
            return Err(HelloError::Linked.to_string());
        }
        let Some(cid) = self.link_to(&other.id, share) else { return Ok(()) };
        // Who connects again has lost what it had.
        if self.links[&cid].about.solicited != solicited {
            return Err(HelloError::Linked.to_string());
        }
        self.cut(cid, cx);
        Ok(())
    }

    /// A link for a part of the accounts is one beside a main link.
    fn agree_on_share(&self, other: &Introduction, share: &Share) -> Result<(), String> {
        let agreed = self.settings.sharing.agreed(&other.sharing);
        match () {
            () if share.is_main() => Ok(()),
            () if agreed.shares().all(|one| one != *share) => {
                Err("the two servers do not share accounts out like this".to_owned())
            }
            () if self.link_to(&other.id, &Share::MAIN).is_none() => {
                Err("there is no main link between the two servers".to_owned())
            }
            () => Ok(()),
        }
    }

    /// Main links, one for each server.
    pub(super) fn mains(&self) -> impl Iterator<Item = &Link> {
        self.links.values().filter(|link| link.about.share.is_main())
    }

    /// The link to server `id` for these accounts.
    pub(super) fn link_to(&self, id: &str, share: &Share) -> Option<u64> {
        let same = |link: &Link| link.about.id == id && link.about.share == *share;
        self.links.iter().find(|(_, link)| same(link)).map(|(cid, _)| *cid)
    }

    /// The two must be of one cluster. A name that was made up yields to one that was chosen, or
    /// that is greater.
    fn agree_on_name(&mut self, other: &Introduction) -> Result<(), String> {
        if other.cluster == self.name {
            return Ok(());
        }
        match (self.dynamic, other.dynamic) {
            (true, false) => self.rename(&other.cluster, false),
            (true, true) if self.name < other.cluster => self.rename(&other.cluster, true),
            // The other one does as this one would.
            (_, true) => {}
            (false, false) => {
                let (theirs, ours) = (&other.cluster, &self.name);
                let why = format!(
                    "Rejecting connection, cluster name {theirs:?} does not match {ours:?}"
                );
                warn!("{why}");
                return Err(why);
            }
        }
        Ok(())
    }

    fn rename(&mut self, name: &str, dynamic: bool) {
        info!("Cluster name updated to {name}");
        name.clone_into(&mut self.name);
        self.dynamic = dynamic;
        self.tell_clients();
        self.broker.realms.leafs.renamed();
    }

    /// Decides on a link. It is served once the other end knows of it.
    pub(super) fn link(
        &mut self,
        other: &Introduction,
        address: SocketAddr,
        target: Option<usize>,
    ) -> u64 {
        let cid = self.broker.next_cid();
        let asked = target.and_then(|n| self.targets.get(n)).map(|target| &target.share);
        let share = asked.unwrap_or(&other.share).clone();
        let about = About {
            id: other.id.clone(),
            name: other.name.clone(),
            cluster: None,
            address,
            solicited: target.is_some(),
            configured: target.is_some_and(|n| self.targets[n].configured),
            share,
            sharing: self.settings.sharing.agreed(&other.sharing),
            compression: self.settings.compression.agreed(&other.compression),
            since: SystemTime::now(),
            control: other.control,
            origins: other.origins,
        };
        let place = Place::address_of(&other.address, address);
        let link = Link { about, place, urls: Vec::new(), leaf_urls: Vec::new(), route: None };
        self.links.insert(cid, link);
        if let Some(target) = target.and_then(|n| self.targets.get_mut(n)) {
            target.linked(cid);
            self.show_sought();
        }
        cid
    }

    /// The server that an attempt has led to takes this one in.
    pub(super) fn met(
        &mut self,
        n: usize,
        stream: Stream,
        peer: SocketAddr,
        other: &Introduction,
        cx: &mut Cx<'_, Self>,
    ) {
        let share = self.targets[n].share.clone();
        if self.is_welcome(other, &share, true, cx).is_err() {
            return self.linked_already(n, &other.id, cx);
        }
        let cid = self.link(other, peer, Some(n));
        self.serve(cid, stream, cx);
        if share.is_main() {
            self.solicit_beside(n, other, cx);
        }
    }

    /// The target is this very server, or one that has a link already, made by itself.
    pub(super) fn linked_already(&mut self, n: usize, id: &str, cx: &mut Cx<'_, Self>) {
        match self.link_to(id, &self.targets[n].share) {
            _ if id == self.settings.id => self.targets[n].is_itself(),
            Some(cid) => self.targets[n].linked(cid),
            // The other end knows of a link that is not known here yet, or no more.
            None => return self.solicit_later(n, cx),
        }
        self.show_sought();
    }

    /// Puts a link into service.
    pub(super) fn serve(&mut self, cid: u64, stream: Stream, cx: &mut Cx<'_, Self>) {
        let Some(link) = self.links.get_mut(&cid) else { return };
        let Ok(parts) = stream.into_parts() else { return self.forget(cid, cx) };
        let settings = &self.settings;
        let peer = Peer {
            cid,
            parts,
            about: link.about.clone(),
            news: cx.handle().recipient(),
            pending_max: settings.pending_max,
            times: settings.times,
        };
        let lease = cx.runtime().pick();
        let arbiter = lease.arbiter().index().unwrap_or(0);
        let (broker, cast) = (Arc::clone(&self.broker), Arc::clone(&self.cast));
        let name = Name::Number(cid);
        let make = move || match Route::new(broker, cast, arbiter, peer) {
            Ok(route) => route,
            // The socket went with the error; its supervisor notes the cause.
            Err(problem) => panic!("socket can't be served: {problem}"),
        };
        let route = cx.spawn(Spec::once(name, make).mailbox(Route::MAILBOX).arbiter(lease));
        link.route = Some(route);
        self.tell_servers();
    }

    /// Ends a link, of which nobody is to be told.
    fn cut(&mut self, cid: u64, cx: &mut Cx<'_, Self>) {
        match self.links.remove(&cid).and_then(|link| link.route) {
            Some(route) => {
                // Whoever is gone needs not be told.
                let _ = route.send_urgent(End(Reason::DuplicateRoute));
            }
            None => self.seek_again(cid, cx),
        }
    }

    /// A link that came to nothing, or has ended: whoever was found by it is looked for again.
    /// Others beside it end with a main one.
    pub(super) fn forget(&mut self, cid: u64, cx: &mut Cx<'_, Self>) {
        if let Some(link) = self.links.remove(&cid)
            && link.about.share.is_main()
        {
            let beside = self.links.iter().filter(|(_, one)| one.about.id == link.about.id);
            let beside: Vec<u64> = beside.map(|(cid, _)| *cid).collect();
            beside.into_iter().for_each(|cid| self.cut(cid, cx));
        }
        self.seek_again(cid, cx);
    }

    fn seek_again(&mut self, cid: u64, cx: &mut Cx<'_, Self>) {
        for n in 0..self.targets.len() {
            if self.targets[n].is_linked_by(cid) {
                self.targets[n].seek();
                self.again(n, cx);
            }
        }
    }

    /// A route has ended.
    pub(super) fn unlink(&mut self, event: &ChildEvent, cx: &mut Cx<'_, Self>) {
        let Name::Number(cid) = event.child.name() else { return };
        if let Some(cause) = event.fate.cause() {
            error!("route {cid} failed: {cause}");
        }
        self.forget(*cid, cx);
        // One that ends loses all its links, and the others are there all the same: whoever it has
        // told of them is to go there.
        if !self.leaving {
            self.tell_clients();
        }
    }

    /// Tells leaf nodes where else they are taken in, when that has changed.
    fn tell_leafs(&self) {
        let mut urls: Vec<_> =
            self.links.values().flat_map(|link| link.leaf_urls.clone()).collect();
        urls.sort_unstable();
        urls.dedup();
        if self.broker.cluster.show_leafs(urls) {
            self.broker.realms.leafs.tell_urls(&self.broker.cluster.other_leaf_urls());
        }
    }

    /// Tells clients which servers there are, when that has changed.
    pub(super) fn tell_clients(&mut self) {
        self.tell_leafs();
        let mut urls = Vec::new();
        if !self.settings.no_advertise {
            if !self.leaving {
                urls.clone_from(&self.settings.client_urls);
            }
            urls.extend(self.links.values().flat_map(|link| link.urls.clone()));
            urls.sort_unstable();
            urls.dedup();
        }
        let changed = self.broker.cluster.show(&self.name, urls);
        if changed && !self.broker.leaving.load(Relaxed) {
            // A census between two lives gets it when it is back.
            let _ = self.cast.census.send_urgent(Tell::Inform(Inform));
        }
    }
}

//! What servers tell each other of clusters, so that all clusters find all.
//!
//! Servers of two clusters tell each other by the link between them, those of one cluster by its
//! routes ([`Heard`]). A server vouches for its own cluster, whose servers say themselves where
//! they are, and passes on what those say to whom it is linked with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vagus_runtime::{Cx, Handler, Message};
use vagus_wire::route;

use super::greet::HEARD_MAX;
use super::{Clusters, Gateway};
use crate::cluster::Told;
use crate::route::Say;

/// A server of this cluster knows these.
pub struct Heard {
    /// Of the server.
    pub id: String,
    pub clusters: Clusters,
}

impl Message for Heard {}

/// News are told again after this time, so that nobody stays alone who missed some.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A server of this cluster that has said nothing for so long is not told of any more.
const MATE_KEPT: Duration = Duration::from_secs(5);
/// Of one server, more is not listened to.
const NEWS_BYTES_MAX: usize = 256 << 10;
const CLUSTERS_MAX: usize = 256;

// === impl Gateway ===

impl Gateway {
    /// Shows the rest of the server what is known at first hand.
    pub(super) fn show(&self) {
        let own = if self.leaving { Vec::new() } else { vec![self.settings.address.clone()] };
        let mut clusters = Clusters::from([(self.settings.name.clone(), own)]);
        for (name, remote) in self.remotes.iter().filter(|(_, remote)| remote.is_linked()) {
            clusters.insert(name.to_string(), remote.heard().to_vec());
        }
        self.broker.gateways.show(clusters);
    }

    /// Tells the other clusters what there is to tell.
    pub(super) fn tell(&mut self) {
        self.show();
        self.mates.retain(|_, (_, said)| said.elapsed() < MATE_KEPT);
        let mut clusters = Clusters::clone(&self.broker.gateways.seen());
        if let Some(own) = clusters.get_mut(&self.settings.name) {
            own.extend(self.mates.values().flat_map(|(addresses, _)| addresses.clone()));
            own.truncate(HEARD_MAX);
        }
        let Ok(text) = serde_json::to_vec(&clusters) else { return };
        let mut frame = Vec::new();
        route::control_frame(&mut frame, &text);
        for route in self.links.values().filter_map(|link| link.route.as_ref()) {
            // One that is gone, or that can't follow, hears the next.
            let _ = route.send(Say(frame.clone()));
        }
    }

    /// What is said of clusters by one of `from`, which knows that one best.
    fn hear_of(&mut self, clusters: Clusters, from: Option<&str>, cx: &mut Cx<'_, Self>) {
        for (name, mut addresses) in clusters.into_iter().take(CLUSTERS_MAX) {
            addresses.truncate(HEARD_MAX);
            // Where no server says to be, they are about to end.
            if name == self.settings.name || addresses.is_empty() {
                continue;
            }
            let at_first_hand = from == Some(&name);
            let is_known = self.remotes.contains_key(name.as_str());
            if !is_known && (self.settings.reject_unknown || self.remotes.len() >= CLUSTERS_MAX) {
                continue;
            }
            let name: Arc<str> = name.into();
            let remote = self.remotes.entry(Arc::clone(&name)).or_default();
            if at_first_hand || !remote.is_linked() {
                remote.hear(addresses, at_first_hand);
            }
            self.solicit(&name, cx);
        }
    }
}

// === impl Handler<Told> ===

impl Handler<Told> for Gateway {
    fn handle(&mut self, Told { cid, news }: Told, cx: &mut Cx<'_, Self>) {
        if news.len() > NEWS_BYTES_MAX {
            return;
        }
        let Ok(clusters) = serde_json::from_slice::<Clusters>(&news) else { return };
        let Some(link) = self.links.get(&cid) else { return };
        let from = Arc::clone(&link.cluster);
        self.hear_of(clusters, Some(&from), cx);
    }
}

// === impl Handler<Heard> ===

impl Handler<Heard> for Gateway {
    fn handle(&mut self, Heard { id, mut clusters }: Heard, cx: &mut Cx<'_, Self>) {
        if let Some(addresses) = clusters.remove(&self.settings.name) {
            self.mates.insert(id, (addresses, Instant::now()));
        }
        self.hear_of(clusters, None, cx);
    }
}

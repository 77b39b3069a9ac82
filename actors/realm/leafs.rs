//! The leaf links of a server, as those see them who have to know of all of them.

use std::sync::Arc;

use parking_lot::Mutex;

use vagus_auth::{Authenticator, ConnectionType, Identity};

use crate::broker::unix_now;
use crate::delivery::Reason;
use crate::leaf::LeafFacts;

/// See the module's text.
#[derive(Default)]
pub struct Leafs(Mutex<Vec<Arc<LeafFacts>>>);

// === impl Leafs ===

impl Leafs {
    /// A link comes. Whoever connects again has given up the link that it had.
    pub fn add(&self, link: Arc<LeafFacts>) {
        let mut links = self.0.lock();
        let again = |old: &&Arc<LeafFacts>| !link.about.solicited && old.is_same_as(&link);
        for old in links.iter().filter(again) {
            let why = vagus_wire::encode::error("Duplicate Remote LeafNode Connection");
            old.lane.out.send(&why);
            old.lane.out.close(Reason::DuplicateRemoteLeafnode);
        }
        links.push(link);
    }

    pub fn remove(&self, cid: u64) {
        self.0.lock().retain(|link| link.lane.out.cid != cid);
    }

    /// The links there are.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<LeafFacts>> {
        self.0.lock().clone()
    }

    /// How many serve an account.
    #[must_use]
    pub fn count_of(&self, account: &str) -> usize {
        self.0.lock().iter().filter(|link| link.about.account == account).count()
    }

    /// Those who have connected are told where else they are taken in: at these places.
    pub fn tell_urls(&self, others: &[String]) {
        for link in self.all() {
            let Some(said) = &link.about.said else { continue };
            let mut info = said.clone();
            info.leafnode_urls.extend_from_slice(others);
            if let Ok(line) = info.line() {
                link.lane.out.send(&line);
            }
        }
    }

    /// Rules have changed: whoever may not be a leaf node any more has to go, and who may do other
    /// things comes again.
    pub fn review(&self, rules: &Authenticator) {
        self.all().iter().for_each(|link| Self::review_one(link, rules));
    }

    /// The same for one.
    pub fn review_one(link: &LeafFacts, rules: &Authenticator) {
        let Some(identity) = &link.about.identity else { return };
        let out = &link.lane.out;
        match rules.review(identity, ConnectionType::LeafNode, unix_now()) {
            Ok(fresh) if is_same(identity, &fresh) => {}
            Ok(_) => out.close(Reason::ClientClosed),
            Err(removal) => {
                let (text, reason) = Reason::of_removal(&removal);
                out.send(&vagus_wire::encode::error(text));
                out.close(reason);
            }
        }
    }

    /// The cluster has another name: servers that this one has connected to have to know.
    pub fn renamed(&self) {
        let solicited = self.all().into_iter().filter(|link| link.about.solicited);
        solicited.for_each(|link| link.lane.out.close(Reason::ClusterNameConflict));
    }

    /// Cuts all links. Those who keep them connect again, and hear all there is.
    pub fn cut(&self) {
        let links = std::mem::take(&mut *self.0.lock());
        links.iter().for_each(|link| link.lane.out.close(Reason::InternalError));
    }
}

/// Whether a link that was made for the one is good for the other.
fn is_same(one: &Identity, other: &Identity) -> bool {
    one.account == other.account && one.permissions == other.permissions
}

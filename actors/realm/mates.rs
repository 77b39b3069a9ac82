//! The links to other servers of one kind, as those see them who write to all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use vagus_auth::Permissions;

use super::members::Traffic;
use crate::delivery::Reason;
use crate::route::RouteFacts;

/// See the module's text.
#[derive(Default)]
pub struct Mates {
    wanted: AtomicBool,
    links: Mutex<Links>,
    permissions: ArcSwapOption<Permissions>,
}

#[derive(Default)]
struct Links {
    present: Vec<Arc<RouteFacts>>,
    /// What crossed those that are gone.
    past: Traffic,
}

impl Mates {
    /// There are to be some. Said before the server's actors are born.
    pub fn want(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// Whether there are to be some.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.wanted.load(Relaxed)
    }

    /// What crosses the links; everything where there are none. Where that changes, all links are
    /// made anew.
    pub fn permit(&self, permissions: Option<Permissions>) {
        let same = self.permissions.load().as_deref() == permissions.as_ref();
        if !same {
            self.permissions.store(permissions.map(Arc::new));
            self.cut();
        }
    }

    /// See [`Mates::permit`]. Publishing is what other servers do here, subscribing what they do to
    /// what is published here.
    #[must_use]
    pub fn permissions(&self) -> Option<Arc<Permissions>> {
        self.permissions.load_full()
    }

    pub fn add(&self, link: Arc<RouteFacts>) {
        self.links.lock().present.push(link);
    }

    pub fn remove(&self, cid: u64) {
        let mut links = self.links.lock();
        let Links { present, past } = &mut *links;
        present.retain(|link| {
            let stays = link.out.cid != cid;
            if !stays {
                past.add(&Traffic::of(&link.out));
            }
            stays
        });
    }

    /// What has crossed the links since the server began.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let links = self.links.lock();
        let mut sum = links.past;
        links.present.iter().for_each(|link| sum.add(&Traffic::of(&link.out)));
        sum
    }

    /// The links there are.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<RouteFacts>> {
        self.links.lock().present.clone()
    }

    /// Cuts all links. Those who keep them connect again, and hear all there is.
    pub fn cut(&self) {
        // They are counted, and go, when they end.
        self.all().iter().for_each(|link| link.out.close(Reason::InternalError));
    }
}

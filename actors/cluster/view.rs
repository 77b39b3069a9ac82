//! What others see of the cluster.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::control::Sought;

/// See the module's text. Written by the cluster's actor alone.
#[derive(Default)]
pub struct ClusterView {
    seen: ArcSwapOption<Seen>,
    /// Where leaf nodes reach this server, as others are told it, and where they reach the others.
    own_leaf_urls: ArcSwap<Vec<String>>,
    other_leaf_urls: ArcSwap<Vec<String>>,
    sought: ArcSwap<Vec<Sought>>,
}

struct Seen {
    name: String,
    urls: Vec<String>,
}

// === impl ClusterView ===

impl ClusterView {
    /// The cluster's name, and where clients can connect to; nothing where there is no cluster.
    #[must_use]
    pub fn seen(&self) -> Option<(String, Vec<String>)> {
        self.seen.load().as_ref().map(|seen| (seen.name.clone(), seen.urls.clone()))
    }

    /// Where leaf nodes reach this server; nowhere if others are not to be told.
    #[must_use]
    pub fn own_leaf_urls(&self) -> Vec<String> {
        self.own_leaf_urls.load().to_vec()
    }

    /// Where they reach the other servers of the cluster.
    #[must_use]
    pub fn other_leaf_urls(&self) -> Vec<String> {
        self.other_leaf_urls.load().to_vec()
    }

    /// Leaf nodes are taken in there.
    pub fn take_leafs_at(&self, urls: Vec<String>) {
        self.own_leaf_urls.store(Arc::new(urls));
    }

    /// False when that is what is known already.
    pub(super) fn show_leafs(&self, urls: Vec<String>) -> bool {
        let news = **self.other_leaf_urls.load() != urls;
        if news {
            self.other_leaf_urls.store(Arc::new(urls));
        }
        news
    }

    /// Servers that there is no link with.
    #[must_use]
    pub fn sought(&self) -> Vec<Sought> {
        self.sought.load().to_vec()
    }

    pub(super) fn seek(&self, sought: Vec<Sought>) {
        self.sought.store(Arc::new(sought));
    }

    /// False when that is what clients see already.
    pub(super) fn show(&self, name: &str, urls: Vec<String>) -> bool {
        let old = self.seen.load();
        if old.as_ref().is_some_and(|seen| seen.name == name && seen.urls == urls) {
            return false;
        }
        self.seen.store(Some(Arc::new(Seen { name: name.to_owned(), urls })));
        true
    }
}

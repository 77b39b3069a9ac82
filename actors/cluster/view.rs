//! What clients are told of the cluster.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// See the module's text. Written by the cluster's actor alone.
#[derive(Default)]
pub struct ClusterView(ArcSwapOption<Seen>);

struct Seen {
    name: String,
    urls: Vec<String>,
}

// === impl ClusterView ===

impl ClusterView {
    /// The cluster's name, and where clients can connect to; nothing where there is no cluster.
    #[must_use]
    pub fn seen(&self) -> Option<(String, Vec<String>)> {
        self.0.load().as_ref().map(|seen| (seen.name.clone(), seen.urls.clone()))
    }

    /// False when that is what clients see already.
    pub(super) fn show(&self, name: &str, urls: Vec<String>) -> bool {
        let old = self.0.load();
        if old.as_ref().is_some_and(|seen| seen.name == name && seen.urls == urls) {
            return false;
        }
        self.0.store(Some(Arc::new(Seen { name: name.to_owned(), urls })));
        true
    }
}

//! What this server knows of clusters at first hand, for those who tell others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use arc_swap::ArcSwap;

/// Clusters by name, and where their servers take links of others.
pub type Clusters = BTreeMap<String, Vec<String>>;

/// See the module's text. Written by the gateway's actor alone.
#[derive(Default)]
pub struct GatewayView {
    seen: ArcSwap<Clusters>,
    port: AtomicU16,
}

// === impl GatewayView ===

impl GatewayView {
    /// This server itself under the name of its cluster, and the clusters that it is linked with;
    /// nothing where there are no gateways.
    #[must_use]
    pub fn seen(&self) -> Arc<Clusters> {
        self.seen.load_full()
    }

    /// Where links are taken; 0 while they are not.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.load(Relaxed)
    }

    pub(super) fn listens(&self, port: u16) {
        self.port.store(port, Relaxed);
    }

    pub(super) fn show(&self, clusters: Clusters) {
        if **self.seen.load() != clusters {
            self.seen.store(Arc::new(clusters));
        }
    }
}

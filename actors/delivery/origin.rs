//! [`Origin`]: the leaf cluster that interest and messages come from.
//!
//! Servers of one cluster that are leaf nodes, of this server or of others, reach each other by
//! themselves: what comes from one of them is not for the others.

use std::sync::Arc;

use vagus_wire::route;

/// See the module's text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// By which another server is told: `O <cluster>`.
    line: Box<[u8]>,
}

/// A name that is longer is none.
const NAME_MAX: usize = 1 << 10;

// === impl Origin ===

impl Origin {
    /// What tells another server that what follows comes from no leaf node.
    pub const NOWHERE: &[u8] = b"O \r\n";

    /// `None` where that can't be the name of a cluster.
    #[must_use]
    pub fn new(cluster: &[u8]) -> Option<Arc<Self>> {
        let odd = |byte: &u8| *byte == b' ' || byte.is_ascii_control();
        if cluster.is_empty() || cluster.len() > NAME_MAX || cluster.iter().any(odd) {
            return None;
        }
        let mut line = Vec::new();
        route::origin(&mut line, cluster);
        Some(Arc::new(Self { line: line.into() }))
    }

    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &[u8] {
        self.line.strip_prefix(b"O ").unwrap_or_default().trim_ascii_end()
    }
}

/// Whether both are the same, or there is none.
#[inline]
#[must_use]
pub fn same(one: Option<&Arc<Origin>>, other: Option<&Arc<Origin>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
        _ => false,
    }
}

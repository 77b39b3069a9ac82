//! [`Target`]: who gets the messages of a subscription.

use std::sync::Arc;

use super::{Bridge, Feed, Lane, LeafLane, Origin, Outbound};

/// See the module's text.
#[derive(Clone)]
pub enum Target {
    /// A client, through its socket.
    Connection(Arc<Outbound>),
    /// An actor of this server, through its mailbox.
    Actor(Arc<Feed>),
    /// Those who serve in another realm. Never among the targets of a match, which lists bridges
    /// apart: there is nothing to write to.
    Bridge(Arc<Bridge>),
    /// Another server of the cluster, which gives it to its own.
    Route(Arc<Lane>),
    /// The other end of a leaf link, which gives it to its own.
    Leaf(Arc<LeafLane>),
}

// === impl Target ===

impl Target {
    #[inline]
    #[must_use]
    pub fn slot(&self) -> usize {
        match self {
            Self::Connection(out) => out.slot(),
            Self::Actor(feed) => feed.slot(),
            Self::Route(lane) => lane.slot(),
            Self::Leaf(lane) => lane.out.slot(),
            Self::Bridge(_) => unreachable!("a match lists bridges apart from targets"),
        }
    }

    /// The socket that it is reached through, if any.
    #[inline]
    #[must_use]
    pub fn out(&self) -> Option<&Arc<Outbound>> {
        match self {
            Self::Connection(out) => Some(out),
            Self::Route(lane) => Some(lane.out()),
            Self::Leaf(lane) => Some(&lane.out),
            Self::Actor(_) | Self::Bridge(_) => None,
        }
    }

    /// What every write to its socket begins with.
    #[inline]
    pub(super) fn opening(&self) -> &[u8] {
        match self {
            Self::Route(lane) => lane.opening(),
            _ => &[],
        }
    }

    /// Whether it is another server of the cluster.
    #[inline]
    #[must_use]
    pub fn is_route(&self) -> bool {
        matches!(self, Self::Route(_))
    }

    /// The cluster that it is in, when that is not this one.
    #[inline]
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<str>> {
        match self {
            Self::Route(lane) => lane.cluster(),
            _ => None,
        }
    }

    /// The leaf cluster that its interest comes from.
    #[inline]
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<Origin>> {
        match self {
            Self::Route(lane) => lane.behind(),
            Self::Leaf(lane) => lane.origin.as_ref(),
            _ => None,
        }
    }

    /// Whether it is a leaf node, of this server or of another.
    #[inline]
    #[must_use]
    pub fn is_behind_leaf(&self) -> bool {
        self.is_leaf() || self.origin().is_some()
    }

    /// Whether it is another server, of the cluster or not.
    #[inline]
    #[must_use]
    pub fn is_far(&self) -> bool {
        matches!(self, Self::Route(_) | Self::Leaf(_))
    }

    /// Whether it is the other end of a leaf link.
    #[inline]
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        matches!(self, Self::Leaf(_))
    }

    /// What deliveries with headers to it begin with, five bytes; without headers, leave out the
    /// first.
    pub(super) fn verb(&self) -> &'static [u8] {
        match self {
            Self::Route(_) => b"HPUB ",
            _ => b"HMSG ",
        }
    }

    /// The same connection or actor.
    #[must_use]
    pub fn is_actor(&self) -> Option<&Arc<Feed>> {
        match self {
            Self::Actor(feed) => Some(feed),
            _ => None,
        }
    }
}

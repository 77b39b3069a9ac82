//! Hosts the actors of others: gives each a place in the tree, a feed of messages, and a way to
//! publish.

use std::sync::Arc;

use vagus_runtime::Cx;

use crate::broker::{Broker, Cast};
use crate::root::Root;

/// A custom actor on its way into the tree.
pub struct Guest(Box<Arrival>);

type Arrival = dyn FnOnce(&Arc<Broker>, &Cast, &mut Cx<'_, Root>) + Send;

impl Guest {
    pub(crate) fn move_in(self, broker: &Arc<Broker>, cast: &Cast, cx: &mut Cx<'_, Root>) {
        (self.0)(broker, cast, cx);
    }
}

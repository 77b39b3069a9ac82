//! Publishing beyond the account or the cluster: into other realms, and back to who asked from
//! another cluster.

use std::sync::Arc;
use std::time::Instant;

use super::Connection;
use super::publish::Message;
use crate::delivery::desk::Delivery;
use crate::delivery::{Bridge, Outlet, Post, Speaker};

// === impl Connection ===

impl Connection {
    /// Takes a message into other realms.
    #[cold]
    pub(super) fn cross(
        &self,
        bridges: &[Arc<Bridge>],
        message: Message<'_>,
        delivery: &mut Delivery,
    ) -> usize {
        let mut outlet = Outlet::of(&self.realm, delivery, Speaker::Client(self));
        outlet.cross(bridges, message.subject, &message.post())
    }

    /// Publishes the answer to a request that came from another cluster. False: it is none.
    #[cold]
    pub(super) fn give_back(&self, message: Message<'_>, delivery: &mut Delivery) -> bool {
        let answers = self.realm.returns.find(message.subject, Instant::now()).is_some();
        if answers {
            let mut outlet = Outlet::of(&self.realm, delivery, Speaker::Client(self));
            outlet.publish(message.post());
        }
        answers
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    pub(super) fn post(self) -> Post<'a> {
        let publish = self.publish;
        Post {
            subject: self.subject,
            reply: publish.reply,
            headers: publish.has_headers.then(|| publish.headers()),
            payload: publish.body(),
        }
    }
}

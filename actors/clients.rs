//! `Clients`: the parent of all client connections.
//!
//! in:   [`Admit`]: accepted sockets
//! out:  connections, each on the arbiter with the fewest
//! dies: never by itself. It decides nothing, so that there is nothing in it to go wrong: its
//!       children end with it.

use std::sync::Arc;

use vagus_runtime::{Actor, ChildEvent, Cx, Fate, Handler, MailboxLimits, Message, Spec};

use crate::broker::{Broker, Cast};
use crate::connection::Connection;
use crate::connection::messages::Accepted;

/// See the module's text.
pub struct Clients {
    broker: Arc<Broker>,
    cast: Arc<Cast>,
    failures: u64,
}

/// A socket to be served.
pub struct Admit(pub Accepted);

impl Message for Admit {}

/// A connection's mailbox holds orders and questions, never messages of clients.
const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64, bytes_max: 1 << 20 };

impl Clients {
    #[must_use]
    pub fn new(broker: Arc<Broker>, cast: Arc<Cast>) -> Self {
        Self { broker, cast, failures: 0 }
    }
}

// === impl Actor ===

impl Actor for Clients {
    const KIND: &'static str = "clients";

    fn child(&mut self, event: ChildEvent, _: &mut Cx<'_, Self>) {
        if let Fate::Failed(cause) | Fate::Exhausted(cause) = &event.fate {
            self.failures += 1;
            tracing::error!(cid = %event.child.name(), %cause, "connection failed");
        }
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({ "failures": self.failures })
    }
}

// === impl Handler<Admit> ===

impl Handler<Admit> for Clients {
    fn handle(&mut self, Admit(accepted): Admit, cx: &mut Cx<'_, Self>) {
        let lease = cx.runtime().pick();
        let arbiter = lease.arbiter().index().unwrap_or(0);
        let (broker, cast) = (Arc::clone(&self.broker), self.cast.clone());
        let cid = accepted.cid;
        let spec = Spec::once(cid, move || Connection::take_over(broker, cast, arbiter, accepted));
        cx.spawn(spec.mailbox(MAILBOX).arbiter(lease));
    }
}

impl Connection {
    /// Born on the arbiter that is to serve it.
    fn take_over(broker: Arc<Broker>, cast: Arc<Cast>, arbiter: usize, accepted: Accepted) -> Self {
        match Self::new(broker, cast, arbiter, accepted) {
            Ok(connection) => connection,
            // The socket went with the error; its supervisor notes the cause.
            Err(error) => panic!("accepted socket can't be served: {error}"),
        }
    }
}

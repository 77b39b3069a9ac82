//! `Control`: what a server tells others of itself, and how it asks them.
//!
//! in:   questions of other servers, by way of ractor_cluster ([`vagus_runtime::cluster`])
//! out:  answers; questions to all servers that this one is linked with
//! dies: with the server. It keeps nothing: what it tells is read where it is kept.
//!
//! The actor itself is the runtime's, and one a server: what other servers may ask is decided here.

mod carrier;
mod standing;
mod survey;

use std::future::ready;
use std::sync::{Arc, OnceLock, Weak};

use vagus_runtime::cluster::control::{Answers, Pending};
use vagus_runtime::cluster::node::Node;
use vagus_runtime::cluster::speech::{Answer, Question, encode};

pub use self::carrier::Carrier;
pub use self::standing::{LinkStanding, Sought, Standing};
use self::survey::region;
pub use self::survey::{Heard, survey};
use crate::broker::Broker;

/// This server's node, once it is one of several. Set before its actors are born.
pub type Control = OnceLock<Node>;

/// Questions of this kind are answered with a [`Standing`].
const STANDING: u16 = 1;

/// And of this one with those of all servers of its cluster.
const REGION: u16 = 2;

/// Answers for a server.
struct Desk(Weak<Broker>);

/// Starts the node of a server that is to have links to others.
///
/// # Errors
/// When there can be no thread for it.
pub fn start(broker: &Arc<Broker>) -> std::io::Result<()> {
    let id = broker.settings().profile.id.clone();
    let desk = Desk(Arc::downgrade(broker));
    let node = Node::start(&id, Arc::new(desk))?;
    // There is one server, and it starts once.
    let _ = broker.control.set(node);
    Ok(())
}

// === impl Answers ===

impl Answers for Desk {
    fn answer(&self, question: &Question) -> Pending {
        match (question.kind, self.0.upgrade()) {
            (STANDING, Some(broker)) => {
                let own = Standing::of(&broker).encode();
                Box::pin(ready(own.map_or(Answer::Unknown, Answer::Told)))
            }
            (REGION, Some(broker)) => Box::pin(async move {
                encode(&region(&broker).await).map_or(Answer::Unknown, Answer::Told)
            }),
            _ => Box::pin(ready(Answer::Unknown)),
        }
    }
}

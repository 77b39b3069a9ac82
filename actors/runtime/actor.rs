//! What a role implements: [`Actor`], one [`Handler`] per [`Message`], and what it hears of its
//! children.

use std::{fmt, sync::Arc};

use crate::{cell::ActorCell, context::Cx};

/// Something that travels from one actor to another.
pub trait Message: Send + 'static {
    /// The bytes that this message keeps alive while it waits, for the mailbox bound.
    ///
    /// Count what is variable (buffers, batches); the envelope itself is bounded by the depth.
    fn weight(&self) -> usize {
        0
    }
}

/// A living thing with a mailbox, a supervisor and a place in the tree.
///
/// Every method runs on the actor's own arbiter and nowhere else. A panic in any of them ends
/// this incarnation: the value is dropped, and the [`Restart`](crate::Restart) policy of its
/// [`Spec`](crate::Spec) decides whether the factory makes another one.
pub trait Actor: Sized + Unpin + 'static {
    /// What it is ("connection", "stream"); the name says which one.
    const KIND: &'static str;

    /// Called first in every incarnation, before any message.
    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// Called last, in an orderly stop only, when all children have ended.
    fn stopping(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// A child ended, or is about to be restarted.
    ///
    /// [`Fate::Exhausted`] is followed by the failure of this actor, whatever this method does.
    fn child(&mut self, event: ChildEvent, cx: &mut Cx<'_, Self>) {
        let _ = (event, cx);
    }

    /// The observable state, for operators and tests.
    fn observe(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// An actor that accepts messages of type `M`.
pub trait Handler<M: Message>: Actor {
    /// Deals with one message; must not block.
    fn handle(&mut self, msg: M, cx: &mut Cx<'_, Self>);
}

/// News of a child, given to [`Actor::child`].
#[derive(Clone, Debug)]
pub struct ChildEvent {
    /// Who it is about; outlives the child.
    pub child: Arc<ActorCell>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stopped in good order and is gone.
    Stopped,
    /// It failed and will be made anew after its back-off.
    Restarting(Arc<str>),
    /// It failed, its policy is [`Restart::Never`](crate::Restart::Never), and it is gone.
    Failed(Arc<str>),
    /// It failed more often than its budget allows and is gone: its parent fails next.
    Exhausted(Arc<str>),
}

impl Fate {
    /// Whether the actor is gone for good.
    pub fn is_final(&self) -> bool {
        !matches!(self, Fate::Restarting(_))
    }

    /// Why, unless it stopped in good order.
    pub fn cause(&self) -> Option<&Arc<str>> {
        match self {
            Fate::Stopped => None,
            Fate::Restarting(cause) | Fate::Failed(cause) | Fate::Exhausted(cause) => Some(cause),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Stopped => f.write_str("stopped"),
            Fate::Restarting(cause) => write!(f, "restarting: {cause}"),
            Fate::Failed(cause) => write!(f, "failed: {cause}"),
            Fate::Exhausted(cause) => write!(f, "restart budget exhausted: {cause}"),
        }
    }
}

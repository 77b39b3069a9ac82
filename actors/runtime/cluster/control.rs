//! The control actor: what a server lets others ask of it. The one actor that is seen from outside.

use std::pin::Pin;
use std::sync::Arc;

use ractor::message::{BoxedDowncastErr, SerializedMessage};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use tokio::sync::Semaphore;
use tracing::error;

use super::speech::{Answer, Question, decode, encode};
use crate::panic::guard;

/// Who knows the answers.
pub trait Answers: Send + Sync + 'static {
    /// Answers at once, or when others have told.
    fn answer(&self, question: &Question) -> Pending;
}

/// An answer to be.
pub type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The actor.
pub(super) struct Control {
    /// Of the server.
    pub(super) id: Arc<str>,
    pub(super) answers: Arc<dyn Answers>,
    /// Answers under way.
    pub(super) turns: Arc<Semaphore>,
}

/// Answers that may be under way at one time. Questions beyond that stay without one.
pub(super) const TURNS: usize = 64;

/// A question as bytes, and where the answer goes.
pub(super) struct Ask(pub Vec<u8>, pub RpcReplyPort<Vec<u8>>);

/// The scope of process groups by which servers show their control actors: each in the group that
/// has its id for a name.
const SCOPE: &str = "vagus.control";

/// The control actor of the server `id`, as seen over the session `node`.
pub(super) fn find(id: &str, node: u64) -> Option<ActorRef<Ask>> {
    let members = pg::get_scoped_members(&SCOPE.to_owned(), &id.to_owned());
    let is_there = |id| matches!(id, ractor::ActorId::Remote { node_id, .. } if node_id == node);
    members.into_iter().find(|cell| is_there(cell.get_id())).map(ActorRef::from)
}

// === impl Actor ===

impl Actor for Control {
    type Msg = Ask;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Ask>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        pg::join_scoped(SCOPE.to_owned(), self.id.to_string(), vec![myself.get_cell()]);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Ask>,
        Ask(bytes, reply): Ask,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return Ok(()) };
        let question = decode::<Question>(&bytes);
        let pending = question.map(|question| guard(|| self.answers.answer(&question)));
        tokio::spawn(async move {
            let answer = match pending {
                Some(Ok(pending)) => pending.await,
                Some(Err(cause)) => {
                    error!("a question of another server: {cause}");
                    Answer::Unknown
                }
                None => Answer::Unknown,
            };
            // An answer that is too long can't be given.
            let answer = encode(&answer).or_else(|| encode(&Answer::Unknown));
            // Whoever has asked may be gone.
            let _ = reply.send(answer.unwrap_or_default());
            drop(turn);
        });
        Ok(())
    }
}

// === impl Ask ===

impl ractor::Message for Ask {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        let Self(args, reply) = self;
        Ok(SerializedMessage::Call { variant: String::new(), args, reply, metadata: None })
    }

    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        match message {
            SerializedMessage::Call { args, reply, .. } => Ok(Self(args, reply)),
            _ => Err(BoxedDowncastErr),
        }
    }
}

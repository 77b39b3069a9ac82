//! The life of one session: a supervisor over ractor_cluster's.
//!
//! in:   what the node session asks of the server that it believes to be part of
//! out:  to the peer's entry, that it can be asked
//! dies: with the node session, which ends with the link, or by what the other end says

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use ractor_cluster::node::{NodeConnectionMode, SessionCheckReply};
use ractor_cluster::{NetworkStream, NodeServerMessage, NodeSession};

use super::gate::FRAME_MAX;
use super::lane::{Reader, Writer};
use super::node::Peer;

/// One a link. To the node session it is the server of a node with this one peer.
pub(super) struct Session {
    /// Of this server.
    pub(super) id: Arc<str>,
    pub(super) peer: Arc<Peer>,
}

// === impl Session ===

impl Session {
    fn node_session(&self, myself: ActorRef<NodeServerMessage>) -> NodeSession {
        let (ours, theirs) = (&*self.id, &*self.peer.about.id);
        // The link has shown who is who. This ties the session to the two starts of the servers.
        let cookie = format!("{}+{}", ours.min(theirs), ours.max(theirs));
        let make = |name| {
            let mode = NodeConnectionMode::Isolated;
            let accepting = !self.peer.about.solicited;
            NodeSession::new(self.peer.node, accepting, cookie, myself, name, mode)
        };
        with_default(make, |name| {
            ours.clone_into(&mut name.name);
            ours.clone_into(&mut name.connection_string);
        })
        .with_max_inbound_frame_size(FRAME_MAX as u64)
    }
}

/// Calls `make` with what `fill` fills in: a type that ractor_cluster does not let others name.
fn with_default<T: Default, R>(make: impl FnOnce(T) -> R, fill: impl FnOnce(&mut T)) -> R {
    let mut what = T::default();
    fill(&mut what);
    make(what)
}

// === impl Actor ===

impl Actor for Session {
    type Msg = NodeServerMessage;
    type State = ();
    type Arguments = (Reader, Writer);

    async fn pre_start(
        &self,
        myself: ActorRef<NodeServerMessage>,
        (reader, writer): (Reader, Writer),
    ) -> Result<(), ActorProcessingErr> {
        let stream = NetworkStream::External {
            peer_label: None,
            local_label: None,
            reader: Box::new(reader),
            writer: Box::new(writer),
        };
        let session = self.node_session(myself.clone());
        Actor::spawn_linked(None, session, stream, myself.get_cell()).await?;
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<NodeServerMessage>,
        message: NodeServerMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NodeServerMessage::CheckSession { reply, .. } => {
                // A link has one session, and who has which link was decided before.
                let _ = reply.send(SessionCheckReply::NoOtherConnection);
            }
            NodeServerMessage::ConnectionReady(_) => self.peer.is_ready(),
            _ => {}
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<NodeServerMessage>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let why = match event {
            SupervisionEvent::ActorTerminated(_, _, why) => why,
            SupervisionEvent::ActorFailed(_, problem) => Some(problem.to_string()),
            _ => return Ok(()),
        };
        myself.stop(why);
        Ok(())
    }
}

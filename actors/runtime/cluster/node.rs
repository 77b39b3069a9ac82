//! The node: this server as its peers see it, and they as it sees them.
//!
//! It lives on a thread of its own, since what ractor_cluster does there takes no account of
//! others: its mailboxes have no bounds, and it copies what it is given more than once. What can
//! come in and go out is bounded by the [lanes](super::lane) and by [`ASKS_MAX`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, error};

use super::control::{self, Answers, Ask, Control, TURNS};
use super::lane::{self, Bearer, Gauge, Lane, Reader, Writer};
use super::session::Session;
use super::speech::{Answer, Question, decode, encode};

/// See the module's text. Everything ends when this is dropped.
pub struct Node {
    orders: mpsc::Sender<Order>,
    roll: Arc<Roll>,
}

/// Who is at the other end of a link.
#[derive(Debug, Clone)]
pub struct About {
    /// Of this start of the other server.
    pub id: String,
    pub name: String,
    /// What kind of link it is.
    pub kind: &'static str,
    /// This server has connected, not the other.
    pub solicited: bool,
}

/// A peer, as others see it.
#[derive(Debug, Clone)]
pub struct PeerReport {
    pub about: About,
    /// It can be asked.
    pub ready: bool,
    /// Questions it has not answered yet.
    pub asking: u32,
    /// Questions it was asked so far.
    pub asked: u64,
    /// Bytes of the session that it has not confirmed to have read, which it does in steps.
    pub unconfirmed_bytes: usize,
    /// More waits for it to read that.
    pub stuck: bool,
    pub uptime: Duration,
}

/// Why there is no answer.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum AskError {
    #[error("it is not linked with this server")]
    Absent,
    #[error("its session has not begun")]
    Unready,
    #[error("it has {ASKS_MAX} questions to answer already")]
    Busy,
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error("its link ended")]
    Gone,
    #[error("its answer makes no sense")]
    Garbled,
}

/// One link's other end.
pub(super) struct Peer {
    pub(super) about: About,
    /// The session's number in this process.
    pub(super) node: u64,
    ready: AtomicBool,
    asking: AtomicU32,
    asked: AtomicU64,
    gauge: Gauge,
    since: Instant,
}

/// The peers there are. Written by the node's own thread alone.
#[derive(Default)]
struct Roll(ArcSwap<Vec<Arc<Peer>>>);

/// Serve a link.
struct Order {
    peer: Arc<Peer>,
    stream: (Reader, Writer),
}

/// The supervisor of all sessions, and of what they lead to.
struct Master {
    id: Arc<str>,
    answers: Arc<dyn Answers>,
    roll: Arc<Roll>,
}

/// A question under way.
struct Turn<'a>(&'a Peer);

/// Questions to one peer at one time.
pub const ASKS_MAX: u32 = 32;
/// Links to be served whose turn has not come.
const ORDERS_MAX: usize = 1024;
/// After a failure of the master.
const REST: Duration = Duration::from_millis(100);
/// ractor_cluster tells sessions apart by number, for the whole process.
static NODES: AtomicU64 = AtomicU64::new(1);

// === impl Node ===

impl Node {
    /// Starts the node of the server `id`, which answers its peers by `answers`.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub fn start(id: &str, answers: Arc<dyn Answers>) -> io::Result<Self> {
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let roll = Arc::new(Roll::default());
        let master = (Arc::from(id), answers, Arc::clone(&roll));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let work = move || runtime.block_on(serve(taken, master));
        std::thread::Builder::new().name("vagus-peers".to_owned()).spawn(work)?;
        Ok(Self { orders, roll })
    }

    /// Begins a session over a link, whose control frames go to the lane that is returned.
    /// `None` when this node has failed.
    #[must_use]
    pub fn open(&self, about: About, bearer: Arc<dyn Bearer>) -> Option<Lane> {
        let (lane, reader, writer) = lane::open(bearer);
        let peer = Arc::new(Peer {
            about,
            node: NODES.fetch_add(1, Relaxed),
            ready: AtomicBool::new(false),
            asking: AtomicU32::new(0),
            asked: AtomicU64::new(0),
            gauge: lane.gauge(),
            since: Instant::now(),
        });
        let order = Order { peer, stream: (reader, writer) };
        self.orders.try_send(order).is_ok().then_some(lane)
    }

    /// The peers there are, in the order of their links.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerReport> {
        self.roll.0.load().iter().map(|peer| peer.report()).collect()
    }

    /// Asks the control actor of the server `id`. Returns at once when its link ends.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(
        &self,
        id: &str,
        question: &Question,
        within: Duration,
    ) -> Result<Answer, AskError> {
        let peer = self.roll.find(id)?;
        let control = control::find(id, peer.node).ok_or(AskError::Unready)?;
        let _turn = Turn::of(&peer)?;
        let bytes = encode(question).ok_or(AskError::Garbled)?;
        match control.call(|reply| Ask(bytes, reply), Some(within)).await {
            Ok(CallResult::Success(bytes)) => decode(&bytes).ok_or(AskError::Garbled),
            Ok(CallResult::Timeout) => Err(AskError::Silent(within)),
            Ok(CallResult::SenderError) | Err(_) => Err(AskError::Gone),
        }
    }
}

// === impl Peer ===

impl Peer {
    pub(super) fn is_ready(&self) {
        debug!("control session with {:?} is up", self.about.name);
        self.ready.store(true, Relaxed);
    }

    fn report(&self) -> PeerReport {
        PeerReport {
            about: self.about.clone(),
            ready: self.ready.load(Relaxed),
            asking: self.asking.load(Relaxed),
            asked: self.asked.load(Relaxed),
            unconfirmed_bytes: self.gauge.unconfirmed(),
            stuck: self.gauge.is_stuck(),
            uptime: self.since.elapsed(),
        }
    }
}

// === impl Turn ===

impl<'a> Turn<'a> {
    fn of(peer: &'a Peer) -> Result<Self, AskError> {
        let turn = Self(peer);
        match peer.asking.fetch_add(1, AcqRel) {
            before if before >= ASKS_MAX => Err(AskError::Busy),
            _ => {
                peer.asked.fetch_add(1, Relaxed);
                Ok(turn)
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, AcqRel);
    }
}

// === impl Roll ===

impl Roll {
    /// One that can be asked: a server may have several links.
    fn find(&self, id: &str) -> Result<Arc<Peer>, AskError> {
        let all = self.0.load();
        let mut linked = all.iter().filter(|peer| peer.about.id == id).peekable();
        linked.peek().ok_or(AskError::Absent)?;
        let ready = linked.find(|peer| peer.ready.load(Relaxed));
        ready.map(Arc::clone).ok_or(AskError::Unready)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Peer>>)) {
        let mut all = self.0.load().to_vec();
        change(&mut all);
        self.0.store(Arc::new(all));
    }
}

// === impl Master ===

type Parts = (Arc<str>, Arc<dyn Answers>, Arc<Roll>);

/// Keeps a master alive until the node is dropped.
async fn serve(mut orders: mpsc::Receiver<Order>, (id, answers, roll): Parts) {
    loop {
        let (id, answers) = (Arc::clone(&id), Arc::clone(&answers));
        let master = Master { id, answers, roll: Arc::clone(&roll) };
        let Ok((master, mut end)) = Actor::spawn(None, master, ()).await else {
            return error!("no control actor can be started");
        };
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    // A master that is gone drops it, which ends its link.
                    Some(order) => drop(master.cast(order)),
                    None => {
                        master.stop(None);
                        let _ = end.await;
                        return;
                    }
                },
                _ = &mut end => break,
            }
        }
        // Its sessions went with it, and their links are made anew.
        error!("the control actors failed and are started again");
        roll.change(Vec::clear);
        tokio::time::sleep(REST).await;
    }
}

impl Master {
    async fn birth(&self, myself: &ActorRef<Order>) -> Result<ActorId, ActorProcessingErr> {
        let control = Control {
            id: Arc::clone(&self.id),
            answers: Arc::clone(&self.answers),
            turns: Arc::new(Semaphore::new(TURNS)),
        };
        let (control, _) = Actor::spawn_linked(None, control, (), myself.get_cell()).await?;
        Ok(control.get_id())
    }

    /// A child has ended.
    async fn bury(
        &self,
        child: &ActorCell,
        why: &str,
        myself: &ActorRef<Order>,
        state: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        let id = child.get_id();
        if id == state.control {
            error!("the control actor failed and is started again: {why}");
            state.control = self.birth(myself).await?;
        }
        if let Some(at) = state.sessions.iter().position(|(session, _)| *session == id) {
            let (_, peer) = state.sessions.swap_remove(at);
            debug!("control session with {:?} is over: {why}", peer.about.name);
            self.roll.change(|all| all.retain(|one| one.node != peer.node));
        }
        Ok(())
    }
}

/// Who the master watches over.
struct Children {
    control: ActorId,
    sessions: Vec<(ActorId, Arc<Peer>)>,
}

impl ractor::Message for Order {}

impl Actor for Master {
    type Msg = Order;
    type State = Children;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Order>,
        (): (),
    ) -> Result<Children, ActorProcessingErr> {
        Ok(Children { control: self.birth(&myself).await?, sessions: Vec::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Order>,
        Order { peer, stream }: Order,
        state: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        let session = Session { id: Arc::clone(&self.id), peer: Arc::clone(&peer) };
        // The stream of one that can't start is dropped, which ends its link.
        if let Ok((session, _)) =
            Actor::spawn_linked(None, session, stream, myself.get_cell()).await
        {
            self.roll.change(|all| all.push(Arc::clone(&peer)));
            state.sessions.push((session.get_id(), peer));
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Order>,
        event: SupervisionEvent,
        state: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(child, _, why) => {
                let why = why.unwrap_or_default();
                self.bury(&child, &why, &myself, state).await
            }
            SupervisionEvent::ActorFailed(child, problem) => {
                self.bury(&child, &problem.to_string(), &myself, state).await
            }
            _ => Ok(()),
        }
    }
}
